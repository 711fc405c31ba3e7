# SPDX-License-Identifier: Apache-2.0
"""group.html: every scan of a study on one page, in the design of the single report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fsl_mrs_dl.core.flags import CATALOGUE
from fsl_mrs_dl.reports.drawing import Axis, px
from fsl_mrs_dl.reports.figures import format_value
from fsl_mrs_dl.reports.html.page import COLOURS, SEVERITIES, render_page
from fsl_mrs_dl.reports.words.explanations import EXPLANATIONS

SHOWN = ("GABA+", "GABA", "Glx", "Glu", "Gln", "GSH", "tNAA", "tCho", "Ins")
"""Quantities of the page: ratios, and concentrations by water where there are any."""

FAR = 3.5
"""Outlier: robust z-score (0.6745 times the distance from the median by the median absolute deviation) beyond this
(Iglewicz and Hoaglin 1993, How to detect and handle outliers, ASQC)."""

_MIN_FOR_OUTLIERS = 5
"""With fewer scans the spread is not known well enough to call one far."""

_FAR_COLOUR = "var(--far)"


@dataclass(frozen=True)
class _Value:
    scan: str
    session: str
    value: float
    low: float
    high: float


def render_group(head: Sequence[str], rows: Sequence[Sequence[str]], quality: Sequence[Mapping[str, Any]] = ()) -> str:
    """The page as one HTML text.

    Parameters
    ----------
    head : sequence of str
        Columns of the group's table: at least ``participant_id, session_id, scan, metabolite, value, unit, lo95,
        hi95``.
    rows : sequence of sequence of str
        Its rows; ``n/a`` where there is no value.
    quality : sequence of mapping, optional
        Per scan ``scan``, ``refused``, ``flags`` (as `Flag.to_dict`) and ``fit`` (``snr``, ``fwhm_hz``).
    """
    records = [dict(zip(head, row, strict=True)) for row in rows]
    sessions = list(dict.fromkeys(record["session_id"] for record in records))
    colour = {session: COLOURS[i % len(COLOURS)] for i, session in enumerate(sessions)}
    quantities = [_quantity(title, values, colour) for title, values in _shown(records).items()]
    context = {
        "n_scans": len({record["scan"] for record in records}),
        "n_participants": len({record["participant_id"] for record in records}),
        "sessions": [{"name": s, "colour": colour[s]} for s in sessions if s != "n/a"],
        "quantities": quantities,
        "outliers": [line for quantity in quantities for line in quantity["outliers"]],
        "far": f"{FAR:g}",
        "min_scans": _MIN_FOR_OUTLIERS,
        "scans": [_scan(entry) for entry in quality],
        "codes": _codes(quality),
    }
    return render_page("group.html.j2", {"forest": [q["plot"] for q in quantities]}, context)


def _shown(records: Sequence[Mapping[str, str]]) -> dict[str, list[_Value]]:
    """The values of the page by their titles: ratios first, quantities in the order of `SHOWN`."""
    found: dict[tuple[str, str], list[_Value]] = {}
    for record in records:
        if record["metabolite"] in SHOWN and record["unit"] != "raw" and record["value"] != "n/a":
            value, low, high = (float(record[key]) for key in ("value", "lo95", "hi95"))
            one = _Value(record["scan"], record["session_id"], value, low, high)
            found.setdefault((record["unit"], record["metabolite"]), []).append(one)
    order = sorted(found, key=lambda key: (not key[0].startswith("/"), key[0], SHOWN.index(key[1])))
    return {f"{name} {unit}": found[unit, name] for unit, name in order}


def _far(values: Sequence[_Value]) -> set[str]:
    """Scans whose value lies beyond `FAR`; none where there are too few, or half of them are the same."""
    numbers = np.array([v.value for v in values])
    distance = np.abs(numbers - np.median(numbers))
    deviation = float(np.median(distance))
    if len(values) < _MIN_FOR_OUTLIERS or not deviation > 0:
        return set()
    return {v.scan for v, far in zip(values, 0.6745 * distance / deviation > FAR, strict=True) if far}


def _figures(values: Sequence[_Value]) -> dict[str, Any]:
    """Median, quartiles, mean, SD, CV and the typical width of the intervals, as text."""
    numbers = np.array([v.value for v in values])
    q1, median, q3 = (float(q) for q in np.percentile(numbers, (25, 50, 75)))
    mean, sd = float(numbers.mean()), float(numbers.std(ddof=1)) if len(numbers) > 1 else float("nan")
    return {
        "n": len(values),
        "median": format_value(median),
        "quartiles": f"{format_value(q1)} – {format_value(q3)}",
        "mean": format_value(mean),
        "sd": format_value(sd) if np.isfinite(sd) else "–",
        "cv": f"{100 * sd / mean:.0f}" if np.isfinite(sd) and mean > 0 else "–",
        "interval": format_value(float(np.median([v.high - v.low for v in values]))),
    }


def _quantity(title: str, values: Sequence[_Value], colour: Mapping[str, str]) -> dict[str, Any]:
    """Figures, points of the strip, and what plotly draws."""
    numbers = np.array([v.value for v in values])
    q1, median, q3 = (float(q) for q in np.percentile(numbers, (25, 50, 75)))
    far = _far(values)
    top = 1.05 * max(float(numbers.max()), 1e-9)
    x = Axis(0.0, top, 150, 890)
    colours = [_FAR_COLOUR if v.scan in far else colour[v.session] for v in values]
    return {
        "title": title,
        **_figures(values),
        "points": [
            {"x": px(x(v.value)), "y": 30 + 5 * (i % 3 - 1), "colour": c, "text": f"{v.scan}: {format_value(v.value)}"}
            for i, (v, c) in enumerate(zip(values, colours, strict=True))
        ],
        "median_x": px(x(median)),
        "q1_x": px(x(q1)),
        "box": px(x(q3) - x(q1)),
        "ticks": [{"x": px(x(t)), "label": f"{t:.2g}"} for t in np.linspace(0, top / 1.05, 5)],
        "outliers": [
            f"{v.scan}: {title} {format_value(v.value)}, median {format_value(median)}" for v in values if v.scan in far
        ],
        "plot": {
            "name": title,
            "median": median,
            "scans": [v.scan for v in values],
            "values": numbers,
            "up": [v.high - v.value for v in values],
            "down": [v.value - v.low for v in values],
            "ends": [f"{format_value(v.low)} – {format_value(v.high)}" for v in values],
            "colours": colours,
        },
    }


def _scan(entry: Mapping[str, Any]) -> dict[str, Any]:
    fit = entry.get("fit") or {}

    def figure(key: str) -> str:
        value = fit.get(key)
        return format_value(float(value)) if isinstance(value, (int, float)) and np.isfinite(value) else "–"

    flags = [flag for flag in entry.get("flags", ()) if flag.get("severity") != "info"]
    return {
        "scan": str(entry.get("scan", "")),
        "refused": bool(entry.get("refused")),
        "snr": figure("snr"),
        "fwhm": figure("fwhm_hz"),
        "flags": [{"code": str(f.get("code", "")), "detail": str(f.get("detail", ""))} for f in flags],
    }


def _codes(quality: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Every flag of the study with how many scans have it, graver ones first."""
    counts: dict[str, int] = {}
    for entry in quality:
        for code in {str(flag.get("code")) for flag in entry.get("flags", ())}:
            counts[code] = counts.get(code, 0) + 1
    known = [code for code in CATALOGUE if code in counts]
    known.sort(key=lambda code: SEVERITIES.index(CATALOGUE[code][0]))
    return [
        {
            "code": code,
            "severity": CATALOGUE[code][0],
            "sentence": CATALOGUE[code][1],
            "meaning": EXPLANATIONS.get(code, ""),
            "n": counts[code],
        }
        for code in known
    ]
