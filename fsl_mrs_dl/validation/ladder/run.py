# SPDX-License-Identifier: Apache-2.0
"""``ladder``: train each rung (or resume), judge it, write what is known so far. Run again to go on."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fsl_mrs_dl import __version__
from fsl_mrs_dl.basis.bank import BasisBank
from fsl_mrs_dl.core.errors import ModelError
from fsl_mrs_dl.core.locks import alone_in
from fsl_mrs_dl.core.progress import Pace
from fsl_mrs_dl.models.calibrated import LoadedModel
from fsl_mrs_dl.models.folder import open_model
from fsl_mrs_dl.synthesise.synthesiser import Synthesiser
from fsl_mrs_dl.training.config import TrainConfig
from fsl_mrs_dl.training.run import bank_of_recipe, train
from fsl_mrs_dl.validation.ladder.config import LadderConfig, as_pairs
from fsl_mrs_dl.validation.ladder.outputs import HELD_OUT, MEASURED, OWN, write_outputs
from fsl_mrs_dl.validation.ladder.rungs import Rung
from fsl_mrs_dl.validation.ladder.sets import MeasuredSpectra, SimulatedSpectra, Spectra
from fsl_mrs_dl.validation.run import Truth

log = logging.getLogger(__name__)


def run_ladder(
    config: LadderConfig, folder: Path, data: Path | None = None, truths: Sequence[Truth] = ()
) -> dict[str, Any]:
    """Climb the ladder.

    Parameters
    ----------
    config : LadderConfig
    folder : Path
        Made when missing. It then holds ``NN-NAME/`` (the model of each rung), ``bank/``, ``bank_held_out/`` and
        ``ladder.json``, ``ladder.csv``, ``ladder.png``, which are written again after each rung. Rungs that are
        there already are not trained again.
    data : Path, optional
        Folder of OFF/ON pairs whose concentrations are known.
    truths : sequence of Truth
        Of the data sets in `data`.

    Returns
    -------
    dict
        The content of ``ladder.json``.

    Raises
    ------
    ConfigError, DataError
        When the folder holds a rung, or a bank, of another configuration, or another run writes into it.
    DataError
        When `data` cannot be used.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with alone_in(folder, "ladder"):
        return _run(config, folder, data, truths)


def _run(config: LadderConfig, folder: Path, data: Path | None, truths: Sequence[Truth]) -> dict[str, Any]:
    recipe, workers = config.base.recipe, config.base.optimiser.threads
    # first what may be wrong, before hours of training
    measured: dict[str, Spectra] = {}
    if data is not None:
        measured[MEASURED] = MeasuredSpectra(data, truths, recipe.outputs, recipe.grid)
    bank = bank_of_recipe(recipe, folder / "bank", workers)
    held_out = Synthesiser(config.held_out, bank_of_recipe(config.held_out, folder / "bank_held_out", workers))
    log.info("classical fit of %d simulated spectra", config.n_simulated)
    simulated = SimulatedSpectra(held_out, config.n_simulated, config.base.seed, classical=True)
    sets: dict[str, Spectra] = {HELD_OUT: simulated, **measured}
    result: dict[str, Any] = {
        "version": __version__,
        "config": json.loads(json.dumps(asdict(config))),
        "data": None if data is None else str(data),
        "rungs": [],
    }
    pace = Pace(len(config.rungs))
    for done, rung in enumerate(config.rungs, start=1):
        log.info("rung %d/%d: %s", rung.number + 1, len(config.rungs), rung.title)
        result["rungs"].append(_climbed(config, rung, folder, bank.first(rung.recipe.bank.n_members), sets))
        write_outputs(folder, result)
        log.info("%s", pace.after(done))
    return result


def _climbed(
    config: LadderConfig, rung: Rung, folder: Path, bank: BasisBank, sets: Mapping[str, Spectra]
) -> dict[str, Any]:
    """The rung's model, trained or found, judged on spectra of its own kind and on `sets`."""
    model = _trained(config.training(rung), folder / rung.folder, bank)
    own = SimulatedSpectra(Synthesiser(as_pairs(rung.recipe), bank), config.n_simulated, config.base.seed)
    return {
        "name": rung.name,
        "title": rung.title,
        "folder": rung.folder,
        "on": list(rung.on),
        "training": model.folder.card.as_written("training"),
        "sets": {name: spectra.judge(model) for name, spectra in {OWN: own, **sets}.items()},
    }


def _trained(config: TrainConfig, folder: Path, bank: BasisBank) -> LoadedModel:
    """The model of a rung; trained unless it is there."""
    if not _is_there(config, folder):
        train(config, folder, bank)
    else:
        log.info("%s is there already", folder.name)
    return LoadedModel(open_model(folder))


def _is_there(config: TrainConfig, folder: Path) -> bool:
    """Whether `folder` holds the finished model of this very configuration."""
    try:
        card = open_model(folder).card
    except ModelError:
        return False
    return card.config == json.loads(json.dumps(asdict(config)))
