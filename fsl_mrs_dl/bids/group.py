# SPDX-License-Identifier: Apache-2.0
"""The group level: one table of every scan, and a page that shows distributions and outliers."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from fsl_mrs_dl.bids.dataset import NoInputError
from fsl_mrs_dl.bids.derivative import table_description
from fsl_mrs_dl.bids.names import BidsName
from fsl_mrs_dl.io.atomic import write_json, write_text
from fsl_mrs_dl.reports.group_page import render_group


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
    write_text(output / "group.html", render_group(head, rows, quality(output)))


def quality(output: Path) -> list[dict[str, Any]]:
    """What was noticed in each scan, refused ones too; a file that cannot be read is left out."""
    found = []
    for path in sorted(output.glob("sub-*/**/*_desc-dl_mrsqc.json")):
        try:
            content = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError):
            continue
        found.append({**content, "scan": path.name.removesuffix("_desc-dl_mrsqc.json")})
    return found
