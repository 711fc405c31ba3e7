# SPDX-License-Identifier: Apache-2.0
"""The panels of the report: data, re-made spectrum, residual and metabolites of DIFF, OFF and ON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.quantify.result import Panel
from fsl_mrs_dl.reports.drawing import Axis, path, ppm_ticks, px
from fsl_mrs_dl.reports.figures import COLOURS, PANEL_TITLES, PEAKS, display_floor, label_place, real, visible
from fsl_mrs_dl.reports.html.page import COLOURS as OVERLAYS

WIDTH, LEFT, HEIGHT = 920.0, 10.0, 360.0
_ROW_PX = 26.0
_COMPONENT_SHOWN = 0.002  # of the span of the data; smaller components would be a flat line
_DEFAULT_ON = ("GABA", "MM30", "Glu", "Gln")
_LABELS = {"data": "data", "baseline": "baseline", "fit": "re-made from the estimates", "residual": "residual (offset)"}
_STEPS = 20000
"""Steps of the span to which curves are rounded for plotly: finer than a screen, and short to write."""


def with_edit_on(panels: Sequence[Panel]) -> tuple[Panel, ...]:
    """`panels` and edit_on, which is edit_off + DIFF: data and curves alike, as both are turned by the same phase."""
    by_name = {panel.name: panel for panel in panels}
    off, diff = by_name.get("edit_off"), by_name.get("diff")
    if off is None or diff is None or "edit_on" in by_name or not np.array_equal(off.ppm, diff.ppm):
        return tuple(panels)
    components = {
        name: off.components[name] + diff.components[name] for name in off.components if name in diff.components
    }
    on = Panel("edit_on", off.ppm, off.data + diff.data, off.fit + diff.fit, off.baseline + diff.baseline, components)
    return (*panels, on)


def panel_view(
    panel: Panel, *, refused: bool, values: Mapping[str, str] | None = None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """One panel twice: as a drawing, and for plotly.

    Parameters
    ----------
    panel : Panel
    refused : bool
        Whether the data alone are shown.
    values : mapping of str to str, optional
        What is said of each metabolite beside its name.

    Returns
    -------
    drawing : dict
        Paths in pixels, ticks, labels of peaks, and the stack of metabolites.
    plot : dict
        ``x`` in ppm; curves in steps of the span.
    """
    mask = visible(panel)
    order = np.argsort(np.asarray(panel.ppm)[mask])[::-1]
    ppm = np.asarray(panel.ppm, float)[mask][order]

    def curve(values: NDArray) -> NDArray:
        return real(values)[mask][order]

    data, fit, baseline = curve(panel.data), curve(panel.fit), curve(panel.baseline)
    residual = data - fit
    shown = [data] if refused else [data, fit]
    low, high = display_floor(panel, ppm, shown), max(float(c.max()) for c in shown)
    span = float(high - low) or 1.0
    offset = float(high + 0.08 * span - residual.min()) if not refused else 0.0
    top = float(max(high, offset + residual.max())) if not refused else float(high)
    x = Axis(float(ppm[0]), float(ppm[-1]), LEFT, WIDTH - LEFT)
    y = Axis(low - 0.08 * span, top + 0.06 * span, HEIGHT - 30, 8)
    curves = {"data": data}
    if not refused:
        curves |= {"baseline": baseline, "fit": fit, "residual": residual + offset}
    components = [] if refused else _components(panel, curve, span)
    lowest = low - 0.05 * span
    lines = [
        {"name": name, "label": _LABELS[name], "colour": COLOURS[name], "d": path(x(ppm), y(np.maximum(c, lowest)))}
        for name, c in curves.items()
    ]
    # by the place in the model, so that a metabolite has one colour in all panels
    colours = {name: OVERLAYS[i % len(OVERLAYS)] for i, name in enumerate(panel.components)}
    overlays = [
        {
            "name": c["name"],
            "colour": colours[c["name"]],
            "on": c["name"] in _DEFAULT_ON,
            "d": path(x(ppm), y(np.maximum(c["values"] + baseline, lowest))),
        }
        for c in components
    ]
    peaks = _peaks(panel.name, ppm, data, low, span)
    stack, stack_height = _stack(components, x(ppm))
    ticks = [{"x": px(x(t)), "label": f"{t:.1f}"} for t in ppm_ticks(float(ppm[-1]), float(ppm[0]))]
    drawing = {
        "name": panel.name,
        "title": PANEL_TITLES.get(panel.name, panel.name),
        "width": px(WIDTH),
        "height": px(HEIGHT),
        "axis_y": px(HEIGHT - 30),
        "left": px(LEFT),
        "right": px(WIDTH - LEFT),
        "ppm0": float(ppm[0]),
        "ppm1": float(ppm[-1]),
        "curves": lines,
        "overlays": overlays,
        "ticks": ticks,
        "residual_zero": px(y(offset)) if not refused else None,
        "peaks": [{"name": k["name"], "x": px(x(k["x"])), "y": px(y(k["y"]) + (-6 if k["up"] else 14))} for k in peaks],
        "stack": stack,
        "stack_height": px(stack_height + 25),
        "stack_axis_y": px(stack_height),
        "label": f"{panel.name}: data{'' if refused else ', re-made spectrum and residual'} over ppm",
    }

    def steps(values: NDArray) -> list[int]:
        return np.round(values / span * _STEPS).astype(int).tolist()

    values = values or {}
    plot = {
        "x": np.round(ppm, 4).tolist(),
        "range": [int(v / span * _STEPS) for v in (y.v0, y.v1)],
        "curves": [{k: c[k] for k in ("name", "label", "colour")} | {"y": steps(curves[c["name"]])} for c in lines],
        "metabolites": [
            {
                "name": c["name"],
                "label": f"{c['name']} {values.get(c['name'], '')}".strip(),
                "colour": overlay["colour"],
                "on": overlay["on"],
                "y": steps(c["values"] + baseline),
            }
            for c, overlay in zip(components, overlays, strict=True)
        ],
        "peaks": [{**k, "y": k["y"] / span * _STEPS} for k in peaks],
    }
    return drawing, plot


def _peaks(name: str, ppm: NDArray, data: NDArray, low: float, span: float) -> list[dict[str, Any]]:
    found = []
    for label, shift in PEAKS.get(name, {}).items():
        near = np.abs(ppm - shift) < 0.06
        if near.any():
            place, side = label_place(data[near], float(np.median(data)))
            if place < low:
                place, label = low - 0.02 * span, f"{label} (cut off)"
            found.append({"name": label, "x": shift, "y": place, "up": side > 0})
    return found


def _components(panel: Panel, curve: Any, span: float) -> list[dict[str, Any]]:
    found = [{"name": name, "values": curve(values)} for name, values in panel.components.items()]
    return [c for c in found if float(np.ptp(c["values"])) > _COMPONENT_SHOWN * span]


def _stack(components: Sequence[Mapping[str, Any]], x: NDArray) -> tuple[list[dict[str, str]], float]:
    """One row per metabolite, and the height of all."""
    # one scale for all rows, so that they can be compared; three rows are the height of the tallest
    tallest = max((float(np.ptp(c["values"])) for c in components), default=1.0) or 1.0
    heights = [c["values"] / tallest * 3 * _ROW_PX for c in components]
    first = 16 + max((float(h.max()) - _ROW_PX * i for i, h in enumerate(heights)), default=0.0)
    bases = [first + _ROW_PX * i for i in range(len(heights))]
    height = 10 + max((base - float(h.min()) for base, h in zip(bases, heights, strict=True)), default=0.0)
    rows = [
        {"name": c["name"], "y": px(base), "d": path(x, base - h)}
        for c, h, base in zip(components, heights, bases, strict=True)
    ]
    return rows, height
