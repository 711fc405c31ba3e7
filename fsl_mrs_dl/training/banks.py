# SPDX-License-Identifier: Apache-2.0
"""The banks of a training: of its recipe, and of the wider world in which its intervals are calibrated."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from fsl_mrs_dl.basis.bank import BasisBank, bank_of
from fsl_mrs_dl.basis.bank_files import load_members, simulate_members
from fsl_mrs_dl.basis.nominal import nominal_features
from fsl_mrs_dl.synthesise.recipe import Recipe
from fsl_mrs_dl.synthesise.synthesiser import Synthesiser
from fsl_mrs_dl.training.config import TrainConfig

CALIBRATION_BANK = "bank_calibration"
"""Folder of the bank of a calibration with a recipe of its own, beside that of the training's bank."""


def bank_of_recipe(recipe: Recipe, folder: Path, workers: int = 1) -> BasisBank:
    """The bank of a recipe, simulated into `folder` as far as it is not there."""
    simulate_members(recipe.bank, recipe.metabolites, folder, workers=workers)
    return read_bank(recipe, folder, workers)


def read_bank(recipe: Recipe, folder: Path, workers: int = 1) -> BasisBank:
    """The bank in `folder` as a recipe uses it; nominal bases are simulated where they are told and not there yet."""
    bank = bank_of(load_members(folder), recipe.metabolites, recipe.grid, groups_apart=recipe.protons.apart)
    if not recipe.told.n_components:
        return bank
    return dataclasses.replace(bank, features=nominal_features(bank.protocols, folder / "nominal", workers))


def calibration_synthesiser(config: TrainConfig, synthesiser: Synthesiser, folder: Path) -> Synthesiser:
    """What makes the spectra on which intervals are calibrated.

    Parameters
    ----------
    config : TrainConfig
    synthesiser : Synthesiser
        The training's, which is the answer where the configuration has no wider world.
    folder : Path
        Of the run: the bank of the wider world lies in `CALIBRATION_BANK`, and is simulated where it is missing.
    """
    if not config.calibration:
        return synthesiser
    recipe = config.calibration_recipe
    bank = bank_of_recipe(recipe, folder / CALIBRATION_BANK, config.optimiser.threads)
    return Synthesiser(recipe, bank, synthesiser.code)
