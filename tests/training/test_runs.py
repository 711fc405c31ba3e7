# SPDX-License-Identifier: Apache-2.0
"""Training: what a run depends on beside its settings, and a GPU that is full."""

import contextlib
import dataclasses
import shutil

import pytest

from fsl_mrs_dl.core.errors import FslMrsDlError
from fsl_mrs_dl.training.config import read_config

torch = pytest.importorskip("torch", reason="training needs torch")

FCNN = {"name": "fcnn", "filters": [8, 16, 16], "dense": 96, "dropout": 0.0}


def test_dropout_follows_from_seed_and_step(tiny_config, tiny_model, tmp_path):
    # two runs, and one that is killed and goes on, end with the same bytes; the caller's generator stays as it was
    from fsl_mrs_dl.synthesise.synthesiser import Synthesiser
    from fsl_mrs_dl.training.loop import Trainer
    from fsl_mrs_dl.training.run import bank_of_recipe

    config = read_config(tiny_config)
    short = {"n_steps": 6, "validate_every": 3, "checkpoint_every": 3, "batch_size": 16, "n_validation": 50}
    optimiser = dataclasses.replace(config.optimiser, **short)
    network = {**FCNN, "dropout": 0.3}
    config = dataclasses.replace(config, network=network, optimiser=optimiser)
    synthesiser = Synthesiser(config.recipe, bank_of_recipe(config.recipe, tiny_model / "bank"))

    def trained(name, seed_of_others, killed_at=None, settings=config):
        torch.manual_seed(seed_of_others)
        (tmp_path / name).mkdir(exist_ok=True)
        trainer = Trainer(settings, synthesiser, tmp_path / name)
        learn = trainer._train_on

        def train_on(batch):
            if trainer.step == killed_at:
                raise KeyboardInterrupt
            return learn(batch)

        trainer._train_on = train_on
        before = torch.random.get_rng_state()
        with contextlib.suppress(KeyboardInterrupt):
            trainer.run()
        assert torch.equal(before, torch.random.get_rng_state())
        return (tmp_path / name / "checkpoint.safetensors").read_bytes()

    whole = trained("whole", 1)
    assert trained("again", 2) == whole
    assert trained("parts", 3, killed_at=5) != whole
    assert trained("parts", 4) == whole
    without = dataclasses.replace(config, network=FCNN)
    assert trained("without", 1, settings=without) != whole


def test_too_little_memory_on_the_gpu_is_said(tiny_config, tiny_model, tmp_path, monkeypatch):
    from fsl_mrs_dl.training.loop import Trainer
    from fsl_mrs_dl.training.run import train

    shutil.copytree(tiny_model / "bank", tmp_path / "bank")

    def full(_):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB\nmore lines")

    monkeypatch.setattr(Trainer, "run", full)
    with pytest.raises(FslMrsDlError, match=r"too little memory free; got CUDA out of memory.*--device cpu"):
        train(read_config(tiny_config), tmp_path)
