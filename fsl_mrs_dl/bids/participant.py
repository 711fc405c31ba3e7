# SPDX-License-Identifier: Apache-2.0
"""One scan of a dataset: read with its sidecars, quantified, written under BIDS names."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fsl_mrs_dl.api.functions import fit
from fsl_mrs_dl.api.result import Fit
from fsl_mrs_dl.bids.dataset import Scan
from fsl_mrs_dl.bids.derivative import DESCRIPTIONS, table_description
from fsl_mrs_dl.bids.names import folder_of
from fsl_mrs_dl.bids.reference import NONE_THERE
from fsl_mrs_dl.bids.scratch import scratch_folder
from fsl_mrs_dl.bids.sidecar import with_sidecar
from fsl_mrs_dl.core.errors import DataError, FslMrsDlError
from fsl_mrs_dl.core.files import write_json, write_text
from fsl_mrs_dl.core.resources import weights_folder
from fsl_mrs_dl.io.nifti import read_acquisition, read_reference, write_spectrum
from fsl_mrs_dl.models.calibrated import LoadedModel
from fsl_mrs_dl.preprocess.pipeline import Preprocessed
from fsl_mrs_dl.quantify.model_choice import fingerprints
from fsl_mrs_dl.quantify.result import Quantification
from fsl_mrs_dl.reports import tables
from fsl_mrs_dl.reports.manifest import bids_names

log = logging.getLogger(__name__)

_TABLE = "desc-dl_mrsquant.tsv"


@dataclass(frozen=True)
class Outcome:
    """What became of a scan: ``done``, ``refused`` (done, but without numbers), ``kept`` or ``failed``."""

    stem: str
    state: str
    message: str = ""


def process(
    scan: Scan,
    root: Path,
    output: Path,
    model: LoadedModel | None,
    *,
    skip_existing: bool = False,
    basis: Path | None = None,
    protocol: Mapping[str, Any] | None = None,
    any_protocol: bool = False,
) -> Outcome:
    """Quantify a scan and write its files; a failure is an outcome, not an exception.

    Parameters
    ----------
    scan : Scan
    root, output : Path
        The dataset and the derivative dataset.
    model : LoadedModel or None
        None chooses by the kind of sample.
    skip_existing : bool
        Keep the results of an earlier run of the same input with the same model.
    basis : Path, optional
        FSL-MRS basis for the fits beside the network, and for what it is told of the protocol.
    protocol : mapping, optional
        What headers and sidecars do not say of it, see `fsl_mrs_dl.quantify.told`.
    any_protocol : bool
        Answer protocols that the model was not trained on, see `fsl_mrs_dl.quantify.protocol`.
    """
    asked = {"basis": basis, "protocol": dict(protocol or {}), "any_protocol": any_protocol}
    stem, folder = scan.name.stem, folder_of(output, scan.name.entities)
    if scan.misplaced:  # results under its name are those of another scan
        return Outcome(scan.path.name, "failed", scan.problem or "")
    if scan.problem is not None:
        return _failed(stem, folder, scan.problem)
    try:
        digest = _digest(scan, model, asked)
        if skip_existing and _is_done(folder / f"{stem}_{_TABLE}", digest):
            return Outcome(stem, "kept")
        try:
            found = _fit(scan, model, asked)
        except DataError as error:
            return _failed(stem, folder, str(error))
        _write(scan, root, output, folder, found, digest, model)
    except FslMrsDlError as error:
        # the model or the disk, not the scan: what is there stays
        return Outcome(stem, "failed", str(error))
    except OSError as error:
        return Outcome(stem, "failed", f"{error.filename or output}: {error.strerror}")
    except Exception as error:
        # one scan must not stop the others
        log.debug("%s", stem, exc_info=True)
        return Outcome(stem, "failed", f"internal error, {type(error).__name__}: {' '.join(str(error).split())}")
    if found.refused:
        return Outcome(stem, "refused", found.reason)
    cautions = ", ".join(flag.code for flag in found.flags if flag.severity == "caution")
    notes = [note for note in scan.notes if note != NONE_THERE]
    return Outcome(stem, "done", "; ".join([*([cautions] if cautions else []), *notes]))


def _failed(stem: str, folder: Path, message: str) -> Outcome:
    """The outcome of data that cannot be used; results of what was there before must not stand for them."""
    ours = tuple(f"{stem}_{label}" for label in DESCRIPTIONS)
    old = [path for path in folder.glob(f"{stem}_desc-*") if path.is_file() and path.name.startswith(ours)]
    # the table first: it stands for all of them
    for path in sorted(old, key=lambda path: path.name != f"{stem}_{_TABLE}"):
        path.unlink(missing_ok=True)
    return Outcome(stem, "failed", message + (". Its earlier results were removed" if old else ""))


def _fit(scan: Scan, model: LoadedModel | None, asked: Mapping[str, Any]) -> Fit:
    acquisition = with_sidecar(read_acquisition(scan.path), scan.metadata)
    reference = None
    if scan.reference is not None:
        reference = with_sidecar(read_reference(scan.reference), scan.reference_metadata)
    return fit(acquisition, h2o=reference, model=model, **asked)


def _write(
    scan: Scan, root: Path, output: Path, folder: Path, found: Fit, digest: str, asked: LoadedModel | None
) -> None:
    """Make every file beside their place, then move them there, the table last: it stands for all of them."""
    stem, result, data, spectra = scan.name.stem, found.quantification, found.data, found.spectra
    sources = [f"bids:raw:{path.relative_to(root).as_posix()}" for path in (scan.path, scan.reference) if path]
    scratch = scratch_folder(output)
    files: list[tuple[Path, str]] = []
    try:
        (scratch / "fit").mkdir(parents=True)
        relative = scan.path.relative_to(root).as_posix()
        options = {
            "data": relative,
            "h2o": scan.reference.relative_to(root).as_posix() if scan.reference else None,
            "model": None if asked is None else _model_argument(asked),
        }
        again = _command(scan, asked, found.arguments)
        found.write_into(scratch / "fit", report=True, options=options, reproduce=again)
        made = {scratch / "fit" / name: kept for name, kept in bids_names().items()}
        files += [(path, kept) for path, kept in made.items() if path.exists()]
        files += _spectra(scratch, data)
        for path, kept in list(files):
            if kept.endswith("_svs.nii.gz"):
                sidecar = path.with_name(f"{kept.removesuffix('.nii.gz')}.json")
                write_json(
                    sidecar,
                    {
                        "Sources": sources,
                        "SpectrometerFrequency": [spectra.f0_mhz],
                        "ResonantNucleus": ["1H"],
                        "EchoTime": spectra.te_s,
                    },
                )
                files.append((sidecar, f"{kept.removesuffix('.nii.gz')}.json"))
        quality = {
            "refused": result.refused,
            "flags": [flag.to_dict() for flag in result.flags],
            "notes": list(scan.notes),
            "fit": dict(result.fit_parameters),
            "width_before_hz": data.width_before_hz,
            "width_after_hz": data.width_after_hz,
            "Sources": sources,
            "rejected": {name: list(indices) for name, indices in data.rejected.items()},
            "range_checks": [
                {"name": c.name, "value": c.value, "low": c.low, "high": c.high, "inside": c.inside}
                for c in result.range_checks
            ],
        }
        write_json(scratch / "qc.json", tables.finite(quality))
        files.append((scratch / "qc.json", "desc-dl_mrsqc.json"))
        model = {key: result.model[key] for key in ("name", "hash", "version")}
        write_json(scratch / "quant.json", table_description(Sources=sources, Model=model, InputSha256=digest))
        files.append((scratch / "quant.json", "desc-dl_mrsquant.json"))
        write_text(scratch / "quant.tsv", table(result))
        files.append((scratch / "quant.tsv", _TABLE))
        folder.mkdir(parents=True, exist_ok=True)
        for path, kept in files:
            os.replace(path, folder / f"{stem}_{kept}")
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _spectra(scratch: Path, data: Preprocessed) -> list[tuple[Path, str]]:
    """The preprocessed pair and its difference, as far as they are there."""
    spectra = data.spectra
    common: dict[str, Any] = {"dwell_s": spectra.dwell_s, "f0_mhz": spectra.f0_mhz, "affine": spectra.affine}
    header = {key: value for key, value in (("EchoTime", spectra.te_s), ("RepetitionTime", spectra.tr_s)) if value}
    made = []
    if spectra.edit_off is not None and spectra.edit_on is not None:
        import numpy as np

        path = scratch / "preproc.nii.gz"
        write_spectrum(
            path,
            np.stack([spectra.edit_off, spectra.edit_on]),
            dims=("DIM_EDIT", None, None),
            conditions=("edit_off", "edit_on"),
            header=header,
            **common,
        )
        made.append((path, "desc-preproc_svs.nii.gz"))
    if spectra.diff is not None:
        write_spectrum(scratch / "diff.nii.gz", spectra.diff, header=header, **common)
        made.append((scratch / "diff.nii.gz", "desc-diff_svs.nii.gz"))
    return made


def table(result: Quantification) -> str:
    """The long table of a scan: one row per metabolite and unit; the header alone when refused."""
    rows = ["\t".join(("metabolite", "value", "unit", "sd", "lo95", "hi95", "subspectrum", "flag"))]
    for e in tables.measurements(result):
        if e.flag:
            rows.append("\t".join((e.name, *["n/a"] * 5, e.sub_spectrum, e.flag)))
        else:
            rows.append(_row(e.name, e.value, e.unit, e.sd, e.interval95, e.sub_spectrum))
    return "\n".join(rows) + "\n"


def _row(name: str, value: float, unit: str, sd: float, interval: Any, sub: str) -> str:
    numbers = [f"{v:.6g}" for v in (value, sd, *interval)]
    return "\t".join((name, numbers[0], unit, *numbers[1:], sub, "n/a"))


def _command(scan: Scan, model: LoadedModel | None, arguments: Mapping[str, Any]) -> str:
    """What quantifies this scan again, sidecars and all."""
    words = ["fsl_mrs_dl", "bids", "BIDS_DIR", "OUTPUT_DIR", "participant"]
    for key, option in (
        ("sub", "participant"),
        ("ses", "session"),
        ("acq", "acquisition"),
        ("task", "task"),
        ("run", "run"),
    ):
        if key in scan.name.entities:
            words += [f"--{option}-label", scan.name.entities[key]]
    words += ["--model", _model_argument(model)] if model is not None else []
    protocol = arguments.get("protocol") or {}
    named = {"basis": arguments.get("basis"), "vendor": protocol.get("vendor")}
    named["edit-duration"] = protocol.get("edit_duration_s")
    for option, value in named.items():
        words += [f"--{option}", str(value)] if value is not None else []
    return shlex.join([*words, *(["--any-protocol"] if "any_protocol" in arguments else [])])


def _model_argument(model: LoadedModel) -> str:
    """What ``--model`` takes for a model: the name of a shipped one, the folder of any other."""
    folder = model.folder.path
    return folder.name if folder.parent == weights_folder() else str(folder.resolve())


def _digest(scan: Scan, model: LoadedModel | None, asked: Mapping[str, Any]) -> str:
    """Of everything that the result depends on: images, sidecars, model, version of the program."""
    digest = hashlib.sha256()
    for path in (scan.path, scan.reference):
        digest.update(path.read_bytes() if path is not None else b"")
    answering = [model.folder.fingerprint] if model else fingerprints()
    rest = [dict(scan.metadata), dict(scan.reference_metadata), answering, tables.versions(), asked["any_protocol"]]
    rest += [asked["protocol"], _basis_state(asked["basis"])]
    digest.update(json.dumps(rest, sort_keys=True, default=str).encode())
    return digest.hexdigest()


def _basis_state(basis: Path | None) -> list[tuple[str, int, int]]:
    """Files of a basis with their sizes and times, for the digest."""
    files = sorted(path for path in basis.rglob("*") if path.is_file()) if basis is not None else []
    return [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files]


def _is_done(path: Path, digest: str) -> bool:
    try:
        described = json.loads(path.with_suffix(".json").read_text("utf-8"))
        return path.exists() and described.get("InputSha256") == digest
    except (OSError, ValueError, AttributeError):
        return False
