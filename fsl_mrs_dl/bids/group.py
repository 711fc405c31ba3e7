# SPDX-License-Identifier: Apache-2.0
"""The group level: one table of every scan, and a page that shows distributions and outliers."""

from __future__ import annotations

import csv
import html
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fsl_mrs_dl.bids.dataset import NoInputError
from fsl_mrs_dl.bids.derivative import table_description
from fsl_mrs_dl.bids.names import BidsName
from fsl_mrs_dl.io.atomic import write_json, write_text

SHOWN = ("GABA+", "GABA", "Glx", "Glu", "Gln", "GSH", "tNAA", "tCho", "Ins")
"""Quantities of the page, as ratios."""

_FAR = 3.5
"""Outlier: robust z-score (0.6745 times the distance from the median by the median absolute deviation) beyond this
(Iglewicz and Hoaglin 1993, How to detect and handle outliers, ASQC)."""


def collect(output: Path) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the group's table from those of the scans.

    Raises
    ------
    NoInputError
        When no scan was quantified.
    """
    head: list[str] = []
    rows: list[list[str]] = []
    for path in sorted(output.glob("sub-*/**/*_desc-dl_mrsquant.tsv")):
        name = BidsName.parse(path.name)
        if name is None:
            continue
        with path.open(newline="", encoding="utf-8") as stream:
            lines = list(csv.reader(stream, delimiter="\t"))
        head = ["participant_id", "session_id", "scan", *lines[0]]
        session = f"ses-{name.entities['ses']}" if "ses" in name.entities else "n/a"
        stem = path.name.removesuffix("_desc-dl_mrsquant.tsv")
        rows += [[f"sub-{name.entities['sub']}", session, stem, *line] for line in lines[1:]]
    if not head:
        raise NoInputError("no participant was quantified yet", where=output, hint="Run the participant level first")
    return head, rows


def write_group(output: Path) -> None:
    """Write ``group_desc-dl_mrsquant.tsv`` with its JSON, and ``group.html``.

    Raises
    ------
    NoInputError
        When no scan was quantified.
    """
    head, rows = collect(output)
    write_text(output / "group_desc-dl_mrsquant.tsv", "\n".join("\t".join(row) for row in [head, *rows]) + "\n")
    more = {"participant_id": {"Description": "Participant"}, "session_id": {"Description": "Session"},
            "scan": {"Description": "Entities of the scan"}}  # fmt: skip
    write_json(output / "group_desc-dl_mrsquant.json", table_description(**more))
    write_text(output / "group.html", _page(head, rows))


def _page(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    column = {name: head.index(name) for name in ("scan", "metabolite", "value", "unit")}
    found: dict[tuple[str, str], list[tuple[str, float]]] = {}
    for row in rows:
        name, unit, value = (row[column[key]] for key in ("metabolite", "unit", "value"))
        if name in SHOWN and unit.startswith("/") and value != "n/a":
            found.setdefault((name, unit), []).append((row[column["scan"]], float(value)))
    sections, outliers = [], []
    for (name, unit), values in sorted(found.items(), key=lambda item: (SHOWN.index(item[0][0]), item[0][1])):
        numbers = np.array([value for _, value in values])
        median = float(np.median(numbers))
        spread = float(np.median(np.abs(numbers - median)))
        far = [(scan, v) for scan, v in values if spread > 0 and 0.6745 * abs(v - median) / spread > _FAR]
        outliers += [
            f"<li>{html.escape(scan)}: {html.escape(name + unit)} {v:.3g}, median {median:.3g}</li>" for scan, v in far
        ]
        sections.append(_strip(f"{name} {unit}", values, median, {scan for scan, _ in far}))
    scans = len({row[column["scan"]] for row in rows})
    listed = f"<ul>{''.join(outliers)}</ul>" if outliers else "<p>None.</p>"
    style = (
        "body{font:15px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#222}"
        "svg{width:100%;height:auto}text{font:12px system-ui,sans-serif;fill:#444}h1{font-size:1.5rem}"
    )
    return (
        "<!DOCTYPE html>\n<html lang='en'><head><meta charset='utf-8'><title>fsl_mrs_dl, group</title>"
        f"<style>{style}</style></head><body><h1>{scans} scans with values</h1>"
        "<p>Each point is a scan (hover for its name); the line is the median. The table is "
        "group_desc-dl_mrsquant.tsv.</p>"
        f"{''.join(sections)}<h2>Far from the others</h2>"
        f"<p>More than {_FAR:g} robust standard deviations from the median:</p>{listed}</body></html>\n"
    )


def _strip(title: str, values: Sequence[tuple[str, float]], median: float, far: set[str]) -> str:
    """All values of one quantity on a line."""
    top = 1.05 * max(max(value for _, value in values), 1e-9)

    def x(value: float) -> float:
        return 150 + 720 * value / top

    dots = []
    for index, (scan, value) in enumerate(values):
        colour = "#B00020" if scan in far else "#0072B2"
        place = f"cx='{x(value):.1f}' cy='{30 + 5 * (index % 3 - 1)}' r='4' fill='{colour}' fill-opacity='.6'"
        dots.append(f"<circle {place}><title>{html.escape(scan)}: {value:.4g}</title></circle>")
    ticks = "".join(
        f"<text x='{x(t):.1f}' y='56' text-anchor='middle'>{t:.2g}</text>" for t in np.linspace(0, top / 1.05, 5)
    )
    label, middle = html.escape(title), f"{x(median):.1f}"
    return (
        f"<svg viewBox='0 0 900 62' role='img' aria-label='{label}'><text x='0' y='34'>{label}</text>"
        "<line x1='150' x2='870' y1='30' y2='30' stroke='#ccc'/>"
        f"<line x1='{middle}' x2='{middle}' y1='16' y2='44' stroke='#222'/>{''.join(dots)}{ticks}</svg>"
    )
