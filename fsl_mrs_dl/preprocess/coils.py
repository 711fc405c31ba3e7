# SPDX-License-Identifier: Apache-2.0
"""Combination of receive coils: noise whitening, then the leading singular vector."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.core.errors import DataError

TAIL = 0.2
"""Share of the FID, at its end, that is taken for noise."""

CLEAR_SIGNAL = 4.0
"""Power of the leading combination of coils over that of the second, from which on data tell their sensitivities."""


def _whitener(fids: NDArray) -> NDArray:
    """Inverse square root of the coils' noise covariance, from the tails of all FIDs."""
    n_coils, n = fids.shape[1], fids.shape[-1]
    tail = fids[..., n - max(8, int(TAIL * n)) :]
    # the second difference kills what is left of slow signal (water near 0 Hz) and keeps the noise's covariance
    noise = np.moveaxis(np.diff(tail, 2, axis=-1), 1, 0).reshape(n_coils, -1)
    covariance = noise @ noise.conj().T / noise.shape[1]
    power = np.trace(covariance).real / n_coils
    if power <= 0.0 or noise.shape[1] < 2 * n_coils:
        return np.eye(n_coils)
    values, vectors = np.linalg.eigh(covariance)
    values = np.maximum(values, 1e-4 * power)  # a dead coil must not get an infinite weight
    return (vectors / np.sqrt(values)) @ vectors.conj().T


def agreement(fids: NDArray, reference: NDArray) -> float:
    """How alike the coils respond to data and to water.

    Parameters
    ----------
    fids, reference : complex array, shape ``(n_conditions, n_coils, n_dynamics, n_points)``
        With the same number of coils.

    Returns
    -------
    float
        Magnitude of the inner product of both whitened sensitivities, each of length one: 1 the same, 0 nothing in
        common. 1 also where the data are too weak to tell.
    """
    whitener = _whitener(fids)
    vectors, values = zip(*(_leading(whitener, x) for x in (fids, reference)), strict=True)
    return float(abs(np.vdot(*vectors))) if values[0] > CLEAR_SIGNAL else 1.0


def _leading(whitener: NDArray, signal: NDArray) -> tuple[NDArray, float]:
    """Leading vector of the whitened early half of a signal, and how far its share stands above the second."""
    n_coils, n = signal.shape[1], signal.shape[-1]
    # the early half carries the signal; averaging first would cancel drifting transients
    white = whitener @ np.moveaxis(signal[..., : max(n // 2, 1)], 1, 0).reshape(n_coils, -1)
    values, vectors = np.linalg.eigh(white @ white.conj().T)
    with np.errstate(over="ignore"):  # coils of which all hold one signal leave nothing for a second
        return vectors[:, -1], float(values[-1] / max(values[-2], np.finfo(float).tiny))


def combine_coils(fids: NDArray, reference: NDArray | None = None) -> tuple[NDArray, NDArray]:
    """Combine receive coils by whitened singular value decomposition.

    Parameters
    ----------
    fids : complex array, shape ``(n_conditions, n_coils, n_dynamics, n_points)``
    reference : complex array, same axes, optional
        Unsuppressed water of the same coils (its other axes may differ). With it the sensitivities come from the
        water; otherwise from the data themselves.

    Returns
    -------
    fids : complex array, shape ``(n_conditions, 1, n_dynamics, n_points)``
    weights : complex array, shape ``(n_coils,)``
        ``combined = sum(weights * coils)``. They are scaled so that ``sum(weight * sensitivity) = 1`` for
        sensitivities whose largest magnitude is 1: the combined signal has the size of the signal in the strongest
        coil and its phase. The scale is arbitrary in itself, so a
        water reference must be combined with THESE weights (``apply_weights``), and then the ratio of metabolites
        to water is that of every single coil.

    Raises
    ------
    DataError
        Wrong number of axes, or a reference with another number of coils.

    Notes
    -----
    Rodgers & Robson 2010, Magn Reson Med 63:881, doi 10.1002/mrm.22230 (whitened SVD).
    """
    if fids.ndim != 4:
        raise DataError("FIDs cannot be combined", expected="4 axes (condition, coil, dynamic, point)", got=fids.shape)
    n_coils = fids.shape[1]
    if reference is not None and (reference.ndim != 4 or reference.shape[1] != n_coils):
        raise DataError(
            "the water reference does not have the coils of the data",
            expected=f"{n_coils} coils",
            got=f"{reference.shape[1]} coils" if reference.ndim == 4 else reference.shape,
            hint="Give the reference of the same scan, or none.",
        )
    if n_coils == 1:
        return np.array(fids, complex), np.ones(1, complex)
    whitener = _whitener(fids)
    vector, _ = _leading(whitener, fids if reference is None else reference)
    sensitivity = np.linalg.pinv(whitener, hermitian=True) @ vector
    strongest = np.argmax(np.abs(sensitivity))
    sensitivity = sensitivity / sensitivity[strongest]
    matched = whitener @ whitener @ sensitivity
    weights = matched.conj() / np.vdot(matched, sensitivity).real
    return apply_weights(fids, weights), weights


def apply_weights(fids: NDArray, weights: NDArray) -> NDArray:
    """Combine ``(n_conditions, n_coils, n_dynamics, n_points)`` with given weights; the coil axis becomes 1 long."""
    return np.einsum("c,acdn->adn", weights, fids)[:, None]
