# SPDX-License-Identifier: Apache-2.0
"""Gaussian pulses, the editing pulses of MEGA-PRESS (Mescher et al. 1998, NMR Biomed 11:266)."""

from __future__ import annotations

import numpy as np

from fsl_mrs_dl.pulses.shape import ShapedPulse


def gaussian_pulse(
    duration_s: float, *, truncation: float = 0.01, flip_deg: float = 180.0, n_steps: int = 100
) -> ShapedPulse:
    """A Gaussian pulse with a given flip angle on resonance.

    Parameters
    ----------
    duration_s : float
        Duration in s.
    truncation : float
        Amplitude at the ends relative to the peak, between 0 and 1.
    flip_deg : float
        Flip angle on resonance in degrees: the area under the pulse.
    n_steps : int
        Steps; each has the amplitude at its centre.

    Raises
    ------
    ValueError
        When the duration is not positive or the truncation is not between 0 and 1.
    """
    if not duration_s > 0:
        raise ValueError(f"duration_s must be positive, got {duration_s}")
    if not 0 < truncation < 1:
        raise ValueError(f"truncation must lie between 0 and 1, got {truncation}")
    position = (np.arange(n_steps) + 0.5) / n_steps * 2 - 1
    shape = np.exp(np.log(truncation) * position**2)
    w1_hz = shape * (flip_deg / 360.0) / (shape.mean() * duration_s)
    return ShapedPulse(w1_hz.astype(complex), duration_s, f"Gaussian {duration_s * 1e3:g} ms")
