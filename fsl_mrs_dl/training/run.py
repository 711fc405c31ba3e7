# SPDX-License-Identifier: Apache-2.0
"""``train``: simulate the bank (once), train stage after stage (or resume), export."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fsl_mrs_dl.basis.bank import BasisBank
from fsl_mrs_dl.core.errors import ConfigError, FslMrsDlError
from fsl_mrs_dl.core.locks import alone_in
from fsl_mrs_dl.models.folder import MODEL_FILES, sha256
from fsl_mrs_dl.networks import network_config
from fsl_mrs_dl.synthesise.recipe import Recipe
from fsl_mrs_dl.synthesise.synthesiser import Synthesiser
from fsl_mrs_dl.training.banks import bank_of_recipe
from fsl_mrs_dl.training.config import TrainConfig
from fsl_mrs_dl.training.dataset import open_dataset
from fsl_mrs_dl.training.devices import free_cores
from fsl_mrs_dl.training.lineage import STAGE_FILE, config_digest, lineage_of

if TYPE_CHECKING:
    from fsl_mrs_dl.training.loop import Trainer

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Machine:
    """What a training runs on.

    Parameters
    ----------
    device : str
        ``cpu`` or ``cuda``, see `fsl_mrs_dl.training.devices.chosen_device`.
    workers : int
        Processes that simulate the bank, and that draw spectra for a GPU. 0: as many threads as the configuration
        has, or on a GPU as many as there are cores but two.
    """

    device: str = "cpu"
    workers: int = 0

    def processes(self, config: TrainConfig) -> int:
        """How many processes are meant."""
        return self.workers or (config.optimiser.threads if self.device == "cpu" else free_cores())

    def trainer(self, config: TrainConfig, synthesiser: Synthesiser, folder: Path, start: Path | None) -> Trainer:
        """What trains a stage here."""
        from fsl_mrs_dl.training.loop import Trainer

        dataset = open_dataset(Path(config.dataset), config.recipe) if config.dataset else None
        workers = self.processes(config)
        return Trainer(config, synthesiser, folder, dataset, start, device=self.device, workers=workers)


CPU = Machine()
"""One without a GPU."""


def train(config: TrainConfig, folder: Path, bank: BasisBank | None = None, machine: Machine = CPU) -> None:
    """Run a training configuration of one stage; see `train_stages`."""
    train_stages((config,), folder, bank, machine)


def train_stages(
    stages: Sequence[TrainConfig], folder: Path, bank: BasisBank | None = None, machine: Machine = CPU
) -> None:
    """Train stage after stage, each from the weights of the one before; resumes what an interrupted run left.

    `folder` then holds ``model.onnx``, ``model.safetensors``, ``card.json``, and of the run itself ``bank/``,
    ``checkpoint.safetensors`` and ``progress.json``. The stages before the last one lie in ``stages/01`` and so on.

    Parameters
    ----------
    stages : sequence of TrainConfig
        One or more.
    folder : Path
        Made when missing.
    bank : BasisBank, optional
        That of every recipe, where there is one already; simulated into ``bank/`` otherwise.
    machine : Machine

    Raises
    ------
    ConfigError
        When the folder holds a run of another configuration, or a model of another origin, another run writes into it,
        or weights are to be averaged with those of a stage that does not come before.
    FslMrsDlError
        When the memory of a GPU does not suffice.
    """
    check_folder(folder)
    _check_anchors(stages)
    for config in stages:
        network_config(config.network)  # before the bank is simulated, which may take an hour
    folder.mkdir(parents=True, exist_ok=True)
    with alone_in(folder, "training"):
        _run(stages, folder, bank, machine)


def _run(stages: Sequence[TrainConfig], folder: Path, bank: BasisBank | None, machine: Machine) -> None:
    from fsl_mrs_dl.training.export import export, export_stage

    last, banks = stages[-1], _Banks(folder / "bank", stages[-1], bank, machine)
    start = Path(last.start) if len(stages) == 1 and last.start else None
    for number, config in enumerate(stages[:-1], start=1):
        place = folder / "stages" / f"{number:02d}"
        start = Path(config.start) if config.start else start
        if _is_finished(place, config, start):
            log.info("stage %d of %d is there already", number, len(stages))
        else:
            log.info("stage %d of %d: %s", number, len(stages), config.name)
            place.mkdir(parents=True, exist_ok=True)
            trainer = _trained(machine, config, banks.synthesiser(config, place / "bank"), place, start)
            _anchor(trainer, folder)
            export_stage(trainer, place, lineage_of(start) if start else ())
        start = place
    if len(stages) > 1:
        log.info("stage %d of %d: %s", len(stages), len(stages), last.name)
    trainer = _trained(machine, last, banks.synthesiser(last, folder / "bank"), folder, start)
    _anchor(trainer, folder)
    export(trainer, folder, lineage_of(start) if start else ())


def _trained(
    machine: Machine, config: TrainConfig, synthesiser: Synthesiser, place: Path, start: Path | None
) -> Trainer:
    """Train one stage."""
    import torch

    try:
        trainer = machine.trainer(config, synthesiser, place, start)
        trainer.run()
    except torch.cuda.OutOfMemoryError as error:
        raise FslMrsDlError(
            "the GPU has too little memory free",
            where=place,
            got=str(error).partition("\n")[0][:200],
            hint="End what else uses it, or use --device cpu; the same command goes on from the last checkpoint",
        ) from error
    return trainer


def check_folder(folder: Path) -> None:
    """Refuse a model's folder that no training has made: its files would be replaced.

    Raises
    ------
    ConfigError
        When `folder` holds files of a model and no training's progress.
    """
    there = [name for name in MODEL_FILES if (folder / name).exists()]
    if there and not (folder / "progress.json").exists():
        raise ConfigError(
            "the folder holds a model, and no training that made it",
            where=folder,
            expected="progress.json beside it",
            got=", ".join(there),
            hint="Use another output folder",
        )


def _check_anchors(stages: Sequence[TrainConfig]) -> None:
    """Refuse what could not be averaged when the training is over."""
    for number, config in enumerate(stages, start=1):
        if config.anchor.stage >= number:
            raise ConfigError(
                "weights are averaged with those of an earlier stage",
                where=f"{config.name}, stage {number} of {len(stages)}, anchor.stage",
                expected=f"less than {number}, or 0 for none",
                got=config.anchor.stage,
                hint="A configuration of one stage has no anchor: take the [anchor] table out",
            )


def _anchor(trainer: Trainer, folder: Path) -> None:
    """Average the trained weights with those of an earlier stage where the configuration says so."""
    anchor = trainer.config.anchor
    if anchor.stage:
        trainer.average_with(folder / "stages" / f"{anchor.stage:02d}", anchor.share)


def _is_finished(place: Path, config: TrainConfig, start: Path | None) -> bool:
    """Whether a stage is there, of this very configuration and start."""
    from fsl_mrs_dl.training.loop import WEIGHTS

    needed = [place / STAGE_FILE, place / WEIGHTS, *([start / WEIGHTS] if start else [])]
    if not all(path.is_file() for path in needed):
        return False
    lineage = lineage_of(place)
    wanted = config_digest(config), sha256(start / WEIGHTS) if start else ""
    if not lineage or (lineage[-1].config_sha256, lineage[-1].start_sha256) != wanted:
        raise ConfigError(
            "the stage was trained with another configuration, or from other weights",
            where=place,
            hint="Use another output folder, or delete the stages from this one on",
        )
    return True


class _Banks:
    """Banks of the stages: most often one for all, in the folder of the run."""

    def __init__(self, folder: Path, last: TrainConfig, bank: BasisBank | None, machine: Machine) -> None:
        self._folder, self._last, self._given, self._machine = folder, last, bank, machine
        self._common: BasisBank | None = bank

    def synthesiser(self, config: TrainConfig, own_folder: Path) -> Synthesiser:
        """What makes the spectra of a stage; `own_folder` takes its bank where that is not the last stage's."""
        recipe, workers = config.recipe, self._machine.processes(config)
        if self._given is None and _bank_key(recipe) != _bank_key(self._last.recipe):
            return Synthesiser(recipe, bank_of_recipe(recipe, own_folder, workers))
        if self._common is None:
            self._common = bank_of_recipe(recipe, self._folder, workers)
        return Synthesiser(recipe, self._common)


def _bank_key(recipe: Recipe) -> tuple[Any, ...]:
    """What decides a recipe's bank."""
    return recipe.bank, recipe.metabolites, recipe.protons.apart, bool(recipe.told.n_components)
