# SPDX-License-Identifier: Apache-2.0
"""Training in stages: one file, one command; killed and resumed it gives the same bytes; every stage is on record."""

import dataclasses
import json
import logging
import shutil
from pathlib import Path

import pytest

from fsl_mrs_dl.core.errors import ConfigError
from fsl_mrs_dl.models.folder import open_model
from fsl_mrs_dl.training.config import AnchorConfig, read_config, read_stages
from fsl_mrs_dl.training.limits import known_limits, training_ranges
from fsl_mrs_dl.training.lineage import UNKNOWN, config_digest, lineage_of
from fsl_mrs_dl.training.stages import MAX_STAGES, stage_seed
from tests.helpers import ROOT

torch = pytest.importorskip("torch", reason="training needs torch")

STAGES = """
[[stage]]
optimiser = { n_steps = 12 }

[[stage]]
emphasis = { GABA = 3.0 }
optimiser = { n_steps = 8, learning_rate = 1e-3 }
[stage.recipe]
severity = { mild_share = 0.5 }

[[stage]]
name = "never used: the last stage is the model"
"""


def staged(tiny_config, folder, stages=STAGES):
    """A configuration file with stages, few steps and few spectra."""
    text = tiny_config.read_text().replace("n_calibration = 2500", "n_calibration = 1500")
    path = folder / "staged.toml"
    path.write_text(text.replace("checkpoint_every = 10", "checkpoint_every = 5") + stages)
    return path


@pytest.fixture(scope="module")
def whole(tiny_config, tiny_model, tmp_path_factory):
    """The stages, and the folder of a run that nobody interrupted."""
    from fsl_mrs_dl.training.run import train_stages

    folder = tmp_path_factory.mktemp("staged")
    stages = read_stages(staged(tiny_config, folder))
    shutil.copytree(tiny_model / "bank", folder / "run" / "bank")
    train_stages(stages, folder / "run")
    return stages, folder / "run"


def test_a_stage_changes_what_it_names_and_keeps_the_rest(tiny_config, tmp_path):
    first, second, third = read_stages(staged(tiny_config, tmp_path))
    assert (first.optimiser.n_steps, second.optimiser.n_steps, third.optimiser.n_steps) == (12, 8, 8)
    assert third.optimiser.learning_rate == second.optimiser.learning_rate == 1e-3
    assert first.emphasis == {}
    assert third.emphasis == second.emphasis == {"GABA": 3.0}
    assert first.recipe.severity.mild_share == 0.0
    assert third.recipe.severity.mild_share == 0.5
    assert (first.name, third.name) == ("tiny, stage 1", "tiny")
    assert read_config(tmp_path / "staged.toml") == third


def test_seeds_of_stages_cannot_collide(tiny_config, tmp_path, caplog):
    seeds = [stage.seed for stage in read_stages(staged(tiny_config, tmp_path))]
    assert seeds == [stage_seed(5, number) for number in (1, 2, 3)]
    made = {stage_seed(seed, number) for seed in range(40) for number in range(1, MAX_STAGES + 1)}
    assert len(made) == 40 * MAX_STAGES
    given = f"\n[[stage]]\n[[stage]]\nseed = {stage_seed(5, 1)}\n"
    with pytest.raises(ConfigError, match="the seed of stage 1 is that of stage 2"):
        read_stages(staged(tiny_config, tmp_path, given))
    with caplog.at_level(logging.WARNING):
        read_stages(staged(tiny_config, tmp_path, "\n[[stage]]\nseed = 3\n[[stage]]\nseed = 3\n"))
    assert "same seed" in caplog.text


