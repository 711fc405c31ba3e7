# SPDX-License-Identifier: Apache-2.0
"""Adding models from a folder or a ZIP file, after they were checked completely.

Only the card and the files that it names are taken. Nothing is unpickled, no path of a ZIP file is followed, and no
more is unpacked than a model can hold.
"""

from __future__ import annotations

import os
import secrets
import shutil
import stat
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

import numpy as np

from fsl_mrs_dl.core.errors import ConfigError, DataError, ModelError
from fsl_mrs_dl.core.files import swap_in
from fsl_mrs_dl.core.resources import shipped_models
from fsl_mrs_dl.core.storage import cannot_write
from fsl_mrs_dl.models.calibrated import LoadedModel
from fsl_mrs_dl.models.card import CARD_FILE
from fsl_mrs_dl.models.card_checks import is_plain_name
from fsl_mrs_dl.models.catalogue import MODELS_VARIABLE, added_folders
from fsl_mrs_dl.models.folder import MODEL_FILES, ModelFolder, open_model

MAX_BYTES = 2**30
"""Unpacked size of a ZIP file; the largest shipped model has 23 MB."""

MAX_ENTRIES = 1000

RESERVED = ("add", "list")
"""Names that ``fsl_mrs_dl models`` takes for something else."""


def add_model(source: Path, overwrite: bool = False) -> tuple[Path, ...]:
    """Copy a model, and the members of an ensemble, into the first folder of added models.

    Parameters
    ----------
    source : Path
        A model's folder (members of an ensemble lie beside it), or a ZIP file of one or more such folders.
    overwrite : bool
        Whether a model of the same name that was added earlier is replaced.

    Returns
    -------
    tuple of Path
        The folders of the models that are now found by name; those that were there already among them.

    Raises
    ------
    ConfigError
        When there is no folder to add to, a name is taken, or `source` is no folder or ZIP file.
    ModelError
        When a model is damaged, made by a newer version, or does not run.
    DataError
        When the ZIP file is unsafe or damaged, or the folder cannot be written to.
    """
    target = _target()
    with _unpacked(source) as folders:
        models = _with_members([open_model(folder) for folder in folders])
        # all are looked at before the first is copied
        for name, model in models.items():
            _check_runs(model)
            _check_name(name, model, target, overwrite)
        with _writing(target):
            target.mkdir(parents=True, exist_ok=True)
            for name, model in models.items():
                _copy(model, target / name)
    return tuple(target / name for name in models)


def _target() -> Path:
    folders = added_folders()
    if not folders:
        raise ConfigError(
            "there is no folder for models: this user has no home folder",
            hint=f"Set the environment variable {MODELS_VARIABLE} to a folder",
        )
    return folders[0]


def _with_members(opened: list[ModelFolder]) -> dict[str, ModelFolder]:
    """Models by the name that they are to have: members first, whose names are those that their ensemble gives."""
    named: dict[str, ModelFolder] = {}
    for model in opened:
        for name, member in zip(model.card.members, model.members, strict=True):
            named[name] = member
    members = {model.path.resolve() for model in named.values()}
    for model in opened:
        if model.path.resolve() in members:
            continue
        if model.name in named:
            raise ConfigError("two models have the same name", where=model.path, got=model.name)
        named[model.name] = model
    return named


def _check_runs(model: ModelFolder) -> None:
    """Make sure that the network runs, and answers with numbers."""
    n = model.grid.n_points
    channels = np.random.default_rng(0).normal(size=(1, 4, n)).astype(np.float32)
    answer = LoadedModel(model).predict_batch(channels, np.ones((1, 2), np.float32), np.ones(1))
    if not (np.isfinite(answer.mean).all() and np.isfinite(answer.sd).all()):
        raise ModelError("the network does not answer with numbers", where=model.path)


def _check_name(name: str, model: ModelFolder, target: Path, overwrite: bool) -> None:
    if not is_plain_name(name) or name.startswith((".", "-")) or name in RESERVED or not name.isprintable():
        raise ConfigError(
            f"a model cannot be added under the name '{name}'", where=model.path, hint="Change 'name' in card.json"
        )
    if name in shipped_models():
        raise ConfigError(
            f"'{name}' is a shipped model", where=model.path, expected="another name", hint="Change 'name' in card.json"
        )
    if not os.path.lexists(target / name) or _is_same(target / name, model) or overwrite:
        return
    raise ConfigError(
        f"there is a model '{name}' already, which is another one",
        where=target / name,
        hint="Say overwrite=True to replace it",
    )


