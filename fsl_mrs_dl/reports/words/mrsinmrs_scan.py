# SPDX-License-Identifier: Apache-2.0
"""Sections 1 and 2 of MRSinMRS: what the scanner was and what it measured, as far as header and data tell."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from fsl_mrs_dl.core.constants import GAMMA_H_MHZ_PER_T
from fsl_mrs_dl.core.data import EditedSpectra
from fsl_mrs_dl.reports.words.checklist import NOT_IN_HEADER, Item, Row

NO_HEADER = "not known: no header came with the data"
NOT_USABLE = "in the header, but not usable"

MAX_VOXEL_MM = 1000.0
"""Edge from which on a voxel's size is a writer's default (NIfTI-MRS: 10 m) and no size."""


class Header:
    """Look-up in a header extension or sidecar; user-defined keys are ``{"Value": .., "Description": ..}``."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        self._content = content
        self.silent = NOT_IN_HEADER if content else NO_HEADER

    def entry(self, *keys: str) -> tuple[Any, str]:
        """Value and key of the first key that holds something."""
        for key in keys:
            value = self._content.get(key)
            if isinstance(value, Mapping) and "Value" in value:
                value = value["Value"]
            if isinstance(value, list) and len(value) == 1:
                value = value[0]
            if value is not None and value != [] and str(value).strip().lower() not in ("", "n/a"):
                return value, key
        return None, ""

    def without(self, *keys: str) -> str:
        """What to say where a value is missing although a key may be there."""
        return NOT_USABLE if self.entry(*keys)[1] else self.silent

    def text(self, label: str, *keys: str) -> Item:
        """Words, also several."""
        value, key = self.entry(*keys)
        if isinstance(value, list):
            value = ", ".join(map(str, value))
        shown = None if isinstance(value, Mapping) or value is None else str(value)
        return Item(label, shown, source=key, missing=self.without(*keys))

    def number(self, label: str, *keys: str, unit: str = "", factor: float = 1.0) -> Item:
        """A number, times `factor`."""
        value, key = self.entry(*keys)
        usable = isinstance(value, int | float) and not isinstance(value, bool)
        if not usable:
            return Item(label, None, unit, key, self.without(*keys))
        whole = factor == 1.0 and isinstance(value, int)
        return Item(label, value if whole else factor * float(value), unit, key, self.without(*keys))

    def yes_no(self, label: str, *keys: str) -> Item:
        """A Boolean."""
        value, key = self.entry(*keys)
        return Item(label, value if isinstance(value, bool) else None, source=key, missing=self.without(*keys))


def known(*items: Item) -> list[Item]:
    """Items that are shown only where they are known."""
    return [item for item in items if item.known]


def hardware(header: Header, spectra: EditedSpectra) -> tuple[Row, ...]:
    """Rows 1a to 1e."""
    field_t = round(spectra.f0_mhz / GAMMA_H_MHZ_PER_T, 2)
    n_coils = spectra.history.n_coils
    # one channel in the file may be many that were combined before
    channels = (
        Item("receive channels", int(n_coils), source="data")
        if n_coils > 1
        else header.number("receive channels", "NumberReceiveCoilActiveElements")
    )
    return (
        Row(
            "1a",
            "Field strength",
            (
                *known(header.number("nominal", "MagneticFieldStrength", unit="T")),
                Item("from the proton frequency", field_t, "T", "SpectrometerFrequency"),
                Item("proton frequency", float(spectra.f0_mhz), "MHz", "SpectrometerFrequency"),
            ),
        ),
        Row("1b", "Manufacturer", (header.text("", "Manufacturer"),)),
        Row(
            "1c",
            "Model (software version)",
            (header.text("model", "ManufacturersModelName"), header.text("software", "SoftwareVersions")),
        ),
        Row(
            "1d",
            "RF coils",
            (
                header.text("nucleus", "ResonantNucleus"),
                header.text("receive", "ReceiveCoilName", "RxCoil"),
                header.text("transmit", "TransmitCoilName", "TxCoil"),
                channels,
            ),
        ),
        Row("1e", "Additional hardware", (Item("", None, missing=header.silent),)),
    )


def acquisition(header: Header, spectra: EditedSpectra) -> tuple[Row, ...]:
    """Rows 2a to 2i."""
    return (
        Row(
            "2a",
            "Pulse sequence",
            (
                header.text("", "PulseSequenceType", "SequenceName", "PulseSequenceDetails"),
                *known(header.text("protocol", "ProtocolName"), header.text("editing for", "EditTarget")),
            ),
        ),
        Row(
            "2b",
            "Volume of interest (VOI) location",
            (header.text("", "BodyPartDetails", "BodyPart"), *_centre(spectra)),
        ),
        Row("2c", "Nominal VOI size", _voxel(header, spectra)),
        Row(
            "2d",
            "Repetition time (TR), echo time (TE)",
            (
                _ms("TR", spectra.tr_s, "RepetitionTime", header),
                _ms("TE", spectra.te_s, "EchoTime", header),
                *known(
                    header.number("TM", "MixingTime", unit="ms", factor=1e3),
                    header.number("TI", "InversionTime", unit="ms", factor=1e3),
                ),
            ),
        ),
        Row("2e", "Number of excitations or acquisitions per spectrum", _excitations(header, spectra)),
        Row("2f", "Additional sequence parameters", _parameters(header, spectra)),
        Row(
            "2g",
            "Water suppression",
            (
                header.yes_no("used", "WaterSuppressed", "WaterSuppression"),
                header.text("method", "WaterSuppressionType", "WaterSuppressionTechnique"),
                *known(header.yes_no("outer-volume suppression", "OuterVolumeSuppression")),
            ),
        ),
        Row(
            "2h",
            "Shimming method, reference peak, threshold of acceptance",
            (
                header.text("method", "B0ShimmingTechnique"),
                Item("reference peak", None, missing=header.silent),
                Item("threshold", None, missing=header.silent),
            ),
        ),
        Row(
            "2i",
            "Triggering or motion correction",
            (
                header.yes_no("triggered", "SequenceTriggered"),
                Item("motion correction during the scan", None, missing=header.silent),
            ),
        ),
    )


