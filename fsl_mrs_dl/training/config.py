# SPDX-License-Identifier: Apache-2.0
"""The configuration of a training run, read from TOML; unknown keys are errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from fsl_mrs_dl.core import reading
from fsl_mrs_dl.core.config import check_seed, from_mapping
from fsl_mrs_dl.core.errors import ConfigError, nearest
from fsl_mrs_dl.synthesise.recipe import Recipe
from fsl_mrs_dl.training.stages import stage_tables


@dataclass(frozen=True)
class OptimiserConfig:
    """The training loop.

    Parameters
    ----------
    n_steps : int
        Training steps, over which the learning rate comes down.
    batch_size : int
        Spectra of each step.
    last_step : int
        If not 0, the step after which a stage ends before its learning rate has come down; the next stage continues.
    learning_rate : float
        Peak of a warm-up and cosine schedule (AdamW: Loshchilov and Hutter 2019, arXiv 1711.05101).
    weight_decay : float
        Of AdamW.
    warmup_steps : int
        Steps over which the learning rate rises.
    average_decay : float
        Decay per step of the exponential moving average of the weights, which is what is kept.
    spread_weight : float
        Exponent beta of the beta-NLL loss (Seitzer et al. 2022, arXiv 2203.09168): 0 is the plain likelihood, 1
        trains the mean as least squares does.
    sum_weight : float
        Weight of the absolute errors of the reported sums (tCr, Glx ...), in units of their spread: parts of a sum are
        often separated poorly, but their sum is determined well.
    ratio_weight : float
        Weight of the relative errors of the ratios that are reported, see `fsl_mrs_dl.training.ratio_loss`.
    validate_every, checkpoint_every : int
        Steps between two validations, and between two checkpoints.
    n_validation : int
        Spectra of the validation set.
    n_calibration : int
        Spectra on which intervals are calibrated.
    patience : int
        Validations without progress after which training stops.
    threads : int
        Threads of torch, and processes that simulate the bank, where a CPU trains.
    coarse_share : float
        Share of the steps, from the first, that are computed in bfloat16 where the processor does so faster (mixed
        precision: Micikevicius et al. 2018, arXiv 1710.03740); the last ones are always in float32.
    """

    n_steps: int = 4000
    last_step: int = 0
    batch_size: int = 256
    learning_rate: float = 1.5e-3
    weight_decay: float = 1e-2
    warmup_steps: int = 200
    average_decay: float = 0.998
    spread_weight: float = 0.5
    sum_weight: float = 0.0
    ratio_weight: float = 0.0
    validate_every: int = 200
    checkpoint_every: int = 100
    n_validation: int = 3000
    n_calibration: int = 12000
    patience: int = 30
    threads: int = 2
    coarse_share: float = 0.0

    def __post_init__(self) -> None:
        for name in ("n_steps", "batch_size", "validate_every", "checkpoint_every", "n_validation", "n_calibration"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1", got=getattr(self, name))
        if not 0 <= self.last_step <= self.n_steps:
            raise ConfigError("last_step out of range", expected=f"0 to {self.n_steps}", got=self.last_step)
        if not 0 <= self.coarse_share <= 1:
            raise ConfigError("coarse_share out of range", expected="0 to 1", got=self.coarse_share)


@dataclass(frozen=True)
class AnchorConfig:
    """Weights that the trained ones are averaged with when a stage has ended.

    A network that went on from another one keeps more of what that one could when the weights of both are averaged
    (Wortsman et al. 2022, arXiv 2109.01903).

    Parameters
    ----------
    stage : int
        Number of the stage whose weights are taken, from 1 on; 0 for none.
    share : float
        Of those weights in the average.
    """

    stage: int = 0
    share: float = 0.0

    def __post_init__(self) -> None:
        if self.stage < 0 or not 0 <= self.share < 1:
            raise ConfigError("anchor: stage counts from 1, share lies from 0 to below 1", got=self)


@dataclass(frozen=True)
class TrainConfig:
    """A whole training run.

    Parameters
    ----------
    name : str
        Name of the model.
    seed : int
        Of weights and spectra.
    dataset : str
        Folder that ``fsl_mrs_dl dataset`` wrote; spectra are synthesised while training where it is empty.
    start : str
        Folder of a finished run with the same network and outputs, whose weights training starts from.
    emphasis : mapping of str to float
        Weight of an output in the loss; 1 where not given.
    network : mapping
        ``name`` and settings, see `fsl_mrs_dl.networks`.
    optimiser : OptimiserConfig
    recipe : Recipe
    anchor : AnchorConfig
    calibration : mapping
        Settings of a recipe that take the place of `recipe`'s for the spectra on which intervals are calibrated: a
        wider world than the training's, with a bank of its own, where intervals are to hold for other simulators'
        spectra too. Empty for the training's own world.
    """

    name: str
    seed: int = 1
    dataset: str = ""
    start: str = ""
    emphasis: dict[str, float] = field(default_factory=dict)
    network: dict[str, Any] = field(default_factory=lambda: {"name": "cnn"})
    optimiser: OptimiserConfig = field(default_factory=OptimiserConfig)
    recipe: Recipe = field(default_factory=Recipe)
    anchor: AnchorConfig = field(default_factory=AnchorConfig)
    calibration: dict[str, Any] = field(default_factory=dict)

    @property
    def calibration_recipe(self) -> Recipe:
        """The recipe of the spectra on which intervals are calibrated."""
        where = f"{self.name}, calibration"
        return from_mapping(Recipe, merged(asdict(self.recipe), Recipe.expanded(self.calibration, where)), where)

    def __post_init__(self) -> None:
        check_seed(self.seed)
        if self.calibration_recipe.outputs != self.recipe.outputs:
            raise ConfigError("calibration must not change what is estimated", where=self.name)
        outputs = self.recipe.outputs
        for name in self.emphasis:
            if name not in outputs:
                raise ConfigError(
                    f"emphasis names the unknown output '{name}'{nearest(name, outputs)}",
                    expected=f"some of {', '.join(outputs)}",
                )


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `changes`, table by table."""
    result = dict(base)
    for key, value in changes.items():
        both = isinstance(value, Mapping) and isinstance(base.get(key), Mapping)
        result[key] = merged(base[key], value) if both else value
    return result


