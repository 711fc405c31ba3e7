# SPDX-License-Identifier: Apache-2.0
"""The lines of a spectrum in groups that share width, place and size, for the reconstructed spectrum that is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.special import expit

from fsl_mrs_dl.core.data import EditedSpectra
from fsl_mrs_dl.core.units import ppm_axis, ppm_to_hz, time_axis
from fsl_mrs_dl.metabolites.macromolecules import BACKGROUND_AREA, BACKGROUND_PPM, BACKGROUND_WIDTH_HZ
from fsl_mrs_dl.metabolites.protons import proton_groups
from fsl_mrs_dl.metabolites.sums import COMBINATIONS
from fsl_mrs_dl.metabolites.table import SIMULATED
from fsl_mrs_dl.physics.simulate import voigt_decay
from fsl_mrs_dl.quantify.signals import BasisSignals

SPLIT_PPM = 3.4
"""Groups of protons above this are near water: they have a size of their own."""

SPLIT = frozenset(group.metabolite for group in proton_groups(SIMULATED) if group.low_ppm == SPLIT_PPM)
"""Metabolites with such a group beside the one that their amplitude is defined by."""

SAME_SHAPE = tuple(parts for name, parts in COMBINATIONS.items() if name != "GABA+")
"""Metabolites whose lines lie too close for shapes of their own."""


@dataclass(frozen=True)
class Freedom:
    """Standard deviations of the penalised changes.

    Parameters
    ----------
    width_hz : float
        Of a group's Lorentzian width about the common one. T2 in brain lie between 0.09 and 0.35 s, which is 0.9 to
        3.5 Hz, about half of which is in the common width (Wyss et al. 2018, Magn Reson Med 80:452, doi
        10.1002/mrm.27067).
    shift_ppm : float
        Of a group's place: temperature and pH.
    size : float
        Of the weakening of the groups near water, relative: T2 of the methylene protons of creatine over that of the
        methyl ones is 0.7 to 0.8 at 3 T, and water suppression reaches there.
    macromolecule : float
        Of each macromolecular line's size, relative to the table's at the estimated level.
    macromolecule_width : float
        Of the logarithm of its width.
    phase_deg, gauss_hz : float
        Of what is common to a condition, and to all.
    baseline : float
        Of the coefficients of the spline, relative to the highest line.
    """

    width_hz: float = 1.0
    shift_ppm: float = 0.004
    size: float = 0.12
    macromolecule: float = 0.6
    macromolecule_width: float = 0.2
    phase_deg: float = 3.0
    gauss_hz: float = 1.0
    baseline: float = 0.015
    knot_ppm: float = 0.9


@dataclass(frozen=True)
class LineGroup:
    """Lines that share width, place and size: their FID in each condition, amplitudes included.

    `size` and `size_sd` are the prior of the size; lines with `gauss_hz` may be broader or narrower than that, and
    rigid ones change their size only.
    """

    label: str
    fids: Mapping[str, NDArray]
    size: float = 1.0
    size_sd: float = 0.0
    gauss_hz: float = 0.0
    rigid: bool = False

    @property
    def shown(self) -> tuple[str, ...]:
        """Conditions in which there is enough of it to have a size of its own: Cr, for example, leaves DIFF."""
        norms = {c: float(np.linalg.norm(fid)) for c, fid in self.fids.items()}
        return tuple(c for c, norm in norms.items() if norm > 0.05 * max(norms.values()))


NEAR_WATER = " near water"
"""End of the label of a group at higher ppm than `SPLIT_PPM`."""


def line_groups(
    signals: BasisSignals, amplitudes: NDArray, spectra: EditedSpectra, freedom: Freedom
) -> list[tuple[str, LineGroup]]:
    """Name of the quantity and lines, of every group of protons of those whose amplitude is not zero."""
    found: list[tuple[str, LineGroup]] = []
    for i, name in enumerate(signals.names):
        if amplitudes[i] > 0:
            fids = {c: amplitudes[i] * values[i] for c, values in signals.fids.items()}
            groups = _background(float(amplitudes[i]), fids, spectra, freedom) if name == "MM09" else None
            found += [(name, group) for group in groups or _groups_of(name, fids, spectra, freedom)]
    return found


def _groups_of(name: str, fids: Mapping[str, NDArray], spectra: EditedSpectra, freedom: Freedom) -> list[LineGroup]:
    """The groups of protons of one quantity."""
    if name == "MM30":
        return [LineGroup(name, fids, gauss_hz=_width_hz(3.01))]
    if name not in SPLIT:
        return [LineGroup(name, fids)]
    low, high = _split(fids, spectra)
    label = next(("+".join(group) for group in SAME_SHAPE if name in group), name)
    return [LineGroup(label, low), LineGroup(label + NEAR_WATER, high, size_sd=freedom.size)]


def together(shapes: list[LineGroup]) -> list[LineGroup]:
    """One entry for each label, the signals added."""
    found: dict[str, LineGroup] = {}
    for shape in shapes:
        same = found.get(shape.label)
        if same is not None:
            shape = replace(shape, fids={c: fid + same.fids[c] for c, fid in shape.fids.items()})
        found[shape.label] = shape
    return list(found.values())


def _split(fids: Mapping[str, NDArray], spectra: EditedSpectra) -> tuple[dict[str, NDArray], dict[str, NDArray]]:
    """Signals below and above `SPLIT_PPM`, by a smooth edge in the spectrum."""
    n = fft.next_fast_len(2 * spectra.n_points)
    edge = expit((SPLIT_PPM - fft.ifftshift(ppm_axis(n, spectra.dwell_s, spectra.f0_mhz))) / 0.02)
    low = {c: fft.ifft(fft.fft(fid, n) * edge)[: spectra.n_points] for c, fid in fids.items()}
    return low, {c: fid - low[c] for c, fid in fids.items()}


def _background(level: float, fids: Mapping[str, NDArray], spectra: EditedSpectra, freedom: Freedom) -> list[LineGroup]:
    """The macromolecules as the estimate has them, and what each of their lines may differ from it."""
    found = [LineGroup("MM09", fids, gauss_hz=BACKGROUND_WIDTH_HZ[0])]
    time_s = time_axis(spectra.n_points, spectra.dwell_s)
    for ppm, area, width_hz in zip(BACKGROUND_PPM, BACKGROUND_AREA, BACKGROUND_WIDTH_HZ, strict=True):
        line = np.exp(2j * np.pi * ppm_to_hz(ppm, spectra.f0_mhz) * time_s) * voigt_decay(time_s, 0.0, width_hz)
        same = dict.fromkeys(fids, level * area / 3 * line)
        found.append(LineGroup(f"MM {ppm}", same, size=0.0, size_sd=freedom.macromolecule, rigid=True))
    return found


def _width_hz(ppm: float) -> float:
    return BACKGROUND_WIDTH_HZ[int(np.argmin(np.abs(np.array(BACKGROUND_PPM) - ppm)))]
