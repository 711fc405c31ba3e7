# SPDX-License-Identifier: Apache-2.0
"""Explanations for failures of spec2nii: its own message, or the kind of file that it cannot read."""

from __future__ import annotations

import re
import struct
from pathlib import Path

from fsl_mrs_dl.core.errors import DataError

_BARE = re.compile(
    r"(?P<kind>KeyError|TypeError|IndexError|AttributeError|AssertionError|UnboundLocalError|ZeroDivisionError"
    r"|NameError|struct\.error|ValueError)\b:?\s*(?P<text>.*)"
)
"""Errors of Python's own: spec2nii met something that its authors did not foresee."""

_PLACE = re.compile(r'File "[^"]*?(?P<file>spec2nii[/\\][^"]+)", line (?P<line>\d+)')
_OWN_WORDS = ("ValueError",)
"""Kinds that spec2nii raises itself too, with a sentence."""


def explain(form: str, expected: str, path: Path, output: str, scratch: Path) -> DataError:
    """The error for a file that spec2nii could not convert.

    Parameters
    ----------
    form, expected : str
        The format, and its description.
    path : Path
        The user's file, the only one that is named.
    output : str
        What spec2nii printed.
    scratch : Path
        The folder that it worked in.
    """
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    last = lines[-1] if lines else "no file and no message"
    last = last.replace(f"{scratch.resolve()}/", "").replace(f"{scratch}/", "")
    bare = _BARE.fullmatch(last)
    if bare is None or (bare["kind"] in _OWN_WORDS and bare["text"].count(" ") > 3):
        return DataError(
            "spec2nii could not convert it", where=path, expected=expected, got=last, hint="See docs/convert.md"
        )
    places = _PLACE.findall(output)
    place = f" at {places[-1][0]}:{places[-1][1]}" if places else ""
    if bare["kind"] == "KeyError":
        what = f"the file has no entry {bare['text']}, which spec2nii needs"
    else:
        what = "spec2nii does not understand this file: it is of a kind that it was not written for"
    return DataError(
        what,
        where=path,
        expected=expected,
        got=f"{_facts(form, path)}({bare['kind']}: {bare['text']}{place})",
        hint="Export it in another format, or report it to spec2nii's authors; docs/convert.md lists what it reads",
    )


def _facts(form: str, path: Path) -> str:
    """What the file says of itself, with a blank after it; nothing where that is not known."""
    if form == "ge":
        return _revision(path)
    return _dicom_class(path) if path.is_file() and form in ("dicom", "philips_dcm", "uih") else ""


def _revision(path: Path) -> str:
    """Revision of a P-file's header, the number that it begins with."""
    with path.open("rb") as stream:
        first = stream.read(4)
    if len(first) < 4:
        return "an empty file "
    revisions = [struct.unpack(order + "f", first)[0] for order in "<>"]
    likely = [revision for revision in revisions if 1 <= revision < 100]
    if not likely:
        return "no P-file "
    old = ", older than those that it reads (from 11)" if likely[0] < 11 else ""
    return f"a P-file of header revision {likely[0]:.3f}{old} "


def _dicom_class(path: Path) -> str:
    """Kind of a DICOM file, and whether spectra are in it."""
    import pydicom

    try:
        data = pydicom.dcmread(path, defer_size=1024)
    except Exception:  # a damaged file makes pydicom raise almost anything
        return "a damaged DICOM file "
    meta = getattr(data, "file_meta", None)
    kind = getattr(meta, "MediaStorageSOPClassUID", data.get("SOPClassUID"))
    name = getattr(kind, "name", None) or "of no known class"
    spectra = "with" if (0x5600, 0x0020) in data else "without"
    return f"DICOM '{name}' {spectra} SpectroscopyData "
