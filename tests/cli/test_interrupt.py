# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C: one line that says how to go on, exit code 130, no traceback, nothing half-written."""

import json
import re
import subprocess
import sys

import pytest

from tests.bids_helpers import make_dataset
from tests.helpers import EXAMPLE
from tests.interrupt_helpers import check, interrupted, leftovers


def test_a_data_set_goes_on_from_its_whole_parts(tiny_config, tiny_model, tmp_path):
    command = ("dataset", tiny_config, "--n", 4000, "--bank", tiny_model / "bank", "--output")
    code, lines = interrupted(*command, "parts", after=r"^1000/4000", cwd=tmp_path)
    check(code, lines, "dataset", "the same command goes on with the spectra that are there")
    assert [path.name for path in tmp_path.iterdir()] == ["parts.partial"]
    run = [sys.executable, "-m", "fsl_mrs_dl", *map(str, command)]
    again = subprocess.run([*run, "parts"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert re.search(r"[123]000 of 4000 spectra are there already", again.stderr)
    subprocess.run([*run, "whole"], cwd=tmp_path, capture_output=True, check=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["parts", "whole"]
    for path in (tmp_path / "whole").iterdir():
        assert path.read_bytes() == (tmp_path / "parts" / path.name).read_bytes(), path.name


@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_a_study_keeps_the_scans_that_are_done(tmp_path, workers):
    study = make_dataset(tmp_path / "raw", participants=("01", "02", "03", "04"))
    command = ("bids", study, tmp_path / "out", "participant", "--workers", workers)
    code, lines = interrupted(*command, after=r"^1/4 .* done", cwd=tmp_path)
    check(code, lines, "bids", "scans that are done stay, and with --skip-existing the same command goes on after them")
    assert leftovers(tmp_path / "out") == []
    done = len(list((tmp_path / "out").rglob("*_desc-dl_mrsquant.tsv")))
    assert 1 <= done < 4


def test_a_validation_goes_on_after_the_data_sets_that_are_done(tmp_path):
    study = make_dataset(tmp_path / "raw", participants=("01", "02"))
    (tmp_path / "data").mkdir()
    for number, path in enumerate(sorted(study.rglob("*megapress68_svs.nii.gz"))):
        path.rename(tmp_path / "data" / f"d{number}.nii.gz")
    truths = [{"id": f"d{number}", "conc_mm": {"NAA": 12 + number, "Cr": 8, "GABA": 2}} for number in range(2)]
    (tmp_path / "truth.json").write_text(json.dumps(truths))
    command = ("validate", "--data", "data", "--truth", "truth.json", "--output")
    code, lines = interrupted(*command, "parts", after=r"^1/2", cwd=tmp_path)
    check(code, lines, "validate", "the same command goes on after the data sets that are done")
    assert not (tmp_path / "parts").exists()
    assert leftovers(tmp_path) == []
    run = [sys.executable, "-m", "fsl_mrs_dl", *command]
    again = subprocess.run([*run, "parts"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "1 of 2 data sets are there already" in again.stderr
    subprocess.run([*run, "whole"], cwd=tmp_path, capture_output=True, check=True)
    assert not list(tmp_path.glob("*.partial"))
    for path in (tmp_path / "whole").iterdir():
        assert path.read_bytes() == (tmp_path / "parts" / path.name).read_bytes(), path.name


SEARCH = """
name = "small"
n_spectra = 640
n_validation = 60
n_trials = 3
n_random = 3
rungs = [2, 4]
[space]
"network.dense" = { low = 16, high = 64, whole = true }
"network.dropout" = { choices = [0.1, 0.3] }
[base]
"""


def test_a_search_goes_on_after_the_trials_that_are_done(tiny_config, tiny_model, tmp_path):
    pytest.importorskip("skopt", reason="the search needs scikit-optimize")
    base = re.sub(r"^\[", "[base.", tiny_config.read_text("utf-8"), flags=re.MULTILINE)
    (tmp_path / "search.toml").write_text(SEARCH + base, encoding="utf-8")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "bank").symlink_to(tiny_model / "bank")
    command = ("select", "search.toml", "--device", "cpu", "--output", "out")
    code, lines = interrupted(*command, after=r"^1/3 completed", cwd=tmp_path)
    check(code, lines, "select", "the same command goes on after the trials that are done")
    assert any(re.match(r"1/3 completed, \d+ ended early, .* left: trial ", line) for line in lines), lines
    assert leftovers(tmp_path / "out") == []
    kept = json.loads((tmp_path / "out" / "trials.json").read_text("utf-8"))
    assert 1 <= len(kept["trials"]) < 3
    run = [sys.executable, "-m", "fsl_mrs_dl", *command]
    again = subprocess.run([*run, "--json"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert "60/60 spectra" not in again.stderr, "data sets are not made again"
    log = json.loads((tmp_path / "out" / "trials.json").read_text("utf-8"))
    assert log["trials"][: len(kept["trials"])] == kept["trials"]
    assert [trial["number"] for trial in log["trials"]] == [0, 1, 2]
    assert log["running"] == []
    told = json.loads(again.stdout)
    assert sum(told["trials"].values()) == 3
    assert told["best"]["score"] == min(trial["score"] for trial in log["trials"] if trial["outcome"] == "completed")


@pytest.mark.slow
def test_a_bank_goes_on_after_its_members(tmp_path):
    (tmp_path / "bank.toml").write_text(
        'metabolites = ["NAA"]\n[bank]\nn_members = 6\nn_positions = 8\n', encoding="utf-8"
    )
    command = ("simulate", "bank", "bank.toml", "--workers", 2, "--output", "bank", "--verbose")
    code, lines = interrupted(*command, after=r"^member 1/6", cwd=tmp_path)
    check(code, lines, "simulate", "the same command goes on after what is simulated")
    assert leftovers(tmp_path) == []


@pytest.mark.slow
def test_a_training_goes_on_from_its_checkpoint(tiny_config, tmp_path):
    code, lines = interrupted("train", tiny_config, "--output", "run", after=r"step 20", cwd=tmp_path)
    check(code, lines, "train", "the same command goes on from the last checkpoint")
    assert leftovers(tmp_path) == []
    assert (tmp_path / "run" / "checkpoint.safetensors").exists()
    assert not (tmp_path / "run" / "card.json").exists()


def test_a_fit_leaves_nothing(tmp_path):
    data = EXAMPLE / "megapress_raw.nii.gz"

    def begun():
        return any(tmp_path.iterdir())

    code, lines = interrupted("fit", "--data", data, "--output", "o", after=begun, cwd=tmp_path)
    check(code, lines, "fit", "the same command starts over")
    assert list(tmp_path.iterdir()) == []
