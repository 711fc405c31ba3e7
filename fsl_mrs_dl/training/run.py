# SPDX-License-Identifier: Apache-2.0
"""``train``: simulate the bank (once), train (or resume), export."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
from pathlib import Path

import numpy as np

from fsl_mrs_dl.io.atomic import atomic_path
from fsl_mrs_dl.synthesise.bank import BasisBank, build_bank
from fsl_mrs_dl.synthesise.recipe import Recipe, Synthesiser
from fsl_mrs_dl.training.config import TrainConfig

log = logging.getLogger(__name__)


def train(config: TrainConfig, folder: Path) -> None:
    """Run a training configuration; resumes what an interrupted run left in `folder`.

    The folder then holds ``model.onnx``, ``model.safetensors``, ``card.json``, and of the run itself ``bank.npz``,
    ``checkpoint.safetensors`` and ``progress.json``.
    """
    from fsl_mrs_dl.training.export import export
    from fsl_mrs_dl.training.loop import Trainer

    folder.mkdir(parents=True, exist_ok=True)
    bank = cached_bank(config.recipe, folder / "bank.npz", config.optimiser.threads)
    trainer = Trainer(config, Synthesiser(config.recipe, bank), folder)
    trainer.run()
    export(trainer, folder)


def cached_bank(recipe: Recipe, path: Path, workers: int = 1) -> BasisBank:
    """The bank of a recipe, simulated or read from `path` when that file holds this very bank."""
    wanted = {"bank": dataclasses.asdict(recipe.bank), "metabolites": recipe.metabolites,
              "max_time_s": recipe.grid.max_time_s}  # fmt: skip
    key = hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()
    if path.exists():
        with np.load(path, allow_pickle=False) as stored:
            if str(stored["key"]) == key:
                return BasisBank(recipe.metabolites, tuple(recipe.bank.draw()), stored["edit_off"], stored["edit_on"])
    log.info("simulating a bank of %d protocols", recipe.bank.n_members)
    bank = build_bank(
        recipe.bank,
        recipe.metabolites,
        recipe.grid,
        workers=workers,
        progress=lambda done, total: log.info("protocol %d/%d", done, total) if done % 8 == 0 else None,
    )
    with atomic_path(path) as scratch, scratch.open("wb") as stream:
        np.savez(stream, key=key, edit_off=bank.edit_off, edit_on=bank.edit_on)
    return bank
