# SPDX-License-Identifier: Apache-2.0
"""Linear-combination fit of both conditions: the classical answer, and the spectrum of the network's answer.

Nuisance parameters (line shape, frequency, phase, mismatch of DIFF) are found by nonlinear least squares, amplitudes
inside by linear least squares with amplitudes >= 0 (variable projection: Golub and Pereyra 1973, SIAM J Numer Anal
10:413, doi 10.1137/0710036). The baseline is a cubic spline with a penalty on its power, projected out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares, nnls

from fsl_mrs_dl.core.data import EditedSpectra
from fsl_mrs_dl.core.units import time_axis
from fsl_mrs_dl.models.inputs import PpmGrid
from fsl_mrs_dl.physics.simulate import voigt_decay
from fsl_mrs_dl.quantify.signals import BasisSignals

DIFF_WEIGHT = 2.0
"""Weight of DIFF relative to edit_off: what disturbs both conditions alike cancels in it."""


KNOT_PPM = 0.5
"""Distance of the spline's knots (0.4 to 0.55 ppm do well in GABA-edited spectra: Zoellner et al. 2022, NMR Biomed
35:e4618, doi 10.1002/nbm.4618)."""

BASELINE_PENALTY = 0.02
"""Weight of the baseline's own power in what is minimised. A baseline of the data's size is followed to 2 %; one that
grows beyond the data to cancel signals that are not there costs more than it explains."""

AMPLITUDE_PENALTY = 1e-5
"""The same of amplitudes, each counted as if it showed like the quantity that shows best. Without it, what hardly
shows (Cr in a DIFF) may take any size."""

_DEGREE = 3
"""Of the baseline's splines."""

_KEPT = 8
"""Model spectra of each condition that are remembered: one more than a step of the Jacobian asks for in between."""

MAX_SHIFT_PPM, MAX_PHASE_DEG, MAX_WIDTH_HZ = 0.05, 35.0, 25.0
"""Bounds of shift, phase, and of either width."""


@dataclass(frozen=True)
class FitResult:
    """A fit.

    Parameters
    ----------
    amplitudes : array, shape ``(n_names,)``
    parameters : dict
        ``shift_ppm``, ``phase_deg``, ``lorentz_hz``, ``gauss_hz``, and for two conditions ``diff_shift_hz``,
        ``diff_phase_deg``; ``amplitude`` (the factor that would fit given amplitudes best, 1 where they were fitted).
    data, baseline : dict of condition to complex array, shape ``(n_points_of_grid,)``
        Data corrected by the fitted shift and phase, and baseline, on the grid.
    components : dict of condition to complex array, shape ``(n_names, n_points_of_grid)``
        Each quantity's part of the fit.
    decay : complex array, shape ``(n_points,)``
        Fitted line shape over time.
    fitted_fid : complex array, shape ``(n_points,)``
        Fitted signal of DIFF (of the only condition where there is one), without baseline, in the frequency and
        phase of the spectra that were fitted.
    function_fids : complex array, shape ``(n_names, n_points)``
        One unit of each quantity in the same: ``amplitudes @ function_fids`` is `fitted_fid`.
    """

    amplitudes: NDArray
    parameters: dict[str, float]
    data: dict[str, NDArray]
    baseline: dict[str, NDArray]
    components: dict[str, NDArray]
    decay: NDArray
    fitted_fid: NDArray
    function_fids: NDArray


def fit_linear_combination(
    spectra: EditedSpectra,
    signals: BasisSignals,
    grid: PpmGrid,
    *,
    fixed: NDArray | None = None,
    start: dict[str, float] | None = None,
) -> FitResult:
    """Fit the spectra with the basis.

    Parameters
    ----------
    spectra : EditedSpectra
        Referenced and phased.
    signals : BasisSignals
    grid : PpmGrid
        Where data and model are compared.
    fixed : array, shape ``(n_names,)``, optional
        Amplitudes to be held: only the nuisance parameters are then fitted (with a common factor, which is reported
        as ``amplitude`` and not applied: a wrong scale has to show in the residual).
    start : dict, optional
        Starting values, as in `FitResult.parameters`.

    Returns
    -------
    FitResult
    """
    problem = FitProblem(spectra, signals, grid, list(signals.fids), fixed)
    x0 = problem.start(start or {})
    solution = least_squares(
        problem.residual, x0, bounds=problem.bounds, x_scale=problem.scales, max_nfev=60, xtol=1e-6, ftol=1e-7
    )
    return problem.result(solution.x)


