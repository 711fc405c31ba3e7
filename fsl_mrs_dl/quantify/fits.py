# SPDX-License-Identifier: Apache-2.0
"""The fits beside the network: the survey of everything known, the classical answer, the drawn network answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.core.data import EditedSpectra
from fsl_mrs_dl.metabolites.table import BROAD, SIMULATED
from fsl_mrs_dl.models.estimate import Estimate
from fsl_mrs_dl.models.inputs import PpmGrid
from fsl_mrs_dl.quantify.first_point import Start, apparent_start
from fsl_mrs_dl.quantify.limits import LIMITS
from fsl_mrs_dl.quantify.lincomb import FitResult, fit_linear_combination
from fsl_mrs_dl.quantify.line_agreement import Agreement, line_agreement
from fsl_mrs_dl.quantify.overlay import Overlay, overlay
from fsl_mrs_dl.quantify.quality import acquired_s, data_snr, noise_sd, unexplained
from fsl_mrs_dl.quantify.result import Panel
from fsl_mrs_dl.quantify.signals import BasisSignals, basis_signals


@dataclass(frozen=True)
class Survey:
    """A free fit with every known quantity, whatever a model estimates: it tells what is foreign.

    Parameters
    ----------
    spectra : EditedSpectra
    grid : PpmGrid
    basis : Path or None
    fit : FitResult
    names : tuple of str
        Quantities of the fit.
    noise : dict of str to float
        By condition, as of `noise_sd`.
    start : Start
        When the first point seems to have been taken.
    """

    spectra: EditedSpectra
    grid: PpmGrid
    basis: Path | None
    fit: FitResult
    names: tuple[str, ...]
    noise: dict[str, float]
    start: Start

    def left(self, fit: FitResult) -> float:
        """`unexplained` of a fit of these spectra."""
        return unexplained(fit, self.noise, self.grid, acquired_s(self.spectra))


@dataclass(frozen=True)
class Fits:
    """Fits with a model's quantities.

    Parameters
    ----------
    survey : Survey
    signals : BasisSignals
        Of the model's quantities.
    classical : FitResult
        Free.
    answer : FitResult
        With the network's amplitudes.
    drawn : Overlay
        The same, each group of protons with a shape of its own: the picture.
    hidden : frozenset of str
        Quantities that have no signal to speak of in what was measured.
    """

    survey: Survey
    signals: BasisSignals
    classical: FitResult
    answer: FitResult
    drawn: Overlay
    hidden: frozenset[str]

    @property
    def by_name(self) -> dict[str, FitResult]:
        """The answer reconstructed (``""``), the classical fit and the survey of everything known."""
        return {"": self.answer, "_classical": self.classical, "_known": self.survey.fit}

    @property
    def fwhm_hz(self) -> float:
        """Line width of the data: the classical fit's and what the basis had already."""
        found = self.classical.parameters
        return self.signals.lw_hz + voigt_fwhm_hz(found["lorentz_hz"], found["gauss_hz"])

    @property
    def snr(self) -> float:
        """Of the data, not of the network's answer."""
        return data_snr(self.classical, self.survey.noise)

    @property
    def classical_values(self) -> dict[str, float]:
        """Amplitudes of the classical fit, of what is visible."""
        values = zip(self.signals.names, self.classical.amplitudes, strict=True)
        return {name: float(value) for name, value in values if name not in self.hidden}

    def correlation(self, one: str, other: str) -> float:
        """Of the signals of two quantities at the width of the data; 0 where one is not in the basis."""
        if not {one, other} <= set(self.signals.names):
            return 0.0
        rows = [self.signals.names.index(name) for name in (one, other)]
        spectra, grid = self.survey.spectra, self.survey.grid
        a, b = np.hstack(
            [
                grid.evaluate(fids[rows] * self.classical.decay, spectra.dwell_s, spectra.f0_mhz)
                for fids in self.signals.fids.values()
            ]
        )
        return float(np.vdot(a, b).real / max(np.linalg.norm(a) * np.linalg.norm(b), 1e-300))

    def functions(self, *, refused: bool) -> dict[str, NDArray]:
        """One unit of each quantity as it was fitted, in the condition of the first panel."""
        fit = self.classical if refused else self.answer
        return dict(zip(self.signals.names, fit.function_fids, strict=True))

    @property
    def lines(self) -> tuple[Agreement, ...]:
        """Prominent lines of the data beside those of the picture."""
        survey = self.survey
        seconds = min(acquired_s(survey.spectra), survey.grid.max_time_s)
        shared = 1 / (seconds * survey.grid.step_ppm * survey.spectra.f0_mhz)
        return line_agreement(self.drawn, survey.grid, survey.noise, shared)

    def picture_figures(self) -> dict[str, float]:
        """Lines and sizes of the picture by name: ``line_Cr_3.03``, ``size_near_water_Cr+PCr_edit_off``."""
        lines = {f"line_{line.name.replace(' ', '_')}": line.ratio for line in self.lines}
        sizes = self.drawn.sizes.items()
        return lines | {f"size_near_water_{name.replace(', ', '_')}": size for name, size in sizes}

    def panels(self, *, refused: bool) -> tuple[Panel, ...]:
        """Pictures of the network's answer, of the classical one where the data were refused; DIFF first."""
        fit, names, grid = self.classical if refused else self.drawn, self.signals.names, self.survey.grid
        return tuple(
            Panel(
                name=condition,
                ppm=grid.ppm,
                data=fit.data[condition],
                fit=fit.components[condition].sum(axis=0) + fit.baseline[condition],
                baseline=fit.baseline[condition],
                components=dict(zip(names, fit.components[condition], strict=True)),
            )
            for condition in ("diff", "edit_off")
            if condition in self.signals.fids
        )


