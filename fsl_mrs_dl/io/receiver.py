# SPDX-License-Identifier: Apache-2.0
"""Faults of the receiver in raw samples.

Driven beyond its range, samples pile up at the largest value that it can give; spikes are single samples that have
nothing to do with those beside them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

AT_LIMIT = 1e-6
"""Samples within this share of a coil's largest value stand at it: rounding of single precision."""

JUST_BELOW = 0.02
"""Share below the largest value in which an unclipped signal has more samples than at it."""

MIN_SAMPLES = 3
"""So many samples of one FID at the limit count: one is always there, and a second may tie in coarse integers."""

SPIKE = 3.0
"""A sample this many times as high as every other of its FID is a spike. In a signal that is sampled fast enough
neighbours are alike, and of a thousand samples of noise the highest has hardly 1.5 times the height of the second."""

_FIRST = 4
"""Samples at the start of an FID that are not looked at: digital filters begin with what is no spike."""

_BESIDE = 2
"""Samples on either side of a spike that may belong to it."""


def clipped_fids(fids: NDArray) -> NDArray:
    """FIDs that were cut off at the largest value of their coil.

    Parameters
    ----------
    fids : complex array, shape ``(n_conditions, n_coils, n_dynamics, n_points)``
        As they stand in the file: neither shifted in frequency nor turned in phase.

    Returns
    -------
    bool array, shape ``(n_conditions, n_coils, n_dynamics)``
        True where the real part, the imaginary part or the magnitude stands at the coil's limit `MIN_SAMPLES` times
        or more, and where more of the coil's samples stand at the limit than just below it. A signal that was not
        cut off passes through its largest value once.
    """
    found = np.zeros(fids.shape[:-1], bool)
    for part in (np.abs(fids.real), np.abs(fids.imag), np.abs(fids)):
        limit = part.max(axis=(0, 2, 3), keepdims=True)
        at_limit = (part >= (1 - AT_LIMIT) * limit) & (limit > 0)
        below = (part >= (1 - JUST_BELOW) * limit) & ~at_limit
        piled = at_limit.sum(axis=(0, 2, 3)) > below.sum(axis=(0, 2, 3))
        found |= (at_limit.sum(axis=-1) >= MIN_SAMPLES) & piled[None, :, None]
    return found


def spiked_fids(fids: NDArray) -> NDArray:
    """FIDs in which one sample towers over all others.

    Parameters
    ----------
    fids : complex array, shape ``(..., n_points)``

    Returns
    -------
    bool array, shape ``(...)``
    """
    size = np.abs(fids)
    at = _FIRST + np.argmax(size[..., _FIRST:], axis=-1)[..., None]
    highest = np.take_along_axis(size, at, axis=-1)[..., 0]
    points = np.arange(size.shape[-1])
    rest = np.where(np.abs(points - at) <= _BESIDE, 0.0, size).max(axis=-1)
    return np.asarray((rest > 0) & (highest > SPIKE * rest))
