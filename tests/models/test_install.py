# SPDX-License-Identifier: Apache-2.0
"""Models as files: added from a folder or a ZIP file, found by name, and nothing harmful gets in."""

import json
import os
import shutil
import stat
import zipfile
from pathlib import Path

import pytest

from fsl_mrs_dl.core.errors import ConfigError, DataError, FslMrsDlError, ModelError
from fsl_mrs_dl.models import install
from fsl_mrs_dl.models.calibrated import find_model, load_model
from fsl_mrs_dl.models.catalogue import MODELS_VARIABLE, added_folders, known_models, summary
from fsl_mrs_dl.models.folder import open_model
from fsl_mrs_dl.models.install import add_model
from tests.helpers import ROOT

pytestmark = pytest.mark.usefixtures("site")

FILES = ("card.json", "model.onnx", "model.safetensors")


@pytest.fixture
def site(tmp_path, monkeypatch):
    """Where models are added to in a test."""
    folder = tmp_path / "site" / "models"
    monkeypatch.setenv(MODELS_VARIABLE, str(folder))
    return folder


@pytest.fixture
def own(tmp_path):
    """A model of a user's own: the shipped phantom_cnn under another name, with a training run's files beside."""
    folder = tmp_path / "RUN"
    shutil.copytree(ROOT / "weights" / "phantom_cnn", folder)
    rename(folder, "own")
    (folder / "bank").mkdir()
    (folder / "checkpoint.safetensors").write_bytes(b"large")
    return folder


def rename(folder, name):
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps({**card, "name": name}))


def zipped(path, entries):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path


def files_of(folder, prefix=""):
    return {prefix + name: (folder / name).read_bytes() for name in FILES}


def test_a_model_is_added_from_its_folder_and_found_by_name(site, own):
    assert add_model(own) == (site / "own",)
    assert sorted(path.name for path in (site / "own").iterdir()) == sorted(FILES)
    assert find_model("own") == site / "own"
    assert open_model(site / "own").fingerprint == open_model(own).fingerprint
    assert known_models()["own"].origin == "added"
    assert [path.name for path in site.iterdir()] == ["own"], "nothing else is left there"
    before = (site / "own").stat().st_mtime_ns
    assert add_model(own) == (site / "own",), "added twice is no fault"
    assert (site / "own").stat().st_mtime_ns == before


@pytest.mark.parametrize("prefix", ["", "own/", "downloads/models/own/"])
def test_a_model_is_added_from_a_zip_file(site, own, tmp_path, prefix):
    path = zipped(tmp_path / "own.zip", {**files_of(own, prefix), f"{prefix}readme.txt": "for people"})
    assert add_model(path) == (site / "own",)
    assert (site / "own" / "model.onnx").read_bytes() == (own / "model.onnx").read_bytes()
    assert not (site / "own" / "readme.txt").exists()


def test_an_ensemble_comes_with_its_members(site, tmp_path):
    weights = tmp_path / "runs"
    for name in ("phantom", "phantom_cnn", "phantom_yae"):
        shutil.copytree(ROOT / "weights" / name, weights / name)
    card = json.loads((weights / "phantom" / "card.json").read_text())
    for name in ("phantom_cnn", "phantom_yae"):
        (weights / name).rename(weights / name.replace("phantom", "my"))
    card["members"] = {name.replace("phantom", "my"): digest for name, digest in card["members"].items()}
    (weights / "phantom" / "card.json").write_text(json.dumps({**card, "name": "mine"}))
    assert add_model(weights / "phantom") == (site / "my_cnn", site / "my_yae", site / "mine")
    assert load_model("mine").folder.digest == open_model(weights / "phantom").digest
    entries = {}
    for folder in weights.iterdir():
        entries |= {f"{folder.name}/{path.name}": path.read_bytes() for path in folder.glob("*.*")}
    shutil.rmtree(site)
    assert len(add_model(zipped(tmp_path / "all.zip", entries))) == 3


def test_another_model_of_the_same_name_is_kept_unless_it_may_be_replaced(site, own):
    add_model(own)
    other = own.with_name("other")
    shutil.copytree(ROOT / "weights" / "phantom_yae", other)
    rename(other, "own")
    kept = (site / "own" / "card.json").read_bytes()
    with pytest.raises(ConfigError, match="overwrite=True"):
        add_model(other)
    assert (site / "own" / "card.json").read_bytes() == kept
    add_model(other, overwrite=True)
    assert open_model(find_model("own")).digest == open_model(other).digest
    assert [path.name for path in site.iterdir()] == ["own"]


@pytest.mark.parametrize("name", ["invivo", "add", "list", "../up", "a/b", ".hidden", "-x", "", "a\nb"])
def test_names_that_cannot_be_are_refused(site, own, name):
    rename(own, name)
    with pytest.raises(FslMrsDlError, match=r"name|shipped"):
        add_model(own)
    assert not site.exists()


def change_card(folder, **entries):
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps({**card, **entries}))


def cut_network(folder):
    (folder / "model.onnx").write_bytes(b"not a network")
    change_card(folder, files={"model.onnx": install_digest(folder / "model.onnx")})


