# SPDX-License-Identifier: Apache-2.0
"""The group level: one table of every scan, and a page that shows distributions and outliers."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

from fsl_mrs_dl.bids.dataset import NoInputError
from fsl_mrs_dl.bids.derivative import COLUMNS, table_description
from fsl_mrs_dl.bids.names import BidsName
from fsl_mrs_dl.core.errors import DataError
from fsl_mrs_dl.core.files import write_json, write_text
from fsl_mrs_dl.core.reading import read_text
from fsl_mrs_dl.reports.html.group import render_group


def collect(output: Path) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the group's table from those of the scans.

    Raises
    ------
    NoInputError
        When no scan was quantified.
    DataError
        When a table is not as it was written.
    """
    head: list[str] = []
    rows: list[list[str]] = []
    for path in sorted(output.glob("sub-*/**/*_desc-dl_mrsquant.tsv")):
        name = BidsName.parse(path.name)
        if name is None:
            continue
        lines = _table(path)
        head = ["participant_id", "session_id", "scan", *COLUMNS]
        session = f"ses-{name.entities['ses']}" if "ses" in name.entities else "n/a"
        stem = path.name.removesuffix("_desc-dl_mrsquant.tsv")
        rows += [[f"sub-{name.entities['sub']}", session, stem, *line] for line in lines[1:]]
    if not head:
        raise NoInputError("no participant was quantified yet", where=output, hint="Run the participant level first")
    return head, rows


def _table(path: Path) -> list[list[str]]:
    """Lines of a scan's table, its header first."""
    try:
        lines = list(csv.reader(io.StringIO(read_text(path, "table")), delimiter="\t"))
    except (DataError, csv.Error):
        lines = []
    if not lines or lines[0] != list(COLUMNS) or any(len(line) != len(COLUMNS) for line in lines):
        raise DataError(
            "the table of a scan is damaged, or another version's",
            where=path,
            expected=f"columns {', '.join(COLUMNS)}",
            hint="Run the participant level again for this scan",
        )
    return lines


def write_group(output: Path) -> None:
    """Write ``group_desc-dl_mrsquant.tsv`` with its JSON, and ``group.html``.

    Raises
    ------
    NoInputError
        When no scan was quantified.
    """
    head, rows = collect(output)
    write_text(output / "group_desc-dl_mrsquant.tsv", "\n".join("\t".join(row) for row in [head, *rows]) + "\n")
    more = {
        "participant_id": {"Description": "Participant"},
        "session_id": {"Description": "Session"},
        "scan": {"Description": "Entities of the scan"},
    }
    write_json(output / "group_desc-dl_mrsquant.json", table_description(**more))
    write_text(output / "group.html", render_group(head, rows, quality(output)))


def quality(output: Path) -> list[dict[str, Any]]:
    """What was noticed in each scan, refused ones too; a file that cannot be read is left out."""
    found = []
    for path in sorted(output.glob("sub-*/**/*_desc-dl_mrsqc.json")):
        try:
            content = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError):
            continue
        if not isinstance(content, dict) or not isinstance(content.get("flags"), list):
            continue
        if not all(isinstance(flag, dict) for flag in content["flags"]):
            continue
        found.append({**content, "scan": path.name.removesuffix("_desc-dl_mrsqc.json")})
    return found
