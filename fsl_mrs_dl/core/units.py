# SPDX-License-Identifier: Apache-2.0
"""The sign of the ppm axis, defined only here, and conversions between ppm and Hz.

Inside the package a FID is ``sum a exp(+2i pi (delta - 4.65) f0 t)``: a positive frequency of ``fft(fid)`` is a
higher chemical shift. That is what `nifti_mrs` and FSL-MRS objects hand out; the array in a NIfTI-MRS file is its
complex conjugate, which `nifti_mrs` undoes on reading and makes on writing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.core.constants import RECEIVER_PPM


def ppm_to_hz(shift_ppm: float | NDArray, f0_mhz: float) -> float | NDArray:
    """Frequency in Hz of a line at `shift_ppm`."""
    return (shift_ppm - RECEIVER_PPM) * f0_mhz


def hz_to_ppm(freq_hz: float | NDArray, f0_mhz: float) -> float | NDArray:
    """Chemical shift in ppm of a line at `freq_hz`; the inverse of `ppm_to_hz`."""
    return RECEIVER_PPM + freq_hz / f0_mhz


def ppm_axis(n_points: int, dwell_s: float, f0_mhz: float) -> NDArray:
    """Chemical shifts, ascending, of the points of ``fftshift(fft(fid))``; shape ``(n_points,)``."""
    return RECEIVER_PPM + np.fft.fftshift(np.fft.fftfreq(n_points, dwell_s)) / f0_mhz


def spectrum(fid: NDArray) -> NDArray:
    """Spectrum of a FID along its last axis, in the order of `ppm_axis`; first point halved.

    Halving the first point removes the constant offset that the discrete transform of a one-sided signal has.
    """
    weighted = np.array(fid, dtype=complex)
    weighted[..., 0] *= 0.5
    return np.fft.fftshift(np.fft.fft(weighted, axis=-1), axes=-1)


def time_axis(n_points: int, dwell_s: float) -> NDArray:
    """Sampling times in seconds, starting at 0; shape ``(n_points,)``."""
    return np.arange(n_points) * dwell_s
