# SPDX-License-Identifier: Apache-2.0
"""Training: learns, resumes to the same weights, exports what it trained, refuses what was altered."""

import contextlib
import dataclasses
import json
import shutil

import numpy as np
import pytest

from fsl_mrs_dl.core.errors import ConfigError
from fsl_mrs_dl.models.folder import open_model
from fsl_mrs_dl.training.calibrate import MODES, calibrate
from fsl_mrs_dl.training.config import TrainConfig, read_config

torch = pytest.importorskip("torch", reason="training needs torch")


def test_validation_error_falls(tiny_model):
    history = json.loads((tiny_model / "progress.json").read_text())["history"]
    assert history[-1]["validation"] < 0.8 * history[0]["validation"]


def test_interrupted_training_ends_with_the_same_weights(tiny_config, tiny_model, tmp_path):
    from safetensors.torch import load_file

    from fsl_mrs_dl.synthesise.synthesiser import Synthesiser
    from fsl_mrs_dl.training.loop import Trainer
    from fsl_mrs_dl.training.run import bank_of_recipe, train

    config = read_config(tiny_config)
    shutil.copytree(tiny_model / "bank", tmp_path / "bank")
    trainer = Trainer(config, Synthesiser(config.recipe, bank_of_recipe(config.recipe, tmp_path / "bank")), tmp_path)
    learn, done = trainer._train_on, []

    def killed_at_step_25(batch):
        if len(done) == 25:
            raise KeyboardInterrupt
        done.append(1)
        return learn(batch)

    trainer._train_on = killed_at_step_25
    with pytest.raises(KeyboardInterrupt):
        trainer.run()
    assert json.loads((tmp_path / "progress.json").read_text())["step"] == 20
    train(config, tmp_path)
    once, twice = load_file(tiny_model / "model.safetensors"), load_file(tmp_path / "model.safetensors")
    for name, tensor in once.items():
        torch.testing.assert_close(twice[name], tensor, rtol=1e-5, atol=1e-6)


def test_a_checkpoint_of_another_configuration_is_not_resumed(tiny_config, tiny_model, tmp_path):
    from fsl_mrs_dl.training.run import train

    shutil.copytree(tiny_model / "bank", tmp_path / "bank")
    for name in ("checkpoint.safetensors", "progress.json"):
        shutil.copy(tiny_model / name, tmp_path / name)
    with pytest.raises(ConfigError, match="another configuration"):
        train(dataclasses.replace(read_config(tiny_config), seed=6), tmp_path)


def test_a_run_goes_on_under_a_version_with_more_settings(tiny_config, tiny_model, tmp_path):
    from fsl_mrs_dl.training.run import train

    shutil.copytree(tiny_model, tmp_path / "run")
    path = tmp_path / "run" / "progress.json"
    progress = json.loads(path.read_text())
    del progress["config"]["recipe"]["severity"], progress["config"]["optimiser"]["sum_weight"]
    path.write_text(json.dumps(progress))
    train(read_config(tiny_config), tmp_path / "run")
    assert (tmp_path / "run" / "model.onnx").read_bytes() == (tiny_model / "model.onnx").read_bytes()


def test_weights_are_rounded_so_that_they_compress(tiny_model):
    from safetensors.torch import load_file

    from fsl_mrs_dl.training.export import KEPT_BITS

    for name, weight in load_file(tiny_model / "model.safetensors").items():
        if name.endswith(".weight") and "norm" not in name:
            fraction = np.frexp(weight.numpy().astype(float))[0] * 2**KEPT_BITS
            np.testing.assert_array_equal(fraction, np.round(fraction), err_msg=name)


