# SPDX-License-Identifier: Apache-2.0
"""Average of aligned transients, weighted, with the odd ones left out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

REJECT_Z = 4.5
"""A transient is left out when its distance to the median of all is this many robust standard deviations above the
typical distance: far enough out that good transients with normal noise stay in
(`tests/preprocess/test_preprocess.py`)."""

MIN_EXCESS = 1.25
"""... and at least this factor above the typical distance: many alike transients have a tiny spread of distances."""

MIN_FOR_REJECTION = 4
"""With fewer transients none is rejected: there is no majority to compare with."""


@dataclass(frozen=True)
class Average:
    """What `average_transients` did.

    Parameters
    ----------
    fid : complex array, shape ``(n,)``
        The weighted mean.
    rejected : tuple of int
        Indices left out.
    weights : float array, shape ``(n_dynamics,)``
        Sum 1; 0 for those left out.
    """

    fid: NDArray
    rejected: tuple[int, ...]
    weights: NDArray


def average_transients(fids: NDArray, compare: NDArray | None = None, *, reject_z: float = REJECT_Z) -> Average:
    """Weighted mean of aligned transients.

    Each transient's distance to the median transient (root mean square over the points) is compared with the median
    distance, spread by the median absolute deviation; the far ones are left out, the others are weighted by the
    inverse of their squared distance, within a factor of 2 of equal weights.

    Parameters
    ----------
    fids : complex array, shape ``(n_dynamics, n)``
        Aligned in frequency and phase.
    compare : complex array, shape ``(n_dynamics, m)``, optional
        The same transients as they shall be compared (band-limited, without water); default `fids`.
    reject_z : float
        Threshold, see `REJECT_Z`.

    Returns
    -------
    Average

    Notes
    -----
    Weighting by similarity to the median: Mikkelsen et al. 2020, NMR Biomed 33:e4368, doi 10.1002/nbm.4368.
    """
    compare = fids if compare is None else compare
    finite = np.all(np.isfinite(fids), axis=-1) & np.all(np.isfinite(compare), axis=-1)
    far, weights = _far_and_weights(_distances(compare, finite), finite, reject_z)
    out = far | ~finite
    if out.all():
        out = ~finite
    weights = np.where(out, 0.0, weights)
    total = weights.sum()
    weights = weights / total if total > 0 else weights
    mean = np.einsum("d,dn->n", weights[~out], fids[~out])
    return Average(mean, tuple(int(i) for i in np.flatnonzero(out)), weights)


def _distances(compare: NDArray, finite: NDArray) -> NDArray:
    """Distance of each transient to the median one, root mean square over the points; infinite if it is not finite."""
    distance = np.full(len(compare), np.inf)
    good = compare[finite]
    if good.size:
        target = np.median(good.real, axis=0) + 1j * np.median(good.imag, axis=0)
        distance[finite] = np.sqrt(np.mean(np.abs(good - target) ** 2, axis=-1))
    return distance


def _far_and_weights(distance: NDArray, finite: NDArray, reject_z: float) -> tuple[NDArray, NDArray]:
    """Which transients are too far from the median one, and the weights of all, relative to the typical transient."""
    n_dynamics = len(distance)
    if finite.sum() < MIN_FOR_REJECTION:
        return np.zeros(n_dynamics, bool), np.ones(n_dynamics)
    typical = np.median(distance[finite])
    spread = 1.4826 * np.median(np.abs(distance[finite] - typical))
    with np.errstate(divide="ignore", invalid="ignore"):
        z_score = np.where(distance > typical, (distance - typical) / max(spread, 1e-12 * typical, 1e-300), 0.0)
    far = (z_score > reject_z) & (distance > MIN_EXCESS * typical)
    weights = (typical / np.maximum(distance, 1e-300)) ** 2 if typical > 0 else np.ones(n_dynamics)
    return far, np.clip(weights, 0.5, 2.0)
