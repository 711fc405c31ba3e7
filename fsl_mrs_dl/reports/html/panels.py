# SPDX-License-Identifier: Apache-2.0
"""The panels of the report: data, reconstructed spectrum, residual and metabolites of DIFF, OFF and ON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.quantify.result import Panel
from fsl_mrs_dl.reports.curves import LABELS, PANEL_TITLES, PanelCurves, panel_curves
from fsl_mrs_dl.reports.drawing import Axis, path, ppm_ticks, px
from fsl_mrs_dl.reports.html.page import COLOURS as OVERLAYS

WIDTH, LEFT, HEIGHT = 920.0, 10.0, 360.0
_ROW_PX = 26.0
_COMPONENT_SHOWN = 0.002  # of the span of the data; smaller components would be a flat line
_DEFAULT_ON = ("GABA", "MM30", "Glu", "Gln")
_MARGINS = (0.08, 0.06)
"""Below and above what is shown, of the span."""
_CUT = 0.05
"""Below the lowest value that is shown, where a line that goes deeper is cut, of the span."""
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
    curves = panel_curves(panel, refused=refused)
    metabolites = _metabolites(curves)
    return _drawing(panel, curves, metabolites), _plot(curves, metabolites, values or {})


def _ends(curves: PanelCurves) -> tuple[float, float]:
    """Ends of the axis of intensity."""
    return curves.low - _MARGINS[0] * curves.span, curves.top + _MARGINS[1] * curves.span


def _drawing(panel: Panel, curves: PanelCurves, metabolites: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Paths in pixels."""
    ppm, fitted = curves.ppm, "residual" in curves.shown
    x = Axis(float(ppm[0]), float(ppm[-1]), LEFT, WIDTH - LEFT)
    y = Axis(*_ends(curves), HEIGHT - 30, 8)
    lowest = curves.low - _CUT * curves.span

    def line(values: NDArray) -> str:
        return path(x(ppm), y(np.maximum(values, lowest)))

    stack, stack_height = _stack(metabolites, x(ppm))
    return {
        "name": panel.name,
        "title": PANEL_TITLES.get(panel.name, panel.name),
        "width": px(WIDTH),
        "height": px(HEIGHT),
        "axis_y": px(HEIGHT - 30),
        "left": px(LEFT),
        "right": px(WIDTH - LEFT),
        "ppm0": float(ppm[0]),
        "ppm1": float(ppm[-1]),
        "curves": [{**_named(name), "d": line(values)} for name, values in curves.shown.items()],
        "overlays": [
            {"name": c["name"], "colour": c["colour"], "on": c["on"], "d": line(c["values"] + curves.baseline)}
            for c in metabolites
        ],
        "ticks": [{"x": px(x(t)), "label": f"{t:.1f}"} for t in ppm_ticks(float(ppm[-1]), float(ppm[0]))],
        "residual_zero": px(y(curves.offset)) if fitted else None,
        "peaks": [
            {"name": p.name, "x": px(x(p.shift_ppm)), "y": px(y(p.value) + (-6 if p.up else 14))} for p in curves.peaks
        ],
        "stack": stack,
        "stack_height": px(stack_height + 25),
        "stack_axis_y": px(stack_height),
        "label": f"{panel.name}: data{', reconstructed spectrum and residual' if fitted else ''} over ppm",
    }


def _plot(curves: PanelCurves, metabolites: Sequence[Mapping[str, Any]], values: Mapping[str, str]) -> dict[str, Any]:
    """The same in steps of the span, for plotly."""

    def steps(curve: NDArray) -> list[int]:
        return np.round(curve / curves.span * _STEPS).astype(int).tolist()

    return {
        "x": np.round(curves.ppm, 4).tolist(),
        "range": [int(v / curves.span * _STEPS) for v in _ends(curves)],
        "curves": [{**_named(name), "y": steps(curve)} for name, curve in curves.shown.items()],
        "metabolites": [
            {
                "name": c["name"],
                "label": f"{c['name']} {values.get(c['name'], '')}".strip(),
                "colour": c["colour"],
                "on": c["on"],
                "y": steps(c["values"] + curves.baseline),
            }
            for c in metabolites
        ],
        "peaks": [
            {"name": p.name, "x": p.shift_ppm, "y": p.value / curves.span * _STEPS, "up": p.up} for p in curves.peaks
        ],
    }


def _named(name: str) -> dict[str, str]:
    """A curve's name, label and colour."""
    return {"name": name, "label": LABELS[name], "colour": f"var(--{name})"}


def _metabolites(curves: PanelCurves) -> list[dict[str, Any]]:
    """Metabolites that can be seen; the colour goes by the place in the model, the same in all panels."""
    found = []
    for index, (name, values) in enumerate(curves.components.items()):
        if float(np.ptp(values)) > _COMPONENT_SHOWN * curves.span:
            colour = OVERLAYS[index % len(OVERLAYS)]
            found.append({"name": name, "values": values, "colour": colour, "on": name in _DEFAULT_ON})
    return found


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
