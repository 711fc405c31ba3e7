# SPDX-License-Identifier: Apache-2.0
"""Alignment of transients in frequency and phase."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from fsl_mrs_dl.core.errors import DataError
from fsl_mrs_dl.core.units import ppm_axis, time_axis
from fsl_mrs_dl.preprocess.water import remove_water_of_each

BAND_PPM = (1.7, 4.2)
"""Band that is compared, ppm: the metabolites' lines, not lipid, not water."""

EDGE_PPM = 0.1
"""Width of the cosine edges of a band, ppm."""

N_ROUNDS = 4
"""How often the target, the median of the aligned transients, is made anew."""

SEARCH_HZ = 25.0
"""Largest difference of frequency looked for, Hz (0.2 ppm at 3 T, about twice the worst drift met)."""

WINDOW_S = 0.35
"""Length of the FID that is compared, s: later points are noise in vivo."""


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


def apply_alignment(fids: NDArray, dwell_s: float, shift_hz: NDArray | float, phase_rad: NDArray | float) -> NDArray:
    """Undo shifts (Hz) and phases (rad) of FIDs, shape ``(..., n)``; one shift and phase per FID."""
    t = time_axis(fids.shape[-1], dwell_s)
    shift, phase = np.asarray(shift_hz)[..., None], np.asarray(phase_rad)[..., None]
    return fids * np.exp(-1j * (2 * np.pi * shift * t + phase))


def band_limited(fids: NDArray, dwell_s: float, f0_mhz: float, band_ppm: tuple[float, float] = BAND_PPM) -> NDArray:
    """FIDs of the lines inside a band (ppm) with cosine edges; shape kept. Zero filled to avoid wrap-around."""
    n = fids.shape[-1]
    size = fft.next_fast_len(2 * n)
    axis = np.fft.ifftshift(ppm_axis(size, dwell_s, f0_mhz))
    outside = np.maximum(band_ppm[0] - axis, axis - band_ppm[1])
    gain = 0.5 * (1.0 + np.cos(np.pi * np.clip(outside / EDGE_PPM, 0.0, 1.0)))
    return fft.ifft(fft.fft(fids, size, axis=-1) * gain, axis=-1)[..., :n]


def register(fids: NDArray, target: NDArray, dwell_s: float, centre_hz: NDArray) -> tuple[NDArray, NDArray, NDArray]:
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
    dry = np.stack([done.fid for done in remove_water_of_each(short, dwell_s, f0_mhz, n_components=14)])
    low, high = BAND_PPM
    margin = SEARCH_HZ / f0_mhz
    return band_limited(dry, dwell_s, f0_mhz, (low - margin, high))


def align_transients(fids: NDArray, dwell_s: float, f0_mhz: float, *, prepared: NDArray | None = None) -> Alignment:
    """Align the transients of one condition with one another.

    Parameters
    ----------
    fids : complex array, shape ``(n_dynamics, n)``
    dwell_s, f0_mhz : float
        Sampling interval in s, spectrometer frequency in MHz.
    prepared : complex array, optional
        Result of `comparable`, when it is at hand.

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
    typical = [np.median(register(work[sample], work[i], dwell_s, zero[sample])[2]) for i in sample]
    target = work[sample[int(np.argmax(typical))]]
    shift, phase, similarity = register(work, target, dwell_s, zero)
    for _ in range(N_ROUNDS):
        shift = shift - np.median(shift)
        target = _centre(apply_alignment(work, dwell_s, shift, phase))
        shift, phase, similarity = register(work, target, dwell_s, shift)
    return Alignment(shift - np.median(shift), phase, similarity)
