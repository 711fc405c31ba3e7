# SPDX-License-Identifier: Apache-2.0
"""The group level: tables of every scan and of what was repeated, and a page that shows the study."""

from __future__ import annotations

import csv
import io
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from numpy.typing import NDArray

from fsl_mrs_dl.bids.columns import columns_of, participant_columns, scanner_columns
from fsl_mrs_dl.bids.dataset import NoInputError
from fsl_mrs_dl.bids.derivative import COLUMNS, table_description
from fsl_mrs_dl.bids.names import BidsName, folder_of
from fsl_mrs_dl.core.errors import ConfigError, DataError, FslMrsDlError
from fsl_mrs_dl.core.files import write_json, write_text
from fsl_mrs_dl.core.flags import Flag
from fsl_mrs_dl.core.reading import read_text
from fsl_mrs_dl.io.nifti import read_acquisition
from fsl_mrs_dl.reports.html.group import render_group
from fsl_mrs_dl.reports.html.repeated import COLUMNS as RETEST_COLUMNS
from fsl_mrs_dl.reports.html.repeated import retests
from fsl_mrs_dl.reports.html.thumbnail import curve_of
from fsl_mrs_dl.reports.scan_table import scan_table, scan_table_description
from fsl_mrs_dl.reports.study import NOT_KNOWN, Scan, Value, far_from_others, measured, number, quantities

log = logging.getLogger(__name__)

_QUANT, _QC, _REPORT = "_desc-dl_mrsquant.tsv", "_desc-dl_mrsqc.json", "_desc-dl_report.html"


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
    for path in sorted(output.glob(f"sub-*/**/*{_QUANT}")):
        name = BidsName.parse(path.name)
        if name is None:
            continue
        lines = _table(path)
        head = ["participant_id", "session_id", "scan", *COLUMNS]
        session = f"ses-{name.entities['ses']}" if "ses" in name.entities else NOT_KNOWN
        stem = path.name.removesuffix(_QUANT)
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
    if not lines or lines[0] != list(COLUMNS) or not all(map(_is_row, lines[1:])):
        raise DataError(
            "the table of a scan is damaged, or another version's",
            where=path,
            expected=f"columns {', '.join(COLUMNS)}",
            hint="Run the participant level again for this scan",
        )
    return lines


_NUMBERS = [list(COLUMNS).index(name) for name in ("value", "sd", "lo95", "hi95")]


def _is_row(line: Sequence[str]) -> bool:
    """Whether a line has all cells, and numbers, or ``n/a``, where numbers belong."""
    return len(line) == len(COLUMNS) and all(line[k] == "n/a" or number(line[k]) is not None for k in _NUMBERS)


def write_group(output: Path, root: Path | None = None) -> None:
    """Write ``group_desc-dl_mrsquant``, ``_mrsqc`` and, where something was repeated, ``_retest``, and ``group.html``.

    Parameters
    ----------
    output : Path
        The derivative dataset.
    root : Path, optional
        The dataset, for its ``participants.tsv``.

    Raises
    ------
    NoInputError
        When no scan was quantified.
    """
    head, rows = collect(output)
    scans = study(output, rows, root)
    who = {"participant_id": {"Description": "Participant"}, "session_id": {"Description": "Session"}}
    more = {**who, "scan": {"Description": "Entities of the scan"}}
    _write(output / "group_desc-dl_mrsquant", [head, *rows], table_description(**more))
    described = scan_table_description(scans)
    _write(output / "group_desc-dl_mrsqc", scan_table(scans), described)
    repeated = retests(scans)
    if repeated:
        table = [list(RETEST_COLUMNS), *(retest.row() for retest in repeated)]
        _write(output / "group_desc-dl_retest", table, RETEST_COLUMNS)
    else:
        for ending in (".tsv", ".json"):
            (output / f"group_desc-dl_retest{ending}").unlink(missing_ok=True)
    write_text(output / "group.html", render_group(scans, repeated, described))


def _write(path: Path, table: Iterable[Sequence[str]], described: Mapping[str, Any]) -> None:
    write_text(path.with_name(f"{path.name}.tsv"), "\n".join("\t".join(row) for row in table) + "\n")
    write_json(path.with_name(f"{path.name}.json"), dict(described))


