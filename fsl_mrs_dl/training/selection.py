# SPDX-License-Identifier: Apache-2.0
"""Bayesian optimisation of architecture and training parameters, resumable trial by trial.

A Gaussian process over the search space proposes (expected improvement; scikit-optimize), each proposal is trained on
one fixed data set and judged by its error on perturbed validation spectra of protocols that the data set has not.
"""

from __future__ import annotations

import copy
import dataclasses
import json
import logging
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fsl_mrs_dl.core.canvas import new_figure, plain_style, save_figure
from fsl_mrs_dl.core.config import from_mapping
from fsl_mrs_dl.core.errors import ConfigError, DataError, MissingExtraError
from fsl_mrs_dl.core.files import write_json
from fsl_mrs_dl.core.progress import Pace
from fsl_mrs_dl.training.config import TrainConfig, read_toml

if TYPE_CHECKING:
    from fsl_mrs_dl.synthesise.synthesiser import Synthesiser
    from fsl_mrs_dl.training.dataset import Dataset

log = logging.getLogger(__name__)

TRIALS = "trials.json"


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
        Values in no order.
    """

    low: float = 0.0
    high: float = 0.0
    log: bool = False
    whole: bool = False
    choices: tuple[Any, ...] = ()

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

    def of_skopt(self, name: str) -> Any:
        """The same for scikit-optimize; choices are searched by their index."""
        from skopt.space import Categorical, Integer, Real

        prior = "log-uniform" if self.log else "uniform"
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
    base : TrainConfig
        What is not searched; its ``optimiser`` settings are those of a trial.
    space : mapping of str to Dimension
        Keys are paths into the base, such as ``network.dense`` or ``optimiser.learning_rate``.
    n_spectra : int
        Size of the data set that every trial trains on.
    n_trials, n_random : int
        Trials in all, and how many of them are drawn at random before the Gaussian process proposes.
    seed : int
        Of the proposals and of the data set.
    """

    name: str
    base: TrainConfig
    space: dict[str, Dimension]
    n_spectra: int = 10_000
    n_trials: int = 20
    n_random: int = 8
    seed: int = 1

    def __post_init__(self) -> None:
        if not self.space:
            raise ConfigError("nothing to search", where="space")
        if not 1 <= self.n_random <= self.n_trials:
            raise ConfigError("n_random must lie between 1 and n_trials", got=(self.n_random, self.n_trials))
        for path, dimension in self.space.items():
            first = dimension.choices[0] if dimension.choices else dimension.value(dimension.low)
            configured(self.base, {path: first})  # a path that does not exist fails here, not after an hour


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


