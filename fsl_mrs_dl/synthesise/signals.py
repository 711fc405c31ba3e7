# SPDX-License-Identifier: Apache-2.0
"""Small helpers of the draws: exponents per sample, and log-uniform numbers."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

GAUSS = math.pi / (2 * math.sqrt(math.log(2)))
"""Full width at half maximum of a Gaussian line, Hz, to the square root of its exponent per squared second."""


def rate_of(ppm: NDArray, centre_ppm: float, lorentz_hz: NDArray | float, f0_mhz: NDArray, dwell_s: NDArray) -> NDArray:
    """Exponent per sample of a Lorentzian line at `ppm` with the given full width, in a frame at `centre_ppm`."""
    return (2j * np.pi * (ppm - centre_ppm) * f0_mhz - np.pi * lorentz_hz) * dwell_s


def log_uniform(limits: tuple[float, float], size: int | tuple[int, ...], rng: np.random.Generator) -> NDArray:
    """Numbers whose logarithm is uniform between two positive limits, shape `size`."""
    low, high = np.log(limits)
    return np.exp(rng.uniform(low, high, size=size))