def study(output: Path, rows: Sequence[Sequence[str]], root: Path | None = None) -> list[Scan]:
    """The scans of a derivative dataset, refused ones too.

    Parameters
    ----------
    output : Path
    rows : sequence of sequence of str
        Of `collect`.
    root : Path, optional
        The dataset.
    """
    values: dict[str, dict[tuple[str, str], Value]] = {}
    for row in rows:
        record = dict(zip(("participant_id", "session_id", "scan", *COLUMNS), row, strict=True))
        if record["value"] != "n/a":
            one = Value(*(float(record[key]) for key in ("value", "lo95", "hi95")))
            values.setdefault(record["scan"], {})[record["metabolite"], record["unit"]] = one
    people = participant_columns(root) if root is not None else {}
    scanners, checked = scanner_columns(output), {entry["scan"]: entry for entry in quality(output)}
    scans = []
    for stem in sorted({*values, *checked}):
        name = BidsName.parse(f"{stem}_svs.nii")
        if name is not None:
            participant = f"sub-{name.entities['sub']}"
            columns = columns_of(stem, participant, people, scanners)
            scans.append(_scan(output, name, values.get(stem, {}), checked.get(stem, {}), columns))
    return _with_pictures(output, scans)


def _scan(
    output: Path,
    name: BidsName,
    values: Mapping[tuple[str, str], Value],
    entry: Mapping[str, Any],
    columns: Mapping[str, str],
) -> Scan:
    fit, flags = entry.get("fit") or {}, _flags(entry)

    def label(key: str) -> str:
        return f"{key}-{name.entities[key]}" if key in name.entities else NOT_KNOWN

    def figure(key: str) -> float:
        value = fit.get(key) if isinstance(fit, Mapping) else None
        return float(value) if isinstance(value, (int, float)) else float("nan")

    report = folder_of(output, name.entities) / f"{name.stem}{_REPORT}"
    return Scan(
        name=name.stem,
        participant=label("sub"),
        session=label("ses"),
        run=label("run"),
        series="_".join(f"{k}-{v}" for k, v in name.entities.items() if k not in ("sub", "ses", "run")),
        values=values,
        flags=flags,
        snr=figure("snr"),
        fwhm_hz=figure("fwhm_hz"),
        columns=columns,
        checked=bool(entry) and len(flags) == len(entry.get("flags", ())),
        report=quote(report.relative_to(output).as_posix()) if report.is_file() else "",
    )


def _flags(entry: Mapping[str, Any]) -> tuple[Flag, ...]:
    """Flags of a quality file; those of another version's catalogue are left out."""
    found = []
    for flag in entry.get("flags", ()):
        try:
            found.append(Flag(str(flag.get("code")), str(flag.get("detail", ""))))
        except ConfigError:
            log.debug("unknown flag %s", flag.get("code"))
    return tuple(found)


def _with_pictures(output: Path, scans: Sequence[Scan]) -> list[Scan]:
    """The same scans; those that are refused or lie far from the others with their spectra."""
    distant = {name for quantity in quantities(scans) for name in far_from_others(measured(scans, quantity))}
    return [
        scan.with_spectra(_spectra(output, scan.name)) if scan.name in distant or scan.state == "refused" else scan
        for scan in scans
    ]


def _spectra(output: Path, stem: str) -> dict[str, NDArray]:
    """DIFF and edit_off of a scan as curves; what cannot be read is left out."""
    name = BidsName.parse(f"{stem}_svs.nii")
    folder = folder_of(output, name.entities) if name else output
    found = {}
    for condition, label in (("diff", "diff"), ("edit_off", "preproc")):
        path = folder / f"{stem}_desc-{label}_svs.nii.gz"
        if path.is_file():
            try:
                acquisition = read_acquisition(path)
            except (FslMrsDlError, OSError) as error:
                log.debug("no picture of %s: %s", path, error)
                continue
            found[condition] = curve_of(acquisition.fids[0, 0, 0], acquisition.dwell_s, acquisition.f0_mhz)
    return found


def quality(output: Path) -> list[dict[str, Any]]:
    """What was noticed in each scan, refused ones too; a file that cannot be read is left out."""
    found = []
    for path in sorted(output.glob(f"sub-*/**/*{_QC}")):
        try:
            content = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError):
            continue
        if not isinstance(content, dict) or not isinstance(content.get("flags"), list):
            continue
        if not all(isinstance(flag, dict) for flag in content["flags"]):
            continue
        found.append({**content, "scan": path.name.removesuffix(_QC)})
    return found