def _is_same(path: Path, model: ModelFolder) -> bool:
    try:
        return open_model(path).fingerprint == model.fingerprint
    except ModelError:
        return False


def _copy(model: ModelFolder, path: Path) -> None:
    """Copy the files of a model, whole or not at all."""
    if _is_same(path, model):
        return
    # not by tempfile, whose folders nobody else may read
    scratch = path.with_name(f".adding-{secrets.token_hex(6)}")
    scratch.mkdir()
    try:
        for name in MODEL_FILES:
            if name == CARD_FILE or name in model.card.files:
                with suppress(FileNotFoundError):  # a model needs no weights to train on
                    shutil.copyfile(model.path / name, scratch / name)
        if path.is_symlink() or path.is_file():
            raise DataError("is not a folder", where=path)
        swap_in(scratch, path)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def _writing(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise cannot_write(target, error) from error


@contextmanager
def _unpacked(source: Path) -> Iterator[list[Path]]:
    """Folders of the models in `source`."""
    if source.is_dir():
        yield [source]
        return
    if not source.is_file():
        raise ConfigError(
            "there is nothing here to add", where=source, expected="a model's folder, or a ZIP file of one"
        )
    with tempfile.TemporaryDirectory(prefix="fsl_mrs_dl-") as scratch:
        try:
            with zipfile.ZipFile(source) as archive:
                _unpack(archive, source, Path(scratch))
        except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, zipfile.LargeZipFile) as error:
            raise DataError("the file cannot be unpacked", where=source, expected="a ZIP file", got=error) from error
        folders = sorted(card.parent for card in Path(scratch).rglob(CARD_FILE))
        if not folders:
            raise ModelError("there is no model in this file", where=source, expected=f"a folder with {CARD_FILE}")
        yield folders


def _unpack(archive: zipfile.ZipFile, source: Path, folder: Path) -> None:
    """Unpack the files of models; each lies at the top or in one folder, beside those of other models."""
    entries = archive.infolist()
    if len(entries) > MAX_ENTRIES:
        raise DataError(
            "the file holds too many entries", where=source, expected=f"up to {MAX_ENTRIES}", got=len(entries)
        )
    left = MAX_BYTES
    for entry in entries:
        parts = _safe_parts(entry, source)
        if entry.is_dir() or parts[-1] not in MODEL_FILES:
            continue
        # folders around the models' own are of no meaning
        place = folder.joinpath(*parts[-2:])
        place.parent.mkdir(exist_ok=True)
        if place.exists():
            raise DataError("the file holds two models in folders of one name", where=source, got=entry.filename)
        left -= _write_entry(archive, entry, place, left, source)


def _safe_parts(entry: zipfile.ZipInfo, source: Path) -> tuple[str, ...]:
    """The parts of an entry's path; raises where it leads out of the folder or is no plain file."""
    name = entry.filename
    path = PurePosixPath(name)
    kind = stat.S_IFMT(entry.external_attr >> 16)
    is_odd = kind not in (0, stat.S_IFREG, stat.S_IFDIR)
    if path.is_absolute() or not path.parts or ".." in path.parts or "\\" in name or ":" in name or is_odd:
        raise DataError(
            "the file holds an entry that leads elsewhere",
            where=source,
            expected="plain files in folders",
            got=repr(name),
        )
    return path.parts


def _write_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, place: Path, left: int, source: Path) -> int:
    """Unpack one file and return its size, which is counted: what the archive says of it may be wrong."""
    size = 0
    with archive.open(entry) as stream, place.open("wb") as out:
        while block := stream.read(1 << 20):
            size += len(block)
            if size > left:
                raise DataError(
                    "the file unpacks to more than a model can hold",
                    where=source,
                    expected=f"up to {MAX_BYTES >> 20} MiB",
                )
            out.write(block)
    return size
