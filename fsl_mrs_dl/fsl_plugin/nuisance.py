# SPDX-License-Identifier: Apache-2.0
"""Nuisance parameters of FSL-MRS's model with the concentrations held: one common amplitude, line shape, shift, phase.

The model is FSL-MRS's (Clarke et al. 2021, Magn Reson Med 85:2950, doi 10.1002/mrm.28630), written here from its
formula: ``exp(-i (phi0 + phi1 nu)) FT[sum_k c_k b_k(t) exp(-(i eps + gamma + t sigma^2) t)] + baseline``. Amplitude,
baseline and the concentrations of functions that the network does not know are linear, and are solved for inside
(variable projection: Golub and Pereyra 1973, SIAM J Numer Anal 10:413, doi 10.1137/0710036).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares, nnls

MAX_SHIFT_PPM = 0.3
"""Common shift that is searched for the start."""

MAX_PHI1_S = 2 * np.pi * 1e-3
"""Bound of the first-order phase: 1 ms of delay."""

MAX_FREE_SHIFT_PPM = 0.05
"""Bound of the shift of one metabolite against the common one."""

MAX_WIDTH_HZ = 40.0


@dataclass(frozen=True)
class FslProblem:
    """What FSL-MRS's model needs, as arrays.

    Parameters
    ----------
    fid : complex array, shape ``(n,)``
    basis : complex array, shape ``(n, n_basis)``
    time_s, freq_hz : arrays, shape ``(n,)``
        FSL-MRS's own axes.
    regressors : complex array, shape ``(n, n_baseline)``
        Columns of the baseline, each with one real coefficient; none when it is disabled.
    penalty : array, shape ``(n_baseline, n_baseline)``, or None
        Quadratic penalty of the baseline's coefficients.
    groups : tuple of int
        Group of each basis function.
    first, last : int
        Points that are fitted.
    ppm_hz : float
        Hz per ppm.
    gaussian, free_shift : bool
        Whether the model has sigma, and a shift of its own for each basis function.
    """

    fid: NDArray
    basis: NDArray
    time_s: NDArray
    freq_hz: NDArray
    regressors: NDArray
    penalty: NDArray | None
    groups: tuple[int, ...]
    first: int
    last: int
    ppm_hz: float
    gaussian: bool = True
    free_shift: bool = False

    @property
    def n_groups(self) -> int:
        """Number of metabolite groups."""
        return max(self.groups) + 1


@dataclass(frozen=True)
class NuisanceFit:
    """The answer, in FSL-MRS's units.

    `amplitude` is the common factor of the held concentrations; `gamma`, `sigma` by group (rad/s), `eps` by group or
    by basis function (rad/s), `phi0` (rad), `phi1` (rad s); `baseline` one real number per column; `left`
    the share of the data's power (less the baseline) that is left over.
    """

    concentrations: NDArray
    amplitude: float
    gamma: NDArray
    sigma: NDArray
    eps: NDArray
    phi0: float
    phi1: float
    baseline: NDArray
    left: float

    def vector(self, *, gaussian: bool) -> NDArray:
        """All parameters in FSL-MRS's order."""
        sigma = self.sigma if gaussian else np.zeros(0)
        return np.concatenate([self.concentrations, self.gamma, sigma, self.eps, [self.phi0, self.phi1], self.baseline])


def spectrum_of(fids: NDArray) -> NDArray:
    """Transform of FIDs along axis 0 as FSL-MRS takes it: unitary, first point halved, 0 Hz in the middle."""
    halved = np.array(fids, dtype=complex)
    halved[0] *= 0.5
    return np.fft.fftshift(np.fft.fft(halved, axis=0, norm="ortho"), axes=0)


def fit_nuisance(problem: FslProblem, held: NDArray) -> NuisanceFit:
    """Fit all but the concentrations that are held.

    Parameters
    ----------
    problem : FslProblem
    held : array, shape ``(n_basis,)``
        Relative concentrations; NaN for the basis functions that are to be fitted (at 0 or above).
    """
    state = _State(problem, np.asarray(held, float))
    x0, low, high, scale = state.start()
    solution = least_squares(state.residual, x0, bounds=(low, high), x_scale=scale, max_nfev=60, xtol=1e-7, ftol=1e-8)
    return state.answer(solution.x)