def test_safetensors_and_onnx_are_one_network(tiny_config, tiny_model):
    from safetensors.torch import load_file

    from fsl_mrs_dl.core.inference import load_onnxruntime
    from fsl_mrs_dl.networks import build_network
    from fsl_mrs_dl.training.export import _Scaled

    config = read_config(tiny_config)
    weights = load_file(tiny_model / "model.safetensors")
    network = build_network(config.network, config.recipe.grid.n_points, len(config.recipe.outputs))
    scaled = _Scaled(network, np.ones(len(config.recipe.outputs), np.float32))
    scaled.load_state_dict(weights)
    scaled.eval()
    rng = np.random.default_rng(0)
    channels, present = rng.normal(size=(5, 4, 721)).astype(np.float32), np.ones((5, 2), np.float32)
    with torch.inference_mode():
        expected = scaled(torch.from_numpy(channels), torch.from_numpy(present))
    session = load_onnxruntime().InferenceSession(str(tiny_model / "model.onnx"))
    got = session.run(None, {"channels": channels, "present": present})
    single = [
        session.run(None, {"channels": c[None], "present": p[None]}) for c, p in zip(channels, present, strict=True)
    ]
    for index in range(2):
        np.testing.assert_allclose(got[index], expected[index].numpy(), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(got[index], np.concatenate([s[index] for s in single]), rtol=1e-4, atol=1e-5)


SMALL = {
    "yae": {"name": "yae", "widths": [8, 16], "strides": [4, 4], "dense": 32},
    "fcnn": {"name": "fcnn", "filters": [8, 16, 16], "dense": 96, "dropout": 0.0},
}


@pytest.mark.parametrize("name", sorted(SMALL))
def test_every_network_learns_and_exports(tiny_config, tiny_model, tmp_path, name):
    from safetensors import safe_open

    from fsl_mrs_dl.models.calibrated import load_model
    from fsl_mrs_dl.training.run import train

    config = read_config(tiny_config)
    shutil.copytree(tiny_model / "bank", tmp_path / "bank")
    train(dataclasses.replace(config, network=SMALL[name]), tmp_path)
    history = json.loads((tmp_path / "progress.json").read_text())["history"]
    assert history[-1]["validation"] < 0.95 * history[0]["validation"]
    # export compares ONNX with torch; a decoder is not shipped
    assert load_model(str(tmp_path)).folder.card.architecture["name"] == name
    with safe_open(tmp_path / "model.safetensors", "np") as stored:
        assert not [key for key in stored.keys() if "decoder" in key or "unfold" in key]  # noqa: SIM118
    assert (tmp_path / "model.onnx").stat().st_size < 1.1 * (tmp_path / "model.safetensors").stat().st_size + 20_000


def test_the_decoder_learns_the_clean_spectrum(tiny_config, tiny_model, tmp_path):
    from fsl_mrs_dl.synthesise.synthesiser import Synthesiser
    from fsl_mrs_dl.training.loop import Trainer
    from fsl_mrs_dl.training.run import bank_of_recipe
    from fsl_mrs_dl.training.source import VALIDATION, draw

    config = dataclasses.replace(read_config(tiny_config), network=SMALL["yae"])
    shutil.copytree(tiny_model / "bank", tmp_path / "bank")
    synthesiser = Synthesiser(config.recipe, bank_of_recipe(config.recipe, tmp_path / "bank"))
    trainer = Trainer(config, synthesiser, tmp_path)
    trainer.run()
    batch = draw(synthesiser, config.seed, VALIDATION, 1, 64, clean=True)
    with torch.inference_mode():
        inputs = torch.from_numpy(batch.channels), torch.from_numpy(batch.present)
        mean, log_sd, spectra = trainer.average.eval().reconstruct(*inputs)
        again = trainer.average(*inputs)
    assert spectra.shape == batch.clean.shape
    torch.testing.assert_close((mean, log_sd), again)
    error = float(((spectra.numpy() - batch.clean) ** 2).mean())
    assert error < 0.7 * float((batch.clean**2).mean())


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"name": "yae", "strides": [4]}, "strides"),
        ({"name": "yae", "kernel": 4}, "odd"),
        ({"name": "yae", "decoder_weight": -1.0}, "negative"),
        ({"name": "fcnn", "dropout": 1.0}, "dropout"),
        ({"name": "fcnn", "filters": []}, "filters"),
    ],
)
def test_networks_refuse_what_makes_no_sense(settings, text):
    from fsl_mrs_dl.networks import build_network

    with pytest.raises(ConfigError, match=text):
        build_network(settings, 721, 3)


def test_card_says_how_it_was_made(tiny_model):
    card = open_model(tiny_model).card
    assert card.training.seed == 5
    assert card.config["recipe"]["bank"]["n_members"] == 2
    assert "edit_off+diff" in card.calibration
    assert set(card.calibration) <= set(MODES)
    assert card.training.spectra == 40 * 64
    assert card.simulation_test["solution"]["NAA"]["mae_constant_mm"] > 3, "a constant must not do well on wide ranges"


