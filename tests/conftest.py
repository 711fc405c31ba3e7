# SPDX-License-Identifier: Apache-2.0
"""Fixtures that several test files share."""

import os
import signal
import sys
import threading

import pytest

from fsl_mrs_dl.core.inference import TELEMETRY_OFF

# as the program does, before numpy is imported: threads that wait for each other make a busy machine ten times slower
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")
os.environ.update(TELEMETRY_OFF)  # `pytest.importorskip` imports onnxruntime itself
# a shell has its background jobs ignore interrupts, and what tests start would inherit that
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN and threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config, items):
    """Slow tests run when they are asked for: ``pytest -m slow``."""
    if "slow" in (config.getoption("-m") or ""):
        return
    skip = pytest.mark.skip(reason="slow: run with -m slow")
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(skip)


TINY = """
name = "tiny"
seed = 5
[network]
name = "cnn"
widths = [8, 16]
strides = [4, 4]
dense = 32
squeeze = 8
[optimiser]
n_steps = 40
batch_size = 64
validate_every = 10
checkpoint_every = 10
n_validation = 300
n_calibration = 2500
warmup_steps = 5
threads = 1
[recipe]
metabolites = ["Cr", "GABA", "Gln", "Glu", "NAA"]
[recipe.bank]
n_members = 2
n_positions = 4
"""


@pytest.fixture(scope="session")
def tiny_config(tmp_path_factory):
    path = tmp_path_factory.mktemp("config") / "tiny.toml"
    path.write_text(TINY, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def tiny_model(tiny_config, tmp_path_factory):
    """Folder of a model trained for seconds: its numbers are poor, its mechanics are those of any."""
    pytest.importorskip("torch", reason="training needs torch")
    from fsl_mrs_dl.training.config import read_config
    from fsl_mrs_dl.training.run import train

    folder = tmp_path_factory.mktemp("tiny")
    train(read_config(tiny_config), folder)
    return folder


@pytest.fixture(params=[True, False], ids=["plotly", "no plotly"])
def with_plotly(request, monkeypatch):
    """Whether plotly is there."""
    if request.param:
        pytest.importorskip("plotly", reason="plotly is not installed")
    else:
        monkeypatch.setitem(sys.modules, "plotly.offline", None)
    return request.param


@pytest.fixture
def spec2nii():
    pytest.importorskip("spec2nii", reason="spec2nii is not installed: pip install 'fsl_mrs_dl[convert]'")


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """A headless Chromium without a network; skips where there is none."""
    from tests.browser_helpers import Browser, start

    folder = tmp_path_factory.mktemp("browser")
    driver = start(folder)
    yield Browser(driver, folder / "downloads")
    driver.quit()