def install_digest(path):
    from fsl_mrs_dl.models.folder import sha256

    return sha256(path)


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (lambda f: (f / "model.onnx").write_bytes(b"other"), "SHA-256"),
        (lambda f: (f / "model.onnx").unlink(), "missing"),
        (lambda f: change_card(f, card_version=7, versions={"fsl_mrs_dl": "3.0"}), r"another version.*\(3\.0\)"),
        (cut_network, "cannot be loaded"),
        (lambda f: change_card(f, grid={"n_points": 700}, inputs={}), "does not describe this network"),
    ],
)
def test_a_model_that_cannot_be_used_is_not_added(site, own, damage, text):
    damage(own)
    with pytest.raises(ModelError, match=text):
        add_model(own)
    assert not site.exists()


@pytest.mark.parametrize(
    "name", ["../card.json", "a/../../card.json", "/etc/card.json", "..\\card.json", "C:/card.json", "a/../card.json"]
)
def test_a_zip_file_cannot_write_elsewhere(own, tmp_path, name):
    path = zipped(tmp_path / "bad.zip", {**files_of(own, "own/"), name: "{}"})
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(DataError, match="leads elsewhere"):
        add_model(path)
    assert sorted(tmp_path.rglob("*")) == before


def test_links_in_a_zip_file_are_not_followed(tmp_path):
    link = zipfile.ZipInfo("own/card.json")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    path = zipped(tmp_path / "bad.zip", {link: "/etc/passwd"})
    with pytest.raises(DataError, match="leads elsewhere"):
        add_model(path)


def test_a_zip_file_that_unpacks_to_too_much_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(install, "MAX_BYTES", 5_000_000)
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("own/model.onnx", bytes(20_000_000))
    with pytest.raises(DataError, match="more than a model can hold"):
        add_model(path)
    with zipfile.ZipFile(path, "w") as archive:
        for index in range(install.MAX_ENTRIES + 1):
            archive.writestr(f"{index}.txt", "")
    with pytest.raises(DataError, match="too many entries"):
        add_model(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04broken", b"text"])
def test_what_is_no_zip_file_is_refused(tmp_path, content):
    (tmp_path / "x.zip").write_bytes(content)
    with pytest.raises(DataError, match="ZIP file"):
        add_model(tmp_path / "x.zip")
    with pytest.raises(ModelError, match="no model in this file"):
        add_model(zipped(tmp_path / "y.zip", {"readme.txt": "hello"}))
    with pytest.raises(ConfigError, match="nothing here"):
        add_model(tmp_path / "missing")
    with pytest.raises(ModelError, match="no model here"):
        add_model(tmp_path)


def test_two_folders_of_one_name_in_a_zip_file_are_refused(own, tmp_path):
    path = zipped(tmp_path / "x.zip", {**files_of(own, "a/own/"), **files_of(own, "b/own/")})
    with pytest.raises(DataError, match="one name"):
        add_model(path)


def test_a_network_that_names_other_files_is_not_followed(own):
    onnx = pytest.importorskip("onnx", reason="onnx is not installed")
    model = onnx.load(own / "model.onnx")
    weight = max(model.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    (own / "outside.bin").write_bytes(weight.raw_data)
    weight.ClearField("raw_data")
    weight.data_location = onnx.TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="outside.bin")
    (own / "model.onnx").write_bytes(model.SerializeToString())
    change_card(own, files={"model.onnx": install_digest(own / "model.onnx")})
    with pytest.raises(ModelError, match="cannot be loaded"):
        add_model(own)


def test_folders_of_added_models_follow_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv(MODELS_VARIABLE, os.pathsep.join([str(tmp_path / "a"), str(tmp_path / "b")]))
    assert added_folders() == (tmp_path / "a", tmp_path / "b")
    for site, source in (("a", "phantom_cnn"), ("b", "phantom_yae")):
        shutil.copytree(ROOT / "weights" / source, tmp_path / site / "own")
    shutil.copytree(ROOT / "weights" / "phantom_yae", tmp_path / "b" / "invivo")
    assert find_model("own") == tmp_path / "a" / "own"
    assert known_models()["invivo"].origin == "shipped", "an added model does not take a shipped one's place"
    monkeypatch.delenv(MODELS_VARIABLE)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr("sys.platform", "linux")
    assert added_folders() == (tmp_path / "data" / "fsl_mrs_dl" / "models",)
    monkeypatch.setattr(Path, "home", staticmethod(lambda: (_ for _ in ()).throw(RuntimeError("no home"))))
    monkeypatch.delenv("XDG_DATA_HOME")
    assert added_folders() == ()
    with pytest.raises(ConfigError, match=MODELS_VARIABLE):
        add_model(ROOT / "weights" / "phantom_cnn")


def test_a_damaged_model_is_listed_with_its_fault(site, own):
    add_model(own)
    good = summary(known_models()["own"])
    assert (good.samples, good.architecture, good.problem) == (("solution",), "cnn", "")
    assert good.size_bytes == sum((own / name).stat().st_size for name in FILES)
    assert good.digest == open_model(own).digest
    (site / "own" / "model.onnx").write_bytes(b"x")
    bad = summary(known_models()["own"])
    assert "SHA-256" in bad.problem
    assert bad.digest == ""
