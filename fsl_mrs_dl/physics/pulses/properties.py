# SPDX-License-Identifier: Apache-2.0
"""What a pulse does: profile, bandwidth, sharpness, ripple, peak field; from its exact rotations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.core.constants import GAMMA_H_MHZ_PER_T
from fsl_mrs_dl.physics.pulses.shape import ShapedPulse

Purpose = Literal["excitation", "refocusing", "inversion"]

_N_OFFSETS = 4001
_RANGE_TBW = 12.0
"""The profile is examined over this many inverse durations to both sides."""


@dataclass(frozen=True)
class PulseProperties:
    """Properties of a pulse used for one purpose.

    Parameters
    ----------
    purpose : {'excitation', 'refocusing', 'inversion'}
    n_steps : int
    duration_s : float
    peak_w1_hz : float
        Largest nutation frequency, gamma B1 / 2 pi.
    peak_b1_ut : float
        The same as a field in microtesla.
    flip_deg : float
        Angle from z to which it turns the magnetisation in the middle of its band, 0 to 180 (270 degrees are 90 here).
    bandwidth_hz : float
        Full width at half maximum of the profile.
    time_bandwidth : float
        Bandwidth times duration.
    transition_hz : float
        From 95 to 5 per cent of the maximum, mean of both sides; nan where the profile has no such flanks.
    passband_ripple : float
        Largest minus smallest value over the inner 60 per cent of the bandwidth.
    stopband_ripple : float
        Largest value more than a bandwidth from the centre.
    centre_hz : float
        Middle of the band.
    rephasing_fraction : float
        Of an excitation pulse, see `rephasing_fraction`; nan otherwise.
    """

    purpose: str
    n_steps: int
    duration_s: float
    peak_w1_hz: float
    peak_b1_ut: float
    flip_deg: float
    bandwidth_hz: float
    time_bandwidth: float
    transition_hz: float
    passband_ripple: float
    stopband_ripple: float
    centre_hz: float
    rephasing_fraction: float


def profile(pulse: ShapedPulse, offset_hz: NDArray, purpose: Purpose) -> NDArray:
    """What the pulse does at each offset, from 0 (nothing) to 1.

    ``excitation``: transverse magnetisation from z; ``refocusing``: refocused fraction between crushers;
    ``inversion``: ``(1 - Mz) / 2``. Shape as `offset_hz`.
    """
    alpha, beta = pulse.spinor(offset_hz)
    if purpose == "excitation":
        return 2 * np.abs(alpha * beta)
    # a crushed echo keeps |beta|^2, and the same share of the magnetisation is inverted
    return np.abs(beta) ** 2


def properties(pulse: ShapedPulse, purpose: Purpose = "inversion") -> PulseProperties:
    """Properties of a pulse.

    Parameters
    ----------
    pulse : ShapedPulse
    purpose : {'excitation', 'refocusing', 'inversion'}
        Which profile counts.

    Raises
    ------
    ValueError
        When the pulse does nothing, so that no band can be found.

    Notes
    -----
    Of a pulse with several bands, the band with the highest point counts.
    """
    offset_hz, values = _profile_around_band(pulse, purpose)
    peak = values.max()
    if peak < 0.01:
        raise ValueError("the pulse does nothing: its profile stays below 0.01")
    low, high = _half_maximum(offset_hz, values)
    width, centre = high - low, (low + high) / 2
    inner = np.abs(offset_hz - centre) < 0.3 * width
    transition = _transition(offset_hz, values)
    outside = np.abs(offset_hz - centre) > width
    alpha, beta = pulse.spinor(np.array([centre]))
    peak_w1_hz = float(np.abs(pulse.w1_hz).max())
    return PulseProperties(
        purpose=purpose,
        n_steps=pulse.n_steps,
        duration_s=pulse.duration_s,
        peak_w1_hz=peak_w1_hz,
        peak_b1_ut=peak_w1_hz / GAMMA_H_MHZ_PER_T,
        flip_deg=float(np.rad2deg(2 * np.arctan2(np.abs(beta[0]), np.abs(alpha[0])))),
        bandwidth_hz=float(width),
        time_bandwidth=float(width * pulse.duration_s),
        transition_hz=transition,
        passband_ripple=float(np.ptp(values[inner])),
        stopband_ripple=float(values[outside].max()) if outside.any() else float("nan"),
        centre_hz=float(centre),
        rephasing_fraction=rephasing_fraction(pulse, low, high) if purpose == "excitation" else float("nan"),
    )


def _profile_around_band(pulse: ShapedPulse, purpose: Purpose) -> tuple[NDArray, NDArray]:
    """Offsets and profile, wide first, then over the band at a resolution that suits it."""
    reach = max(_RANGE_TBW / pulse.duration_s, 2 * float(np.abs(pulse.w1_hz).max()))
    centre = 0.0
    for _ in range(2):
        offset_hz = np.linspace(centre - reach, centre + reach, _N_OFFSETS)
        values = profile(pulse, offset_hz, purpose)
        low, high = _half_maximum(offset_hz, values)
        centre, reach = (low + high) / 2, max(4 * (high - low), 4 / pulse.duration_s)
    return offset_hz, values


def _band(values: NDArray) -> tuple[int, int]:
    """First and last index of the band about the highest point, down to half of it."""
    top, level = int(np.argmax(values)), values.max() / 2
    below = np.flatnonzero(values < level)
    left, right = below[below < top], below[below > top]
    return int(left[-1] + 1) if len(left) else 0, int(right[0] - 1) if len(right) else len(values) - 1


def _half_maximum(offset_hz: NDArray, values: NDArray) -> tuple[float, float]:
    """Offsets at half of the maximum, interpolated."""
    first, last = _band(values)
    level = values.max() / 2
    return (
        _interpolate(offset_hz, values, first, first - 1, level),
        _interpolate(offset_hz, values, last, last + 1, level),
    )


def _transition(offset_hz: NDArray, values: NDArray) -> float:
    """Mean width of the flanks from 95 to 5 per cent of the maximum."""
    first, last = _band(values)
    high = np.flatnonzero(values[first : last + 1] >= 0.95 * values.max()) + first
    low = np.flatnonzero(values < 0.05 * values.max())
    left, right = low[low < first], low[low > last]
    if not len(left) or not len(right):
        return float("nan")
    return float(offset_hz[high[0]] - offset_hz[left[-1]] + offset_hz[right[0]] - offset_hz[high[-1]]) / 2


def _interpolate(offset_hz: NDArray, values: NDArray, inside: int, outside: int, level: float) -> float:
    if not 0 <= outside < len(values) or values[inside] == values[outside]:
        return float(offset_hz[inside])
    share = (values[inside] - level) / (values[inside] - values[outside])
    return float(offset_hz[inside] + share * (offset_hz[outside] - offset_hz[inside]))


def rephasing_fraction(pulse: ShapedPulse, low_hz: float, high_hz: float) -> float:
    """Time from the effective centre of an excitation pulse to its end, as a fraction of its duration.

    From the slope of the phase of the transverse magnetisation between two offsets of its pass band (Hz). Times the
    gradient area during the pulse it is the area that rephases the slice: a little more than a half for symmetric
    90 degree pulses.
    """
    offset_hz = np.linspace(low_hz, high_hz, 201)
    alpha, beta = pulse.spinor(offset_hz)
    transverse = 2 * np.conj(alpha) * beta
    slope = np.polyfit(offset_hz, np.unwrap(np.angle(transverse)), 1, w=np.abs(transverse))[0]
    return float(slope / (2 * np.pi * pulse.duration_s))
