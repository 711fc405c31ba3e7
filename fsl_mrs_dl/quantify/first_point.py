# SPDX-License-Identifier: Apache-2.0
"""Detection, from the spectrum, of an acquisition that did not start at the echo without the header saying so.

A start `s` after the echo turns every line by ``2 pi f s``. Phases of single lines tell half a millisecond only where
no neighbour turns them (`fsl_mrs_dl.preprocess.start`); the fit of everything known has the neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from fsl_mrs_dl.core.data import EditedSpectra
from fsl_mrs_dl.core.flags import Flag
from fsl_mrs_dl.core.units import ppm_to_hz
from fsl_mrs_dl.models.inputs import PpmGrid
from fsl_mrs_dl.quantify.lincomb import FitProblem, FitResult
from fsl_mrs_dl.quantify.signals import BasisSignals

MIDDLE_PPM = 2.6
"""Turning about the middle of the lines leaves the common phase what it is."""

MAX_START_S, UNIT_S = 3e-3, 1e-3

USUAL_S = (-0.22e-3, 0.27e-3)
"""Starts that are found where the first point was taken at the echo: of a pair -0.14 to 0.17 ms in 33 virtual and
measured ones (every third or fourth of ``phantom_dev`` and ``invivo_*dev``, and ``invivo_raw``). The same data half a
millisecond late or early are found about 0.5 ms from there, most of them outside."""

USUAL_DIFF_S = (-0.16e-3, 0.42e-3)
"""The same of a DIFF alone: 0.03 to 0.28 ms in 17 of those pairs and in the 11 usable ones of ``invivo_diff``."""

MISFIT_FACTOR = 3.0
"""Misfit is not white noise: the standard deviation of the start counts this much more."""

N_STEPS, DIFFERENCE = 6, 1e-2
"""Gauss-Newton steps from the finished fit, all with the derivatives taken there (by differences of this share of each
parameter's scale)."""

NEAR_S = 0.15e-3
"""Where these steps find less than this, the fit is done."""

MAX_EVALUATIONS = 12


@dataclass(frozen=True)
class Start:
    """When the first point seems to have been taken after the echo, s, its standard deviation, and what is usual."""

    start_s: float
    sd_s: float
    usual_s: tuple[float, float] = USUAL_S

    @property
    def unusual(self) -> bool:
        """Whether it lies outside what is usual by more than its own error."""
        low, high = self.usual_s
        return not low - self.sd_s <= self.start_s <= high + self.sd_s


def apparent_start(spectra: EditedSpectra, signals: BasisSignals, grid: PpmGrid, fit: FitResult) -> Start:
    """The start with which the free fit follows the spectra best.

    Parameters
    ----------
    spectra : EditedSpectra
    signals : BasisSignals
        Of everything known.
    grid : PpmGrid
    fit : FitResult
        Of `signals`, with the first point at the echo.
    """
    problem = _Late(spectra, signals, grid, list(signals.fids), None)
    x = np.append(problem.start(fit.parameters), 0.0)
    scales = np.append(problem.scales, 0.1)
    jacobian, rest = _jacobian(problem, x, scales)
    steps = np.linalg.pinv(jacobian)
    for _ in range(N_STEPS):
        x = problem.inside(x - scales * (steps @ rest))
        rest = problem.residual(x)
    if abs(x[-1]) * UNIT_S > NEAR_S:
        # the widths of narrow lines follow slowly: only where it matters are they followed to the end
        found = least_squares(problem.residual, x, bounds=problem.all_bounds, x_scale=scales, max_nfev=MAX_EVALUATIONS)
        x, rest = found.x, found.fun
    variance = float(rest @ rest) / max(rest.size - x.size, 1) * float(steps[-1] @ steps[-1])
    usual_s = USUAL_DIFF_S if spectra.present == ("diff",) else USUAL_S
    return Start(float(x[-1]) * UNIT_S, MISFIT_FACTOR * float(np.sqrt(variance)) * scales[-1] * UNIT_S, usual_s)


def _jacobian(problem: _Late, x: NDArray, scales: NDArray) -> tuple[NDArray, NDArray]:
    """Change of the residual with each parameter, in units of `scales`, and the residual."""
    rest = problem.residual(x)
    moved = [problem.inside(x + DIFFERENCE * scales * unit) for unit in np.eye(x.size)]
    # at a bound it is the other side that is free
    moved = [
        m if np.any(m != x) else x - DIFFERENCE * scales * unit for m, unit in zip(moved, np.eye(x.size), strict=True)
    ]
    columns = [(problem.residual(m) - rest) / np.sum((m - x) / scales) for m in moved]
    return np.stack(columns, axis=1), rest


class _Late(FitProblem):
    """The fit with one parameter more, last: the start in units of `UNIT_S`."""

    @property
    def all_bounds(self) -> tuple[NDArray, NDArray]:
        """Lowest and highest parameters."""
        limit = MAX_START_S / UNIT_S
        return np.append(self.bounds[0], -limit), np.append(self.bounds[1], limit)

    def inside(self, x: NDArray) -> NDArray:
        """Parameters a little within their bounds."""
        low, high = self.all_bounds
        return np.clip(x, low + 1e-6, high - 1e-6)

    def _place(self, x: NDArray, condition: str) -> tuple[float, ...]:
        return (*super()._place(x, condition), x[-1])

    def _spectra(self, x: NDArray, condition: str, fids: dict[str, NDArray]) -> NDArray:
        f0_mhz = self.spectra.f0_mhz
        away_hz = np.asarray(ppm_to_hz(self.grid.ppm, f0_mhz)) - float(ppm_to_hz(MIDDLE_PPM, f0_mhz))
        return super()._spectra(x, condition, fids) * np.exp(2j * np.pi * away_hz * x[-1] * UNIT_S)


def first_point_flags(start: Start) -> list[Flag]:
    """A caution where the spectra look as with a first point that was not taken at the echo."""
    if not start.unusual:
        return []
    return [Flag("first_order_phase", f"as by a start of {1e3 * start.start_s:+.1f} ms")]
