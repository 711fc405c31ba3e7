# SPDX-License-Identifier: Apache-2.0
"""Faults of a measurement that show in its spectra: each a figure, with the threshold from which on it is flagged.

Where the literature has no threshold, `studies/flag_curves.py` made the curve of error against figure from which it
was read (`docs/flags.md`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from fsl_mrs_dl.core.data import EditedSpectra
from fsl_mrs_dl.core.flags import Flag
from fsl_mrs_dl.core.units import time_axis
from fsl_mrs_dl.models.inputs import PpmGrid
from fsl_mrs_dl.quantify.lincomb import FitResult

LIPID_PPM = (1.15, 1.75)
"""Between MM0.9 and the edited region: CH2 of lipid at 1.3 ppm stands here; lactate and alanine are fitted."""

LIPID_WIDTH_PPM = 0.1
"""What is looked for is broad: the rest of the fit is smoothed to this width (FWHM) first."""

RESIDUE_PPM = (3.10, 3.35)
"""Choline in DIFF, where no edited signal stands, so that everything there is residue: the window that Mikkelsen et al.
2018, Magn Reson Med 80:21 (doi 10.1002/mrm.27027) judge alignment by, widened by the tails of a dispersive line."""

NAA_PPM_WINDOW = (1.96, 2.06)

MIN_NAA = 0.1
"""NAA in edit_off, relative to the highest line, below which it does not tell what the editing pulse did."""

BACKGROUND = ("MM09",)
"""Fitted quantities that can take lipid's place, and so are not taken off before it is looked for."""


@dataclass(frozen=True)
class ArtefactLimits:
    """From where on a figure is flagged.

    Parameters
    ----------
    lipid : float
        Height of what the fit leaves around 1.3 ppm, relative to the highest fitted line.
    residue : float
        Root mean square of what the fit leaves of DIFF around choline, relative to the highest fitted line.
    naa_left : float
        Share of NAA's line that is left in ON. A 14 ms pulse at 1.9 ppm leaves nothing; 0.10 is left when it acts
        0.16 ppm too low, and GABA is then edited 15 % less. A pulse that acts too high leaves none either: not seen.
    water : float
        Height of the residual water line over that of the highest metabolite line, before it is removed.
    width_ppm : float
        Line width in ppm: 0.1 is the limit of the consensus of Wilson et al. 2019, Magn Reson Med 82:527 (doi
        10.1002/mrm.27742); GABA+ is off by more than 5 % from 9.7 Hz on in Gannet (Zoellner et al. 2021, NMR
        Biomed 34:e4410, doi 10.1002/nbm.4410).
    """

    lipid: float = 0.20
    residue: float = 0.03
    naa_left: float = 0.10
    water: float = 100.0
    width_ppm: float = 0.1


def measure(
    spectra: EditedSpectra, fit: FitResult, names: tuple[str, ...], noise: Mapping[str, float], grid: PpmGrid
) -> dict[str, float]:
    """The figures that these spectra allow.

    Parameters
    ----------
    spectra : EditedSpectra
        With the history of `fsl_mrs_dl.preprocess`, where there is one.
    fit : FitResult
        A free fit with all known metabolites, of the conditions that are there.
    names : tuple of str
        Quantities of the fit.
    noise : mapping of condition to float
        As of `noise_sd`.
    grid : PpmGrid
        Of the fit.

    Returns
    -------
    dict of str to float
        ``lipid_ratio``, ``diff_residue``, ``naa_left_in_on``, ``water_ratio``; those that can be measured.
    """
    figures = {"lipid_ratio": lipid_ratio(fit, names, grid)}
    if "diff" in fit.data:
        figures["diff_residue"] = diff_residue(fit, noise["diff"], grid)
    left = naa_left_in_on(spectra, fit, names, grid)
    if left is not None:
        figures["naa_left_in_on"] = left
    water: Any = spectra.history.get("water", {}).get("ratio")
    if water is not None:
        figures["water_ratio"] = float(water)
    return figures


