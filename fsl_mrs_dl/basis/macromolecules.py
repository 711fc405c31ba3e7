# SPDX-License-Identifier: Apache-2.0
"""Macromolecules as basis functions for fits: FSL-MRS's default peaks, and the co-edited lines of MEGA-PRESS.

Positions, amplitudes and widths are those that FSL-MRS's ``basis_tools add_set`` uses (``--add_MM``, ``--add_MM_MEGA``;
FSL-MRS 2.4.11). Co-editing: Rothman et al. 1993, PNAS 90:5662; Behar et al. 1994, Magn Reson Med 32:294.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.core.units import ppm_to_hz, time_axis
from fsl_mrs_dl.metabolites.macromolecules import MM30_DIFF_AREA
from fsl_mrs_dl.physics.sequences import MegaPress
from fsl_mrs_dl.physics.simulate import voigt_decay


@dataclass(frozen=True)
class BroadPeaks:
    """Lines that rise and fall together.

    Parameters
    ----------
    ppm, area : tuple of float
        Positions, and areas in protons.
    lorentz_hz, gauss_hz : float
        Full widths at half maximum.
    """

    ppm: tuple[float, ...]
    area: tuple[float, ...]
    lorentz_hz: float
    gauss_hz: float

    def fid(self, n_points: int, dwell_s: float, f0_mhz: float, part: NDArray | float = 1.0) -> NDArray:
        """Their FID, shape ``(n_points,)``; `part` is what is left of each line."""
        time_s = time_axis(n_points, dwell_s)
        shift_hz = ppm_to_hz(np.array(self.ppm), f0_mhz)
        carriers = np.exp(2j * np.pi * np.outer(time_s, shift_hz))
        return (carriers @ (np.array(self.area) * part)) * voigt_decay(time_s, self.lorentz_hz, self.gauss_hz)


def _widths(rate_per_s: float, sd_rad_per_s: float) -> tuple[float, float]:
    """Full widths of a decay ``exp(-t (rate + t sd^2 / 2))``, Hz."""
    return rate_per_s / np.pi, sd_rad_per_s * np.sqrt(2 * np.log(2)) / np.pi


DEFAULT_PEAKS: Mapping[str, BroadPeaks] = {
    "MM09": BroadPeaks((0.9,), (3.0,), *_widths(40, 30)),
    "MM12": BroadPeaks((1.2,), (2.0,), *_widths(40, 30)),
    "MM14": BroadPeaks((1.4,), (2.0,), *_widths(40, 30)),
    "MM17": BroadPeaks((1.7,), (2.0,), *_widths(40, 30)),
    "MM21": BroadPeaks((2.08, 2.25, 1.95, 3.0), (1.33, 0.33, 0.33, 0.4), *_widths(40, 30)),
}
"""FSL-MRS's default set for unedited spectra."""

COEDITED = BroadPeaks((0.915, 3.0), (3.75, 2.0), *_widths(10, 0))
"""What a macromolecule coupled to partners near 1.7 ppm leaves in DIFF: FSL-MRS's default set for MEGA-PRESS."""

COEDITED_09 = BroadPeaks((0.915,), (3.75,), *_widths(10, 0))
"""Its line at 0.9 ppm alone."""

COEDITED_30 = BroadPeaks((3.0,), (1.0,), *_widths(10, 0))
"""Its line at 3.0 ppm alone, of unit area."""

GABA_RANGE_PPM = (2.8, 3.2)
"""Where GABA+ is measured in DIFF."""

NOT_COEDITED = 0.05
"""Co-editing below which there is no MM30: symmetric editing is made to have none."""

COUPLING_PARTNER_PPM = 1.7
"""Where the protons stand to which those at 3.0 ppm are coupled (Behar et al. 1994)."""


def macromolecule_fids(
    conditions: tuple[str, ...],
    sequence: MegaPress | None,
    n_points: int,
    dwell_s: float,
    f0_mhz: float,
    *,
    tied: bool = False,
    gaba_area: float = MM30_DIFF_AREA,
) -> dict[str, dict[str, NDArray]]:
    """Basis functions of macromolecules for each condition.

    Parameters
    ----------
    conditions : tuple of str
        ``edit_off``, ``edit_on``, ``diff``; any other name is an unedited spectrum.
    sequence : MegaPress, optional
        Its editing pulses tell what is left of each line; needed for edited conditions.
    n_points, dwell_s, f0_mhz
        Sampling.
    tied : bool
        Whether the co-edited line at 3.0 ppm is part of MM09, in the ratio that FSL-MRS takes, instead of MM30.
    gaba_area : float
        Area of one unit of GABA in DIFF from 2.8 to 3.2 ppm, protons: the area of one unit of MM30, so that
        GABA+ = GABA + MM30.

    Returns
    -------
    fids : mapping of condition to mapping of name to complex array, shape ``(n_points,)``
        ``diff`` is ``edit_on - edit_off``. MM09's change between the conditions is `COEDITED` (or `COEDITED_09`) times
        `coediting`, all that DIFF shows of it; MM30 is in ``edit_on`` and ``diff`` alone: in ``edit_off`` the outer
        lines of its multiplet cancel the inner ones. The others lose in ON what the pulse takes from uncoupled
        protons.
    """
    if sequence is None:
        plain = {name: peaks.fid(n_points, dwell_s, f0_mhz) for name, peaks in DEFAULT_PEAKS.items()}
        return {condition: dict(plain) for condition in conditions}
    fids: dict[str, dict[str, NDArray]] = {"edit_off": {}, "edit_on": {}, "diff": {}}
    share = coediting(sequence)
    for name, peaks in DEFAULT_PEAKS.items():
        ppm = np.array(peaks.ppm)
        off = peaks.fid(n_points, dwell_s, f0_mhz, sequence.survival("edit_off", ppm))
        if name == "MM09":
            on = off + share * (COEDITED if tied else COEDITED_09).fid(n_points, dwell_s, f0_mhz)
        else:
            on = peaks.fid(n_points, dwell_s, f0_mhz, sequence.survival("edit_on", ppm))
        fids["edit_off"][name], fids["edit_on"][name], fids["diff"][name] = off, on, on - off
    if not tied and abs(share) > NOT_COEDITED:
        line = share * gaba_area * COEDITED_30.fid(n_points, dwell_s, f0_mhz)
        fids["edit_on"]["MM30"] = fids["diff"]["MM30"] = line
    return {condition: fids[condition] for condition in conditions}


def coediting(sequence: MegaPress) -> float:
    """How much more the ON than the OFF pulses invert the partner near 1.7 ppm; 1 for 14 ms pulses at 1.9 and 7.5 ppm.

    0 where both do the same: symmetric editing (ON 1.9, OFF 1.5 ppm), or pulses that are far from it.
    """
    partner_ppm = np.array([COUPLING_PARTNER_PPM])

    def contrast(protocol: MegaPress) -> float:
        return float((protocol.survival("edit_off", partner_ppm) - protocol.survival("edit_on", partner_ppm))[0])

    return contrast(sequence) / contrast(MegaPress(f0_mhz=sequence.f0_mhz))