def make_survey(spectra: EditedSpectra, grid: PpmGrid, basis: Path | None = None) -> Survey:
    """Fit everything known; raises a DataError where `basis` does not suit the data."""
    signals = basis_signals(spectra, (*SIMULATED, *BROAD), basis)
    noise = {c: noise_sd(getattr(spectra, c), spectra.dwell_s, spectra.f0_mhz, grid) for c in signals.fids}
    fit = fit_linear_combination(spectra, signals, grid)
    start = apparent_start(spectra, signals, grid, fit)
    return Survey(spectra, grid, basis, fit, signals.names, noise, start)


def fit_answer(survey: Survey, outputs: Sequence[str], estimates: Sequence[Estimate]) -> Fits:
    """The fits with the quantities `outputs` of a model.

    The classical fit, being free, finds the nuisance parameters best; the network's answer is drawn from there.
    """
    spectra, grid = survey.spectra, survey.grid
    signals = basis_signals(spectra, outputs, survey.basis)
    classical = survey.fit
    if signals.names != survey.names:
        classical = fit_linear_combination(spectra, signals, grid, start=survey.fit.parameters)
    values = {e.name: e.value for e in estimates}
    amplitudes = np.array([values[name] for name in signals.names])
    answer = fit_linear_combination(spectra, signals, grid, fixed=amplitudes, start=classical.parameters)
    size = _size(classical, signals, spectra, grid)
    hidden = frozenset(np.array(signals.names)[size < LIMITS.visible * size.max()].tolist())
    drawn = overlay(spectra, signals, grid, amplitudes, answer, survey.noise)
    return Fits(survey, signals, classical, answer, drawn, hidden)


def _size(fit: FitResult, signals: BasisSignals, spectra: EditedSpectra, grid: PpmGrid) -> NDArray:
    """Norm of each quantity's signal per unit in all that is there, at the fitted width."""
    power = np.zeros(len(signals.names))
    for fids in signals.fids.values():
        power += (np.abs(grid.evaluate(fids * fit.decay, spectra.dwell_s, spectra.f0_mhz)) ** 2).sum(axis=1)
    return np.sqrt(power)


def voigt_fwhm_hz(lorentz_hz: float, gauss_hz: float) -> float:
    """Width of a Voigt line to 0.02 %: Olivero and Longbothum 1977, J Quant Spectrosc Radiat Transf 17:233."""
    return 0.5346 * lorentz_hz + float(np.sqrt(0.2166 * lorentz_hz**2 + gauss_hz**2))
