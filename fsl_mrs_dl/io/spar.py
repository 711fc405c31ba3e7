# SPDX-License-Identifier: Apache-2.0
"""Philips's SDAT with its SPAR: found, checked, and the SPAR completed where older scanners wrote less into it."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from pathlib import Path

from fsl_mrs_dl.core.errors import ConfigError, DataError

_NEEDED = {
    "samples": "1024",
    "rows": "32",
    "synthesizer_frequency": "127750000",
    "sample_frequency": "2000",
    "nucleus": '"1H"',
    "echo_time": "68",
    "repetition_time": "2000",
}
"""Entries without which nobody knows what was measured: an example of each."""

_NEUTRAL = {
    "spectrum_inversion_time": "0",
    "offset_frequency": "0",
    "scan_id": '"unknown"',
    "patient_position": '"unknown"',
    "patient_orientation": '"unknown"',
}
"""Entries that spec2nii reads and scanners of about 2004 do not write: what they are without."""

_GEOMETRY = tuple(f"{axis}_{what}" for axis in ("lr", "ap", "cc") for what in ("angulation", "size", "off_center"))


def sdat_pair(paths: Sequence[Path]) -> tuple[Path, Path]:
    """SDAT and SPAR, either of which finds the other by its name, whatever the case.

    Raises
    ------
    ConfigError
        When more than one scan is named.
    DataError
        When one of them is not there.
    """
    found = {path.suffix.lower(): path for path in paths}
    if len(paths) > 2 or set(found) - {".sdat", ".spar"}:
        raise ConfigError("one scan is one .SDAT with its .SPAR", got=", ".join(str(path) for path in paths))
    for path in paths:
        for beside in sorted(path.parent.iterdir()):
            if beside.stem == path.stem and beside.suffix.lower() in (".sdat", ".spar"):
                found.setdefault(beside.suffix.lower(), beside)
    for ending in (".sdat", ".spar"):
        if ending not in found:
            raise DataError(f"the {ending[1:].upper()} file that belongs to it is missing", where=paths[0])
    return found[".sdat"], found[".spar"]


def check_pair(sdat: Path, spar: Path) -> None:
    """Make sure that the SPAR has what is needed, and that the SDAT is as long as it says.

    Raises
    ------
    DataError
        When it is not so.
    """
    entries = read_spar(spar)
    samples, rows = (_whole(entries, key, spar) for key in ("samples", "rows"))
    for key, example in _NEEDED.items():
        if not entries.get(key):
            raise DataError(
                f"the SPAR has no entry '{key}'",
                where=spar,
                hint=f"Export it again, or add the line '{key} : {example}'",
            )
    size = sdat.stat().st_size
    if size != 8 * samples * rows:
        raise DataError(
            "the sizes of SDAT and SPAR do not agree",
            where=sdat,
            got=f"{size} bytes",
            expected=f"{8 * samples * rows} bytes ({rows} rows of {samples} samples)",
        )


def read_spar(path: Path) -> dict[str, str]:
    """The entries of a SPAR as they stand there, without comments."""
    entries = {}
    for line in path.read_text("latin-1").splitlines():
        name, colon, value = line.partition(":")
        if colon and not line.startswith("!"):
            entries[name.strip()] = value.strip()
    return entries


def completed(spar: Path, folder: Path) -> Path:
    """A SPAR that spec2nii can read: the file itself, or a copy in `folder` with what older scanners leave out.

    What is added tells nothing of the spectra; without its geometry the voxel is one whose place is not known.
    """
    entries = read_spar(spar)
    added = {key: value for key, value in _NEUTRAL.items() if not entries.get(key)}
    if "scan_id" not in added and not _is_text(entries["scan_id"]):
        added["scan_id"] = f'"{entries["scan_id"]}"'
    if not _has_place(entries):
        added["volume_selection_enable"] = '"no"'
    lines = spar.read_text("latin-1").splitlines()
    kept = [line for line in lines if line == "" or line.startswith("!") or ":" in line]
    if not added and len(kept) == len(lines):
        return spar
    copy = folder / spar.name
    text = "\n".join([*kept, *(f"{key} : {value}" for key, value in added.items())]) + "\n"
    copy.write_bytes(text.encode("latin-1"))
    return copy


def _has_place(entries: Mapping[str, str]) -> bool:
    """Whether the SPAR says where its voxel is, or that there is none."""
    if entries.get("volume_selection_enable", "").strip('"') == "no":
        return True
    return "volume_selection_enable" in entries and all(entries.get(key) for key in _GEOMETRY)


def _is_text(value: str) -> bool:
    """Whether spec2nii, which reads values as Python would, takes it for text."""
    try:
        return isinstance(ast.literal_eval(value), str)
    except (ValueError, SyntaxError):
        return value != ""


def _whole(entries: Mapping[str, str], key: str, spar: Path) -> int:
    if not entries.get(key, "").isdigit():
        raise DataError(f"not a SPAR file (no number '{key}')", where=spar)
    return int(entries[key])
