# SPDX-License-Identifier: Apache-2.0
"""A bank of simulated bases: the protocols among which training spectra are spread.

The signals are sampled in units of cycles per ppm (time times f0), so that members of different field share one
sampling grid, and demodulated to the middle of the window, so that a thousand points hold a second.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import multiprocessing
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.errors import ConfigError
from fsl_mrs_dl.prepare import PpmGrid
from fsl_mrs_dl.sequences import MegaPress
from fsl_mrs_dl.simulate import LineList, simulate_metabolite
from fsl_mrs_dl.spins import SpinSystem, load_system

CENTRE_PPM = 2.4
"""Where the bank's signals have 0 Hz: the middle of the network's window."""

CYCLES_PER_PPM = 0.155
"""Sampling interval times f0 (s MHz): a bandwidth of 6.45 ppm, 1.21 ms at 127.7 MHz."""

BAND_PPM = (-0.4, 5.2)
"""Lines outside are left out: they lie beyond the window and would fold into it."""


@dataclass(frozen=True)
class BankConfig:
    """How the protocols of a bank are drawn; every range is uniform.

    Ranges are those of GABA-edited MEGA-PRESS at 3 T on the three large vendors (Mikkelsen et al. 2017, NeuroImage
    159:32, doi 10.1016/j.neuroimage.2017.07.021; Lin et al. 2021, NMR Biomed 34:e4484, doi 10.1002/nbm.4484).

    Parameters
    ----------
    n_members : int
        Number of protocols.
    seed : int
    f0_mhz : tuple of float
        Fields, taken in turn.
    edit_on_ppm, edit_off_ppm : tuple of two float
        Range of the centre of the editing pulse (drift and temperature included).
    edit_duration_s : tuple of float
        Durations, drawn with equal probability.
    edit_truncation : tuple of two float
    b1_scale : tuple of two float
    refocusing_tbw : tuple of two float
    refocusing_duration_s : tuple of two float
    ideal_fraction : float
        Fraction of members with ideal refocusing.
    te_s : tuple of two float
    transmitter_ppm : tuple of two float
    n_positions : int
    shift_jitter_ppm : float
        Standard deviation of each member's own chemical shifts about the table's (temperature, pH).
    """

    n_members: int = 64
    seed: int = 1
    f0_mhz: tuple[float, ...] = (127.73, 123.25, 127.76)
    edit_on_ppm: tuple[float, float] = (1.83, 1.95)
    edit_off_ppm: tuple[float, float] = (7.4, 7.6)
    edit_duration_s: tuple[float, ...] = (0.014, 0.014, 0.015, 0.016, 0.02)
    edit_truncation: tuple[float, float] = (0.01, 0.10)
    b1_scale: tuple[float, float] = (0.85, 1.12)
    refocusing_tbw: tuple[float, float] = (5.0, 7.0)
    refocusing_duration_s: tuple[float, float] = (0.0045, 0.007)
    ideal_fraction: float = 0.0
    te_s: tuple[float, float] = (0.068, 0.068)
    transmitter_ppm: tuple[float, float] = (2.4, 3.2)
    n_positions: int = 12
    shift_jitter_ppm: float = 0.004

    def draw(self) -> list[MegaPress]:
        """The protocols."""
        rng = np.random.default_rng(self.seed)
        protocols = []
        for index in range(self.n_members):
            edit_s = float(rng.choice(self.edit_duration_s))
            refocusing_s = float(rng.uniform(*self.refocusing_duration_s))
            te_s = float(rng.uniform(*self.te_s))
            # the first echo is as short as the pulses allow; editing pulses half an echo time apart
            first_s = float(rng.uniform(0.0045, 0.0062))
            quarter_s = te_s / 4
            last_s = te_s / 2 - quarter_s - first_s
            ideal = bool(rng.uniform() < self.ideal_fraction)
            protocols.append(
                MegaPress(
                    f0_mhz=self.f0_mhz[index % len(self.f0_mhz)],
                    delays_s=(first_s, quarter_s, quarter_s, quarter_s, last_s),
                    edit_on_ppm=float(rng.uniform(*self.edit_on_ppm)),
                    edit_off_ppm=float(rng.uniform(*self.edit_off_ppm)),
                    edit_duration_s=edit_s,
                    edit_truncation=float(rng.uniform(*self.edit_truncation)),
                    refocusing="ideal" if ideal else "slr",
                    refocusing_duration_s=refocusing_s,
                    refocusing_tbw=float(rng.uniform(*self.refocusing_tbw)),
                    b1_scale=float(rng.uniform(*self.b1_scale)),
                    transmitter_ppm=float(rng.uniform(*self.transmitter_ppm)),
                    n_positions=self.n_positions,
                )
            )
        return protocols


@dataclass(frozen=True)
class BasisBank:
    """Simulated signals of every member of a bank.

    Parameters
    ----------
    metabolites : tuple of str
    protocols : tuple of MegaPress
    edit_off, edit_on : complex64 arrays, shape ``(n_members, n_metabolites, n_times)``
        Without line width. Scaled so that NAA's methyl group has area 3 in edit_off: amplitudes are concentrations
        times one number per data set, whatever the slice loss.
    """

    metabolites: tuple[str, ...]
    protocols: tuple[MegaPress, ...]
    edit_off: NDArray
    edit_on: NDArray

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


def build_bank(
    config: BankConfig,
    metabolites: Sequence[str],
    grid: PpmGrid,
    *,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> BasisBank:
    """Simulate a bank.

    Parameters
    ----------
    config : BankConfig
    metabolites : sequence of str
        Names of the spin-system table.
    grid : PpmGrid
        Gives the longest time needed.
    workers : int
        Processes; the result does not depend on their number.
    progress : callable, optional
        Called with (members done, members in all).

    Raises
    ------
    ConfigError
        For an unknown metabolite, or a list without NAA (which sets the scale).
    """
    if "NAA" not in metabolites:
        raise ConfigError("a bank needs NAA, which sets its scale", got=", ".join(metabolites))
    systems = [load_system(name) for name in metabolites]
    protocols = config.draw()
    length = max(n_times(grid, p.f0_mhz) for p in protocols)
    seeds = np.random.SeedSequence((config.seed, 1)).spawn(len(protocols))
    jobs = [
        (protocol, systems, config.shift_jitter_ppm, seed, length)
        for protocol, seed in zip(protocols, seeds, strict=True)
    ]
    members = []
    with ExitStack() as stack:
        results: Iterable[tuple[NDArray, NDArray]]
        if workers > 1:
            context = multiprocessing.get_context("spawn")
            pool = stack.enter_context(ProcessPoolExecutor(workers, mp_context=context))
            results = pool.map(_simulate_member, jobs)
        else:
            results = map(_simulate_member, jobs)
        for done, member in enumerate(results, start=1):
            members.append(member)
            if progress is not None:
                progress(done, len(jobs))
    off, on = (np.stack(part) for part in zip(*members, strict=True))
    return BasisBank(tuple(metabolites), tuple(protocols), off, on)


def _simulate_member(
    job: tuple[MegaPress, list[SpinSystem], float, np.random.SeedSequence, int],
) -> tuple[NDArray, NDArray]:
    """Signals of one protocol, OFF and ON, each ``(n_metabolites, n_times)``."""
    protocol, systems, jitter_ppm, seed, length = job
    rng = np.random.default_rng(seed)
    pairs = [simulate_metabolite(system.jittered(jitter_ppm, rng), protocol) for system in systems]
    naa = next(pair for pair in pairs if pair.name == "NAA")
    scale = 3.0 / naa_methyl_area(naa.edit_off, protocol.f0_mhz)
    off = scale * np.array([sample(pair.edit_off, protocol, length) for pair in pairs])
    on = scale * np.array([sample(pair.edit_on, protocol, length) for pair in pairs])
    return off.astype(np.complex64), on.astype(np.complex64)


def naa_methyl_area(edit_off: LineList, f0_mhz: float) -> float:
    """Area of NAA's methyl line at 2.01 ppm in edit_off; 3 without loss."""
    ppm = 4.65 + edit_off.shift_hz / f0_mhz
    return float(edit_off.amplitude[np.abs(ppm - 2.008) < 0.05].real.sum())