class FitProblem:
    """Residual of the fit as a function of its nuisance parameters, amplitudes and baseline solved for inside."""

    def __init__(
        self, spectra: EditedSpectra, signals: BasisSignals, grid: PpmGrid, conditions: list[str], fixed: NDArray | None
    ) -> None:
        self.spectra, self.grid, self.conditions, self.fixed = spectra, grid, conditions, fixed
        self.names = signals.names
        self.time_s = time_axis(spectra.n_points, spectra.dwell_s)
        self.fids = {c: (signals.fids[c] if fixed is None else (fixed @ signals.fids[c])[None]) for c in conditions}
        self.signals = signals
        self.data = {c: self._evaluate(getattr(spectra, c)) for c in conditions}
        self.weights = {c: DIFF_WEIGHT if c == "diff" and len(conditions) > 1 else 1.0 for c in conditions}
        self.unit = float(np.sqrt(np.mean([np.mean(np.abs(self.data[c]) ** 2) for c in conditions])))
        # the spline's columns are orthonormal, so that projecting it out is two products
        self.spline = np.linalg.qr(spline_columns(grid, KNOT_PPM))[0]
        self.target = np.hstack([self._weighted(self.data[c][None], c)[0] for c in conditions]) / self.unit
        self.n_used = grid.n_used(spectra.n_points, spectra.dwell_s)
        self._rows: dict[str, dict[tuple[float, ...], NDArray]] = {c: {} for c in conditions}
        phase = np.deg2rad(MAX_PHASE_DEG)
        limits = [
            (-MAX_SHIFT_PPM, MAX_SHIFT_PPM, 0.003),
            (-phase, phase, 0.05),
            (0.0, MAX_WIDTH_HZ, 1.0),
            (0.0, MAX_WIDTH_HZ, 1.0),
        ]
        if len(conditions) > 1:
            limits += [(-2.0, 2.0, 0.2), (-0.25, 0.25, 0.03)]
        low, high, scale = np.array(limits).T
        self.bounds, self.scales = (low, high), scale

    def _evaluate(self, fid: NDArray) -> NDArray:
        return self.grid.evaluate(fid, self.spectra.dwell_s, self.spectra.f0_mhz)

    def start(self, given: dict[str, float]) -> NDArray:
        """Nuisance parameters to begin with, inside their bounds."""
        values = [
            given.get("shift_ppm", 0.0),
            np.deg2rad(given.get("phase_deg", 0.0)),
            given.get("lorentz_hz", 2.0),
            given.get("gauss_hz", 2.0),
            given.get("diff_shift_hz", 0.0),
            np.deg2rad(given.get("diff_phase_deg", 0.0)),
        ]
        low, high = self.bounds
        return np.clip(values[: len(low)], low + 1e-6, high - 1e-6)

    def model(self, x: NDArray, fids: dict[str, NDArray]) -> dict[str, NDArray]:
        """Spectra of the signals under the nuisance parameters, on the grid; by condition ``(n_signals, n_grid)``."""
        return {c: self._spectra(x, c, fids) for c in self.conditions}

    def _spectra(self, x: NDArray, condition: str, fids: dict[str, NDArray]) -> NDArray:
        n = self.n_used
        return self._evaluate(fids[condition][:, :n] * self._factor(x, condition, self.time_s[:n]))

    def _place(self, x: NDArray, condition: str) -> tuple[float, ...]:
        """What the spectra of a condition follow from: shift (Hz), phase (rad), widths (Hz)."""
        shift_hz, phase = x[0] * self.spectra.f0_mhz, x[1]
        if condition == "diff" and len(self.conditions) > 1:
            shift_hz, phase = shift_hz + x[4], phase + x[5]
        return shift_hz, phase, x[2], x[3]

    def _factor(self, x: NDArray, condition: str, time_s: NDArray) -> NDArray:
        """Decay, frequency and phase over time."""
        shift_hz, phase, lorentz_hz, gauss_hz = self._place(x, condition)[:4]
        return np.exp(1j * (phase + 2 * np.pi * shift_hz * time_s)) * voigt_decay(time_s, lorentz_hz, gauss_hz)

    def _matrix(self, x: NDArray, condition: str) -> NDArray:
        """Rows of the signals in one condition.

        What moves DIFF alone leaves edit_off as it was, a seventh of all that the Jacobian asks for.
        """
        known, place = self._rows[condition], self._place(x, condition)
        if place not in known:
            if len(known) >= _KEPT:
                del known[next(iter(known))]
            known[place] = self._weighted(self._spectra(x, condition, self.fids), condition)
        return known[place]

    def _weighted(self, values: NDArray, condition: str) -> NDArray:
        return self.weights[condition] * self._project(values)

    def _project(self, values: NDArray) -> NDArray:
        """What a penalised spline leaves of complex rows; real and imaginary parts side by side.

        The last columns are the penalty of the spline that was taken off: their squares add up to it.
        """
        coefficients = values @ self.spline
        rest = values - coefficients @ self.spline.T
        penalty = np.sqrt(BASELINE_PENALTY / (1 + BASELINE_PENALTY)) * coefficients
        return np.concatenate([rest.real, rest.imag, penalty.real, penalty.imag], axis=-1)

    def solve(self, x: NDArray) -> tuple[NDArray, NDArray]:
        """Amplitudes and matrix (scaled) at the nuisance parameters `x`."""
        matrix = np.hstack([self._matrix(x, c) for c in self.conditions]) / self.unit
        # normal equations through a Cholesky factor: the matrix has thousands of rows and two dozen columns
        gram = matrix @ matrix.T
        highest = max(float(np.diag(gram).max()), 1e-300)
        if self.fixed is None:
            gram[np.diag_indices_from(gram)] += AMPLITUDE_PENALTY * highest
        size = np.sqrt(np.maximum(np.diag(gram), 1e-30 * highest))
        factor = np.linalg.cholesky(gram / np.outer(size, size) + 1e-7 * np.eye(len(gram)))
        right = np.linalg.solve(factor, (matrix @ self.target) / size)
        amplitudes, _ = nnls(factor.T, right)
        return amplitudes / size, matrix

    def residual(self, x: NDArray) -> NDArray:
        """What the best amplitudes leave at the nuisance parameters `x`, with the penalty of the baseline."""
        amplitudes, matrix = self.solve(x)
        return self.target - amplitudes @ matrix

    def result(self, x: NDArray) -> FitResult:
        """The fit at the nuisance parameters `x`."""
        amplitudes, _ = self.solve(x)
        factor = 1.0
        if self.fixed is not None:
            factor = float(amplitudes[0])
            amplitudes = self.fixed
        # turned back by the fitted phase and shift, so that pictures show upright lines in their places
        upright = x.copy()
        upright[0] = upright[1] = 0.0
        components = self.model(upright, self.signals.fids)
        shift_hz = x[0] * self.spectra.f0_mhz
        back = np.exp(-1j * (x[1] + 2 * np.pi * shift_hz * self.time_s))
        data, baseline = {}, {}
        for condition in self.conditions:
            data[condition] = self._evaluate(getattr(self.spectra, condition) * back)
            components[condition] = components[condition] * amplitudes[:, None]
            rest = data[condition] - components[condition].sum(axis=0)
            baseline[condition] = (rest @ self.spline) @ self.spline.T / (1 + BASELINE_PENALTY)
        parameters = {
            "shift_ppm": float(x[0]),
            "phase_deg": float(np.rad2deg(x[1])),
            "lorentz_hz": float(x[2]),
            "gauss_hz": float(x[3]),
            "amplitude": factor,
        }
        if len(self.conditions) > 1:
            parameters |= {"diff_shift_hz": float(x[4]), "diff_phase_deg": float(np.rad2deg(x[5]))}
        condition = "diff" if "diff" in self.conditions else self.conditions[0]
        functions = self.signals.fids[condition] * self._factor(x, condition, self.time_s)
        decay = voigt_decay(self.time_s, x[2], x[3])
        return FitResult(amplitudes, parameters, data, baseline, components, decay, amplitudes @ functions, functions)


