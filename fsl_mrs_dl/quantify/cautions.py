# SPDX-License-Identifier: Apache-2.0
"""Cautions about an answer: data outside the training ranges, a poor fit, fits that disagree."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from fsl_mrs_dl.core.data import EditedSpectra
from fsl_mrs_dl.core.flags import Flag
from fsl_mrs_dl.metabolites.sums import REFERENCE_MIN_SD
from fsl_mrs_dl.models.card import Card
from fsl_mrs_dl.models.estimate import Estimate, combine
from fsl_mrs_dl.models.inputs import NetworkInput
from fsl_mrs_dl.models.novelty import distances
from fsl_mrs_dl.quantify.limits import LIMITS
from fsl_mrs_dl.quantify.quality import measured_s
from fsl_mrs_dl.quantify.result import RangeCheck
from fsl_mrs_dl.quantify.told import CONTRADICTION

COMPARED = {"GABA+": ("GABA", "MM30"), "Glx": ("Glu", "Gln"), "NAA": ("NAA", "NAAG")}
"""Sums that the classical fit is compared in, and their parts."""


def range_checks(
    spectra: EditedSpectra, data: NetworkInput, card: Card, fwhm_hz: float, snr: float
) -> tuple[RangeCheck, ...]:
    """Properties of the data, and their distance from the training spectra, beside what the model was trained on."""
    on = spectra.edit_pulse.get("ON", {})
    values = {
        "f0_mhz": spectra.f0_mhz,
        "te_s": spectra.te_s,
        "fwhm_hz": fwhm_hz,
        "snr": snr,
        "acquired_s": measured_s(spectra),
        "edit_on_ppm": on.get("shift_ppm"),
        "edit_duration_s": on.get("duration_s"),
    }
    ranges = [
        RangeCheck(name, float(value), *card.ranges[name])
        for name, value in values.items()
        if value is not None and name in card.ranges
    ]
    far = distances(card.inputs, data.channels, data.present)
    return (*ranges, *(RangeCheck(f"distance_of_{name}", value, 0.0, limit) for name, (value, limit) in far.items()))


def range_flags(checks: Iterable[RangeCheck]) -> list[Flag]:
    """A flag for each property outside of what the model was trained on; more signal than that is no fault."""
    codes = {"fwhm_hz": "broad_lines", "snr": "low_snr", CONTRADICTION: "protocol_contradicted"}
    flags = []
    for check in checks:
        if check.inside or (check.name == "snr" and check.value > check.high):
            continue
        usual = "usually" if check.name == CONTRADICTION else "trained on"
        detail = f"{check.name} {check.value:.4g}, {usual} {check.low:.4g} to {check.high:.4g}"
        narrow = check.name == "fwhm_hz" and check.value < check.low
        code = "outside_training" if narrow else codes.get(check.name, "outside_training")
        flags.append(Flag(code, detail))
    return flags


def misfit_flags(left: float, factor: float) -> list[Flag]:
    """Whether the reconstructed spectrum leaves much of the data (`left`), or would fit better by another `factor`."""
    flags = []
    if left > LIMITS.poor_fit:
        flags.append(Flag("poor_fit", f"{100 * left:.0f} % of the signal is left over"))
    if abs(factor - 1) > LIMITS.scale:
        flags.append(Flag("scale_uncertain", f"a common factor of {factor:.2f} would fit best"))
    return flags


def disagreement_flags(
    estimates: Iterable[Estimate], classical: Mapping[str, float], reference: Sequence[str]
) -> list[Flag]:
    """Whether GABA+, Glx or NAA of the classical fit lie far outside the network's spread, as ratios.

    Parameters
    ----------
    estimates : iterable of Estimate
        Raw amplitudes of the network.
    classical : mapping of str to float
        Raw amplitudes of the classical fit.
    reference : sequence of str
        What ratios are taken to. Where either has none of it, amplitudes are compared, and the flag says so.
    """
    details = [
        f"{what} {ours.value:.3g} by the network, {theirs:.3g} by the fit"
        for what, ours, theirs in _compared(estimates, classical, reference)
        if abs(ours.value - theirs) > max(LIMITS.disagree_sd * ours.sd, 0.2 * max(ours.value, theirs))
    ]
    return [Flag("classical_disagrees", "; ".join(details))] if details else []


def _compared(
    estimates: Iterable[Estimate], classical: Mapping[str, float], reference: Sequence[str]
) -> Iterator[tuple[str, Estimate, float]]:
    """Sums of `COMPARED` by the network and by the classical fit, with what they are called."""
    known = [e for e in estimates if e.name in classical or not e.visible]
    name = "+".join(reference)
    unit, theirs = _sums(known, classical, name, reference)
    if unit is None or not unit.value > REFERENCE_MIN_SD * unit.sd or not theirs > 0:
        unit = None
    for label, parts in COMPARED.items():
        ours, other = _sums(known, classical, label, parts)
        if ours is None:
            continue
        if unit is None:
            yield f"amplitude of {label}", ours, other
        elif not set(reference) <= set(parts):
            yield f"{label}/{name}", ours.relative_to(unit), other / theirs


def _sums(
    known: Sequence[Estimate], classical: Mapping[str, float], label: str, parts: Sequence[str]
) -> tuple[Estimate | None, float]:
    """A sum by the network, and by the classical fit."""
    ours = combine(label, [e for e in known if e.name in parts])
    return ours, sum(classical.get(name, 0.0) for name in parts)


def once(flags: Iterable[Flag]) -> tuple[Flag, ...]:
    """The first flag of each code; of ranges, one each."""
    kept: dict[tuple[str, str], Flag] = {}
    for flag in flags:
        kept.setdefault((flag.code, flag.detail if flag.code == "outside_training" else ""), flag)
    return tuple(kept.values())