def read_config(path: Path) -> TrainConfig:
    """Read a TOML file; of one with stages, the last one.

    Raises
    ------
    ConfigError
        When it is missing, not TOML, or holds an unknown key or a wrong value.
    """
    return read_stages(path)[-1]


def read_stages(path: Path) -> tuple[TrainConfig, ...]:
    """The stages of a training in a TOML file, one where it has no ``[[stage]]`` tables; raises as `read_config`."""
    return stages_of(read_toml(path), str(path))


def stages_of(values: Mapping[str, Any], where: str) -> tuple[TrainConfig, ...]:
    """The same of what stands in the file.

    Raises
    ------
    ConfigError
        On an unknown key or a wrong value, and where a stage has other quantities or another grid than the first one.
    """
    stages = tuple(from_mapping(TrainConfig, table, place) for place, table in stage_tables(values, where))
    first = stages[0].recipe
    for number, stage in enumerate(stages, start=1):
        if (stage.recipe.outputs, stage.recipe.grid) != (first.outputs, first.grid):
            raise ConfigError(
                "all stages train one network: its quantities and its grid stay the same",
                where=f"{where}, stage {number}",
                expected=", ".join(first.outputs),
                got=", ".join(stage.recipe.outputs),
            )
    return stages


def read_toml(path: Path) -> dict[str, Any]:
    """The content of a TOML file.

    Raises
    ------
    ConfigError
        When it is missing or not TOML.
    """
    return reading.read_toml(path, "configuration", ConfigError)