def spline_columns(grid: PpmGrid, knot_ppm: float) -> NDArray:
    """Cubic B-splines over the grid, shape ``(n_grid, n_splines)``.

    By the recursion of de Boor 1972, J Approx Theory 6:50, doi 10.1016/0021-9045(72)90080-9; the same bits as
    ``scipy.interpolate.BSpline.design_matrix``, whose import takes longer than all that is done with it.
    """
    n_intervals = max(1, round((grid.high_ppm - grid.low_ppm) / knot_ppm))
    inner = np.linspace(grid.low_ppm, grid.high_ppm, n_intervals + 1)
    knots = np.concatenate([[inner[0]] * _DEGREE, inner, [inner[-1]] * _DEGREE])
    ppm, n_splines = grid.ppm, n_intervals + _DEGREE
    # the interval of each point, and the splines that are not zero there
    interval = np.clip(np.searchsorted(knots, ppm, side="right") - 1, _DEGREE, n_splines - 1)
    values = np.zeros((_DEGREE + 1, ppm.size))
    values[0] = 1.0
    for degree in range(1, _DEGREE + 1):
        lower, values[0] = values[:degree].copy(), 0.0
        for k in range(1, degree + 1):
            left, right = knots[interval + k - degree], knots[interval + k]
            share = lower[k - 1] / (right - left)
            values[k - 1] += share * (right - ppm)
            values[k] = share * (ppm - left)
    columns = np.zeros((ppm.size, n_splines))
    for k in range(_DEGREE + 1):
        columns[np.arange(ppm.size), interval - _DEGREE + k] = values[k]
    return columns
