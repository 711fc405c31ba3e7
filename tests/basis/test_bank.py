# SPDX-License-Identifier: Apache-2.0
"""The basis bank: drawn within its ranges, the same whoever simulates it, continued where it was stopped."""

import dataclasses
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from fsl_mrs_dl.basis.bank_config import BankConfig
from fsl_mrs_dl.basis.bank_files import load_members, member_path, simulate_members
from fsl_mrs_dl.core.config import from_mapping
from fsl_mrs_dl.core.errors import ConfigError, DataError

CONFIG = BankConfig(n_members=4, n_positions=4)
NAMES = ("NAA", "Cr")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bank")
    simulate_members(CONFIG, NAMES, folder)
    return folder


def signals(folder):
    return [member.condition("diff", 64, 1e-3).fids for member in load_members(folder)]


def test_protocols_are_drawn_within_their_ranges():
    config = BankConfig(
        n_members=60,
        seed=4,
        te_s=(0.066, 0.082),
        edit_duration_s=(0.012, 0.016, 0.02, 0.025),
        temperature_c=(18.0, 38.0),
        refocusing_bandwidth_hz=(900.0, 3000.0),
    )
    draws = config.draw()
    assert draws == config.draw()
    protocols = [protocol for protocol, _ in draws]
    for name in ("b1_scale", "te_s", "edit_on_ppm", "edit_off_ppm", "transmitter_ppm", "refocusing_tbw"):
        low, high = getattr(config, name)
        values = [getattr(p, name) for p in protocols]
        assert low - 1e-12 <= min(values) < max(values) <= high + 1e-12
        assert max(values) - min(values) > 0.8 * (high - low)
    assert {p.f0_mhz for p in protocols} == set(config.f0_mhz)
    assert {p.edit_duration_s for p in protocols} == set(config.edit_duration_s)
    assert {p.refocusing for p in protocols} == set(config.refocusing)
    assert {p.edit_shape for p in protocols} == set(config.edit_shape)
    assert min(t for _, t in draws) < 22 < 34 < max(t for _, t in draws)


def test_members_do_not_depend_on_the_number_of_processes(folder, tmp_path):
    simulate_members(CONFIG, NAMES, tmp_path / "two", workers=2)
    np.testing.assert_array_equal(signals(tmp_path / "two"), signals(folder))


def test_members_differ_and_follow_the_seed(folder, tmp_path):
    first, second, *_ = signals(folder)
    assert np.linalg.norm(first - second) > 0.01 * np.linalg.norm(first)
    simulate_members(dataclasses.replace(CONFIG, seed=2), NAMES, tmp_path / "other")
    assert np.linalg.norm(signals(tmp_path / "other")[0] - first) > 0.01 * np.linalg.norm(first)


def test_an_interrupted_bank_goes_on(folder, tmp_path):
    simulate_members(CONFIG, NAMES, tmp_path / "bank")
    whole = {i: member_path(tmp_path / "bank", i).read_bytes() for i in range(4)}
    member_path(tmp_path / "bank", 1).unlink()
    kept = member_path(tmp_path / "bank", 0).stat().st_mtime_ns
    with pytest.raises(DataError, match="lacks 1 of its 4"):
        load_members(tmp_path / "bank")
    simulate_members(CONFIG, NAMES, tmp_path / "bank")
    assert member_path(tmp_path / "bank", 0).stat().st_mtime_ns == kept
    np.testing.assert_array_equal(signals(tmp_path / "bank"), signals(folder))
    assert len(member_path(tmp_path / "bank", 1).read_bytes()) == len(whole[1])


@pytest.mark.parametrize(
    ("config", "names", "text"),
    [(dataclasses.replace(CONFIG, seed=9), NAMES, "config differs"), (CONFIG, ("NAA",), "metabolites differs")],
)
def test_another_bank_in_the_folder_is_refused(folder, config, names, text):
    with pytest.raises(DataError, match=text):
        simulate_members(config, names, folder)


@pytest.mark.parametrize(
    ("content", "text"), [("{}", "KeyError"), ("[", "JSONDecodeError"), (json.dumps({"draws": 3}), "TypeError")]
)
def test_a_broken_record_is_one_line(tmp_path, content, text):
    (tmp_path / "bank.json").write_text(content)
    with pytest.raises(DataError, match=text):
        load_members(tmp_path)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"n_member": 3}, "did you mean 'n_members'"),
        ({"n_members": 0}, "at least 1"),
        ({"edit_duration_s": [0.04]}, "no editing pulse"),
        ({"refocusing": ["sinc"]}, "one of 'ideal'"),
        ({"edit_shape": []}, "at least one"),
    ],
)
def test_config_errors_name_the_setting(values, text):
    with pytest.raises(ConfigError, match=text):
        from_mapping(BankConfig, values, "bank.toml")


def test_command_writes_a_bank_and_reports_what_is_wrong(tmp_path):
    (tmp_path / "bank.toml").write_text('metabolites = ["NAA"]\n[bank]\nn_members = 2\nn_positions = 2\n')
    command = [sys.executable, "-m", "fsl_mrs_dl", "simulate", "bank", str(tmp_path / "bank.toml")]
    command += ["--output", str(tmp_path / "out")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert len(load_members(tmp_path / "out")) == 2
    (tmp_path / "bank.toml").write_text("[bank\n")
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert "not TOML" in done.stderr


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"te_s": (0.082, 0.066)}, "te_s must not fall"),
        ({"seed": -1}, "seed"),
        ({"shift_jitter_ppm": -1.0}, "shift_jitter"),
    ],
)
def test_ranges_that_make_no_sense_are_refused(values, text):
    with pytest.raises(ConfigError, match=text):
        BankConfig(**values)


def test_a_damaged_member_is_named(tmp_path):
    config = BankConfig(n_members=1, n_positions=8)
    simulate_members(config, ("Cr",), tmp_path)
    path = member_path(tmp_path, 0)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DataError, match=path.name):
        load_members(tmp_path)
