# SPDX-License-Identifier: Apache-2.0
"""Scanners' own files to NIfTI-MRS, by the program spec2nii (https://github.com/wtclarke/spec2nii)."""

from __future__ import annotations

import gzip
import importlib.util
import shutil
import subprocess
import sys
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from fsl_mrs_dl.core.errors import ConfigError, DataError, MissingExtraError, nearest
from fsl_mrs_dl.io.formats import FORMATS
from fsl_mrs_dl.io.header import read_header
from fsl_mrs_dl.io.sources import compressed
from fsl_mrs_dl.io.spar import check_pair, completed, sdat_pair
from fsl_mrs_dl.io.spec2nii_errors import explain

_PROGRAM = "import sys; from spec2nii.spec2nii import main; sys.argv[0] = 'spec2nii'; sys.exit(main())"


def spec2nii_command() -> list[str]:
    """How spec2nii is called: that of this environment, else the one on the PATH (FSL brings it along).

    Raises
    ------
    MissingExtraError
        When there is neither.
    """
    if importlib.util.find_spec("spec2nii") is not None:
        return [sys.executable, "-c", _PROGRAM]
    found = shutil.which("spec2nii")
    if found is None:
        raise MissingExtraError("spec2nii", "convert")
    return [found]


def detect_format(path: Path) -> str:
    """The format of a file by its ending, of DICOM (a file or a folder of them) by its manufacturer.

    Raises
    ------
    DataError
        When it is not there, or is none of `FORMATS`.
    """
    if not path.exists():
        raise DataError("no such file", where=path)
    by_ending = _by_ending(path)
    if path.is_file() and by_ending is not None:
        return by_ending
    if path.is_dir():
        return _by_manufacturer(_first_dicom(path))
    if not _is_dicom(path):
        known = ", ".join(f"{name} ({form.what})" for name, form in FORMATS.items())
        raise DataError("the format is not known", where=path, expected=known, hint="Say it with form=")
    return _by_manufacturer(path)


def _by_ending(path: Path) -> str | None:
    name = path.name.lower().removesuffix(".gz") if path.name.lower().endswith(".nii.gz") else path.name.lower()
    return next((form for form, known in FORMATS.items() if Path(name).suffix in known.endings), None)


def _first_dicom(folder: Path) -> Path:
    """A DICOM file of a folder; what else the folder holds is an error that says how to name it."""
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    dicom = next((p for p in files if p.suffix.lower() in (".ima", ".dcm") or _is_dicom(p)), None)
    if dicom is not None:
        return dicom
    for form, known in FORMATS.items():
        names = [p.name for p in files if known.in_folder and _by_ending(p) == form]
        if names:
            raise DataError(
                "no DICOM file is in this folder",
                where=folder,
                got=f"{known.what}, {known.in_folder}: {', '.join(names[:6])}",
                hint="Name one file, or two that are the conditions: off= and on=",
            )
    raise DataError("no DICOM file is in this folder", where=folder, hint="Name a single file of another format")


def _by_manufacturer(path: Path) -> str:
    manufacturer = _manufacturer(path)
    for form, known in FORMATS.items():
        if any(maker in manufacturer.lower() for maker in known.makers):
            return form
    raise DataError(
        "spectroscopy in the DICOM files of this manufacturer is not read by spec2nii",
        where=path,
        expected="Siemens, Philips or UIH",
        got=manufacturer or "no manufacturer",
    )


