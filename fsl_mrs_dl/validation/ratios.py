# SPDX-License-Identifier: Apache-2.0
"""Errors of estimated ratios to the reference, in percent.

The max-normalised errors of `fsl_mrs_dl.validation.metrics` compare with the paper; these compare with practice, in
which values are given relative to Cr+PCr (to NAA where there is a DIFF alone), and GABA with what is co-edited with it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from fsl_mrs_dl.metabolites.sums import COMBINATIONS
from fsl_mrs_dl.validation.metrics import Pair, coverage, line, ordered, renamed

KEYS = (
    "n",
    "bias_percent",
    "mape_percent",
    "mape_scaled_percent",
    "mape_constant_percent",
    "slope",
    "intercept",
    "r2",
    "coverage68",
    "coverage95",
)
"""What `score_ratios` returns for each metabolite."""

CO_EDITED = "GABA+"
"""GABA with the macromolecules that are edited with it."""


def true_ratios(
    truth: Mapping[str, float], reference: Sequence[str], mm_over_gaba: float | None = None
) -> dict[str, float]:
    """Known ratios of a data set, sums included.

    Parameters
    ----------
    truth : mapping of str to float
        Known concentrations; names as of `fsl_mrs_dl.validation.metrics.ALIASES` are translated.
    reference : sequence of str
        Metabolites whose sum is the reference; those that the truth lacks count as 0.
    mm_over_gaba : float, optional
        Area of the co-edited macromolecules from 2.8 to 3.2 ppm in DIFF, over GABA's: with it GABA+ is known.

    Returns
    -------
    dict of str to float
        Empty where the reference is not known to be positive.
    """
    values = {name: float(value) for name, value in renamed(truth).items() if value is not None}
    if mm_over_gaba is not None and "GABA" in values:
        values[CO_EDITED] = values["GABA"] * (1 + mm_over_gaba)
    return _relative(_with_sums(values), reference)


def ratios_of(amplitudes: Mapping[str, float], reference: Sequence[str]) -> dict[str, float]:
    """Ratios of a method's amplitudes, sums included; GABA+ where the method has it, or a MM30 to add to GABA."""
    values = {name: float(value) for name, value in amplitudes.items() if value is not None}
    if CO_EDITED not in values and {"GABA", "MM30"} <= set(values):
        values[CO_EDITED] = values["GABA"] + values["MM30"]
    return _relative(_with_sums(renamed(values)), reference)


def pair_ratios(
    truth: Mapping[str, float],
    estimate: Mapping[str, float],
    interval68: Mapping[str, tuple[float, float]] | None = None,
    interval95: Mapping[str, tuple[float, float]] | None = None,
) -> dict[str, Pair]:
    """True and estimated ratios of a data set side by side, where both are there."""
    near, far = interval68 or {}, interval95 or {}
    return {
        name: Pair(truth[name], value, near.get(name), far.get(name))
        for name, value in estimate.items()
        if name in truth
    }


def score_ratios(pairs: Iterable[Pair]) -> dict[str, float | int | None]:
    """The figures of one metabolite over data sets.

    Pairs whose truth is not positive, or with a value that is not finite, have no error in percent and are left out
    (`n` counts the others).

    Returns
    -------
    dict
        ``n``; ``bias_percent``, the median of (estimate - truth) / truth; ``mape_percent``, the mean of its
        magnitude; ``mape_scaled_percent``, the same after all estimates were divided by one number, their median ratio
        to the truth (what is left once a method's scale is known); ``mape_constant_percent``, that of the best
        constant guess; ``slope``, ``intercept`` and ``r2`` of the estimate on the truth; ``coverage68`` and
        ``coverage95``, the share of truths inside the intervals.
    """
    usable = [p for p in pairs if math.isfinite(p.estimate) and math.isfinite(p.truth) and p.truth > 0]
    if not usable:
        return {key: (0 if key == "n" else None) for key in KEYS}
    truth = np.array([p.truth for p in usable])
    relative = np.array([p.estimate for p in usable]) / truth
    scale = float(np.median(relative))
    slope, intercept, r2 = line(truth, relative * truth)
    return {
        "n": len(usable),
        "bias_percent": 100 * (scale - 1),
        "mape_percent": 100 * float(np.abs(relative - 1).mean()),
        "mape_scaled_percent": 100 * float(np.abs(relative / scale - 1).mean()) if scale > 0 else None,
        "mape_constant_percent": 100 * float(np.abs(_best_constant(truth) / truth - 1).mean()),
        "slope": slope,
        "intercept": intercept,
        "r2": r2,
        "coverage68": coverage([(p.truth, p.interval68) for p in usable]),
        "coverage95": coverage([(p.truth, p.interval95) for p in usable]),
    }


def evaluate_ratios(cases: Sequence[Mapping[str, Pair]]) -> dict[str, dict[str, Any]]:
    """`score_ratios` of every metabolite of data sets that `pair_ratios` has paired."""
    names = {name for pairs in cases for name in pairs}
    return {name: score_ratios(pairs[name] for pairs in cases if name in pairs) for name in ordered(names)}


def _best_constant(truth: np.ndarray) -> float:
    """The constant with the least mean relative error: the median of the truths, each weighted by its inverse."""
    order = np.argsort(truth)
    weight = np.cumsum(1 / truth[order])
    return float(truth[order][np.searchsorted(weight, 0.5 * weight[-1])])


def _with_sums(values: dict[str, float]) -> dict[str, float]:
    """Add the sums whose parts are all there; GABA+ is the caller's, who knows what is co-edited."""
    sums = {
        name: sum(values[part] for part in parts)
        for name, parts in COMBINATIONS.items()
        if name != CO_EDITED and all(part in values for part in parts)
    }
    return {**sums, **values}


def _relative(values: dict[str, float], reference: Sequence[str]) -> dict[str, float]:
    total = sum(values.get(name, 0.0) for name in reference)
    if not (total > 0 and math.isfinite(total)):
        return {}
    return {name: value / total for name, value in values.items() if name not in ("tCr", *reference)}
