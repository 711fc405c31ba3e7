# SPDX-License-Identifier: Apache-2.0
"""Editing information in a NIfTI-MRS header: which condition is which, and the editing pulses.

EditCondition (usually in a ``dim_N_header``) gives each condition a name, EditPulse gives the pulse of each name:
NIfTI-MRS standard, https://github.com/wtclarke/mrs_nifti_standard.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.core.constants import EDIT_ON_GABA_PPM
from fsl_mrs_dl.core.errors import DataError

ON_HALF_WIDTH_PPM = 0.395
"""A pulse nearer than this to 1.9 ppm edits GABA; 1.5 ppm, the OFF pulse of symmetric (macromolecule-suppressed)
editing, does not count as ON (Henry et al. 2001, Magn Reson Med 45:517)."""

_WORDS = {
    "ON": "edit_on",
    "EDITON": "edit_on",
    "OFF": "edit_off",
    "EDITOFF": "edit_off",
    "DIFF": "diff",
    "DIFFERENCE": "diff",
    "EDITDIFF": "diff",
    "SUM": "sum",
    "EDITSUM": "sum",
}


def dim_values(entry: Any, length: int) -> list[Any] | None:
    """The values of one entry of a ``dim_N_header``, one per element; None where it has none of that length.

    Understands a list, ``{"Value": list, "Description": ..}`` and ``{"start", "increment"}``.
    """
    if isinstance(entry, Mapping) and "Value" in entry:
        entry = entry["Value"]
    if isinstance(entry, Mapping):
        if isinstance(entry.get("start"), int | float) and isinstance(entry.get("increment"), int | float):
            return [entry["start"] + k * entry["increment"] for k in range(length)]
        return None
    return list(entry) if isinstance(entry, list) and len(entry) == length else None


def labels_for(header: Mapping[str, Any], dim_number: int | None, length: int) -> list[str] | None:
    """The EditCondition names of the conditions, from the header of dimension `dim_number` or of the file."""
    entries = header.get(f"dim_{dim_number}_header") if dim_number is not None else None
    for source in (entries, header):
        if isinstance(source, Mapping) and "EditCondition" in source:
            entry = source["EditCondition"]
            values = dim_values([entry] if isinstance(entry, str) else entry, length)
            if values is not None and all(isinstance(value, str) for value in values):
                return values
    return None


def check_conditions(labels: Sequence[str], path: Path) -> None:
    """Raise a DataError for sums, and for a difference beside other conditions, as exports of averages have them."""
    words = [_word(label) for label in labels]
    if "sum" in words or (len(words) > 1 and "diff" in words):
        raise DataError(
            "a sum or a difference stands among the editing conditions",
            where=path,
            expected="OFF and ON",
            got=", ".join(labels),
            hint="Give OFF and ON alone, or DIFF alone",
        )


def split_dynamics(
    fids: NDArray, header: Mapping[str, Any], dim_number: int, path: Path
) -> tuple[NDArray, list[str] | None, tuple[int, ...] | None]:
    """Sort dynamics whose header names an EditCondition for each (ON, OFF, ON, OFF ...) into two conditions.

    Parameters
    ----------
    fids : complex array, shape ``(1, n_coils, n_dynamics, n_points)``

    Returns
    -------
    tuple
        FIDs of shape ``(2, n_coils, n_of_the_larger, n_points)`` with their labels, or `fids` with its one label or
        None; the smaller condition is filled up with zeros. Then the number of each, or None where it is the same.

    Raises
    ------
    DataError
        With more than two names.
    """
    labels = labels_for(header, dim_number, fids.shape[2])
    if labels is None:
        return fids, None, None
    names = list(dict.fromkeys(labels))
    check_conditions(names, path)
    members = [np.flatnonzero([label == name for label in labels]) for name in names]
    if len(names) > 2:
        raise DataError(
            "more than two editing conditions (HERMES or HERCULES?)",
            where=path,
            expected="2 (MEGA-PRESS)",
            got=", ".join(names),
        )
    counts = tuple(len(member) for member in members)
    longest = max(counts)
    sorted_fids = [
        np.pad(fids[:, :, member], ((0, 0), (0, 0), (0, longest - len(member)), (0, 0))) for member in members
    ]
    return np.concatenate(sorted_fids), names, counts if len(set(counts)) > 1 else None


def _word(label: str) -> str | None:
    return _WORDS.get("".join(c for c in label.upper() if c.isalnum()))


def _pulse_of(label: str, header: Mapping[str, Any]) -> Mapping[str, Any]:
    pulses = header.get("EditPulse")
    if not isinstance(pulses, Mapping):
        return {}
    by_name = {str(key).upper(): pulse for key, pulse in pulses.items() if isinstance(pulse, Mapping)}
    return by_name.get(label.upper(), {})


def _offset_and_duration(pulse: Mapping[str, Any]) -> tuple[Any, Any]:
    """Centre in ppm and duration in s, as the header has them.

    NIfTI-MRS writes PulseOffset and seconds, BIDS writes FrequencyOffset and milliseconds.
    """
    offset, duration = _alone(pulse.get("PulseOffset")), _alone(pulse.get("PulseDuration"))
    if offset is None and "FrequencyOffset" in pulse:
        offset = _alone(pulse["FrequencyOffset"])
        if isinstance(duration, int | float) and not isinstance(duration, bool):
            duration = 1e-3 * duration
    return offset, duration


def _alone(value: Any) -> Any:
    """The one value of a list of one, as some programs write every number; else the value itself."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _by_pulse(pulse: Mapping[str, Any]) -> str | None:
    offset, _ = _offset_and_duration(pulse)
    if not isinstance(offset, int | float):
        return None  # absent, or several bands: not MEGA-PRESS
    return "edit_on" if abs(offset - EDIT_ON_GABA_PPM) < ON_HALF_WIDTH_PPM else "edit_off"