def _ms(label: str, value_s: float | None, key: str, header: Header) -> Item:
    return Item(label, None if value_s is None else 1e3 * value_s, "ms", key, header.without(key))


def _edges_mm(spectra: EditedSpectra) -> list[float] | None:
    """Edges of the voxel by the affine; None where it holds a default."""
    edges = np.linalg.norm(np.asarray(spectra.affine, float)[:3, :3], axis=0)
    if not np.all(np.isfinite(edges)) or edges.min() <= 0 or edges.max() >= MAX_VOXEL_MM or np.allclose(edges, 1.0):
        return None
    return [float(edge) for edge in edges]


def _centre(spectra: EditedSpectra) -> list[Item]:
    """Centre of the voxel, where the affine has a size and a position."""
    place = np.asarray(spectra.affine, float)[:3, 3]
    if _edges_mm(spectra) is None or not np.all(np.isfinite(place)) or not np.any(place):
        return []
    shown = ", ".join(f"{value:.1f}" for value in place)
    return [Item("centre, NIfTI x, y, z", shown, "mm", "affine")]


def _voxel(header: Header, spectra: EditedSpectra) -> tuple[Item, ...]:
    edges, source = _edges_mm(spectra), "affine"
    given, key = header.entry("AcquisitionVoxelSize")
    if edges is None and isinstance(given, list) and len(given) == 3:
        usable = all(isinstance(edge, int | float) and 0 < edge < MAX_VOXEL_MM for edge in given)
        edges, source = ([float(edge) for edge in given], key) if usable else (None, key)
    if edges is None:
        return (Item("", None, "mm", source, header.without("AcquisitionVoxelSize")),)
    shown = " × ".join(f"{edge:.4g}" for edge in edges)
    return (Item("", shown, "mm", source), Item("volume", round(math.prod(edges) / 1e3, 3), "cm³", source))


def transients(spectra: EditedSpectra) -> dict[str, tuple[int, list[int]]]:
    """FIDs per condition that were averaged here, and the indices left out."""
    return {name: (found.n, list(found.rejected)) for name, found in spectra.history.averaged.items()}


def by_fsl(spectra: EditedSpectra) -> bool:
    """Whether FSL-MRS averaged: then the FIDs that were read are its averages."""
    return any(flag.code == "preprocessed_by_fsl" for flag in spectra.flags)


def _excitations(header: Header, spectra: EditedSpectra) -> tuple[Item, ...]:
    # a FID of the file may be the average of several excitations: only the header can tell
    items = [header.number("excitations in all", "NumberOfTransients")]
    if by_fsl(spectra):
        items.append(Item("FIDs in the data", None, missing="not recorded: fsl_mrs_preproc_edit averaged them"))
        return tuple(items)
    found = transients(spectra)
    if not found:
        items.append(Item("FIDs in the data", None, missing="not recorded"))
    for name, (n, rejected) in found.items():
        items.append(Item(f"FIDs in the data, {name}", n, source="data"))
        if n > 1:
            items.append(Item(f"averaged, {name}", n - len(rejected), source="this run"))
    return tuple(items)


def _parameters(header: Header, spectra: EditedSpectra) -> tuple[Item, ...]:
    items = [
        Item("spectral width", round(1 / spectra.dwell_s, 2), "Hz", "data"),
        Item("points", spectra.n_points, source="data"),
        header.number("transmit frequency offset", "TxOffset", unit="ppm"),
        *known(
            header.number("chemical shift at the transmitter", "ChemicalShiftReference", unit="ppm"),
            header.number("chemical shift at 0 Hz", "SpecFreqChemShift", "ChemicalShiftOffset", unit="ppm"),
            header.number("excitation flip angle", "ExcitationFlipAngle", "FlipAngle", unit="degrees"),
        ),
        Item("spectra", ", ".join(spectra.present), source="data"),
    ]
    for name in ("ON", "OFF"):
        pulse = spectra.edit_pulse.get(name, {})
        duration_s = pulse.get("duration_s")
        items += [
            Item(
                f"editing pulse {name}, centre",
                pulse.get("shift_ppm"),
                "ppm",
                "EditPulse",
                _without_pulse(header, name, "PulseOffset", "FrequencyOffset"),
            ),
            Item(
                f"editing pulse {name}, duration",
                None if duration_s is None else 1e3 * duration_s,
                "ms",
                "EditPulse",
                _without_pulse(header, name, "PulseDuration"),
            ),
        ]
    return tuple(items)


def _without_pulse(header: Header, name: str, *keys: str) -> str:
    """What to say where an entry of an editing pulse is missing; pulses of other names (A, B) may be either."""
    content, _ = header.entry("EditPulse")
    if not isinstance(content, Mapping):
        return header.without("EditPulse")
    named = {str(label).upper(): pulse for label, pulse in content.items() if isinstance(pulse, Mapping)}
    found = [named[name]] if name in named else list(named.values())
    return NOT_USABLE if any(key in pulse for pulse in found for key in keys) else header.silent
