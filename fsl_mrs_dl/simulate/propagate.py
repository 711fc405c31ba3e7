# SPDX-License-Identifier: Apache-2.0
"""Propagators of shaped pulses for coupled spins, many positions at once."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.pulses import ShapedPulse, step_spinors
from fsl_mrs_dl.simulate.operators import GroupOperators

Splitting = Literal["symmetric", "coupling_last"]

_MAX_SEGMENT_S = 1.5e-4
"""Longest time between couplings; the error of DIFF is then below 1e-4 (`tests/test_simulate.py`)."""

_MAX_BATCH_ELEMENTS = 2**22


def pulse_propagators(
    pulse: ShapedPulse,
    operators: GroupOperators,
    offsets_hz: NDArray,
    position_hz: NDArray,
    splitting: Splitting = "symmetric",
) -> NDArray:
    """Propagator of a shaped pulse at each position along its slice gradient.

    Each step is the exact rotation of every spin about its effective field, with the coupling of that step around it.

    Parameters
    ----------
    pulse : ShapedPulse
    operators : GroupOperators
    offsets_hz : array, shape ``(n_spins,)``
        Chemical shifts relative to the transmitter, Hz.
    position_hz : array, shape ``(n_positions,)``
        Frequency that the gradient adds at each position, Hz; ``[0.]`` without a gradient.
    splitting : {'symmetric', 'coupling_last'}
        Half of the coupling before and half after each rotation (Strang 1968, SIAM J Numer Anal 5:506: second order
        in the step), or all of it after (FID-A's scheme: first order in the step).

    Returns
    -------
    propagators : complex array, shape ``(n_positions, dim, dim)``
    """
    dim = operators.dim
    chunk = max(1, _MAX_BATCH_ELEMENTS // dim**2)
    if len(position_hz) > chunk:
        parts = [position_hz[i : i + chunk] for i in range(0, len(position_hz), chunk)]
        return np.concatenate([pulse_propagators(pulse, operators, offsets_hz, part, splitting) for part in parts])

    offset_hz = offsets_hz[:, None] + np.asarray(position_hz, dtype=float)[None, :]
    has_coupling = bool(np.any(operators.coupling_hz))
    if not has_coupling and len(offsets_hz) == 1:
        alpha, beta = pulse.spinor(offset_hz[0])
        return _spinor_matrices(alpha, beta)

    energies, vectors = np.linalg.eigh(operators.coupling_hz)

    def coupling_step(time_s: float) -> NDArray:
        return (vectors * np.exp(-2j * np.pi * energies * time_s)) @ vectors.T

    # rotations of single spins are cheap, couplings and products of all spins are not: steps go in segments
    per_segment = max(1, int(_MAX_SEGMENT_S / pulse.step_s)) if splitting == "symmetric" else 1
    starts = range(0, pulse.n_steps, per_segment)
    total = np.broadcast_to(np.eye(dim, dtype=complex), (len(position_hz), dim, dim))
    coupled_s = 0.0  # how far the coupling has acted
    for start in starts:
        steps = pulse.w1_hz[start : start + per_segment]
        rotation = _kron_all(_rotation(steps, offset_hz, pulse.step_s))
        done_s = start * pulse.step_s
        centre_s = done_s + (len(steps) * pulse.step_s / 2 if splitting == "symmetric" else 0.0)
        if centre_s > coupled_s:
            total = coupling_step(centre_s - coupled_s) @ total
            coupled_s = centre_s
        total = rotation @ total
    return coupling_step(pulse.duration_s - coupled_s) @ total


def _rotation(w1_hz: NDArray, offset_hz: NDArray, step_s: float) -> NDArray:
    """Rotation of each spin at each position by consecutive steps, shape ``(*offset_hz.shape, 2, 2)``."""
    total = None
    for w1 in w1_hz:
        step = _spinor_matrices(*step_spinors(w1, offset_hz, step_s))
        total = step if total is None else step @ total
    assert total is not None
    return total


def _spinor_matrices(alpha: NDArray, beta: NDArray) -> NDArray:
    """SU(2) matrices ``[[alpha, -conj(beta)], [beta, conj(alpha)]]``, shape ``(..., 2, 2)``."""
    return np.stack([np.stack([alpha, -np.conj(beta)], -1), np.stack([beta, np.conj(alpha)], -1)], -2)


def _kron_all(matrices: NDArray) -> NDArray:
    """Kronecker product over the first axis: ``(n_spins, n_positions, 2, 2)`` to ``(n_positions, dim, dim)``."""
    product = matrices[0]
    for matrix in matrices[1:]:
        n, d = product.shape[0], product.shape[1]
        product = (product[:, :, None, :, None] * matrix[:, None, :, None, :]).reshape(n, 2 * d, 2 * d)
    return product
