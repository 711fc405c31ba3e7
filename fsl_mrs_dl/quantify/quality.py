# SPDX-License-Identifier: Apache-2.0
"""Quality of the data and of the fit: noise, line width, signal-to-noise ratios, residual."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.core.data import EditedSpectra
from fsl_mrs_dl.core.smooth import gaussian_smooth
from fsl_mrs_dl.core.units import ppm_axis
from fsl_mrs_dl.models.inputs import PpmGrid
from fsl_mrs_dl.quantify.lincomb import FitResult
from fsl_mrs_dl.quantify.result import MetaboliteQC

F0_FOR_NOISE_MHZ = 126.0
"""Proton frequency at 3 T; its exact value changes the estimate of smoothed noise by 2 %."""

SMOOTH_PPM = 0.05
"""Width (FWHM) to which spectra are broadened before data and fit are compared: a usual line in vivo."""


def noise_sd(fid: NDArray, dwell_s: float, f0_mhz: float, grid: PpmGrid) -> float:
    """Standard deviation of the noise of a spectrum on the grid, of its real part.

    Measured far from all signals (below -1 and above 8.5 ppm) where the bandwidth reaches that far, else on the last
    quarter of the FID; by the median absolute deviation of differences, which a smooth tail does not disturb.
    """
    used = fid[: max(2, int(grid.max_time_s / dwell_s))]
    # zero filling holds no noise
    measured = np.flatnonzero(used)
    n = int(measured[-1]) + 1 if len(measured) else 1
    used = used[:n]
    if n < 64:
        return 0.0
    spectrum = np.fft.fftshift(np.fft.fft(used)) * dwell_s
    ppm = ppm_axis(n, dwell_s, f0_mhz)
    quiet = (ppm < -1.0) | (ppm > 8.5)
    if quiet.sum() >= 64:
        values = spectrum[quiet]
        steps = np.concatenate([np.diff(values.real), np.diff(values.imag)])
        return float(1.4826 * np.median(np.abs(steps)) / np.sqrt(2))
    tail = used[3 * n // 4 :]
    steps = np.concatenate([np.diff(tail.real), np.diff(tail.imag)])
    return float(1.4826 * np.median(np.abs(steps)) / np.sqrt(2) * np.sqrt(n) * dwell_s)


def full_width_hz(ppm: NDArray, line: NDArray, f0_mhz: float) -> float:
    """Full width at half maximum of the highest line of a real spectrum, Hz; 0 where there is none."""
    peak = int(np.argmax(np.abs(line)))
    height = abs(line[peak])
    if height == 0:
        return 0.0
    line = line * np.sign(line[peak])

    def crossing(step: int) -> float:
        index = peak
        while 0 <= index + step < len(line) and line[index + step] > height / 2:
            index += step
        outer = index + step
        if not 0 <= outer < len(line):
            return float(ppm[index])
        share = (line[index] - height / 2) / (line[index] - line[outer])
        return float(ppm[index] + share * (ppm[outer] - ppm[index]))

    return abs(crossing(1) - crossing(-1)) * f0_mhz


def metabolite_quality(
    fit: FitResult, names: tuple[str, ...], noise: dict[str, float], grid: PpmGrid, f0_mhz: float
) -> dict[str, MetaboliteQC]:
    """SNR (highest point of its fitted part over the noise) and width of each quantity, where it shows best."""
    result = {}
    for index, name in enumerate(names):
        best, width = 0.0, 0.0
        for condition, components in fit.components.items():
            line = components[index].real
            snr = float(np.abs(line).max() / noise[condition]) if noise[condition] > 0 else 0.0
            if snr > best:
                best, width = snr, full_width_hz(grid.ppm, line, f0_mhz)
        result[name] = MetaboliteQC(snr=best, fwhm_hz=width)
    return result


def data_snr(fit: FitResult, noise: dict[str, float]) -> float:
    """Highest point of the fitted signal (without baseline) of any condition over its noise; infinite without noise.

    No more than the data reach: in a fit to noise alone components and baseline may cancel.
    """
    peaks = {
        condition: min(float(np.abs(c.sum(axis=0)).max()), float(np.abs(fit.data[condition]).max()))
        for condition, c in fit.components.items()
    }
    return max(peak / noise[condition] if noise[condition] > 0 else float("inf") for condition, peak in peaks.items())


def unexplained(fit: FitResult, noise: dict[str, float], grid: PpmGrid, acquisition_s: float) -> float:
    """Share of the signal's power that the fit leaves over, noise not counted; 0 to 1 and above.

    The signal is the data or the data without the fitted baseline, whichever is less: a baseline that belongs to the
    data does not hide what is left of the lines, and one that the data do not have does not either. All is broadened
    by `SMOOTH_PPM` first, so that very narrow lines a fraction of a hertz off their place do not count as
    unexplained. The largest share of any condition.
    """
    worst = 0.0
    inside = (grid.ppm > 1.8) & (grid.ppm < 4.1)
    sigma = SMOOTH_PPM / grid.step_ppm / (2 * np.sqrt(2 * np.log(2)))

    # white noise of a FID of length T has independent values 1 / T apart; a Gaussian of width s averages over
    # 2 sqrt(pi) s of them
    spread_hz = SMOOTH_PPM / (2 * np.sqrt(2 * np.log(2))) * F0_FOR_NOISE_MHZ
    smoothing = 1 / (min(acquisition_s, grid.max_time_s) * 2 * np.sqrt(np.pi) * spread_hz)

    def smooth(values: NDArray) -> NDArray:
        return gaussian_smooth(values.real, sigma) + 1j * gaussian_smooth(values.imag, sigma)

    for condition, components in fit.components.items():
        data, lines = (
            smooth(part)[inside] for part in (fit.data[condition], fit.data[condition] - fit.baseline[condition])
        )
        rest = lines - smooth(components.sum(axis=0))[inside]
        noise_power = 2 * noise[condition] ** 2 * min(1.0, smoothing)
        signal = min(float(np.mean(np.abs(part) ** 2)) for part in (data, lines))
        power = max(signal - noise_power, 1e-300)
        worst = max(worst, max(float(np.mean(np.abs(rest) ** 2)) - noise_power, 0.0) / power)
    return worst


def acquired_s(spectra: EditedSpectra) -> float:
    """Length of the FIDs, s."""
    return spectra.n_points * spectra.dwell_s


def measured_s(spectra: EditedSpectra) -> float:
    """Acquisition time of the FIDs, s: without the zeros that a scanner or a converter filled them up with."""
    return (spectra.measured_points or spectra.n_points) * spectra.dwell_s
