# SPDX-License-Identifier: Apache-2.0
"""The bank of a recipe, simulated where it is not there yet."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from fsl_mrs_dl.basis.bank import BasisBank, bank_of
from fsl_mrs_dl.basis.bank_files import load_members, simulate_members
from fsl_mrs_dl.basis.nominal import nominal_features
from fsl_mrs_dl.synthesise.recipe import Recipe


def bank_of_recipe(recipe: Recipe, folder: Path, workers: int = 1) -> BasisBank:
    """The bank of a recipe, simulated into `folder` as far as it is not there."""
    simulate_members(recipe.bank, recipe.metabolites, folder, workers=workers)
    bank = bank_of(load_members(folder), recipe.metabolites, recipe.grid, groups_apart=recipe.protons.apart)
    if not recipe.told.n_components:
        return bank
    return dataclasses.replace(bank, features=nominal_features(bank.protocols, folder / "nominal", workers))
