# SPDX-License-Identifier: Apache-2.0
"""Which shipped model answers where none was named: that of the kind of sample that the survey fit finds."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from fsl_mrs_dl.core.flags import Flag
from fsl_mrs_dl.models.calibrated import DEFAULT_MODEL, LoadedModel, find_model, load_model
from fsl_mrs_dl.models.folder import open_model
from fsl_mrs_dl.quantify.kind import kind_of_sample

MODEL_OF: Mapping[str, str] = {"brain": DEFAULT_MODEL, "solution": "phantom"}
"""Shipped model of each kind of sample; for solutions the ensemble, which errs least on ``phantom_dev`` (README)."""


def fingerprints() -> tuple[str, ...]:
    """`ModelFolder.fingerprint` of every model that may be chosen."""
    return tuple(open_model(find_model(name)).fingerprint for name in MODEL_OF.values())


@functools.cache
def _loaded(kind: str) -> LoadedModel:
    return load_model(MODEL_OF[kind])


def choose(marks: Mapping[str, float]) -> tuple[LoadedModel, Flag]:
    """The model for a sample with the given marks, see `fsl_mrs_dl.quantify.kind.heights`; a brain's in doubt."""
    kind = kind_of_sample(marks)
    model = _loaded(kind or "brain")
    found = ", ".join(f"{mark} {100 * height:.1f} %" for mark, height in marks.items()) or "no mark can be told"
    what = {"brain": "a brain", "solution": "a solution", None: "undecided, taken for a brain"}[kind]
    # without edit_off, that something is missing is all there is to tell
    code = "model_guessed" if kind == "solution" and "choline" not in marks else "model_chosen"
    return model, Flag(code, f"{model.folder.name}: {found} of the highest line, {what}")
