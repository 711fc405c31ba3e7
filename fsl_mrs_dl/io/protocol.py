# SPDX-License-Identifier: Apache-2.0
"""The protocol of a data set, as far as its header or BIDS sidecar tells."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fsl_mrs_dl.core.errors import DataError
from fsl_mrs_dl.core.reading import read_json_object
from fsl_mrs_dl.io.edit_header import edit_pulses, unusable_pulses
from fsl_mrs_dl.io.localisation import is_semi_laser
from fsl_mrs_dl.io.nifti import read_acquisition

_VENDORS = {"siemens": "siemens", "philips": "philips", "gemedical": "ge", "gehealth": "ge", "generalelectric": "ge"}
"""How a Manufacturer begins, in small letters without blanks; GE alone is GE too."""


def protocol_like(path: Path) -> dict[str, Any]:
    """What a file tells of its protocol, as arguments of `fsl_mrs_dl.physics.sequences.mega_press`.

    Parameters
    ----------
    path : Path
        A NIfTI-MRS file, or a BIDS sidecar (``.json``).

    Returns
    -------
    fields : dict
        Of ``te_s, f0_mhz, vendor, voxel_mm, edit_on_ppm, edit_off_ppm, edit_duration_s, semi_laser``, those that the
        file has.

    Raises
    ------
    DataError
        When the file cannot be read, is of another nucleus, or tells neither echo time nor field.
    """
    header, fields = _of_sidecar(path) if path.suffix.lower() == ".json" else _of_nifti(path)
    notes = unusable_pulses(header)
    pulses = edit_pulses(header, notes)
    if notes:
        raise DataError(
            "what it says of its editing pulses cannot be used",
            where=path,
            got="; ".join(notes),
            hint="Correct it, or name the protocol by te_s=, edit_on_ppm= and the like",
        )
    vendor = vendor_of(header)
    if vendor is not None:
        fields["vendor"] = vendor
    fields |= _of_pulses(pulses)
    if is_semi_laser(header):
        fields["semi_laser"] = True
    if "te_s" not in fields and "f0_mhz" not in fields:
        raise DataError(
            "the file tells nothing of its protocol", where=path, expected="EchoTime, SpectrometerFrequency"
        )
    return fields


def vendor_of(header: Mapping[str, Any]) -> str | None:
    """The preset of `fsl_mrs_dl.physics.vendors.VENDORS` that a header's or sidecar's Manufacturer names."""
    maker = "".join(c for c in str(header.get("Manufacturer", "")).lower() if c.isalnum())
    return "ge" if maker == "ge" else next((v for begin, v in _VENDORS.items() if maker.startswith(begin)), None)


def _sidecar(path: Path) -> dict[str, Any]:
    header = read_json_object(path, "sidecar", expected='{"EchoTime": 0.068, ...}')
    nucleus = header.get("ResonantNucleus", "1H")
    if "1H" not in (nucleus if isinstance(nucleus, list) else [nucleus]):
        raise DataError("only protons are simulated", where=path, expected="ResonantNucleus 1H", got=nucleus)
    return header


def _of_sidecar(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """A sidecar, and what it tells of timing, field and voxel."""
    header = _sidecar(path)
    found = {
        "te_s": _number_of(header, "EchoTime", (1e-3, 1.0), "s", path),
        "f0_mhz": _number_of(header, "SpectrometerFrequency", (1.0, 1000.0), "MHz", path),
    }
    fields: dict[str, Any] = {name: value for name, value in found.items() if value is not None}
    size = header.get("AcquisitionVoxelSize")
    if isinstance(size, list) and len(size) == 3 and all(_is_number(side) and side > 0 for side in size):
        fields["voxel_mm"] = tuple(float(side) for side in size)
    return header, fields


def _number_of(header: Mapping[str, Any], key: str, limits: tuple[float, float], unit: str, path: Path) -> float | None:
    """A number of a sidecar, alone or as a list of one; None where it is missing."""
    value = header.get(key)
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if value is None:
        return None
    low, high = limits
    if not _is_number(value) or not low <= value <= high:
        raise DataError(f"{key} is out of range", where=path, expected=f"{low:g} to {high:g} {unit}", got=value)
    return float(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _of_nifti(path: Path) -> tuple[Mapping[str, Any], dict[str, Any]]:
    """The header of a NIfTI-MRS file, and what the file tells of timing, field and voxel."""
    acquisition = read_acquisition(path)
    fields: dict[str, Any] = {"f0_mhz": acquisition.f0_mhz}
    if acquisition.te_s is not None:
        fields["te_s"] = acquisition.te_s
    if acquisition.affine is not None:
        sides = np.linalg.norm(acquisition.affine[:3, :3], axis=0)
        # converters without geometry write 10 m or 1 mm
        if np.all((sides > 2) & (sides < 200)):
            fields["voxel_mm"] = tuple(round(float(side), 3) for side in sides)
    return acquisition.header, fields


def _of_pulses(pulses: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Where the editing pulses stand, and the duration of the first that has one."""
    fields = {f"edit_{name.lower()}_ppm": pulse["shift_ppm"] for name, pulse in pulses.items() if "shift_ppm" in pulse}
    durations_s = [pulse["duration_s"] for pulse in pulses.values() if "duration_s" in pulse]
    return {**fields, "edit_duration_s": durations_s[0]} if durations_s else fields
