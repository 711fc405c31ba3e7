# SPDX-License-Identifier: Apache-2.0
"""What a search found, in words and numbers made from its log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fsl_mrs_dl.training.selection.journal import COMPLETED, FAILED, STOPPED, Trial
from fsl_mrs_dl.training.selection.space import Dimension

N_WINNERS = 10
"""Completed trials that count as the winners."""


def completed_of(trials: Sequence[Trial]) -> list[Trial]:
    """Completed trials, the best first."""
    return sorted((t for t in trials if t["outcome"] == COMPLETED), key=lambda t: (float(t["score"]), t["number"]))


def correlation(trials: Sequence[Trial]) -> float:
    """Rank correlation of the errors on perturbed and on clean spectra over completed trials; 0 of fewer than three."""
    completed = completed_of(trials)
    if len(completed) < 3:
        return 0.0
    ranks = [np.argsort(np.argsort([trial[key] for trial in completed])) for key in ("score", "clean")]
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def counts(trials: Sequence[Trial]) -> str:
    """How many trials ended how."""
    number = Counter(trial["outcome"] for trial in trials)
    parts = [f"{number[COMPLETED]} completed", f"{number[STOPPED]} stopped at a rung"]
    return ", ".join(parts + ([f"{number[FAILED]} failed"] if number[FAILED] else []))


def in_common(trials: Sequence[Trial], space: Mapping[str, Dimension]) -> list[str]:
    """What the best `N_WINNERS` share, a line for each parameter: the values that they have, beside all of them."""
    winners = completed_of(trials)[:N_WINNERS]
    return [_line(name, dimension, winners, list(trials)) for name, dimension in space.items()] if winners else []


def _line(name: str, dimension: Dimension, winners: list[Trial], trials: list[Trial]) -> str:
    values = [trial["values"][name] for trial in winners]
    if dimension.choices:
        return f"{name}: {_choices(values)} (of all {len(trials)}: {_choices([t['values'][name] for t in trials])})"
    low, middle, high = np.quantile(values, (0, 0.5, 1))
    whole = [trial["values"][name] for trial in trials]
    return (
        f"{name}: {low:.3g} to {high:.3g}, half of them above {middle:.3g} "
        f"(of all {len(trials)}: {min(whole):.3g} to {max(whole):.3g}, half above {np.median(whole):.3g})"
    )


def _choices(values: Sequence[Any]) -> str:
    """Each value with how often it is there, the most frequent first."""
    named = Counter(" ".join(map(str, v)) if isinstance(v, list | tuple) else str(v) for v in values)
    return ", ".join(f"{name} x{n}" for name, n in named.most_common())


def summary_record(trials: Sequence[Trial]) -> dict[str, Any]:
    """The end of a search, for a program: how many trials ended how, and the best of the completed or None."""
    number, completed = Counter(trial["outcome"] for trial in trials), completed_of(trials)
    return {
        "trials": {outcome: number[outcome] for outcome in (COMPLETED, STOPPED, FAILED)},
        "rank_correlation": correlation(trials),
        "best": completed[0] if completed else None,
    }


def summary(trials: Sequence[Trial], space: Mapping[str, Dimension]) -> str:
    """The end of a search, for a person."""
    completed = completed_of(trials)
    if not completed:
        return f"no trial was completed ({counts(trials)})"
    best = completed[0]
    lines = [
        f"{counts(trials)}; best: trial {best['number']}, error {best['score']:.4f} on perturbed spectra, "
        f"{best['clean']:.4f} on clean ones; rank correlation of the two {correlation(trials):.2f}",
        *(f"  {name} = {value}" for name, value in best["values"].items()),
        f"the best {min(N_WINNERS, len(completed))} of the completed have:",
        *(f"  {line}" for line in in_common(trials, space)),
    ]
    return "\n".join(lines)
