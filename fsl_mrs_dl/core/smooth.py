# SPDX-License-Identifier: Apache-2.0
"""Smoothing along the last axis."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

_REACH = 4.0
"""Half width of the kernel in standard deviations."""


def gaussian_smooth(values: NDArray, sigma: float, beyond: Literal["mirrored", "constant"] = "mirrored") -> NDArray:
    """Smooth with a Gaussian, the same bits as ``scipy.ndimage.gaussian_filter1d``, whose import takes longer.

    Parameters
    ----------
    values : float or complex array, shape ``(..., n)``
    sigma : float
        Standard deviation in points, above 0.
    beyond : {'mirrored', 'constant'}
        What is taken to lie beyond the ends: the values mirrored there, or the last one again and again.

    Returns
    -------
    array, shape ``(..., n)``
    """
    radius, n = int(_REACH * sigma + 0.5), values.shape[-1]
    weights = np.exp(-0.5 / sigma**2 * np.arange(-radius, radius + 1) ** 2)
    weights /= weights.sum()
    width = [(0, 0)] * (values.ndim - 1) + [(radius, radius)]
    padded = np.pad(values, width, mode="symmetric" if beyond == "mirrored" else "edge")
    smooth = padded[..., radius : radius + n] * weights[radius]
    for k in range(radius):
        right = 2 * radius - k
        smooth += (padded[..., k : k + n] + padded[..., right : right + n]) * weights[k]
    return smooth
