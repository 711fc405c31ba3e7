# SPDX-License-Identifier: Apache-2.0
"""Model folders: what is altered, damaged or impossible is refused, and ensembles are what they were made of."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from fsl_mrs_dl.core.errors import ConfigError, ModelError
from fsl_mrs_dl.models.folder import open_model
from fsl_mrs_dl.training.config import read_config

torch = pytest.importorskip("torch", reason="training needs torch")


@pytest.mark.parametrize("name", ["model.onnx", "model.safetensors"])
def test_an_altered_model_is_refused(tiny_model, tmp_path, name):
    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(ModelError, match="SHA-256"):
        open_model(folder)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda c: c.pop("grid"), "incomplete"),
        (lambda c: c.update(card_version=99), "another version"),
        (lambda c: c.update(outputs=["NAA", "NAA"]), "no list of different names"),
        (lambda c: c.update(outputs="NAA"), "a list is needed"),
        (lambda c: c["grid"].update(n_points=0), "its ppm grid is impossible"),
        (lambda c: c["grid"].update(low_ppm=9.0), "its ppm grid is impossible"),
        (lambda c: c.update(ranges={}), "its ranges lack fwhm_hz"),
        (lambda c: c["ranges"].update(te_s=[1.0]), "a list of 2 is needed"),
        (lambda c: c["ranges"].update(te_s=[1.0, 0.5]), "run backwards"),
        (lambda c: c.update(calibration=5), "a table is needed"),
        (lambda c: c.update(calibration={}), "calibration is for nothing"),
        (lambda c: c["calibration"]["edit_off+diff"]["raw"].pop("NAA"), "the intervals of NAA for .* are missing"),
        (lambda c: c["calibration"]["edit_off+diff"]["raw"]["NAA"].pop("95"), "lack a level"),
        (lambda c: c["calibration"]["edit_off+diff"]["raw"]["NAA"].update({"95": "wide"}), "calibration.*NAA.95"),
        (lambda c: c["files"].update({"../model.onnx": "0" * 64}), "not the name of a file"),
        (lambda c: c["files"].update({"model.onnx": "0"}), "has not 64 digits"),
        (lambda c: c["inputs"]["diff"].update(values="AAAA"), "another number of values"),
        (lambda c: c["inputs"]["diff"].update(limit=-1.0), "not positive"),
        (lambda c: c["inputs"].update(diff={}), "'step_ppm' is missing"),
    ],
)
def test_a_card_that_does_not_fit_is_refused(tiny_model, tmp_path, change, text):
    shutil.copytree(tiny_model, tmp_path / "model")
    card = json.loads((tmp_path / "model" / "card.json").read_text())
    change(card)
    (tmp_path / "model" / "card.json").write_text(json.dumps(card))
    with pytest.raises(ModelError, match=text):
        open_model(tmp_path / "model")


@pytest.mark.parametrize("content", ["[]", '""', "[[1, 2]]", "{", "\xff", "[" * 100_000])
def test_a_card_that_is_none_is_refused(tiny_model, tmp_path, content):
    shutil.copytree(tiny_model, tmp_path / "model")
    (tmp_path / "model" / "card.json").write_text(content, "latin-1")
    with pytest.raises(ModelError, match="the model card cannot be read"):
        open_model(tmp_path / "model")


def test_a_card_of_another_network_is_refused(tiny_model, tmp_path):
    from fsl_mrs_dl.models.calibrated import load_model

    for number, (key, value) in enumerate({"n_points": 700, "outputs": None}.items()):
        folder = tmp_path / str(number)
        shutil.copytree(tiny_model, folder)
        card = json.loads((folder / "card.json").read_text())
        card["inputs"] = {}
        if value:
            card["grid"][key] = value
        else:
            card[key] = card[key][:-1]
        (folder / "card.json").write_text(json.dumps(card))
        with pytest.raises(ModelError, match="does not describe this network"):
            load_model(str(folder))


def test_a_plain_name_is_a_shipped_model_and_a_path_is_a_folder(tiny_model, tmp_path, monkeypatch):
    from fsl_mrs_dl.core.resources import weights_folder
    from fsl_mrs_dl.models.calibrated import find_model

    shutil.copytree(tiny_model, tmp_path / "phantom")
    monkeypatch.chdir(tmp_path)
    assert find_model("phantom") == weights_folder() / "phantom"
    for path in ("./phantom", "phantom/", str(tmp_path / "phantom")):
        assert open_model(find_model(path)).name == "tiny"
    monkeypatch.chdir(tmp_path / "phantom")
    assert open_model(find_model(".")).name == "tiny"
    assert open_model(find_model("../phantom")).name == "tiny"
    for path in ("", "x" * 300, "a\0b"):
        with pytest.raises(ConfigError, match="there is no model"):
            find_model(path)


def test_the_fingerprint_knows_the_calibration(tiny_model, tmp_path):
    shutil.copytree(tiny_model, tmp_path / "model")
    card = json.loads((tmp_path / "model" / "card.json").read_text())
    card["validation"] = {}
    (tmp_path / "model" / "card.json").write_text(json.dumps(card))
    before, same = open_model(tiny_model), open_model(tmp_path / "model")
    assert same.fingerprint == before.fingerprint
    card["calibration"]["edit_off+diff"]["raw"]["NAA"]["95"] *= 5
    (tmp_path / "model" / "card.json").write_text(json.dumps(card))
    other = open_model(tmp_path / "model")
    assert other.digest == before.digest
    assert other.fingerprint != before.fingerprint


@pytest.fixture(scope="module")
def ensemble(tiny_config, tiny_model, tmp_path_factory):
    """Two models of one recipe, and the ensemble of them beside them."""
    from fsl_mrs_dl.training.ensemble import EnsembleConfig, make_ensemble
    from fsl_mrs_dl.training.run import train

    root = tmp_path_factory.mktemp("ensemble")
    shutil.copytree(tiny_model, root / "one")
    shutil.copytree(tiny_model / "bank", root / "two" / "bank")
    train(dataclasses.replace(read_config(tiny_config), seed=6, name="two"), root / "two")
    make_ensemble(EnsembleConfig("both", ("one", "two"), seed=3, n_calibration=2000), root / "both")
    return root


def test_an_ensemble_answers_with_the_mixture_of_its_members(ensemble):
    from fsl_mrs_dl.models.calibrated import load_model

    rng = np.random.default_rng(4)
    one, two, both = (load_model(str(ensemble / name)) for name in ("one", "two", "both"))
    n_points = both.folder.grid.n_points
    inputs = rng.normal(size=(5, 4, n_points)).astype(np.float32), np.ones((5, 2), np.float32), np.arange(1.0, 6.0)
    a, b, found = (model.predict_batch(*inputs) for model in (one, two, both))
    np.testing.assert_allclose(found.mean, (a.mean + b.mean) / 2, rtol=1e-6)
    second_moment = (a.sd**2 + a.mean**2 + b.sd**2 + b.mean**2) / 2
    np.testing.assert_allclose(found.sd**2 + found.mean**2, second_moment, rtol=1e-6)
    assert not list((ensemble / "both").glob("model.*"))
    # intervals are those of the common answer
    assert both.folder.card.calibration != one.folder.card.calibration
    assert both.folder.digest not in (one.folder.digest, two.folder.digest)


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (lambda root: shutil.rmtree(root / "two"), "no model here"),
        (lambda root: (root / "two" / "model.onnx").write_bytes(b"x"), "SHA-256"),
        (lambda root: (shutil.rmtree(root / "two"), shutil.copytree(root / "one", root / "two")), "made from"),
    ],
)
def test_an_ensemble_whose_member_is_another_is_refused(ensemble, tmp_path, damage, text):
    shutil.copytree(ensemble, tmp_path / "root")
    damage(tmp_path / "root")
    with pytest.raises(ModelError, match=text):
        open_model(tmp_path / "root" / "both")


@pytest.mark.parametrize(
    ("members", "text"),
    [
        (lambda m: {"both": "0" * 64, **m}, "is an ensemble itself"),
        (lambda m: {**m, "two": 5}, "damaged"),
        (lambda m: {**m, "two": "short"}, "64 digits"),
        (lambda m: {"../root/one": m["one"], "two": m["two"]}, "not the name"),
        (lambda m: {"": m["one"], "two": m["two"]}, "not the name"),
        (lambda m: {"one": m["one"]}, "at least two members"),
    ],
)
def test_a_card_with_impossible_members_is_refused(ensemble, tmp_path, members, text):
    shutil.copytree(ensemble, tmp_path / "root")
    path = tmp_path / "root" / "both" / "card.json"
    card = json.loads(path.read_text())
    card["members"] = members(card["members"])
    path.write_text(json.dumps(card))
    with pytest.raises(ModelError, match=text):
        open_model(path.parent)


def test_an_ensemble_is_opened_through_a_link_and_from_within(ensemble, tmp_path, monkeypatch):
    (tmp_path / "link").symlink_to(ensemble / "both")
    assert open_model(tmp_path / "link").members
    monkeypatch.chdir(ensemble / "both")
    assert open_model(Path()).members


def test_no_other_model_is_replaced_by_an_ensemble(ensemble, tmp_path):
    from fsl_mrs_dl.training.ensemble import EnsembleConfig, make_ensemble

    root = tmp_path / "root"
    shutil.copytree(ensemble, root)
    shutil.copytree(root / "one", root / "other")
    config = EnsembleConfig("both", ("one", "two"), seed=3, n_calibration=2000)
    for name, text in (("one", "is a member"), ("other", "another model is here")):
        before = (root / name / "card.json").read_bytes()
        with pytest.raises(ConfigError, match=text):
            make_ensemble(config, root / name)
        assert (root / name / "card.json").read_bytes() == before
    with pytest.raises(ConfigError, match="the same network"):
        make_ensemble(EnsembleConfig("both", ("one", "other"), seed=3), root / "new")
    with pytest.raises(ConfigError, match="the seed is that of a member"):
        make_ensemble(EnsembleConfig("both", ("one", "two"), seed=5), root / "new")
    with pytest.raises(ConfigError, match="cannot be a member"):
        make_ensemble(EnsembleConfig("both", ("one", "both"), seed=3), root / "new")
    with pytest.raises(ConfigError, match="named by its folder alone"):
        EnsembleConfig("both", ("one", "../root/two"))


def test_members_of_different_recipes_make_no_ensemble(ensemble, tmp_path):
    from fsl_mrs_dl.training.ensemble import EnsembleConfig, make_ensemble

    shutil.copytree(ensemble, tmp_path / "root")
    path = tmp_path / "root" / "two" / "card.json"
    card = json.loads(path.read_text())
    card["config"]["recipe"]["drop_off"] = 0.9
    path.write_text(json.dumps(card))
    with pytest.raises(ConfigError, match="different recipes"):
        make_ensemble(EnsembleConfig("both", ("one", "two"), seed=3), tmp_path / "root" / "new")
    with pytest.raises(ConfigError, match="two members"):
        EnsembleConfig("both", ("one", "one"))
