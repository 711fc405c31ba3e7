# SPDX-License-Identifier: Apache-2.0
"""A search from its configuration to its end: banks, the two data sets, the trials."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path

from fsl_mrs_dl.core.locks import alone_in
from fsl_mrs_dl.synthesise.recipe import Recipe
from fsl_mrs_dl.synthesise.synthesiser import Synthesiser
from fsl_mrs_dl.training.banks import bank_of_recipe
from fsl_mrs_dl.training.dataset import write_dataset
from fsl_mrs_dl.training.selection.search import Search
from fsl_mrs_dl.training.selection.space import SelectConfig

log = logging.getLogger(__name__)

DATA, HELD_OUT, BANK, BANK_HELD_OUT = "data", "held_out", "bank", "bank_held_out"
"""Folders of a search, beside its log."""

_OTHER_SEED, _N_HELD_OUT = 1000, 64
"""Of the protocols that no training spectrum has: what is added to the bank's seed, and how many there are at most."""


def held_out_recipe(recipe: Recipe, added: int = _OTHER_SEED) -> Recipe:
    """The same ranges with other protocols, both conditions always shown."""
    bank = dataclasses.replace(
        recipe.bank, seed=recipe.bank.seed + added, n_members=min(_N_HELD_OUT, recipe.bank.n_members)
    )
    return dataclasses.replace(recipe, bank=bank, drop_off=0.0, drop_diff=0.0)


def select(config: SelectConfig, folder: Path, *, workers: int = 1, device: str = "cpu") -> Search:
    """Run a search in `folder`; what an interrupted one left there is used.

    Parameters
    ----------
    config : SelectConfig
    folder : Path
        Made when missing. Banks that lie there already are used.
    workers : int
        Processes that simulate, synthesise and train.
    device : str
        ``cpu`` or ``cuda``.

    Raises
    ------
    ConfigError
        When the folder holds another search, or another run writes into it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with alone_in(folder, "search"):
        return _searched(config, folder, workers, device)


def _searched(config: SelectConfig, folder: Path, workers: int, device: str) -> Search:
    search = Search(config, folder)
    if search.is_done:
        # a log alone is looked at again without the spectra
        return search
    recipe = config.base.recipe
    _make(recipe, config.n_spectra, config.seed, folder / BANK, folder / DATA, workers)
    other = held_out_recipe(recipe)
    _make(other, config.n_validation, config.seed + 1, folder / BANK_HELD_OUT, folder / HELD_OUT, workers)
    search.run(folder / DATA, folder / HELD_OUT, workers=workers, device=device)
    return search


def _make(recipe: Recipe, n: int, seed: int, bank: Path, output: Path, workers: int) -> None:
    """A data set, where it is not there."""
    if not output.exists():
        write_dataset(Synthesiser(recipe, bank_of_recipe(recipe, bank, workers)), n, seed, output, workers=workers)
