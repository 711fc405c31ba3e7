# SPDX-License-Identifier: Apache-2.0
"""Propagators of shaped pulses for coupled spins, many positions at once.

A pulse is a series of segments: the rotation of every spin about its own effective field, exact and cheap because the
spins turn independently, between pieces of coupling. Four facts keep it fast: rotations of n spins are two factors of
n/2 spins each; coupling conserves Fz; states that a symmetry of the molecule exchanges need one column of the
propagator between them; and a pulse that is its own mirror image needs its first half only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.physics.pulses import ShapedPulse, step_spinors
from fsl_mrs_dl.physics.sequences.experiment import IdealPulse
from fsl_mrs_dl.physics.simulate.operators import GroupOperators


@dataclass(frozen=True)
class Numerics:
    """How exactly pulses are integrated.

    Parameters
    ----------
    splitting : {'symmetric', 'coupling_last'}
        Half of a segment's coupling before and half after its rotation (Strang 1968, SIAM J Numer Anal 5:506, doi
        10.1137/0705041: second order in the segment), or each step's coupling after its rotation (FID-A's scheme:
        first order in the step; for comparison with it).
    max_segment_s : float
        Longest time between couplings, longer steps of a pulse are cut; at the default the error of GABA's DIFF is
        below 1e-4 of its size.
    pulse_f0_ratio : float
        Chemical-shift offsets during pulses relative to those in free evolution: 1, but 42.577/42.576 in FID-A, which
        has two gyromagnetic ratios.
    max_elements : int
        Matrix elements worked on at once: about what a cache holds. The result does not depend on it.
    """

    splitting: Literal["symmetric", "coupling_last"] = "symmetric"
    max_segment_s: float = 1.5e-4
    pulse_f0_ratio: float = 1.0
    max_elements: int = 2**17

    def __post_init__(self) -> None:
        if not self.max_segment_s >= 1e-6:
            raise ValueError("max_segment_s must be at least 1e-6 s")


def pulse_propagators(
    pulse: ShapedPulse | IdealPulse,
    operators: GroupOperators,
    offsets_hz: NDArray,
    position_hz: NDArray,
    numerics: Numerics | None = None,
) -> NDArray:
    """Propagator of a pulse at each position along its gradient.

    Parameters
    ----------
    pulse : ShapedPulse or IdealPulse
    operators : GroupOperators
    offsets_hz : array, shape ``(n_spins,)``
        Chemical shifts relative to the transmitter, Hz.
    position_hz : array, shape ``(n_positions,)``
        Frequency that the gradient adds at each position, Hz; ``[0.]`` without a gradient.
    numerics : Numerics, optional

    Returns
    -------
    propagators : complex array, shape ``(n_positions, dim, dim)``
    """
    numerics = numerics or Numerics()
    if isinstance(pulse, IdealPulse):
        half, phase = np.deg2rad(pulse.flip_deg) / 2, np.exp(1j * np.deg2rad(pulse.phase_deg))
        one = spinor_matrices(np.cos(half) + 0j, -1j * np.sin(half) * phase)
        return _kron_all(np.broadcast_to(one, (operators.n_spins, 1, 2, 2)))
    chunk = max(1, numerics.max_elements // operators.dim**2)
    parts = [position_hz[i : i + chunk] for i in range(0, len(position_hz), chunk)]
    return np.concatenate([_shaped(pulse, operators, offsets_hz, part, numerics) for part in parts])


def _shaped(
    pulse: ShapedPulse, operators: GroupOperators, offsets_hz: NDArray, position_hz: NDArray, numerics: Numerics
) -> NDArray:
    """`pulse_propagators` of positions that fit into a cache together."""
    # equal offsets turn alike: rotations are made once for each
    unique_hz, spin_of = np.unique(offsets_hz * numerics.pulse_f0_ratio, return_inverse=True)
    offset_hz = unique_hz[:, None] + np.asarray(position_hz, dtype=float)[None, :]
    if not np.any(operators.coupling_hz):
        return _kron_all(spinor_matrices(*pulse.spinor(offset_hz.ravel())).reshape(*offset_hz.shape, 2, 2)[spin_of])

    symmetric = numerics.splitting == "symmetric"
    cuts = int(np.ceil(pulse.step_s / numerics.max_segment_s * (1 - 1e-9))) if symmetric else 1
    if cuts > 1:
        # a pulse of few long steps: the coupling has to act within them
        pulse = replace(pulse, w1_hz=np.repeat(pulse.w1_hz, cuts))
    mirrored = symmetric and pulse.n_steps % 2 == 0 and _is_mirrored(pulse.w1_hz)
    n_steps = pulse.n_steps // 2 if mirrored else pulse.n_steps
    per_segment = min(n_steps, max(1, int(numerics.max_segment_s / pulse.step_s))) if symmetric else 1
    rotations = _segment_rotations(pulse.w1_hz[:n_steps], offset_hz, pulse.step_s, per_segment)[:, spin_of]
    slow, fast = np.split(rotations, [operators.n_spins // 2], axis=1)
    slow, fast = _kron_all(slow.swapaxes(0, 1)), _kron_all(fast.swapaxes(0, 1))

    firsts = np.arange(len(slow)) * per_segment
    lasts = np.minimum(firsts + per_segment, n_steps)
    # where the coupling is split: about the centre of each segment, or before it
    splits_s = ((firsts + lasts) / 2 if symmetric else firsts) * pulse.step_s
    total = _interleaved(operators, slow, fast, splits_s, n_steps * pulse.step_s)
    # transposing a propagator plays its pulse backwards with conjugate phases
    return total.swapaxes(-1, -2) @ total if mirrored else total


def _interleaved(operators: GroupOperators, slow: NDArray, fast: NDArray, splits_s: NDArray, end_s: float) -> NDArray:
    """Rotations of the segments at `splits_s`, with the coupling between them, before and after."""
    representatives, column, rows = operators.orbits
    start = np.eye(operators.dim, dtype=complex)[:, representatives]
    total = np.broadcast_to(start, (slow.shape[1], *start.shape))
    coupled_s = 0.0  # how far the coupling has acted
    steps: dict[float, list[NDArray]] = {}
    for slow_rotation, fast_rotation, split_s in zip(slow, fast, splits_s.tolist(), strict=True):
        total = _couple(total, operators, split_s - coupled_s, steps)
        coupled_s = split_s
        total = _rotate(total, slow_rotation, fast_rotation)
    total = _couple(total, operators, end_s - coupled_s, steps)
    return total[:, rows, column]


def _is_mirrored(w1_hz: NDArray) -> bool:
    """Whether the second half is the first played backwards with conjugate phase, to rounding."""
    return bool(np.abs(w1_hz[::-1].conj() - w1_hz).max() <= 1e-9 * np.abs(w1_hz).max())


def _couple(total: NDArray, operators: GroupOperators, time_s: float, steps: dict[float, list[NDArray]]) -> NDArray:
    """Evolution under the coupling alone, level by level of Fz; `total` has shape ``(n, dim, columns)``."""
    if time_s <= 0:
        return total
    key = round(time_s, 12)
    if key not in steps:
        steps[key] = [
            (vectors * np.exp(-2j * np.pi * energy_hz * time_s)) @ vectors.T
            for energy_hz, vectors in operators.coupling_levels
        ]
    out = np.empty(total.shape, dtype=complex)
    for level, propagator in zip(operators.levels, steps[key], strict=True):
        out[:, level] = propagator @ total[:, level] if len(level) > 1 else propagator * total[:, level]
    return out


def _rotate(total: NDArray, slow: NDArray, fast: NDArray) -> NDArray:
    """Rotation of every spin: factors ``(n, dim_a, dim_a)`` and ``(n, dim_b, dim_b)`` on ``(n, dim, columns)``."""
    n, dim, columns = total.shape
    a, b = slow.shape[-1], fast.shape[-1]
    turned = (slow @ total.reshape(n, a, b * columns)).reshape(n, a, b, columns)
    return (fast[:, None] @ turned).reshape(n, dim, columns)


def _segment_rotations(w1_hz: NDArray, offset_hz: NDArray, step_s: float, per_segment: int) -> NDArray:
    """Rotation of each spin by each segment of steps, shape ``(n_segments, *offset_hz.shape, 2, 2)``."""
    n_segments = -(-len(w1_hz) // per_segment)
    total = None
    for k in range(per_segment):
        w1 = w1_hz[k::per_segment]
        alpha = np.ones((n_segments, *offset_hz.shape), dtype=complex)
        beta = np.zeros_like(alpha)
        alpha[: len(w1)], beta[: len(w1)] = step_spinors(w1[:, None, None], offset_hz, step_s)
        if total is None:
            total = alpha, beta
        else:
            a, b = total
            total = alpha * a - beta.conj() * b, beta * a + alpha.conj() * b
    assert total is not None
    return spinor_matrices(*total)


def spinor_matrices(alpha: NDArray, beta: NDArray) -> NDArray:
    """SU(2) matrices ``[[alpha, -conj(beta)], [beta, conj(alpha)]]``, shape ``(..., 2, 2)``."""
    return np.stack([np.stack([alpha, -np.conj(beta)], -1), np.stack([beta, np.conj(alpha)], -1)], -2)


def _kron_all(matrices: NDArray) -> NDArray:
    """Kronecker product over the first axis: ``(n_spins, ..., 2, 2)`` to ``(..., dim, dim)``."""
    product = matrices[0]
    for matrix in matrices[1:]:
        dim = 2 * product.shape[-1]
        product = product[..., :, None, :, None] * matrix[..., None, :, None, :]
        product = product.reshape(*matrix.shape[:-2], dim, dim)
    return product
