# SPDX-License-Identifier: Apache-2.0
"""Whether a spectrum is that of a brain or of a solution, and whether the model was trained on such."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from fsl_mrs_dl.core.flags import Flag
from fsl_mrs_dl.models.card import Card
from fsl_mrs_dl.quantify.lincomb import FitResult

MARKS: Mapping[str, tuple[str, ...]] = {"choline": ("GPC", "PCh"), "Ins": ("Ins",), "MM0.9": ("MM09",)}
"""What every brain holds and the solutions of GABA phantoms do not."""

BRAIN_AT: Mapping[str, float] = {"choline": 0.10, "Ins": 0.025, "MM0.9": 0.035}
"""Height relative to the highest line from which on a mark counts as found. Over 57 virtual data sets and 12 measured
ones (`studies/flag_scan.py`): brains at least 0.17, 0.046 and, as a DIFF alone, 0.032 (measured 0.063); solutions at
most 0.020, 0.006 and 0.013."""

SOLUTION_BELOW = 0.5
"""A mark counts as absent below this share of `BRAIN_AT`."""

SHOWN_IN: Mapping[str, tuple[str, ...]] = {"edit_off": ("choline", "Ins"), "diff": ("MM0.9",)}
"""Marks that can be told in each spectrum: choline and Ins cancel in DIFF, MM0.9 is co-edited and hides below the lines
and the baseline of edit_off."""


def heights(fit: FitResult, names: tuple[str, ...]) -> dict[str, float]:
    """Height of each mark over the highest fitted line, for the marks that the conditions of the fit can show."""
    highest = max(float(np.abs(c.sum(axis=0)).max()) for c in fit.components.values())
    condition = "edit_off" if "edit_off" in fit.components else "diff"
    found = {}
    for mark in SHOWN_IN[condition]:
        rows = [names.index(part) for part in MARKS[mark] if part in names]
        if rows and highest > 0:
            found[mark] = float(np.abs(fit.components[condition][rows].sum(axis=0)).max()) / highest
    return found


def kind_of_sample(marks: Mapping[str, float]) -> str | None:
    """``brain`` where every mark is found, ``solution`` where none is, None where they do not agree or are missing."""
    if not marks:
        return None
    if all(height >= BRAIN_AT[mark] for mark, height in marks.items()):
        return "brain"
    return "solution" if all(height < SOLUTION_BELOW * BRAIN_AT[mark] for mark, height in marks.items()) else None


def kinds_of_model(outputs: Collection[str], solution_fraction: float | None = None) -> frozenset[str]:
    """What a model was trained on: ``brain``, ``solution`` or both.

    Parameters
    ----------
    outputs : collection of str
        What it estimates.
    solution_fraction : float, optional
        Share of its training spectra that were solutions, where its card says so.
    """
    can_be_brain = set(MARKS["choline"]) <= set(outputs) and "Ins" in outputs
    if solution_fraction is None:
        return frozenset({"brain"}) if can_be_brain else frozenset({"solution"})
    kinds = {"solution"} if solution_fraction > 0 else set()
    # a network that does not know choline was never shown a brain, whatever the recipe calls it
    return frozenset(kinds | {"brain"}) if solution_fraction < 1 and can_be_brain else frozenset(kinds or {"solution"})


def kind_flags(marks: Mapping[str, float], card: Card) -> list[Flag]:
    """A caution where the sample is of a kind that the model was not trained on."""
    kind, trained = kind_of_sample(marks), kinds_of_model(card.outputs, card.solution_fraction)
    if kind is None or kind in trained:
        return []
    figures = ", ".join(f"{mark} {100 * height:.0f} %" for mark, height in marks.items())
    other = "brains" if kind == "brain" else "solutions"
    return [Flag("other_model", f"{figures} of the highest line; choose a model of {other}")]
