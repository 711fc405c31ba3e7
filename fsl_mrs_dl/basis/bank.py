# SPDX-License-Identifier: Apache-2.0
"""A bank of simulated bases: the protocols among which training spectra are spread.

The signals are sampled in units of cycles per ppm (time times f0), so that members of different field share one
sampling grid, and demodulated to the middle of the window, so that a thousand points hold a second.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.basis.files import LineBasis
from fsl_mrs_dl.core.errors import ConfigError
from fsl_mrs_dl.metabolites.protons import ProtonGroup, proton_groups
from fsl_mrs_dl.models.inputs import PpmGrid
from fsl_mrs_dl.physics.sequences import MegaPress
from fsl_mrs_dl.physics.simulate import LineList

CENTRE_PPM = 2.4
"""Where the bank's signals have 0 Hz: the middle of the network's window."""

CYCLES_PER_PPM = 0.15625
"""Sampling interval times f0 (s MHz): a bandwidth of 6.4 ppm, 1.22 ms at 127.7 MHz, so that a plain transform of 1280
points has the 0.005 ppm of the network's grid."""

BAND_PPM = (-0.4, 5.2)
"""Lines outside are left out: they lie beyond the window and would fold into it."""

GABA_PPM = (2.8, 3.2)
"""GABA's lines whose area in DIFF is the unit of the co-edited macromolecule at 3.0 ppm."""


@dataclass(frozen=True)
class BasisBank:
    """Simulated signals of every member of a bank.

    Parameters
    ----------
    metabolites : tuple of str
    protocols : tuple of MegaPress
    edit_off, edit_on : complex64 arrays, shape ``(n_members, n_groups, n_times)``
        Without line width. Scaled so that NAA's methyl group has area 3 in edit_off: amplitudes are concentrations
        times one number per data set, whatever the slice loss.
    groups : tuple of ProtonGroup
        What each signal is of; one per metabolite unless they were taken apart.
    group_ppm : array, shape ``(n_members, n_groups)``
        Mean place of the lines of each signal in edit_off, weighted by their size.
    gaba_area : array, shape ``(n_members,)``
        Area of GABA's lines in `GABA_PPM` in DIFF, per unit of GABA; 0 where there is no GABA.
    features : array, shape ``(n_members, n_features)``, or None
        What describes the nominal basis of each protocol, see `fsl_mrs_dl.models.protocol_code`.
    """

    metabolites: tuple[str, ...]
    protocols: tuple[MegaPress, ...]
    edit_off: NDArray
    edit_on: NDArray
    groups: tuple[ProtonGroup, ...]
    group_ppm: NDArray
    gaba_area: NDArray
    features: NDArray | None = None

    @property
    def owner(self) -> NDArray:
        """Index of the metabolite that each signal belongs to, shape ``(n_groups,)``."""
        return np.array([self.metabolites.index(group.metabolite) for group in self.groups])

    @property
    def n_members(self) -> int:
        """Number of protocols."""
        return len(self.protocols)

    @property
    def f0_mhz(self) -> NDArray:
        """Fields of the members, shape ``(n_members,)``."""
        return np.array([p.f0_mhz for p in self.protocols])

    @property
    def dwell_s(self) -> NDArray:
        """Sampling interval of each member, s; shape ``(n_members,)``."""
        return CYCLES_PER_PPM / self.f0_mhz

    def first(self, n: int) -> BasisBank:
        """The bank of the first `n` members: what a bank of the same seed with that many members would be.

        Raises
        ------
        ConfigError
            When there are fewer.
        """
        if not 1 <= n <= self.n_members:
            raise ConfigError("the bank has fewer members", expected=f"1 to {self.n_members}", got=n)
        return dataclasses.replace(
            self,
            protocols=self.protocols[:n],
            edit_off=self.edit_off[:n],
            edit_on=self.edit_on[:n],
            group_ppm=self.group_ppm[:n],
            gaba_area=self.gaba_area[:n],
            features=None if self.features is None else self.features[:n],
        )

    @property
    def digest(self) -> str:
        """SHA-256 over protocols and signals, for the model card."""
        sha = hashlib.sha256()
        sha.update(json.dumps([dataclasses.asdict(p) for p in self.protocols], sort_keys=True).encode())
        sha.update(json.dumps(self.metabolites).encode())
        for array in (self.edit_off, self.edit_on):
            # rounded, so that the last bit of a processor's arithmetic does not change it
            sha.update(np.round(array, 4).tobytes())
        return sha.hexdigest()


def n_times(grid: PpmGrid, f0_mhz: float) -> int:
    """Samples of the bank that span the grid's longest time at `f0_mhz`."""
    return int(np.ceil(grid.max_time_s * f0_mhz / CYCLES_PER_PPM))


