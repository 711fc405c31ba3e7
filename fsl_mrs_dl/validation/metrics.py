# SPDX-License-Identifier: Apache-2.0
"""Errors of estimated concentrations against known ones, max-normalised (the metric of arXiv 2602.20289).

Truth and estimate are each divided by their own largest value over Cr (Cr+PCr where PCr is known or estimated), GABA,
Gln, Glu and NAA, so that no common scale is needed; further metabolites are divided by the same numbers. Only
metabolites that both sides have take part in the largest value: without Cr (a DIFF alone) neither side may use it.
Where a metabolite is itself the largest on both sides its error is 0 by construction. An estimate whose values are
all zero says "nothing there" and counts with its full error.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fsl_mrs_dl.metabolites.sums import COMBINATIONS

Interval = tuple[float, float]

NORMALISERS = ("Cr+PCr", "Cr", "GABA", "Gln", "Glu", "NAA")
"""Metabolites whose largest value divides all; ``Cr`` only where ``Cr+PCr`` is not compared."""

ALIASES = {"PCho": "PCh", "sIns": "Scyllo", "mI": "Ins"}
"""Names in truth files that differ from FSL-MRS's."""

MAJOR = ("GABA", "Glu", "Gln", "Glx", "NAA", "Cr", "Cr+PCr")
"""Metabolites that come first in tables and figures."""

KEYS = ("n", "mae", "mae_se", "slope", "intercept", "r2", "mae_constant", "coverage68", "coverage95")
"""What `score` returns for each metabolite."""


@dataclass(frozen=True)
class Pair:
    """Truth and estimate of one metabolite in one data set, max-normalised, with the estimate's intervals."""

    truth: float
    estimate: float
    interval68: Interval | None = None
    interval95: Interval | None = None


def normalise(
    truth: Mapping[str, float],
    estimate: Mapping[str, float],
    interval68: Mapping[str, Interval] | None = None,
    interval95: Mapping[str, Interval] | None = None,
) -> dict[str, Pair]:
    """Max-normalise one data set.

    Parameters
    ----------
    truth : mapping of str to float
        Known concentrations; names as in `ALIASES` are translated, names that begin with ``MM`` ignored.
    estimate : mapping of str to float
        Estimates in any unit. Sums of `COMBINATIONS` take part where the truth has all their parts.
    interval68, interval95 : mapping of str to (float, float), optional
        Interval ends in the unit of `estimate`.

    Returns
    -------
    dict of str to Pair
        For the metabolites that both have, ``Cr+PCr`` for the sum where either side knows PCr. Empty where the truth
        has no positive value to divide by. The interval ends are divided by the estimate's number.
    """
    true = _with_sums(renamed(truth))
    guess = _with_sums(renamed(estimate))
    if "PCr" not in true and "PCr" not in guess:
        for side in (true, guess):
            side.pop("Cr+PCr", None)
    common = [name for name in guess if name in true]
    dividing = _dividing(true, guess)
    true_scale = max((true[n] for n in dividing), default=0.0)
    guess_scale = max((guess[n] for n in dividing), default=0.0)
    if not true_scale > 0:
        return {}
    if not guess_scale > 0:
        return {name: Pair(true[name] / true_scale, 0.0) for name in common}
    ends68, ends95 = renamed(interval68 or {}), renamed(interval95 or {})
    return {
        name: Pair(
            true[name] / true_scale,
            guess[name] / guess_scale,
            _scaled(_interval(ends68, guess, name), guess_scale),
            _scaled(_interval(ends95, guess, name), guess_scale),
        )
        for name in common
    }


def _dividing(true: Mapping[str, float], guess: Mapping[str, float]) -> list[str]:
    """Those of `NORMALISERS` that both sides have as numbers; Cr counts once, with PCr where that is known."""
    common = [name for name in NORMALISERS if name in true and name in guess]
    if "Cr+PCr" in common and "Cr" in common:
        common.remove("Cr")
    return [name for name in common if math.isfinite(true[name]) and math.isfinite(guess[name])]


def _scaled(ends: Interval | None, scale: float) -> Interval | None:
    return (ends[0] / scale, ends[1] / scale) if ends else None


def score(pairs: Iterable[Pair]) -> dict[str, float | int | None]:
    """The figures of one metabolite over data sets.

    Pairs with a value that is not finite are left out (`n` counts the others).

    Returns
    -------
    dict
        ``n``; ``mae`` mean absolute error and ``mae_se`` its standard error (None for fewer than two); ``slope`` and
        ``intercept`` of the least-squares line of the estimate on the truth, ``r2`` the squared correlation of the
        two (None where the truth, or for ``r2`` also the estimate, is constant); ``mae_constant``, the error of the
        best constant predictor, the median of the truth; ``coverage68`` and ``coverage95``, the share of data sets
        whose truth lies in the interval, ends included (None without intervals).
    """
    usable = [p for p in pairs if math.isfinite(p.truth) and math.isfinite(p.estimate)]
    if not usable:
        return {key: (0 if key == "n" else None) for key in KEYS}
    truth = np.array([p.truth for p in usable])
    guess = np.array([p.estimate for p in usable])
    error = np.abs(guess - truth)
    n = len(usable)
    slope, intercept, r2 = line(truth, guess)
    return {
        "n": n,
        "mae": float(error.mean()),
        "mae_se": float(error.std(ddof=1) / math.sqrt(n)) if n > 1 else None,
        "slope": slope,
        "intercept": intercept,
        "r2": r2,
        "mae_constant": float(np.abs(truth - np.median(truth)).mean()),
        "coverage68": coverage([(p.truth, p.interval68) for p in usable]),
        "coverage95": coverage([(p.truth, p.interval95) for p in usable]),
    }


