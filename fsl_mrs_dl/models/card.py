# SPDX-License-Identifier: Apache-2.0
"""What a model card must say for its model to be used; anything else is a damaged card."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from fsl_mrs_dl.core.config import from_mapping
from fsl_mrs_dl.core.errors import ConfigError, ModelError
from fsl_mrs_dl.metabolites.sums import MODES
from fsl_mrs_dl.models.inputs import PpmGrid
from fsl_mrs_dl.models.novelty import CONDITIONS, n_features

CARD_VERSION = 1
LEVELS = ("68", "95")
"""Intervals of which the card has factors, in percent."""

_SHA256 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class DescribedInput:
    """Training spectra of one condition, as `fsl_mrs_dl.models.novelty.describe_inputs` describes them."""

    step_ppm: float
    variances: tuple[float, ...]
    noise_variance: float
    values: str
    limit: float


@dataclass(frozen=True)
class CardContent:
    """The part of a card that programs rely on; a card has more, for people.

    Parameters
    ----------
    card_version : int
    name : str
    outputs : tuple of str
    grid : PpmGrid
    ranges : mapping of str to (float, float)
    calibration : mapping
        Mode, kind (``raw`` and others), quantity, level: factor on the predicted standard deviation.
    files, members : mapping of str to str
        Name and SHA-256, of the files of a network or of the models of an ensemble.
    inputs : mapping of condition to DescribedInput
    """

    card_version: int
    name: str
    outputs: tuple[str, ...]
    grid: PpmGrid
    ranges: dict[str, tuple[float, float]]
    calibration: dict[str, dict[str, dict[str, dict[str, float]]]]
    files: dict[str, str] = field(default_factory=dict)
    members: dict[str, str] = field(default_factory=dict)
    inputs: dict[str, DescribedInput] = field(default_factory=dict)


def check_card(card: Any, path: Path) -> dict[str, Any]:
    """The content of ``card.json`` at `path`, when it is that of a usable model.

    Raises
    ------
    ModelError
        When it is incomplete, of another version, or says what cannot be.
    """
    if not isinstance(card, Mapping):
        raise ModelError("the model card cannot be read", where=path, expected="a JSON object", got=type(card).__name__)
    needed = ("card_version", "name", "outputs", "grid", "ranges", "calibration")
    missing = [key for key in needed if key not in card]
    if not missing and not (card.get("members") or "model.onnx" in (card.get("files") or {})):
        missing = ["files of model.onnx, or members"]
    if missing:
        raise ModelError("the model card is incomplete", where=path, expected=", ".join(missing))
    if card["card_version"] != CARD_VERSION:
        raise ModelError(
            "the model card has another version",
            where=path,
            expected=CARD_VERSION,
            got=card["card_version"],
            hint="Install the version of fsl_mrs_dl that wrote the model",
        )
    known = {f.name: card[f.name] for f in fields(CardContent) if f.name in card}
    try:
        content = from_mapping(CardContent, known, str(path))
    except ConfigError as error:
        raise ModelError(
            f"the model card is damaged: {error.what}", where=error.where, expected=error.expected, got=error.got
        ) from error
    for problem in (
        _of_outputs(content),
        _of_grid(content.grid),
        _of_ranges(content),
        _of_calibration(content),
        _of_names(content),
        _of_inputs(content),
    ):
        if problem:
            raise ModelError(f"the model card is damaged: {problem}", where=path, hint="Install the model again")
    return dict(card)


def _of_outputs(content: CardContent) -> str:
    if not content.outputs or len(set(content.outputs)) < len(content.outputs) or not all(content.outputs):
        return "its outputs are no list of different names"
    return ""


def _of_grid(grid: PpmGrid) -> str:
    sensible = grid.low_ppm < grid.high_ppm and 16 <= grid.n_points <= 65536 and 0 < grid.max_time_s <= 60
    return "" if sensible else f"its grid cannot be ({grid})"


def _of_ranges(content: CardContent) -> str:
    wrong = [name for name, (low, high) in content.ranges.items() if low > high]
    if wrong or "fwhm_hz" not in content.ranges:
        return f"its ranges lack fwhm_hz or run backwards ({', '.join(wrong) or 'none does'})"
    return ""


def _of_calibration(content: CardContent) -> str:
    if not content.calibration or not set(content.calibration) <= set(MODES):
        return f"calibration is for {', '.join(content.calibration) or 'nothing'}, not for some of {', '.join(MODES)}"
    for mode, kinds in content.calibration.items():
        lacking = set(content.outputs) - set(kinds.get("raw", {}))
        if lacking:
            return f"the intervals of {', '.join(sorted(lacking))} for {mode} are missing"
        for factors in (factors for kind in kinds.values() for factors in kind.values()):
            if not set(LEVELS) <= set(factors) or min(factors.values()) < 0:
                return f"factors of intervals for {mode} lack a level or are negative"
    return ""


def _of_names(content: CardContent) -> str:
    for name, digest in (*content.files.items(), *content.members.items()):
        if not is_plain_name(name):
            return f"'{name}' is not the name of a file or folder of its own"
        if not _SHA256.fullmatch(digest):
            return f"the SHA-256 of {name} has not 64 digits"
    if len(content.members) == 1:
        return "an ensemble has at least two members"
    return ""


def is_plain_name(name: str) -> bool:
    """Whether `name` is that of something in one folder, and leads nowhere else."""
    return name not in ("", ".", "..") and Path(name).name == name and "\\" not in name


def _of_inputs(content: CardContent) -> str:
    for condition, stored in content.inputs.items():
        if condition not in CONDITIONS:
            return f"inputs describes the unknown condition '{condition}'"
        try:
            values = len(base64.b64decode(stored.values, validate=True)) // 2
        except (binascii.Error, ValueError):
            values = -1
        if not stored.variances or min(*stored.variances, stored.noise_variance, stored.step_ppm, stored.limit) <= 0:
            return f"inputs of {condition} hold variances or limits that are not positive"
        if values != n_features(content.grid.n_points, stored.step_ppm) * (1 + len(stored.variances)):
            return f"inputs of {condition} hold another number of values than the grid asks for"
    return ""