def convert(
    paths: Sequence[Path],
    folder: Path,
    stem: str,
    *,
    form: str | None = None,
    evalinfo: str = "image",
    anonymise: bool = False,
    more: Sequence[str] = (),
) -> list[Path]:
    """Convert one scan with spec2nii.

    Parameters
    ----------
    paths : sequence of Path
        One file (of SDAT and SPAR either or both), or one folder of DICOM files.
    folder : Path
        An empty one, to write to.
    stem : str
        Name of the main file; those of references get a suffix.
    form : str, optional
        Member of `FORMATS`; told from the file when it is not given.
    evalinfo : str
        Which part of a Siemens TWIX file.
    anonymise : bool
        Leave out what names the patient.
    more : sequence of str
        Further arguments of spec2nii.

    Returns
    -------
    list of Path
        The files that spec2nii wrote, sorted.

    Raises
    ------
    ConfigError
        For an unknown format, or too many files.
    DataError
        When a file is not there, is not of that format, or spec2nii fails; its last line is quoted.
    MissingExtraError
        When spec2nii is not there.
    """
    if form is not None and form not in FORMATS:
        raise ConfigError(f"unknown format{nearest(form, FORMATS)}", expected=", ".join(FORMATS), got=form)
    missing = [path for path in paths if not path.exists()]
    if missing:
        raise DataError("no such file", where=missing[0])
    form = form or detect_format(paths[0])
    if form == "nifti":
        return [_copy_of_nifti(_single(paths), folder / f"{stem}.nii.gz")]
    inputs = list(sdat_pair(paths)) if form == "sdat" else [_single(paths)]
    _check(form, inputs)
    if form == "sdat":
        inputs[1] = completed(inputs[1], folder)
    options = [*(["-e", evalinfo, "-q"] if form == "twix" else []), *(["--anon"] if anonymise else []), *more]
    return _by_spec2nii(form, inputs, folder, [*options, "-f", stem, "-o", str(folder.resolve())], paths[0])


def _by_spec2nii(form: str, inputs: Sequence[Path], folder: Path, options: Sequence[str], source: Path) -> list[Path]:
    """Run spec2nii in a folder; what it wrote there, or an error about `source`."""
    command = [*spec2nii_command(), FORMATS[form].command or form, *options]
    command += [str(path.resolve()) for path in inputs]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, cwd=folder)
    written = sorted(folder.glob("*.nii.gz"))
    if done.returncode or not written:
        raise explain(form, FORMATS[form].what, source, done.stderr or done.stdout, folder)
    return written


def _single(paths: Sequence[Path]) -> Path:
    """The one file of a scan."""
    if len(paths) > 1:
        raise ConfigError(
            "one file is one scan",
            expected="one file, or one folder of DICOM files",
            got=f"{len(paths)}: {', '.join(path.name for path in paths[:6])}",
            hint="Give two files that are the conditions as off= and on=",
        )
    return paths[0]


def _copy_of_nifti(path: Path, target: Path) -> Path:
    """A file that is NIfTI-MRS already, read to its end, where the checksum stands, and compressed.

    Raises
    ------
    DataError
        When it is damaged, or is not NIfTI-MRS.
    """
    if path.is_dir():
        raise DataError("is a folder", where=path, expected=FORMATS["nifti"].what)
    try:
        found = compressed(path)  # a copy may have lost or kept the .gz of its name
        packed = path.name.lower().endswith(".gz") if found is None else found
        opened: Callable[..., Any] = gzip.open if packed else open
        with opened(path, "rb") as stream, gzip.open(target, "wb", compresslevel=1) as copy:
            shutil.copyfileobj(stream, copy)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError("the file is damaged, or cannot be read", where=path, hint="Copy it again") from error
    if read_header(target) is None:
        raise DataError("not a NIfTI-MRS file", where=path, hint="Convert the scanner's own file")
    return target


def _is_dicom(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(132)[128:] == b"DICM"


def _manufacturer(path: Path) -> str:
    if importlib.util.find_spec("pydicom") is None:  # it comes with spec2nii
        raise MissingExtraError("pydicom", "convert")
    import pydicom

    try:
        return str(
            pydicom.dcmread(path, stop_before_pixels=True, specific_tags=["Manufacturer"]).get("Manufacturer", "")
        )
    except Exception as error:  # a damaged file makes pydicom raise almost anything
        raise DataError("not a DICOM file, or a damaged one", where=path) from error


def _check(form: str, inputs: Sequence[Path]) -> None:
    """Refuse what is plainly another format, before spec2nii says so in its own words."""
    where, known = inputs[0], FORMATS[form]
    if known.is_dicom:
        if where.is_file() and not _is_dicom(where):
            raise DataError("not a DICOM file (no DICM at byte 128)", where=where, expected=known.what)
        return
    if not where.is_file():
        raise DataError("is a folder", where=where, expected=known.what)
    with where.open("rb") as stream:
        head = stream.read(64)
    beginning = known.beginning
    if beginning is not None and not beginning.is_there(head, where.stat().st_size):
        raise DataError(beginning.otherwise, where=where, expected=beginning.expected)
    if form == "sdat":
        check_pair(*inputs)
