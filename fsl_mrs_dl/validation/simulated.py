# SPDX-License-Identifier: Apache-2.0
"""Validate a model on spectra that are synthesised for it from a recipe, without any file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fsl_mrs_dl.core.errors import DataError
from fsl_mrs_dl.metabolites.sums import MODES, REFERENCE_MIN_SD, REFERENCES
from fsl_mrs_dl.models.calibrated import LoadedModel, Prediction
from fsl_mrs_dl.models.estimate import Estimate
from fsl_mrs_dl.synthesise.synthesiser import Draw, Synthesiser
from fsl_mrs_dl.validation.outputs import Case, answers_of

STREAM = 4
"""Stream of random numbers of these spectra: none of those that training, calibration or data sets draw from."""


def draw_simulated(synthesiser: Synthesiser, n: int, seed: int) -> Draw:
    """The draw of the spectra of `run_simulated`; the same whenever it is made."""
    return synthesiser.draw(n, np.random.default_rng((seed, STREAM)))


def run_simulated(synthesiser: Synthesiser, model: LoadedModel, n: int, seed: int, *, told: bool = False) -> list[Case]:
    """Quantify `n` synthesised spectra.

    Parameters
    ----------
    synthesiser : Synthesiser
        Its recipe's metabolites are the truth; what else the model estimates is left out.
    model : LoadedModel
    n : int
    seed : int
    told : bool
        Whether the model is told the protocols as the recipe draws them; else it is told nothing.

    Returns
    -------
    list of Case

    Raises
    ------
    DataError
        When the model estimates nothing of what the recipe holds, or has another grid.
    """
    if model.folder.grid != synthesiser.recipe.grid:
        raise DataError(
            "the model has another ppm grid than the recipe",
            where=model.folder.path,
            expected=synthesiser.recipe.grid,
            got=model.folder.grid,
        )
    shared = [name for name in synthesiser.recipe.outputs if name in model.outputs]
    if not shared:
        raise DataError(
            "the model estimates nothing of what the recipe holds",
            where=model.folder.path,
            expected=", ".join(synthesiser.recipe.outputs),
            got=", ".join(model.outputs),
        )
    batch = synthesiser.render(draw_simulated(synthesiser, n, seed))
    prediction = model.predict_batch(batch.channels, batch.present, batch.scale, batch.protocol if told else None)
    modes = {present: name for name, present in MODES.items()}
    cases = []
    for row in range(n):
        mode = modes[float(batch.present[row, 0]), float(batch.present[row, 1])]
        one = prediction.row(row)
        # a condition for which the model was not calibrated is one that it does not answer
        answered = mode in model.folder.card.calibration
        estimates = [e for e in model.estimates(one, mode) if e.name in shared] if answered else []
        truth = dict(zip(synthesiser.recipe.outputs, map(float, batch.conc_mm[row]), strict=True))
        cases.append(
            Case(
                id=f"{row:06d}",
                truth={name: truth[name] for name in shared},
                **answers_of(estimates),
                series=mode,
                refused=not answered,
                **_ratios(model, estimates, mode, one),
                model=model.folder.name,
            )
        )
    return cases


def _ratios(model: LoadedModel, estimates: Sequence[Estimate], mode: str, prediction: Prediction) -> dict[str, Any]:
    """The fields of a `Case` that hold ratios to the mode's reference; none where it was not measured."""
    if not estimates:
        return {}
    reference = tuple(name for name in REFERENCES[mode] if any(e.name == name for e in estimates))
    sums = model.sums(estimates, mode, prediction)
    total = model.reference(estimates, reference, sums)
    if total is None or not total.value > REFERENCE_MIN_SD * total.sd:
        return {}
    return {"reference": reference, "ratios": model.ratios((*estimates, *sums), total, mode)}
