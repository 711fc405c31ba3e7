# SPDX-License-Identifier: Apache-2.0
"""The ladder: rungs switch off what they say and nothing else, every rung is judged alike, a killed run goes on."""

import csv
import dataclasses
import itertools
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from fsl_mrs_dl.basis.bank import CENTRE_PPM, CYCLES_PER_PPM, bank_of
from fsl_mrs_dl.basis.bank_config import BankConfig
from fsl_mrs_dl.basis.bank_files import load_members, simulate_members
from fsl_mrs_dl.basis.files import load_line_basis
from fsl_mrs_dl.core.errors import ConfigError, DataError
from fsl_mrs_dl.core.resources import basis_folder
from fsl_mrs_dl.models.inputs import PpmGrid
from fsl_mrs_dl.synthesise.concentrations import ConcentrationConfig
from fsl_mrs_dl.synthesise.perturbations import registered
from fsl_mrs_dl.synthesise.perturbations.instrument import InstrumentConfig
from fsl_mrs_dl.synthesise.perturbations.line_shape import LineShapeConfig
from fsl_mrs_dl.synthesise.perturbations.protons import ProtonConfig
from fsl_mrs_dl.synthesise.recipe import Recipe
from fsl_mrs_dl.synthesise.synthesiser import Synthesiser
from fsl_mrs_dl.training.config import TrainConfig, read_config
from fsl_mrs_dl.validation.classical import fit_simulated, spectra_of
from fsl_mrs_dl.validation.ladder.config import LadderConfig, as_pairs, read_ladder
from fsl_mrs_dl.validation.ladder.rungs import GROUPS, groups_on, rungs, with_groups
from fsl_mrs_dl.validation.run import read_truth
from fsl_mrs_dl.validation.simulated import draw_simulated
from tests.helpers import ROOT, pair_of, write_nifti
from tests.interrupt_helpers import check, interrupted, leftovers

NAMES = ("Cr", "GABA", "Gln", "Glu", "NAA")
TOP = Recipe(
    metabolites=NAMES,
    drop_off=0.0,
    drop_diff=0.0,
    bank=BankConfig(n_members=3, n_positions=4),
    concentrations=ConcentrationConfig(solution_fraction=1.0),
    instrument=InstrumentConfig(naag_pull=(0.0, 1.0)),
    line_shape=LineShapeConfig(measured_share=0.5, naag_distance_ppm=0.001),
)


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bank")
    simulate_members(TOP.bank, NAMES, folder)
    return bank_of(load_members(folder), NAMES, TOP.grid)


# groups of protons too, which need a bank whose molecules are taken apart
EVERYTHING = dataclasses.replace(TOP, protons=ProtonConfig(belief=(0.5, 1.0), water_share=1.0))