def test_calibrated_intervals_cover_what_they_promise():
    rng = np.random.default_rng(0)
    sd = rng.uniform(0.5, 2, size=(6000, 1))
    target = 50 + rng.normal(size=sd.shape)
    mean = target + 3 * sd * rng.standard_t(4, size=sd.shape)
    present = np.ones((6000, 2))
    is_brain = np.zeros(3000, bool)
    made = calibrate(mean[:3000], sd[:3000], target[:3000], present[:3000], is_brain, ("X",))
    factor = made["edit_off+diff"]["raw"]["X"]
    for level, share in (("68", 0.6827), ("95", 0.95)):
        inside = np.abs(mean[3000:] - target[3000:]) <= factor[level] * sd[3000:]
        assert inside.mean() == pytest.approx(share, abs=0.03)


def test_each_kind_of_sample_is_covered_by_itself():
    # zeros that are easy in solutions must not narrow the intervals of brains; sums and ratios have their own factors
    rng = np.random.default_rng(1)
    n = 4000
    is_brain = np.arange(n) < n // 2
    target = np.where(is_brain[:, None], 10.0, [10.0, 0.0, 10.0])
    error = rng.normal(size=(n, 1)) * [1.0, 1.0, 0.2]
    error[:, 1] = -error[:, 0]  # Cr and PCr trade off
    error[~is_brain, 1] = 0.0
    factors = calibrate(target + error, np.ones((n, 3)), target, np.ones((n, 2)), is_brain, ("Cr", "PCr", "NAA"))
    raw, ratio = factors["edit_off+diff"]["raw"], factors["edit_off+diff"]["ratio"]
    assert raw["PCr"]["95"] == pytest.approx(1.96, abs=0.15)
    assert raw["NAA"]["95"] == pytest.approx(0.39, abs=0.05)
    assert raw["tCr"]["95"] == pytest.approx(1.96 / np.sqrt(2), abs=0.15)
    assert set(ratio) == {"Cr", "PCr", "NAA", "tCr"}
    by_naa = factors["edit_off+diff"]["ratio_naa"]
    assert set(by_naa) == set(ratio)
    assert by_naa["NAA"]["95"] == 0.0, "NAA over itself is one"
    # errors of NAA go with Cr's here: 0.8 of Cr's is left in the ratio, and spreads of 1 were promised for both
    assert by_naa["Cr"]["95"] == pytest.approx(0.8 * 1.96 / np.sqrt(2), abs=0.1)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("name = 'x'\nsede = 3", "did you mean 'seed'"),
        ("seed = 3", "'name' is missing"),
        ("name = 'x'\n[recipe.bank]\nn_member = 3", "did you mean 'n_members'"),
        ("name = 'x'\n[optimiser]\nn_steps = 'many'", "int"),
        ("name = ", "not TOML"),
    ],
)
def test_configuration_errors_name_the_place(tmp_path, text, wanted):
    path = tmp_path / "c.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=wanted):
        read_config(path)


def test_unknown_network_and_emphasis():
    from fsl_mrs_dl.networks import build_network

    with pytest.raises(ConfigError, match="did you mean 'cnn'"):
        build_network({"name": "cn"}, 721, 3)
    with pytest.raises(ConfigError, match="unknown setting 'widht'"):
        build_network({"name": "cnn", "widht": 3}, 721, 3)
    assert TrainConfig(name="x").emphasis == {}


def test_sums_are_weighed_by_their_own_spread(tiny_config, tiny_model, tmp_path):
    from fsl_mrs_dl.synthesise.synthesiser import Synthesiser
    from fsl_mrs_dl.training.loop import Trainer
    from fsl_mrs_dl.training.run import bank_of_recipe

    config = read_config(tiny_config)
    trainer = Trainer(config, Synthesiser(config.recipe, bank_of_recipe(config.recipe, tiny_model / "bank")), tmp_path)
    both = trainer.validation.present.all(axis=1)
    scaled = trainer.validation.target[both] / trainer.target_scale
    sums = scaled @ trainer.sums.numpy()
    glx = trainer.validation.target[both][:, [trainer.outputs.index(n) for n in ("Glu", "Gln")]].sum(axis=1)
    np.testing.assert_allclose(sums.std(axis=0), 1.0, rtol=1e-4)
    assert np.abs(np.corrcoef(sums.T, glx)[-1]).max() == pytest.approx(1.0, abs=1e-4)


