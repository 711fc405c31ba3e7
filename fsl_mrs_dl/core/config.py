# SPDX-License-Identifier: Apache-2.0
"""Frozen dataclasses from mappings: every key must be known, every value of the right kind."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from fsl_mrs_dl.core.errors import ConfigError, nearest

T = TypeVar("T")


def from_mapping(cls: type[T], values: Mapping[str, Any], where: str) -> T:
    """Build the dataclass `cls` from `values`.

    Parameters
    ----------
    cls : dataclass type
        Its fields may be numbers, strings, booleans, Literals, tuples, mappings, optional values, or dataclasses.
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
    hints = typing.get_type_hints(cls)
    fields = {field.name: field for field in dataclasses.fields(cls) if field.init}  # type: ignore[arg-type]
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


def _convert(value: Any, hint: Any, where: str) -> Any:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Union or origin is types.UnionType:
        if value is None and type(None) in args:
            return None
        return _convert(value, next(a for a in args if a is not type(None)), where)
    if origin is typing.Literal:
        if value not in args:
            raise ConfigError(
                "unknown choice", where=where, expected=f"one of {', '.join(map(repr, args))}", got=repr(value)
            )
        return value
    if origin is tuple:
        if not isinstance(value, (list, tuple)):
            raise ConfigError("a list is needed", where=where, got=repr(value))
        if len(args) == 2 and args[1] is Ellipsis:
            return tuple(_convert(v, args[0], where) for v in value)
        if len(value) != len(args):
            raise ConfigError(f"a list of {len(args)} is needed", where=where, got=repr(value))
        return tuple(_convert(v, a, where) for v, a in zip(value, args, strict=True))
    if origin in (dict, Mapping) or hint is dict or (origin is not None and issubclass(origin, Mapping)):
        if not isinstance(value, Mapping):
            raise ConfigError("a table is needed", where=where, got=repr(value))
        return {key: _convert(v, args[1], f"{where}.{key}") if args else v for key, v in value.items()}
    if dataclasses.is_dataclass(hint):
        return value if isinstance(value, hint) else from_mapping(hint, value, where)  # type: ignore[arg-type]
    if hint is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        if value != value or value in (float("inf"), float("-inf")):
            raise ConfigError("a finite number is needed", where=where, got=value)
        return float(value)
    if hint in (int, str, bool):
        if isinstance(value, hint) and not (hint is int and isinstance(value, bool)):
            return value
        raise ConfigError(f"a value of kind {hint.__name__} is needed", where=where, got=repr(value))
    if hint is float:
        raise ConfigError("a number is needed", where=where, got=repr(value))
    return value