def lipid_ratio(fit: FitResult, names: tuple[str, ...], grid: PpmGrid) -> float:
    """Broad signal around 1.3 ppm that metabolites do not explain, relative to the highest fitted line."""
    sigma = LIPID_WIDTH_PPM / grid.step_ppm / (2 * np.sqrt(2 * np.log(2)))
    inside = _band(grid, LIPID_PPM)
    metabolites = [index for index, name in enumerate(names) if name not in BACKGROUND]
    heights = [
        np.abs(gaussian_filter1d((fit.data[c] - parts[metabolites].sum(axis=0)).real, sigma))[inside].max()
        for c, parts in fit.components.items()
    ]
    return float(max(heights)) / _highest(fit)


def diff_residue(fit: FitResult, noise_sd: float, grid: PpmGrid) -> float:
    """Root mean square of the rest of DIFF around choline, without the noise's share, over the highest fitted line."""
    inside = _band(grid, RESIDUE_PPM)
    rest = (fit.data["diff"] - fit.components["diff"].sum(axis=0) - fit.baseline["diff"])[inside]
    power = float(np.mean(np.abs(rest) ** 2)) - 2 * noise_sd**2
    return float(np.sqrt(max(power, 0.0))) / _highest(fit)


def naa_left_in_on(spectra: EditedSpectra, fit: FitResult, names: tuple[str, ...], grid: PpmGrid) -> float | None:
    """Share of NAA's line in edit_off that is left in edit_on; None where there is no ON or hardly any NAA."""
    if spectra.edit_on is None or "edit_off" not in fit.components or "NAA" not in names:
        return None
    inside = _band(grid, NAA_PPM_WINDOW)
    line = fit.components["edit_off"][names.index("NAA")].real[inside]
    if line.max() < MIN_NAA * _highest(fit):
        return None
    shift_hz = fit.parameters["shift_ppm"] * spectra.f0_mhz
    phase = np.deg2rad(fit.parameters["phase_deg"])
    time_s = time_axis(spectra.n_points, spectra.dwell_s)
    upright = spectra.edit_on * np.exp(-1j * (phase + 2 * np.pi * shift_hz * time_s))
    on = grid.evaluate(upright, spectra.dwell_s, spectra.f0_mhz).real[inside]
    return float(on @ line / (line @ line))


def artefact_flags(
    figures: Mapping[str, float], fwhm_hz: float, f0_mhz: float, limits: ArtefactLimits | None = None
) -> list[Flag]:
    """Flags of the figures of `measure`, and of the line width (Hz)."""
    limits = limits or ArtefactLimits()
    flags = []
    if figures.get("lipid_ratio", 0.0) > limits.lipid:
        flags.append(Flag("lipid", f"{100 * figures['lipid_ratio']:.0f} % of the highest line"))
    if figures.get("diff_residue", 0.0) > limits.residue:
        flags.append(Flag("subtraction_artefact", f"{100 * figures['diff_residue']:.1f} % of the highest line"))
    if figures.get("naa_left_in_on", 0.0) > limits.naa_left:
        flags.append(Flag("editing_missed", f"{100 * figures['naa_left_in_on']:.0f} % of NAA is left in ON"))
    if figures.get("water_ratio", 0.0) > limits.water:
        flags.append(Flag("water_suppression_poor", f"{figures['water_ratio']:.0f} times the highest line"))
    if fwhm_hz > limits.width_ppm * f0_mhz:
        flags.append(Flag("broad_lines", f"{fwhm_hz:.1f} Hz, {fwhm_hz / f0_mhz:.2f} ppm"))
    return flags


def _highest(fit: FitResult) -> float:
    """Highest point of the fitted signal of any condition."""
    return max(max(float(np.abs(c.sum(axis=0)).max()) for c in fit.components.values()), 1e-300)


def _band(grid: PpmGrid, window_ppm: tuple[float, float]) -> NDArray:
    return (grid.ppm > window_ppm[0]) & (grid.ppm < window_ppm[1])
