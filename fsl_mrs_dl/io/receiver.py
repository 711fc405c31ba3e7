# SPDX-License-Identifier: Apache-2.0
"""Whether the receiver was driven beyond its range: samples that pile up at the largest value it can give."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

AT_LIMIT = 1e-6
"""Samples within this share of a coil's largest value stand at it: rounding of single precision."""

JUST_BELOW = 0.02
"""Share below the largest value in which an unclipped signal has more samples than at it."""

MIN_SAMPLES = 3
"""So many samples of one FID at the limit count: one is always there, and a second may tie in coarse integers."""


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