def sample(lines: LineList, protocol: MegaPress, n_points: int) -> NDArray:
    """A signal on the bank's sampling grid, shape ``(n_points,)``."""
    low, high = ((ppm - 4.65) * protocol.f0_mhz for ppm in BAND_PPM)
    keep = (lines.shift_hz > low) & (lines.shift_hz < high)
    demodulated = LineList(lines.shift_hz[keep] - (CENTRE_PPM - 4.65) * protocol.f0_mhz, lines.amplitude[keep])
    return demodulated.fid(n_points, CYCLES_PER_PPM / protocol.f0_mhz)


def _check_complete(members: Sequence[LineBasis], metabolites: Sequence[str]) -> None:
    """Raise `ConfigError` where a member lacks NAA or one of `metabolites`."""
    for name in ("NAA", *metabolites):
        lacking = next((m for m in members if name not in m.pairs), None)
        if lacking is not None:
            raise ConfigError(
                f"the bank has no {name}" + (", which sets its scale" if name == "NAA" else ""),
                expected=", ".join(metabolites),
                got=", ".join(lacking.names),
            )


def bank_of(
    members: Sequence[LineBasis], metabolites: Sequence[str], grid: PpmGrid, *, groups_apart: bool = False
) -> BasisBank:
    """The bank of simulated members.

    Parameters
    ----------
    members : sequence of LineBasis
    metabolites : sequence of str
        Those wanted, in this order.
    grid : PpmGrid
        Gives the longest time needed.
    groups_apart : bool
        Whether molecules are taken apart into their groups of protons, see `fsl_mrs_dl.metabolites.protons`.

    Raises
    ------
    ConfigError
        When a member lacks one of `metabolites`, or NAA (which sets the scale).
    """
    _check_complete(members, metabolites)
    length = max(n_times(grid, m.sequence.f0_mhz) for m in members)
    groups = proton_groups(metabolites, apart=groups_apart)
    signals: dict[str, list[NDArray]] = {"edit_off": [], "edit_on": []}
    group_ppm, gaba_area = [], []
    for member in members:
        scale = _scale(member)
        for condition, collected in signals.items():
            fids = [
                sample(_lines_of(member, group, condition, apart=groups_apart), member.sequence, length)
                for group in groups
            ]
            collected.append((scale * np.array(fids)).astype(np.complex64))
        group_ppm.append([_mean_ppm(member, group) for group in groups])
        gaba_area.append(scale * _gaba_diff_area(member))
    return BasisBank(
        tuple(metabolites),
        tuple(m.sequence for m in members),
        np.stack(signals["edit_off"]),
        np.stack(signals["edit_on"]),
        groups,
        np.array(group_ppm),
        np.array(gaba_area),
    )


def _scale(member: LineBasis) -> float:
    """What gives NAA's methyl group the area 3."""
    area = naa_methyl_area(member.pairs["NAA"].edit_off, member.sequence.f0_mhz)
    if area < 0.3:
        raise ConfigError(
            "a protocol of the bank leaves almost nothing of NAA",
            expected="3 protons' area",
            got=f"{area:.2f} with {member.sequence}",
        )
    return 3.0 / area


def _ppm(lines: LineList, f0_mhz: float) -> NDArray:
    return 4.65 + lines.shift_hz / f0_mhz


def _lines_of(member: LineBasis, group: ProtonGroup, condition: str, *, apart: bool) -> LineList:
    """The lines of a group in a condition."""
    lines: LineList = getattr(member.pairs[group.metabolite], condition)
    if not apart:
        return lines
    ppm = _ppm(lines, member.sequence.f0_mhz)
    keep = (ppm >= group.low_ppm) & (ppm < group.high_ppm)
    return LineList(lines.shift_hz[keep], lines.amplitude[keep])


def _mean_ppm(member: LineBasis, group: ProtonGroup) -> float:
    """Where a group stands in edit_off; NAA's methyl group's place for one without lines."""
    lines = _lines_of(member, group, "edit_off", apart=True)
    weight, ppm = np.abs(lines.amplitude), _ppm(lines, member.sequence.f0_mhz)
    inside = (ppm > BAND_PPM[0]) & (ppm < BAND_PPM[1])
    return float(np.average(ppm[inside], weights=weight[inside])) if weight[inside].any() else 2.01


def _gaba_diff_area(member: LineBasis) -> float:
    if "GABA" not in member.pairs:
        return 0.0
    lines = member.pairs["GABA"].diff
    ppm = _ppm(lines, member.sequence.f0_mhz)
    return float(lines.amplitude[(ppm > GABA_PPM[0]) & (ppm < GABA_PPM[1])].real.sum())


def naa_methyl_area(edit_off: LineList, f0_mhz: float) -> float:
    """Area of NAA's methyl line at 2.01 ppm in edit_off; 3 without loss."""
    ppm = 4.65 + edit_off.shift_hz / f0_mhz
    return float(edit_off.amplitude[np.abs(ppm - 2.008) < 0.05].real.sum())
