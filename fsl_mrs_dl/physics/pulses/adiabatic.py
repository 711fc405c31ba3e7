# SPDX-License-Identifier: Apache-2.0
"""Adiabatic full passages: refocusing pulses of semi-LASER, which invert a wide band whatever the transmit field."""

from __future__ import annotations

import numpy as np
from scipy.integrate import cumulative_simpson

from fsl_mrs_dl.physics.pulses.shape import ShapedPulse

SMALLEST_TIME_BANDWIDTH = 4.0
"""Below, a frequency sweep of this kind inverts no band."""

_STEPS_PER_CYCLE = 8
"""Steps while the edge of the band turns once."""


def hyperbolic_secant_pulse(
    duration_s: float, time_bandwidth: float, *, order: int = 2, truncation: float = 0.01, adiabaticity: float = 4.0
) -> ShapedPulse:
    """A hyperbolic secant pulse, stretched by an order: HS1 is the plain one (Silver et al. 1985, Phys Rev A 31:2753).

    Amplitude ``sech(b tau^order)`` over ``tau`` from -1 to 1, and a frequency that sweeps as the integral of its
    square, so that every offset in the band is passed equally adiabatically (Tannús and Garwood 1996, J Magn Reson A
    120:133-137, doi 10.1006/jmra.1996.0110). One such pulse leaves a phase across its band; a pair refocuses it.

    Parameters
    ----------
    duration_s : float
        Duration in s.
    time_bandwidth : float
        Width of the frequency sweep times the duration.
    order : int
        Power of the time within the secant: the higher, the flatter the amplitude, and the lower its peak.
    truncation : float
        Amplitude at the ends relative to the peak, between 0 and 1.
    adiabaticity : float
        Square of the peak amplitude over the rate of the sweep at it, in rad: a share of ``exp(-pi/2 adiabaticity)``
        is not inverted (Landau and Zener), 0.2 % at 4.

    Raises
    ------
    ValueError
        When the duration or the adiabaticity is not positive, the truncation is not between 0 and 1, the order is not
        a positive whole number, or the time-bandwidth product is below `SMALLEST_TIME_BANDWIDTH`.
    """
    for name, value in (("duration_s", duration_s), ("adiabaticity", adiabaticity)):
        if not value > 0:
            raise ValueError(f"{name} must be positive, got {value}")
    if not 0 < truncation < 1:
        raise ValueError(f"truncation must lie between 0 and 1, got {truncation}")
    if order < 1 or order != int(order):
        raise ValueError(f"order must be a positive whole number, got {order}")
    if not time_bandwidth >= SMALLEST_TIME_BANDWIDTH:
        raise ValueError(f"time_bandwidth must be at least {SMALLEST_TIME_BANDWIDTH:g}, got {time_bandwidth}")
    half_steps = int(np.ceil(_STEPS_PER_CYCLE * time_bandwidth / 2))
    # the second half, finely; the first is its mirror image
    per_step = 16
    tau = np.linspace(0.0, 1.0, per_step * half_steps + 1)
    amplitude = 1 / np.cosh(np.arccosh(1 / truncation) * tau**order)
    area = cumulative_simpson(amplitude**2, x=tau, initial=0.0)
    sweep_hz = time_bandwidth / duration_s / 2 * area / area[-1]
    phase = np.pi * duration_s * cumulative_simpson(sweep_hz, x=tau, initial=0.0)
    rate_hz_per_s = time_bandwidth / duration_s**2 / area[-1]
    peak_hz = np.sqrt(adiabaticity * rate_hz_per_s / (2 * np.pi))
    half = (peak_hz * amplitude * np.exp(1j * phase))[per_step // 2 :: per_step]
    name = f"HS{order} {duration_s * 1e3:g} ms"
    return ShapedPulse(np.concatenate([half[::-1], half]), duration_s, name)
