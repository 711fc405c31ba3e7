# SPDX-License-Identifier: Apache-2.0
"""Arguments of the wrong kind: an error that names them, before anything is computed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import fsl_mrs_dl
from fsl_mrs_dl.api.functions import _tissue
from fsl_mrs_dl.core.data import Acquisition
from fsl_mrs_dl.core.errors import ConfigError, DataError, nearest
from fsl_mrs_dl.preprocess.checks import check_values


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"model": 3}, "model="),
        ({"basis": 3}, "basis="),
        ({"tissue": 3}, "tissue="),
        ({"tissue": [0.6, 0.3, 0.1]}, "tissue= is neither a file nor a mapping"),
        ({"by_naa": "no"}, "by_naa= is neither True nor False"),
        ({"any_protocol": "false"}, "any_protocol="),
        ({"protocol": [1]}, "protocol="),
        ({"protocol": {1: 2}}, "protocol="),
        ({"protocol": {"vendor": []}}, "vendor"),
    ],
)
def test_fit_names_an_argument_of_the_wrong_kind_before_it_looks_at_the_data(arguments, name):
    with pytest.raises(ConfigError, match=name):
        fsl_mrs_dl.fit("nowhere.nii.gz", **arguments)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"sequence": 3}, "sequence="),
        ({"like": 3}, "like="),
        ({"metabolites": "GABA"}, "metabolites="),
        ({"metabolites": [1]}, "metabolites="),
        ({"metabolites": 3}, "metabolites="),
        ({"metabolites": np.array([])}, "metabolites="),
        ({"n_points": 2048.5}, "n_points="),
        ({"workers": "two"}, "workers="),
        ({"macromolecules": "some"}, "macromolecules"),
        ({"te_s": "68"}, "te_s="),
        ({"te_s": 68}, "te_s="),
        ({"te": 0.068}, r"no argument te= \(did you mean 'te_s'\?\)"),
        ({"edit_ppm": 1.9}, "did you mean 'edit_o"),
        ({"edit_duration_s": 14}, "edit_duration_s="),
    ],
)
def test_simulate_basis_names_an_argument_of_the_wrong_kind(arguments, name):
    with pytest.raises(ConfigError, match=name):
        fsl_mrs_dl.simulate_basis(**{"metabolites": ["NAA"], **arguments})


def test_names_of_metabolites_may_stand_in_an_array():
    found = fsl_mrs_dl.simulate_basis(metabolites=np.array(["NAA", "Cr"]), n_points=64, n_positions=3)
    assert set(found["diff"].names) == {"NAA", "Cr"}
    assert {type(name) for name in found["diff"].names} == {str}
    with pytest.raises(KeyError, match=r"'off' is no condition .*one of edit_off, edit_on, diff"):
        found["off"]


def test_a_row_of_a_table_is_a_mapping_of_tissues():
    pandas = pytest.importorskip("pandas")
    row = pandas.DataFrame([{"GM": 0.6, "WM": 0.3, "CSF": 0.1}]).iloc[0]
    assert _tissue(row) == _tissue({"GM": 0.6, "WM": 0.3, "CSF": 0.1})


def test_a_number_is_not_the_name_of_a_metabolite():
    assert nearest(0, ["GABA"]) == ""


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"fids": np.ones((1, 1, 2, 512))}, "no complex array .* got float64 of shape"),
        ({"fids": np.ones((2, 512), complex)}, "no complex array of four axes"),
        ({"dwell_s": 0.5}, "dwell_s is impossible; expected 5e-06 to 0.005; got 0.5"),
        ({"dwell_s": -5e-4}, "dwell_s is impossible"),
        ({"f0_mhz": 127.7e6}, "f0_mhz is impossible"),
        ({"conditions": ("on",)}, "the conditions are not named"),
        ({"conditions": ("edit_off", "edit_on")}, "expected 1 of edit_off, edit_on, diff"),
    ],
)
def test_an_acquisition_filled_in_by_hand_is_looked_at(changes, said):
    given = {"fids": np.ones((1, 1, 2, 512), complex), "dwell_s": 5e-4, "f0_mhz": 127.7, "source": Path("mine")}
    with pytest.raises(DataError, match=said):
        check_values(Acquisition(**{**given, **changes}), None)