class Search:
    """A search in a folder: ``data/`` (the data set), ``bank/`` and ``trials.json``, which is its state.

    Parameters
    ----------
    config : SelectConfig
    folder : Path
        Exists; the trials of an interrupted search are told to the optimiser again.
    """

    def __init__(self, config: SelectConfig, folder: Path) -> None:
        try:
            from skopt import Optimizer
        except ImportError as error:
            raise MissingExtraError("scikit-optimize", "tune") from error
        self.config, self.folder = config, folder
        self.trials: list[dict[str, Any]] = self._earlier()
        self._optimiser = Optimizer(
            [dimension.of_skopt(name) for name, dimension in config.space.items()],
            base_estimator="GP",
            n_initial_points=config.n_random,
            initial_point_generator="lhs",
            acq_func="EI",
            random_state=config.seed,
        )
        for trial in self.trials:
            # asked for again, so that the initial design goes on where it was
            self._optimiser.ask()
            self._optimiser.tell(trial["point"], trial["score"])

    def run(self, synthesiser: Synthesiser, dataset: Dataset) -> None:
        """Train what is left of the trials."""
        from fsl_mrs_dl.training.loop import Trainer

        before = len(self.trials)
        pace = Pace(self.config.n_trials - before)
        while len(self.trials) < self.config.n_trials:
            point = [v.item() if hasattr(v, "item") else v for v in self._optimiser.ask()]
            values = {
                name: dimension.value(v) for (name, dimension), v in zip(self.config.space.items(), point, strict=True)
            }
            started = time.monotonic()
            with tempfile.TemporaryDirectory() as scratch:
                trainer = Trainer(configured(self.config.base, values), synthesiser, Path(scratch), dataset)
                trainer.run()
                score = trainer.validate()
                parameters = sum(p.numel() for p in trainer.network.parameters())
            self._optimiser.tell(point, score)
            self.trials.append(
                {
                    "point": point,
                    "values": values,
                    "score": score,
                    "parameters": parameters,
                    "seconds": round(time.monotonic() - started, 1),
                }
            )
            self._save()
            best = min(trial["score"] for trial in self.trials)
            log.info("trial %d/%d  %.4f (best %.4f)  %s", len(self.trials), self.config.n_trials, score, best, values)
            log.info("%s", pace.after(len(self.trials) - before))

    @property
    def best(self) -> dict[str, Any]:
        """The trial of the lowest score."""
        return min(self.trials, key=lambda trial: trial["score"])

    def _state(self) -> dict[str, Any]:
        return json.loads(json.dumps(dataclasses.asdict(self.config)))

    def _save(self) -> None:
        write_json(self.folder / TRIALS, {"config": self._state(), "best": self.best, "trials": self.trials})

    def _earlier(self) -> list[dict[str, Any]]:
        path = self.folder / TRIALS
        if not path.exists():
            return []
        try:
            state = json.loads(path.read_text("utf-8"))
            trials, config = list(state["trials"]), dict(state["config"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError("not the log of a search", where=path, got=f"{type(error).__name__} {error}") from error
        # more trials may be asked for; everything else must be the same
        if {**config, "n_trials": 0} != {**self._state(), "n_trials": 0}:
            raise ConfigError(
                "the log was made with another configuration", where=path, hint="Use another output folder"
            )
        return trials


def select(config: SelectConfig, folder: Path) -> Search:
    """Run a search in `folder`; what an interrupted one left there is used."""
    from fsl_mrs_dl.synthesise.synthesiser import Synthesiser
    from fsl_mrs_dl.training.dataset import open_dataset, write_dataset
    from fsl_mrs_dl.training.run import bank_of_recipe

    folder.mkdir(parents=True, exist_ok=True)
    search = Search(config, folder)
    recipe, workers = config.base.recipe, config.base.optimiser.threads
    # protocols of the same ranges that no training spectrum has
    bank = dataclasses.replace(recipe.bank, seed=recipe.bank.seed + 1000, n_members=min(64, recipe.bank.n_members))
    held_out = dataclasses.replace(recipe, bank=bank)
    data = folder / "data"
    if not data.exists():
        trained_on = bank_of_recipe(recipe, folder / "bank", workers)
        write_dataset(Synthesiser(recipe, trained_on), config.n_spectra, config.seed, data)
    synthesiser = Synthesiser(held_out, bank_of_recipe(held_out, folder / "bank_validation", workers))
    search.run(synthesiser, open_dataset(data, recipe))
    return search


@plain_style()
def write_plot(trials: Sequence[Mapping[str, Any]], config: SelectConfig, path: Path) -> None:
    """Figure of a search: score of each trial with the best so far, and score over each parameter."""
    import numpy as np

    names = list(config.space)
    score = np.array([trial["score"] for trial in trials])
    columns = 3
    rows = -(-(len(names) + 1) // columns)
    figure = new_figure(figsize=(4 * columns, 3 * rows), layout="constrained")
    figure.suptitle(f"{config.name}: {len(trials)} trials, {config.n_spectra} spectra each")
    axes = figure.add_subplot(rows, columns, 1)
    number = np.arange(1, len(score) + 1)
    axes.plot(number, score, "o", ms=4, color="#0072B2")
    axes.plot(number, np.minimum.accumulate(score), color="0.3", lw=1)
    axes.axvline(config.n_random + 0.5, color="0.7", lw=0.8, ls="--")
    axes.set_xlabel("trial (random, then proposed)", fontsize=8)
    axes.set_ylabel("validation error", fontsize=8)
    for index, name in enumerate(names):
        axes = figure.add_subplot(rows, columns, index + 2)
        _plot_dimension(axes, config.space[name], index, name, trials)
        axes.set_xlabel(name, fontsize=8)
    save_figure(path, figure, dpi=110)


def _plot_dimension(
    axes: Any, dimension: Dimension, index: int, name: str, trials: Sequence[Mapping[str, Any]]
) -> None:
    """Score over one parameter, by the place of a choice or by the value."""
    score = [trial["score"] for trial in trials]
    if dimension.choices:
        axes.plot([trial["point"][index] for trial in trials], score, "o", ms=4, color="#0072B2")
        axes.set_xticks(range(len(dimension.choices)), [str(c) for c in dimension.choices], fontsize=6)
    else:
        axes.plot([trial["values"][name] for trial in trials], score, "o", ms=4, color="#0072B2")
        axes.set_xscale("log" if dimension.log else "linear")
