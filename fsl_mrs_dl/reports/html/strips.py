# SPDX-License-Identifier: Apache-2.0
"""Drawings of a study: one strip of points for each level of a column, or points over a column of numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fsl_mrs_dl.reports.drawing import Axis, nice_ticks, px
from fsl_mrs_dl.reports.figures import format_value
from fsl_mrs_dl.reports.html.page import COLOURS
from fsl_mrs_dl.reports.study import (
    NOT_KNOWN,
    Figures,
    Grouping,
    Quantity,
    Scan,
    Value,
    far_from_others,
    measured,
    number,
)

WIDTH, LEFT, RIGHT, ROW = 900.0, 130.0, 690.0, 34.0
_SCATTER_HEIGHT = 220.0
_FAR_COLOUR = "var(--far)"
_EVERYTHING = "all scans"


def distribution(scans: Sequence[Scan], quantity: Quantity, grouping: Grouping | None) -> dict[str, Any] | None:
    """How a quantity is distributed, as a drawing; None where nothing was measured.

    Parameters
    ----------
    scans : sequence of Scan
        Points carry their places in this sequence.
    quantity : Quantity
    grouping : Grouping or None
        None draws all scans in one strip.

    Returns
    -------
    dict
        ``rows`` (label, points, box, words), or ``points`` over a column of numbers, ``ticks``, ``height``, ``label``.
    """
    values = measured(scans, quantity)
    if not values:
        return None
    numbers = [v.value for v in values.values()]
    low, high = min(numbers), max(numbers)
    pad = 0.06 * (high - low) or 0.1 * abs(high) or 1.0
    if grouping is not None and grouping.numeric:
        return _scatter(scans, values, quantity, grouping, (low - pad, high + pad))
    return _strips(scans, values, quantity, grouping, (low - pad, high + pad))


def _strips(
    scans: Sequence[Scan],
    values: Mapping[str, Value],
    quantity: Quantity,
    grouping: Grouping | None,
    ends: tuple[float, float],
) -> dict[str, Any]:
    x = Axis(*ends, LEFT, RIGHT)
    far = far_from_others(values)
    places = {scan.name: place for place, scan in enumerate(scans)}
    rows, words = [], []
    for number_, (level, names) in enumerate(_levels(scans, values, grouping)):
        y = ROW * number_ + ROW / 2
        figures = Figures.of([values[name] for name in names])
        colour = COLOURS[number_ % len(COLOURS)]
        q1, q3 = (float(x(q)) for q in figures.quartiles)
        rows.append(
            {
                "level": level,
                "y": px(y),
                "q1": px(q1),
                "box": px(q3 - q1),
                "top": px(y - 9),
                "median": px(x(figures.median)),
                "words": _words(figures),
                "points": [
                    {
                        "x": px(x(values[name].value)),
                        "y": px(y + _spread(place)),
                        "scan": places[name],
                        "colour": _FAR_COLOUR if name in far else colour,
                        "far": name in far,
                    }
                    for place, name in enumerate(names)
                ],
            }
        )
        words.append(f"{level}: {_words(figures)}")
    return {
        "rows": rows,
        "axis_y": px(ROW * len(rows) + 2),
        "height": px(ROW * len(rows) + 24),
        "ticks": _ticks(x),
        "label": f"{quantity.title}, {'; '.join(words)}",
    }


def _levels(
    scans: Sequence[Scan], values: Mapping[str, Value], grouping: Grouping | None
) -> list[tuple[str, list[str]]]:
    """Names of the measured scans by the level that they have; those that have none stand last."""
    if grouping is None:
        return [(_EVERYTHING, list(values))]
    own = {scan.name: scan.groups.get(grouping.name, NOT_KNOWN) for scan in scans}
    found = [(level, [name for name in values if own[name] == level]) for level in (*grouping.levels, NOT_KNOWN)]
    return [(level, names) for level, names in found if names]


def _spread(place: int) -> float:
    """Points beside each other, in turns that no eye takes for a trend (multiples of the golden ratio)."""
    return 16 * ((place * 0.6180339887) % 1.0) - 8


def _words(figures: Figures) -> str:
    text = f"n {figures.n}, median {format_value(figures.median)}"
    return text + (f", CV {figures.cv_percent:.0f} %" if np.isfinite(figures.cv_percent) else "")


def _scatter(
    scans: Sequence[Scan],
    values: Mapping[str, Value],
    quantity: Quantity,
    grouping: Grouping,
    ends: tuple[float, float],
) -> dict[str, Any] | None:
    far = far_from_others(values)
    cells = [(place, scan, number(scan.groups.get(grouping.name, NOT_KNOWN))) for place, scan in enumerate(scans)]
    known = [(place, scan.name, cell) for place, scan, cell in cells if cell is not None and scan.name in values]
    if not known:
        return None
    column = [cell for _, _, cell in known]
    pad = 0.03 * (max(column) - min(column)) or 1.0
    x = Axis(min(column) - pad, max(column) + pad, LEFT, WIDTH - 10)
    y = Axis(*ends, _SCATTER_HEIGHT, 8)
    return {
        "points": [
            {
                "x": px(x(cell)),
                "y": px(y(values[name].value)),
                "scan": place,
                "colour": _FAR_COLOUR if name in far else COLOURS[0],
                "far": name in far,
            }
            for place, name, cell in known
        ],
        "axis_y": px(_SCATTER_HEIGHT),
        "height": px(_SCATTER_HEIGHT + 36),
        "ticks": _ticks(x),
        "levels": [{"y": px(y(t)), "label": f"{t:g}"} for t in nice_ticks(*ends, 4)],
        "column": grouping.name,
        "label": f"{quantity.title} over {grouping.name}, {len(known)} scans",
    }


def _ticks(x: Axis) -> list[dict[str, str]]:
    return [{"x": px(x(t)), "label": f"{t:g}"} for t in nice_ticks(x.v0, x.v1, 6)]