def test_a_run_that_is_killed_again_and_again_gives_the_same_bytes(whole, tmp_path, monkeypatch):
    from fsl_mrs_dl.training import loop
    from fsl_mrs_dl.training.run import train_stages

    stages, once = whole
    shutil.copytree(once / "bank", tmp_path / "run" / "bank")
    learn, done = loop.Trainer._train_on, []

    def killed(trainer, batch):
        done.append(1)
        if len(done) in (8, 24):  # within the first stage, and within the second after it was resumed at step 5
            raise KeyboardInterrupt
        return learn(trainer, batch)

    monkeypatch.setattr(loop.Trainer, "_train_on", killed)
    starts = 0
    while not (tmp_path / "run" / "card.json").exists():
        starts += 1
        try:
            train_stages(stages, tmp_path / "run")
        except KeyboardInterrupt:
            continue
    assert starts == 3
    assert len(done) > sum(stage.optimiser.n_steps for stage in stages), "steps were made again"
    for name in ("model.onnx", "model.safetensors", "stages/01/model.safetensors", "stages/02/model.safetensors"):
        assert (tmp_path / "run" / name).read_bytes() == (once / name).read_bytes(), name
    one, two = (open_model(folder).card for folder in (once, tmp_path / "run"))
    assert (one.calibration, one.inputs, one.files) == (two.calibration, two.inputs, two.files)


def test_the_card_has_every_stage(whole):
    from fsl_mrs_dl.models.folder import sha256

    stages, folder = whole
    card = open_model(folder).card
    assert [record.seed for record in card.lineage] == [stage.seed for stage in stages]
    assert [record.steps for record in card.lineage] == [12, 8, 8]
    assert [record.spectra for record in card.lineage] == [12 * 64, 8 * 64, 8 * 64]
    assert [record.config_sha256 for record in card.lineage] == [config_digest(stage) for stage in stages]
    weights = [folder / "stages" / name / "model.safetensors" for name in ("01", "02")]
    assert [record.start_sha256 for record in card.lineage] == ["", *map(sha256, weights)]
    assert card.training.spectra == 28 * 64
    assert not card.staged
    assert card.name == "tiny"
    assert not list((folder / "stages" / "01").glob("*.onnx"))


def test_a_stage_of_another_configuration_is_not_taken(whole, tmp_path):
    from fsl_mrs_dl.training.run import train_stages

    stages, folder = whole
    shutil.copytree(folder, tmp_path / "run")
    other = dataclasses.replace(stages[0], emphasis={"NAA": 2.0})
    with pytest.raises(ConfigError, match="another configuration"):
        train_stages((other, *stages[1:]), tmp_path / "run")
    (tmp_path / "run" / "stages" / "01" / "stage.json").write_text("{")
    with pytest.raises(ConfigError, match="cannot be read"):
        train_stages(stages, tmp_path / "run")


