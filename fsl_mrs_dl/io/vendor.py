# SPDX-License-Identifier: Apache-2.0
"""Scanners' own files to NIfTI-MRS, by the program spec2nii (https://github.com/wtclarke/spec2nii)."""

from __future__ import annotations

import importlib.util
import shutil
import struct
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from fsl_mrs_dl.core.errors import ConfigError, DataError, MissingExtraError, nearest

FORMATS = {
    "twix": "Siemens raw data (.dat)",
    "rda": "Siemens .rda",
    "dicom": "Siemens DICOM (.IMA, .dcm), a file or a folder",
    "sdat": "Philips .SDAT with its .SPAR",
    "philips_dcm": "Philips DICOM",
    "ge": "GE P-file (.7)",
    "uih": "United Imaging DICOM",
}
"""Format: what it is."""

_BY_ENDING = {".dat": "twix", ".rda": "rda", ".sdat": "sdat", ".spar": "sdat", ".7": "ge"}
_MANUFACTURERS = {"siemens": "dicom", "philips": "philips_dcm", "uih": "uih", "united imaging": "uih"}
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
    if path.is_file() and path.suffix.lower() in _BY_ENDING:
        return _BY_ENDING[path.suffix.lower()]
    first = path
    if path.is_dir():
        files = sorted(p for p in path.rglob("*") if p.is_file())
        dicom = [p for p in files if p.suffix.lower() in (".ima", ".dcm") or _is_dicom(p)]
        if not dicom:
            raise DataError("no DICOM file is in this folder", where=path, hint="Name a single file of another format")
        first = dicom[0]
    elif not _is_dicom(path):
        known = ", ".join(f"{name} ({text})" for name, text in FORMATS.items())
        raise DataError("the format is not known", where=path, expected=known, hint="Say it with --format")
    manufacturer = _manufacturer(first)
    for name, found in _MANUFACTURERS.items():
        if name in manufacturer.lower():
            return found
    raise DataError(
        "spectroscopy in the DICOM files of this manufacturer is not read by spec2nii",
        where=first,
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
    for path in paths:
        if not path.exists():
            raise DataError("no such file", where=path)
    form = form or detect_format(paths[0])
    if form == "sdat":
        inputs = list(_sdat_pair(paths))
    elif len(paths) > 1:
        raise ConfigError("one file is one scan", expected="one file, or one folder of DICOM files", got=len(paths))
    else:
        inputs = list(paths)
    _check(form, inputs)
    options = ["-e", evalinfo, "-q"] if form == "twix" else []
    command = [
        *spec2nii_command(),
        {"sdat": "philips"}.get(form, form),
        *options,
        *(["--anon"] if anonymise else []),
        *more,
        "-f",
        stem,
        "-o",
        str(folder.resolve()),
        *(str(path.resolve()) for path in inputs),
    ]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, cwd=folder)
    written = sorted(folder.glob("*.nii.gz"))
    if done.returncode or not written:
        lines = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        raise DataError(
            "spec2nii could not convert it",
            where=paths[0],
            expected=FORMATS[form],
            got=lines[-1] if lines else "no file and no message",
            hint="See docs/convert.md for what it reads",
        )
    return written


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


def _sdat_pair(paths: Sequence[Path]) -> tuple[Path, Path]:
    """SDAT and SPAR, either of which finds the other by its name, whatever the case."""
    found = {path.suffix.lower(): path for path in paths}
    if len(paths) > 2 or set(found) - {".sdat", ".spar"}:
        raise ConfigError("one scan is one .SDAT with its .SPAR", got=", ".join(str(path) for path in paths))
    for path in paths:
        for beside in sorted(path.parent.iterdir()):
            if beside.stem == path.stem and beside.suffix.lower() in (".sdat", ".spar"):
                found.setdefault(beside.suffix.lower(), beside)
    for ending in (".sdat", ".spar"):
        if ending not in found:
            raise DataError(f"the {ending[1:].upper()} file that belongs to it is not beside it", where=paths[0])
    return found[".sdat"], found[".spar"]


def _check(form: str, inputs: Sequence[Path]) -> None:
    """Refuse what is plainly another format, before spec2nii says so in its own words."""
    where, expected = inputs[0], FORMATS[form]
    if form in ("dicom", "philips_dcm", "uih"):
        if inputs[0].is_file() and not _is_dicom(inputs[0]):
            raise DataError("not a DICOM file (no DICM at byte 128)", where=where, expected=expected)
        return
    if not inputs[0].is_file():
        raise DataError("is a folder", where=where, expected=expected)
    size = inputs[0].stat().st_size
    with inputs[0].open("rb") as stream:
        head = stream.read(64)
    if form == "rda" and not head.startswith(b">>> Begin of header <<<"):
        raise DataError("not an RDA file (its first line)", where=where, expected=">>> Begin of header <<<")
    if form == "twix":
        # the first word is the length of the header (VB), or 0 with the number of measurements after it (VD and later)
        first, second = struct.unpack("<2I", head[:8]) if len(head) >= 8 else (0, 0)
        if not (32 <= first < size or (first == 0 and 1 <= second <= 64)):
            raise DataError("not a TWIX file (its first bytes)", where=where, expected=expected)
    if form == "sdat":
        samples, rows = (_spar_number(inputs[1], key) for key in ("samples", "rows"))
        if size != 8 * samples * rows:
            raise DataError(
                "the sizes of SDAT and SPAR do not agree",
                where=where,
                got=f"{size} bytes",
                expected=f"{8 * samples * rows} bytes ({rows} rows of {samples} samples)",
            )


def _spar_number(path: Path, key: str) -> int:
    for line in path.read_text("latin-1").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == key and value.strip().isdigit():
            return int(value)
    raise DataError(f"not a SPAR file (no number '{key}')", where=path)
