# SPDX-License-Identifier: Apache-2.0
"""Slice-selective pulses by the width of their profile."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from fsl_mrs_dl.core.errors import ConfigError
from fsl_mrs_dl.physics import pulses
from fsl_mrs_dl.physics.pulses import ShapedPulse


@functools.lru_cache(maxsize=64)
def selective_pulse(kind: str, duration_s: float, time_bandwidth: float) -> ShapedPulse:
    """A slice-selective pulse about x whose profile has the full width at half maximum that is asked for.

    A design's own time-bandwidth product is that of its filter or sweep; the profile of a refocusing pulse is another.

    Parameters
    ----------
    kind : {'excitation', 'slr', 'sinc_gaussian', 'adiabatic'}
        A linear-phase SLR pulse for excitation, or one of three families of refocusing pulses.
    duration_s, time_bandwidth : float

    Raises
    ------
    ConfigError
        Where no pulse of the family has such a profile.
    """
    purpose: Any = "excitation" if kind == "excitation" else "refocusing"
    nominal = time_bandwidth
    try:
        for _ in range(8):
            if kind == "sinc_gaussian":
                pulse = pulses.sinc_gaussian_pulse(duration_s, time_bandwidth=nominal, n_steps=128)
            elif kind == "adiabatic":
                pulse = pulses.hyperbolic_secant_pulse(duration_s, nominal)
            else:
                pulse = pulses.slr_pulse(duration_s, nominal, purpose)
            found = _time_bandwidth(pulse, purpose, time_bandwidth)
            if abs(found - time_bandwidth) < 1e-4 * time_bandwidth:
                break
            nominal *= time_bandwidth / found
    except ValueError as error:
        raise ConfigError(f"{kind} pulse: {error}", hint="Choose a time-bandwidth product of 3 or more") from error
    return pulse


def _time_bandwidth(pulse: ShapedPulse, purpose: Any, expected: float) -> float:
    """What `fsl_mrs_dl.physics.pulses.properties` says of a pulse with a symmetric profile.

    Only the flank where it is expected is looked at: a bank designs hundreds of pulses, several times each.
    """
    offset_hz = np.linspace(0.0, 1.2 * expected / pulse.duration_s, 241)
    values = pulses.profile(pulse, offset_hz, purpose)
    half = values.max() / 2
    last = int(np.flatnonzero(values >= half)[-1])
    if last + 1 == len(values):
        return 2.4 * expected
    share = (values[last] - half) / (values[last] - values[last + 1])
    return float(2 * pulse.duration_s * (offset_hz[last] + share * (offset_hz[1] - offset_hz[0])))
