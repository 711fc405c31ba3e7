# SPDX-License-Identifier: Apache-2.0
"""``train``: simulate the bank (once), train (or resume), export."""

from __future__ import annotations

from pathlib import Path

from fsl_mrs_dl.basis.bank import BasisBank, bank_of
from fsl_mrs_dl.basis.bank_files import load_members, simulate_members
from fsl_mrs_dl.synthesise.recipe import Recipe, Synthesiser
from fsl_mrs_dl.training.config import TrainConfig
from fsl_mrs_dl.training.dataset import open_dataset


def train(config: TrainConfig, folder: Path, bank: BasisBank | None = None) -> None:
    """Run a training configuration; resumes what an interrupted run left in `folder`.

    The folder then holds ``model.onnx``, ``model.safetensors``, ``card.json``, and of the run itself ``bank/``,
    ``checkpoint.safetensors`` and ``progress.json``.

    Parameters
    ----------
    config : TrainConfig
    folder : Path
        Made when missing.
    bank : BasisBank, optional
        That of the recipe, where there is one already; simulated into ``bank/`` otherwise.
    """
    from fsl_mrs_dl.training.export import export
    from fsl_mrs_dl.training.loop import Trainer

    folder.mkdir(parents=True, exist_ok=True)
    bank = bank or bank_of_recipe(config.recipe, folder / "bank", config.optimiser.threads)
    dataset = open_dataset(Path(config.dataset), config.recipe) if config.dataset else None
    trainer = Trainer(config, Synthesiser(config.recipe, bank), folder, dataset)
    trainer.run()
    export(trainer, folder)


def bank_of_recipe(recipe: Recipe, folder: Path, workers: int = 1) -> BasisBank:
    """The bank of a recipe, simulated into `folder` as far as it is not there."""
    simulate_members(recipe.bank, recipe.metabolites, folder, workers=workers)
    return bank_of(load_members(folder), recipe.metabolites, recipe.grid)
