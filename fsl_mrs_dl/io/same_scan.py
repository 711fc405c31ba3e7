# SPDX-License-Identifier: Apache-2.0
"""Whether two files are from the same voxel, person and magnet, as far as their headers say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SIDES_MM = (2.0, 200.0)
"""Sides that a voxel can have, mm; converters that know no geometry write 1 mm or 10 m."""

MAX_DISTANCE = 0.1
"""Centres further apart than this share of the shortest side are those of two voxels: a tenth of the tissue is then
another. Our convention."""

MAX_FORM = 0.15
"""Relative difference of two boxes from which on they are two: a side 7 % longer, or a turn by some 10 degrees."""

MAX_FREQUENCY_MHZ = 0.1
"""Difference of spectrometer frequencies that headers of one scanner show: rounding, and the magnet's drift."""

SAME_SESSION_MHZ = 0.001
"""The same within one session, beside rounding: a magnet drifts by less than 0.1 ppm an hour, and where the centre is
adjusted to water anew it moves by 1 ppm at most; this is 8 ppm. Our convention."""

_DIGITS = 6
"""Decimals of a frequency in MHz that are looked at: 1 Hz."""

PERSON = ("PatientID", "PatientName", "PatientDoB", "PatientSex")
"""Entries of NIfTI-MRS that tell one person from another."""

NOBODY = (
    "anon",
    "anonym",
    "anonymised",
    "anonymized",
    "anonymous",
    "deidentified",
    "na",
    "nan",
    "none",
    "null",
    "redacted",
    "removed",
    "unknown",
)
"""What stands in such entries where the person was taken out; rows of x or 0 too."""

_SUBJECT = re.compile(r"(?:^|_)sub-([^_.]+)")


def voxels_differ(one: NDArray, other: NDArray) -> str:
    """How the voxels of two affines ``(4, 4)`` differ, in words; empty where they are one, or one is not known.

    Order and sign of the axes do not matter.
    """
    affines = [np.asarray(a, dtype=float) for a in (one, other)]
    sides = [np.linalg.norm(a[:3, :3], axis=0) for a in affines]
    if not all(np.all((side > SIDES_MM[0]) & (side < SIDES_MM[1])) for side in sides):
        return ""
    distance_mm = float(np.linalg.norm(affines[0][:3, 3] - affines[1][:3, 3]))
    if distance_mm > MAX_DISTANCE * min(side.min() for side in sides):
        return f"its centre lies {distance_mm:.1f} mm away"
    form = [a[:3, :3] @ a[:3, :3].T for a in affines]
    if np.linalg.norm(form[0] - form[1]) > MAX_FORM * np.linalg.norm(form[0]):
        first, second = (" x ".join(f"{side:.0f}" for side in np.sort(s)) for s in sides)
        return f"{second} mm against {first} mm" if first != second else "it is turned against the other"
    return ""


def persons_differ(one: tuple[Mapping[str, Any], Path], other: tuple[Mapping[str, Any], Path]) -> str:
    """Which entry of two headers, or of two BIDS names, tells two persons apart; empty where none does.

    What the entries say is not repeated: it names people.
    """
    for key in PERSON:
        values = [_told(key, header.get(key)) for header, _ in (one, other)]
        if all(values) and values[0] != values[1]:
            return key
    labels = [_SUBJECT.search(path.name) for _, path in (one, other)]
    if labels[0] and labels[1] and labels[0].group(1) != labels[1].group(1):
        return "sub- in their names"
    return ""


def _told(key: str, value: Any) -> str:
    """What an entry tells of a person, the same however it is written; empty where it was taken out."""
    text = "" if value is None else str(value).strip().casefold()
    letters = "".join(c for c in text if c.isalnum())
    if letters in NOBODY or set(letters) <= {"x"} or set(letters) <= {"0"}:
        return ""
    if key == "PatientSex":
        return letters[0]
    return text if key == "PatientID" else letters


def magnets_differ(one_mhz: float, other_mhz: float) -> bool:
    """Whether two spectrometer frequencies are not those of one scanner."""
    return abs(one_mhz - other_mhz) > MAX_FREQUENCY_MHZ


def sessions_differ(one_mhz: float, other_mhz: float) -> bool:
    """Whether two spectrometer frequencies differ by more than their last digits and the drift within a session."""
    return abs(one_mhz - other_mhz) > SAME_SESSION_MHZ + _rounding_mhz(one_mhz) + _rounding_mhz(other_mhz)


def _rounding_mhz(f0_mhz: float) -> float:
    """Half a unit of the last decimal that is written of a frequency."""
    value = round(f0_mhz, _DIGITS)
    decimals = next((n for n in range(_DIGITS) if round(value, n) == value), _DIGITS)
    return float(0.5 * 10.0**-decimals)
