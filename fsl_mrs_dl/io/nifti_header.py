# SPDX-License-Identifier: Apache-2.0
"""Entries of a NIfTI-MRS file that every reader needs, each checked until its fault is one clear line."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.core.constants import F0_RANGE_MHZ, RECEIVER_PPM
from fsl_mrs_dl.core.errors import DataError
from fsl_mrs_dl.io.sources import MRS_EXTENSION

MIN_POINTS = 256
DWELL_RANGE_S = (5e-6, 5e-3)
SHOWN_PPM = (0.2, 4.2)
"""What the spectral width must hold, ppm."""

FARTHEST_CENTRE_PPM = 20.0
"""Largest distance of the receiver's centre from water that is believed, ppm: farther off it was given in Hz."""

LATEST_START_S = 0.02
"""Largest distance of the first point from the echo that is believed, s."""


def header_extension(image: Any, path: Path) -> dict[str, Any]:
    """The header extension of an image; a DataError where there is none."""
    hint = "Convert the scanner's data: fsl_mrs_dl convert"
    codes = list(image.header.extensions.get_codes())
    if not image.header.get_intent()[2].startswith("mrs_v"):
        raise DataError("a NIfTI image without spectroscopy (no NIfTI-MRS intent name)", where=path, hint=hint)
    if MRS_EXTENSION not in codes:
        raise DataError("the NIfTI-MRS header extension is missing", where=path, hint=hint)
    try:
        header = json.loads(image.header.extensions[codes.index(MRS_EXTENSION)].text)
    except ValueError as exc:  # JSON and UTF-8 errors both are
        raise DataError("the NIfTI-MRS header extension is broken (not JSON)", where=path, hint=hint) from exc
    if not isinstance(header, dict):
        raise DataError("the NIfTI-MRS header extension is broken", where=path, expected="a JSON object")
    return header


_TYPE_FAULT = re.compile(r"(\w+) must be a (?P<wanted>.*)\. \1 is a <class '(?P<kind>\w+)'>, with value (?P<value>.*)")
"""How `nifti_mrs` says that an entry is of a wrong type: in names of Python's."""

_TYPES = {
    "float": "a number",
    "int": "a number",
    "str": "text",
    "bool": "true or false",
    "list": "a list",
    "dict": "an object",
}


def invalid_header(exc: Exception, path: Path) -> DataError:
    """The error of a header that `nifti_mrs` does not take, in words of JSON."""
    reason = str(exc).strip().rstrip(".") or type(exc).__name__
    fault = _TYPE_FAULT.fullmatch(reason)
    if fault is None:
        return DataError(f"the NIfTI-MRS header is not valid: {reason}", where=path)
    wanted = [_TYPES.get(name, name) for name in re.findall(r"<class '(\w+)'>", fault["wanted"])]
    value = {"str": f"'{fault['value']}'", "NoneType": "null"}.get(fault["kind"], fault["value"])
    expected = " or ".join(dict.fromkeys(wanted))
    return DataError(f"the NIfTI-MRS header is not valid: {fault[1]}", where=path, expected=expected, got=value)


def check_header(header: Mapping[str, Any], path: Path) -> None:
    """Raise a DataError for a nucleus other than 1H."""
    nucleus = header.get("ResonantNucleus")
    nucleus = nucleus[0] if isinstance(nucleus, list) and nucleus else nucleus
    if nucleus is None:
        raise DataError("the header has no ResonantNucleus", where=path)
    if nucleus != "1H":
        raise DataError("wrong nucleus", where=path, expected="1H", got=nucleus)


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def frequency_mhz(header: Mapping[str, Any], path: Path) -> float:
    """Spectrometer frequency, MHz; a DataError where it is missing or not that of 3 T."""
    value = header.get("SpectrometerFrequency")
    f0_mhz = _number(value[0] if isinstance(value, list) and value else value)
    low, high = F0_RANGE_MHZ
    if f0_mhz is None and value in (None, []):
        raise DataError("the header has no SpectrometerFrequency", where=path)
    if f0_mhz is None:
        raise DataError(
            "SpectrometerFrequency is not a number", where=path, expected="MHz: [127.7]", got=json.dumps(value)
        )
    if not low <= f0_mhz <= high:
        raise DataError(
            "wrong field strength", where=path, expected=f"3 T ({low:g}-{high:g} MHz)", got=f"{f0_mhz:g} MHz"
        )
    return f0_mhz


