# SPDX-License-Identifier: Apache-2.0
"""Reasons for refusing data that no model could quantify."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fsl_mrs_dl.core.data import EditedSpectra
from fsl_mrs_dl.quantify.limits import LIMITS
from fsl_mrs_dl.quantify.lincomb import FitResult

SAME_SUBSTANCE = (("NAA", "NAAG"), ("Cr", "PCr"), ("GPC", "PCh"), ("Glu", "Gln"))
"""Quantities that show as one line, or are told apart by little."""

MAIN = (("NAA", "NAAG"), ("Cr", "PCr"), ("Glu", "Gln"), ("GABA", "MM30"))
"""Every brain has all of these in sight, and a solution that is edited for GABA at least one."""


REASONS: Mapping[str, str] = {
    "noise": "the highest line is only {snr:.1f} times the noise",
    "water": "and water stood {times:.0f} times as high: nothing can be quantified in a water reference",
    "not_edited": "no editing took place: {detail}",
    "unknown_signal": "{share:.0f} % of the signal is not that of an edited spectrum of known metabolites",
    "unexplained": "the estimates leave {share:.0f} % of the signal unexplained",
    "no_main_line": "none of NAA, creatine, glutamate and GABA is there: neither a brain nor a solution that is known",
    "too_broad": "lines are {fwhm_hz:.0f} Hz wide, the model was trained up to {widest_hz:g} Hz",
    "single_line": "a single line is there, and nothing else that would tell what it is",
    "out_of_place": "no known lines are where they should be: the nearest match is {shift_ppm:+.2f} ppm off",
    "lipid": "signal of {share:.0f} % of the highest line stands around 1.3 ppm, as that of lipid from outside the "
    "brain or from the voxel itself",
}
"""Every reason of this module; those about the protocol stand in `fsl_mrs_dl.quantify.protocol`."""


@dataclass(frozen=True)
class Evidence:
    """What a refusal is judged by.

    Parameters
    ----------
    survey_left, answer_left : float
        Share of the signal's power left over by the free fit of all known metabolites, and by the spectrum
        reconstructed from the estimates.
    snr, fwhm_hz : float
        Of the data.
    widest_hz : float
        Line width up to which the model was trained.
    second_line : float
        As of `second_highest`.
    main_line : float
        As of `main_height`.
    lipid_ratio : float
        As of `fsl_mrs_dl.quantify.artefacts.lipid_ratio`.
    """

    survey_left: float
    answer_left: float
    snr: float
    fwhm_hz: float
    widest_hz: float
    second_line: float
    main_line: float
    lipid_ratio: float


def refusal(spectra: EditedSpectra, evidence: Evidence) -> str:
    """Why the data are refused; empty where they are not."""
    if evidence.snr < LIMITS.refuse_snr:
        return _noise(spectra, evidence.snr)
    reasons = list(_reasons(spectra, evidence))
    if reasons and evidence.lipid_ratio > LIMITS.lipid:
        reasons.append(REASONS["lipid"].format(share=100 * evidence.lipid_ratio))
    return "; ".join(reasons)


def lacking(names: Sequence[str]) -> tuple[str, ...]:
    """Those of `MAIN` that a basis with functions `names` has nothing for: their lines then count as unknown."""
    of_creatine = {"Cr", "PCr"} & set(names)
    return tuple(group[0] for group in MAIN if group[0] not in names and not (group[0] == "Cr" and of_creatine))


def _noise(spectra: EditedSpectra, snr: float) -> str:
    reason = REASONS["noise"].format(snr=snr)
    water = spectra.history.water_ratio or 0.0
    return f"{reason}, {REASONS['water'].format(times=water)}" if water > LIMITS.water else reason


def _reasons(spectra: EditedSpectra, evidence: Evidence) -> Iterator[str]:
    for flag in spectra.flags:
        if flag.code == "not_edited":
            yield REASONS["not_edited"].format(detail=flag.detail)
    known, answered = LIMITS.refuse_both
    if evidence.survey_left > LIMITS.refuse_fit:
        # relative to a DIFF that holds nothing it may be anything
        yield REASONS["unknown_signal"].format(share=100 * min(evidence.survey_left, 1.0))
    elif evidence.survey_left > known and evidence.answer_left > answered:
        yield REASONS["unexplained"].format(share=100 * min(evidence.answer_left, 1.0))
    if evidence.main_line < LIMITS.refuse_main_line:
        yield REASONS["no_main_line"]
    if evidence.fwhm_hz > LIMITS.refuse_width_factor * evidence.widest_hz:
        yield REASONS["too_broad"].format(fwhm_hz=evidence.fwhm_hz, widest_hz=evidence.widest_hz)
    if len(spectra.present) == 1:
        yield from _alone(spectra, evidence)


def _alone(spectra: EditedSpectra, evidence: Evidence) -> Iterator[str]:
    """What cannot be told of a spectrum that no second condition stands beside."""
    if evidence.second_line < LIMITS.refuse_one_line:
        yield REASONS["single_line"]
    reference = spectra.history.reference
    shift_ppm = reference.shift_ppm if reference else 0.0
    if abs(shift_ppm) > LIMITS.refuse_shift_ppm:
        yield REASONS["out_of_place"].format(shift_ppm=shift_ppm)


def second_highest(fit: FitResult, names: tuple[str, ...]) -> float:
    """Height of the second highest substance of a fit relative to the highest; 0 where there is only one."""
    groups = {next((same for same in SAME_SUBSTANCE if name in same), (name,)) for name in names}
    heights = sorted(_height(fit, [i for i, name in enumerate(names) if name in group]) for group in groups)
    return heights[-2] / heights[-1] if len(heights) > 1 and heights[-1] > 0 else 0.0


def main_height(fit: FitResult, names: tuple[str, ...]) -> float:
    """Height of the highest of the `MAIN` substances relative to the highest of all; 0 where there is nothing."""
    highest = max(_height(fit, [row]) for row in range(len(names)))
    groups = [[row for row, name in enumerate(names) if name in group] for group in MAIN]
    return max(_height(fit, rows) for rows in groups if rows) / highest if highest > 0 else 0.0


def _height(fit: FitResult, rows: list[int]) -> float:
    return max(float(np.abs(part[rows].sum(axis=0)).max()) for part in fit.components.values())
