# SPDX-License-Identifier: Apache-2.0
"""Pulses given by a formula: hard, Gaussian, sinc-Gaussian, and any of them on two frequencies at once.

Gaussian and sinc-Gaussian pulses are what MEGA editing is played with (Mescher et al. 1998, NMR Biomed 11:266-272).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.physics.pulses.shape import ShapedPulse


def hard_pulse(duration_s: float, flip_deg: float = 90.0) -> ShapedPulse:
    """A pulse of constant amplitude; duration in s. ValueError when it is not positive."""
    return _with_flip(np.ones(1), duration_s, flip_deg, f"hard {duration_s * 1e6:g} us")


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
    return _with_flip(_gaussian(truncation, n_steps), duration_s, flip_deg, f"Gaussian {duration_s * 1e3:g} ms")


def sinc_gaussian_pulse(
    duration_s: float,
    *,
    time_bandwidth: float = 2.0,
    truncation: float = 0.01,
    flip_deg: float = 180.0,
    n_steps: int = 100,
) -> ShapedPulse:
    """A sinc under a Gaussian window: a flatter top and steeper edges than a Gaussian of its duration.

    Parameters
    ----------
    duration_s : float
        Duration in s.
    time_bandwidth : float
        Zero crossings of the sinc within the pulse: duration times its bandwidth before the window.
    truncation : float
        Of the Gaussian window at the ends.
    flip_deg, n_steps
        As in `gaussian_pulse`.

    Raises
    ------
    ValueError
        When a length is not positive or the truncation is not between 0 and 1.
    """
    if not time_bandwidth > 0:
        raise ValueError(f"time_bandwidth must be positive, got {time_bandwidth}")
    shape = _gaussian(truncation, n_steps) * np.sinc(time_bandwidth / 2 * _position(n_steps))
    return _with_flip(shape, duration_s, flip_deg, f"sinc-Gaussian {duration_s * 1e3:g} ms")


def dual_band(pulse: ShapedPulse, separation_hz: float) -> ShapedPulse:
    """The pulse on two frequencies at once, each with the flip angle that it has alone.

    Parameters
    ----------
    pulse : ShapedPulse
    separation_hz : float
        Distance between the bands, which lie half of it to both sides of resonance. Steps must be short against its
        inverse.

    Raises
    ------
    ValueError
        When the steps are too long for the separation, or the bands overlap within the pulse's resolution.
    """
    if separation_hz * pulse.step_s > 0.25:
        raise ValueError(
            f"steps of {pulse.step_s * 1e6:.0f} us are too long for bands {separation_hz:g} Hz apart: "
            f"at least {int(np.ceil(4 * separation_hz * pulse.duration_s))} steps are needed"
        )
    if separation_hz * pulse.duration_s < 1:
        raise ValueError(f"bands {separation_hz:g} Hz apart need a pulse longer than {1e3 / separation_hz:.3g} ms")
    time_s = (np.arange(pulse.n_steps) + 0.5) * pulse.step_s - pulse.duration_s / 2
    w1_hz = pulse.w1_hz * 2 * np.cos(np.pi * separation_hz * time_s)
    return replace(pulse, w1_hz=w1_hz, name=f"{pulse.name}, two bands {separation_hz:g} Hz apart")


def _position(n_steps: int) -> NDArray:
    """Centres of the steps from -1 to 1."""
    return (np.arange(n_steps) + 0.5) / n_steps * 2 - 1


def _gaussian(truncation: float, n_steps: int) -> NDArray:
    if not 0 < truncation < 1:
        raise ValueError(f"truncation must lie between 0 and 1, got {truncation}")
    return np.exp(np.log(truncation) * _position(n_steps) ** 2)


def _with_flip(shape: NDArray, duration_s: float, flip_deg: float, name: str) -> ShapedPulse:
    """The shape with the amplitude that gives the flip angle on resonance."""
    if not duration_s > 0:
        raise ValueError(f"duration_s must be positive, got {duration_s}")
    w1_hz = shape * (flip_deg / 360.0) / (shape.mean() * duration_s)
    return ShapedPulse(w1_hz.astype(complex), duration_s, name)
