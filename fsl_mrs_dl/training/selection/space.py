# SPDX-License-Identifier: Apache-2.0
"""What is searched, and how: read from TOML."""

from __future__ import annotations

import copy
import dataclasses
import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fsl_mrs_dl.core.config import check_seed, from_mapping
from fsl_mrs_dl.core.errors import ConfigError
from fsl_mrs_dl.training.config import TrainConfig, read_toml


@dataclass(frozen=True)
class Dimension:
    """One parameter that is searched: an interval, or a list of choices.

    Parameters
    ----------
    low, high : float
        Ends of the interval; used where `choices` is empty.
    log : bool
        Whether the interval is searched by its logarithm.
    whole : bool
        Whether only whole numbers are meant.
    choices : tuple
        Values to choose from.
    ordered : bool
        Whether the choices stand from small to large, so that neighbours are alike.
    """

    low: float = 0.0
    high: float = 0.0
    log: bool = False
    whole: bool = False
    choices: tuple[Any, ...] = ()
    ordered: bool = False

    def __post_init__(self) -> None:
        if not self.choices and not (0 < self.low < self.high if self.log else self.low < self.high):
            raise ConfigError(
                "a dimension needs low < high (positive where log), or choices", got=(self.low, self.high, self.choices)
            )

    def value(self, encoded: Any) -> Any:
        """The value of a configuration that a point of the search space stands for; plain Python, JSON-clean."""
        if self.choices:
            return self.choices[int(encoded)]
        return int(encoded) if self.whole else float(encoded)

    @property
    def ends(self) -> tuple[Any, ...]:
        """What has to be tried to know that all values are valid: every choice, or both ends."""
        return self.choices or (self.value(self.low), self.value(self.high))

    def of_skopt(self, name: str) -> Any:
        """The same for scikit-optimize; choices are searched by their index."""
        from skopt.space import Categorical, Integer, Real

        prior = "log-uniform" if self.log else "uniform"
        if self.choices and self.ordered and len(self.choices) > 1:
            return Integer(0, len(self.choices) - 1, name=name)
        if self.choices:
            return Categorical(list(range(len(self.choices))), name=name)
        if self.whole:
            return Integer(int(self.low), int(self.high), prior=prior, name=name)
        return Real(self.low, self.high, prior=prior, name=name)


@dataclass(frozen=True)
class SelectConfig:
    """A search, read from TOML.

    Parameters
    ----------
    name : str
        Of the search.
    base : TrainConfig
        Settings that are not searched. Steps, warm-up and averaging of a trial follow from `rungs` and its batch size;
        ``optimiser.patience`` counts epochs.
    space : mapping of str to Dimension
        Keys are paths into the base, such as ``network.dense`` or ``optimiser.learning_rate``.
    n_spectra : int
        Spectra of the data set that every trial trains on.
    n_validation : int
        Spectra of other protocols, on which every trial is scored.
    n_trials : int
        Trials to complete.
    n_random : int
        How many of the first trials are drawn at random, before the Gaussian process proposes.
    n_most : int
        Trials that are started at most, those that end early counted; 0 for four times `n_trials`.
    rungs : tuple of int
        Epochs after which a trial is compared with the earlier ones at the same rung; the last one is its end
        (asynchronous successive halving: Li et al. 2020, arXiv 1810.05934).
    keep : float
        Share of the earlier trials at a rung that a trial has to be among to go on.
    n_free : int
        Trials at a rung before any is ended there.
    seed : int
        Of the proposals and of the data sets.
    """

    name: str
    base: TrainConfig
    space: dict[str, Dimension]
    n_spectra: int = 10_000
    n_validation: int = 2000
    n_trials: int = 64
    n_random: int = 24
    n_most: int = 0
    rungs: tuple[int, ...] = (2, 5, 10)
    keep: float = 0.5
    n_free: int = 8
    seed: int = 1

    def __post_init__(self) -> None:
        check_seed(self.seed)
        if not self.space:
            raise ConfigError("nothing to search", where="space")
        if not self.n_random >= 1:
            raise ConfigError("n_random must be at least 1", got=self.n_random)
        if self.n_trials < 1 or self.n_spectra < 1 or self.n_validation < 1 or self.n_free < 1 or self.n_most < 0:
            raise ConfigError("n_trials, n_spectra, n_validation and n_free must be at least 1, n_most at least 0")
        if not self.rungs or self.rungs[0] < 1 or any(a >= b for a, b in itertools.pairwise(self.rungs)):
            raise ConfigError("rungs must be rising numbers of epochs", got=self.rungs)
        if not 0 < self.keep <= 1:
            raise ConfigError("keep out of range", expected="above 0 to 1", got=self.keep)
        self._check_space()

    @property
    def most(self) -> int:
        """Trials that are started at most."""
        return self.n_most or 4 * self.n_trials

    def _check_space(self) -> None:
        """Try every choice, and every two choices together: what does not fit fails here, not after an hour."""
        ends = {path: dimension.ends for path, dimension in self.space.items()}
        for path, values in ends.items():
            for value in values:
                configured(self.base, {path: value})
        for (one, some), (other, more) in itertools.combinations(ends.items(), 2):
            if one.startswith(_NETWORK) and other.startswith(_NETWORK):
                for first, second in itertools.product(some, more):
                    _check_network(self.base.network, {one: first, other: second})

    def trial(self, values: Mapping[str, Any]) -> TrainConfig:
        """The training of a trial: epochs of the data set, the warm-up and the averaging in proportion."""
        config = configured(self.base, values)
        epoch = self.epoch(config)
        n_steps = epoch * self.rungs[-1]
        optimiser = dataclasses.replace(
            config.optimiser,
            n_steps=n_steps,
            last_step=0,
            warmup_steps=max(1, n_steps // 20),
            average_decay=math.exp(-1 / epoch),
            validate_every=epoch,
            checkpoint_every=n_steps,
            n_validation=self.n_validation,
        )
        return dataclasses.replace(config, optimiser=optimiser)

    def epoch(self, config: TrainConfig) -> int:
        """Steps in which a trial sees each spectrum once."""
        return max(1, self.n_spectra // config.optimiser.batch_size)


_NETWORK = "network."


def _check_network(base: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    from fsl_mrs_dl.networks import network_config

    network_config({**base, **{path.removeprefix(_NETWORK): value for path, value in values.items()}})


def read_selection(path: Path) -> SelectConfig:
    """Read a TOML file.

    Raises
    ------
    ConfigError
        When it is missing, not TOML, or holds an unknown key or a wrong value.
    """
    return from_mapping(SelectConfig, read_toml(path), str(path))


def configured(base: TrainConfig, values: Mapping[str, Any]) -> TrainConfig:
    """`base` with the settings at the given paths replaced; checked as if it had been read from a file."""
    tree = copy.deepcopy(dataclasses.asdict(base))
    for path, value in values.items():
        *parents, last = path.split(".")
        node: Any = tree
        for parent in parents:
            node = node.get(parent)
            if not isinstance(node, dict):
                raise ConfigError(f"the space names '{path}', which the configuration does not have", got=parent)
        node[last] = value
    config = from_mapping(TrainConfig, tree, "trial")
    from fsl_mrs_dl.networks import network_config

    network_config(config.network)
    return config