@pytest.fixture(scope="module")
def bank_apart(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bank")
    simulate_members(TOP.bank, NAMES, folder)
    return bank_of(load_members(folder), NAMES, TOP.grid, groups_apart=True)


def synthesiser(recipe, bank):
    return Synthesiser(recipe, bank.first(recipe.bank.n_members))


def settings(value, prefix=""):
    """Every setting of a recipe by its path."""
    found = {}
    for field in dataclasses.fields(value):
        part = getattr(value, field.name)
        inner = dataclasses.is_dataclass(part)
        found |= settings(part, f"{prefix}{field.name}.") if inner else {prefix + field.name: part}
    return found


def test_the_top_is_the_recipe_and_each_rung_adds_the_settings_of_its_group_alone():
    ladder = rungs(EVERYTHING, tuple(GROUPS))
    assert ladder[0].on == ()
    assert [rung.number for rung in ladder] == list(range(len(GROUPS) + 1))
    assert ladder[-1].recipe == EVERYTHING
    for below, above in itertools.pairwise(ladder):
        old, new = settings(below.recipe), settings(above.recipe)
        changed = {path for path in new if new[path] != old[path]}
        assert changed == set(GROUPS[above.name].off)
        assert {path: new[path] for path in changed} == {path: settings(EVERYTHING)[path] for path in changed}


def test_a_rung_is_there_for_what_the_recipe_has():
    assert groups_on(EVERYTHING) == tuple(GROUPS)
    assert set(GROUPS) - set(groups_on(TOP)) == {"protons"}
    assert groups_on(with_groups(TOP, ())) == ()
    assert [rung.name for rung in LadderConfig(TrainConfig("x", recipe=TOP)).rungs] == ["clean", *groups_on(TOP)]


def test_every_perturbation_belongs_to_a_group():
    # what is left only says what a perturbation looks like that another setting switches off
    looks = {
        "line_shape.asymmetry_hz",
        "line_shape.own_spread",
        "line_shape.measured_scatter",
        "instrument.outlier_fraction",
        "instrument.outlier_factor",
        "instrument.eddy_s",
        "background.snr",  # and the next two: `fid_noise` takes their place on the lowest rung
        "background.usual_snr",
        "background.usual_share",
        "background.baseline_width_hz",
        "background.n_baseline",
        "background.baseline_difference",
        "background.water_ppm",
        "background.water_width_hz",
        "background.echo_size",
        "protons.alike_share",
        "protons.kind_scatter",
        "protons.own_scatter",
        "protons.water_depth",
        "protons.water_width_ppm",
    }
    switched = [path for group in GROUPS.values() for path in group.off]
    assert len(set(switched)) == len(switched)
    # macromolecules are sought, and never switched off
    assert [name for name, kind in registered().items() if not kind.groups] == ["macromolecules"]
    every = {
        f"{name}.{path}"
        for name, part in TOP.perturbations.items()
        for path in settings(part)
        if name != "macromolecules"
    }
    assert every - set(switched) == looks


def test_the_lowest_rung_is_the_basis_with_lines_of_2_hz_and_the_noise_of_the_paper(bank):
    clean = with_groups(TOP, ())
    noiseless = dataclasses.replace(
        clean, background=dataclasses.replace(clean.background, fid_noise=(0.0, 0.0), snr=(1e9, 1e9))
    )
    batch = synthesiser(noiseless, bank).batch(6, np.random.default_rng(5))
    dwell_s, n_times = bank.dwell_s[0], bank.edit_off.shape[-1]
    time_s = dwell_s * np.arange(n_times)
    for row in range(6):
        for at, basis in ((0, bank.edit_off[0]), (2, bank.edit_on[0] - bank.edit_off[0])):
            fid = (batch.conc_mm[row] @ basis) * np.exp(-2 * np.pi * time_s) * (time_s < 1.024)
            expected = TOP.grid.transform(fid, CYCLES_PER_PPM, CENTRE_PPM) * dwell_s / batch.scale[row]
            got = batch.channels[row, at] + 1j * batch.channels[row, at + 1]
            assert np.abs(got - expected).max() < 3e-4 * np.abs(batch.channels[row]).max()
    levels = synthesiser(clean, bank).draw(300, np.random.default_rng(5)).parts["background"].noise_level.fid_noise
    assert 0 < levels.min() < 0.003 < 0.027 < levels.max() < 0.03


@pytest.mark.parametrize("name", [name for name in GROUPS if name != "protocols"])
def test_every_group_changes_the_spectra_and_not_what_they_hold(bank_apart, name):
    off, on = (synthesiser(with_groups(EVERYTHING, groups), bank_apart) for groups in ((), (name,)))
    one, two = (s.batch(40, np.random.default_rng(7)) for s in (off, on))
    np.testing.assert_array_equal(one.conc_mm, two.conc_mm)
    assert np.median(np.abs(one.channels - two.channels).max(axis=(1, 2))) > 1e-2


def test_the_papers_configuration_is_the_lowest_rung():
    recipe = read_config(ROOT / "configs" / "paper.toml").recipe
    assert with_groups(recipe, ()) == recipe
    assert groups_on(recipe) == ()
    assert recipe.background.fid_noise == (0.0, 0.03)
    assert recipe.line_shape.width_hz == (2.0, 2.0)
    assert recipe.acquired_s == (1.024, 1.024)


def test_protocols_are_those_of_a_bank_of_the_same_seed(bank, tmp_path):
    assert set(synthesiser(with_groups(TOP, ()), bank).draw(50, np.random.default_rng(1)).member) == {0}
    everything = synthesiser(with_groups(TOP, ("protocols",)), bank)
    assert set(everything.draw(50, np.random.default_rng(1)).member) == {0, 1, 2}
    small = dataclasses.replace(TOP.bank, n_members=1)
    simulate_members(small, NAMES, tmp_path)
    alone = bank_of(load_members(tmp_path), NAMES, TOP.grid)
    assert alone.protocols == bank.first(1).protocols
    n = min(alone.edit_off.shape[-1], bank.edit_off.shape[-1])
    np.testing.assert_allclose(alone.edit_on[..., :n], bank.first(1).edit_on[..., :n], atol=1e-5)
    with pytest.raises(ConfigError, match="1 to 3"):
        bank.first(4)


def test_the_classical_fit_sees_the_spectra_of_the_network(bank):
    recipe = with_groups(TOP, tuple(GROUPS))
    batch = synthesiser(recipe, bank).render(draw_simulated(synthesiser(recipe, bank), 3, 2))
    grid = PpmGrid(max_time_s=1e3)
    values = batch.channels[1, 0::2].astype(float) + 1j * batch.channels[1, 1::2]
    spectra = spectra_of(values, grid, 127.7)
    for got, expected in zip((spectra.edit_off, spectra.diff), values, strict=True):
        np.testing.assert_allclose(grid.evaluate(got, spectra.dwell_s, 127.7), expected, atol=1e-9)
    np.testing.assert_allclose(spectra.edit_on - spectra.edit_off, spectra.diff, atol=1e-12)


def test_the_classical_fit_is_exact_where_its_basis_is(bank):
    # spectra of the shipped bases, which the fit takes by the field
    members = [
        load_line_basis(basis_folder() / f"mega_press_te68_{f0_mhz}" / "lines.npz") for f0_mhz in (123.25, 127.75)
    ]
    quiet = with_groups(TOP, ("noise_truncation",))
    quiet = dataclasses.replace(quiet, background=dataclasses.replace(quiet.background, snr=(1e9, 1e9)))
    clean = Synthesiser(quiet, bank_of(members, NAMES, TOP.grid))
    drawn = draw_simulated(clean, 4, 3)
    assert set(drawn.member) == {0, 1}
    for values, conc_mm in zip(fit_simulated(clean, 4, 3, NAMES), drawn.conc_mm, strict=True):
        np.testing.assert_allclose([values[name] for name in NAMES], conc_mm, atol=0.02)
    with pytest.raises(DataError, match="OFF/ON pairs"):
        fit_simulated(Synthesiser(dataclasses.replace(TOP, drop_off=1.0), bank), 2, 3, NAMES)


LADDER = """
groups = ["line_width"]
n_steps = 10
n_simulated = 6
n_protocols = 2
[base]
name = "tiny"
seed = 5
[base.network]
name = "cnn"
widths = [8, 16]
strides = [4, 4]
dense = 32
squeeze = 8
[base.optimiser]
batch_size = 32
validate_every = 5
checkpoint_every = 5
n_validation = 100
n_calibration = 300
warmup_steps = 5
threads = 1
[base.recipe]
metabolites = ["Cr", "GABA", "Gln", "Glu", "NAA"]
drop_off = 0.0
drop_diff = 0.0
[base.recipe.concentrations]
solution_fraction = 1.0
[base.recipe.bank]
n_members = 2
n_positions = 4
"""


@pytest.fixture(scope="module")
def config_path(tmp_path_factory):
    path = tmp_path_factory.mktemp("config") / "ladder.toml"
    path.write_text(LADDER, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """Folder of pairs and the file of their truths."""
    folder = tmp_path_factory.mktemp("measured")
    rng = np.random.default_rng(0)
    truths = []
    for index, naa in enumerate((2.0, 3.0, 4.0)):
        pair = pair_of(off_lines={2.008: 3 * naa, 3.027: 6.0, 3.913: 4.0, 2.35: 0.6}, noise=0.01, rng=rng)
        write_nifti(
            folder / f"p{index}.nii.gz", pair.T[None, None, None], dims=["DIM_EDIT"], header={"EchoTime": 0.068}
        )
        truths.append({"id": f"p{index}", "conc_mm": {"NAA": naa, "Cr": 2.0, "GABA": 0.3}})
    (folder / "truth.json").write_text(json.dumps(truths))
    return folder


@pytest.fixture(scope="module")
def climbed(config_path, measured, tmp_path_factory):
    """Folder and console output of a whole ladder."""
    pytest.importorskip("torch", reason="training needs torch")
    folder = tmp_path_factory.mktemp("ladder") / "out"
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "fsl_mrs_dl",
            "ladder",
            str(config_path),
            "--output",
            str(folder),
            "--data",
            str(measured),
            "--truth",
            str(measured / "truth.json"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def test_the_command_shows_every_rung_on_every_set(climbed):
    folder, output = climbed
    result = json.loads((folder / "ladder.json").read_text())
    assert [rung["folder"] for rung in result["rungs"]] == ["00-clean", "01-line_width"]
    for rung in result["rungs"]:
        assert set(rung["sets"]) == {"own", "held_out", "measured"}
        assert rung["training"]["steps"] == 10
        assert rung["sets"]["held_out"]["n"] == 6
        assert rung["sets"]["measured"]["n"] == 3
        assert rung["sets"]["measured"]["refused"] == 0
        assert set(rung["sets"]["held_out"]["metabolites"]) >= set(NAMES)
    # one classical fit and one constant predictor for all rungs
    first, last = (rung["sets"] for rung in result["rungs"])
    for name in ("held_out", "measured"):
        assert first[name]["against"] == last[name]["against"]
        assert first[name]["against"]["linear_combination"]["NAA"]["mae"] is not None
    assert first["held_out"]["metabolites"]["GABA"]["mae"] != last["held_out"]["metabolites"]["GABA"]["mae"]
    rows = list(csv.DictReader((folder / "ladder.csv").open()))
    assert {row["method"] for row in rows} == {"network", "linear_combination"}
    shown = next(r for r in rows if (r["rung"], r["set"], r["metabolite"]) == ("00-clean", "held_out", "GABA"))
    assert float(shown["mae"]) == pytest.approx(first["held_out"]["metabolites"]["GABA"]["mae"], rel=1e-5)
    assert (folder / "ladder.png").read_bytes()[:4] == b"\x89PNG"
    for text in ("clean", "+ line width", "constant guess", "classical fit", "held-out simulation", "measured"):
        assert text in output
    assert not list(folder.glob(".tmp*"))


def test_a_ladder_that_was_interrupted_goes_on_where_it_was(climbed, config_path, measured, tmp_path, monkeypatch):
    from fsl_mrs_dl.validation.ladder import run

    whole = json.loads((climbed[0] / "ladder.json").read_text())
    shutil.copytree(climbed[0], tmp_path / "out")
    for name in ("01-line_width", "ladder.json"):
        path = tmp_path / "out" / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    code, lines = interrupted("ladder", config_path, "--output", "out", after=r"^rung 2/2", cwd=tmp_path)
    check(code, lines, "ladder", "the same command goes on with the rungs that are there")
    assert leftovers(tmp_path) == []
    assert not (tmp_path / "out" / "01-line_width" / "card.json").exists()
    trained, train = [], run.train

    def noted(config, folder, bank):
        trained.append(folder.name)
        train(config, folder, bank)

    monkeypatch.setattr(run, "train", noted)
    again = run.run_ladder(read_ladder(config_path), tmp_path / "out", measured, read_truth(measured / "truth.json"))
    assert trained == ["01-line_width"]
    for old, new in zip(whole["rungs"], again["rungs"], strict=True):
        for name in ("own", "held_out", "measured"):
            expected, got = (rung["sets"][name]["metabolites"]["GABA"]["mae"] for rung in (old, new))
            assert got == pytest.approx(expected, rel=1e-3)


def test_a_rung_of_another_configuration_is_not_taken(climbed, config_path, tmp_path):
    from fsl_mrs_dl.validation.ladder.run import run_ladder

    shutil.copytree(climbed[0], tmp_path / "out")
    config = read_ladder(config_path)
    other = dataclasses.replace(config, base=dataclasses.replace(config.base, seed=6))
    with pytest.raises(ConfigError, match="another configuration"):
        run_ladder(other, tmp_path / "out")
    assert (tmp_path / "out" / "ladder.json").read_bytes() == (climbed[0] / "ladder.json").read_bytes()


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("n_steps", "n_step", "did you mean 'n_steps'"),
        ('"line_width"', '"line_widht"', "did you mean 'line_width'"),
        ('"line_width"', '"line_width", "line_width"', "named twice"),
        ("n_simulated = 6", "n_simulated = 0", "at least 1"),
        ('name = "tiny"', 'name = "tiny"\ndataset = "x"', "synthesises the spectra"),
        ('name = "tiny"', 'name = "tiny"\nstart = "x"', "starts afresh"),
        ("seed = 5", "sede = 5", "did you mean 'seed'"),
    ],
)
def test_what_is_wrong_in_a_configuration_is_named(tmp_path, old, new, text):
    path = tmp_path / "ladder.toml"
    path.write_text(LADDER.replace(old, new, 1))
    done = subprocess.run(
        [sys.executable, "-m", "fsl_mrs_dl", "ladder", str(path), "--output", str(tmp_path / "out")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert text in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_ladder_may_stand_on_a_training_configuration(tiny_config, tmp_path):
    (tmp_path / "tiny.toml").write_text(tiny_config.read_text())
    (tmp_path / "ladder.toml").write_text('base = "tiny.toml"\nn_steps = 7\n')
    config = read_ladder(tmp_path / "ladder.toml")
    assert config.base == read_config(tiny_config)
    top = config.training(config.rungs[-1])
    assert top.optimiser.n_steps == 7
    assert top.recipe == config.base.recipe
    assert config.base.optimiser.n_steps == 40


def test_the_held_out_simulation_has_everything_on_and_protocols_of_its_own():
    config = LadderConfig(TrainConfig("x", recipe=dataclasses.replace(TOP, drop_off=0.2)), groups=("eddy",))
    held_out = config.held_out
    assert held_out == as_pairs(dataclasses.replace(TOP, bank=held_out.bank))
    assert not set(held_out.bank.draw()) & set(TOP.bank.draw())


def test_data_that_do_not_fit_are_refused_before_training(config_path, measured, tmp_path):
    pytest.importorskip("torch", reason="training needs torch")
    from fsl_mrs_dl.validation.ladder.run import run_ladder

    truths = read_truth(measured / "truth.json")
    with pytest.raises(DataError, match=r"missing.*p0\.nii\.gz"):
        run_ladder(read_ladder(config_path), tmp_path / "out", tmp_path, truths)
    write_nifti(tmp_path / "p0.nii.gz", (pair_of()[1] - pair_of()[0])[None, None, None])
    with pytest.raises(DataError, match="OFF/ON pairs"):
        run_ladder(read_ladder(config_path), tmp_path / "out", tmp_path, truths[:1])
    assert not list((tmp_path / "out").iterdir())


def test_a_script_reads_what_the_file_holds(climbed, config_path, monkeypatch, capsys):
    pytest.importorskip("torch", reason="training needs torch")
    from fsl_mrs_dl.cli.main import main
    from fsl_mrs_dl.validation.ladder import run

    folder, _ = climbed
    result = json.loads((folder / "ladder.json").read_text())
    monkeypatch.setattr(run, "run_ladder", lambda *_: result)
    assert main(["ladder", str(config_path), "--output", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == result


def test_data_and_truth_belong_together(config_path, tmp_path):
    command = [sys.executable, "-m", "fsl_mrs_dl", "ladder", str(config_path), "--output", str(tmp_path / "out")]
    done = subprocess.run([*command, "--data", str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "needed together" in done.stderr
