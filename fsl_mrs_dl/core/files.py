# SPDX-License-Identifier: Apache-2.0
"""Atomic writing of files and folders: a temporary sibling is filled, then moved into place."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from fsl_mrs_dl.core.errors import DataError
from fsl_mrs_dl.core.storage import cannot_write, storage_error

OUR_FILES = ("quantities.json", "preproc.json", "validation.json", "simulation.json", "simulation.txt", "dataset.json")
"""Any of these in a folder shows that this program made it, so that `--overwrite` may replace it."""

OUR_NAMES = (
    *OUR_FILES,
    "edit_[01].nii.gz",
    "diff.nii.gz",
    "wref.nii.gz",
    "validation.csv",
    "validation.png",
    "*.npy",
    "edit_off",
    "edit_on",
    "diff",
    ".*",
)
"""Patterns of what output folders hold besides the outputs of `fit` (`fsl_mrs_dl.reports.manifest.entry_names`);
anything else in them is the user's and is not deleted."""


def _scratch_name(path: Path) -> Path:
    # the end of the name is kept because writers choose the format by it (.nii.gz)
    return path.with_name(f".tmp-{uuid.uuid4().hex[:12]}-{path.name}")


def _of_writing(exc: Exception, scratch: Path, path: Path | None = None) -> OSError | None:
    """`exc` where it is about what is being written, not about something that the caller reads meanwhile."""
    if not isinstance(exc, OSError) or exc.errno is None:
        return storage_error(exc)
    if path is not None and exc.filename in (str(path), path):
        return exc
    names = (str(n) for n in (exc.filename, exc.filename2) if n is not None)
    return exc if any(name.startswith(str(scratch)) for name in names) else storage_error(exc)


def _check_parent(path: Path) -> None:
    parent = path.parent
    if not parent.is_dir():
        what = "is a file, not a folder" if parent.exists() else "the folder does not exist"
        raise DataError(what, where=parent, hint=f"Create it before writing '{path.name}' there")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):  # on a read-only file system even what is missing cannot be unlinked
            path.unlink(missing_ok=True)


@contextmanager
def atomic_path(path: str | os.PathLike) -> Iterator[Path]:
    """Give a temporary path beside `path`; move it to `path` when the block ends well, remove it otherwise.

    Parameters
    ----------
    path : path-like
        The file wanted. An earlier file of that name is replaced only at the end, in one step.

    Yields
    ------
    Path
        In the same folder, with the same ending; nothing is there yet.

    Raises
    ------
    DataError
        When the folder is missing or cannot be written to, the disk is full, or `path` is a folder.
    """
    path = Path(path)
    _check_parent(path)
    if path.is_dir():
        raise DataError("is a folder; a file was expected", where=path)
    scratch = _scratch_name(path)
    try:
        yield scratch
        os.replace(scratch, path)
    except Exception as exc:
        found = _of_writing(exc, scratch)
        if found is None:
            raise
        raise cannot_write(path, found) from exc
    finally:
        _remove(scratch)


def write_text(path: str | os.PathLike, text: str) -> None:
    r"""Write `text` to `path` as UTF-8 with ``\n`` line ends, whole or not at all.

    Raises
    ------
    DataError
        As `atomic_path`.
    """
    with atomic_path(path) as scratch:
        # bytes of a file name that are not UTF-8 stand as \udce9, which JSON reads back
        scratch.write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")


def write_json(path: str | os.PathLike, obj: Any) -> None:
    """Write `obj` to `path` as JSON (indent 1, UTF-8), whole or not at all.

    Raises
    ------
    ValueError
        When `obj` holds NaN or infinity, for which JSON has no word.
    DataError
        As `atomic_path`.
    """
    write_text(path, json.dumps(obj, indent=1, allow_nan=False, ensure_ascii=False) + "\n")


def check_inputs_kept(target: str | os.PathLike, inputs: Iterable[str | os.PathLike | None]) -> None:
    """Make sure that none of the inputs would go with what is replaced.

    Parameters
    ----------
    target : path-like
        The folder or file to be replaced. Nothing can be lost where nothing is yet.
    inputs : iterable of path-like or None
        Files and folders that are read, as they were given: links and ``..`` are followed.

    Raises
    ------
    DataError
        When an input is `target`, lies below it, or is reached by a link that does; also for what a link in a
        folder of inputs points to.
    """
    place = _identity(Path(target))
    if place is None:
        return
    for given in inputs:
        if given is None:
            continue
        for path in (Path(given), *_links_in(Path(given))):
            if any(place in _identities_above(step) for step in _steps(path)):
                raise DataError(
                    "an input would be deleted with the output that is to be replaced",
                    where=path,
                    expected=f"inputs outside {target}",
                    hint="Choose another output",
                )