class _State:
    def __init__(self, problem: FslProblem, held: NDArray) -> None:
        self.p, self.held = problem, held
        self.free = np.flatnonzero(np.isnan(held))
        self.known = np.where(np.isnan(held), 0.0, held)
        self.groups = np.array(problem.groups)
        self.window = slice(problem.first, problem.last)
        data = spectrum_of(problem.fid)[self.window]
        self.unit = float(np.linalg.norm(data)) or 1.0
        columns = problem.regressors[self.window]
        stacked = np.vstack([columns.real, columns.imag])
        n_penalty = 0
        if problem.penalty is not None and stacked.shape[1]:
            values, vectors = np.linalg.eigh(problem.penalty)
            stacked = np.vstack([stacked, np.sqrt(np.maximum(values, 0))[:, None] * vectors.T])
            n_penalty = len(values)
        self.n_penalty, self.columns = n_penalty, stacked
        self.orthonormal = np.linalg.qr(stacked)[0] if stacked.shape[1] else np.zeros((len(stacked), 0))
        self.data = self._stack(data)

    def _stack(self, spectra: NDArray) -> NDArray:
        """Real over imaginary part, and zeros where the penalty of the baseline stands."""
        zeros = np.zeros((self.n_penalty, *spectra.shape[1:]))
        return np.concatenate([spectra.real, spectra.imag, zeros])

    def _project(self, stacked: NDArray) -> NDArray:
        return stacked - self.orthonormal @ (self.orthonormal.T @ stacked)

    def start(self) -> tuple[NDArray, NDArray, NDArray, NDArray]:
        """Start from the shift and phase at which the sum of the held functions meets the data best."""
        p = self.p
        shift_hz, phase = _shift_and_phase(p, p.basis @ self.known)
        g, ppm_rad = p.n_groups, 2 * np.pi * p.ppm_hz
        wide = np.pi * MAX_WIDTH_HZ
        blocks = [(np.full(g, 5.0), 0.0, wide, 5.0)]
        if p.gaussian:
            blocks.append((np.full(g, 5.0), 0.0, wide, 5.0))
        eps = -2 * np.pi * shift_hz
        n_eps, reach = (p.basis.shape[1], MAX_FREE_SHIFT_PPM) if p.free_shift else (g, 0.1)
        blocks.append((np.full(n_eps, eps), eps - reach * ppm_rad, eps + reach * ppm_rad, 2.0))
        blocks.append((np.array([-phase]), -phase - np.pi, -phase + np.pi, 0.1))
        blocks.append((np.zeros(1), -MAX_PHI1_S, MAX_PHI1_S, 1e-4))
        x0 = np.concatenate([b[0] for b in blocks])
        low, high, scale = (np.concatenate([np.full(len(b[0]), b[k]) for b in blocks]) for k in (1, 2, 3))
        return x0, low, high, scale

    def split(self, x: NDArray) -> tuple[NDArray, NDArray, NDArray, float, float]:
        p, g = self.p, self.p.n_groups
        gamma, rest = x[:g], x[g:]
        sigma, rest = (rest[:g], rest[g:]) if p.gaussian else (np.zeros(g), rest)
        return gamma, sigma, rest[:-2], float(rest[-2]), float(rest[-1])

    def signals(self, x: NDArray) -> NDArray:
        """Stacked spectra of the held sum and of each free function, shape ``(n_rows, 1 + n_free)``."""
        p = self.p
        gamma, sigma, eps, phi0, phi1 = self.split(x)
        t = p.time_s[:, None]
        by_group = np.exp(-(gamma + t * sigma**2) * t)
        shifts = np.exp(-1j * eps * t)
        if p.free_shift:
            # one shift for each function: no sum can be taken before
            moved = p.basis * shifts * by_group[:, self.groups]
            fids = np.column_stack([moved @ self.known, moved[:, self.free]])
        else:
            factor = by_group * shifts
            total = np.zeros(len(p.time_s), dtype=complex)
            for group in range(p.n_groups):
                total += factor[:, group] * self._sum_of(group)
            fids = np.column_stack([total, p.basis[:, self.free] * factor[:, self.groups[self.free]]])
        turn = np.exp(-1j * (phi0 + phi1 * p.freq_hz[self.window]))
        return self._stack(turn[:, None] * spectrum_of(fids)[self.window])

    def _sum_of(self, group: int) -> NDArray:
        if not hasattr(self, "_sums"):
            self._sums = [self.p.basis @ np.where(self.groups == g, self.known, 0.0) for g in range(self.p.n_groups)]
        return self._sums[group]

    def solve(self, x: NDArray) -> tuple[NDArray, NDArray]:
        """Amplitudes (common factor first) and what they leave, baseline projected out."""
        columns = self._project(self.signals(x))
        target = self._project(self.data)
        size = np.linalg.norm(columns, axis=0)
        size[size == 0] = 1.0
        amplitudes = nnls(columns / size, target)[0] / size
        return amplitudes, target - columns @ amplitudes

    def residual(self, x: NDArray) -> NDArray:
        return self.solve(x)[1] / self.unit

    def answer(self, x: NDArray) -> NuisanceFit:
        amplitudes, rest = self.solve(x)
        power = float(np.sum(self._project(self.data) ** 2))
        concentrations = amplitudes[0] * self.known
        concentrations[self.free] = amplitudes[1:]
        baseline = np.zeros(0)
        if self.columns.shape[1]:
            baseline = np.linalg.lstsq(self.columns, self.data - self.signals(x) @ amplitudes, rcond=None)[0]
        gamma, sigma, eps, phi0, phi1 = self.split(x)
        return NuisanceFit(
            concentrations,
            float(amplitudes[0]),
            gamma,
            sigma,
            eps,
            phi0,
            phi1,
            baseline,
            float(np.sum(rest**2)) / power if power > 0 else 0.0,
        )


def _shift_and_phase(problem: FslProblem, signal: NDArray) -> tuple[float, float]:
    """Shift in Hz and phase in rad that bring `signal` onto the data, both limited to the fitted window."""
    inside = np.zeros(len(problem.fid), dtype=bool)
    inside[problem.first : problem.last] = True
    decay = np.exp(-np.pi * 5.0 * problem.time_s)

    def limited(fid: NDArray) -> NDArray:
        return np.fft.ifft(np.fft.ifftshift(np.where(inside, spectrum_of(fid), 0))) * decay

    product = limited(problem.fid) * limited(signal).conj()
    n = 8 * len(product)
    dwell_s = float(problem.time_s[1] - problem.time_s[0])
    values, freq_hz = np.fft.fft(product, n), np.fft.fftfreq(n, dwell_s)
    near = np.abs(freq_hz) <= MAX_SHIFT_PPM * problem.ppm_hz
    best = np.flatnonzero(near)[np.argmax(np.abs(values[near]))]
    return float(freq_hz[best]), float(np.angle(values[best]))
