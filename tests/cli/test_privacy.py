# SPDX-License-Identifier: Apache-2.0
"""A run sends nothing, leaves nothing outside its output, and says nothing where the home cannot be written."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "megapress_raw.nii.gz"
WATER = ROOT / "examples" / "water_reference.nii.gz"


def run_at_home(home, scratch, *command):
    """Run a command with a home and a folder for temporary files of its own."""
    hidden = ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "MPLCONFIGDIR", "ORT_DISABLE_TELEMETRY", "MPLBACKEND")
    environment = {key: value for key, value in os.environ.items() if key not in hidden}
    environment |= {"HOME": str(home), "TMPDIR": str(scratch), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    environment |= {"PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, *map(str, command)],
        capture_output=True,
        text=True,
        cwd=scratch,
        env=environment,
        timeout=900,
        check=False,
    )


@pytest.fixture
def places(tmp_path):
    """A fresh home, and a folder for temporary files."""
    home, scratch = tmp_path / "home", tmp_path / "scratch"
    home.mkdir()
    scratch.mkdir()
    return home, scratch


def dataset(root):
    """A BIDS dataset of two scans, so that two workers have something to do."""
    root.mkdir()
    description = {"Name": "x", "BIDSVersion": "1.10.0"}
    (root / "dataset_description.json").write_text(json.dumps(description), encoding="utf-8")
    for label in ("01", "02"):
        folder = root / f"sub-{label}" / "mrs"
        folder.mkdir(parents=True)
        shutil.copyfile(EXAMPLE, folder / f"sub-{label}_acq-mega_svs.nii.gz")
    return root


def test_fit_leaves_nothing_outside_its_output(places, tmp_path):
    home, scratch = places
    command = ("fit", "--data", EXAMPLE, "--h2o", WATER, "--report", "--output", tmp_path / "out")
    done = run_at_home(home, scratch, "-m", "fsl_mrs_dl", *command)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert list(home.rglob("*")) == []
    assert list(scratch.rglob("*")) == []
    assert {path.name for path in tmp_path.iterdir()} == {"home", "scratch", "out"}


def test_workers_leave_nothing_either(places, tmp_path):
    home, scratch = places
    command = ("bids", dataset(tmp_path / "bids"), tmp_path / "out", "participant", "--workers", "2")
    done = run_at_home(home, scratch, "-m", "fsl_mrs_dl", *command)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert list(home.rglob("*")) == []
    assert list(scratch.rglob("*")) == []


def test_the_library_alone_leaves_nothing_of_onnxruntime(places):
    home, scratch = places
    code = "from fsl_mrs_dl.models.calibrated import load_model; load_model('invivo')"
    done = run_at_home(home, scratch, "-c", code)
    assert done.returncode == 0, done.stderr
    assert list(home.rglob("*")) == []


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_home_that_cannot_be_written_is_no_matter(places, tmp_path):
    home, scratch = places
    home.chmod(0o500)
    try:
        done = run_at_home(home, scratch, "-m", "fsl_mrs_dl", "fit", "--data", EXAMPLE, "--output", tmp_path / "out")
    finally:
        home.chmod(0o700)
    assert done.returncode == 0
    assert done.stderr == ""


def test_a_home_that_does_not_exist_is_no_matter(places, tmp_path):
    _, scratch = places
    command = ("-m", "fsl_mrs_dl", "fit", "--data", EXAMPLE, "--output", tmp_path / "out")
    done = run_at_home("/proc/nohome", scratch, *command)
    assert done.returncode == 0
    assert done.stderr == ""
