# SPDX-License-Identifier: Apache-2.0
"""Curves of a panel, before drawing: common axis, cut-off and labels of peaks.

fit_summary.png and the report draw what stands here, so that they cannot tell of one fit in two ways. There are three
drawings of it, for three places: matplotlib for a picture and for papers; paths in SVG, which the report has without
plotly, without JavaScript and on paper; plotly, where it is installed, to zoom and to read values off.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.core.constants import CHO_PPM, CR_CH3_PPM, GABA_H4_PPM, GLX_H2_PPM, NAA_PPM
from fsl_mrs_dl.quantify.result import Panel

PPM_WINDOW = (0.5, 4.2)
"""Range of chemical shift that is shown, ppm."""

PANEL_TITLES = {"diff": "DIFF (edit_on − edit_off)", "edit_off": "edit_off", "edit_on": "edit_on"}
PEAKS = {
    "diff": {"Glx": GLX_H2_PPM, "GABA": GABA_H4_PPM, "NAA": NAA_PPM},
    "edit_off": {"Glx": GLX_H2_PPM, "Cho": CHO_PPM, "Cr": CR_CH3_PPM, "NAA": NAA_PPM},
    "edit_on": {"Glx": GLX_H2_PPM, "Cho": CHO_PPM, "Cr": CR_CH3_PPM},
}
LABELS = {"data": "data", "baseline": "baseline", "fit": "from the estimates", "residual": "residual (offset)"}
"""Curves, as they are called in legends."""

_PEAK_REACH_PPM = 0.06
_RESIDUAL_GAP = 0.08
"""Between the highest curve and the residual, of the span."""


@dataclass(frozen=True)
class PeakLabel:
    """The name of a peak, and where it stands: above its top (`up`), or below an inverted line."""

    name: str
    shift_ppm: float
    value: float
    up: bool


@dataclass(frozen=True)
class PanelCurves:
    """What is shown of a panel, ppm descending.

    Parameters
    ----------
    ppm : array, shape ``(n,)``
    shown : mapping of str to array
        Curves by the keys of `LABELS`; the residual with its offset. The data alone of a refused data set.
    components : mapping of str to array
        Each metabolite's part of the fit without the baseline; none of a refused data set.
    baseline : array
    low, high : float
        Lowest value that is shown, and top of data and fit.
    top : float
        Top of everything, the residual included.
    offset : float
        Where the residual has its zero.
    peaks : tuple of PeakLabel
    """

    ppm: NDArray
    shown: Mapping[str, NDArray]
    components: Mapping[str, NDArray]
    baseline: NDArray
    low: float
    high: float
    top: float
    offset: float
    peaks: tuple[PeakLabel, ...]

    @property
    def span(self) -> float:
        """Height of data and fit; 1 where there is none."""
        return self.high - self.low or 1.0


def panel_curves(panel: Panel, *, refused: bool) -> PanelCurves:
    """The curves of a panel within `PPM_WINDOW`.

    Parameters
    ----------
    panel : Panel
    refused : bool
        Whether the data alone are shown.

    Returns
    -------
    PanelCurves
    """
    mask = visible(panel)
    order = np.argsort(np.asarray(panel.ppm)[mask])[::-1]
    ppm = np.asarray(panel.ppm, float)[mask][order]

    def curve(values: NDArray) -> NDArray:
        return real(values)[mask][order]

    data, fit, baseline = curve(panel.data), curve(panel.fit), curve(panel.baseline)
    measured = [data] if refused else [data, fit]
    low, high = display_floor(panel.name, ppm, measured), max(float(c.max()) for c in measured)
    shown, offset, top = {"data": data}, 0.0, high
    if not refused:
        residual = data - fit
        offset = high + _RESIDUAL_GAP * (high - low or 1.0) - float(residual.min())
        top = max(high, offset + float(residual.max()))
        shown |= {"baseline": baseline, "fit": fit, "residual": residual + offset}
    return PanelCurves(
        ppm=ppm,
        shown=shown,
        components={} if refused else {name: curve(values) for name, values in panel.components.items()},
        baseline=baseline,
        low=low,
        high=high,
        top=top,
        offset=offset,
        peaks=tuple(_peak_labels(panel.name, ppm, data, low)),
    )


def visible(panel: Panel) -> NDArray:
    """Mask of the points of `panel` that lie in `PPM_WINDOW`; all points where none does."""
    ppm = np.asarray(panel.ppm)
    mask = (ppm >= PPM_WINDOW[0]) & (ppm <= PPM_WINDOW[1])
    return mask if mask.any() else np.ones(len(ppm), bool)


def real(curve: NDArray) -> NDArray:
    """The real part, with zeros where it is not finite (a refused fit)."""
    return np.nan_to_num(np.real(np.asarray(curve)), nan=0.0, posinf=0.0, neginf=0.0).astype(float)


def display_floor(name: str, ppm: NDArray, curves: Sequence[NDArray]) -> float:
    """Lowest value that is shown: in DIFF the inverted NAA line is cut, or GABA and Glx could not be seen beside it."""
    lowest = min(float(c.min()) for c in curves)
    edited = (ppm > 2.2) & (ppm < 4.1)
    if name != "diff" or not edited.any():
        return lowest
    return max(lowest, -1.5 * max(float(np.abs(c[edited]).max()) for c in curves))


def label_place(values: NDArray, level: float) -> tuple[float, int]:
    """Where the name of a peak stands: at its top (1), or at the bottom (-1) of one that is mainly below `level`."""
    low, high = float(np.min(values)), float(np.max(values))
    return (low, -1) if level - low > high - level else (high, 1)


def _peak_labels(panel: str, ppm: NDArray, data: NDArray, low: float) -> Iterator[PeakLabel]:
    level = float(np.median(data))
    for name, shift_ppm in PEAKS.get(panel, {}).items():
        near = np.abs(ppm - shift_ppm) < _PEAK_REACH_PPM
        if not near.any():
            continue
        value, side = label_place(data[near], level)
        cut = value < low
        yield PeakLabel(f"{name} (cut off)" if cut else name, shift_ppm, low if cut else value, side > 0)
