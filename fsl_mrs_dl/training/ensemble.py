# SPDX-License-Identifier: Apache-2.0
"""A model that averages trained ones (deep ensemble: Lakshminarayanan et al. 2017, arXiv 1612.01474).

Nothing is trained: a card is written that names the members, with intervals calibrated for their common answer.
"""

from __future__ import annotations

import logging
import platform
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fsl_mrs_dl import __version__
from fsl_mrs_dl.core.config import check_seed, from_mapping
from fsl_mrs_dl.core.errors import ConfigError
from fsl_mrs_dl.core.files import write_json
from fsl_mrs_dl.models.card import CARD_FILE, CARD_VERSION, Card, TrainingFigures
from fsl_mrs_dl.models.card_checks import is_plain_name
from fsl_mrs_dl.models.folder import ModelFolder, open_model
from fsl_mrs_dl.models.novelty import CONDITIONS, describe_inputs
from fsl_mrs_dl.models.sessions import Sessions
from fsl_mrs_dl.synthesise.recipe import Recipe
from fsl_mrs_dl.synthesise.synthesiser import Synthesiser
from fsl_mrs_dl.training.calibrate import calibrate
from fsl_mrs_dl.training.config import TrainConfig
from fsl_mrs_dl.training.run import bank_of_recipe
from fsl_mrs_dl.training.source import CALIBRATION, draw

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class EnsembleConfig:
    """What an ensemble is made of.

    Parameters
    ----------
    name : str
        Name of the model.
    members : tuple of str
        Names of model folders beside the output folder, with the same recipe.
    seed : int
        Of the calibration spectra; another one than those of the members, which were tested on theirs.
    n_calibration : int
        Spectra on which intervals are calibrated.
    """

    name: str
    members: tuple[str, ...]
    seed: int = 1
    n_calibration: int = 12000

    def __post_init__(self) -> None:
        check_seed(self.seed)
        if len(set(self.members)) < max(2, len(self.members)):
            raise ConfigError(
                "an ensemble has at least two members, and each once", got=", ".join(self.members) or "none"
            )
        for name in self.members:
            if not is_plain_name(name):
                raise ConfigError(
                    "a member of an ensemble is not named by its folder alone",
                    expected="the name of a folder beside the output",
                    got=repr(name),
                )
        if self.n_calibration < 1500:
            raise ConfigError("n_calibration is too small", expected=">= 1500", got=self.n_calibration)


def make_ensemble(config: EnsembleConfig, output: Path) -> None:
    """Write the card of an ensemble into `output`.

    The members' bank is taken from ``bank/`` of the first member, and simulated there where it is missing.

    Raises
    ------
    ConfigError
        When the members were not trained on the same recipe and bank, are the same, or had the ensemble's seed, or
        when `output` holds another model.
    ModelError
        When a member is missing or altered.
    """
    _check_output(config, output)
    members = [open_model(output.resolve().parent / name) for name in config.members]
    recipe = _common_recipe(config, members)
    synthesiser = Synthesiser(recipe, bank_of_recipe(recipe, members[0].path / "bank"))
    batch = draw(synthesiser, config.seed, CALIBRATION, 0, config.n_calibration)
    inputs = describe_inputs(batch.channels, batch.present, recipe.grid.step_ppm)
    lost = set(CONDITIONS) - set(inputs)
    if lost:
        raise ConfigError(
            f"too few calibration spectra show {', '.join(lost)} to describe them",
            expected="a larger n_calibration",
            got=config.n_calibration,
        )
    card = replace(_card(config, members), inputs=inputs)
    mean, sd = Sessions(ModelFolder(output, card, tuple(members))).answer(batch.channels, batch.present)
    factors = calibrate(mean, sd, batch.target, batch.present, batch.is_brain, recipe.outputs)
    output.mkdir(parents=True, exist_ok=True)
    write_json(output / CARD_FILE, replace(card, calibration=factors).to_dict())
    log.info("model written to %s", output)


def _common_recipe(config: EnsembleConfig, members: list[ModelFolder]) -> Recipe:
    """The recipe that all members were trained on; raises where they cannot be members of one ensemble."""
    for member in members:
        _check_member(member, config)
    if len({member.digest for member in members}) < len(members):
        raise ConfigError("two members are the same network", expected="different ones", got=", ".join(config.members))
    first = members[0].card
    for member in members[1:]:
        same = member.card.config["recipe"] == first.config["recipe"]
        if not same or member.card.bank_sha256 != first.bank_sha256:
            raise ConfigError(
                "the members were trained on different recipes",
                where=member.path,
                expected=f"that of {members[0].path}",
            )
    return from_mapping(TrainConfig, first.config, str(members[0].path)).recipe


def _check_member(member: ModelFolder, config: EnsembleConfig) -> None:
    card = member.card
    made_of = ("config", "bank_sha256", "conditions", "known_limits")
    lacking = [name for name in made_of if not getattr(card, name)]
    if card.training.seed is None:
        lacking.append("training")
    if member.members or lacking:
        got = "an ensemble" if member.members else f"a card without {', '.join(sorted(lacking))}"
        raise ConfigError("this model cannot be a member", where=member.path, expected="one that was trained", got=got)
    if card.training.seed == config.seed:
        raise ConfigError(
            "the seed is that of a member, which was tested on these very spectra",
            where=member.path,
            expected="another seed",
            got=config.seed,
        )


def _card(config: EnsembleConfig, members: list[ModelFolder]) -> Card:
    """All of the card but what is made from calibration spectra."""
    first = members[0].card
    figures = [member.card.training for member in members]
    return Card(
        card_version=CARD_VERSION,
        name=config.name,
        members={name: member.digest for name, member in zip(config.members, members, strict=True)},
        outputs=first.outputs,
        conditions=first.conditions,
        grid=first.grid,
        ranges=first.ranges,
        known_limits=first.known_limits,
        bank_sha256=first.bank_sha256,
        calibration={},
        training=TrainingFigures(
            steps=sum(f.steps or 0 for f in figures),
            spectra=sum(f.spectra or 0 for f in figures),
            minutes=round(sum(f.minutes or 0.0 for f in figures), 1),
            machine=first.training.machine,
            seed=config.seed,
        ),
        config={
            "name": config.name,
            "seed": config.seed,
            "network": {"name": "ensemble", "members": list(config.members)},
            "recipe": first.config["recipe"],
            "optimiser": {"n_calibration": config.n_calibration},
        },
        versions={"fsl_mrs_dl": __version__, "numpy": np.__version__, "python": platform.python_version()},
    )


def _check_output(config: EnsembleConfig, output: Path) -> None:
    """Make sure that no other model's card would be replaced."""
    card = output / CARD_FILE
    if output.resolve().name in config.members:
        raise ConfigError("the output is a member of the ensemble", where=output, expected="a folder beside them")
    if card.exists() and not open_model(output).members:
        raise ConfigError("another model is here already", where=output, expected="an empty folder, or an ensemble's")
