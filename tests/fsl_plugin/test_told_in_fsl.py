# SPDX-License-Identifier: Apache-2.0
"""What the network is told of the protocol inside FSL-MRS: by the basis that fsl_mrs was given, or the environment."""

from types import SimpleNamespace

import pytest

from fsl_mrs_dl.core.errors import ConfigError
from fsl_mrs_dl.fsl_plugin.request import Request

NAMES = ("FSL_MRS_DL_VENDOR", "FSL_MRS_DL_EDIT_DURATION")


@pytest.fixture(autouse=True)
def _silent(monkeypatch):
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


def asked(basis):
    return Request("fsl_mrs", SimpleNamespace(basis=basis, data="diff.nii.gz"))


def test_the_condition_of_a_basis_that_holds_both_tells_the_protocol(tmp_path):
    for name in ("edit_off", "diff"):
        (tmp_path / "B" / name).mkdir(parents=True)
    for basis in (tmp_path / "B" / "diff", str(tmp_path / "B" / "edit_off")):
        assert asked(basis).protocol == {"basis": tmp_path / "B"}
    (tmp_path / "link").symlink_to(tmp_path / "B" / "diff")
    assert asked(tmp_path / "link").protocol == {"basis": tmp_path / "B"}


def test_a_basis_of_one_condition_tells_nothing(tmp_path):
    (tmp_path / "diff").mkdir()
    assert asked(tmp_path / "diff").protocol == {}
    assert asked(tmp_path / "own.BASIS").protocol == {}
    assert Request().protocol == {}


def test_the_environment_says_what_the_options_of_fit_do(monkeypatch):
    monkeypatch.setenv("FSL_MRS_DL_VENDOR", "philips")
    monkeypatch.setenv("FSL_MRS_DL_EDIT_DURATION", "0.014")
    assert Request().protocol == {"vendor": "philips", "edit_duration_s": 0.014}


@pytest.mark.parametrize(
    ("name", "value"),
    [("FSL_MRS_DL_VENDOR", "phillips"), ("FSL_MRS_DL_EDIT_DURATION", "14 ms"), ("FSL_MRS_DL_EDIT_DURATION", "14")],
)
def test_what_is_not_understood_names_the_variable(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=name):
        _ = Request().protocol
