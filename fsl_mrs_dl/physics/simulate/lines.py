# SPDX-License-Identifier: Apache-2.0
"""A simulated signal as its transitions: exact at any dwell time, number of points and line width."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.core.constants import RECEIVER_PPM

_MERGE_HZ = 1e-4
"""Transitions closer than this are one: over the 2 s of a FID they differ in phase by 0.001 rad."""

_NEGLIGIBLE = 1e-7
"""Transitions below this fraction of a proton are left out."""


@dataclass(frozen=True)
class LineList:
    """Transitions of a signal without relaxation.

    Parameters
    ----------
    shift_hz : array, shape ``(n,)``
        Frequency relative to `RECEIVER_PPM`, Hz.
    amplitude : complex array, shape ``(n,)``
        Amplitude and phase at the top of the echo; a fully refocused proton has 1.
    """

    shift_hz: NDArray
    amplitude: NDArray

    def fid(self, n_points: int, dwell_s: float, lorentz_hz: float = 0.0, gauss_hz: float = 0.0) -> NDArray:
        """The FID, shape ``(n_points,)``.

        Parameters
        ----------
        n_points : int
        dwell_s : float
            Sampling interval, s.
        lorentz_hz, gauss_hz : float
            Full widths at half maximum of the Lorentzian and Gaussian parts of a Voigt line, Hz.
        """
        time_s = np.arange(n_points) * dwell_s
        # a product of a coarse and a fine phase factor costs two small exponentials instead of one large
        coarse = 64
        n_blocks = -(-n_points // coarse)
        fine = np.exp(2j * np.pi * np.outer(np.arange(coarse) * dwell_s, self.shift_hz))
        block = np.exp(2j * np.pi * np.outer(np.arange(n_blocks) * coarse * dwell_s, self.shift_hz))
        fid = ((block * self.amplitude) @ fine.T).reshape(-1)[:n_points]
        return fid * voigt_decay(time_s, lorentz_hz, gauss_hz)

    def scaled(self, factor: float) -> LineList:
        """The signal times `factor`."""
        return LineList(self.shift_hz, self.amplitude * factor)


def voigt_decay(time_s: NDArray, lorentz_hz: float | NDArray, gauss_hz: float | NDArray) -> NDArray:
    """Decay of a FID whose line has the given Lorentzian and Gaussian full widths at half maximum (Hz)."""
    return np.exp(-np.pi * lorentz_hz * time_s - (np.pi / (2 * math.sqrt(math.log(2))) * gauss_hz * time_s) ** 2)


def merge(shift_hz: NDArray, amplitude: NDArray) -> LineList:
    """Collect transitions into a `LineList`: equal ones added, negligible ones dropped, ascending in frequency."""
    keys = np.rint(shift_hz / _MERGE_HZ).astype(np.int64)
    unique, inverse = np.unique(keys, return_inverse=True)
    total = np.zeros(len(unique), dtype=complex)
    np.add.at(total, inverse, amplitude)
    # the mean of merged frequencies, weighted by size, keeps their centre exact
    size = np.bincount(inverse, weights=np.abs(amplitude), minlength=len(unique))
    moment = np.bincount(inverse, weights=np.abs(amplitude) * shift_hz, minlength=len(unique))
    keep = np.abs(total) > _NEGLIGIBLE
    return LineList(moment[keep] / size[keep], total[keep])


def add(parts: list[LineList]) -> LineList:
    """The sum of several signals."""
    return merge(np.concatenate([p.shift_hz for p in parts]), np.concatenate([p.amplitude for p in parts]))


def frame_offset_hz(transmitter_ppm: float, f0_mhz: float) -> float:
    """Frequency of the simulation's frame (the transmitter) relative to `RECEIVER_PPM`, Hz."""
    return (transmitter_ppm - RECEIVER_PPM) * f0_mhz
