# SPDX-License-Identifier: Apache-2.0
"""The spectra on which every rung is judged: their truths, and the classical fit, which is made once.

Nothing is refused here: a refusal depends on the model, and every rung has to answer the same spectra.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from fsl_mrs_dl.core.errors import DataError
from fsl_mrs_dl.models.calibrated import LoadedModel
from fsl_mrs_dl.models.inputs import PpmGrid, prepare
from fsl_mrs_dl.preprocess.load import load
from fsl_mrs_dl.quantify.lincomb import fit_linear_combination
from fsl_mrs_dl.quantify.signals import basis_signals
from fsl_mrs_dl.synthesise.synthesiser import Synthesiser
from fsl_mrs_dl.validation.classical import fit_simulated
from fsl_mrs_dl.validation.outputs import Case, answers_of, build_result
from fsl_mrs_dl.validation.run import CLASSICAL, Truth, files_of
from fsl_mrs_dl.validation.simulated import run_simulated

log = logging.getLogger(__name__)

_PAIR = "edit_off+diff"


class Spectra(ABC):
    """Spectra of known concentrations."""

    @abstractmethod
    def cases(self, model: LoadedModel) -> list[Case]:
        """The answers of a model."""

    def judge(self, model: LoadedModel) -> dict[str, Any]:
        """The figures of `fsl_mrs_dl.validation.outputs.build_result`."""
        return build_result(self.cases(model), model.folder.name)


class SimulatedSpectra(Spectra):
    """Synthesised spectra.

    Parameters
    ----------
    synthesiser : Synthesiser
    n, seed : int
        See `fsl_mrs_dl.validation.simulated.run_simulated`.
    classical : bool
        Whether the classical fit stands beside the network, on the quantities of the recipe.
    """

    def __init__(self, synthesiser: Synthesiser, n: int, seed: int, *, classical: bool = False) -> None:
        self.synthesiser, self.n, self.seed = synthesiser, n, seed
        outputs = synthesiser.recipe.outputs
        self.fitted = fit_simulated(synthesiser, n, seed, outputs) if classical else None

    def cases(self, model: LoadedModel) -> list[Case]:
        """See `Spectra`."""
        cases = run_simulated(self.synthesiser, model, self.n, self.seed)
        if self.fitted is None:
            return cases
        return [replace(case, against={CLASSICAL: values}) for case, values in zip(cases, self.fitted, strict=True)]


class MeasuredSpectra(Spectra):
    """A folder of OFF/ON pairs, read and fitted once.

    Parameters
    ----------
    folder : Path
        Of ``<id>.nii.gz``.
    truths : sequence of Truth
    names : sequence of str
        Quantities of the classical fit.
    grid : PpmGrid
        That of the networks.

    Raises
    ------
    DataError
        When a file is missing, cannot be used, or is not a pair.
    """

    def __init__(self, folder: Path, truths: Sequence[Truth], names: Sequence[str], grid: PpmGrid) -> None:
        self.truths = truths
        self.fitted: list[Mapping[str, float]] = []
        inputs = []
        for path in files_of(folder, truths):
            spectra = load(path).spectra
            if spectra.edit_off is None or spectra.diff is None:
                raise DataError("a ladder is evaluated on OFF/ON pairs", where=path, got=", ".join(spectra.present))
            inputs.append(prepare(spectra, grid))
            signals = basis_signals(spectra, names)
            amplitudes = fit_linear_combination(spectra, signals, grid).amplitudes
            self.fitted.append(dict(zip(signals.names, map(float, amplitudes), strict=True)))
        log.info("%d measured data sets read", len(inputs))
        self.channels = np.stack([i.channels for i in inputs])
        self.present = np.stack([i.present for i in inputs])
        self.scale = np.array([i.scale for i in inputs])

    def cases(self, model: LoadedModel) -> list[Case]:
        """See `Spectra`."""
        prediction = model.predict_batch(self.channels, self.present, self.scale)
        cases = []
        for row, (truth, fitted) in enumerate(zip(self.truths, self.fitted, strict=True)):
            one = prediction.row(row)
            estimates = model.estimates(one, _PAIR)
            every = (*estimates, *model.sums(estimates, _PAIR, one))
            cases.append(
                Case(
                    id=truth.id,
                    truth=truth.values,
                    **answers_of(every),
                    against={CLASSICAL: fitted},
                    series=truth.series,
                )
            )
        return cases
