# SPDX-License-Identifier: Apache-2.0
"""Eddy-current correction with a water reference."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.core.smooth import gaussian_smooth
from fsl_mrs_dl.core.units import time_axis

MIN_REFERENCE_SNR = 20.0
"""The reference's phase is used while its smoothed magnitude is above this many times its noise."""


def eddy_phase(reference: NDArray, dwell_s: float, n_points: int | None = None) -> NDArray | None:
    """Phase in time of a water reference, without its constant and its linear part.

    Parameters
    ----------
    reference : complex array, shape ``(n,)``
        Combined, averaged FID of unsuppressed water. Zeros at its end are not part of it.
    dwell_s : float
        Sampling interval, s.
    n_points : int, optional
        Length of the phase that is wanted; default that of the reference.

    Returns
    -------
    float array, shape ``(n_points,)``, or None
        Radians. Where the reference has ended or decayed into noise the last trusted value is held. None when less
        than 10 ms of the reference stands above the noise.

    Notes
    -----
    The constant and the linear part (receiver phase, offset of water) are left to the later referencing of frequency
    and phase: only what changes the line's shape is taken out here.
    """
    wanted = reference.size if n_points is None else n_points
    measured = np.flatnonzero(reference)
    n = int(measured[-1]) + 1 if measured.size else 0
    if n < 8:
        return None
    reference = reference[:n]
    noise = np.sqrt(np.mean(np.abs(np.diff(reference[-max(8, n // 8) :], 2)) ** 2) / 6.0)
    magnitude = gaussian_smooth(np.abs(reference), 8.0)
    weak = np.flatnonzero(magnitude < MIN_REFERENCE_SNR * max(noise, 1e-12 * magnitude.max()))
    good = int(weak[0]) if weak.size else n
    if good < max(8, round(0.01 / dwell_s)):
        return None
    t = time_axis(n, dwell_s)
    # offset first, so that neither the smoothing nor the unwrapping meets a turning phase
    rotation = np.angle(np.vdot(reference[: good - 1], reference[1:good])) / dwell_s
    still = reference[:good] * np.exp(-1j * rotation * t[:good])
    # eddy currents last milliseconds and more: the first 16 points are kept as they are, later ones are smoothed
    smooth = gaussian_smooth(still, 6.0, beyond="constant")
    blend = np.clip((np.arange(good) - 8) / 16.0, 0.0, 1.0)
    phase = np.unwrap(np.angle((1.0 - blend) * still + blend * smooth))
    weight = np.abs(still)
    slope, offset = np.polyfit(t[:good], phase, 1, w=weight)
    phase = phase - (slope * t[:good] + offset)
    return np.concatenate([phase, np.full(max(wanted - good, 0), phase[-1])])[:wanted]


def correct_eddy(fid: NDArray, reference: NDArray | None, dwell_s: float) -> tuple[NDArray, str]:
    """Subtract the reference's phase from a FID.

    Parameters
    ----------
    fid : complex array, shape ``(..., n)``
    reference : complex array, shape ``(m,)``, or None
        Of any length.
    dwell_s : float
        Sampling interval of both, s.

    Returns
    -------
    fid : complex array, shape ``(..., n)``
        The input itself when no correction is possible.
    why_not : str
        Why there was no correction; empty where there was one.

    Notes
    -----
    Klose 1990, Magn Reson Med 14:26, doi 10.1002/mrm.1910140104.
    """
    if reference is None:
        return fid, "no reference"
    phase = eddy_phase(reference, dwell_s, fid.shape[-1])
    if phase is None:
        return fid, "less than 10 ms of the reference stand above its noise"
    return fid * np.exp(-1j * phase), ""
