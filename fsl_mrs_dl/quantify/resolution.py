# SPDX-License-Identifier: Apache-2.0
"""Quantities that the data do not resolve: their estimate is little better than a constant guess.

Three signs, each from the model card or from the scan itself: the spread that the network predicts for this scan is as
large as the error of a constant; on a set of known concentrations the model erred as much as a constant; or the signal
is that of another quantity at this scan's line width, so that only their sum is seen.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence

from fsl_mrs_dl.metabolites.sums import COMBINATIONS
from fsl_mrs_dl.models.calibrated import LoadedModel
from fsl_mrs_dl.models.card import Card, Errors
from fsl_mrs_dl.models.estimate import Estimate
from fsl_mrs_dl.quantify.fits import Fits
from fsl_mrs_dl.quantify.kind import kinds_of_model

MEAN_ABSOLUTE = 0.8
"""Mean absolute error over standard deviation of a normal distribution."""

TRAINING_OVER_LIFE = {"brain": 2.0, "solution": 1.0}
"""How much wider concentrations spread in training than in what is measured: those of brains span twice the range of
healthy and diseased brains (`fsl_mrs_dl.metabolites`), those of solutions are as they are made."""

ALIKE = 0.8
"""Correlation of two signals from which on they are one line. At 4 to 8 Hz Cr and PCr have 0.88 to 0.96, GPC and PCh
0.96 to 0.98, NAA and NAAG 0.27 to 0.63, Glu and Gln 0.41 to 0.54, GABA and the macromolecule 0.49 to 0.70."""

NEARLY_ALL = 0.75
"""Share of the mean of their sum from which on a part is told with it: NAA is most of NAA + NAAG in every brain."""

MIN_VALIDATED = 10
"""Data sets of known concentrations that a comparison with a constant takes."""

CLEARLY = 4.0
"""Mean absolute errors above which a value is more than that: lactate of a tumour is measured, that of a healthy brain
is not."""

NORMALISED_BY = (("Cr", "PCr"), ("GABA",), ("Gln",), ("Glu",), ("NAA",))
"""The largest of these is what errors of ``validate`` are relative to."""


def unresolved(estimates: Sequence[Estimate], model: LoadedModel, fits: Fits, mode: str) -> frozenset[str]:
    """Names of the estimates that the data do not tell.

    Parameters
    ----------
    estimates : sequence of Estimate
        Raw amplitudes with calibrated spreads.
    model : LoadedModel
    fits : Fits
        Of the same data.
    mode : str
        A key of `fsl_mrs_dl.metabolites.sums.MODES`.
    """
    visible = {e.name: e for e in estimates if e.visible}
    card = model.folder.card
    names = {*_no_better_predicted(visible, card, _tested(model)), *_no_better_validated(visible, card, mode)}
    return frozenset(names | set(_alike(visible, fits, card)))


def _tested(model: LoadedModel) -> Mapping[str, Mapping[str, Mapping[str, float]]]:
    """Errors on held-out simulations; an ensemble has those of its first member."""
    cards = [folder.card for folder in (model.folder, *model.folder.members)]
    return next((card.simulation_test for card in cards if card.simulation_test), {})


def _no_better_predicted(
    visible: Mapping[str, Estimate], card: Card, tested: Mapping[str, Mapping[str, Mapping[str, float]]]
) -> Iterator[str]:
    """What the network itself expects to tell no better than a constant of the kind of sample."""
    kind = _kind(card)
    mean_mm = _mean_mm(card, kind)
    total_mm = sum(mean_mm[name] for name in visible if name in mean_mm)
    total = sum(e.value for name, e in visible.items() if name in mean_mm)
    if not (total_mm > 0 and total > 0):
        return
    for name, e in visible.items():
        constant_mm = tested.get(kind, {}).get(name, {}).get("mae_constant_mm", 0.0) / TRAINING_OVER_LIFE[kind]
        if constant_mm > 0 and MEAN_ABSOLUTE * e.sd * total_mm / total >= constant_mm:
            yield name


def _kind(card: Card) -> str:
    return "brain" if "brain" in kinds_of_model(card.outputs, card.solution_fraction) else "solution"


def _mean_mm(card: Card, kind: str) -> dict[str, float]:
    """Mean concentrations of the training spectra, which give raw amplitudes a unit; empty where the card has none."""
    recipe = card.config.get("recipe", {}).get("concentrations", {})
    if kind == "solution":
        most, zero = recipe.get("solution_max_mm", 0.0), recipe.get("zero_probability", 0.0)
        return {name: (1 - zero) * most / 2 for name in recipe.get("solution_metabolites", ())}
    return {name: (low + high) / 2 for name, (low, high) in recipe.get("brain_mm", {}).items()}


def _no_better_validated(visible: Mapping[str, Estimate], card: Card, mode: str) -> Iterator[str]:
    """What the model told no better than a constant on a set of known concentrations, unless there is much of it."""
    values = {name: e.value for name, e in visible.items()}
    unit = max(sum(values.get(part, 0.0) for part in parts) for parts in NORMALISED_BY)
    for title, found in card.validation.items():
        if found.other_protocol or found.n < MIN_VALIDATED or title.endswith("_diff_alone") is not (mode == "diff"):
            continue
        for name, errors in found.metabolites.items():
            if name in values and _as_a_constant(errors) and values[name] < CLEARLY * (errors.mae or 0.0) * unit:
                yield name


def _as_a_constant(errors: Errors) -> bool:
    return errors.mae is not None and errors.mae_constant is not None and errors.mae >= errors.mae_constant


def _alike(visible: Mapping[str, Estimate], fits: Fits, card: Card) -> Iterator[str]:
    """Parts of a sum whose signals are one line at the width of the data, but for one that is nearly all of it."""
    mean_mm = _mean_mm(card, _kind(card))
    for parts in COMBINATIONS.values():
        for pair in itertools.combinations([part for part in parts if part in visible], 2):
            if fits.correlation(*pair) > ALIKE:
                total_mm = sum(mean_mm.get(part, 0.0) for part in pair)
                yield from (part for part in pair if mean_mm.get(part, 0.0) <= NEARLY_ALL * total_mm)
