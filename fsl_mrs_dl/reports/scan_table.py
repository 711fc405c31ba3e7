# SPDX-License-Identifier: Apache-2.0
"""The table of a study's scans: verdict, quality, first values and groups, one row each, and what its columns are."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from fsl_mrs_dl.reports.figures import format_value
from fsl_mrs_dl.reports.study import NOT_KNOWN, Quantity, Scan, far_from_others, measured, quantities

FIRST = ("GABA+", "GABA", "Glx")
"""Metabolites that have a column, in the first unit that there is."""

_BEFORE = {
    "participant_id": {"Description": "Participant"},
    "session_id": {"Description": "Session"},
    "scan": {"Description": "Entities of the scan"},
    "verdict": {
        "Description": "What the flags amount to",
        "Levels": {
            "ok": "Nothing speaks against the values",
            "look": "There is a caution: look before using the values",
            "refused": "The data cannot be used, there are no values",
        },
    },
    "reason": {"Description": "The caution that can spoil most, or why the scan was refused"},
    "snr": {"Description": "Signal-to-noise ratio of the fit"},
    "fwhm_hz": {"Description": "Line width of the fit, full width at half maximum", "Units": "Hz"},
}

_AFTER = {
    "far": {
        "Description": "Quantities that lie far from those of the other scans (robust z-score beyond 3.5, Iglewicz and "
        "Hoaglin 1993)"
    },
    "cautions": {"Description": "Codes of all cautions"},
}


def first_columns(scans: Iterable[Scan]) -> list[tuple[str, tuple[str, str]]]:
    """Heading, and metabolite and unit, of the values that the table has."""
    shown = quantities(scans)
    unit = shown[0].unit if shown else ""
    there = {q.metabolite for q in shown if q.unit == unit}
    return [(f"{name} {unit}", (name, unit)) for name in FIRST if name in there]


def group_columns(scans: Iterable[Scan]) -> list[str]:
    """Columns of the scans, those of the table's own names left out."""
    names = dict.fromkeys(name for scan in scans for name in scan.columns)
    return [name for name in names if name not in (*_BEFORE, *_AFTER)]


def distant(scans: Sequence[Scan]) -> dict[str, list[Quantity]]:
    """By scan, the quantities in which it lies far from the others."""
    found: dict[str, list[Quantity]] = {}
    for quantity in quantities(scans):
        for name in far_from_others(measured(scans, quantity)):
            found.setdefault(name, []).append(quantity)
    return found


def scan_table(scans: Sequence[Scan]) -> list[list[str]]:
    """Header and rows; ``n/a`` where there is nothing."""
    values, groups, far = first_columns(scans), group_columns(scans), distant(scans)
    head = [*_BEFORE, *(title for title, _ in values), "far", *groups, "cautions"]
    rows = [_row(scan, [key for _, key in values], groups, far.get(scan.name, ())) for scan in scans]
    return [head, *rows]


def _row(scan: Scan, values: Sequence[tuple[str, str]], groups: Sequence[str], far: Sequence[Quantity]) -> list[str]:
    numbers = [scan.values[key].value if key in scan.values else math.nan for key in values]
    # several things can be outside of what was trained on: here each code once
    cautions = dict.fromkeys(flag.code for flag in scan.flags if flag.severity == "caution")
    cells = [
        *(scan.participant, scan.session, scan.name, scan.state),
        scan.reason,
        *map(_number, (scan.snr, scan.fwhm_hz, *numbers)),
        ", ".join(quantity.title for quantity in far),
        *(scan.columns.get(name, "") for name in groups),
        ", ".join(cautions),
    ]
    return [" ".join(cell.split()) or NOT_KNOWN for cell in cells]


def scan_table_description(scans: Sequence[Scan]) -> dict[str, Any]:
    """The JSON beside the table."""
    values = {title: {"Description": f"Estimate of {key[0]}", "Units": key[1]} for title, key in first_columns(scans)}
    groups = {name: {"Description": "Of participants.tsv, or of header and sidecars"} for name in group_columns(scans)}
    return {**_BEFORE, **values, "far": _AFTER["far"], **groups, "cautions": _AFTER["cautions"]}


def _number(value: float) -> str:
    return format_value(value) if math.isfinite(value) else ""
