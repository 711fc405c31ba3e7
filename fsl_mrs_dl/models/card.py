# SPDX-License-Identifier: Apache-2.0
"""The model card: what a model is, what it was trained on and how it was tested, as frozen dataclasses."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from fsl_mrs_dl.core.config import from_mapping
from fsl_mrs_dl.core.errors import ConfigError, ModelError
from fsl_mrs_dl.models.card_checks import problem_of
from fsl_mrs_dl.models.inputs import PpmGrid
from fsl_mrs_dl.models.novelty import DescribedInput

CARD_VERSION = 1
CARD_FILE = "card.json"

T = TypeVar("T")

Calibration = dict[str, dict[str, dict[str, dict[str, float]]]]
"""Mode, kind (``raw`` and others), quantity, level: factor on the predicted standard deviation."""


@dataclass(frozen=True)
class TrainingFigures:
    """Figures of the training.

    Sums over the stages of `Card.lineage`, or over the members of an ensemble; of the last run alone where the card is
    of a version that kept no lineage.

    Parameters
    ----------
    steps, spectra, seed : int
    minutes : float
    machine : str
    best_validation : float
        Lowest validation error of the run.
    """

    steps: int | None = None
    spectra: int | None = None
    seed: int | None = None
    minutes: float | None = None
    machine: str | None = None
    best_validation: float | None = None


@dataclass(frozen=True)
class StageRecord:
    """One stage of a training, from which the next one went on.

    Parameters
    ----------
    name : str
    config_sha256 : str
        Of the stage's configuration, see `fsl_mrs_dl.training.lineage.config_digest`.
    seed, steps, spectra : int
    minutes : float
    machine : str
    start_sha256 : str
        Of the weights that the stage started from; empty where it started afresh, ``unknown`` where no hash was kept.
    """

    name: str
    config_sha256: str
    seed: int
    steps: int
    spectra: int
    minutes: float
    machine: str
    start_sha256: str = ""


@dataclass(frozen=True)
class Errors:
    """Errors of one quantity on a set of known concentrations; None where a figure was not kept or is not defined."""

    n: int | None = None
    mae: float | None = None
    mae_se: float | None = None
    slope: float | None = None
    intercept: float | None = None
    r2: float | None = None
    mae_constant: float | None = None
    coverage68: float | None = None
    coverage95: float | None = None


@dataclass(frozen=True)
class Validation:
    """What ``fsl_mrs_dl validate`` found on one set.

    Parameters
    ----------
    n, refused : int
        Data sets, and how many of them were refused.
    metabolites : mapping of str to Errors
    against : mapping of str to (mapping of str to Errors)
        The same of other methods.
    other_protocol : bool
        Whether the set is of a protocol that was not in the training: it does not count for other scans.
    """

    n: int
    refused: int
    metabolites: dict[str, Errors] = field(default_factory=dict)
    against: dict[str, dict[str, Errors]] = field(default_factory=dict)
    other_protocol: bool = False


@dataclass(frozen=True)
class Card:
    """A model card that was checked.

    Parameters
    ----------
    card_version : int
    name : str
    outputs : tuple of str
        Quantities that the network estimates, in order.
    grid : PpmGrid
        Of the network's input.
    ranges : mapping of str to (float, float)
        What was trained on, units in the names.
    calibration : mapping
        See `Calibration`.
    files, members : mapping of str to str
        Name and SHA-256, of the files of a network or of the models of an ensemble.
    inputs : mapping of condition to DescribedInput
    protocol : mapping
        How the network is told the protocol, see `fsl_mrs_dl.models.protocol_code`; empty where it takes none.
    conditions : tuple of str
    simulation_test : mapping
        Errors on the calibration spectra by kind of sample and quantity, in mM.
    training : TrainingFigures
    lineage : tuple of StageRecord
        All stages of the training, the first one first; empty for models of versions that did not keep it.
    config : mapping
        The training's configuration as it was; `fsl_mrs_dl.training` reads it.
    bank_sha256 : str
    versions, known_limits, validation
        For people.
    content : mapping
        The whole card as it stands in the file, entries that this version does not know among them.
    """

    card_version: int
    name: str
    outputs: tuple[str, ...]
    grid: PpmGrid
    ranges: dict[str, tuple[float, float]]
    calibration: Calibration
    files: dict[str, str] = field(default_factory=dict)
    members: dict[str, str] = field(default_factory=dict)
    inputs: dict[str, DescribedInput] = field(default_factory=dict)
    protocol: dict[str, Any] = field(default_factory=dict)
    conditions: tuple[str, ...] = ()
    simulation_test: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)
    training: TrainingFigures = field(default_factory=TrainingFigures)
    lineage: tuple[StageRecord, ...] = ()
    config: dict[str, Any] = field(default_factory=dict)
    bank_sha256: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    known_limits: tuple[str, ...] = ()
    validation: dict[str, Validation] = field(default_factory=dict)
    content: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def architecture(self) -> dict[str, Any]:
        """Name and settings of the network; empty where the card has no configuration."""
        return dict(self._of_config("network"))

    @property
    def solution_fraction(self) -> float | None:
        """Share of the training spectra that were solutions; None where the card does not say."""
        return self._of_config("recipe", "concentrations").get("solution_fraction")

    @property
    def started_from(self) -> str:
        """Folder of the weights that training started from, as the configuration named it; empty for none."""
        return str(self.config.get("start") or "")

    @property
    def staged(self) -> bool:
        """Whether earlier training, whose figures the card does not have, went before that of `training`."""
        return bool(self.lineage[0].start_sha256 if self.lineage else self.started_from)

    def as_written(self, key: str, otherwise: Any = None) -> Any:
        """An entry as it stands in the file, for files that repeat it."""
        return self.content.get(key, otherwise)

    def to_dict(self) -> dict[str, Any]:
        """What belongs into ``card.json``: entries in the order of the file that was read, and those it had beside."""
        return _plain(self, self.content)

    def _of_config(self, *keys: str) -> Mapping[str, Any]:
        found: Any = self.config
        for key in keys:
            found = found.get(key, {}) if isinstance(found, Mapping) else {}
        return found if isinstance(found, Mapping) else {}


def read_card(path: Path) -> Card:
    """Read ``card.json`` at `path`.

    Raises
    ------
    ModelError
        When it cannot be read, is incomplete, of another version, or says what cannot be.
    """
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError("the model card cannot be read", where=path, got=error) from error
    return card_of(content, path)


def card_of(content: Any, path: Path) -> Card:
    """The card with the content of a JSON file; raises as `read_card`."""
    if not isinstance(content, Mapping):
        raise ModelError(
            "the model card cannot be read", where=path, expected="a JSON object", got=type(content).__name__
        )
    needed = ("card_version", "name", "outputs", "grid", "ranges", "calibration")
    missing = [key for key in needed if key not in content]
    if not missing and not (content.get("members") or "model.onnx" in (content.get("files") or {})):
        missing = ["files of model.onnx, or members"]
    if missing:
        raise ModelError("the model card is incomplete", where=path, expected=", ".join(missing))
    if content["card_version"] != CARD_VERSION:
        raise _of_another_version(content, path)
    try:
        card = _typed(content, str(path))
    except ConfigError as error:
        raise ModelError(
            f"the model card is damaged: {error.what}", where=error.where, expected=error.expected, got=error.got
        ) from error
    problem = problem_of(card)
    if problem:
        raise ModelError(f"the model card is damaged: {problem}", where=path, hint="Install the model again")
    return card


def _of_another_version(content: Mapping[str, Any], path: Path) -> ModelError:
    versions = content.get("versions")
    maker = versions.get("fsl_mrs_dl") if isinstance(versions, Mapping) else None
    return ModelError(
        "the model card has another version",
        where=path,
        expected=CARD_VERSION,
        got=content["card_version"],
        hint=f"Install the version of fsl_mrs_dl that wrote the model{f' ({maker})' if maker else ''}",
    )


_RECORDS: Mapping[str, type] = {"training": TrainingFigures}
"""Entries for people that are records: what they hold beside is left alone."""


def _typed(content: Mapping[str, Any], where: str) -> Card:
    """Types of everything that this version knows; entries for people may hold more than that."""
    known = {f.name: content[f.name] for f in dataclasses.fields(Card) if f.name in content and f.name != "content"}
    for key, cls in _RECORDS.items():
        if key in known:
            known[key] = _lenient(cls, known[key], f"{where}, {key}")
    if "lineage" in known:
        stages = known["lineage"] if isinstance(known["lineage"], list) else [known["lineage"]]
        known["lineage"] = tuple(_lenient(StageRecord, stage, f"{where}, lineage") for stage in stages)
    if "validation" in known:
        known["validation"] = {
            name: _validation(found, f"{where}, validation.{name}")
            for name, found in _table(known["validation"], f"{where}, validation").items()
        }
    return dataclasses.replace(from_mapping(Card, known, where), content=content)


def _validation(value: Any, where: str) -> Validation:
    found = dict(_table(value, where))
    found["metabolites"] = _errors(found.get("metabolites", {}), where)
    found["against"] = {
        method: _errors(entries, where) for method, entries in _table(found.get("against", {}), where).items()
    }
    return _lenient(Validation, found, where)


def _errors(value: Any, where: str) -> dict[str, Errors]:
    return {name: _lenient(Errors, entry, f"{where}, {name}") for name, entry in _table(value, where).items()}


def _table(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ConfigError("a table is needed", where=where, got=repr(value))
    return value


def _lenient(cls: type[T], value: Any, where: str) -> T:
    """`cls` from those entries of `value` that it knows."""
    names = {f.name for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
    return from_mapping(cls, {key: v for key, v in _table(value, where).items() if key in names}, where)


def _plain(value: Any, before: Any) -> Any:
    """As JSON has it; keys in the order in which they stood before."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _plain_record(value, before if isinstance(before, Mapping) else {})
    if isinstance(value, Mapping):
        return _plain_table(value, before if isinstance(before, Mapping) else {})
    if isinstance(value, (list, tuple)):
        olds = before if isinstance(before, list) and len(before) == len(value) else [None] * len(value)
        return [_plain(entry, old) for entry, old in zip(value, olds, strict=True)]
    return value


def _plain_table(value: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    order = [*(key for key in before if key in value), *(key for key in value if key not in before)]
    return {key: _plain(value[key], before.get(key)) for key in order}


def _plain_record(record: Any, before: Mapping[str, Any]) -> dict[str, Any]:
    """Of a dataclass: what is empty is left out unless it stood there, what it does not know is kept."""
    values = {f.name: getattr(record, f.name) for f in dataclasses.fields(record) if f.name != "content"}
    result = {key: _plain(values[key], old) if key in values else old for key, old in before.items()}
    for key, value in values.items():
        if key not in before and value is not False and value not in (None, (), {}, "", TrainingFigures()):
            result[key] = _plain(value, None)
    return result