@pytest.mark.parametrize(("stage", "wanted"), [(1, "less than 1"), (7, "less than 1")])
def test_an_average_that_cannot_be_made_is_refused_before_it_trains(tiny_config, tmp_path, stage, wanted):
    from fsl_mrs_dl.training.run import train

    config = dataclasses.replace(read_config(tiny_config), anchor=AnchorConfig(stage, 0.3))
    with pytest.raises(ConfigError, match=wanted):
        train(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("network", "text"), [({"name": "cnnn"}, "did you mean 'cnn'"), ({"name": "cnn", "width": [8]}, "'width'")]
)
def test_a_network_that_is_not_known_is_refused_before_the_bank_is_simulated(tiny_config, tmp_path, network, text):
    from fsl_mrs_dl.training.run import train

    with pytest.raises(ConfigError, match=text):
        train(dataclasses.replace(read_config(tiny_config), network=network), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_model_that_was_not_trained_there_is_not_replaced(tiny_config, tmp_path):
    from fsl_mrs_dl.training.run import train

    shutil.copytree(ROOT / "weights" / "phantom_cnn", tmp_path / "mine")
    before = {path.name: path.read_bytes() for path in (tmp_path / "mine").iterdir()}
    with pytest.raises(ConfigError, match="no training that made it"):
        train(read_config(tiny_config), tmp_path / "mine")
    assert {path.name: path.read_bytes() for path in (tmp_path / "mine").iterdir()} == before


def test_a_run_from_an_earlier_model_goes_on_with_its_lineage(whole, tiny_config, tiny_model, tmp_path):
    from fsl_mrs_dl.training.run import train

    _, folder = whole
    config = dataclasses.replace(read_config(tiny_config), start=str(folder))
    config = dataclasses.replace(config, optimiser=dataclasses.replace(config.optimiser, n_steps=3))
    shutil.copytree(tiny_model / "bank", tmp_path / "run" / "bank")
    train(config, tmp_path / "run")
    card = open_model(tmp_path / "run").card
    assert card.lineage[:-1] == open_model(folder).card.lineage
    assert card.lineage[-1].start_sha256 == open_model(folder).card.files["model.safetensors"]
    progress = json.loads((tmp_path / "run" / "progress.json").read_text())
    progress["start_sha256"] = "0" * 64
    (tmp_path / "run" / "progress.json").write_text(json.dumps(progress))
    with pytest.raises(ConfigError, match="other weights to start from"):
        train(config, tmp_path / "run")


def test_a_model_without_lineage_has_its_last_stage_on_record():
    # that of the shipped brains' model begins with the last stage of its predecessor, whose card kept none
    first, *later = lineage_of(ROOT / "weights" / "invivo")
    assert (first.seed, first.steps, first.start_sha256) == (20261127, 11000, UNKNOWN)
    assert [record.steps for record in later] == [4000, 2400, 3300]
    assert all(len(record.start_sha256) == 64 for record in later)
    assert lineage_of(Path("nowhere")) == ()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("[stage]\nseed = 3", "with two brackets"),
        ("stage = []", "with two brackets"),
        ("[[stages]]\nseed = 3", "did you mean 'stage'"),
        ("[[stage]]\nsede = 3", "did you mean 'seed'"),
        ("[[stage]]\n[stage.network]\nname = 'yae'", "cannot set 'network.name'"),
        ("[[stage]]\nstart = 'runs/x'", "cannot set 'start'"),
        ("[[stage]]\n[[stage]]\n[stage.optimiser]\nn_step = 3", "stage 2, optimiser: unknown setting 'n_step'"),
        ("[[stage]]\n[[stage]]\nrecipe = { metabolites = ['NAA'] }", "its quantities and its grid stay the same"),
        ("seed = 'x'\n[[stage]]", "int is needed"),
        ("[[stage]]\nseed = 'x'", "int is needed"),
    ],
)
def test_what_a_stage_cannot_be_is_named(tmp_path, text, wanted):
    path = tmp_path / "c.toml"
    path.write_text("name = 'x'\n" + text)
    with pytest.raises(ConfigError, match=wanted):
        read_stages(path)


@pytest.mark.parametrize(("name", "n"), [("invivo", 10), ("phantom_cnn", 2), ("phantom_yae", 2)])
def test_the_configuration_of_a_shipped_model_is_that_of_its_card(name, n):
    stages = read_stages(ROOT / "configs" / f"{name}.toml")
    card = open_model(ROOT / "weights" / name).card
    assert len(stages) == n
    last = stages[-1]
    assert (last.name, last.seed) == (card.name, card.training.seed)
    steps = card.lineage[-1].steps if card.lineage else card.training.steps
    assert (last.optimiser.n_steps, last.recipe.outputs) == (steps, card.outputs)
    for key, value in card.config["recipe"]["bank"].items():
        assert json.loads(json.dumps(getattr(last.recipe.bank, key))) == value


def test_ranges_and_limits_follow_from_the_recipe():
    brains = read_stages(ROOT / "configs" / "invivo.toml")[-1].recipe
    ranges = open_model(ROOT / "weights" / "invivo").card.ranges
    assert training_ranges(brains) == ranges
    limits = known_limits(brains)
    assert "TE 66.5 to 69.5 or 78.0 to 82.0 ms" in limits[0]
    assert "2.9 to 3.0 T" in limits[0]
    assert "brains only" in limits
    assert any("DIFF alone does not show Cr+PCr" in limit for limit in limits)
    bank = dataclasses.replace(brains.bank, te_s=(0.08, 0.08), edit_off_ppm=(1.46, 1.54), long_share=0.0)
    solutions = dataclasses.replace(
        brains,
        bank=bank,
        metabolites=("GABA", "NAA"),
        drop_off=0.0,
        drop_diff=0.0,
        concentrations=dataclasses.replace(brains.concentrations, solution_fraction=1.0),
    )
    limits = known_limits(solutions)
    assert "TE 80.0 ms" in limits[0]
    assert "1.46 to 1.54 ppm (OFF)" in limits[0]
    assert "solutions of GABA, NAA: no macromolecules, no lipid" in limits
    assert {"a DIFF alone is not answered", "edit_off alone is not answered"} <= set(limits)
