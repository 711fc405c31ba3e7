# SPDX-License-Identifier: Apache-2.0
"""Data sets on disk, training on them, and validation on synthesised spectra."""

import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest

from fsl_mrs_dl.core.errors import ConfigError, DataError
from fsl_mrs_dl.models.calibrated import LoadedModel
from fsl_mrs_dl.models.folder import open_model
from fsl_mrs_dl.synthesise.concentrations import ConcentrationConfig
from fsl_mrs_dl.synthesise.synthesiser import Synthesiser
from fsl_mrs_dl.training import dataset as datasets
from fsl_mrs_dl.training.config import read_config
from fsl_mrs_dl.training.dataset import open_dataset, write_dataset
from fsl_mrs_dl.training.run import bank_of_recipe
from fsl_mrs_dl.validation.simulated import run_simulated

torch = pytest.importorskip("torch", reason="training needs torch")


@pytest.fixture(scope="module")
def synthesiser(tiny_config, tiny_model):
    recipe = read_config(tiny_config).recipe
    return Synthesiser(recipe, bank_of_recipe(recipe, tiny_model / "bank"))


@pytest.fixture(scope="module")
def dataset(synthesiser, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sets") / "data"
    write_dataset(synthesiser, 90, 7, folder)
    return open_dataset(folder, synthesiser.recipe)


def test_a_data_set_is_what_its_seed_says(synthesiser, dataset, tmp_path, monkeypatch):
    assert len(dataset) == 90
    batch = dataset.rows(slice(None), clean=True)
    np.testing.assert_allclose(batch.target * batch.scale[:, None], batch.conc_mm, rtol=1e-5, atol=1e-5)
    assert batch.clean.shape == batch.channels.shape
    # a shorter set of the same seed is its beginning
    write_dataset(synthesiser, 20, 7, tmp_path / "short")
    short = open_dataset(tmp_path / "short", synthesiser.recipe).rows(slice(None))
    np.testing.assert_array_equal(short.channels, batch.channels[:20])
    # and chunks follow each other without repeating
    monkeypatch.setattr(datasets, "CHUNK", 30)
    write_dataset(synthesiser, 90, 7, tmp_path / "chunks")
    chunks = open_dataset(tmp_path / "chunks", synthesiser.recipe).rows(slice(None))
    assert len(np.unique(chunks.scale)) == 90


def test_an_interrupted_data_set_goes_on_and_gives_the_same(synthesiser, tmp_path, monkeypatch):
    monkeypatch.setattr(datasets, "CHUNK", 30)
    write_dataset(synthesiser, 90, 7, tmp_path / "whole")
    render, calls = type(synthesiser).render, []

    def stopped(self, *args, **kwargs):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return render(self, *args, **kwargs)

    monkeypatch.setattr(type(synthesiser), "render", stopped)
    with pytest.raises(KeyboardInterrupt):
        write_dataset(synthesiser, 90, 7, tmp_path / "parts")
    assert not (tmp_path / "parts").exists()
    write_dataset(synthesiser, 90, 7, tmp_path / "parts")
    assert len(calls) == 4, "two chunks, the one that was stopped, and that one again"
    for path in (tmp_path / "whole").iterdir():
        assert path.read_bytes() == (tmp_path / "parts" / path.name).read_bytes(), path.name
    assert sorted(path.name for path in tmp_path.iterdir()) == ["parts", "whole"]
    # another seed takes nothing of it, and what is not ours is left alone
    calls[:] = [1]
    with pytest.raises(KeyboardInterrupt):
        write_dataset(synthesiser, 90, 7, tmp_path / "other")
    write_dataset(synthesiser, 30, 8, tmp_path / "other")
    assert len(open_dataset(tmp_path / "other", synthesiser.recipe)) == 30
    (tmp_path / "third.partial").mkdir()
    with pytest.raises(DataError, match="in the way"):
        write_dataset(synthesiser, 30, 8, tmp_path / "third")


def test_a_disk_that_fills_up_is_one_line_and_what_is_done_is_kept(tiny_config, tiny_model, tmp_path):
    pytest.importorskip("resource", reason="this system does not limit the size of files")
    limited = (
        "import resource, sys; from fsl_mrs_dl.cli.main import main\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000)); sys.exit(main(sys.argv[1:]))"
    )
    command = ["dataset", str(tiny_config), "--n", "20", "--bank", str(tiny_model / "bank"), "--workers", "1"]
    command += ["--output", str(tmp_path / "data")]
    done = subprocess.run([sys.executable, "-c", limited, *command], capture_output=True, text=True)
    assert done.returncode == 1
    assert "channels.npy: cannot write here: file too large" in done.stderr.splitlines()[-1]
    assert not (tmp_path / "data").exists()
    subprocess.run([sys.executable, "-m", "fsl_mrs_dl", *command], capture_output=True, check=True)
    assert len(np.load(tmp_path / "data" / "channels.npy")) == 20


def test_rows_are_written_without_a_memory_map(tmp_path, monkeypatch):
    """A process that writes to a memory map on a full disk is ended by the system, without a word."""

    def read_only(*args, mode, **kwargs):
        if mode == "w+":
            return opened(*args, mode=mode, **kwargs).copy()
        raise AssertionError(mode)

    opened = np.lib.format.open_memmap
    monkeypatch.setattr(np.lib.format, "open_memmap", read_only)
    rows = np.arange(24, dtype=np.float32).reshape(4, 3, 2)
    for first in (2, 0):
        datasets._write_rows(tmp_path / "a.npy", rows[first : first + 2], first, 4)
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), rows)


