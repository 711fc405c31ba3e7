# SPDX-License-Identifier: Apache-2.0
"""The values that a reader looks for first: a number, its intervals as a bar, and the published range beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fsl_mrs_dl.core.data import EditedSpectra
from fsl_mrs_dl.models.estimate import NOT_RESOLVED, Estimate
from fsl_mrs_dl.quantify.result import Quantification
from fsl_mrs_dl.reports.drawing import Axis, nice_ticks, px
from fsl_mrs_dl.reports.figures import format_value
from fsl_mrs_dl.reports.tables import all_estimates
from fsl_mrs_dl.reports.words.published import PublishedRange, published_range

WIDTH, LEFT = 420.0, 8.0
_LETTER_PX = 6.4
"""Width of a letter of the page's drawings, on the safe side."""
FIRST = ("GABA+", "Glx")
"""What the measurement is made for."""
_INSTEAD = {"GABA+": "GABA", "Glx": "Glu"}
"""What is shown where the model knows no macromolecules, or no glutamine."""


def gauges(quantification: Quantification, spectra: EditedSpectra) -> list[dict[str, Any]]:
    """The first values as drawings; none of a refused data set."""
    ratios = {e.name: e for e in quantification.ratios()}
    found = {e.name: ratios.get(e.name, e) for e in all_estimates(quantification) if not e.flag}
    names = [name if name in found else _INSTEAD[name] for name in FIRST]
    return [_gauge(found[name], published_range(name, quantification, spectra)) for name in names if name in found]


def _gauge(e: Estimate, published: PublishedRange | None) -> dict[str, Any]:
    """One value: words, and places in pixels."""
    ends = [e.interval95[1], e.value, *((published.high,) if published else ())]
    x = Axis(0.0, 1.08 * max(*ends, 1e-12), LEFT, WIDTH - LEFT)

    def place(value: float) -> float:
        return float(x(max(0.0, value)))

    (lo68, hi68), (lo95, hi95) = ([place(v) for v in ends] for ends in (e.interval68, e.interval95))
    low, high = (format_value(v) for v in e.interval95)
    resolved = e.mark != NOT_RESOLVED
    value = format_value(e.value) if resolved else f"below {high}"
    unit = "" if e.unit == "raw" else e.unit
    interval = f"95 % interval {low} to {high}" if resolved else "not resolved: the upper end of the 95 % interval"
    label = f"{e.name} {value} {unit}, {interval}"
    shown = None
    if published is not None:
        shown = _band(published, place)
        label += f"; {shown['text'].replace('–', 'to')}"
    return {
        "name": e.name,
        "value": value,
        "unit": unit,
        "interval": interval,
        "flag": e.mark.replace("_", " "),
        "label": label,
        "x95": px(lo95),
        "w95": px(hi95 - lo95),
        "x68": px(lo68),
        "w68": px(hi68 - lo68),
        "mid": px(place(e.value)),
        "resolved": resolved,
        "published": shown,
        "ticks": [{"x": px(x(t)), "label": f"{t:g}"} for t in nice_ticks(0.0, float(x.v1), 5)],
        "width": px(WIDTH),
        "left": px(LEFT),
        "right": px(WIDTH - LEFT),
    }


def _band(published: PublishedRange, place: Callable[[float], float]) -> dict[str, Any]:
    """A published range, its words over the middle of it: it may be narrower than they are."""
    text = f"published {format_value(published.low)} – {format_value(published.high)}"
    low, high, half = place(published.low), place(published.high), _LETTER_PX * len(text) / 2
    return {
        "x": px(low),
        "w": px(high - low),
        "text": text,
        "text_x": px(min(max((low + high) / 2, half), WIDTH - half)),
        "metabolite": published.metabolite,
        "what": published.what,
        "note": published.note,
        "source": published.source,
    }
