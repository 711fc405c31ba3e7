# SPDX-License-Identifier: Apache-2.0
"""Alignment of transients, and of ON to OFF, in frequency and phase."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from fsl_mrs_dl.core.constants import GABA_H4_PPM, GLX_H2_PPM, NAA_PPM
from fsl_mrs_dl.core.errors import DataError
from fsl_mrs_dl.core.units import ppm_axis, ppm_to_hz, time_axis
from fsl_mrs_dl.preprocess.water import remove_water

BAND_PPM = (1.7, 4.2)
"""Band that is compared, ppm: the metabolites' lines, not lipid, not water."""

SEARCH_HZ = 25.0
"""Largest difference of frequency looked for, Hz (0.2 ppm at 3 T, about twice the worst drift met)."""

WINDOW_S = 0.35
"""Length of the FID that is compared, s: later points are noise in vivo."""

GABA_J_HZ = 7.3
"""Coupling of GABA H4 to H3, Hz: the edited line is a pseudo-doublet 2 J apart with some centre line.
Near et al. 2013, Magn Reson Med 70:1183, doi 10.1002/mrm.24547."""

WATER_SIMILARITY = 0.995
"""Correlation of the residual water of ON and OFF from which on it tells their difference."""

WATER_SD_HZ, WATER_SD_RAD = 0.15, 0.05
"""Trust in what residual water says: on virtual and real pairs it agrees with Cr to about this."""

MISFIT_FACTOR = 3.0
"""The residue around Cr is mostly misfit, not white noise: its points count as this much less certain."""

MIN_AMPLITUDE = 0.5
"""The amplitude of ON that matches it best to OFF is at least this: less means a phase that is wrong by half a turn."""

WORSE = 1.3
"""A residue grown by this factor is not what the prior's uncertainty does."""

PAIR_REGIONS_PPM = ((2.87, 3.33), (3.84, 4.02))
"""Where ON and OFF must agree: Cr and Cho, and Cr's other line. NAA, GABA at 2.3 and Glx are edited."""


@dataclass(frozen=True)
class Alignment:
    """Frequencies and phases found, to be undone with `apply_alignment`.

    Parameters
    ----------
    shift_hz, phase_rad : float array, shape ``(n_dynamics,)``
        How far each transient lies above the common frequency, Hz, and its phase, rad.
    similarity : float array, shape ``(n_dynamics,)``
        Correlation with the target after alignment, 0 to 1.
    """

    shift_hz: NDArray
    phase_rad: NDArray
    similarity: NDArray


@dataclass(frozen=True)
class PairAlignment:
    """ON relative to OFF: shift in Hz, phase in rad, and the residue of Cr and Cho before and after (relative)."""

    shift_hz: float
    phase_rad: float
    residue_before: float
    residue_after: float
    applied: bool


def apply_alignment(fids: NDArray, dwell_s: float, shift_hz: NDArray | float, phase_rad: NDArray | float) -> NDArray:
    """Undo shifts (Hz) and phases (rad) of FIDs, shape ``(..., n)``; one shift and phase per FID."""
    t = time_axis(fids.shape[-1], dwell_s)
    shift, phase = np.asarray(shift_hz)[..., None], np.asarray(phase_rad)[..., None]
    return fids * np.exp(-1j * (2 * np.pi * shift * t + phase))


def band_limited(
    fids: NDArray, dwell_s: float, f0_mhz: float, band_ppm: tuple[float, float] = BAND_PPM, edge_ppm: float = 0.1
) -> NDArray:
    """FIDs of the lines inside a band (ppm) with cosine edges; shape kept. Zero filled to avoid wrap-around."""
    n = fids.shape[-1]
    size = fft.next_fast_len(2 * n)
    axis = np.fft.ifftshift(ppm_axis(size, dwell_s, f0_mhz))
    outside = np.maximum(band_ppm[0] - axis, axis - band_ppm[1])
    gain = 0.5 * (1.0 + np.cos(np.pi * np.clip(outside / edge_ppm, 0.0, 1.0)))
    return fft.ifft(fft.fft(fids, size, axis=-1) * gain, axis=-1)[..., :n]


