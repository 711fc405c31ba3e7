# SPDX-License-Identifier: Apache-2.0
"""group.html: every scan of a study on one page, in the design of the single report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fsl_mrs_dl.core.flag_catalogue import CATALOGUE
from fsl_mrs_dl.reports.figures import format_value
from fsl_mrs_dl.reports.html.page import SEVERITIES, render_page
from fsl_mrs_dl.reports.html.repeated import Retest, retest_view
from fsl_mrs_dl.reports.html.strips import distribution
from fsl_mrs_dl.reports.html.thumbnail import thumbnails
from fsl_mrs_dl.reports.scan_table import distant, first_columns, group_columns
from fsl_mrs_dl.reports.study import (
    FAR,
    MIN_FOR_OUTLIERS,
    Figures,
    Quantity,
    Scan,
    Value,
    far_from_others,
    groupings,
    measured,
    quantities,
)

FIRST_COLUMNS = ("site", "site_id", "vendor", "session")
"""The page opens with the first of these that tells scans apart."""

_SCRIPTS, _STYLES = ("group.js", "common.js"), ("report.css", "group.css")


def render_group(
    scans: Sequence[Scan], retests: Sequence[Retest] = (), dictionary: Mapping[str, Any] | None = None
) -> str:
    """The page as one HTML text.

    Parameters
    ----------
    scans : sequence of Scan
        Refused ones too.
    retests : sequence of Retest
        Of the same scans.
    dictionary : mapping, optional
        What the table of scans is saved with: the JSON that says what its columns are.
    """
    shown = quantities(scans)
    values = {quantity: measured(scans, quantity) for quantity in shown}
    far = {quantity: far_from_others(found) for quantity, found in values.items()}
    context = {
        **_counts(scans, shown),
        **_distributions(scans, shown),
        "far": f"{FAR:g}",
        "min_scans": MIN_FOR_OUTLIERS,
        "too_few": all(len(found) < MIN_FOR_OUTLIERS for found in values.values()),
        "figures": [{"title": q.title, "series": q.series, **_figures(values[q])} for q in shown],
        "outliers": _outliers(scans, values, far),
        "refused": [_with_picture(scan) for scan in scans if scan.state == "refused"],
        "retests": [{**retest_view(retest, scans), "series": retest.quantity.series} for retest in retests],
        **_rows(scans),
        "codes": _codes(scans),
    }
    data = {
        "scans": [{"name": scan.name, "report": scan.report} for scan in scans],
        "values": {_key(q): [_or_none(found.get(scan.name)) for scan in scans] for q, found in values.items()},
        "dictionary": dict(dictionary or {}),
    }
    return render_page("group.html.j2", context, data=data, scripts=_SCRIPTS, styles=_STYLES)


def _counts(scans: Sequence[Scan], shown: Sequence[Quantity]) -> dict[str, Any]:
    """How many of what there are."""
    states = [scan.state for scan in scans]
    return {
        "n_scans": sum(bool(scan.values) for scan in scans),
        "n_participants": len({scan.participant for scan in scans if scan.values}),
        "counts": {state: states.count(state) for state in ("ok", "look", "refused")},
        "several_series": len({quantity.series for quantity in shown}) > 1,
        "kinds": [{"series": s, "unit": u} for s, u in dict.fromkeys((q.series, q.unit) for q in shown)],
    }


def _key(quantity: Quantity) -> str:
    return "|".join((quantity.series, quantity.unit, quantity.metabolite))


def _or_none(value: Value | None) -> str | None:
    return None if value is None else format_value(value.value)


def _distributions(scans: Sequence[Scan], shown: Sequence[Quantity]) -> dict[str, Any]:
    """Every drawing of the page, by the column that scans are grouped by; the script shows some of them."""
    found = groupings(scans)
    first = next((g.name for name in FIRST_COLUMNS for g in found if g.name == name), "")
    first = first or next((g.name for g in found if not g.numeric), "")
    drawings = [
        {
            "key": _key(quantity),
            "quantity": quantity,
            "column": grouping.name if grouping else "",
            "shown": (grouping.name if grouping else "") == first and _kind(quantity) == _kind(shown[0]),
            **drawing,
        }
        for quantity in shown
        for grouping in (None, *found)
        if (drawing := distribution(scans, quantity, grouping)) is not None
    ]
    return {"groupings": [grouping.name for grouping in found], "first": first, "drawings": drawings}


def _kind(quantity: Quantity) -> tuple[str, str]:
    return quantity.series, quantity.unit


def _figures(values: Mapping[str, Value]) -> dict[str, Any]:
    """Location and spread as text."""
    f = Figures.of(list(values.values()))
    return {
        "n": f.n,
        "median": format_value(f.median),
        "quartiles": f"{format_value(f.quartiles[0])} – {format_value(f.quartiles[1])}",
        "mean": format_value(f.mean),
        "sd": format_value(f.sd) if np.isfinite(f.sd) else "–",
        "cv": f"{f.cv_percent:.0f}" if np.isfinite(f.cv_percent) else "–",
        "interval": format_value(f.interval_width),
    }


def _outliers(
    scans: Sequence[Scan], values: Mapping[Quantity, Mapping[str, Value]], far: Mapping[Quantity, set[str]]
) -> list[dict[str, Any]]:
    """Scans with a value far from the others, and which."""
    found = []
    for scan in scans:
        lines = []
        for quantity, names in far.items():
            if scan.name in names:
                median = format_value(float(np.median([v.value for v in values[quantity].values()])))
                lines.append(f"{quantity.title} {format_value(values[quantity][scan.name].value)}, median {median}")
        if lines:
            found.append({**_with_picture(scan), "lines": lines})
    return found


def _with_picture(scan: Scan) -> dict[str, Any]:
    return {"name": scan.name, "report": scan.report, "reason": scan.reason, "pictures": thumbnails(scan.spectra)}


def _rows(scans: Sequence[Scan]) -> dict[str, Any]:
    """The table of scans."""
    values, groups, far = first_columns(scans), group_columns(scans), distant(scans)
    rows = [
        {
            "name": scan.name,
            "report": scan.report,
            "state": scan.state,
            "rank": ("refused", "look", "ok").index(scan.state),
            "reason": scan.reason,
            "snr": _number(scan.snr),
            "fwhm": _number(scan.fwhm_hz),
            "values": [_or_none(scan.values.get(key)) or "–" for _, key in values],
            "far": ", ".join(quantity.metabolite for quantity in far.get(scan.name, ())),
            "columns": [scan.columns.get(name, "n/a") for name in groups],
            "cautions": list(dict.fromkeys(flag.code for flag in scan.flags if flag.severity == "caution")),
        }
        for scan in scans
    ]
    return {"scans": rows, "columns": groups, "metabolites": [title for title, _ in values]}


def _number(value: float) -> str:
    return format_value(value) if np.isfinite(value) else "–"


def _codes(scans: Sequence[Scan]) -> list[dict[str, Any]]:
    """Every flag of the study with how many scans have it, graver ones first."""
    counts: dict[str, int] = {}
    for scan in scans:
        for code in {flag.code for flag in scan.flags}:
            counts[code] = counts.get(code, 0) + 1
    known = [code for code in CATALOGUE if code in counts]
    known.sort(key=lambda code: SEVERITIES.index(CATALOGUE[code].severity))
    return [{"code": code, **CATALOGUE[code]._asdict(), "n": counts[code]} for code in known]
