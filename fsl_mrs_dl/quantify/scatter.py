# SPDX-License-Identifier: Apache-2.0
"""The error of a scan from the scatter of its transients, by the jackknife over groups of them.

The network knows white noise and what it was trained with. A head that moves or suppression that varies makes
transients differ by more, which their average no longer shows. What changes as slowly as the scan is long is seen in
part: eight groups do not tell a course from chance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.core.data import EditedSpectra
from fsl_mrs_dl.core.errors import ModelError
from fsl_mrs_dl.core.flags import Flag
from fsl_mrs_dl.metabolites.sums import MODES, parts_of
from fsl_mrs_dl.models.calibrated import LoadedModel
from fsl_mrs_dl.models.estimate import Estimate
from fsl_mrs_dl.models.inputs import prepare
from fsl_mrs_dl.quantify.result import Quantification
from fsl_mrs_dl.quantify.told import Told, told_protocol

MENTIONED = ("GABA", "GABA+", "Glx", "tNAA", "NAA")
"""Quantities whose widened intervals are worth a flag."""

MENTION_FACTOR = 1.25
"""How much wider an interval has become before it is; the scatter of eight groups is itself known to a quarter."""


HEADER_KEY = "TransientScatter"
"""User-defined entry of the NIfTI-MRS header of preprocessed files, see `scatter_record`."""

_DESCRIPTION = "fsl_mrs_dl: amplitudes by each model (its SHA-256) without one group of transients each"


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
        Nothing is widened where `without_group` is empty and the header has no `scatter_record`.
    model : LoadedModel
    told : Told, optional
        What the network was told of the protocol.

    Raises
    ------
    ModelError
        When an answer is not finite.
    """
    if result.refused or not result.estimates:
        return result
    if spectra.without_group:
        mean = answers_without_groups(spectra.without_group, model, told)
    else:
        mean = _recorded(result, spectra, model)
    if not len(mean):
        return result
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


def answers_without_groups(spectra: Sequence[EditedSpectra], model: LoadedModel, told: Told | None = None) -> NDArray:
    """The network's answers to spectra without one group of transients each, shape ``(n_groups, n_outputs)``.

    Raises
    ------
    ModelError
        When an answer is not finite.
    """
    inputs = [prepare(part, model.folder.grid) for part in spectra]
    channels, present = (np.stack([getattr(x, name) for x in inputs]) for name in ("channels", "present"))
    protocol = (told or Told()).rows(len(inputs))
    mean = model.predict_batch(channels, present, np.array([x.scale for x in inputs]), protocol).mean
    if not np.isfinite(mean).all():
        raise ModelError("the network's answer is not finite without a group of transients", where=spectra[0].source)
    return mean


def scatter_record(spectra: EditedSpectra, models: Sequence[LoadedModel]) -> dict[str, Any]:
    """Header entry of preprocessed files that keeps what their transients say; empty where they say nothing.

    Parameters
    ----------
    spectra : EditedSpectra
    models : sequence of LoadedModel
        Those that may quantify the files. Another one finds no record of its own, and widens nothing.

    Returns
    -------
    dict
        `HEADER_KEY`: the answers of each model (by its hash) without each group of transients, for the pair and for
        its DIFF alone.
    """
    if not spectra.without_group:
        return {}
    shown = {mode: _shown_alone(spectra.without_group, present) for mode, present in MODES.items()}
    found = [
        {
            "model": model.folder.digest,
            **{
                mode: _digits(answers_without_groups(parts, model, told_protocol(parts[0], model.folder)))
                for mode, parts in shown.items()
                if parts and mode in model.modes
            },
        }
        for model in models
    ]
    # a list: nifti_mrs takes a value that is a mapping apart
    return {HEADER_KEY: {"Value": found, "Description": _DESCRIPTION}}


def _digits(values: NDArray) -> list[list[float]]:
    """Seven digits each, for a header."""
    return [[float(f"{x:.7g}") for x in row] for row in values]


def _shown_alone(spectra: Sequence[EditedSpectra], present: tuple[float, float]) -> list[EditedSpectra]:
    """The spectra with the conditions of a mode alone; none where they do not have them."""
    off, diff = (bool(there) for there in present)
    there = spectra[0]
    if (off and there.edit_off is None) or (diff and there.diff is None):
        return []
    dropped: dict[str, Any] = {
        **({} if off else {"edit_off": None}),
        **({} if diff else {"diff": None, "edit_on": None}),
    }
    return [replace(part, **dropped) for part in spectra]


def _recorded(result: Quantification, spectra: EditedSpectra, model: LoadedModel) -> NDArray:
    """Answers that `scatter_record` kept for this model and these conditions, in the unit of `result`; else none."""
    entry: Any = spectra.header.get(HEADER_KEY)
    try:
        own = next(record for record in entry["Value"] if record["model"] == model.folder.digest)
        rows: NDArray = np.array(own[result.estimates[0].sub_spectrum], dtype=np.float64)
    except (KeyError, TypeError, ValueError, StopIteration):
        return np.zeros((0, len(model.outputs)))
    if rows.ndim != 2 or rows.shape[1] != len(model.outputs) or not np.isfinite(rows).all():
        return np.zeros((0, len(model.outputs)))
    # diff.nii.gz is half of ON - OFF
    total = float(np.maximum(rows, 0.0).mean(axis=0).sum())
    return rows * (sum(e.value for e in result.estimates) / total) if total > 0 else rows[:0]


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
