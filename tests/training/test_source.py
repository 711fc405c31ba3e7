# SPDX-License-Identifier: Apache-2.0
"""Training batches: where they come from, and that they are the same wherever a training goes on."""

import itertools
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

from fsl_mrs_dl.core.errors import ConfigError

torch = pytest.importorskip("torch")
from fsl_mrs_dl.basis.bank_config import BankConfig  # noqa: E402
from fsl_mrs_dl.cli.main import main  # noqa: E402
from fsl_mrs_dl.synthesise.plan import draw_plan  # noqa: E402
from fsl_mrs_dl.synthesise.recipe import Recipe  # noqa: E402
from fsl_mrs_dl.synthesise.synthesiser import Synthesiser  # noqa: E402
from fsl_mrs_dl.training import source  # noqa: E402
from fsl_mrs_dl.training.banks import bank_of_recipe  # noqa: E402
from fsl_mrs_dl.training.config import OptimiserConfig, TrainConfig  # noqa: E402
from fsl_mrs_dl.training.dataset import open_dataset, write_dataset  # noqa: E402
from fsl_mrs_dl.training.devices import chosen_device  # noqa: E402

RECIPE = Recipe(metabolites=("Cr", "GABA", "NAA"), bank=BankConfig(n_members=2, n_positions=4))
CONFIG = TrainConfig("small", seed=5, optimiser=OptimiserConfig(batch_size=16), recipe=RECIPE)


@pytest.fixture(scope="module")
def synthesiser(tmp_path_factory):
    return Synthesiser(RECIPE, bank_of_recipe(RECIPE, tmp_path_factory.mktemp("bank")))


@pytest.fixture
def on_device(monkeypatch):
    """What a GPU does, on the CPU, with four steps to a chunk."""
    monkeypatch.setattr(source, "CHUNK", 64)

    def batches(synthesiser, first, n, workers=1):
        made = source._made_on_device(synthesiser, CONFIG, first, False, torch.device("cpu"), workers)
        try:
            return [batch.channels.numpy() for batch in itertools.islice(made, n)]
        finally:
            made.close()

    return batches


def test_batches_of_a_device_depend_on_the_step_alone(synthesiser, on_device):
    whole = on_device(synthesiser, 0, 7, workers=2)
    later = on_device(synthesiser, 5, 2)
    np.testing.assert_array_equal(whole[5:], later)
    assert len({batch.tobytes() for batch in whole}) == 7
    assert all(len(batch) == 16 for batch in whole)


def test_chunks_are_drawn_from_seed_and_number(synthesiser, on_device):
    plan = draw_plan(synthesiser, 64, np.random.default_rng((CONFIG.seed, source.TRAIN, 1)))
    from fsl_mrs_dl.synthesise.on_device import DeviceSynthesiser

    expected = DeviceSynthesiser(synthesiser, "cpu").make(plan).channels.numpy()
    np.testing.assert_array_equal(np.concatenate(on_device(synthesiser, 4, 4)), expected)


def test_a_data_set_on_a_device_is_read_in_the_same_order(synthesiser, tmp_path):
    write_dataset(synthesiser, 50, 3, tmp_path / "data")
    dataset = open_dataset(tmp_path / "data", RECIPE)
    stored = source._stored_on_device(dataset, 16, 1, 2, True, torch.device("cpu"))
    for ours, theirs in itertools.islice(zip(stored, dataset.batches(16, 1, 2, clean=True), strict=False), 5):
        for name in ("channels", "present", "target", "clean"):
            np.testing.assert_array_equal(getattr(ours, name).numpy(), getattr(theirs, name))


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--device", "cuda"), "--device cuda: torch sees no GPU"),
        (("--device", "gpu"), "unknown device 'gpu'"),
        (("--workers", "0"), "--workers must be at least 1"),
    ],
)
def test_train_says_what_it_cannot_run_on_before_it_writes(tiny_config, tmp_path, capsys, monkeypatch, words, text):
    monkeypatch.setattr(torch, "cuda", SimpleNamespace(is_available=lambda: False))
    assert main(["train", str(tiny_config), "--output", str(tmp_path / "run"), *words]) == 2
    assert text in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_devices(monkeypatch):
    assert chosen_device("cpu") == "cpu"
    with pytest.raises(ConfigError, match="did you mean 'cuda'"):
        chosen_device("cuds")
    for there in (True, False):
        monkeypatch.setattr(torch, "cuda", SimpleNamespace(is_available=lambda there=there: there))
        assert chosen_device("auto") == ("cuda" if there else "cpu")
    with pytest.raises(ConfigError, match="sees no GPU"):
        chosen_device("cuda")


def test_nothing_is_still_being_made_when_a_training_was_stopped():
    before = threading.active_count()
    ended = []

    def slow():
        try:
            for number in itertools.count():
                yield number
                time.sleep(0.2)
        finally:
            ended.append(True)

    made = source.ahead(slow(), 10)
    assert next(made) == 0
    made.close()
    assert ended
    assert threading.active_count() == before


def test_a_batch_that_never_comes_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(source, "_LAST_BATCH_S", 0.1)
    released = threading.Event()

    def stuck():
        yield 0
        released.wait(60)

    before = threading.active_count()
    made = source.ahead(stuck(), 10)
    assert next(made) == 0
    try:
        made.close()
        assert threading.active_count() == before + 1, "it is still at it"
    finally:
        released.set()