def test_several_processes_write_the_same_bytes(synthesiser, tmp_path):
    for workers in (1, 2):
        write_dataset(synthesiser, 3100, 7, tmp_path / str(workers), workers=workers)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1", "2"]
    for path in (tmp_path / "1").iterdir():
        assert path.read_bytes() == (tmp_path / "2" / path.name).read_bytes(), path.name


def test_batches_of_an_epoch_hold_every_spectrum_once_and_go_on_where_they_were(dataset):
    scales = []
    batches = dataset.batches(30, 1, 0)
    for _ in range(6):
        scales.append(next(batches).scale)
    everything = np.sort(dataset.rows(slice(None)).scale)
    for epoch in (scales[:3], scales[3:]):
        np.testing.assert_array_equal(np.sort(np.concatenate(epoch)), everything)
    assert (scales[0] != scales[3]).any()
    np.testing.assert_array_equal(next(dataset.batches(30, 1, 4)).scale, scales[4])


def test_a_data_set_that_does_not_fit_or_is_broken_is_refused(synthesiser, dataset, tmp_path):
    other = dataclasses.replace(synthesiser.recipe, metabolites=("NAA", "Cr"))
    with pytest.raises(DataError, match="other outputs"):
        open_dataset(dataset.folder, other)
    with pytest.raises(DataError, match="no data set"):
        open_dataset(tmp_path, synthesiser.recipe)
    with pytest.raises(DataError, match="not empty"):
        write_dataset(synthesiser, 5, 1, dataset.folder)
    with pytest.raises(ConfigError, match="at least one"):
        write_dataset(synthesiser, 0, 1, tmp_path / "none")


def test_sobol_concentrations_fill_their_ranges_more_evenly_than_random_ones():
    names = ("Cr", "GABA", "Gln", "Glu", "NAA")

    def unevenness(design):
        config = ConcentrationConfig(design=design, solution_fraction=1.0, zero_probability=0.0)
        conc, _ = config.draw(256, names, np.random.default_rng(0))
        counts, *_ = np.histogram2d(conc[:, 0], conc[:, 1], bins=8, range=[[0, 16], [0, 16]])
        return counts.std()

    assert unevenness("sobol") < 0.5 * unevenness("random")


def test_a_model_is_validated_on_synthesised_spectra(synthesiser, tiny_model):
    cases = run_simulated(synthesiser, LoadedModel(open_model(tiny_model)), 40, 1)
    assert len(cases) == 40
    case = next(c for c in cases if not c.refused)
    assert set(case.estimate) == set(case.truth) == set(case.interval95)
    low, high = case.interval95["NAA"]
    assert low <= case.estimate["NAA"] <= high
    again = run_simulated(synthesiser, LoadedModel(open_model(tiny_model)), 40, 1)
    assert [c.estimate for c in again] == [c.estimate for c in cases]
    # the tiny model saw too few edit_off alone to be calibrated for it
    assert {c.series for c in cases if c.refused} <= {"edit_off"}


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--simulated", "c.toml", "--data", "d"], "takes the place"),
        (["--data", "d"], "nothing to validate on"),
        (["--simulated", "c.toml", "--against", "newton"], "are for --data"),
    ],
)
def test_validate_wants_one_kind_of_spectra(tmp_path, arguments, text):
    command = [sys.executable, "-m", "fsl_mrs_dl", "validate", "--output", str(tmp_path / "out"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert text in done.stderr
    assert not (tmp_path / "out").exists()


def test_the_commands_from_end_to_end(tiny_config, tmp_path):
    def run(*arguments):
        done = subprocess.run(
            [sys.executable, "-m", "fsl_mrs_dl", *arguments], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    run("dataset", str(tiny_config), "--n", "64", "--output", str(tmp_path / "data"))
    text = tiny_config.read_text()
    first, rest = text.split("\n", 1)
    (tmp_path / "on_data.toml").write_text(f'dataset = "{tmp_path / "data"}"\n{first}\n{rest}')
    assert read_config(tmp_path / "on_data.toml").dataset
    run("train", str(tmp_path / "on_data.toml"), "--output", str(tmp_path / "run"))
    output = run(
        "validate",
        "--simulated",
        str(tiny_config),
        "--n",
        "50",
        "--model",
        str(tmp_path / "run"),
        "--output",
        str(tmp_path / "validation"),
    )
    assert "GABA" in output
    assert json.loads((tmp_path / "validation" / "validation.json").read_text())["n"] == 50


@pytest.mark.parametrize("seed", ["-1", str(2**63)])
def test_a_seed_that_no_generator_takes_is_refused(tiny_config, tmp_path, seed):
    command = [sys.executable, "-m", "fsl_mrs_dl", "dataset", str(tiny_config), "--output", str(tmp_path / "data")]
    done = subprocess.run([*command, "--seed", seed], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.strip().endswith(f"--seed is out of range; expected 0 to 2^63 - 1; got {seed}")
    with pytest.raises(ConfigError, match="seed is out of range"):
        dataclasses.replace(read_config(tiny_config), seed=int(seed))
    assert list(tmp_path.iterdir()) == []
