# SPDX-License-Identifier: Apache-2.0
"""Where a model's weights come from: one record for each stage of its training."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fsl_mrs_dl.core.config import from_mapping
from fsl_mrs_dl.core.errors import ConfigError
from fsl_mrs_dl.core.files import write_json
from fsl_mrs_dl.models.card import CARD_FILE, Card, StageRecord, TrainingFigures, read_card
from fsl_mrs_dl.training.config import TrainConfig

if TYPE_CHECKING:
    from fsl_mrs_dl.training.loop import Trainer

STAGE_FILE = "stage.json"
"""In the folder of a finished stage that is not the last one: the records of the training up to it."""

UNKNOWN = "unknown"
"""Hash of weights of which no hash was kept."""


@dataclasses.dataclass(frozen=True)
class StageFile:
    """Content of `STAGE_FILE`."""

    lineage: tuple[StageRecord, ...]


def config_digest(config: TrainConfig | Mapping[str, Any]) -> str:
    """SHA-256 of a configuration without ``start``: the weights that it starts from have a hash of their own."""
    values = dataclasses.asdict(config) if isinstance(config, TrainConfig) else dict(config)
    values.pop("start", None)
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def record_of(trainer: Trainer) -> StageRecord:
    """What a trainer has done so far."""
    config = trainer.config
    return StageRecord(
        name=config.name,
        config_sha256=config_digest(config),
        seed=config.seed,
        steps=trainer.step,
        spectra=trainer.step * config.optimiser.batch_size,
        minutes=round(trainer.elapsed_s / 60, 1),
        machine=f"{platform.machine()}, CPU, {config.optimiser.threads} threads",
        start_sha256=trainer.start_sha256,
    )


def lineage_of(folder: Path) -> tuple[StageRecord, ...]:
    """The stages whose weights lie in `folder`: a finished stage's, or a model's; empty where nothing was kept.

    Raises
    ------
    ConfigError
        When the record of a stage is damaged.
    ModelError
        When the model card is.
    """
    path = folder / STAGE_FILE
    if path.is_file():
        return _of_stage_file(path)
    if not (folder / CARD_FILE).is_file():
        return ()
    card = read_card(folder / CARD_FILE)
    return card.lineage or _of_old_card(card)


def write_lineage(folder: Path, lineage: tuple[StageRecord, ...]) -> None:
    """Write the record of a finished stage."""
    write_json(folder / STAGE_FILE, dataclasses.asdict(StageFile(lineage)))


def figures_of(lineage: tuple[StageRecord, ...], best_validation: float) -> TrainingFigures:
    """Figures of a whole training: sums over its stages; seed and machine are those of the last one."""
    return TrainingFigures(
        steps=sum(record.steps for record in lineage),
        spectra=sum(record.spectra for record in lineage),
        seed=lineage[-1].seed,
        minutes=round(sum(record.minutes for record in lineage), 1),
        machine=lineage[-1].machine,
        best_validation=best_validation,
    )


def _of_stage_file(path: Path) -> tuple[StageRecord, ...]:
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError("the record of a training stage cannot be read", where=path, got=error) from error
    return from_mapping(StageFile, content, str(path)).lineage


def _of_old_card(card: Card) -> tuple[StageRecord, ...]:
    """Of a card that kept no lineage: its last stage, as far as it is known."""
    figures = card.training
    if figures.seed is None or figures.steps is None or figures.spectra is None or not card.config:
        return ()
    start = UNKNOWN if card.started_from else ""
    return (
        StageRecord(
            name=card.name,
            config_sha256=config_digest(card.config),
            seed=figures.seed,
            steps=figures.steps,
            spectra=figures.spectra,
            minutes=figures.minutes or 0.0,
            machine=figures.machine or "",
            start_sha256=start,
        ),
    )
