# SPDX-License-Identifier: Apache-2.0
"""Small helpers of the draws: exponents per sample, log-uniform numbers, and areas of lines in a range."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

GAUSS = math.pi / (2 * math.sqrt(math.log(2)))
"""Full width at half maximum of a Gaussian line, Hz, to the square root of its exponent per squared second."""


def rate_of(ppm: NDArray, centre_ppm: float, lorentz_hz: NDArray | float, f0_mhz: NDArray, dwell_s: NDArray) -> NDArray:
    """Exponent per sample of a Lorentzian line at `ppm` with the given full width, in a frame at `centre_ppm`."""
    return (2j * np.pi * (ppm - centre_ppm) * f0_mhz - np.pi * lorentz_hz) * dwell_s


def log_uniform(limits: tuple[float, float], size: int | tuple[int, ...], rng: np.random.Generator) -> NDArray:
    """Numbers whose logarithm is uniform between two positive limits, shape `size`."""
    low, high = np.log(limits)
    return np.exp(rng.uniform(low, high, size=size))


def within(
    ppm: NDArray, lorentz_hz: NDArray, gauss_hz: NDArray, range_ppm: tuple[float, float], f0_mhz: NDArray
) -> NDArray:
    """Share of the area of Voigt lines that stands in a range of the spectrum.

    By the pseudo-Voigt profile of Thompson, Cox and Hastings 1987, J Appl Cryst 20:79, doi 10.1107/S0021889887087090,
    which is within 1 % of the line's height of the convolution.

    Parameters
    ----------
    ppm, lorentz_hz, gauss_hz : arrays
        Places, and full widths at half maximum.
    range_ppm : tuple of two float
    f0_mhz : array
    """
    g, x = np.maximum(gauss_hz, 1e-6), np.maximum(lorentz_hz, 0.0)
    fifth = g**5 + 2.69269 * g**4 * x + 2.42843 * g**3 * x**2 + 4.47163 * g**2 * x**3 + 0.07842 * g * x**4 + x**5
    width = fifth**0.2
    mixed = x / width
    share = 1.36603 * mixed - 0.47719 * mixed**2 + 0.11116 * mixed**3
    ends = [2 * (edge - ppm) * f0_mhz / width for edge in range_ppm]
    lorentz = (np.arctan(ends[1]) - np.arctan(ends[0])) / np.pi
    gauss = (erf(math.sqrt(math.log(2)) * ends[1]) - erf(math.sqrt(math.log(2)) * ends[0])) / 2
    return share * lorentz + (1 - share) * gauss
