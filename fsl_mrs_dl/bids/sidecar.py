# SPDX-License-Identifier: Apache-2.0
"""The JSON beside a NIfTI-MRS file in BIDS: read against the header, or made from it.

BIDS has FrequencyOffset (ppm) and PulseDuration in ms where NIfTI-MRS has PulseOffset (ppm) and seconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from fsl_mrs_dl.core.data import Acquisition
from fsl_mrs_dl.core.errors import DataError
from fsl_mrs_dl.io.edit_dimension import MrsFile
from fsl_mrs_dl.io.edit_header import conditions_of, edit_pulses, split_dynamics

_SAME = (
    "EchoTime",
    "RepetitionTime",
    "MixingTime",
    "Manufacturer",
    "ManufacturersModelName",
    "SoftwareVersions",
    "WaterSuppression",
    "ResonantNucleus",
    "SpectrometerFrequency",
)
"""Keys that mean the same in both, in the same unit."""


_HIGHEST = {
    "EchoTime": (1.0, "s"),
    "RepetitionTime": (60.0, "s"),
    "SpectrometerFrequency": (2000.0, "MHz"),
    "SpectralWidth": (1e6, "Hz"),
}
"""Above these a value has another unit than BIDS's."""

_TOLERANCE = {"EchoTime": 5e-4, "RepetitionTime": 5e-3, "SpectrometerFrequency": 0.1}


def with_sidecar(acquisition: Acquisition, metadata: Mapping[str, Any]) -> Acquisition:
    """What the header does not tell, from the sidecar.

    Raises
    ------
    DataError
        When the sidecar has a value that cannot be, or the two contradict each other.
    """
    acquisition = _split(acquisition, metadata)
    where = acquisition.source
    told = {
        "EchoTime": acquisition.te_s,
        "RepetitionTime": acquisition.tr_s,
        "SpectrometerFrequency": acquisition.f0_mhz,
        "SpectralWidth": 1.0 / acquisition.dwell_s,
    }
    values = {key: _number(metadata.get(key), key, where) for key in told}
    for key, own in told.items():
        other = values[key]
        if own is not None and other is not None and abs(own - other) > _TOLERANCE.get(key, 0.005 * own):
            raise _contradiction(key, f"{own:g}", f"{other:g}", where)
    nucleus = metadata.get("ResonantNucleus")
    nucleus = nucleus[0] if isinstance(nucleus, list) and nucleus else nucleus
    if nucleus not in (None, "1H"):
        raise _contradiction("ResonantNucleus", "1H", nucleus, where)
    notes: list[str] = []
    pulses = edit_pulses(metadata, notes)
    if notes:
        raise DataError(
            "an editing pulse in the sidecar is impossible",
            where=where,
            got=notes[0],
            hint="BIDS has PulseDuration in ms",
        )
    _check_pulses(acquisition.edit_pulse, pulses, where)
    return replace(
        acquisition,
        te_s=told["EchoTime"] if told["EchoTime"] is not None else values["EchoTime"],
        tr_s=told["RepetitionTime"] if told["RepetitionTime"] is not None else values["RepetitionTime"],
        edit_pulse={
            name: {**pulses.get(name, {}), **acquisition.edit_pulse.get(name, {})}
            for name in {**pulses, **acquisition.edit_pulse}
        },
        conditions=_conditions(acquisition, metadata),
        header={**metadata, **acquisition.header},
    )


def _contradiction(what: str, header: object, sidecar: object, where: object) -> DataError:
    return DataError(
        f"header and sidecar contradict each other in {what}",
        where=where,
        expected=f"{header} (header)",
        got=f"{sidecar} (sidecar)",
        hint="Correct the one that is wrong",
    )


def _check_pulses(header: Mapping[str, Any], sidecar: Mapping[str, Any], where: object) -> None:
    for name, entry in sidecar.items():
        own = header.get(name, {})
        for key, tolerance, unit, factor in (("shift_ppm", 0.05, "ppm", 1), ("duration_s", 2e-4, "ms", 1e3)):
            if key in own and key in entry and abs(own[key] - entry[key]) > tolerance:
                first, second = (f"{factor * source[key]:g} {unit}" for source in (own, entry))
                raise _contradiction(f"the {name} pulse", first, second, where)


def _conditions(acquisition: Acquisition, metadata: Mapping[str, Any]) -> tuple[str, ...] | None:
    """ON and OFF as the header has them, else as EditCondition of the sidecar."""
    labels = metadata.get("EditCondition")
    if not isinstance(labels, list) or len(labels) != acquisition.n_conditions:
        return acquisition.conditions
    said = conditions_of([str(label) for label in labels], metadata, [])
    own = acquisition.conditions
    if own is not None and said is not None and own != said:
        raise _contradiction("EditCondition", ", ".join(own), ", ".join(said), acquisition.source)
    return own if own is not None else said


def _split(acquisition: Acquisition, metadata: Mapping[str, Any]) -> Acquisition:
    """Dynamics of one unlabelled condition as two, where EditCondition of the sidecar names each of them."""
    labels = metadata.get("EditCondition")
    n_dynamics = acquisition.fids.shape[2]
    if not isinstance(labels, list) or len(labels) != n_dynamics or len(set(map(str, labels))) < 2:
        return acquisition
    if acquisition.n_conditions > 1 or acquisition.conditions is not None:
        return acquisition
    words = {"EditCondition": [str(label) for label in labels]}
    fids, names, counts = split_dynamics(acquisition.fids, words, 5, acquisition.source)
    # which transients were cut off is told by their old places
    return replace(acquisition, fids=fids, conditions=conditions_of(names, metadata, []), counts=counts, clipped=None)


def _number(value: Any, key: str, where: object) -> float | None:
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if value is None or value == "n/a":
        return None
    highest, unit = _HIGHEST[key]
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value <= highest:
        raise DataError(
            f"{key} in the sidecar is impossible",
            where=where,
            expected=f"a number in {unit}, up to {highest:g}",
            got=repr(value),
        )
    return float(value)


def _transients(file: MrsFile, averages: Sequence[int]) -> int | None:
    """All applications of the sequence, those that the scanner averaged too; None where nobody tells."""
    lengths = dict(zip(file.tags, file.data.shape[4:], strict=True))
    dynamics, conditions = int(lengths.get("DIM_DYN", 1)), int(lengths.get("DIM_EDIT", 1))
    if averages:
        return dynamics * (sum(averages) if len(averages) == conditions else averages[0] * conditions)
    return dynamics * conditions if "DIM_DYN" in lengths else None


def sidecar_of(file: MrsFile, averages: Sequence[int | None] = ()) -> dict[str, Any]:
    """BIDS's keys: FrequencyOffset for PulseOffset, and durations of editing pulses in ms (NIfTI-MRS has seconds).

    Nothing that names the patient is among them. `averages`: transients that each source file had averaged.
    """
    header = file.header
    found = {key: header[key] for key in _SAME if key in header}
    found["SpectralWidth"] = round(1.0 / float(file.image.header["pixdim"][4]), 3)
    found["NumberOfSpectralPoints"] = int(file.data.shape[3])
    if isinstance(header.get("WaterSuppressed"), bool):
        found["WaterSuppression"] = header["WaterSuppressed"]
    transients = _transients(file, [n for n in averages if n is not None])
    if transients is not None:
        found["NumberOfTransients"] = transients
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
