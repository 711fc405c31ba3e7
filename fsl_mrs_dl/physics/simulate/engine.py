# SPDX-License-Identifier: Apache-2.0
"""Any sequence on any spin system: density matrix, positions averaged as soon as an axis is finished.

An axis is opened by its first gradient and closed, by averaging, after its last. Axes whose gradients do not overlap in
time so cost the sum of their positions, not the product (Landheer K, Swanberg KM, Juchem C (2019) Magnetic resonance
spectrum simulator (MARSS), NMR Biomed 34:e4129, doi 10.1002/nbm.4129); axes whose gradients recur stay open together,
as a full grid.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.physics.pulses import ShapedPulse
from fsl_mrs_dl.physics.sequences.experiment import Block, Experiment, IdealPulse
from fsl_mrs_dl.physics.simulate.lines import LineList, add, frame_offset_hz, merge
from fsl_mrs_dl.physics.simulate.operators import FreeEvolution, GroupOperators, build_operators
from fsl_mrs_dl.physics.simulate.propagate import Numerics, pulse_propagators
from fsl_mrs_dl.physics.spins import SpinGroup, SpinSystem

_MAX_GRID_ELEMENTS = 2**25
"""Matrix elements of the states of one grid (0.5 GB); larger grids are played in parts."""

_SMALLEST = 1e-10
"""Matrix elements of the signal below this do not become lines."""


def simulate(system: SpinSystem, experiments: Sequence[Experiment], numerics: Numerics | None = None) -> list[LineList]:
    """The signals of a molecule in the conditions of a sequence.

    Parameters
    ----------
    system : SpinSystem
    experiments : sequence of Experiment
        At one field and with one grid of positions. What their first blocks share is played once.
    numerics : Numerics, optional

    Returns
    -------
    signals : list of LineList
        One per experiment. A proton that is fully refocused has amplitude 1.
    """
    parts: list[list[LineList]] = [[] for _ in experiments]
    for group in system.groups:
        operators = build_operators(group)
        # a 31P partner is not pulsed: half the molecules have it up, half down, which shifts each proton by J/2
        couplings = np.array(group.phosphorus_j_hz) if group.phosphorus_j_hz else np.zeros(group.n_spins)
        signs = (0.5, -0.5) if np.any(couplings) else (0.0,)
        for sign in signs:
            signals = _simulate_group(group, operators, sign * couplings, experiments, numerics or Numerics())
            for collected, signal in zip(parts, signals, strict=True):
                collected.append(signal.scaled(group.multiplicity / len(signs)))
    return [add(collected) for collected in parts]


def _simulate_group(
    group: SpinGroup,
    operators: GroupOperators,
    extra_hz: NDArray,
    experiments: Sequence[Experiment],
    numerics: Numerics,
) -> list[LineList]:
    first = experiments[0]
    offsets_hz = (np.array(group.shifts_ppm) - first.transmitter_ppm) * first.f0_mhz + extra_hz
    free = FreeEvolution.of(operators, offsets_hz)
    player = _Player(operators, offsets_hz, free, numerics)
    finals = [np.zeros((operators.dim, operators.dim), dtype=complex) for _ in experiments]
    for grids, weight in _parts(experiments, operators.dim):
        # states after the blocks that the previous condition had too
        played: list[tuple[Block, _State]] = []
        for index, (experiment, positions_m) in enumerate(zip(experiments, grids, strict=True)):
            part = replace(experiment, positions_m=positions_m)
            common = 0
            while common < len(played) and played[common][0] is part.blocks[common]:
                common += 1
            played = played[:common]
            state = played[-1][1] if played else _State(np.diag(operators.total_z).astype(complex))
            for position in range(common, len(part.blocks)):
                state = player.play(state, part, position)
                played.append((part.blocks[position], state))
            finals[index] += weight * state.rho
    frame_hz = frame_offset_hz(first.transmitter_ppm, first.f0_mhz)
    return [
        _read_out(rho, operators, free, frame_hz).scaled(
            experiment.scale * np.exp(1j * np.deg2rad(experiment.receiver_phase_deg))
        )
        for rho, experiment in zip(finals, experiments, strict=True)
    ]


@dataclass(frozen=True)
class _State:
    """Density matrices ``(*positions of the open axes, dim, dim)``; `open_axes` in the order of the dimensions."""

    rho: NDArray
    open_axes: tuple[int, ...] = ()


@dataclass
class _Player:
    """Plays blocks for one group of spins; propagators of recurring pulses are made once."""

    operators: GroupOperators
    offsets_hz: NDArray
    free: FreeEvolution
    numerics: Numerics
    # the pulse is kept beside its propagators, so that its identity cannot be given to another
    cache: dict[tuple[int, bytes], tuple[ShapedPulse | IdealPulse, NDArray]] = field(default_factory=dict)

    def play(self, state: _State, experiment: Experiment, position: int) -> _State:
        """The state after a block."""
        block, positions_m = experiment.blocks[position], experiment.positions_m
        rho, axes = state.rho, state.open_axes
        spans = [experiment.span(axis) for axis in range(3)]
        for axis in range(3):
            if block.uses(axis) and axis not in axes:
                rho, axes = rho[..., None, :, :], (*axes, axis)
        closing = [axis for axis in axes if spans[axis] is not None and spans[axis][1] == position]  # type: ignore[index]
        rho = self._pulse(rho, axes, block, positions_m, closing if not any(block.moment_per_m) else [])
        if block.keep_order is not None:
            rho = np.where(self.operators.coherence_order == block.keep_order, rho, 0)
        rho = self._moment(rho, axes, block, positions_m)
        for axis in closing:
            # an axis of length one was summed with the pulse, or the pulse did not depend on it
            rho = rho.mean(axis=axes.index(axis))
            axes = tuple(other for other in axes if other != axis)
        return _State(self.free.evolve(rho, block.delay_s), axes)

    def _pulse(
        self, rho: NDArray, axes: tuple[int, ...], block: Block, positions_m: Sequence[NDArray], closing: list[int]
    ) -> NDArray:
        """The pulse with its cycle, averaged over the axes of `closing` where that is the cheaper way."""
        position_hz = np.zeros((1,) * len(axes))
        for dimension, axis in enumerate(axes):
            if block.gradient_hz_per_m[axis]:
                shape = [1] * len(axes)
                shape[dimension] = -1
                position_hz = position_hz + block.gradient_hz_per_m[axis] * positions_m[axis].reshape(shape)
        propagators = self._propagators(block.pulse, position_hz)
        one_axis = len(axes) == 1 and closing == list(axes) and rho.shape[0] == 1
        total = None
        for phase_deg, weight in zip(block.phases_deg, block.receiver, strict=True):
            turn = np.exp(-1j * np.deg2rad(phase_deg) * self.operators.total_z)
            u = propagators if phase_deg == 0 else turn[:, None] * propagators * turn.conj()
            moved = _sum_over_positions(rho[0], u)[None] / len(u) if one_axis else u @ rho @ _dagger(u)
            total = weight * moved if total is None else total + weight * moved
        assert total is not None
        return total / len(block.phases_deg)

    def _propagators(self, pulse: ShapedPulse | IdealPulse, position_hz: NDArray) -> NDArray:
        """Shape ``(*position_hz.shape, dim, dim)``."""
        key = (id(pulse), position_hz.tobytes())
        if key not in self.cache:
            made = pulse_propagators(pulse, self.operators, self.offsets_hz, position_hz.ravel(), self.numerics)
            self.cache[key] = (pulse, made)
        return self.cache[key][1].reshape(*position_hz.shape, self.operators.dim, self.operators.dim)

    def _moment(self, rho: NDArray, axes: tuple[int, ...], block: Block, positions_m: Sequence[NDArray]) -> NDArray:
        """Phase that the gradients of the delay leave at each position."""
        for dimension, axis in enumerate(axes):
            if block.moment_per_m[axis]:
                cycles = block.moment_per_m[axis] * positions_m[axis]
                shape = [1] * len(axes) + [*self.operators.coherence_order.shape]
                shape[dimension] = len(cycles)
                phase = -2j * np.pi * cycles[:, None, None] * self.operators.coherence_order
                rho = rho * np.exp(phase).reshape(shape)
        return rho


def _dagger(u: NDArray) -> NDArray:
    return u.conj().swapaxes(-1, -2)


def _sum_over_positions(rho: NDArray, u: NDArray) -> NDArray:
    """``sum over n of u[n] rho u[n]^dagger`` as two large products; `u` has shape ``(n, dim, dim)``."""
    n, dim, _ = u.shape
    left = (u.reshape(n * dim, dim) @ rho).reshape(n, dim, dim)
    return left.transpose(1, 0, 2).reshape(dim, n * dim) @ u.conj().transpose(0, 2, 1).reshape(n * dim, dim)


def _parts(experiments: Sequence[Experiment], dim: int) -> list[tuple[list[tuple[NDArray, NDArray, NDArray]], float]]:
    """Positions of each experiment in parts that fit in memory, with the weight of each part in the mean."""
    largest, longest = max((_largest_grid(experiment) for experiment in experiments), key=lambda grid: grid[0])
    whole = [experiment.positions_m for experiment in experiments]
    n_parts = min(-(-largest * dim**2 // _MAX_GRID_ELEMENTS), len(whole[0][longest]))
    if n_parts <= 1:
        return [(whole, 1.0)]
    parts = []
    for piece in np.array_split(np.arange(len(whole[0][longest])), n_parts):
        grids = [_with_axis(positions_m, longest, piece) for positions_m in whole]
        parts.append((grids, len(piece) / len(whole[0][longest])))
    return parts


def _largest_grid(experiment: Experiment) -> tuple[int, int]:
    """Most positions that are open at once along several axes, and the longest of these axes; 1 and 0 without any."""
    spans = {axis: span for axis in range(3) if (span := experiment.span(axis)) is not None}
    lengths = [len(p) for p in experiment.positions_m]
    largest, longest = 1, 0
    for block in range(len(experiment.blocks)):
        together = [axis for axis, (first, last) in spans.items() if first <= block <= last]
        size = math.prod(lengths[axis] for axis in together)
        if len(together) > 1 and size > largest:
            largest, longest = size, max(together, key=lengths.__getitem__)
    return largest, longest


def _with_axis(
    positions_m: tuple[NDArray, NDArray, NDArray], axis: int, piece: NDArray
) -> tuple[NDArray, NDArray, NDArray]:
    """The grid with a piece of one axis."""
    grid = list(positions_m)
    grid[axis] = grid[axis][piece]
    return grid[0], grid[1], grid[2]


def _read_out(rho: NDArray, operators: GroupOperators, free: FreeEvolution, frame_hz: float) -> LineList:
    """Transitions of the signal ``tr(rho F+)``, amplitude 1 per fully refocused proton."""
    v = free.vectors
    rho_eigen = v.T @ rho @ v
    detect = v.T @ operators.raising @ v
    weights = rho_eigen * detect.T * 2.0 ** (2 - operators.n_spins)
    rows, columns = np.nonzero(np.abs(weights) > _SMALLEST)
    shift_hz = free.energy_hz[columns] - free.energy_hz[rows] + frame_hz
    return merge(shift_hz, weights[rows, columns])