def evaluate(
    truths: Sequence[Mapping[str, float]],
    estimates: Sequence[Mapping[str, float]],
    intervals68: Sequence[Mapping[str, Interval]] | None = None,
    intervals95: Sequence[Mapping[str, Interval]] | None = None,
) -> dict[str, dict[str, Any]]:
    """`score` of every metabolite over data sets.

    Parameters
    ----------
    truths, estimates : sequences of mappings, one per data set
    intervals68, intervals95 : sequences of mappings, optional

    Returns
    -------
    dict of str to dict
        By metabolite, those of `MAJOR` first.

    Raises
    ------
    ValueError
        When the sequences differ in length.
    """
    none: list[Mapping[str, Interval]] = [{}] * len(truths)
    rows = zip(truths, estimates, intervals68 or none, intervals95 or none, strict=True)
    return evaluate_pairs([normalise(*row) for row in rows])


def evaluate_pairs(normalised: Sequence[Mapping[str, Pair]]) -> dict[str, dict[str, Any]]:
    """`score` of every metabolite of data sets that `normalise` has treated."""
    names = {name for pairs in normalised for name in pairs}
    return {name: score(p[name] for p in normalised if name in p) for name in ordered(names)}


def evaluate_groups(
    normalised: Sequence[Mapping[str, Pair]], groups: Sequence[str | None]
) -> dict[str, dict[str, dict[str, Any]]]:
    """`evaluate_pairs` for each group (the ``series`` of the truth file); data sets with None belong to none."""
    names = sorted({g for g in groups if g is not None})
    return {
        name: evaluate_pairs([pairs for pairs, group in zip(normalised, groups, strict=True) if group == name])
        for name in names
    }


def ordered(names: Iterable[str]) -> list[str]:
    """Names with those of `MAJOR` first, the rest by alphabet."""
    rest = set(names)
    first = [name for name in MAJOR if name in rest]
    return first + sorted(rest - set(first))


def renamed(values: Mapping[str, Any]) -> dict[str, Any]:
    """FSL-MRS's names for those of a truth file (`ALIASES`); macromolecules are left out."""
    renamed = {ALIASES.get(key, key): value for key, value in values.items() if not key.upper().startswith("MM")}
    # a name given both ways keeps the value of its proper name
    renamed.update({key: value for key, value in values.items() if key in ALIASES.values()})
    return renamed


def _with_sums(values: Mapping[str, Any]) -> dict[str, float]:
    """Add the sums whose parts are all there; ``tCr`` is called ``Cr+PCr`` and takes Cr alone too."""
    out = {key: float(value) for key, value in values.items() if key not in COMBINATIONS and value is not None}
    for name, parts in COMBINATIONS.items():
        if name not in ("tCr", "GABA+") and all(part in out for part in parts):
            out[name] = sum(out[part] for part in parts)
    creatine = [out[part] for part in ("Cr", "PCr") if part in out]
    if not creatine and values.get("tCr") is not None:
        creatine = [float(values["tCr"])]
    if creatine:
        out.setdefault("Cr+PCr", sum(creatine))
    return out


def _interval(ends: Mapping[str, Interval], guess: Mapping[str, float], name: str) -> Interval | None:
    """The interval of `name`; of a sum without its own, the parts' widths added in quadrature."""
    for key in (name, "tCr") if name == "Cr+PCr" else (name,):
        if ends.get(key) is not None and all(math.isfinite(end) for end in ends[key]):
            return ends[key]
    parts = ("Cr", "PCr") if name == "Cr+PCr" else COMBINATIONS.get(name, ())
    parts = tuple(part for part in parts if part in guess)
    if not parts or any(ends.get(part) is None for part in parts):
        return None
    value = guess[name]
    low = math.hypot(*(guess[part] - ends[part][0] for part in parts))
    high = math.hypot(*(ends[part][1] - guess[part] for part in parts))
    return max(0.0, value - low), value + high


def line(truth: np.ndarray, guess: np.ndarray) -> tuple[float | None, float | None, float | None]:
    """Slope and intercept of the regression of `guess` on `truth`, and their squared correlation."""
    dx, dy = truth - truth.mean(), guess - guess.mean()
    sxx, syy, sxy = float(dx @ dx), float(dy @ dy), float(dx @ dy)
    # a spread at the level of rounding is none
    if len(truth) < 2 or sxx <= len(truth) * (1e-12 * max(1.0, float(np.abs(truth).max()))) ** 2:
        return None, None, None
    slope = sxy / sxx
    constant = syy <= len(guess) * (1e-12 * max(1.0, float(np.abs(guess).max()))) ** 2
    r2 = None if constant else min(1.0, sxy**2 / (sxx * syy))
    return slope, float(guess.mean() - slope * truth.mean()), r2


def coverage(rows: list[tuple[float, Interval | None]]) -> float | None:
    """Share of truths inside their intervals, ends included; None where there is no interval."""
    inside = [ends[0] <= truth <= ends[1] for truth, ends in rows if ends is not None]
    return float(np.mean(inside)) if inside else None
