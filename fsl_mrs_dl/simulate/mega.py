# SPDX-License-Identifier: Apache-2.0
"""The MEGA-PRESS experiment on a spin system: density matrix, two conditions, slice profiles averaged as they occur.

An axis is finished as soon as its slice-selective pulse has played, so the density matrix is averaged over positions
there and then: two axes cost twice one, not its square (Landheer K, Swanberg KM, Juchem C (2019) Magnetic resonance
spectrum simulator (MARSS), NMR Biomed 34:e4129, doi 10.1002/nbm.4129).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.sequences import MegaPress
from fsl_mrs_dl.simulate.lines import LineList, add, frame_offset_hz, merge
from fsl_mrs_dl.simulate.operators import FreeEvolution, GroupOperators, build_operators
from fsl_mrs_dl.simulate.propagate import Splitting, pulse_propagators
from fsl_mrs_dl.spins import SpinGroup, SpinSystem


@dataclass(frozen=True)
class SimulatedPair:
    """Signals of one metabolite in both conditions."""

    name: str
    edit_off: LineList
    edit_on: LineList

    @property
    def diff(self) -> LineList:
        """``edit_on - edit_off``."""
        return add([self.edit_on, self.edit_off.scaled(-1.0)])


def simulate_metabolite(
    system: SpinSystem, sequence: MegaPress, *, splitting: Splitting = "symmetric"
) -> SimulatedPair:
    """Simulate both conditions for a metabolite.

    Parameters
    ----------
    system : SpinSystem
    sequence : MegaPress
    splitting : {'symmetric', 'coupling_last'}
        See `pulse_propagators`; the second is for comparison with FID-A.

    Returns
    -------
    SimulatedPair
        A fully refocused proton has amplitude 1 and phase 0 at the top of the echo.
    """
    off: list[LineList] = []
    on: list[LineList] = []
    for group in system.groups:
        # a 31P partner is not pulsed: half the molecules have it up, half down, which shifts each proton by J/2
        couplings = np.array(group.phosphorus_j_hz) if group.phosphorus_j_hz else np.zeros(group.n_spins)
        signs = (0.5, -0.5) if np.any(couplings) else (0.0,)
        for sign in signs:
            pair = _simulate_group(group, sequence, sign * couplings, splitting)
            weight = group.multiplicity / len(signs)
            off.append(pair[0].scaled(weight))
            on.append(pair[1].scaled(weight))
    return SimulatedPair(system.name, add(off), add(on))


def _simulate_group(
    group: SpinGroup, seq: MegaPress, extra_hz: NDArray, splitting: Splitting
) -> tuple[LineList, LineList]:
    operators = build_operators(group)
    offsets_hz = (np.array(group.shifts_ppm) - seq.transmitter_ppm) * seq.f0_mhz + extra_hz
    free = FreeEvolution.of(operators, offsets_hz)
    refocusing = _refocusing_propagators(seq, operators, offsets_hz, splitting)
    refocusing_s = 0.0 if seq.refocusing == "ideal" else seq.refocusing_duration_s
    selector = _Selector(operators, seq.selection)
    t1, t2, t3, t4, t5 = seq.delays_s
    half_r, half_e = refocusing_s / 2, seq.edit_duration_s / 2

    # excitation leaves Fx; it and the first refocusing pulse are the same in both conditions
    rho = (operators.raising + operators.raising.T) / 2 + 0j
    rho = selector.before_first(rho)
    rho = free.evolve(rho, t1 - half_r)
    rho = selector.refocus(rho, refocusing, to_order=+1)
    rho = free.evolve(rho, t2 - half_r - half_e)

    signals = []
    for condition in ("edit_off", "edit_on"):
        pulse = seq.editing_pulse().shifted(seq.edit_offset_hz(condition), seq.edit_phase_zero_at)
        editing = pulse_propagators(pulse, operators, offsets_hz, np.zeros(1), splitting)[0]
        state = selector.edit(rho, editing, order=+1, phases_deg=(0, 90))
        state = free.evolve(state, t3 - half_e - half_r)
        state = selector.refocus(state, refocusing, to_order=-1)
        state = free.evolve(state, t4 - half_r - half_e)
        state = selector.edit(state, editing, order=-1, phases_deg=(0, 90, 180, 270))
        state = free.evolve(state, t5 - half_e)
        signals.append(_read_out(state, operators, free, frame_offset_hz(seq.transmitter_ppm, seq.f0_mhz)))
    return signals[0], signals[1]


class _Selector:
    """Applies pulses with the coherence selection around them."""

    def __init__(self, operators: GroupOperators, selection: str) -> None:
        self.crushers = selection == "crushers"
        self.order = operators.coherence_order
        self.fz = operators.total_z

    def before_first(self, rho: NDArray) -> NDArray:
        return np.where(self.order == -1, rho, 0) if self.crushers else rho

    def refocus(self, rho: NDArray, propagators: NDArray, to_order: int) -> NDArray:
        """Refocusing pulse, averaged over positions."""
        if self.crushers:
            total = (propagators @ rho @ propagators.conj().swapaxes(-1, -2)).mean(axis=0)
            return np.where(self.order == to_order, total, 0)
        # FID-A's cycle {0, 90} with the receiver turned: what changes its order by 2 is kept
        return self._cycled(rho, propagators, (0, 90), receiver=(1, -1))

    def edit(self, rho: NDArray, propagator: NDArray, order: int, phases_deg: tuple[int, ...]) -> NDArray:
        """Editing pulse; the order stays."""
        if self.crushers:
            total = propagator @ rho @ propagator.conj().T
            return np.where(self.order == order, total, 0)
        return self._cycled(rho, propagator[None], phases_deg, receiver=(1,) * len(phases_deg))

    def _cycled(
        self, rho: NDArray, propagators: NDArray, phases_deg: tuple[int, ...], receiver: tuple[int, ...]
    ) -> NDArray:
        total = np.zeros_like(rho)
        for phase, sign in zip(phases_deg, receiver, strict=True):
            turn = np.exp(-1j * np.deg2rad(phase) * self.fz)
            u = turn[:, None] * propagators * turn.conj()[None, :]
            total = total + sign * (u @ rho @ u.conj().swapaxes(-1, -2)).mean(axis=0)
        return total / len(phases_deg)


def _refocusing_propagators(
    seq: MegaPress, operators: GroupOperators, offsets_hz: NDArray, splitting: Splitting
) -> NDArray:
    """Propagators across the slice ``(n_positions, dim, dim)``, weighted so that their mean is per slice width."""
    pulse = seq.refocusing_pulse()
    if pulse is None:
        # exp(-i pi Fx): flips every spin and multiplies by (-i)^n
        n_spins = len(offsets_hz)
        flipped = np.zeros((1, operators.dim, operators.dim), dtype=complex)
        flipped[0, np.arange(operators.dim), operators.dim - 1 - np.arange(operators.dim)] = (-1j) ** n_spins
        return flipped
    bandwidth_hz = seq.refocusing_tbw / seq.refocusing_duration_s
    cells = (np.arange(seq.n_positions) + 0.5) / seq.n_positions - 0.5
    propagators = pulse_propagators(pulse, operators, offsets_hz, cells * seq.fov_slices * bandwidth_hz, splitting)
    # mean over the field times its extent in slices = integral over position per slice width
    return propagators * np.sqrt(seq.fov_slices)


def _read_out(rho: NDArray, operators: GroupOperators, free: FreeEvolution, frame_hz: float) -> LineList:
    """Transitions of the signal ``tr(rho F+)``, amplitude 1 per fully refocused proton."""
    v = free.vectors
    rho_eigen = v.T @ rho @ v
    detect = v.T @ operators.raising @ v
    weights = rho_eigen * detect.T * 2.0 ** (2 - operators.iz.shape[0])
    rows, columns = np.nonzero(np.abs(weights) > 1e-10)
    shift_hz = free.energy_hz[columns] - free.energy_hz[rows] + frame_hz
    return merge(shift_hz, weights[rows, columns])