def test_coarse_steps_and_sums_train_as_well(tiny_config, tiny_model, tmp_path):
    from fsl_mrs_dl.training.run import train

    shutil.copytree(tiny_model / "bank", tmp_path / "bank")
    config = read_config(tiny_config)
    optimiser = dataclasses.replace(config.optimiser, coarse_share=0.8, sum_weight=0.5)
    train(dataclasses.replace(config, optimiser=optimiser), tmp_path)
    history = json.loads((tmp_path / "progress.json").read_text())["history"]
    assert history[-1]["validation"] < 0.8 * history[0]["validation"]
    with pytest.raises(ConfigError, match="coarse_share"):
        dataclasses.replace(optimiser, coarse_share=1.5)


TOLD = {
    "told": {"n_components": 1, "known_share": 0.5, "error": 0.1},
    "protons": {"belief": [0.5, 1.2], "water_share": 0.5},
}


def test_a_network_that_is_told_the_protocol_goes_on_from_one_that_is_not(tiny_config, tiny_model, tmp_path):
    from fsl_mrs_dl.core.config import from_mapping
    from fsl_mrs_dl.core.inference import load_onnxruntime
    from fsl_mrs_dl.models.calibrated import load_model
    from fsl_mrs_dl.models.protocol_code import ProtocolCode
    from fsl_mrs_dl.synthesise.synthesiser import Synthesiser
    from fsl_mrs_dl.training.banks import bank_of_recipe
    from fsl_mrs_dl.training.config import merged
    from fsl_mrs_dl.training.loop import Trainer
    from fsl_mrs_dl.training.run import train

    plain = read_config(tiny_config)
    values = merged(dataclasses.asdict(plain), {"recipe": TOLD, "start": str(tiny_model)})
    values["network"] = {**plain.network, "protocol_inputs": 2, "sum_spreads": 2}
    values["calibration"] = {"bank": {"seed": 77}, "protons": {"belief": [0.0, 2.0]}}
    values["optimiser"]["n_steps"] = 10
    config = from_mapping(TrainConfig, values, "test")
    shutil.copytree(tiny_model / "bank", tmp_path / "bank")
    synthesiser = Synthesiser(config.recipe, bank_of_recipe(config.recipe, tmp_path / "bank"))
    (tmp_path / "start").mkdir()
    trainer = Trainer(config, synthesiser, tmp_path / "start", start=tiny_model)
    # nothing is heeded yet of what is told: the answers are those of the model that it starts from
    batch = synthesiser.batch(16, np.random.default_rng(0))
    assert 0 < batch.protocol[:, -1].mean() < 1
    mean, sd, sums = trainer.answers(batch)
    session = load_onnxruntime().InferenceSession(str(tiny_model / "model.onnx"))
    expected = session.run(None, {"channels": batch.channels, "present": batch.present})
    np.testing.assert_allclose(mean, expected[0], rtol=2e-3, atol=2e-3 * np.abs(expected[0]).max())
    np.testing.assert_allclose(sd, expected[1], rtol=5e-3)
    assert sums.shape == (16, 2)
    train(config, tmp_path)
    model = load_model(str(tmp_path))
    code = ProtocolCode.from_card(model.folder.card.protocol)
    one = np.ones(16)
    unknown, told = (
        model.predict_batch(batch.channels, batch.present, one, protocol)
        for protocol in (None, code.known(synthesiser.bank.features[[0] * 16]))
    )
    np.testing.assert_array_equal(
        unknown.mean, model.predict_batch(batch.channels, batch.present, one, code.unknown(16)).mean
    )
    assert np.abs(told.mean - unknown.mean).max() > 0
    assert (unknown.sum_sd > 0).all()
    assert model.folder.card.lineage[-1].start_sha256
    # intervals were calibrated in the wider world, which has a bank of its own
    assert json.loads((tmp_path / "bank_calibration" / "bank.json").read_text())["config"]["seed"] == 77


def test_calibration_settings_are_checked(tiny_config):
    config = read_config(tiny_config)
    with pytest.raises(ConfigError, match="unknown setting 'protens'"):
        dataclasses.replace(config, calibration={"protens": {}})
    with pytest.raises(ConfigError, match="must not change what is estimated"):
        dataclasses.replace(config, calibration={"metabolites": ["NAA", "Cr"]})
    assert dataclasses.replace(config, calibration={"acquired_s": [0.5, 0.6]}).calibration_recipe.acquired_s == (
        0.5,
        0.6,
    )


