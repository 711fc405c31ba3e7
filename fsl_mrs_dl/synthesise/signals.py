# SPDX-License-Identifier: Apache-2.0
"""Fast exponentials over time, the work horse of synthesis."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_FINE = 32


def geometric(rate: NDArray, n_times: int) -> NDArray:
    """``exp(rate k)`` for k = 0 ... n_times - 1, complex64, shape ``(*rate.shape, n_times)``.

    An outer product of 32 fine and the coarse powers takes the place of an exponential of every point.
    """
    rate = rate.astype(np.complex64)[..., None]
    fine = np.exp(rate * np.arange(_FINE, dtype=np.float32))
    coarse = np.exp(rate * np.arange(0, n_times, _FINE, dtype=np.float32))
    product = coarse[..., :, None] * fine[..., None, :]
    return product.reshape(*rate.shape[:-1], -1)[..., :n_times]


def rate_of(ppm: NDArray, centre_ppm: float, lorentz_hz: NDArray | float, f0_mhz: NDArray, dwell_s: NDArray) -> NDArray:
    """Exponent per sample of a Lorentzian line at `ppm` with the given full width, in a frame at `centre_ppm`."""
    return (2j * np.pi * (ppm - centre_ppm) * f0_mhz - np.pi * lorentz_hz) * dwell_s


def log_uniform(limits: tuple[float, float], n: int, rng: np.random.Generator) -> NDArray:
    """Numbers whose logarithm is uniform between two positive limits, shape ``(n,)``."""
    low, high = np.log(limits)
    return np.exp(rng.uniform(low, high, size=n))
