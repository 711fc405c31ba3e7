# SPDX-License-Identifier: Apache-2.0
"""Small pictures of the spectra of a scan, for pages that show many."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.core.units import ppm_axis, spectrum
from fsl_mrs_dl.reports.curves import PANEL_TITLES, PPM_WINDOW, display_floor
from fsl_mrs_dl.reports.drawing import Axis, path, px

WIDTH, HEIGHT = 260.0, 90.0
N_POINTS = 240


def curve_of(fid: NDArray, dwell_s: float, f0_mhz: float) -> NDArray:
    """Real spectrum of a referenced FID in `PPM_WINDOW`, the larger of what falls on one step of the picture.

    Parameters
    ----------
    fid : complex array, shape ``(n_points,)``
    dwell_s, f0_mhz : float

    Returns
    -------
    array, shape ``(2, n)``
        ppm ascending, and values; `n` is at most `N_POINTS`.
    """
    ppm = ppm_axis(len(fid), dwell_s, f0_mhz)
    values = np.nan_to_num(spectrum(fid).real)
    order = np.argsort(ppm)
    inside = [i for i in order if PPM_WINDOW[0] <= ppm[i] <= PPM_WINDOW[1]]
    ppm, values = ppm[inside], values[inside]
    groups = np.array_split(np.arange(len(ppm)), min(N_POINTS, max(1, len(ppm))))
    middle = float(np.median(values)) if len(values) else 0.0
    chosen = [group[int(np.argmax(np.abs(values[group] - middle)))] for group in groups if len(group)]
    return np.array([ppm[chosen], values[chosen]])


def thumbnails(spectra: Mapping[str, NDArray]) -> list[dict[str, Any]]:
    """Drawings of the curves of a scan, ppm descending; none of an empty one."""
    found = []
    for name, (ppm, values) in spectra.items():
        if not len(ppm):
            continue
        low, high = display_floor(name, ppm, [values]), float(values.max())
        x = Axis(PPM_WINDOW[1], PPM_WINDOW[0], 4, WIDTH - 4)
        y = Axis(low, high if high > low else low + 1.0, HEIGHT - 18, 4)
        found.append(
            {
                "title": PANEL_TITLES.get(name, name),
                "d": path(x(ppm[::-1]), y(np.maximum(values[::-1], low))),
                "width": px(WIDTH),
                "height": px(HEIGHT),
                "axis_y": px(HEIGHT - 16),
                "ticks": [{"x": px(x(t)), "label": f"{t:g}"} for t in (4.0, 3.0, 2.0, 1.0)],
            }
        )
    return found