def _identity(path: Path) -> tuple[int, int] | None:
    """Device and number of a file or folder: the same for every name that it has."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


def _steps(path: Path) -> Iterator[Path]:
    """A path, then what each link at its end points to, until there is no more."""
    for _ in range(40):
        yield path
        if not path.is_symlink():
            return
        path = path.parent / os.readlink(path)


def _identities_above(path: Path) -> set[tuple[int, int] | None]:
    """Of what `path` is, and of every folder that its name stands in."""
    # the folder is resolved, not the name: a link in the output is lost whatever it points to
    folder = Path(os.path.realpath(path.parent if path.name != ".." else path))
    return {_identity(step) for step in (path, folder, *folder.parents)} - {None}


def _links_in(folder: Path) -> list[Path]:
    try:
        return [Path(entry.path) for entry in os.scandir(folder) if entry.is_symlink()]
    except OSError:  # a file, or nothing
        return []


def check_replaceable(path: Path, overwrite: bool, names: Iterable[str] = ()) -> None:
    """Make sure that a folder may be made at `path`: nothing stands there, or our own output may be replaced.

    Parameters
    ----------
    path : Path
    overwrite : bool
    names : iterable of str
        What an earlier output may hold besides `OUR_NAMES`.

    Raises
    ------
    DataError
        When it may not.
    """
    try:
        if not path.exists():
            return
    except OSError as exc:  # a name that no file system takes
        raise cannot_write(path, exc) from exc
    if not path.is_dir():
        raise DataError("is a file; a folder was expected", where=path)
    entries = os.listdir(path)
    if not entries:
        return
    if not overwrite:
        raise DataError("the folder exists and is not empty", where=path, hint="Say overwrite=True to replace it")
    if not any(name in entries for name in OUR_FILES):
        raise DataError(
            "overwrite=True replaces only earlier output of this program, and this folder is something else",
            where=path,
            expected=f"a folder with {' or '.join(OUR_FILES)}",
            hint="Choose another folder",
        )
    # the folder of an unedited basis has a file for each metabolite
    patterns = [*OUR_NAMES, *names, *(["*.json"] if "simulation.txt" in entries else [])]
    known = [name for name in entries if any(fnmatchcase(name, pattern) for pattern in patterns)]
    foreign = sorted({*entries} - {name for name in known if _is_as_written(path / name)})
    if foreign:
        raise DataError(
            "the folder holds more than this program wrote, which overwrite=True would delete",
            where=path,
            got=", ".join(foreign[:5]),
            hint="Move it away, or choose another folder",
        )


def _is_as_written(entry: Path) -> bool:
    """Whether an entry with a common name is what this program writes under it, and not a folder of the user's."""
    if entry.name == "data":
        return entry.is_symlink()
    if entry.name == "basis" and entry.is_dir() and not entry.is_symlink():
        return all(file.suffix == ".json" for file in entry.iterdir())
    return True


def swap_in(scratch: Path, path: Path) -> None:
    """Move the folder `scratch` to `path`; what stood there comes back should the move fail."""
    if not path.exists():
        os.replace(scratch, path)
        return
    old = _scratch_name(path)
    os.replace(path, old)
    try:
        os.replace(scratch, path)
    except BaseException:
        os.replace(old, path)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _must_fill_inside(path: Path) -> bool:
    """Whether an existing folder cannot be exchanged: a mount point (containers), or its parent is read-only."""
    return path.is_dir() and (path.is_mount() or not os.access(path.parent, os.W_OK | os.X_OK))


def _fill_inside(scratch: Path, path: Path) -> None:
    for entry in path.iterdir():
        if entry != scratch:
            _remove(entry)
    for entry in scratch.iterdir():
        os.replace(entry, path / entry.name)


@contextmanager
def new_output_folder(
    path: str | os.PathLike,
    overwrite: bool = False,
    *,
    inputs: Iterable[str | os.PathLike | None] = (),
    names: Iterable[str] = (),
) -> Iterator[Path]:
    """Give a temporary folder to fill; it becomes `path` when the block ends well and vanishes otherwise.

    Parameters
    ----------
    path : path-like
        The output folder wanted. Its parent must exist. A folder that cannot be exchanged as a whole (a mount
        point, or one whose parent is read-only) is filled entry by entry at the end.
    overwrite : bool
        Whether an earlier, non-empty output folder may be replaced. That happens only at the end, and only when
        it holds one of `OUR_FILES`.
    inputs : iterable of path-like or None
        What is read to make the output: refused where it would be deleted with an earlier one.

    Yields
    ------
    Path
        An empty folder.

    Raises
    ------
    DataError
        When `path` is not empty and may not be replaced, holds an input, is a file, or cannot be written.
    """
    path = Path(os.path.realpath(path))  # a link to a folder stays a link
    _check_parent(path)
    check_inputs_kept(path, inputs)
    names = tuple(names)
    check_replaceable(path, overwrite, names)
    inside = _must_fill_inside(path)
    scratch = _scratch_name(path / "output" if inside else path)
    try:
        scratch.mkdir()
    except OSError as exc:
        raise cannot_write(path, exc) from exc
    try:
        yield scratch
        if inside:
            _fill_inside(scratch, path)
        else:
            check_replaceable(path, overwrite, names)  # someone may have filled it meanwhile
            swap_in(scratch, path)
    except DataError as exc:
        told = _of_the_output(exc, scratch, path)
        if told:
            raise told from exc
        raise
    except Exception as exc:
        found = _of_writing(exc, scratch, path)
        if found is None:
            raise
        raise cannot_write(path, found) from exc
    finally:
        _remove(scratch)


def _of_the_output(exc: DataError, scratch: Path, path: Path) -> DataError | None:
    """An error about a file in the temporary folder, as one about the folder that was asked for; None of another."""
    if not isinstance(exc.where, Path) or scratch not in exc.where.parents:
        return None
    return type(exc)(
        exc.what, where=path / exc.where.relative_to(scratch), expected=exc.expected, got=exc.got, hint=exc.hint
    )
