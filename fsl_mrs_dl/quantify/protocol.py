# SPDX-License-Identifier: Apache-2.0
"""Comparison of a data set's protocol with the training of its model; refusal if they differ.

The echo time and the editing decide how coupled metabolites look. A network that never saw them answers all the same,
with the numbers of another experiment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from fsl_mrs_dl.core.data import EditedSpectra
from fsl_mrs_dl.core.flags import Flag
from fsl_mrs_dl.io.edit_header import unusable_pulses
from fsl_mrs_dl.io.localisation import REFOCUSING_PULSES, told_localisation
from fsl_mrs_dl.quantify.result import Quantification

METABOLITES_PPM = (0.5, 4.4)
"""Where an OFF pulse acts on what is measured; elsewhere it does nothing, wherever it stands."""

FAR_DURATION = 1.5
"""An editing pulse so many times as long (or short) as any that was trained on selects other lines. Our convention;
nearer ones are a caution, as their shape matters as much as their length."""


REASONS: Mapping[str, str] = {
    "echo_time": "the echo time is {te_ms:.4g} ms{alone}; the model was trained on {low:.4g} to {high:.4g} ms",
    "localisation": "the voxel was localised by {found} ({entry} of the header); the model was trained on {trained}",
    "target": "{names} was edited",
    "bands": "the editing pulse {label} has several bands",
    "pulse_place": "the {name} pulse stood at {shift_ppm:g} ppm; the model was trained on {trained}",
    "pulse_length": "the {name} pulse lasted {duration_ms:.3g} ms; the model was trained on {low:g} to {high:g} ms",
    "clipped": "the receiver was clipped in {detail}",
}
"""Every reason of this module; ``bands`` is worded by `fsl_mrs_dl.io.edit_header.unusable_pulses`."""


def with_protocol(result: Quantification, spectra: EditedSpectra, *, any_protocol: bool = False) -> Quantification:
    """The result, or its refusal where the data were not measured as those were that the model was trained on.

    Parameters
    ----------
    result : Quantification
    spectra : EditedSpectra
        What was quantified, with what its header tells.
    any_protocol : bool
        The user insists: another protocol is a caution in place of a refusal.

    Returns
    -------
    Quantification
        With ``protocol_unknown`` where the header is silent; refused, or with ``other_protocol``, where it tells of
        another protocol; refused where the receiver was clipped.
    """
    reasons = differences(spectra, result.model.get("ranges", {}))
    flags = list(result.flags)
    unknown = unknowns(spectra)
    if unknown:
        flags.append(Flag("protocol_unknown", " and ".join(unknown)))
    if reasons and any_protocol:
        flags.append(Flag("other_protocol", "; ".join(reasons)))
        reasons = []
    elif reasons:
        reasons[-1] += " (--any-protocol quantifies it all the same)"
    reasons += [REASONS["clipped"].format(detail=f.detail) for f in flags if f.code == "receiver_clipped"]
    if not reasons:
        return replace(result, flags=tuple(flags))
    earlier = [flag.detail for flag in flags if flag.severity == "refused"]
    kept = [flag for flag in flags if flag.severity != "refused"]
    return replace(
        result,
        estimates=(),
        combinations=(),
        calibrated_ratios=(),
        calibrated_second_ratios=(),
        fitted_fid=None,
        classical={},
        flags=(Flag("refused", "; ".join([*reasons, *earlier])), *kept),
    )


def completed(spectra: EditedSpectra, protocol: Mapping[str, Any] | None) -> EditedSpectra:
    """The spectra with what the user says of the protocol where the header is silent (`fsl_mrs_dl.quantify.told`)."""
    said = {key: value for key, value in (protocol or {}).items() if value is not None}
    pulses = {name: dict(pulse) for name, pulse in spectra.edit_pulse.items()}
    for name, key in (("ON", "edit_on_ppm"), ("OFF", "edit_off_ppm")):
        if key in said:
            pulses.setdefault(name, {}).setdefault("shift_ppm", float(said[key]))
    te_s = spectra.te_s if spectra.te_s is not None else said.get("te_s")
    return replace(spectra, te_s=te_s, edit_pulse=pulses)


def differences(spectra: EditedSpectra, ranges: Mapping[str, Sequence[float]]) -> list[str]:
    """How the protocol differs from what a model was trained on (`ranges` of its card), in words."""
    reasons = [*_echo_time(spectra, ranges), *_localisation(spectra.header, ranges), *_target(spectra.header)]
    bands = [note for note in unusable_pulses(spectra.header) if "bands" in note]
    if bands:
        return [*reasons, *bands]
    pulses = _in_their_roles(spectra.edit_pulse)
    for name, where in (("ON", "edit_on_ppm"), ("OFF", "edit_off_ppm")):
        reasons += _pulse(name, pulses.get(name, {}), ranges, where)
    return reasons


def _in_their_roles(pulses: Mapping[str, Mapping[str, float]]) -> Mapping[str, Mapping[str, float]]:
    """ON and OFF exchanged where the header names them the wrong way round; NAA tells which condition is which."""
    on, off = (pulses.get(name, {}).get("shift_ppm") for name in ("ON", "OFF"))
    if on is None or off is None or acts_on_metabolites(on) or not acts_on_metabolites(off):
        return pulses
    return {"ON": pulses["OFF"], "OFF": pulses["ON"]}


def acts_on_metabolites(shift_ppm: float) -> bool:
    """Whether a pulse there acts on anything that is measured."""
    return METABOLITES_PPM[0] < shift_ppm < METABOLITES_PPM[1]


def unknowns(spectra: EditedSpectra) -> list[str]:
    """What the header does not tell of the protocol."""
    silent = ["the echo time"] if spectra.te_s is None else []
    if not any("shift_ppm" in pulse for pulse in spectra.edit_pulse.values()):
        silent.append("where the editing pulses stood")
    return silent


def _echo_time(spectra: EditedSpectra, ranges: Mapping[str, Sequence[float]]) -> list[str]:
    if spectra.te_s is None or "te_s" not in ranges or ranges["te_s"][0] <= spectra.te_s <= ranges["te_s"][1]:
        return []
    low, high = (1e3 * float(limit) for limit in ranges["te_s"])
    alone = ", and nothing shows that it was edited" if spectra.present == ("edit_off",) else ""
    return [REASONS["echo_time"].format(te_ms=1e3 * spectra.te_s, alone=alone, low=low, high=high)]


def _localisation(header: Mapping[str, Any], ranges: Mapping[str, Sequence[float]]) -> list[str]:
    """PRESS or semi-LASER, where the model was trained on the other one; a card without a word of it is of PRESS."""
    told = told_localisation(header)
    low, high = ranges.get("refocusing_pulses", (2, 2))
    trained = [name for name, pulses in REFOCUSING_PULSES.items() if low <= pulses <= high]
    if told is None or told[0] in trained:
        return []
    found, entry = told
    return [REASONS["localisation"].format(found=found, entry=entry, trained=" and ".join(trained))]


def _target(header: Mapping[str, Any]) -> list[str]:
    """EditTarget of a sidecar that names something else than GABA."""
    target = header.get("EditTarget")
    names = [str(name) for name in (target if isinstance(target, list) else [target]) if name]
    if not names or any("GABA" in name.upper() for name in names):
        return []
    return [REASONS["target"].format(names=", ".join(names))]


def _pulse(name: str, pulse: Mapping[str, float], ranges: Mapping[str, Sequence[float]], where: str) -> list[str]:
    reasons = []
    shift = pulse.get("shift_ppm")
    if shift is not None and not _trained_shift(shift, ranges, where):
        trained = ranges.get(where)
        told = f"{trained[0]:g} to {trained[1]:g} ppm" if trained else "one that acts on no metabolite"
        reasons.append(REASONS["pulse_place"].format(name=name, shift_ppm=shift, trained=told))
    duration, trained = pulse.get("duration_s"), ranges.get("edit_duration_s")
    if (
        duration is not None
        and trained is not None
        and not trained[0] / FAR_DURATION <= duration <= trained[1] * FAR_DURATION
    ):
        low, high = (1e3 * float(limit) for limit in trained)
        reasons.append(REASONS["pulse_length"].format(name=name, duration_ms=1e3 * duration, low=low, high=high))
    return reasons


def _trained_shift(shift_ppm: float, ranges: Mapping[str, Sequence[float]], where: str) -> bool:
    if where in ranges and ranges[where][0] <= shift_ppm <= ranges[where][1]:
        return True
    if where == "edit_off_ppm":
        return not acts_on_metabolites(shift_ppm)
    return where not in ranges
