# SPDX-License-Identifier: Apache-2.0
"""Arguments of the Python API: what can be one, and an error that names what cannot."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from fsl_mrs_dl.core.arguments import check_choice, check_number, path_of
from fsl_mrs_dl.core.errors import ConfigError, nearest


@pytest.mark.parametrize("value", ["here", Path("here")])
def test_a_path_may_be_text_or_a_path(value):
    assert path_of(value, "basis") == Path("here")


@pytest.mark.parametrize("value", [3, None, ["here"], b"here", " "])
def test_what_is_no_path_is_said_by_name(value):
    with pytest.raises(ConfigError, match="basis="):
        path_of(value, "basis")


@pytest.mark.parametrize("value", [1, 2.5, np.float32(3), np.int64(10)])
def test_numbers_of_any_kind_are_numbers(value):
    check_number(value, "te_s", 1, 10)


@pytest.mark.parametrize(
    ("value", "what"),
    [(True, "no number"), ("5", "no number"), (None, "no number"), (math.nan, "out of range"), (11, "out of range")],
)
def test_what_is_no_number_or_none_that_may_be(value, what):
    with pytest.raises(ConfigError, match=f"te_s= is {what}; expected 1 to 10 s"):
        check_number(value, "te_s", 1, 10, unit="s")


def test_a_whole_number_has_no_fraction():
    with pytest.raises(ConfigError, match="n_points= is no whole number; expected 16 to 1048576"):
        check_number(2048.5, "n_points", 16, 2**20, whole=True)


def test_a_name_in_capitals_is_recognised():
    with pytest.raises(ConfigError, match=r"unknown vendor 'SIEMENS' \(did you mean 'siemens'\?\)"):
        check_choice("SIEMENS", "vendor", ("siemens", "philips"))
    assert nearest("gaba", ("GABA", "Glu")) == " (did you mean 'GABA'?)"
