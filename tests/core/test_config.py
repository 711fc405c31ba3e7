# SPDX-License-Identifier: Apache-2.0
"""Dataclasses from tables: what is accepted, and what an error says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from fsl_mrs_dl.core.config import from_mapping
from fsl_mrs_dl.core.errors import ConfigError


@dataclass(frozen=True)
class Inner:
    depth: float = 1.0


@dataclass(frozen=True)
class Outer:
    name: str
    n: int = 1
    on: bool = False
    scale: float = 1.0
    shape: Literal["a", "b"] = "a"
    pair: tuple[float, str] = (0.0, "")
    several: tuple[int, ...] = ()
    table: Mapping[str, float] = field(default_factory=dict)
    free: dict = field(default_factory=dict)
    inner: Inner = Inner()
    maybe: Inner | None = None
    either: int | str = 0
    number_or_table: float | Inner = 0.0
    anything: Any = None


def outer(**values):
    return from_mapping(Outer, {"name": "x", **values}, "file.toml")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"scale": 2}, {"scale": 2.0}),
        ({"pair": [1, "ppm"]}, {"pair": (1.0, "ppm")}),
        ({"several": [1, 2, 3]}, {"several": (1, 2, 3)}),
        ({"table": {"GABA": 1}}, {"table": {"GABA": 1.0}}),
        ({"free": {"a": [1]}}, {"free": {"a": [1]}}),
        ({"inner": {"depth": 3}}, {"inner": Inner(3.0)}),
        ({"maybe": None}, {"maybe": None}),
        ({"maybe": {"depth": 3}}, {"maybe": Inner(3.0)}),
        ({"either": "text"}, {"either": "text"}),
        ({"either": 4}, {"either": 4}),
        ({"number_or_table": {"depth": 3}}, {"number_or_table": Inner(3.0)}),
        ({"anything": object}, {"anything": object}),
    ],
)
def test_values_that_fit_are_taken(values, expected):
    built = outer(**values)
    for name, value in expected.items():
        assert getattr(built, name) == value
        assert type(getattr(built, name)) is type(value)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"scal": 2}, "unknown setting 'scal' .did you mean 'scale'"),
        ({"scale": True}, "a number is needed"),
        ({"scale": float("nan")}, "a finite number is needed"),
        ({"scale": 10**400}, "a finite number is needed"),
        ({"n": True}, "a value of kind int is needed"),
        ({"n": 1.5}, "a value of kind int is needed"),
        ({"on": 1}, "a value of kind bool is needed"),
        ({"shape": "c"}, "unknown choice"),
        ({"pair": [1.0]}, "a list of 2 is needed"),
        ({"pair": 1.0}, "a list is needed"),
        ({"table": [1]}, "a table is needed"),
        ({"table": {"GABA": "much"}}, "a number is needed"),
        ({"inner": 3}, "a table of settings is needed"),
        ({"inner": {"dept": 3}}, "unknown setting 'dept'"),
        ({"number_or_table": {"dept": 3}}, "unknown setting 'dept'"),
        ({"either": 1.5}, "is needed"),
    ],
)
def test_values_that_do_not_fit_are_refused_with_the_reason(values, message):
    with pytest.raises(ConfigError, match=message):
        outer(**values)


def test_a_missing_value_is_named():
    with pytest.raises(ConfigError, match="'name' is missing"):
        from_mapping(Outer, {}, "file.toml")
