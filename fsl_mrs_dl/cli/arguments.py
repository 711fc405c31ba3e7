# SPDX-License-Identifier: Apache-2.0
"""Arguments that several commands share."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fsl_mrs_dl.physics.vendors import VENDORS


def split_words(text: str, option: str) -> list[str]:
    """The words of another program's arguments, which were given as one quoted text.

    Raises
    ------
    ConfigError
        When a quotation in it does not end.
    """
    import shlex

    from fsl_mrs_dl.core.errors import ConfigError

    try:
        return shlex.split(text)
    except ValueError as error:
        raise ConfigError(f"{option} cannot be split", expected="every quotation closed", got=text) from error


def inputs_of(args: argparse.Namespace, outputs: Sequence[str] = ("output",)) -> list[Path]:
    """Every file and folder that a command was told to read, a model given as a folder too.

    Parameters
    ----------
    args : argparse.Namespace
    outputs : sequence of str
        Destinations of options that name what the command writes. Every other path is read: an option added later
        is protected without more.
    """
    found: list[Path] = []
    for name, value in vars(args).items():
        if name == "model" and isinstance(value, str):
            value = Path(value)
        if name not in outputs:
            found += [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, Path)]
    return found


PROTOCOL_FIELDS = {
    "vendor": "vendor",
    "te": "te_s",
    "f0": "f0_mhz",
    "edit_on": "edit_on_ppm",
    "edit_off": "edit_off_ppm",
    "edit_duration": "edit_duration_s",
    "semi_laser": "semi_laser",
}
"""Arguments of `fsl_mrs_dl.physics.sequences.mega_press` by the options that give them."""


def given(args: argparse.Namespace, fields: Mapping[str, str]) -> dict[str, Any]:
    """The options that were given, by the names that `fields` has for them."""
    return {field: getattr(args, name) for name, field in fields.items() if getattr(args, name, None) is not None}


def add_semi_laser(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """``--semi-laser``, beside the other options of a protocol."""
    parser.add_argument(
        "--semi-laser",
        action="store_true",
        default=None,
        help="semi-LASER localisation, with adiabatic refocusing pulses (default: PRESS)",
    )


def add_told_protocol(parser: argparse.ArgumentParser) -> None:
    """``--vendor`` and ``--edit-duration``: what a model is told of the protocol where the header does not say it."""
    parser.add_argument(
        "--vendor",
        choices=sorted(VENDORS),
        help="timing and pulses, for a model that takes the protocol as input (default: from --basis or the header)",
    )
    parser.add_argument(
        "--edit-duration", type=float, metavar="S", help="duration of the editing pulses in s, if the header has none"
    )


def told_options(args: argparse.Namespace) -> dict[str, Any]:
    """What those two say, as `fsl_mrs_dl.quantify.told` takes it.

    Raises
    ------
    ConfigError
        When no protocol is so.
    """
    from fsl_mrs_dl.quantify.told import check_protocol

    said = given(args, {name: PROTOCOL_FIELDS[name] for name in ("vendor", "edit_duration")})
    check_protocol(said)
    return said


def add_any_protocol(parser: argparse.ArgumentParser) -> None:
    """``--any-protocol``, for data that were not measured as the model's training spectra were."""
    parser.add_argument(
        "--any-protocol",
        action="store_true",
        help="quantify data whose echo time or editing the model was not trained on, with a caution, not a refusal",
    )
