# SPDX-License-Identifier: Apache-2.0
"""Alignment before and after: shifts of the transients, and the average without and with the preprocessing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.core.data import EditedSpectra
from fsl_mrs_dl.core.record import Record, Transients
from fsl_mrs_dl.models.inputs import PpmGrid
from fsl_mrs_dl.preprocess.align import apply_alignment
from fsl_mrs_dl.reports.curves import PANEL_TITLES
from fsl_mrs_dl.reports.drawing import Axis, path, ppm_ticks, px
from fsl_mrs_dl.reports.html.page import COLOURS

_GRID = PpmGrid(low_ppm=2.7, high_ppm=4.1, n_points=561)
"""Cr, Cho, GABA and Glx: where misalignment broadens lines in OFF and leaves dispersive rests in DIFF."""


def drift_view(history: Record) -> dict[str, Any] | None:
    """The frequency shift per transient, rejected ones marked, where the preprocessing recorded it."""
    record = history.averaged
    found = {name: np.asarray(one.shifts_hz, float) for name, one in record.items()}
    # a single transient per condition has no drift to show
    series = {name: shifts for name, shifts in found.items() if shifts.size > 1}
    values = np.concatenate([np.zeros(0), *(shifts[np.isfinite(shifts)] for shifts in series.values())])
    if not values.size:
        return None
    pad = 0.1 * float(np.ptp(values)) or 0.5
    x = Axis(0, max(1, max(len(v) for v in series.values()) - 1), 50, 900)
    y = Axis(float(values.min()) - pad, float(values.max()) + pad, 170, 10)
    groups = []
    for i, (name, v) in enumerate(series.items()):
        out = set(record[name].rejected)
        points = [{"x": px(x(k)), "y": px(y(s)), "out": k in out} for k, s in enumerate(v) if math.isfinite(s)]
        groups.append({"name": name, "colour": COLOURS[i % len(COLOURS)], "points": points, "rejected": sorted(out)})
    ticks = [{"y": px(y(t)), "label": f"{t:.1f}"} for t in np.linspace(values.min(), values.max(), 4)]
    return {"groups": groups, "ticks": ticks, "span": f"{_span(series, record):.1f}"}


def _span(series: Mapping[str, NDArray], record: Mapping[str, Transients]) -> float:
    """Range of the transients that were kept, of the condition where it is largest."""
    kept = [np.delete(v, [k for k in record[name].rejected if k < len(v)]) for name, v in series.items()]
    return max((float(np.ptp(v[np.isfinite(v)])) for v in kept if np.isfinite(v).any()), default=0.0)


def before_after(spectra: EditedSpectra, unaligned: Mapping[str, NDArray]) -> list[dict[str, Any]]:
    """Plain mean and final average of each spectrum, one scale for both.

    Parameters
    ----------
    spectra : EditedSpectra
        Final; ``history.reference`` tells how it was referenced, and the plain mean is moved by the same.
    unaligned : mapping of str to complex array
        `fsl_mrs_dl.preprocess.pipeline.Preprocessed.unaligned`.

    Returns
    -------
    list of dict
        Nothing for data that were not aligned: without two transients there is no before.
    """
    if max((one.n for one in spectra.history.averaged.values()), default=0) < 2:
        return []
    reference = spectra.history.reference
    shift, phase = (reference.shift_hz, reference.phase_rad) if reference else (0.0, 0.0)
    before = {name: apply_alignment(fid, spectra.dwell_s, shift, phase) for name, fid in unaligned.items()}
    if "edit_off" in before and "edit_on" in before:
        before["diff"] = before["edit_on"] - before["edit_off"]
    views = []
    for name in ("edit_off", "diff"):
        final = getattr(spectra, name)
        if name not in before or final is None:
            continue
        pair = [_level(_GRID.evaluate(f, spectra.dwell_s, spectra.f0_mhz).real) for f in (before[name], final)]
        views.append(_view(name, *pair))
    return views


def _level(values: NDArray) -> NDArray:
    """Without its straight line from end to end: the tail of the water that the plain mean still has."""
    return values - np.linspace(np.median(values[:20]), np.median(values[-20:]), len(values))


def _view(name: str, before: NDArray, after: NDArray) -> dict[str, Any]:
    width, height = 920.0, 210.0
    low, high = (float(f([f(before), f(after)])) for f in (np.min, np.max))
    pad = 0.06 * (high - low) or 1.0
    x = Axis(_GRID.high_ppm, _GRID.low_ppm, 10, width - 10)
    y = Axis(low - pad, high + pad, height - 26, 6)
    return {
        "name": name,
        "title": PANEL_TITLES.get(name, name),
        "width": px(width),
        "height": px(height),
        "axis_y": px(height - 26),
        "before": path(x(_GRID.ppm), y(before)),
        "after": path(x(_GRID.ppm), y(after)),
        "ticks": [{"x": px(x(t)), "label": f"{t:.1f}"} for t in ppm_ticks(_GRID.low_ppm, _GRID.high_ppm)],
    }
