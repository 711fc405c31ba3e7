# SPDX-License-Identifier: Apache-2.0
"""Choice of the shipped model by the kind of sample, when none was named; for `fit` and the plug-in."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from fsl_mrs_dl.core.flags import Flag
from fsl_mrs_dl.models.calibrated import DEFAULT_MODEL, LoadedModel, find_model, load_model
from fsl_mrs_dl.models.folder import open_model
from fsl_mrs_dl.quantify.kind import Sample

MODEL_OF: Mapping[str, str] = {"brain": DEFAULT_MODEL, "solution": "phantom"}
"""Shipped model of each kind of sample; for solutions the ensemble, which errs least on ``phantom_dev`` (README)."""


def fingerprints() -> tuple[str, ...]:
    """`ModelFolder.fingerprint` of every model that may be chosen."""
    return tuple(open_model(find_model(name)).fingerprint for name in MODEL_OF.values())


def chosen_among() -> tuple[LoadedModel, ...]:
    """Every model that may be chosen."""
    return tuple(_loaded(kind) for kind in MODEL_OF)


@functools.cache
def _loaded(kind: str) -> LoadedModel:
    return load_model(MODEL_OF[kind])


def chosen(name: str) -> LoadedModel:
    """The model of this name that `choose` gave, as it was loaded then."""
    return _loaded(next(kind for kind, model in MODEL_OF.items() if model == name))


def choose(sample: Sample) -> tuple[LoadedModel, Flag]:
    """The shipped model for a sample, and the flag that says why.

    Returns
    -------
    LoadedModel
    Flag
        ``model_chosen`` with the probability, or the caution ``model_guessed`` where the spectrum does not decide.
    """
    model = _loaded(sample.kind)
    code = "model_chosen" if sample.clear else "model_guessed"
    return model, Flag(code, f"{model.folder.name}, as for a {sample.kind}: {sample.sentence}")
