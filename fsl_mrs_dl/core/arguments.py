# SPDX-License-Identifier: Apache-2.0
"""Checks of the type and range of arguments of the Python API."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np

from fsl_mrs_dl.core.errors import ConfigError, nearest


def path_of(value: Any, name: str) -> Path:
    """The path that an argument holds; a `ConfigError` where it holds something else, or nothing."""
    if not isinstance(value, str | os.PathLike):
        raise ConfigError(f"{name}= is no path", expected="a string or a pathlib.Path", got=_kind(value))
    if not os.fspath(value).strip():
        raise ConfigError(f"the path of {name}= is empty")
    return Path(value)


def check_number(
    value: Any, name: str, low: float, high: float, *, unit: str = "", whole: bool = False, hint: str = ""
) -> None:
    """Make sure that an argument is a number that may be.

    Parameters
    ----------
    value
        NaN is out of every range, and True no number.
    name : str
    low, high : float
        The ends of the range, in `unit`; both may be.
    unit : str
    whole : bool
        Whether it must be a whole number.
    hint : str
        What to do about it.

    Raises
    ------
    ConfigError
        When it is something else.
    """
    is_number = isinstance(value, Integral if whole else Real) and not isinstance(value, bool)
    if is_number and low <= value <= high:
        return
    what = "is out of range" if is_number else f"is no {'whole ' if whole else ''}number"
    ends = f"{int(low)} to {int(high)}" if whole else f"{low:g} to {high:g}"
    expected = f"{ends} {unit}".rstrip()
    raise ConfigError(f"{name}= {what}", expected=expected, got=repr(value), hint=hint)


def check_flag(value: Any, name: str) -> None:
    """Raise a `ConfigError` unless an argument is True or False; ``"no"`` would count as True."""
    if not isinstance(value, bool | np.bool_ | Integral) or value not in (0, 1):
        raise ConfigError(f"{name}= is neither True nor False", got=_kind(value))


def check_choice(value: Any, name: str, known: Collection[str]) -> None:
    """Raise a `ConfigError` unless an argument is one of `known`."""
    if value not in tuple(known):
        raise ConfigError(f"unknown {name} '{value}'{nearest(str(value), known)}", expected=", ".join(known))


def check_mapping(value: Any, name: str, example: str) -> None:
    """Raise a `ConfigError` unless an argument is a mapping whose keys are strings."""
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise ConfigError(f"{name}= is no mapping of names", expected=example, got=_kind(value))


def _kind(value: Any) -> str:
    return f"{type(value).__name__} {value!r}"[:80]
