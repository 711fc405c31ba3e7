# SPDX-License-Identifier: Apache-2.0
"""Training ranges and known limits of a model, derived from its recipe, for the card."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from fsl_mrs_dl.core.constants import GAMMA_H_MHZ_PER_T
from fsl_mrs_dl.core.files import write_json
from fsl_mrs_dl.io.localisation import PRESS, REFOCUSING_PULSES, SEMI_LASER
from fsl_mrs_dl.metabolites.sums import REFERENCES
from fsl_mrs_dl.models.card import CARD_FILE
from fsl_mrs_dl.models.folder import open_model
from fsl_mrs_dl.synthesise.recipe import Recipe

HARDLY_BETTER = 0.9
"""Share of a constant's error from which on an estimate is called hardly better than that."""

HOLDS_BADLY = 0.90
"""Share of truths inside 95 % intervals below which these are called too narrow: of 2,000 spectra 0.95 is told to
0.005, so that it is not chance."""


def training_ranges(recipe: Recipe) -> dict[str, tuple[float, float]]:
    """Ranges that an input is compared with; units in the names."""
    bank = recipe.bank
    # the long echo times of a bank are its minority, on which a network errs more: data of them are flagged
    durations_s = (*bank.edit_duration_s, *(bank.long_edit_duration_s if bank.long_share else ()))
    ranges = {
        "f0_mhz": (min(bank.f0_mhz) - 1.0, max(bank.f0_mhz) + 1.0),
        "te_s": (bank.te_s[0] - 0.002, bank.te_s[1] + 0.002),
        "fwhm_hz": (recipe.line_shape.width_hz[0], recipe.line_shape.brain_width_hz[1]),
        "snr": (recipe.background.snr[0], recipe.background.snr[1]),
        "acquired_s": (recipe.acquired_s[0], 1e3),
        "edit_on_ppm": (bank.edit_on_ppm[0], bank.edit_on_ppm[1]),
        "edit_duration_s": (min(durations_s), max(durations_s)),
    }
    localised = _localisations(recipe)
    if localised != (PRESS,):
        pulses = [float(REFOCUSING_PULSES[name]) for name in localised]
        ranges["refocusing_pulses"] = (min(pulses), max(pulses))
    return ranges


def _localisations(recipe: Recipe) -> tuple[str, ...]:
    """PRESS, semi-LASER or both: whatever is not adiabatic refocusing stands for PRESS."""
    families = set(recipe.bank.refocusing)
    return (*((PRESS,) if families - {"adiabatic"} else ()), *((SEMI_LASER,) if "adiabatic" in families else ()))


def known_limits(recipe: Recipe) -> tuple[str, ...]:
    """What a model of this recipe cannot do, in words for its card."""
    limits = [_protocol(recipe), _samples(recipe), *_conditions(recipe)]
    limits.append("intervals are calibrated on simulated spectra of the protocols that were trained on")
    return tuple(limit for limit in limits if limit)


def _protocol(recipe: Recipe) -> str:
    bank = recipe.bank
    fields_t = min(bank.f0_mhz) / GAMMA_H_MHZ_PER_T, max(bank.f0_mhz) / GAMMA_H_MHZ_PER_T
    echo = _span_ms(bank.te_s)
    off = _span(bank.edit_off_ppm, digits=2)
    if bank.long_share:
        echo += f" or {_span_ms(bank.long_te_s)}"
        if bank.symmetric_share:
            off += f" (at the longer TE also {_span(bank.symmetric_off_ppm, digits=2)})"
    sequences = " and ".join(f"MEGA-{name}" for name in _localisations(recipe))
    return (
        f"trained on {sequences} at {_span(fields_t)} T with TE {echo} ms, editing pulses at "
        f"{_span(bank.edit_on_ppm, digits=2)} ppm (ON) and {off} ppm (OFF)"
    )


def _span_ms(limits_s: tuple[float, float]) -> str:
    return _span((1e3 * limits_s[0], 1e3 * limits_s[1]))


def _samples(recipe: Recipe) -> str:
    share = recipe.concentrations.solution_fraction
    if share == 1:
        return f"solutions of {', '.join(recipe.metabolites)}: no macromolecules, no lipid"
    return "brains only" if share == 0 else ""


def _conditions(recipe: Recipe) -> list[str]:
    """Which of the conditions must be there, and what a DIFF alone does not show."""
    limits = ["edit_off alone is not answered"] if recipe.drop_diff == 0 else []
    if recipe.drop_off == 0:
        return ["a DIFF alone is not answered", *limits]
    reference = "+".join(name for name in REFERENCES["edit_off+diff"] if name in recipe.outputs)
    if reference:
        limits.insert(0, f"a DIFF alone does not show {reference}: ratios to it are then not measured")
    return limits


def _span(limits: tuple[float, float], digits: int = 1) -> str:
    """A range in words; one number where both ends look the same."""
    ends = [f"{value:.{digits}f}" for value in limits]
    return ends[0] if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"


def limits_of_errors(tested: Mapping[str, Mapping[str, Mapping[str, float]]]) -> tuple[str, ...]:
    """What a trained network tells hardly better than a constant, in words for its card.

    Parameters
    ----------
    tested : mapping
        ``simulation_test`` of a card.
    """
    found = []
    for kind, errors in tested.items():
        names = [name for name, e in errors.items() if e["mae_mm"] > HARDLY_BETTER * e["mae_constant_mm"]]
        if names:
            found.append(f"hardly better than a constant guess on simulated spectra of a {kind}: {', '.join(names)}")
    return tuple(found)


def limits_of_validation(scores: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    """The same of protocols that were not trained on, and the intervals that are too narrow there.

    Parameters
    ----------
    scores : mapping
        ``metabolites`` of a validation.
    """
    where = "on simulated spectra of protocols that were not trained on"
    poor = [name for name, s in scores.items() if s["mae"] > HARDLY_BETTER * s["mae_constant"]]
    narrow = [
        f"{name} {100 * s['coverage95']:.0f} %"
        for name, s in scores.items()
        if s["coverage95"] is not None and s["coverage95"] < HOLDS_BADLY
    ]
    found = [f"hardly better than a constant guess {where}: {', '.join(poor)}"] if poor else []
    return (*found, *([f"95 % intervals are too narrow {where}: they hold {', '.join(narrow)}"] if narrow else []))


def add_limits(folder: Path, limits: Iterable[str]) -> None:
    """Write further limits into the card of a model."""
    card = open_model(folder).card
    known = (*card.known_limits, *(limit for limit in limits if limit not in card.known_limits))
    write_json(folder / CARD_FILE, replace(card, known_limits=known).to_dict())