def _register(fids: NDArray, target: NDArray, dwell_s: float, centre_hz: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """Least-squares shift, phase and correlation of each FID relative to `target`, within SEARCH_HZ of `centre_hz`.

    With amplitude and phase free, the least-squares shift maximises |sum conj(target) fid exp(-2 i pi f t)|: one
    zero-filled FFT finds the global maximum, so no start value can lead to the wrong line.
    """
    n = fids.shape[-1]
    size = fft.next_fast_len(max(16 * n, round(8.0 / dwell_s)))
    product = target.conj() * fids
    freq = np.fft.fftfreq(size, dwell_s)
    score = np.abs(fft.fft(product, size, axis=-1))
    allowed = np.abs(freq[None, :] - centre_hz[:, None]) <= SEARCH_HZ
    best = np.argmax(np.where(allowed, score, -1.0), axis=-1)
    rows = np.arange(fids.shape[0])
    low, mid, high = score[rows, best - 1], score[rows, best], score[rows, (best + 1) % size]
    bend = low - 2 * mid + high
    step = np.where(bend < 0, 0.5 * (low - high) / np.where(bend == 0, 1.0, bend), 0.0)
    shift = freq[best] + np.clip(step, -0.5, 0.5) / (size * dwell_s)
    value = np.sum(product * np.exp(-2j * np.pi * shift[:, None] * time_axis(n, dwell_s)), axis=-1)
    norm = np.linalg.norm(target) * np.linalg.norm(fids, axis=-1)
    return shift, np.angle(value), np.abs(value) / np.where(norm > 0, norm, 1.0)


def _centre(fids: NDArray) -> NDArray:
    """Median transient (real and imaginary part apart): outliers do not move it."""
    return np.median(fids.real, axis=0) + 1j * np.median(fids.imag, axis=0)


def comparable(fids: NDArray, dwell_s: float, f0_mhz: float) -> NDArray:
    """Transients as they are compared: first `WINDOW_S`, residual water out, band `BAND_PPM`; ``(n_dyn, m)``."""
    n = min(fids.shape[-1], max(256, round(WINDOW_S / dwell_s)))
    short = fids[..., :n]
    # 14 components: residual water of a single transient and its strongest lines
    dry = np.stack([remove_water(fid, dwell_s, f0_mhz, n_components=14).fid for fid in short])
    low, high = BAND_PPM
    margin = SEARCH_HZ / f0_mhz
    return band_limited(dry, dwell_s, f0_mhz, (low - margin, high))


def align_transients(
    fids: NDArray, dwell_s: float, f0_mhz: float, *, prepared: NDArray | None = None, n_iterations: int = 4
) -> Alignment:
    """Align the transients of one condition with one another.

    Parameters
    ----------
    fids : complex array, shape ``(n_dynamics, n)``
    dwell_s, f0_mhz : float
        Sampling interval in s, spectrometer frequency in MHz.
    prepared : complex array, optional
        Result of `comparable`, when it is at hand.
    n_iterations : int
        Rounds of making the target (the median of the aligned transients) anew.

    Returns
    -------
    Alignment
        Shifts are relative to their own median.

    Raises
    ------
    DataError
        Not two axes, or values that are not finite.

    Notes
    -----
    Spectral registration in the time domain: Near et al. 2015, Magn Reson Med 73:44, doi 10.1002/mrm.25094; the
    robust target follows Mikkelsen et al. 2020, NMR Biomed 33:e4368, doi 10.1002/nbm.4368. The global search in
    place of an iterative optimiser is ours.
    """
    if fids.ndim != 2:
        raise DataError("transients cannot be aligned", expected="2 axes (dynamic, point)", got=fids.shape)
    if not np.all(np.isfinite(fids)):
        raise DataError("FIDs hold values that are not finite", hint="Look for NaN in the file.")
    n_dyn = fids.shape[0]
    if n_dyn == 1:
        return Alignment(np.zeros(1), np.zeros(1), np.ones(1))
    work = comparable(fids, dwell_s, f0_mhz) if prepared is None else prepared
    # first target: the transient in the middle that correlates best with a sample of all the others
    sample = np.unique(np.linspace(0, n_dyn - 1, min(n_dyn, 12)).astype(int))
    zero = np.zeros(n_dyn)
    typical = [np.median(_register(work[sample], work[i], dwell_s, zero[sample])[2]) for i in sample]
    target = work[sample[int(np.argmax(typical))]]
    shift, phase, similarity = _register(work, target, dwell_s, zero)
    for _ in range(n_iterations):
        shift = shift - np.median(shift)
        target = _centre(apply_alignment(work, dwell_s, shift, phase))
        shift, phase, similarity = _register(work, target, dwell_s, shift)
    return Alignment(shift - np.median(shift), phase, similarity)


def _pair_design(off: NDArray, on: NDArray, dwell_s: float, f0_mhz: float, width_hz: float) -> tuple:
    """Spectra of OFF, ON, t ON and of the edited lines (GABA twice, tails of Glx and NAA) in `PAIR_REGIONS_PPM`."""
    n = off.size
    size = fft.next_fast_len(2 * n)
    axis = np.fft.ifftshift(ppm_axis(size, dwell_s, f0_mhz))
    inside = np.zeros(size, bool)
    for low, high in PAIR_REGIONS_PPM:
        inside |= (axis > low) & (axis < high)
    t = time_axis(n, dwell_s)
    damp = np.exp(-np.pi * 2.0 * t)
    gaba, glx, naa = (
        np.exp(2j * np.pi * ppm_to_hz(ppm, f0_mhz) * t - np.pi * width_hz * t)
        for ppm in (GABA_H4_PPM, GLX_H2_PPM, NAA_PPM)
    )
    stack = np.stack([off, on, on * t, gaba * np.cos(2 * np.pi * GABA_J_HZ * t), gaba, glx, naa])
    stack[:, 0] *= 0.5
    return tuple(fft.fft(stack * damp, size, axis=-1)[:, inside])


def water_difference(water_off: NDArray, water_on: NDArray, dwell_s: float) -> tuple[float, float] | None:
    """Shift (Hz) and phase (rad) of ON relative to OFF from their residual water, shape ``(n,)``.

    None where there is no water, or where its shape differs between the two (correlation below
    `WATER_SIMILARITY`: water suppression was not the same).
    """
    if not (np.any(water_off) and np.any(water_on)):
        return None
    shift, phase, similarity = _register(water_on[None], water_off, dwell_s, np.zeros(1))
    return (float(shift[0]), float(phase[0])) if similarity[0] > WATER_SIMILARITY else None


def align_pair(
    off: NDArray,
    on: NDArray,
    dwell_s: float,
    f0_mhz: float,
    *,
    water: tuple[float, float] | None = None,
    width_hz: float = 5.0,
    min_gain: float = 0.02,
) -> PairAlignment:
    """Frequency and phase of ON relative to OFF, from the lines that editing leaves alone (Cr, Cho, water).

    Least squares on the subtraction residue around 3.03, 3.21 and 3.91 ppm. The edited GABA line below Cr and
    the tails of Glx and NAA, complex amplitudes free, and a common amplitude of ON take part as unknowns, so that
    they cannot pose as a shift or a phase.
    What the residual water says enters as a prior: it decides where Cr is small beside GABA and Glx. It is left out
    where it would make the residue clearly larger.

    Parameters
    ----------
    off, on : complex array, shape ``(n,)``
        Averages, residual water out, at their places within about 0.05 ppm.
    dwell_s, f0_mhz : float
        Sampling interval in s, spectrometer frequency in MHz.
    water : (shift_hz, phase_rad), optional
        The same quantities as found on the residual water (`water_difference`).
    width_hz : float
        Line width of the GABA template, Hz.
    min_gain : float
        The correction counts as worth applying when it lowers the squared misfit by twice this share of it.

    Returns
    -------
    PairAlignment
        Undo with ``apply_alignment(on, dwell_s, shift_hz, phase_rad)``.

    Notes
    -----
    Evans et al. 2013, J Magn Reson Imaging 38:809, doi 10.1002/jmri.23923 (subtraction artefacts of Cr and Cho);
    Mikkelsen et al. 2018, Magn Reson Med 80:21, doi 10.1002/mrm.27027.
    """

    def real(x: NDArray) -> NDArray:
        return np.concatenate([x.real, x.imag])

    def off_prior(shift_hz: float, phase_rad: float) -> NDArray:
        """Distance to what water says, phase then shift, in standard deviations."""
        if water is None:
            return np.zeros(2)
        phase_error = np.angle(np.exp(1j * (phase_rad - water[1])))
        return np.array([phase_error / WATER_SD_RAD, (shift_hz - water[0]) / WATER_SD_HZ])

    def fit(shift_hz: float, phase_rad: float) -> tuple[float, float, float]:
        """Relative residue there, and the Gauss-Newton step in shift and phase."""
        moved = apply_alignment(on, dwell_s, shift_hz, phase_rad)
        s_off, s_on, ramp, *edited = _pair_design(off, moved, dwell_s, f0_mhz, width_hz)
        columns = [-1j * s_on, -2j * np.pi * ramp, s_on, *edited, *(1j * line for line in edited)]
        matrix, data = np.stack([real(x) for x in columns], axis=1), real(s_off - s_on)
        scale = np.linalg.norm(matrix, axis=0)
        scale[scale == 0] = 1.0
        plain = matrix[:, 2:] / scale[2:]
        solved = np.linalg.lstsq(plain, data, rcond=1e-9)[0]
        if 1.0 + solved[0] / scale[2] < MIN_AMPLITUDE:
            # ON upside down would pass for a match
            plain = plain[:, 1:]
            solved = np.linalg.lstsq(plain, data, rcond=1e-9)[0]
        rest = data - plain @ solved
        size = float(np.linalg.norm(rest))
        per_point = MISFIT_FACTOR * size / np.sqrt(data.size)
        if water is not None:
            rows = np.zeros((2, matrix.shape[1]))
            rows[0, 0], rows[1, 1] = per_point / WATER_SD_RAD, per_point / WATER_SD_HZ
            matrix = np.vstack([matrix, rows])
            data = np.concatenate([data, -per_point * off_prior(shift_hz, phase_rad)])
        step = np.linalg.lstsq(matrix / scale, data, rcond=1e-9)[0] / scale
        return size / max(float(np.linalg.norm(real(s_off))), 1e-300), float(step[1]), float(step[0])

    start = (0.0, 0.0)
    before = fit(*start)[0]
    if water is not None and fit(*water)[0] < before:
        start = water
    band = [band_limited(x, dwell_s, f0_mhz, (2.85, 4.05)) for x in (off, on)]
    coarse_hz, coarse_rad, _ = _register(band[1][None], band[0], dwell_s, np.zeros(1))
    coarse = (float(coarse_hz[0]), float(coarse_rad[0]))
    if fit(*coarse)[0] < fit(*start)[0]:
        start = coarse
    shift, phase = start
    for _ in range(10):
        _, step_hz, step_rad = fit(shift, phase)
        shift += float(np.clip(step_hz, -3.0, 3.0))
        phase += float(np.clip(step_rad, -0.5, 0.5))
        if abs(step_hz) < 1e-4 and abs(step_rad) < 1e-4:
            break
    after = fit(shift, phase)[0]
    # squared misfit in units of its spread at the end, plus the prior's share
    n_data = 2 * _pair_design(off, on, dwell_s, f0_mhz, width_hz)[0].size / MISFIT_FACTOR**2
    cost_before = n_data * (before / max(after, 1e-300)) ** 2 + float(np.sum(off_prior(0.0, 0.0) ** 2))
    cost_after = n_data + float(np.sum(off_prior(shift, phase) ** 2))
    phase = float(np.angle(np.exp(1j * phase)))
    worse = after > WORSE * before
    if worse and water is not None:
        # water's phase may differ between the conditions: what makes the residue clearly larger is not believed
        return align_pair(off, on, dwell_s, f0_mhz, width_hz=width_hz, min_gain=min_gain)
    worthwhile = cost_after < (1.0 - 2.0 * min_gain) * cost_before and abs(shift) < SEARCH_HZ and not worse
    return PairAlignment(shift, phase, before, after, bool(worthwhile))
