# SPDX-License-Identifier: Apache-2.0
"""The network's input: both conditions on one fixed ppm grid, straight from the FIDs.

Any dwell time, number of points and field of the same protocol family lands on the same grid, without zero filling
or interpolation. The sum over samples stands for the integral over time: its error grows with the square of the dwell
time and is a smooth offset (`tests/models/test_prepare.py` bounds it).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from fsl_mrs_dl.core.constants import RECEIVER_PPM
from fsl_mrs_dl.core.data import EditedSpectra

CHANNELS = ("edit_off_real", "edit_off_imag", "diff_real", "diff_imag")
"""Order of the channels of the network's input."""


@dataclass(frozen=True)
class PpmGrid:
    """Equidistant chemical shifts at which spectra are evaluated.

    Parameters
    ----------
    low_ppm, high_ppm : float
        First and last point.
    n_points : int
    max_time_s : float
        FIDs are used up to this time: past it there is only noise for lines broader than 1 Hz.
    """

    low_ppm: float = 0.6
    high_ppm: float = 4.2
    n_points: int = 721
    max_time_s: float = 1.024

    @property
    def ppm(self) -> NDArray:
        """The points, ascending; shape ``(n_points,)``."""
        return np.linspace(self.low_ppm, self.high_ppm, self.n_points)

    @property
    def step_ppm(self) -> float:
        """Distance of the points."""
        return (self.high_ppm - self.low_ppm) / (self.n_points - 1)

    def evaluate(self, fid: NDArray, dwell_s: float, f0_mhz: float, centre_ppm: float = RECEIVER_PPM) -> NDArray:
        """Spectrum at the grid's points, by the chirp-z transform (Bluestein; exact).

        Parameters
        ----------
        fid : complex array, shape ``(..., n)``
            0 Hz stands at `centre_ppm`.
        dwell_s, f0_mhz : float
        centre_ppm : float

        Returns
        -------
        spectrum : complex array, shape ``(..., n_points)``
            ``sum fid(t) exp(-2 pi i f t) dwell_s`` with the first point halved: the area under the FID, so that the
            dwell time does not change the scale.
        """
        n = self.n_used(fid.shape[-1], dwell_s)
        return self.transform(fid[..., :n], dwell_s * f0_mhz, centre_ppm) * dwell_s

    def n_used(self, n_points: int, dwell_s: float) -> int:
        """How many of the points of a FID `evaluate` looks at."""
        return min(n_points, max(2, int(np.floor(self.max_time_s / dwell_s + 1e-6))))

    def transform(self, fid: NDArray, cycles_per_ppm: float, centre_ppm: float = RECEIVER_PPM) -> NDArray:
        """The sum of `evaluate` without its factor; `cycles_per_ppm` is dwell time times f0 (s MHz)."""
        n = fid.shape[-1]
        dtype = np.complex64 if fid.dtype == np.complex64 else np.complex128
        pre, kernel, post, size = _chirps(self, n, float(cycles_per_ppm), float(centre_ppm), dtype)
        product = scipy.fft.ifft(scipy.fft.fft(fid * pre, size) * kernel)
        return product[..., : self.n_points] * post


@functools.lru_cache(maxsize=16)
def _chirps(
    grid: PpmGrid, n: int, cycles_per_ppm: float, centre_ppm: float, dtype: type
) -> tuple[NDArray, NDArray, NDArray, int]:
    """Factors of Bluestein's algorithm: before the convolution, its kernel's transform, after it, and its length."""
    m = grid.n_points
    start = (grid.low_ppm - centre_ppm) * cycles_per_ppm
    step = (grid.high_ppm - grid.low_ppm) / (m - 1) * cycles_per_ppm
    size = scipy.fft.next_fast_len(n + m - 1)
    i, k = np.arange(n), np.arange(m)
    pre = np.exp(-2j * np.pi * (start * i + step * i**2 / 2))
    pre[0] *= 0.5
    kernel = np.zeros(size, dtype=complex)
    kernel[:m] = np.exp(1j * np.pi * step * k**2)
    kernel[size - n + 1 :] = np.exp(1j * np.pi * step * np.arange(n - 1, 0, -1) ** 2)
    post = np.exp(-1j * np.pi * step * k**2)
    return pre.astype(dtype), scipy.fft.fft(kernel).astype(dtype), post.astype(dtype), size


@dataclass(frozen=True)
class NetworkInput:
    """One data set as the network sees it.

    Parameters
    ----------
    channels : float32 array, shape ``(4, n_points)``
        See `CHANNELS`; absent conditions are zero.
    present : float32 array, shape ``(2,)``
        1 where edit_off, diff are there.
    scale : float
        Positive number by which the spectra were divided; outputs times `scale` are raw amplitudes.
    """

    channels: NDArray
    present: NDArray
    scale: float


def pack_channels(off: NDArray | None, diff: NDArray | None) -> tuple[NDArray, NDArray, NDArray]:
    """Channels, presence and scale of a batch of spectra on the grid.

    Parameters
    ----------
    off, diff : complex arrays, shape ``(n, n_points)``, or None
        At least one is given.

    Returns
    -------
    channels : float32, shape ``(n, 4, n_points)``
    present : float32, shape ``(n, 2)``
    scale : float, shape ``(n,)``
        Root mean square magnitude of the spectra that are there.
    """
    given = off if off is not None else diff
    if given is None:
        raise ValueError("at least one of off, diff must be given")
    n, m = given.shape
    channels = np.zeros((n, 4, m), dtype=np.float32)
    present = np.zeros((n, 2), dtype=np.float32)
    power = np.zeros(n)
    for index, spectrum in enumerate((off, diff)):
        if spectrum is None:
            continue
        channels[:, 2 * index], channels[:, 2 * index + 1] = spectrum.real, spectrum.imag
        present[:, index] = 1
        power += np.mean(np.abs(spectrum) ** 2, axis=-1)
    scale = np.sqrt(power / present.sum(axis=1))
    channels /= scale[:, None, None].astype(np.float32)
    return channels, present, scale


def prepare(spectra: EditedSpectra, grid: PpmGrid) -> NetworkInput:
    """Put referenced, phased spectra on the network's grid.

    Parameters
    ----------
    spectra : EditedSpectra
        Water removed, frequency and phase referenced.
    grid : PpmGrid
        The model's.
    """
    # scaled in double precision first: raw units may lie outside the range of float32
    off, diff = (
        None if fid is None else grid.evaluate(fid[None], spectra.dwell_s, spectra.f0_mhz)
        for fid in (spectra.edit_off, spectra.diff)
    )
    unit = max(float(np.abs(s).max()) for s in (off, diff) if s is not None)
    channels, present, scale = pack_channels(*(None if s is None else s / unit for s in (off, diff)))
    return NetworkInput(channels[0], present[0], float(scale[0]) * unit)