def test_spreads_of_sums_take_the_place_of_quadrature():
    rng = np.random.default_rng(3)
    n = 4000
    # errors of the parts go against each other: the sum is known far better than in quadrature
    common = rng.normal(size=n)
    error = np.stack([common, -common + 0.1 * rng.normal(size=n), 0.3 * rng.normal(size=n)], axis=1)
    target, names = np.full((n, 3), 10.0), ("Cr", "PCr", "NAA")
    shown, sd = np.ones((n, 2)), np.ones((n, 3))
    brains, exact = np.ones(n, bool), np.full((n, 1), 0.1)
    quadrature = calibrate(target + error, sd, target, shown, brains, names)["edit_off+diff"]["raw"]["tCr"]["68"]
    predicted = calibrate(target + error, sd, target, shown, brains, names, exact)["edit_off+diff"]["raw"]["tCr"]["68"]
    assert quadrature * np.sqrt(2) == pytest.approx(0.1, rel=0.1)
    assert predicted == pytest.approx(1.0, rel=0.1)


def test_a_stage_may_end_before_its_learning_rate_has_come_down(tiny_config, tiny_model, tmp_path):
    from safetensors.torch import load_file

    from fsl_mrs_dl.synthesise.synthesiser import Synthesiser
    from fsl_mrs_dl.training.banks import bank_of_recipe
    from fsl_mrs_dl.training.loop import Trainer

    config = read_config(tiny_config)
    synthesiser = Synthesiser(config.recipe, bank_of_recipe(config.recipe, tiny_model / "bank"))
    learn, rates = Trainer._train_on, []

    def run(folder, config, kill_at=None):
        folder.mkdir()
        trainer = Trainer(config, synthesiser, folder)

        def step(batch):
            if trainer.step == kill_at:
                raise KeyboardInterrupt
            loss = learn(trainer, batch)
            rates.append(trainer.optimiser.param_groups[0]["lr"])
            return loss

        trainer._train_on = step
        with contextlib.suppress(KeyboardInterrupt):
            trainer.run()
        return load_file(folder / "checkpoint.safetensors")

    ended = run(
        tmp_path / "ended", dataclasses.replace(config, optimiser=dataclasses.replace(config.optimiser, last_step=20))
    )
    assert json.loads((tmp_path / "ended" / "progress.json").read_text())["step"] == 20
    assert rates[-1] > 0.1 * max(rates)
    killed = run(tmp_path / "killed", config, kill_at=20)
    for name, tensor in ended.items():
        torch.testing.assert_close(killed[name], tensor, rtol=1e-5, atol=1e-6)
    with pytest.raises(ConfigError, match="last_step out of range"):
        dataclasses.replace(config.optimiser, last_step=10**6)


def test_weights_are_averaged_with_those_of_an_earlier_stage(tiny_config, tiny_model, tmp_path):
    from safetensors.torch import load_file

    from fsl_mrs_dl.synthesise.synthesiser import Synthesiser
    from fsl_mrs_dl.training.banks import bank_of_recipe
    from fsl_mrs_dl.training.config import AnchorConfig
    from fsl_mrs_dl.training.loop import Trainer

    plain = read_config(tiny_config)
    config = dataclasses.replace(plain, network={**plain.network, "sum_spreads": 2})
    synthesiser = Synthesiser(config.recipe, bank_of_recipe(config.recipe, tiny_model / "bank"))
    trainer = Trainer(config, synthesiser, tmp_path)
    before = {name: value.clone() for name, value in trainer.average.state_dict().items()}
    trainer.average_with(tiny_model, 0.25)
    stored = load_file(tiny_model / "model.safetensors")
    for name, value in trainer.average.state_dict().items():
        other = stored[f"network.{name}"]
        if value.dtype.is_floating_point:
            rows = slice(len(other))
            torch.testing.assert_close(value[rows], 0.75 * before[name][rows] + 0.25 * other)
            # spreads of sums, which the other one did not predict, stay
            torch.testing.assert_close(value[len(other) :], before[name][len(other) :])
    with pytest.raises(ConfigError, match="share lies from 0"):
        AnchorConfig(stage=1, share=1.0)
