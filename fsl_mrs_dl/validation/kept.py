# SPDX-License-Identifier: Apache-2.0
"""Answers that an interrupted `validate` leaves beside its output, so that the same command goes on after them."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fsl_mrs_dl import __version__
from fsl_mrs_dl.core.errors import FslMrsDlError
from fsl_mrs_dl.core.files import write_text
from fsl_mrs_dl.core.unfinished import claim, key_of, unfinished_folder
from fsl_mrs_dl.models.calibrated import LoadedModel
from fsl_mrs_dl.models.estimate import Estimate
from fsl_mrs_dl.models.folder import sha256
from fsl_mrs_dl.quantify.model_choice import fingerprints
from fsl_mrs_dl.validation.outputs import Case

STAMP = "validation.json"
"""File of an unfinished validation that says what it is of."""

_INTERVALS = ("interval68", "interval95")


def key_of_cases(
    paths: Sequence[Path],
    truths: Sequence[Any],
    model: LoadedModel | None,
    basis: Path | None,
    asked: Mapping[str, Any],
) -> str:
    """Hash of everything that the answers depend on: files, truths, model, basis, version, and what else was asked.

    Parameters
    ----------
    paths : sequence of Path
        The data sets, in the order of `truths`.
    truths : sequence of dataclass
    model : LoadedModel or None
        None where it is chosen for each data set.
    basis : Path or None
        Folder of a basis.
    asked : mapping
        As JSON: switches, and other programs with what tells one version from another.
    """
    return key_of(
        {
            "data": [_digest(path) for path in paths],
            "truths": [dataclasses.asdict(truth) for truth in truths],
            "models": fingerprints() if model is None else [model.folder.fingerprint],
            "basis": None if basis is None else _digests(basis),
            "asked": dict(asked),
            "fsl_mrs_dl": __version__,
        }
    )


def _digests(folder: Path) -> list[tuple[str, str]]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [(os.fspath(path.relative_to(folder)), _digest(path)) for path in files]


def _digest(path: Path) -> str:
    """SHA-256 of a file; empty for one that cannot be read, of which its reader has more to say."""
    try:
        return sha256(path)
    except OSError:
        return ""


def program_versions(programs: Mapping[str, Any]) -> dict[str, str]:
    """What tells a version of each classical program from another: the hash of its binary, or FSL-MRS's version."""
    binaries = {name: getattr(program, "binary", None) for name, program in programs.items()}
    return {
        name: sha256(binary) if binary is not None else importlib.metadata.version("fsl_mrs")
        for name, binary in binaries.items()
    }


@contextmanager
def unfinished(output: Path, key: str) -> Iterator[Path]:
    """The folder of an unfinished validation of this key; it goes when the block ends, and stays when interrupted.

    Parameters
    ----------
    output : Path
        Of the validation, beside which the folder lies.
    key : str
        What another validation left there is dropped.

    Raises
    ------
    DataError
        When something else has the folder's name, or nothing can be written there.
    """
    folder = unfinished_folder(Path(os.path.realpath(output)))
    claim(folder, key, stamp=STAMP, what="validation")
    try:
        yield folder
    except FslMrsDlError:
        # what cannot be used has to be changed first, and then it is another validation
        shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)


class KeptCases:
    """The cases of one validation in a folder, one file each.

    Parameters
    ----------
    folder : Path
        Of `unfinished`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, index: int) -> Case | None:
        """The case of this number where it is there and whole."""
        try:
            return _case(json.loads(self._path(index).read_text("utf-8")))
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def put(self, index: int, case: Case) -> None:
        """Keep a case, whole or not at all."""
        write_text(self._path(index), json.dumps(dataclasses.asdict(case), ensure_ascii=False) + "\n")

    def _path(self, index: int) -> Path:
        return self.folder / f"case_{index:05d}.json"


def _case(stored: Mapping[str, Any]) -> Case:
    """A case from what JSON made of it: tuples have become lists."""
    fields: dict[str, Any] = {**stored, **{name: tuple(stored[name]) for name in ("flags", "reference")}}
    for name in _INTERVALS:
        fields[name] = {of: tuple(ends) for of, ends in stored[name].items()}
    fields["ratios"] = tuple(
        Estimate(**{**e, **{name: tuple(e[name]) for name in _INTERVALS}}) for e in stored["ratios"]
    )
    return Case(**fields)
