# SPDX-License-Identifier: Apache-2.0
"""What the transients of a scan say about its error: the answer without one group of them each (jackknife).

The network knows white noise and what it was trained with. A head that moves or suppression that varies makes
transients differ by more, which their average no longer shows. What changes as slowly as the scan is long is seen in
part: eight groups do not tell a course from chance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.core.data import EditedSpectra
from fsl_mrs_dl.core.errors import ModelError
from fsl_mrs_dl.core.flags import Flag
from fsl_mrs_dl.metabolites.sums import parts_of
from fsl_mrs_dl.models.calibrated import LoadedModel
from fsl_mrs_dl.models.estimate import Estimate
from fsl_mrs_dl.models.inputs import prepare
from fsl_mrs_dl.quantify.result import Quantification
from fsl_mrs_dl.quantify.told import Told

MENTIONED = ("GABA", "GABA+", "Glx", "tNAA", "NAA")
"""Quantities whose widened intervals are worth a flag."""

MENTION_FACTOR = 1.25
"""How much wider an interval has become before it is; the scatter of eight groups is itself known to a quarter."""


def jackknife_sd(values: NDArray) -> NDArray:
    """Standard error of an estimate from its values without one group each: Tukey's jackknife.

    Parameters
    ----------
    values : array, shape ``(n_groups, ...)``

    Returns
    -------
    array, shape ``(...)``

    Notes
    -----
    Efron B, Stein C (1981) The jackknife estimate of variance, Ann Stat 9:586-596, doi 10.1214/aos/1176345462.
    """
    n = len(values)
    return np.sqrt((n - 1) / n * ((values - values.mean(axis=0)) ** 2).sum(axis=0))


def with_scatter(
    result: Quantification, spectra: EditedSpectra, model: LoadedModel, told: Told | None = None
) -> Quantification:
    """The quantification with spreads and intervals that are at least what the transients' scatter is.

    Parameters
    ----------
    result : Quantification
        With calibrated spreads: half the width of the 68 % interval. Of `spectra`, by `model`.
    spectra : EditedSpectra
        Nothing is widened where `without_group` is empty.
    model : LoadedModel
    told : Told, optional
        What the network was told of the protocol.

    Raises
    ------
    ModelError
        When an answer is not finite.
    """
    if not spectra.without_group or result.refused:
        return result
    inputs = [prepare(part, model.folder.grid) for part in spectra.without_group]
    channels, present = (np.stack([getattr(x, name) for x in inputs]) for name in ("channels", "present"))
    protocol = (told or Told()).rows(len(inputs))
    mean = model.predict_batch(channels, present, np.array([x.scale for x in inputs]), protocol).mean
    if not np.isfinite(mean).all():
        raise ModelError("the network's answer is not finite without a group of transients", where=spectra.source)
    answers = dict(zip(model.outputs, mean.T, strict=True))

    wider = replace(
        result,
        estimates=_all_widened(result.estimates, answers),
        combinations=_all_widened(result.combinations, answers),
        calibrated_ratios=_all_widened(result.calibrated_ratios, answers, result.reference_name),
        calibrated_second_ratios=_all_widened(result.calibrated_second_ratios, answers, result.second_reference_name),
    )
    return replace(wider, flags=(*result.flags, *_flags(result, wider)))


def _all_widened(
    estimates: Sequence[Estimate], answers: Mapping[str, NDArray], reference: str = ""
) -> tuple[Estimate, ...]:
    """Estimates widened to the scatter of the answers without one group each, relative to `reference` where given."""

    def total(name: str) -> NDArray:
        return np.sum([answers[part] for part in parts_of(name) if part in answers], axis=0)

    scale: NDArray | float = total(reference) if reference else 1.0
    if np.min(scale) <= 0:
        return tuple(estimates)
    return tuple(_widened(e, float(jackknife_sd(total(e.name) / scale))) for e in estimates)


def _widened(estimate: Estimate, sd: float) -> Estimate:
    if not 0 < estimate.sd < sd:
        return estimate
    factor = sd / estimate.sd

    def ends(interval: tuple[float, float]) -> tuple[float, float]:
        # the upper half: the lower one may have been cut off at zero
        half = factor * (interval[1] - estimate.value)
        return max(0.0, estimate.value - half), estimate.value + half

    return replace(estimate, sd=sd, interval68=ends(estimate.interval68), interval95=ends(estimate.interval95))


def _flags(before: Quantification, after: Quantification) -> list[Flag]:
    """What to say where intervals have become clearly wider: of ratios, and of amplitudes."""
    grown = []
    for kind in ("calibrated_ratios", "combinations", "estimates"):
        for old, new in zip(getattr(before, kind), getattr(after, kind), strict=True):
            if new.name in MENTIONED and old.sd > 0 and new.sd > MENTION_FACTOR * old.sd:
                grown.append(f"{new.name} {new.unit} {new.sd / old.sd:.1f} times")
    return [Flag("transients_scatter", ", ".join(grown))] if grown else []