def centre_ppm(header: Mapping[str, Any]) -> float:
    """Chemical shift at 0 Hz, ppm."""
    centre, offset = (_number(header.get(key)) for key in ("SpecFreqChemShift", "RxOffset"))
    return (RECEIVER_PPM if centre is None else centre) + (offset or 0.0)


def dwell_s(image: Any, path: Path) -> float:
    """Sampling interval, s; a DataError where the image is no FID of one voxel."""
    if len(image.shape) < 4:
        raise DataError("there is no time axis", where=path, expected="4 to 7 dimensions", got=f"shape {image.shape}")
    if image.get_data_dtype().kind != "c":
        raise DataError(
            "the data are not complex",
            where=path,
            got=f"{image.get_data_dtype()}",
            hint="Both the real and the imaginary part of the FID are needed",
        )
    if any(length != 1 for length in image.shape[:3]):
        voxels = " x ".join(str(length) for length in image.shape[:3])
        raise DataError(
            "more than one voxel (MRSI)",
            where=path,
            expected="a single voxel",
            got=voxels,
            hint="Use fsl_mrsi for MRSI",
        )
    if image.shape[3] < MIN_POINTS:
        raise DataError(
            "the FID is too short", where=path, expected=f"at least {MIN_POINTS} points", got=image.shape[3]
        )
    unit = {"msec": 1e-3, "usec": 1e-6}.get(image.header.get_xyzt_units()[1], 1.0)
    interval_s = float(image.header["pixdim"][4]) * unit
    low, high = DWELL_RANGE_S
    if not low <= interval_s <= high:
        raise DataError(
            "impossible dwell time (pixdim[4])", where=path, expected=f"{low:g}-{high:g} s", got=f"{interval_s:g} s"
        )
    return interval_s


def check_width(interval_s: float, f0_mhz: float, centre: float, path: Path) -> None:
    """Raise a DataError where the metabolites do not lie inside the spectral width."""
    if not abs(centre - RECEIVER_PPM) < FARTHEST_CENTRE_PPM:
        raise DataError(
            "SpecFreqChemShift and RxOffset of the header are impossible",
            where=path,
            expected=f"a centre within {FARTHEST_CENTRE_PPM:g} ppm of water (both are in ppm, not Hz)",
            got=f"{centre:g} ppm",
        )
    half_ppm = 0.5 / interval_s / f0_mhz
    low, high = centre - half_ppm, centre + half_ppm
    if low > SHOWN_PPM[0] or high < SHOWN_PPM[1]:
        raise DataError(
            "the spectral width is too narrow",
            where=path,
            expected=f"{SHOWN_PPM[0]:g} to {SHOWN_PPM[1]:g} ppm inside",
            got=f"{1 / interval_s:.0f} Hz ({low:.2f} to {high:.2f} ppm)",
        )


def seconds(header: Mapping[str, Any], key: str, highest: float, notes: list[str]) -> float | None:
    """A time in s, or None; `notes` gets a sentence where it is impossible."""
    value = _number(header.get(key))
    if value is None:
        return None
    if not 0 < value <= highest:
        perhaps = " (perhaps given in ms)" if value > highest else ""
        notes.append(f"{key} {value:g} s is impossible{perhaps}; it was not used")
        return None
    return value


def start_s(header: Mapping[str, Any], notes: list[str]) -> float:
    """Time from the echo to the first point (AcquisitionStartTime; negative: before the echo), s; 0 where not told."""
    value = _number(header.get("AcquisitionStartTime")) or 0.0
    if abs(value) > LATEST_START_S:
        notes.append(f"AcquisitionStartTime {value:g} s is impossible (perhaps given in ms); it was not used")
        return 0.0
    return value


def affine(image: Any, notes: list[str]) -> NDArray:
    """Voxel to world in mm; `notes` gets a sentence where the one of the image is not usable."""
    found = np.asarray(image.affine, dtype=float)
    if np.all(np.isfinite(found)) and abs(np.linalg.det(found)) > 0:
        return found
    notes.append("the voxel's position in the header is not usable; a default was taken")
    return np.diag([1e4, 1e4, 1e4, 1.0])
