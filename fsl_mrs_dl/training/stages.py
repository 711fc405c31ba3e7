# SPDX-License-Identifier: Apache-2.0
"""Stages of a training in one file: ``[[stage]]`` tables, each of which changes settings of the one before."""

from __future__ import annotations

import copy
import itertools
import logging
from collections.abc import Mapping
from typing import Any

from fsl_mrs_dl.core.errors import ConfigError, nearest

log = logging.getLogger(__name__)

STAGE_KEYS = ("name", "seed", "dataset", "emphasis", "network", "optimiser", "recipe", "anchor", "calibration")
"""What a stage may set. Where training starts is the same for all."""

NETWORK_KEYS = ("protocol_inputs", "sum_spreads")
"""Of the network: it can only be told more than before, and predict more spreads."""

MAX_STAGES = 999


def stage_tables(values: Mapping[str, Any], where: str) -> list[tuple[str, dict[str, Any]]]:
    """The settings of each stage, and its place for errors.

    The first stage has the settings outside the ``[[stage]]`` tables with its own changes, every later one those of
    the stage before with its own changes. The last stage has the model's name. A stage without a seed has `stage_seed`
    of the file's.

    Parameters
    ----------
    values : mapping
        Content of a training configuration.
    where : str
        The file.

    Raises
    ------
    ConfigError
        When a stage sets what it may not, or a stage's own seed is that of another one.
    """
    settings: dict[str, Any] = copy.deepcopy(dict(values))
    if "stages" in settings:
        raise ConfigError("unknown setting 'stages' (did you mean 'stage'?)", where=where, expected="[[stage]] tables")
    if "stage" not in settings:
        return [(where, settings)]
    tables = _checked(settings.pop("stage"), where)
    name, seed = settings.get("name"), settings.pop("seed", 1)
    if not isinstance(seed, int) or isinstance(seed, bool):
        raise ConfigError("a value of kind int is needed", where=f"{where}, seed", got=repr(seed))
    result = []
    for number, table in enumerate(tables, start=1):
        settings = _changed(settings, table)
        last = number == len(tables)
        own = {"name": name if last else table.get("name", f"{name}, stage {number}")}
        own["seed"] = table.get("seed", stage_seed(seed, number))
        result.append((f"{where}, stage {number}", {**settings, **own}))
        settings["start"] = ""  # later stages start from the one before
    _check_seeds(tables, [table["seed"] for _, table in result], where)
    return result


def stage_seed(seed: int, number: int) -> int:
    """Seed of a stage, of a file's seed and the stage's number from 1 on: no two of them are the same."""
    return seed * (MAX_STAGES + 1) + number


def _checked(tables: Any, where: str) -> list[Mapping[str, Any]]:
    if not isinstance(tables, list) or not all(isinstance(table, Mapping) for table in tables) or not tables:
        raise ConfigError("stages are [[stage]] tables, with two brackets", where=f"{where}, stage", got=repr(tables))
    if len(tables) > MAX_STAGES:
        raise ConfigError("too many stages", where=where, expected=f"up to {MAX_STAGES}", got=len(tables))
    for number, table in enumerate(tables, start=1):
        for key in table:
            if key not in STAGE_KEYS:
                raise ConfigError(
                    f"a stage cannot set '{key}'{nearest(key, STAGE_KEYS)}",
                    where=f"{where}, stage {number}",
                    expected=f"some of {', '.join(STAGE_KEYS)}",
                )
        _check_network(table.get("network", {}), f"{where}, stage {number}")
    return tables


def _check_network(settings: Any, where: str) -> None:
    """All stages train one network, whose layers stay as they are."""
    unknown = [key for key in settings if key not in NETWORK_KEYS] if isinstance(settings, Mapping) else [settings]
    if unknown:
        raise ConfigError(
            f"a stage cannot set 'network.{unknown[0]}'", where=where, expected=f"some of {', '.join(NETWORK_KEYS)}"
        )


def _changed(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`values` with the entries of `changes`, table by table."""
    result = dict(values)
    for key, change in changes.items():
        old = result.get(key)
        nested = isinstance(change, Mapping) and isinstance(old, Mapping)
        result[key] = _changed(old, change) if nested else change  # type: ignore[arg-type]
    return result


def _check_seeds(tables: list[Mapping[str, Any]], seeds: list[Any], where: str) -> None:
    """Stages of one seed would draw the same random numbers again."""
    for (first, seed), (second, other) in itertools.combinations(enumerate(seeds), 2):
        if seed != other:
            continue
        if "seed" in tables[first] and "seed" in tables[second]:
            # as it was with models of earlier versions, which can be made again in no other way
            log.warning("%s: stages %d and %d were given the same seed, %s", where, first + 1, second + 1, seed)
        else:
            raise ConfigError(
                f"the seed of stage {first + 1} is that of stage {second + 1}",
                where=where,
                expected="different seeds, or none in the stages",
                got=seed,
            )
