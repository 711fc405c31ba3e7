# SPDX-License-Identifier: Apache-2.0
"""The configuration of a ladder, read from TOML; unknown keys are errors."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from fsl_mrs_dl.core.config import from_mapping
from fsl_mrs_dl.core.errors import ConfigError
from fsl_mrs_dl.synthesise.recipe import Recipe
from fsl_mrs_dl.training.config import TrainConfig, read_config, read_toml
from fsl_mrs_dl.validation.ladder.rungs import Rung, check_groups, groups_on, rungs

HELD_OUT_SEED = 1000
"""Added to the bank's seed for the protocols of the held-out simulation."""


@dataclass(frozen=True)
class LadderConfig:
    """A ladder.

    Parameters
    ----------
    base : TrainConfig
        The training of every rung; its recipe is that of the top. Its seed serves all rungs.
    groups : tuple of str, or None
        Names of `fsl_mrs_dl.validation.ladder.rungs.GROUPS` in the order in which they are switched on; those not
        named stay off on every rung, and are on in the held-out simulation all the same. None: those of which the
        base's recipe has anything.
    n_steps : int or None
        Training steps of each rung; the base's where None.
    n_simulated : int
        Spectra of each simulated test set.
    n_protocols : int
        Protocols of the held-out simulation: of the same ranges, and none that was trained on.
    """

    base: TrainConfig
    groups: tuple[str, ...] | None = None
    n_steps: int | None = None
    n_simulated: int = 300
    n_protocols: int = 64

    def __post_init__(self) -> None:
        check_groups(self.groups or ())
        for name in ("n_steps", "n_simulated", "n_protocols"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f"{name} must be at least 1", got=value)
        if self.base.dataset:
            raise ConfigError(
                "a ladder synthesises the spectra of each rung",
                where="base, dataset",
                expected="no data set",
                got=self.base.dataset,
            )
        if self.base.start:
            raise ConfigError(
                "every rung starts afresh: earlier weights have seen other rungs",
                where="base, start",
                expected="no folder",
                got=self.base.start,
            )

    @property
    def rungs(self) -> tuple[Rung, ...]:
        """From the lowest to the highest."""
        recipe = self.base.recipe
        return rungs(recipe, groups_on(recipe) if self.groups is None else self.groups)

    @property
    def held_out(self) -> Recipe:
        """Everything on, other protocols, both conditions shown."""
        bank = replace(
            self.base.recipe.bank, seed=self.base.recipe.bank.seed + HELD_OUT_SEED, n_members=self.n_protocols
        )
        return as_pairs(replace(self.base.recipe, bank=bank))

    def training(self, rung: Rung) -> TrainConfig:
        """The training run of a rung."""
        optimiser = self.base.optimiser
        if self.n_steps is not None:
            optimiser = replace(optimiser, n_steps=self.n_steps)
        return replace(self.base, name=rung.folder, recipe=rung.recipe, optimiser=optimiser)


def as_pairs(recipe: Recipe) -> Recipe:
    """`recipe` with both conditions always shown."""
    return replace(recipe, drop_off=0.0, drop_diff=0.0)


def read_ladder(path: Path) -> LadderConfig:
    """Read a TOML file; ``base`` is a table, or the path of a training configuration relative to the file.

    Raises
    ------
    ConfigError
        When a file is missing, not TOML, or holds an unknown key or a wrong value.
    """
    values = read_toml(path)
    base = values.get("base")
    if isinstance(base, str):
        base_path = path.parent / base
        values["base"] = read_config(base_path)
    return from_mapping(LadderConfig, values, str(path))
