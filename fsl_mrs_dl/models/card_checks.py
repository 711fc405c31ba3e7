# SPDX-License-Identifier: Apache-2.0
"""What a model card must say for its model to be used; anything else is a damaged card."""

from __future__ import annotations

import base64
import binascii
import re
from pathlib import Path
from typing import TYPE_CHECKING

from fsl_mrs_dl.metabolites.sums import MODES
from fsl_mrs_dl.models.inputs import PpmGrid
from fsl_mrs_dl.models.novelty import CONDITIONS, n_features
from fsl_mrs_dl.models.protocol_code import DESCRIBED, N_FEATURES, ProtocolCode
from fsl_mrs_dl.models.protocol_probe import n_values

if TYPE_CHECKING:
    from fsl_mrs_dl.models.card import Card

LEVELS = ("68", "95")
"""Intervals of which the card has factors, in percent."""

_SHA256 = re.compile("[0-9a-f]{64}")


def problem_of(card: Card) -> str:
    """Why a card is that of no usable model; empty where it is."""
    checks = (
        _of_outputs(card),
        _of_grid(card.grid),
        _of_ranges(card),
        _of_calibration(card),
        _of_names(card),
        _of_inputs(card),
        _of_protocol(card),
    )
    return next((problem for problem in checks if problem), "")


def is_plain_name(name: str) -> bool:
    """Whether `name` is that of something in one folder, and leads nowhere else."""
    return name not in ("", ".", "..") and Path(name).name == name and "\\" not in name


def _of_outputs(card: Card) -> str:
    if not card.outputs or len(set(card.outputs)) < len(card.outputs) or not all(card.outputs):
        return "its outputs are no list of different names"
    return ""


def _of_grid(grid: PpmGrid) -> str:
    sensible = grid.low_ppm < grid.high_ppm and 16 <= grid.n_points <= 65536 and 0 < grid.max_time_s <= 60
    return "" if sensible else f"its ppm grid is impossible ({grid})"


def _of_ranges(card: Card) -> str:
    wrong = [name for name, (low, high) in card.ranges.items() if low > high]
    if wrong or "fwhm_hz" not in card.ranges:
        return f"its ranges lack fwhm_hz or run backwards ({', '.join(wrong) or 'none does'})"
    return ""


def _of_calibration(card: Card) -> str:
    if not card.calibration or not set(card.calibration) <= set(MODES):
        return f"calibration is for {', '.join(card.calibration) or 'nothing'}, not for some of {', '.join(MODES)}"
    for mode, kinds in card.calibration.items():
        lacking = set(card.outputs) - set(kinds.get("raw", {}))
        if lacking:
            return f"the intervals of {', '.join(sorted(lacking))} for {mode} are missing"
        for factors in (factors for kind in kinds.values() for factors in kind.values()):
            if not set(LEVELS) <= set(factors) or min(factors.values()) < 0:
                return f"factors of intervals for {mode} lack a level or are negative"
    return ""


def _of_protocol(card: Card) -> str:
    if not card.protocol:
        return ""
    try:
        code = ProtocolCode.from_card(card.protocol)
        sensible = card.protocol["described"] == list(DESCRIBED) and code.components.shape[1] == N_FEATURES
    except (binascii.Error, ValueError, KeyError, TypeError):
        sensible = False
    if not sensible:
        return "protocol does not describe how the network is told the protocol"
    return _of_reading(card, len(code.components))


def _of_reading(card: Card, n_components: int) -> str:
    """How a spectrum contradicts a protocol; older cards do not say."""
    for mode, stored in card.protocol.get("read", {}).items():
        try:
            values = len(base64.b64decode(stored["values"], validate=True)) // 4
            fits = values == n_values(card.grid.n_points, float(stored["step_ppm"]), n_components, mode)
            classes = len(stored["limits"]) == len(stored["edges"]) + 1 and min(stored["limits"]) > 0
            sensible = fits and stored["n_components"] == n_components and classes
        except (binascii.Error, ValueError, KeyError, TypeError):
            sensible = False
        if not sensible:
            return f"protocol does not describe how spectra of {mode} show it"
    return ""


def _of_names(card: Card) -> str:
    for name, digest in (*card.files.items(), *card.members.items()):
        if not is_plain_name(name):
            return f"'{name}' is not the name of a file or folder of its own"
        if not _SHA256.fullmatch(digest):
            return f"the SHA-256 of {name} has not 64 digits"
    if len(card.members) == 1:
        return "an ensemble has at least two members"
    return ""


def _of_inputs(card: Card) -> str:
    for condition, stored in card.inputs.items():
        if condition not in CONDITIONS:
            return f"inputs describes the unknown condition '{condition}'"
        try:
            values = len(base64.b64decode(stored.values, validate=True)) // 2
        except (binascii.Error, ValueError):
            values = -1
        if not stored.variances or min(*stored.variances, stored.noise_variance, stored.step_ppm, stored.limit) <= 0:
            return f"inputs of {condition} hold variances or limits that are not positive"
        if values != n_features(card.grid.n_points, stored.step_ppm) * (1 + len(stored.variances)):
            return f"inputs of {condition} hold another number of values than the grid asks for"
    return ""