def conditions_of(labels: Sequence[str] | None, header: Mapping[str, Any], notes: list[str]) -> tuple[str, ...] | None:
    """Names of the conditions as members of `CONDITIONS`, from their words and their pulses.

    Parameters
    ----------
    labels : sequence of str or None
        EditCondition of each condition.
    header : mapping
        Header extension.
    notes : list of str
        Gets a sentence where word and pulse contradict each other.

    Returns
    -------
    tuple of str, or None where the header is silent or contradicts itself.
    """
    if labels is None:
        return None
    pulses = [_pulse_of(label, header) for label in labels]
    for label, pulse in zip(labels, pulses, strict=True):
        if _contradicts(label, pulse):
            offset_ppm, _ = _offset_and_duration(pulse)
            notes.append(f"EditCondition {label} contradicts its pulse at {offset_ppm:g} ppm (EditPulse)")
            return None
    found = [_word(label) or _by_pulse(pulse) for label, pulse in zip(labels, pulses, strict=True)]
    names = tuple(name for name in _with_the_other(found) if name is not None)
    told_apart = len(names) == len(labels) == len(set(names))
    return names if told_apart and not (len(names) == 2 and "diff" in names) else None


def _contradicts(label: str, pulse: Mapping[str, Any]) -> bool:
    """Whether a condition's word says ON or OFF and the place of its pulse says the other."""
    word, place = _word(label), _by_pulse(pulse)
    return word in ("edit_on", "edit_off") and place is not None and place != word


def _with_the_other(found: list[str | None]) -> list[str | None]:
    """Of a pair of which one is known, the other too."""
    if len(found) != 2 or found.count(None) != 1:
        return found
    known = next(name for name in found if name is not None)
    other = {"edit_on": "edit_off", "edit_off": "edit_on"}.get(known)
    return [name or other for name in found]


def edit_pulses(header: Mapping[str, Any], notes: list[str]) -> dict[str, dict[str, float]]:
    """Editing pulses as ``{"ON": {"shift_ppm", "duration_s"}, "OFF": {...}}``, as far as the header has them.

    Names other than ON and OFF ("A", "B") are told apart by their offset. `notes` gets a sentence where a duration
    is impossible.
    """
    pulses = header.get("EditPulse")
    result: dict[str, dict[str, float]] = {}
    for label, pulse in pulses.items() if isinstance(pulses, Mapping) else ():
        if not isinstance(pulse, Mapping):
            continue
        name = {"edit_on": "ON", "edit_off": "OFF"}.get(_word(str(label)) or _by_pulse(pulse) or "")
        if name is None or name in result:
            continue
        entry = _edit_pulse(str(label), pulse, notes)
        if entry:
            result[name] = entry
    return result


def _edit_pulse(label: str, pulse: Mapping[str, Any], notes: list[str]) -> dict[str, float]:
    """Place and duration of a pulse, as far as they can be used."""
    offset, duration = _offset_and_duration(pulse)
    entry: dict[str, float] = {}
    if isinstance(offset, int | float):
        entry["shift_ppm"] = float(offset)
    elif isinstance(offset, str):
        notes.append(f"PulseOffset '{offset}' of {label} is text, not a number; it was not used")
    if isinstance(duration, int | float) and 1e-3 <= duration <= 0.05:
        entry["duration_s"] = float(duration)
    elif isinstance(duration, str):
        notes.append(f"PulseDuration '{duration}' of {label} is text, not a number; it was not used")
    elif duration is not None:
        notes.append(f"PulseDuration {duration} s of {label} is impossible (wrong unit?); it was not used")
    return entry


def unusable_pulses(header: Mapping[str, Any]) -> list[str]:
    """Sentences about editing pulses that MEGA-PRESS for GABA has no place for: several bands, or one role twice."""
    pulses = header.get("EditPulse")
    roles: dict[str, str] = {}
    found = []
    for label, pulse in pulses.items() if isinstance(pulses, Mapping) else ():
        if not isinstance(pulse, Mapping):
            continue
        if isinstance(_offset_and_duration(pulse)[0], list):
            found.append(f"the editing pulse {label} has several bands")
            continue
        role = _word(str(label)) or _by_pulse(pulse)
        if role is not None and role in roles:
            found.append(f"the editing pulses {roles[role]} and {label} have the same role, {role}")
        elif role is not None:
            roles[role] = str(label)
    return found
