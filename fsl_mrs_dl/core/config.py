# SPDX-License-Identifier: Apache-2.0
"""Frozen dataclasses from mappings: every key must be known, every value of the right type."""

from __future__ import annotations

import dataclasses
import functools
import sys
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from fsl_mrs_dl.core.errors import ConfigError, nearest

T = TypeVar("T")


def from_mapping(cls: type[T], values: Mapping[str, Any], where: str) -> T:
    """Build the dataclass `cls` from `values`.

    Parameters
    ----------
    cls : dataclass type
        Its fields may be numbers, strings, booleans, Literals, tuples, mappings, optional values, or dataclasses.
        One with a class method ``expanded(values, where)`` may write out what is short for several settings.
    values : mapping
        As read from JSON or TOML.
    where : str
        File and table, for the error.

    Raises
    ------
    ConfigError
        On an unknown key (with the nearest name), a missing one, or a value of the wrong kind.
    """
    if not isinstance(values, Mapping):
        raise ConfigError("a table of settings is needed", where=where, got=type(values).__name__)
    expanded = getattr(cls, "expanded", None)
    if expanded is not None:
        values = expanded(values, where)
    hints, fields = _hints_and_fields(cls)  # type: ignore[arg-type]
    for key in values:
        if key not in fields:
            raise ConfigError(
                f"unknown setting '{key}'{nearest(key, fields)}", where=where, expected=f"one of {', '.join(fields)}"
            )
    kwargs = {key: _convert(value, hints[key], f"{where}, {key}") for key, value in values.items()}
    for name, field in fields.items():
        no_default = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if no_default and name not in kwargs:
            raise ConfigError(f"the setting '{name}' is missing", where=where)
    return cls(**kwargs)


def check_seed(seed: int, where: str = "seed") -> None:
    """Make sure that every generator takes a seed (torch's have 63 bits, and none is negative).

    Raises
    ------
    ConfigError
        When one would not.
    """
    if not 0 <= seed < 2**63:
        raise ConfigError(f"{where} is out of range", expected="0 to 2^63 - 1", got=seed)


@functools.cache
def _hints_and_fields(cls: type) -> tuple[dict[str, Any], dict[str, dataclasses.Field]]:
    """Types and fields by name; once for a class, for a model card holds hundreds of one."""
    return typing.get_type_hints(cls), {field.name: field for field in dataclasses.fields(cls) if field.init}


def _convert(value: Any, hint: Any, where: str) -> Any:
    """`value` as what `hint` says."""
    origin = typing.get_origin(hint) or hint
    if dataclasses.is_dataclass(hint):
        return value if isinstance(value, hint) else from_mapping(hint, value, where)  # type: ignore[arg-type]
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _mapping(value, hint, where)
    convert = _CONVERTERS.get(origin)
    return convert(value, hint, where) if convert else value


def _union(value: Any, hint: Any, where: str) -> Any:
    """The first arm that `value` fits; where none does, the error of the one that it is nearest to."""
    arms = typing.get_args(hint)
    if value is None and type(None) in arms:
        return None
    errors = []
    for arm in arms:
        if arm is type(None):
            continue
        try:
            return _convert(value, arm, where)
        except ConfigError as error:
            errors.append((_is_meant(value, arm), error))
    raise max(errors, key=lambda found: found[0])[1]


def _is_meant(value: Any, arm: Any) -> bool:
    """Whether a table was given where a table is one of the choices."""
    return isinstance(value, Mapping) and dataclasses.is_dataclass(arm)


def _literal(value: Any, hint: Any, where: str) -> Any:
    choices = typing.get_args(hint)
    if value not in choices:
        expected = f"one of {', '.join(map(repr, choices))}"
        raise ConfigError("unknown choice", where=where, expected=expected, got=repr(value))
    return value


def _tuple(value: Any, hint: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, (list, tuple)):
        raise ConfigError("a list is needed", where=where, got=repr(value))
    args = typing.get_args(hint)
    if len(args) == 2 and args[1] is Ellipsis:
        args = (args[0],) * len(value)
    if len(value) != len(args):
        raise ConfigError(f"a list of {len(args)} is needed", where=where, got=repr(value))
    return tuple(_convert(v, a, where) for v, a in zip(value, args, strict=True))


def _mapping(value: Any, hint: Any, where: str) -> dict[Any, Any]:
    if not isinstance(value, Mapping):
        raise ConfigError("a table is needed", where=where, got=repr(value))
    args = typing.get_args(hint)
    if not args:
        return dict(value)
    return {key: _convert(v, args[1], f"{where}.{key}") for key, v in value.items()}


def _number(value: Any, _: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ConfigError("a number is needed", where=where, got=repr(value))
    if not abs(value) <= sys.float_info.max:  # nor not-a-number, nor an integer beyond it
        raise ConfigError("a finite number is needed", where=where, got=value)
    return float(value)


def _plain(value: Any, hint: Any, where: str) -> Any:
    """An integer, a string or a boolean; True is no integer."""
    if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        raise ConfigError(f"a value of kind {hint.__name__} is needed", where=where, got=repr(value))
    return value


_CONVERTERS: dict[Any, Callable[[Any, Any, str], Any]] = {
    typing.Union: _union,
    types.UnionType: _union,
    typing.Literal: _literal,
    tuple: _tuple,
    float: _number,
    int: _plain,
    str: _plain,
    bool: _plain,
}
