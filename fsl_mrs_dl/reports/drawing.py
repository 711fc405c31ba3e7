# SPDX-License-Identifier: Apache-2.0
"""Numbers to pixels: axes, ticks and paths of the drawings (inline SVG)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Axis:
    """A linear map of the values `v0` to `v1` on the pixels `p0` to `p1`."""

    v0: float
    v1: float
    p0: float
    p1: float

    def __call__(self, value: Any) -> Any:
        """The place of a value, or of an array of them."""
        return self.p0 + (np.asarray(value, float) - self.v0) / ((self.v1 - self.v0) or 1.0) * (self.p1 - self.p0)


def path(x: NDArray, y: NDArray) -> str:
    """The ``d`` of a line to a tenth of a pixel; points inside a level stretch are left out, for nobody sees them."""
    level = np.round(y, 1)
    keep = np.ones(len(level), bool)
    keep[1:-1] = (level[1:-1] != level[:-2]) | (level[1:-1] != level[2:])
    return "M" + " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x[keep].tolist(), level[keep].tolist(), strict=True))


def ppm_ticks(low: float, high: float) -> list[float]:
    """Every half ppm."""
    return [float(t) for t in np.arange(math.ceil(low * 2) / 2, high + 1e-9, 0.5)]


def px(value: Any) -> str:
    """A pixel."""
    return f"{float(value):.1f}"


def nice_ticks(low: float, high: float, n: int) -> list[float]:
    """About `n` round numbers (steps of 1, 2 or 5 times a power of ten) from `low` to `high`."""
    span = high - low
    if not span > 0 or not math.isfinite(span):
        return [low]
    size = 10.0 ** math.floor(math.log10(span / n))
    step = next(factor * size for factor in (1.0, 2.0, 5.0, 10.0) if span / (factor * size) <= n + 1e-9)
    first = math.ceil(low / step - 1e-9)
    return [round(k * step, 12) for k in range(first, math.floor(high / step + 1e-9) + 1)]
