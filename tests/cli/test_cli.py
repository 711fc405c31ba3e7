# SPDX-License-Identifier: Apache-2.0
"""The console script as a user calls it: as a subprocess, on the shipped example and on what is broken."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fsl_mrs_dl.core.files import check_replaceable
from fsl_mrs_dl.reports.manifest import entry_names
from tests.helpers import pair_of, without_plotly, write_nifti
from tests.program_helpers import run_program

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = ROOT / "configs"
EXAMPLE = ROOT / "examples" / "megapress_raw.nii.gz"
WATER = ROOT / "examples" / "water_reference.nii.gz"


def call(*args, cwd=None):
    return run_program(*args, cwd=cwd, env={**os.environ, "PYTHONPATH": str(ROOT)})


def call_afresh(*args):
    """Of a real process, which imports everything itself."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "fsl_mrs_dl", *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    """The README's main job."""
    folder = tmp_path_factory.mktemp("fit") / "out"
    done = call_afresh("fit", "--data", EXAMPLE, "--h2o", WATER, "--output", folder, "--report")
    assert done.returncode == 0, done.stderr
    return folder, done


def test_the_readme_shows_what_the_example_prints(output):
    shown = re.search(r"<!-- example-output -->\n```text\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    said = output[1].stdout.partition("written to ")[0]
    number = re.compile(r"\d+\.\d+")
    assert number.sub("", shown[1]).splitlines() == number.sub("", said).splitlines()
    # other processors round otherwise, and the report's third digit is not a promise
    assert [float(x) for x in number.findall(shown[1])] == pytest.approx(
        [float(x) for x in number.findall(said)], rel=0.01
    )


def test_help_is_fast_because_nothing_heavy_is_imported():
    code = (
        "import sys; from fsl_mrs_dl.cli.main import build_parser; build_parser(); "
        "heavy = ('numpy', 'scipy', 'nibabel', 'nifti_mrs', 'onnxruntime', 'matplotlib', 'torch'); "
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"
    shown = call_afresh("--help")
    assert shown.returncode == 0
    for command in ("fit", "preproc", "simulate", "train", "validate", "models"):
        assert command in shown.stdout
        assert call(command, "--help").returncode == 0


@pytest.mark.parametrize("arguments", [("--version",), ("fit",), ("fit", "--data", "none.nii.gz", "--output", "o")])
def test_a_program_whose_imports_are_there_says_the_same(arguments, tmp_path):
    ours, theirs = call(*arguments, cwd=tmp_path), call_afresh(*arguments)
    assert (ours.returncode, ours.stdout, ours.stderr) == (theirs.returncode, theirs.stdout, theirs.stderr)


def test_fit_writes_the_folder_of_the_design(output):
    folder, done = output
    names = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
    assert names >= {
        "summary.csv",
        "concentrations.csv",
        "qc.csv",
        "fit.nii.gz",
        "fit_summary.png",
        "report.html",
        "options.txt",
        "quantities.json",
        "mrsinmrs.md",
        "mrsinmrs.json",
        "lcmodel/dl.table",
        "lcmodel/dl.csv",
        "lcmodel/dl.coord",
        "lcmodel/dl.print",
    }
    assert not list(folder.parent.glob(".tmp*"))
    check_replaceable(folder, overwrite=True, names=entry_names())  # it knows every name that stands there
    assert "GABA" in done.stdout
    content = json.loads((folder / "quantities.json").read_text())
    assert content["refused"] is False
    assert set(content["raw"]) >= {"GABA", "Glu", "Gln", "NAA", "Cr", "PCr"}
    assert {"transients_rejected", "eddy_current_corrected"} <= set(content["flags"])


def test_the_example_comes_out_near_its_truth(output):
    folder, _ = output
    truth = json.loads((ROOT / "examples" / "truth.json").read_text())[0]["conc_mm"]
    raw = json.loads((folder / "quantities.json").read_text())["raw"]
    creatine = (raw["Cr"] + raw["PCr"]) / (truth["Cr"] + truth["PCr"])
    assert raw["NAA"] / creatine == pytest.approx(truth["NAA"], rel=0.15)
    assert raw["GABA"] / creatine == pytest.approx(truth["GABA"], abs=1.0)
    assert (raw["Glu"] + raw["Gln"]) / creatine == pytest.approx(truth["Glu"] + truth["Gln"], rel=0.25)
    history = json.loads((folder / "quantities.json").read_text())["history"]
    assert history["transients"]["edit_off"]["rejected"] == [5], "the transient during which somebody moved"


def test_the_reference_is_the_sum_whose_interval_was_calibrated(output):
    content = json.loads((output[0] / "quantities.json").read_text("utf-8"))
    assert content["reference_raw"]["interval95"] == content["metabolites"]["tCr"]["raw"]["interval95"]


def test_report_loads_nothing_from_outside(output):
    text = without_plotly((output[0] / "report.html").read_text())
    for attribute in ('src="http', 'href="http', "src='http", "url(http", "@import"):
        assert attribute not in text


def test_an_output_is_not_overwritten_unasked_nor_is_a_stranger_s_folder(output, tmp_path):
    folder, _ = output
    before = (folder / "quantities.json").read_bytes()
    again = call("fit", "--data", EXAMPLE, "--output", folder)
    assert again.returncode == 1
    assert "--overwrite" in again.stderr
    assert (folder / "quantities.json").read_bytes() == before
    stranger = tmp_path / "thesis"
    stranger.mkdir()
    (stranger / "chapter1.tex").write_text("x")
    assert call("fit", "--data", EXAMPLE, "--output", stranger, "--overwrite").returncode == 1
    assert (stranger / "chapter1.tex").exists()


def test_preproc_then_fit_of_its_files_agrees_with_fit_of_the_raw_data(output, tmp_path):
    done = call("preproc", "--data", EXAMPLE, "--reference", WATER, "--output", tmp_path / "pre")
    assert done.returncode == 0, done.stderr
    assert {p.name for p in (tmp_path / "pre").iterdir()} >= {
        "diff.nii.gz",
        "edit_0.nii.gz",
        "edit_1.nii.gz",
        "wref.nii.gz",
    }
    pre = tmp_path / "pre"
    check_replaceable(pre, overwrite=True, names=entry_names())
    done = call(
        "fit", "--data-off", pre / "edit_0.nii.gz", "--data-on", pre / "edit_1.nii.gz", "--output", tmp_path / "out"
    )
    assert done.returncode == 0, done.stderr
    raw = json.loads((output[0] / "quantities.json").read_text())["raw"]
    again = json.loads((tmp_path / "out" / "quantities.json").read_text())["raw"]
    for name in ("GABA", "Glu", "NAA", "Cr"):
        assert again[name] == pytest.approx(raw[name], rel=0.1, abs=0.1 * raw["NAA"] / 10), name
    done = call("fit", "--data", pre / "diff.nii.gz", "--h2o", pre / "wref.nii.gz", "--output", tmp_path / "diff")
    assert done.returncode == 0, done.stderr
    alone = json.loads((tmp_path / "diff" / "quantities.json").read_text())
    # such a file may hold the difference or half of it: the water cannot scale it, and that is said
    assert {"diff_only", "water_unscaled"} <= set(alone["flags"])
    assert not alone.get("absolute")


def broken_files(folder):
    """What people feed to programs: (name, file, word of the error)."""
    good = pair_of(noise=0.01, rng=np.random.default_rng(0)).T[None, None, None].astype(np.complex64)
    nan = good.copy()
    nan[0, 0, 0, 7, 0] = np.nan
    cut = folder / "cut.nii.gz"
    cut.write_bytes(EXAMPLE.read_bytes()[:20000])
    text = folder / "text.nii.gz"
    text.write_text("not an image")
    return [
        (folder / "missing.nii.gz", "missing.nii.gz"),
        (cut, "cut.nii.gz"),
        (text, "text.nii.gz"),
        (write_nifti(folder / "nan.nii.gz", nan, dims=("DIM_EDIT",)), "NaN"),
        (write_nifti(folder / "zero.nii.gz", 0 * good, dims=("DIM_EDIT",)), "zero"),
        (write_nifti(folder / "p31.nii.gz", good, dims=("DIM_EDIT",), nucleus="31P"), "31P"),
        (write_nifti(folder / "t7.nii.gz", good, dims=("DIM_EDIT",), f0_mhz=297.2), "297"),
        (write_nifti(folder / "mrsi.nii.gz", np.tile(good, (2, 2, 1, 1, 1)), dims=("DIM_EDIT",)), "voxel"),
        (write_nifti(folder / "plain.nii.gz", good, extension=b""), "plain.nii.gz"),
    ]


def test_broken_input_ends_in_one_line_and_leaves_nothing(tmp_path):
    for path, word in broken_files(tmp_path):
        done = call("fit", "--data", path, "--output", tmp_path / "out")
        assert done.returncode == 1, (path, done.stdout, done.stderr)
        assert done.stdout == ""
        lines = done.stderr.strip().splitlines()
        assert len(lines) == 1, done.stderr
        assert word in lines[0]
        assert "Traceback" not in done.stderr
        assert "internal error" not in done.stderr
        assert not (tmp_path / "out").exists()
        assert not list(tmp_path.glob(".tmp*"))


def test_a_water_reference_given_as_data_is_refused_and_the_reason_says_what_it_is(tmp_path):
    done = call("fit", "--data", WATER, "--output", tmp_path / "out")
    assert done.returncode == 0
    assert done.stdout.startswith("refused: ")
    assert "nothing can be quantified in a water reference" in done.stdout
    content = json.loads((tmp_path / "out" / "quantities.json").read_text("utf-8"))
    assert content["refused"] is True
    assert all(entry["value"] is None for entry in content["metabolites"].values())


@pytest.mark.parametrize(
    "arguments",
    [
        ("fit",),
        ("fit", "--output", "x"),
        ("fit", "--data", EXAMPLE, "--data-off", EXAMPLE, "--output", "x"),
        ("fit", "--data", EXAMPLE, "--model", "nonesuch", "--output", "x"),
        ("frobnicate",),
        ("simulate", "--metabolites", "GABBA", "--output", "x"),
        ("train", "nowhere.toml", "--output", "x"),
        ("fit", "--data", EXAMPLE, "--model", "", "--output", "x"),
        ("pulse", "--design", "slr", "--duration", "0.01", "--tbw", "0"),
        ("pulse", "--design", "dual_band", "--duration", "0.01", "--separation", "inf"),
        ("convert", "x.dat", "--output", "x", "--spec2nii", "'"),
        ("convert", "x.dat", "--output", "x", "--block", "\u00b2"),
        ("dataset", CONFIGS / "phantom_cnn.toml", "--n", "-5", "--output", "x"),
    ],
)
def test_bad_arguments_exit_with_2(arguments, tmp_path):
    done = call(*arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert "internal error" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_simulate_writes_three_folders(tmp_path):
    sequence = tmp_path / "seq.json"
    sequence.write_text(json.dumps({"f0_mhz": 123.25, "edit_duration_s": 0.02}))
    done = call(
        "simulate", "--sequence", sequence, "--metabolites", "GABA,NAA", "--points", "512", "--output", tmp_path / "b"
    )
    assert done.returncode == 0, done.stderr
    check_replaceable(tmp_path / "b", overwrite=True, names=entry_names())
    for condition in ("edit_off", "edit_on", "diff"):
        assert {p.name for p in (tmp_path / "b" / condition).iterdir()} == {"GABA.json", "NAA.json"}


def test_validate_writes_errors_beside_the_constant_predictor(tmp_path, tiny_model):
    truth = json.loads((ROOT / "examples" / "truth.json").read_text())
    (tmp_path / "data").mkdir()
    for index in range(2):
        (tmp_path / "data" / f"s{index}.nii.gz").write_bytes(EXAMPLE.read_bytes())
    entries = [{"id": f"s{index}", "conc_mm": truth[0]["conc_mm"], "series": "A"} for index in range(2)]
    (tmp_path / "truth.json").write_text(json.dumps(entries))
    done = call("validate", "--data", tmp_path / "data", "--truth", tmp_path / "truth.json", "--output", tmp_path / "v")
    assert done.returncode == 0, done.stderr
    check_replaceable(tmp_path / "v", overwrite=True, names=entry_names())
    result = json.loads((tmp_path / "v" / "validation.json").read_text())
    assert result["n"] == 2
    assert result["metabolites"]["GABA"]["mae_constant"] == pytest.approx(0.0, abs=1e-12)
    assert set(result["metabolites"]["GABA"]) >= {"mae", "slope", "intercept", "r2", "coverage95", "n"}
    assert "linear_combination" in result["against"]
    rows = list(csv.DictReader((tmp_path / "v" / "validation.csv").open()))
    assert {row["id"] for row in rows} == {"s0", "s1"}
    assert (tmp_path / "v" / "validation.png").stat().st_size > 10000
    (tmp_path / "data" / "s1.nii.gz").unlink()
    done = call(
        "validate",
        "--data",
        tmp_path / "data",
        "--truth",
        tmp_path / "truth.json",
        "--model",
        tiny_model,
        "--output",
        tmp_path / "v2",
    )
    assert done.returncode == 1
    assert "s1.nii.gz" in done.stderr


def test_models_lists_the_default_and_shows_its_card():
    listed = call("models")
    assert "invivo (taken for a brain" in listed.stdout
    assert "phantom (taken for a solution" in listed.stdout
    name = listed.stdout.split()[0]
    card = json.loads(call("models", name, "--json").stdout)
    assert card["training"]["seed"]
    shown = call("models", name).stdout.splitlines()
    assert shown[0] == f"{name}: {', '.join(card['outputs'])}"
    gaba = next(line.split() for line in shown if line.split()[0] == "GABA")
    assert float(gaba[1]) == pytest.approx(card["validation"]["invivo_dev"]["metabolites"]["GABA"]["mae"], abs=6e-4)
    assert shown[-1] == f"The whole card: fsl_mrs_dl models {name} --json"


def test_a_model_that_was_added_is_listed_and_taken_by_its_name(tmp_path, monkeypatch):
    own = tmp_path / "RUN"
    shutil.copytree(ROOT / "weights" / "phantom_cnn", own)
    card = json.loads((own / "card.json").read_text())
    (own / "card.json").write_text(json.dumps({**card, "name": "own"}))
    monkeypatch.setenv("FSL_MRS_DL_MODELS", str(tmp_path / "site"))
    added = call("models", "add", own)
    assert added.returncode == 0, added.stderr
    assert "--algo dl:own" in added.stdout
    listed = json.loads(call("models", "list", "--json").stdout)
    assert [entry["name"] for entry in listed] == ["invivo", "phantom", "phantom_cnn", "phantom_yae", "own"]
    shown = call("models", "list").stdout
    assert "own (added)" in shown
    assert listed[-1]["digest"] in shown
    assert "own (added)" in call("models").stdout
    done = call("fit", "--data", EXAMPLE, "--model", "own", "--output", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "out" / "quantities.json").read_text())["model"]["name"] == "own"
    assert call("models", "add", tmp_path / "none").returncode == 2
    for wrong in (("add",), ("list", "x"), ("invivo", "--overwrite")):
        assert call("models", *wrong).returncode == 2


def test_models_shows_a_model_that_was_never_validated(tiny_model):
    shown = call("models", tiny_model)
    assert shown.returncode == 0
    assert "not tested on known concentrations yet" in shown.stdout
    assert json.loads(call("models", "--json").stdout) == json.loads(call("models", "list", "--json").stdout)
