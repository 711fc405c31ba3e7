# SPDX-License-Identifier: Apache-2.0
"""The JSON that BIDS wants beside a NIfTI-MRS file, made from its header."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fsl_mrs_dl.io.edit_dimension import MrsFile

_SAME = (
    "EchoTime", "RepetitionTime", "MixingTime", "Manufacturer", "ManufacturersModelName", "SoftwareVersions",
    "WaterSuppression", "ResonantNucleus", "SpectrometerFrequency",
)  # fmt: skip
"""Keys that mean the same in both, in the same unit."""


def sidecar_of(file: MrsFile) -> dict[str, Any]:
    """BIDS's keys: FrequencyOffset for PulseOffset, and durations of editing pulses in ms (NIfTI-MRS has seconds).

    Nothing that names the patient is among them.
    """
    header = file.header
    found = {key: header[key] for key in _SAME if key in header}
    found["SpectralWidth"] = round(1.0 / float(file.image.header["pixdim"][4]), 3)
    found["NumberOfSpectralPoints"] = int(file.data.shape[3])
    if isinstance(header.get("WaterSuppressed"), bool):
        found["WaterSuppression"] = header["WaterSuppressed"]
    dynamics = [n for n, tag in zip(file.data.shape[4:], file.tags, strict=True) if tag in ("DIM_DYN", "DIM_EDIT")]
    if dynamics:
        found["NumberOfTransients"] = 1
        for length in dynamics:
            found["NumberOfTransients"] *= int(length)
    if file.labels is not None:
        found["EditCondition"] = file.labels
    pulses = header.get("EditPulse")
    if isinstance(pulses, Mapping):
        found["EditPulse"] = {name: _pulse(pulse) for name, pulse in pulses.items() if isinstance(pulse, Mapping)}
    return found


def _pulse(pulse: Mapping[str, Any]) -> dict[str, Any]:
    entry = {}
    if "PulseOffset" in pulse:
        entry["FrequencyOffset"] = pulse["PulseOffset"]
    if isinstance(pulse.get("PulseDuration"), int | float):
        entry["PulseDuration"] = round(1e3 * pulse["PulseDuration"], 6)
    return entry
