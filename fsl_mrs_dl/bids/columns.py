# SPDX-License-Identifier: Apache-2.0
"""What the scans of a study can be grouped by: the columns of ``participants.tsv``, and site and vendor."""

from __future__ import annotations

import csv
import io
import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fsl_mrs_dl.core.errors import FslMrsDlError
from fsl_mrs_dl.core.reading import read_text

log = logging.getLogger(__name__)

_SITE = ("site", "site_id", "institution", "institution_name")
_VENDOR = ("vendor", "manufacturer", "scanner_manufacturer")
"""How a column of ``participants.tsv`` may be called that says it already."""

_UNKNOWN = ("", "n/a", "N/A", "nan", "NaN")


def participant_columns(root: Path) -> dict[str, dict[str, str]]:
    """Cells of ``participants.tsv`` by participant (``sub-01``) and column; empty where there is none.

    A table that cannot be read is left out with a warning: the page of a study does not stand on it.
    """
    path = root / "participants.tsv"
    if not path.is_file():
        return {}
    try:
        lines = list(csv.reader(io.StringIO(read_text(path, "table of participants")), delimiter="\t"))
    except (FslMrsDlError, csv.Error) as error:
        log.warning("participants.tsv was left out: %s", error)
        return {}
    if not lines or lines[0][:1] != ["participant_id"]:
        log.warning("participants.tsv was left out: %s: its first column is not participant_id", path)
        return {}
    names = [name.strip() for name in lines[0][1:]]
    return {line[0]: _cells(names, line[1:]) for line in lines[1:] if line}


def _cells(names: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    """What a row of the table tells; columns without a name, and cells without a value, are left out."""
    pairs = zip(names, (cell.strip() for cell in cells), strict=False)
    return {name: cell for name, cell in pairs if name and cell not in _UNKNOWN}


def scanner_columns(output: Path) -> dict[str, dict[str, str]]:
    """Site and vendor of each scan by its entities: what header and sidecars told its MRSinMRS checklist."""
    ending = "_desc-dl_mrsinmrs.json"
    paths = sorted(output.glob(f"sub-*/**/*{ending}"))
    return {path.name.removesuffix(ending): _checklist(path) for path in paths}


def columns_of(
    scan: str, participant: str, people: Mapping[str, Mapping[str, str]], scanners: Mapping[str, Mapping[str, str]]
) -> dict[str, str]:
    """All cells of a scan; site and vendor of ``participants.tsv`` go before those of sidecars."""
    own = dict(people.get(participant, {}))
    names = {name.lower() for cells in people.values() for name in cells}
    scanner = scanners.get(scan, {})
    for name, others in (("site", _SITE), ("vendor", _VENDOR)):
        if name in scanner and not names & set(others):
            own[name] = scanner[name]
    return own


def _text(value: Any) -> str:
    return " ".join(value.split()) if isinstance(value, str) else ""


def _checklist(path: Path) -> dict[str, str]:
    """Site and vendor of a MRSinMRS checklist; empty where it cannot be read."""
    try:
        content = json.loads(path.read_text("utf-8"))
        site = content["site"]["value"]
        rows = [row for section in content["sections"] for row in section["rows"]]
        vendor = next(row["items"][0]["value"] for row in rows if row["number"] == "1b")
    except (OSError, ValueError, LookupError, TypeError, StopIteration):
        return {}
    cells = {"site": _text(site), "vendor": _text(vendor)}
    return {name: cell for name, cell in cells.items() if cell}
