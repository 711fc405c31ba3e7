# SPDX-License-Identifier: Apache-2.0
"""Artefacts that show in the spectra: a quality figure for each, flagged beyond its threshold in `limits`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.core.data import EditedSpectra
from fsl_mrs_dl.core.flags import Flag
from fsl_mrs_dl.core.smooth import gaussian_smooth
from fsl_mrs_dl.core.units import time_axis
from fsl_mrs_dl.models.inputs import PpmGrid
from fsl_mrs_dl.quantify.limits import LIMITS
from fsl_mrs_dl.quantify.lincomb import FitResult

LIPID_PPM = (1.15, 1.75)
"""Between MM0.9 and the edited region: CH2 of lipid at 1.3 ppm stands here; lactate and alanine are fitted."""

LIPID_WIDTH_PPM = 0.1
"""What is looked for is broad: the rest of the fit is smoothed to this width (FWHM) first."""

RESIDUE_PPM = (3.10, 3.35)
"""Choline in DIFF, where no edited signal stands, so that everything there is residue: the window that Mikkelsen et al.
2018, Magn Reson Med 80:21 (doi 10.1002/mrm.27027) judge alignment by, widened by the tails of a dispersive line."""

NAA_LINES = ("NAA", "NAAG")
"""Quantities whose acetyl lines, at 2.01 and 2.04 ppm, the ON pulse wipes out together."""

NAA_PPM_WINDOW = (1.96, 2.06)

NAA_SURROUNDINGS_PPM = (1.80, 2.20)
"""Where NAA's line is measured against what it stands on: as far as macromolecules and lipid are smooth."""

BACKGROUND_DEGREE = 3
"""Of the polynomial that stands for them there."""

MIN_NAA = 0.1
"""NAA in edit_off, relative to the highest line, below which it does not tell what the editing pulse did."""

BACKGROUND = ("MM09",)
"""Fitted quantities that can take lipid's place, and so are not taken off before it is looked for."""


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
    water = spectra.history.water_ratio
    if water is not None:
        figures["water_ratio"] = float(water)
    return figures


def lipid_ratio(fit: FitResult, names: tuple[str, ...], grid: PpmGrid) -> float:
    """Broad signal around 1.3 ppm that metabolites do not explain, relative to the highest fitted line."""
    sigma = LIPID_WIDTH_PPM / grid.step_ppm / (2 * np.sqrt(2 * np.log(2)))
    inside = _band(grid, LIPID_PPM)
    metabolites = [index for index, name in enumerate(names) if name not in BACKGROUND]
    heights = [
        np.abs(gaussian_smooth((fit.data[c] - parts[metabolites].sum(axis=0)).real, sigma))[inside].max()
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
    """Share of NAA's line in edit_off that is left in edit_on; None where there is no ON or hardly any NAA.

    In both conditions the same is measured: how much of the fitted line stands on the local background, after the
    fitted neighbours (Glu, Gln, GABA ...) are taken off.
    """
    if spectra.edit_on is None or "edit_off" not in fit.components or not set(NAA_LINES) <= set(names):
        return None
    rows = [names.index(name) for name in NAA_LINES]
    line = fit.components["edit_off"][rows].sum(axis=0)
    if line.real[_band(grid, NAA_PPM_WINDOW)].max() < MIN_NAA * _highest(fit):
        return None
    # macromolecules belong to the background: their fitted shape is not good enough to be taken off
    others = [index for index, name in enumerate(names) if name not in (*NAA_LINES, *BACKGROUND)]
    neighbours_off, neighbours_diff = (fit.components[c][others].sum(axis=0) for c in ("edit_off", "diff"))
    on = _upright(spectra.edit_on, spectra, fit, grid)
    inside = _band(grid, NAA_SURROUNDINGS_PPM)
    in_off = _on_background((fit.data["edit_off"] - neighbours_off)[inside], line[inside])
    in_on = _on_background((on - neighbours_off - neighbours_diff)[inside], line[inside])
    return in_on / in_off if in_off > 0 else None


def _upright(fid: NDArray, spectra: EditedSpectra, fit: FitResult, grid: PpmGrid) -> NDArray:
    """A condition's spectrum in the frequency and phase of the fit's data."""
    shift_hz = fit.parameters["shift_ppm"] * spectra.f0_mhz
    turn = np.deg2rad(fit.parameters["phase_deg"]) + 2 * np.pi * shift_hz * time_axis(spectra.n_points, spectra.dwell_s)
    return grid.evaluate(fid * np.exp(-1j * turn), spectra.dwell_s, spectra.f0_mhz)


def _on_background(values: NDArray, line: NDArray) -> float:
    """Factor of `line` in complex `values`, beside a polynomial of `BACKGROUND_DEGREE` for what is under it."""
    powers = np.linspace(-1, 1, len(values))[:, None] ** np.arange(BACKGROUND_DEGREE + 1)
    columns = np.column_stack([line, powers])
    return float(np.linalg.lstsq(columns, values, rcond=None)[0][0].real)


def artefact_flags(figures: Mapping[str, float], fwhm_hz: float, f0_mhz: float) -> list[Flag]:
    """Flags of the figures of `measure`, and of the line width (Hz)."""
    flags = []
    if figures.get("lipid_ratio", 0.0) > LIMITS.lipid:
        flags.append(Flag("lipid", f"{100 * figures['lipid_ratio']:.0f} % of the highest line"))
    if figures.get("diff_residue", 0.0) > LIMITS.residue:
        flags.append(Flag("subtraction_artefact", f"{100 * figures['diff_residue']:.1f} % of the highest line"))
    if figures.get("naa_left_in_on", 0.0) > LIMITS.naa_left:
        flags.append(Flag("editing_missed", f"{100 * figures['naa_left_in_on']:.0f} % of NAA is left in ON"))
    if figures.get("water_ratio", 0.0) > LIMITS.water:
        flags.append(Flag("water_suppression_poor", f"{figures['water_ratio']:.0f} times the highest line"))
    if fwhm_hz > LIMITS.width_ppm * f0_mhz:
        flags.append(Flag("broad_lines", f"{fwhm_hz:.1f} Hz, {fwhm_hz / f0_mhz:.2f} ppm"))
    return flags


def _highest(fit: FitResult) -> float:
    """Highest point of the fitted signal of any condition."""
    return max(max(float(np.abs(c.sum(axis=0)).max()) for c in fit.components.values()), 1e-300)


def _band(grid: PpmGrid, window_ppm: tuple[float, float]) -> NDArray:
    return (grid.ppm > window_ppm[0]) & (grid.ppm < window_ppm[1])
