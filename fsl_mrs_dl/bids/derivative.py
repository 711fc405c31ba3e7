# SPDX-License-Identifier: Apache-2.0
"""What a derivative dataset has at its root, and the columns of its tables."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

from fsl_mrs_dl import __version__
from fsl_mrs_dl.core.errors import ConfigError, DataError
from fsl_mrs_dl.core.files import write_json, write_text
from fsl_mrs_dl.core.reading import read_json_object
from fsl_mrs_dl.core.storage import cannot_write

COLUMNS: dict[str, str] = {
    "metabolite": "Name as in FSL-MRS; sums: Glx = Glu + Gln, tNAA, tCr, tCho, GABA+ = GABA + co-edited macromolecule",
    "value": "Estimate, in the unit of the row",
    "unit": "Unit of value, sd, lo95 and hi95",
    "sd": "Standard deviation: the network's, calibrated, or from the scatter of the transients where that is larger",
    "lo95": "Lower end of the 95 % interval",
    "hi95": "Upper end of the 95 % interval",
    "subspectrum": "Which spectra it came from: edit_off+diff, diff or edit_off",
    "flag": "Word of caution",
}
"""Columns of ``*_desc-dl_mrsquant.tsv``."""

UNITS = {
    "raw": "Amplitude per unit of basis, as FSL-MRS's raw concentrations",
    "/Cr+PCr": "Ratio to the sum of Cr and PCr",
    "/NAA": "Ratio to NAA, for a DIFF alone",
    "mMol/kg": "mmol per kg of tissue water, by the water reference",
    "mM": "mmol per litre of tissue, by the water reference",
    "mM alpha": "mM with the alpha correction for grey and white matter",
    "i.u.": "Institutional units: by water, without tissue fractions and relaxation",
}
"""What the column ``unit`` may hold."""

_IGNORED = ("*.html", "logs", "figures", "*_desc-*")
"""BIDS has no rules for these yet; as few patterns as the validator needs."""

DESCRIPTIONS = {
    "desc-preproc": "Coil-combined, aligned, averaged and referenced OFF and ON",
    "desc-diff": "ON minus OFF",
    "desc-fit": "The signal reconstructed from the estimates",
    "desc-dl": "Estimates of the network, their quality, the report",
    "desc-lcmodel": "The estimates in the layout of LCModel's files",
}
"""Labels of the files that are written for a scan: what each stands for."""

_ROOT_FILES = ("descriptions.tsv", ".bidsignore", "README.md")
"""Written at the root beside ``dataset_description.json``."""

_README = """# fsl_mrs_dl

GABA-edited MEGA-PRESS quantified by a neural network. Each scan has

- `*_desc-dl_mrsquant.tsv`: the estimates with intervals; units and meaning in the JSON beside it,
- `*_desc-dl_mrsqc.json`: quality, flags, whether the scan lies inside the training ranges,
- `*_desc-dl_report.html`: the report with figures, flags and values; opens offline,
- `*_desc-preproc_svs`, `*_desc-diff_svs`, `*_desc-fit_svs`: spectra (NIfTI-MRS),
- `*_desc-lcmodel.*`: for scripts that parse LCModel's files.

`group_desc-dl_mrsquant.tsv` holds all scans, `group_desc-dl_mrsqc.tsv` their quality, `group_desc-dl_retest.tsv` how
well repeated measurements agree; `group.html` shows them.
"""


def write_root(output: Path, source: Path) -> None:
    """Write the description of the derivative dataset, ``.bidsignore``, labels and README; the same bytes each time.

    Raises
    ------
    ConfigError
        When `output` is the dataset itself, or one that another program has made.
    DataError
        When it cannot be written.
    """
    check_root(output, source)
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(output, error) from error
    description = {
        "Name": "fsl_mrs_dl",
        "BIDSVersion": "1.10.0",
        "DatasetType": "derivative",
        "GeneratedBy": [{"Name": "fsl_mrs_dl", "Version": __version__}],
        "SourceDatasets": [{"URL": source.resolve().as_uri()}],
        "DatasetLinks": {"raw": source.resolve().as_uri()},
    }
    write_json(output / "dataset_description.json", description)
    rows = ["desc_id\tdescription", *(f"{key}\t{text}" for key, text in DESCRIPTIONS.items())]
    write_text(output / "descriptions.tsv", "\n".join(rows) + "\n")
    write_text(output / ".bidsignore", "\n".join(_IGNORED) + "\n")
    write_text(output / "README.md", _README)


def check_root(output: Path, source: Path) -> None:
    """Make sure that the output can be written, and that no description but our own is replaced.

    Raises
    ------
    ConfigError
        When `output` is the dataset itself, or one that another program has made.
    DataError
        When it cannot be written.
    """
    _check_writable(output)
    if output.resolve() == source.resolve():
        raise ConfigError(
            "the output is the dataset itself",
            where=output,
            expected="a folder of its own",
            hint="Take BIDS_DIR/derivatives/fsl_mrs_dl",
        )
    if any(name.startswith("sub-") for name in _below(source, output)[:1]):
        raise ConfigError("the output lies in a participant's folder", where=output, expected="a folder of its own")
    path = output / "dataset_description.json"
    if not path.exists():
        _check_unclaimed(output)
        return
    try:
        names = [entry["Name"] for entry in read_json_object(path, "description")["GeneratedBy"]]
    except (DataError, KeyError, TypeError):
        names = []
    if "fsl_mrs_dl" not in names:
        raise ConfigError(
            "the output holds another program's dataset",
            where=path,
            expected="GeneratedBy fsl_mrs_dl, or none",
            got=", ".join(map(str, names)) or "no GeneratedBy",
            hint="Take another output folder",
        )


def _check_writable(output: Path) -> None:
    """What is there of the path, `output` itself or a folder above it, must be a folder that may be written to."""
    there = next(path for path in (output, *output.absolute().parents) if path.exists() or path.is_symlink())
    if not there.is_dir():
        reason = errno.EEXIST if there == output else errno.ENOTDIR
        raise cannot_write(output, OSError(reason, os.strerror(reason)))
    if not os.access(there, os.W_OK | os.X_OK):
        reason = errno.EROFS if os.statvfs(there).f_flag & os.ST_RDONLY else errno.EACCES
        raise cannot_write(output, OSError(reason, os.strerror(reason)))


def _below(source: Path, output: Path) -> tuple[str, ...]:
    """Folders from the dataset down to the output, none where it lies elsewhere."""
    try:
        return output.resolve().relative_to(source.resolve()).parts
    except ValueError:
        return ()


def _check_unclaimed(output: Path) -> None:
    """In a folder without a description, neither what we would write nor datasets of others may stand."""
    in_the_way = [name for name in _ROOT_FILES if (output / name).exists()]
    in_the_way += sorted(path.parent.name for path in output.glob("*/dataset_description.json"))
    if in_the_way:
        raise ConfigError(
            "the output holds files that this program did not write",
            where=output,
            expected="a folder of its own, empty at first",
            got=", ".join(in_the_way[:5]),
            hint=f"Take {output / 'fsl_mrs_dl'}",
        )


def table_description(**more: Any) -> dict[str, Any]:
    """The JSON beside a table: its columns with their units, and `more`."""
    columns: dict[str, Any] = {key: {"Description": text} for key, text in COLUMNS.items()}
    for key in ("value", "sd", "lo95", "hi95"):
        columns[key]["Units"] = "that of the row, in the column unit"
    columns["unit"]["Levels"] = UNITS
    return {**columns, **more}
