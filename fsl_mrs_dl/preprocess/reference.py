# SPDX-License-Identifier: Apache-2.0
"""Frequency reference and zero-order phase of a voxel's spectra, and the width of a line."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.optimize import minimize_scalar

from fsl_mrs_dl.core.constants import CHO_PPM, CR_CH2_PPM, CR_CH3_PPM, GLX_H2_PPM, NAA_PPM
from fsl_mrs_dl.core.data import EditedSpectra
from fsl_mrs_dl.core.flags import Flag
from fsl_mrs_dl.core.record import FrequencyReference
from fsl_mrs_dl.core.units import hz_to_ppm, ppm_to_hz, time_axis
from fsl_mrs_dl.preprocess.align import apply_alignment

OFF_PATTERN = ((NAA_PPM, 1.0), (CR_CH3_PPM, 1.0), (CR_CH2_PPM, 1.0), (CHO_PPM, 1.0))
"""Singlets of an edit_off spectrum: ppm and sign."""

ON_PATTERN = OFF_PATTERN[1:]
"""Editing takes NAA away."""

DIFF_PATTERN = ((NAA_PPM, -1.0), (GLX_H2_PPM, 1.0))
"""Lines of a DIFF spectrum: NAA upside down, Glx upright; Cr and Cho cancel."""

SEARCH_PPM = 0.4
"""Largest common shift looked for, ppm."""

PRIOR_SD_PPM = 0.35
"""Mild preference for small shifts: decides only between patterns that fit about equally well."""

WIDTHS_HZ = (1.5, 3.0, 5.0, 8.0, 12.0)
"""Line widths (FWHM) of the matched filter, Hz."""

MIN_LINE_SNR = 6.0
"""Below this the reference counts as uncertain."""

WIDTH_SEARCH_PPM = 0.1
"""How far from its place the line may stand whose width is measured, ppm."""


def _filtered(fid: NDArray, dwell_s: float, width_hz: float) -> tuple[NDArray, NDArray, float]:
    """Matched-filter output (projection on a unit Lorentzian line) against frequency in Hz, and its noise."""
    n = fid.size
    window = np.exp(-np.pi * width_hz * time_axis(n, dwell_s))
    size = fft.next_fast_len(max(8 * n, round(2.0 / dwell_s)))
    out = np.fft.fftshift(fft.fft(fid * window, size)) / np.linalg.norm(window)
    freq = np.fft.fftshift(np.fft.fftfreq(size, dwell_s))
    return freq, out, float(np.median(np.abs(out)) / 1.1774)


def _pattern_score(values: NDArray) -> tuple[NDArray, NDArray]:
    """Energy of non-negative lines with one common phase, and that phase; `values` has shape ``(lines, ...)``.

    For phase p the energy is sum max(0, Re(v exp(-ip)))^2. Over all lines it peaks at half the argument of sum v^2;
    of the two opposite phases the better one is taken.
    """
    half = 0.5 * np.angle(np.sum(values**2, axis=0))
    turned = (values * np.exp(-1j * half)).real
    plus, minus = (np.sum(np.maximum(sign * turned, 0.0) ** 2, axis=0) for sign in (1.0, -1.0))
    return np.maximum(plus, minus), np.where(plus >= minus, half, half + np.pi)


def find_reference(
    fid: NDArray, dwell_s: float, f0_mhz: float, pattern: tuple[tuple[float, float], ...] = OFF_PATTERN
) -> tuple[float, float, float]:
    """Common frequency shift and zero-order phase from a pattern of lines, any of which may be absent.

    Parameters
    ----------
    fid : complex array, shape ``(n,)``
        Residual water out.
    dwell_s, f0_mhz : float
        Sampling interval in s, spectrometer frequency in MHz.
    pattern : tuple of (ppm, sign)
        Lines and whether they stand upright.

    Returns
    -------
    shift_hz, phase_rad, snr : float
        How far the lines lie above their places in Hz; their phase; the matched filter's signal to noise.
    """
    ppm = np.array([line[0] for line in pattern])
    sign = np.array([line[1] for line in pattern])
    place_hz = np.asarray(ppm_to_hz(ppm, f0_mhz))
    step_hz = 0.5
    shifts = np.arange(-SEARCH_PPM * f0_mhz, SEARCH_PPM * f0_mhz + step_hz, step_hz)
    prior = np.exp(-0.5 * (shifts / (PRIOR_SD_PPM * f0_mhz)) ** 2)
    best: tuple[float, float, float] = (-1.0, 0.0, WIDTHS_HZ[0])
    for width_hz in WIDTHS_HZ:
        freq, out, _ = _filtered(fid, dwell_s, width_hz)
        at = np.clip(np.searchsorted(freq, place_hz[:, None] + shifts), 0, freq.size - 1)
        score = _pattern_score(sign[:, None] * out[at])[0] * prior
        top = int(np.argmax(score))
        if score[top] > best[0]:
            best = (float(score[top]), float(shifts[top]), width_hz)
    _, start_hz, width_hz = best
    t = time_axis(fid.size, dwell_s)
    window = np.exp(-np.pi * width_hz * t) / np.linalg.norm(np.exp(-np.pi * width_hz * t))

    def lines(shift_hz: float) -> NDArray:
        return sign * (np.exp(-2j * np.pi * (place_hz + shift_hz)[:, None] * t) @ (fid * window))

    found = minimize_scalar(
        lambda s: -float(_pattern_score(lines(s)[:, None])[0][0]),
        bounds=(start_hz - 3.0, start_hz + 3.0),
        method="bounded",
        options={"xatol": 1e-3},
    )
    shift_hz = float(found.x)
    score, phase = _pattern_score(lines(shift_hz)[:, None])
    noise = _filtered(fid, dwell_s, width_hz)[2]
    return shift_hz, float(np.angle(np.exp(1j * phase[0]))), float(np.sqrt(score[0]) / max(noise, 1e-300))


def reference_spectra(spectra: EditedSpectra) -> EditedSpectra:
    """Put the lines to their places and upright: one shift and one phase for all conditions.

    Parameters
    ----------
    spectra : EditedSpectra
        Residual water out. The shift may be up to 0.4 ppm either way.

    Returns
    -------
    EditedSpectra
        With ``history.reference``, by edit_off, else edit_on, else diff; flag ``frequency_uncertain`` when no line
        stands clear of the noise.

    Notes
    -----
    edit_off: NAA, Cr (two lines) and Cho, each with a free amplitude >= 0, common phase; DIFF alone: NAA upside down
    and Glx upright. Matched filter over shift and width, then refined to a thousandth of a Hz.
    """
    name = next(n for n in ("edit_off", "edit_on", "diff") if n in spectra.present)
    pattern = {"edit_off": OFF_PATTERN, "edit_on": ON_PATTERN, "diff": DIFF_PATTERN}[name]
    fid = getattr(spectra, name)
    shift_hz, phase_rad, snr = find_reference(fid, spectra.dwell_s, spectra.f0_mhz, pattern)
    done = spectra.map(lambda x: apply_alignment(x, spectra.dwell_s, shift_hz, phase_rad))
    found = FrequencyReference(name, shift_hz, shift_hz / spectra.f0_mhz, phase_rad, snr)
    # each finds its own: how well the reference is found is part of how much transients differ
    without = tuple(reference_spectra(part) for part in spectra.without_group)
    done = replace(done, history=replace(spectra.history, reference=found), without_group=without)
    if snr < MIN_LINE_SNR:
        done = done.with_flags(Flag("frequency_uncertain", f"matched-filter SNR {snr:.1f}"))
    return done


def line_width_hz(fid: NDArray, dwell_s: float, f0_mhz: float, ppm: float = CR_CH3_PPM) -> float:
    """Full width at half maximum of the line nearest to `ppm`, Hz.

    Parameters
    ----------
    fid : complex array, shape ``(n,)``
        Residual water out; any phase.
    dwell_s, f0_mhz : float
        Sampling interval in s, spectrometer frequency in MHz.
    ppm : float
        Where the line is expected: the largest magnitude within `WIDTH_SEARCH_PPM` is the line.

    Returns
    -------
    float
        NaN when there is no maximum, or no half-height point within 60 Hz of it.

    Notes
    -----
    Zero filled to 0.1 Hz per point, no apodisation. The phase at the top of the magnitude makes the line upright; the
    half height is counted from zero, so broad signal below the line widens it. A line shorter than the FID's own
    resolution (1.2 / duration) is not resolved.
    """
    size = fft.next_fast_len(max(fid.size, round(10.0 / dwell_s)))
    weighted = np.array(fid, complex)
    weighted[0] *= 0.5
    values = np.fft.fftshift(fft.fft(weighted, size))
    freq = np.fft.fftshift(np.fft.fftfreq(size, dwell_s))
    near = np.flatnonzero(np.abs(hz_to_ppm(freq, f0_mhz) - ppm) <= WIDTH_SEARCH_PPM)
    if near.size < 3:
        return float("nan")
    peak = int(near[np.argmax(np.abs(values[near]))])
    if values[peak] == 0:
        return float("nan")
    real = (values * np.exp(-1j * np.angle(values[peak]))).real
    # the real part may top a little beside the magnitude
    reach = max(1, round(1.5 * size * dwell_s))
    peak = max(0, peak - reach) + int(np.argmax(real[max(0, peak - reach) : peak + reach + 1]))
    half, ends = real[peak] / 2.0, []
    for direction in (-1, 1):
        index = peak + direction * np.arange(round(60.0 * size * dwell_s))
        index = index[(index >= 0) & (index < size)]
        below = np.flatnonzero(real[index] < half)
        if not below.size:
            return float("nan")
        j = index[below[0]]
        fraction = (real[j - direction] - half) / (real[j - direction] - real[j])
        ends.append(freq[j - direction] + direction * fraction / (size * dwell_s))
    return float(ends[1] - ends[0])
