# SPDX-License-Identifier: Apache-2.0
"""A training for one protocol: its ranges hold it, and one command goes from a header to a validated model."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="training needs torch")
from fsl_mrs_dl.core.errors import ConfigError
from fsl_mrs_dl.models.folder import open_model
from fsl_mrs_dl.physics.sequences import mega_press
from fsl_mrs_dl.training.config import read_config
from fsl_mrs_dl.training.like import CONFIG_FILE, config_like, describe, held_out, write_config

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "megapress_raw.nii.gz"
PROTOCOLS = [
    {"te_s": 0.068, "f0_mhz": 127.7, "vendor": "philips"},
    {"te_s": 0.08, "f0_mhz": 123.2, "vendor": "siemens", "edit_off_ppm": 1.5, "edit_duration_s": 0.02},
    {"te_s": 0.07, "f0_mhz": 127.7},
    {"vendor": "ge"},
    {"te_s": 0.08, "vendor": "philips", "semi_laser": True},
    {"semi_laser": True},
]


def inside(value, bounds):
    return bounds[0] <= value <= bounds[1]


@pytest.mark.parametrize("kind", ["brain", "phantom"])
@pytest.mark.parametrize("fields", PROTOCOLS)
def test_the_ranges_hold_the_protocol_and_can_be_drawn(fields, kind):
    bank = config_like(fields, kind, name="own", n_members=40).recipe.bank
    wanted = mega_press(**fields)
    assert inside(sum(wanted.delays_s), bank.te_s)
    assert inside(wanted.edit_on_ppm, bank.edit_on_ppm)
    assert inside(wanted.edit_off_ppm, bank.edit_off_ppm)
    assert inside(wanted.delays_s[0], bank.first_delay_s)
    assert inside(wanted.refocusing_tbw / wanted.refocusing_duration_s, bank.refocusing_bandwidth_hz)
    if "edit_duration_s" in fields:
        assert bank.edit_duration_s == (fields["edit_duration_s"],)
    drawn = [protocol for protocol, _ in bank.draw()]
    assert len(drawn) == 40
    assert ({p.name for p in drawn} == {"MEGA-sLASER"}) == ("semi_laser" in fields)
    for protocol in drawn:
        assert inside(sum(protocol.delays_s), bank.te_s)
        assert inside(protocol.edit_off_ppm, bank.edit_off_ppm)


def test_what_is_not_said_stays_wide():
    known, unknown = (config_like({"te_s": 0.068, **more}, "brain", name="own") for more in ({"vendor": "ge"}, {}))

    def width(config, name):
        low, high = getattr(config.recipe.bank, name)
        return high - low

    for name in ("first_delay_s", "refocusing_bandwidth_hz", "edit_lag"):
        assert width(unknown, name) > 1.5 * width(known, name)
    assert len(unknown.recipe.bank.f0_mhz) > len(known.recipe.bank.f0_mhz) == 1


def test_the_configuration_can_be_read_again_and_an_edited_one_is_not_lost(tmp_path):
    config = config_like(PROTOCOLS[1], "brain", name="own")
    path = tmp_path / "run" / CONFIG_FILE
    write_config(config, path)
    write_config(config, path)
    assert read_config(path) == config
    path.write_text(path.read_text("utf-8").replace('name = "own"', 'name = "mine"'), encoding="utf-8")
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="recipe was edited"):
        write_config(config, path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("kind", ["brain", "phantom"])
def test_nothing_is_wanted_of_the_run_of_the_shipped_model(kind):
    config = config_like(PROTOCOLS[0], kind, name="own")
    assert config.anchor.stage == 0
    assert config.calibration == {}


def test_validation_has_protocols_that_were_not_trained_on():
    config = config_like(PROTOCOLS[0], "phantom", name="own", n_members=30)
    other = held_out(config)
    assert other.seed != config.seed
    ours, theirs = ([p.edit_on_ppm for p, _ in c.recipe.bank.draw()] for c in (config, other))
    assert not set(ours) & set(theirs)
    assert other.recipe.bank.te_s == config.recipe.bank.te_s


def test_it_is_said_what_will_be_trained():
    text = describe(config_like(PROTOCOLS[1], "phantom", name="own", n_steps=50, n_members=7))
    for part in (
        "Cr, GABA, Gln, Glu, NAA",
        "7 about TE 79.5 to 80.5 ms",
        "123.2 MHz",
        "20 ms",
        "1.45 to 1.55",
        "50 steps",
    ):
        assert part in text


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((), "nothing to train"),
        (("x.toml", "--te", "0.08"), "x.toml and --te"),
        (("--like", str(EXAMPLE)), "--kind"),
        (("--te", "0.08", "--kind", "brian"), "did you mean 'brain'"),
        (("--te", "0.02", "--kind", "brain"), "is shorter than"),
        (("--te", "0.08", "--kind", "brain", "--steps", "0"), "out of range"),
        (("--like", "nowhere.nii.gz", "--kind", "brain"), "nowhere.nii.gz"),
    ],
)
def test_faults_are_one_line_and_leave_nothing(tmp_path, arguments, text):
    command = [sys.executable, "-m", "fsl_mrs_dl", "train", *arguments, "--output", str(tmp_path / "run")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode in (1, 2)
    assert text in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_model_of_another_origin_is_left_as_it_is(tmp_path):
    shutil.copytree(ROOT / "weights" / "phantom_cnn", tmp_path / "mine")
    before = {path.name: path.read_bytes() for path in (tmp_path / "mine").iterdir()}
    command = [sys.executable, "-m", "fsl_mrs_dl", "train", "--te", "0.08", "--kind", "phantom"]
    done = subprocess.run([*command, "--output", str(tmp_path / "mine")], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "no training that made it" in done.stderr
    assert {path.name: path.read_bytes() for path in (tmp_path / "mine").iterdir()} == before


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "as_json"), [("brain", False), ("phantom", True)])
def test_one_command_goes_from_a_header_to_a_validated_model(tmp_path, kind, as_json):
    command = [sys.executable, "-m", "fsl_mrs_dl", "train", "--like", str(EXAMPLE), "--kind", kind, "--steps", "20"]
    run = tmp_path / "mine"
    done = subprocess.run(
        [*command, "--members", "3", "--output", str(run), *["--json"] * as_json],
        capture_output=True,
        text=True,
        check=True,
    )
    model = open_model(run)
    assert model.card.name == "mine"
    assert model.card.known_limits
    assert len(model.card.lineage) >= 1
    validation = json.loads((run / "validation" / "validation.json").read_text("utf-8"))
    errors = validation["metabolites"]
    # it started from the shipped weights: after so few steps it would be no better than a constant otherwise
    assert errors["GABA"]["mae"] < 0.4 * errors["GABA"]["mae_constant"]
    # beside it stands the model that it started from, on the same spectra
    start = {"brain": "invivo", "phantom": "phantom_cnn"}[kind]
    assert set(validation["against"]) == set(validation["ratios"]["against"]) == {start}
    if as_json:
        printed = json.loads(done.stdout)
        assert printed["validation"] == validation
        assert printed["limits"] == list(model.card.known_limits)
    else:
        assert f"last column: {start}" in done.stdout
        told = [line.removeprefix("warning: ") for line in done.stderr.splitlines() if line.startswith("warning: ")]
        assert set(told) <= set(model.card.known_limits)
    assert validation["against"][start]["GABA"]["n"] == errors["GABA"]["n"]
