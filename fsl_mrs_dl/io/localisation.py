# SPDX-License-Identifier: Apache-2.0
"""How the voxel was localised, if a header tells: by PRESS (two refocusing pulses) or by semi-LASER (four).

Couplings evolve less while adiabatic pulses play, so that edited metabolites look another way (Andreychenko et al.
2012, Magn Reson Med 68:1018-1025, doi 10.1002/mrm.24131).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

PRESS, SEMI_LASER = "PRESS", "semi-LASER"

REFOCUSING_PULSES: Mapping[str, int] = {PRESS: 2, SEMI_LASER: 4}
"""What tells the two apart, as a number that a model's card has a range of."""

_NAMES = ("SequenceName", "PulseSequenceType")
"""Entries that name the sequence: any word with LASER in it will do, vendors and authors have many of them."""

_TEXTS = ("PulseSequenceDetails", "ProtocolName", "SeriesDescription")
"""Entries that people write: a study of pain may have a laser in its name."""

_LASER_IN_TEXT = re.compile(r"(?<![a-z])(semi|o?s|ms|mega[-_ ]?s?)[-_ ]?laser", re.IGNORECASE)
_PRESS_IN_TEXT = re.compile(r"(?<![a-z])(j|mega)?[-_ ]?press(?![a-z])", re.IGNORECASE)


def told_localisation(header: Mapping[str, Any]) -> tuple[str, str] | None:
    """The localisation that a header or sidecar names.

    Parameters
    ----------
    header : mapping

    Returns
    -------
    localisation, entry : str
        `PRESS` or `SEMI_LASER`, and the entry that tells; None where none does.
    """
    for entry in (*_NAMES, *_TEXTS):
        text = header.get(entry)
        if not isinstance(text, str):
            continue
        if "laser" in text.lower() if entry in _NAMES else _LASER_IN_TEXT.search(text):
            return SEMI_LASER, entry
        if _PRESS_IN_TEXT.search(text):
            return PRESS, entry
    return None


def is_semi_laser(header: Mapping[str, Any]) -> bool:
    """Whether a header or sidecar names semi-LASER."""
    told = told_localisation(header)
    return told is not None and told[0] == SEMI_LASER
