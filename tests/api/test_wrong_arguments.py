# SPDX-License-Identifier: Apache-2.0
"""Arguments of the wrong kind: an error that names them, before anything is computed."""

from __future__ import annotations

import pytest

import fsl_mrs_dl
from fsl_mrs_dl.core.errors import ConfigError


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"model": 3}, "model="),
        ({"basis": 3}, "basis="),
        ({"tissue": 3}, "tissue="),
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
        ({"n_points": 2048.5}, "n_points="),
        ({"workers": "two"}, "workers="),
        ({"macromolecules": "some"}, "macromolecules"),
        ({"te_s": "68"}, "te_s="),
        ({"te_s": 68}, "te_s="),
        ({"edit_duration_s": 14}, "edit_duration_s="),
    ],
)
def test_simulate_basis_names_an_argument_of_the_wrong_kind(arguments, name):
    with pytest.raises(ConfigError, match=name):
        fsl_mrs_dl.simulate_basis(**{"metabolites": ["NAA"], **arguments})
