# SPDX-License-Identifier: Apache-2.0
"""Eddy-current correction with a water reference."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from fsl_mrs_dl.core.units import time_axis

MIN_REFERENCE_SNR = 20.0
"""The reference's phase is used while its smoothed magnitude is above this many times its noise."""


def eddy_phase(reference: NDArray, dwell_s: float) -> NDArray | None:
    """Phase in time of a water reference, without its constant and its linear part.

    Parameters
    ----------
    reference : complex array, shape ``(n,)``
        Combined, averaged FID of unsuppressed water.
    dwell_s : float
        Sampling interval, s.

    Returns
    -------
    float array, shape ``(n,)``, or None
        Radians. Where the reference has decayed into noise the last trusted value is held. None when less than 10 ms
        of the reference stands above the noise.

    Notes
    -----
    The constant and the linear part (receiver phase, offset of water) are left to the later referencing of frequency
    and phase: only what changes the line's shape is taken out here.
    """
    n = reference.size
    noise = np.sqrt(np.mean(np.abs(np.diff(reference[-max(8, n // 8) :], 2)) ** 2) / 6.0)
    magnitude = gaussian_filter1d(np.abs(reference), 8.0)
    weak = np.flatnonzero(magnitude < MIN_REFERENCE_SNR * max(noise, 1e-12 * magnitude.max()))
    good = int(weak[0]) if weak.size else n
    if good < max(8, round(0.01 / dwell_s)):
        return None
    t = time_axis(n, dwell_s)
    # offset first, so that neither the smoothing nor the unwrapping meets a turning phase
    rotation = np.angle(np.vdot(reference[: good - 1], reference[1:good])) / dwell_s
    still = reference[:good] * np.exp(-1j * rotation * t[:good])
    # eddy currents last milliseconds and more: the first 16 points are kept as they are, later ones are smoothed
    smooth = gaussian_filter1d(still, 6.0, mode="nearest")
    blend = np.clip((np.arange(good) - 8) / 16.0, 0.0, 1.0)
    phase = np.unwrap(np.angle((1.0 - blend) * still + blend * smooth))
    weight = np.abs(still)
    slope, offset = np.polyfit(t[:good], phase, 1, w=weight)
    phase = phase - (slope * t[:good] + offset)
    return np.concatenate([phase, np.full(n - good, phase[-1])])


def correct_eddy(fid: NDArray, reference: NDArray | None, dwell_s: float) -> tuple[NDArray, bool]:
    """Subtract the reference's phase from a FID.

    Parameters
    ----------
    fid : complex array, shape ``(..., n)``
    reference : complex array, shape ``(n,)``, or None
    dwell_s : float
        Sampling interval of both, s.

    Returns
    -------
    fid : complex array, shape ``(..., n)``
        The input itself when no correction is possible (no reference, another length, reference all noise).
    corrected : bool

    Notes
    -----
    Klose 1990, Magn Reson Med 14:26, doi 10.1002/mrm.1910140104.
    """
    if reference is None or reference.shape != fid.shape[-1:]:
        return fid, False
    phase = eddy_phase(reference, dwell_s)
    if phase is None:
        return fid, False
    return fid * np.exp(-1j * phase), True
