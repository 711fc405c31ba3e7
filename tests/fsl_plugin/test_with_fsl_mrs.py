# SPDX-License-Identifier: Apache-2.0
"""`--algo dl` in a real FSL-MRS, which is not on PyPI: these run where it is installed and say so where it is not."""

import json
import os
import pickle
import re
import subprocess
import sys

import numpy as np
import pytest

from tests.fsl_mrs_helpers import WATER, fsl, run_dl, takes_baseline_by_name
from tests.helpers import EXAMPLE, EXAMPLE_TRUTH, ROOT, without_plotly

pytestmark = pytest.mark.with_fsl_mrs
pytest.importorskip("fsl_mrs", reason="FSL-MRS IS NOT INSTALLED: nothing here was tested against it")


FILES = {
    "summary.csv",
    "concentrations.csv",
    "qc.csv",
    "all_parameters.csv",
    "fit.nii.gz",
    "fit_summary.png",
    "options.txt",
    "data.nii.gz",
    "basis",
    "h2o.nii.gz",
    "quantification_info.csv",
    "report.html",
}


def table(out):
    import pandas as pd

    return pd.read_csv(out / "summary.csv", index_col="Metab")


@pytest.fixture(scope="session")
def full(preprocessed):
    return run_dl(
        preprocessed,
        "full",
        "--report",
        "--h2o",
        preprocessed / "pp" / "wref.nii.gz",
        *WATER,
        "--combine",
        "Glu",
        "Gln",
    )


def test_dl_writes_all_files_with_numbers_near_the_truth(full):
    out, done = full
    # FSL-MRS up to 2.3 does not write the fit unless asked to
    assert set(os.listdir(out)) | {"fit.nii.gz"} == FILES | {"quantities.json", "lcmodel", "dl_report.html"}
    assert {f.name for f in (out / "lcmodel").iterdir()} == {"dl.table", "dl.csv", "dl.coord", "dl.print"}
    summary = table(out)
    for name, truth in EXAMPLE_TRUTH.items():
        value, sd = summary.loc[name, "/Cr+PCr"], summary.loc[name, "/Cr+PCr CRLB"]
        assert abs(value - truth) < 2.5 * sd, name
        assert 0 < sd < 0.4 * value, name
    assert summary.loc["Cr+PCr", "/Cr+PCr"] == pytest.approx(1)
    assert summary.loc["Glu+Gln", "mM"] == pytest.approx(summary.loc["Glu", "mM"] + summary.loc["Gln", "mM"])
    # what comes from one amplitude and one network agrees in all files
    found = json.loads((out / "quantities.json").read_text())
    assert found["fsl_mrs"]["raw"]["GABA"] / found["fsl_mrs"]["raw_per_network_unit"]["GABA"] == pytest.approx(
        found["raw"]["GABA"]
    )
    assert found["metabolites"]["GABA"]["value"] == pytest.approx(summary.loc["GABA", "/Cr+PCr"])
    assert found["metabolites"]["GABA"]["sd"] == pytest.approx(summary.loc["GABA", "/Cr+PCr CRLB"])
    assert found["metabolites"]["Glx"]["raw"]["sd"] / found["metabolites"]["Glx"]["raw"]["value"] == pytest.approx(
        summary.loc["Glu+Gln", "%CRLB"] / 100
    )
    assert "upside down" in done.stderr  # the example's raw file has ON first


def test_the_report_says_dl(full):
    text = (full[0] / "report.html").read_text(encoding="utf-8")
    digest = json.loads((ROOT / "weights" / "invivo" / "card.json").read_text())["files"]["model.onnx"]
    assert "Deep-learning estimates (--algo dl" in text
    assert digest in text
    assert "truncated Newton" not in text
    assert "neural network 'invivo'" in text
    assert "Trained on" in text
    # both reports show their pictures without the internet
    for name in ("report.html", "dl_report.html"):
        page = without_plotly((full[0] / name).read_text(encoding="utf-8"))
        assert not re.findall(r"""(?:src|href)\s*=\s*["'](?:https?:)?//""", page), name


def test_the_pipeline_of_the_docs_ends_with_a_molar_column(full):
    page = " ".join((ROOT / "docs" / "fsl_mrs.md").read_text("utf-8").replace("\\\n", " ").split())
    command = re.search(r"fsl_mrs --data pp/diff\.nii\.gz .*? fsl_mrs_summarise", page)[0]
    assert " ".join(WATER) in command
    assert "--h2o pp/wref.nii.gz" in command
    summary = table(full[0])
    assert np.isfinite(summary.loc[["NAA", "GABA", "Glu"], "mM"]).all()
    assert summary.loc["GABA", "mM"] / summary.loc["NAA", "mM"] == pytest.approx(
        summary.loc["GABA", "/Cr+PCr"] / summary.loc["NAA", "/Cr+PCr"]
    )


def test_fsl_mrs_summarise_makes_the_same_spectrum_from_the_folder(full):
    import pandas as pd
    from fsl_mrs.utils import mrs_io
    from fsl_mrs.utils.fitting import fit_FSLModel

    out = full[0]
    parameters = pd.read_csv(out / "all_parameters.csv")
    mrs = mrs_io.read_FID(str((out / "data.nii.gz").resolve())).mrs(
        basis=mrs_io.read_basis(str((out / "basis").resolve()))
    )
    mrs.processForFitting()
    start = fit_FSLModel(mrs, method="init")
    assert list(parameters["parameter"]) == list(start.params_names)
    start.fitResults.loc[0, start.params_names] = parameters["mean"].to_numpy()
    remade = start.predictedFID(mrs, mode="Full") / mrs.scaling["FID"]
    if (out / "fit.nii.gz").exists():
        stored = mrs_io.read_FID(str(out / "fit.nii.gz"))[0, 0, 0]
        np.testing.assert_allclose(remade, stored, atol=1e-4 * np.abs(stored).max())
    # and that spectrum is that of the data: little is left in the fitted range
    spectrum, fit = (np.fft.fftshift(np.fft.fft(x)) for x in (mrs.FID / mrs.scaling["FID"], remade))
    first, last = mrs.ppmlim_to_range((0.5, 4.1))
    left = np.linalg.norm((spectrum - fit)[first:last]) / np.linalg.norm(spectrum[first:last])
    assert left < 0.2


def test_the_dashboard_of_fsl_mrs_summarise_loads_the_folder(full):
    code = (
        "import dash, sys; dash.Dash.run = lambda self, **k: print('LOADED', len(self.layout.children)); "
        f"sys.argv = ['fsl_mrs_summarise', 'dir', {str(full[0].parent / 'full')!r}]; "
        "from fsl_mrs.scripts.fsl_mrs_summarise import main; main()"
    )
    (full[0].parent / "list.txt").write_text(f"{full[0]}\n{full[0].parent}/copy\n")
    import shutil

    shutil.copytree(full[0], full[0].parent / "copy", symlinks=True, dirs_exist_ok=True)
    code = code.replace("'dir'", "'list'").replace(str(full[0].parent / "full"), str(full[0].parent / "list.txt"))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "LOADED" in done.stdout, done.stderr


def test_other_methods_are_the_same_bytes_with_and_without_the_hook(preprocessed):
    arguments = ("--data", preprocessed / "pp" / "diff.nii.gz", "--basis", preprocessed / "basis" / "diff")
    fsl("fsl_mrs", *arguments, "--output", preprocessed / "with", "--overwrite")
    code = "from fsl_mrs.scripts.fsl_mrs import main; import sys; sys.exit(main())"
    clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH" or "fsl" in value}
    subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments), "--output", str(preprocessed / "without"), "--overwrite"],
        check=True,
        capture_output=True,
        env={**clean, "OMP_NUM_THREADS": "1", "FSL_MRS_DL_DISABLE": "1"},
    )
    for file in ("summary.csv", "concentrations.csv", "qc.csv", "all_parameters.csv"):
        assert (preprocessed / "with" / file).read_bytes() == (preprocessed / "without" / file).read_bytes()


def test_a_diff_alone_gives_no_number_for_what_it_does_not_show(preprocessed):
    alone = preprocessed / "alone"
    alone.mkdir(exist_ok=True)
    (alone / "diff.nii.gz").write_bytes((preprocessed / "pp" / "diff.nii.gz").read_bytes())
    out, done = run_dl(
        preprocessed, "o_alone", "--h2o", preprocessed / "pp" / "wref.nii.gz", "--report", data="alone/diff.nii.gz"
    )
    summary = table(out)
    assert "Raw conc" in summary.columns
    assert summary.loc[["Cr", "PCr", "Cr+PCr"], "Raw conc"].isna().all()
    # what was asked for keeps its columns
    assert summary[["mM", "mMol/kg", "/Cr+PCr", "/Cr+PCr CRLB"]].isna().all(axis=None)
    assert "--wref_metabolite NAA" in done.stderr
    assert "--internal_ref NAA" in done.stderr
    out, _ = run_dl(preprocessed, "o_naa", "--internal_ref", "NAA", data="alone/diff.nii.gz")
    assert table(out).loc["Glu", "/NAA"] == pytest.approx(9.2 / 11.4, rel=0.15)


@pytest.mark.parametrize("on_first", [False, True])
def test_a_file_with_both_conditions_is_split_into_the_output(preprocessed, full, on_first):
    from fsl_mrs_dl.io.nifti import read_acquisition, write_spectrum

    # fsl_mrs_preproc_edit keeps the order of the example's raw file, which has ON first
    on, off = (read_acquisition(preprocessed / "pp" / f"edit_{i}.nii.gz") for i in (0, 1))
    order = (on, off) if on_first else (off, on)
    names = ("edit_off", "edit_on")  # wrong where ON is first: NAA tells
    fids = np.concatenate([part.fids[:, 0, 0] for part in order])
    pair = preprocessed / f"pair_{on_first}.nii.gz"
    write_spectrum(pair, fids, dwell_s=off.dwell_s, f0_mhz=off.f0_mhz, dims=("DIM_EDIT", None, None), conditions=names)
    config = preprocessed / "pair.conf"
    config.write_text("algo = dl\n")
    out = preprocessed / f"o_pair_{on_first}"
    done = fsl(
        "fsl_mrs",
        "--config",
        config,
        "--data",
        pair,
        "--basis",
        preprocessed / "basis" / "diff",
        "--output",
        out,
        "--overwrite",
        "--report",
    )
    assert os.path.realpath(out / "data.nii.gz") == str(out / "conditions" / "diff.nii.gz")
    assert ("contradicts NAA" in done.stderr) == on_first
    assert ("contradicts NAA" in (out / "report.html").read_text(encoding="utf-8")) == on_first
    for name in ("GABA", "Glu"):
        value, sd = table(out).loc[name, ["/Cr+PCr", "/Cr+PCr CRLB"]]
        assert value == pytest.approx(table(full[0]).loc[name, "/Cr+PCr"], abs=sd)
    # and another method says what it always said
    done = fsl(
        "fsl_mrs",
        "--data",
        pair,
        "--basis",
        preprocessed / "basis" / "diff",
        "--output",
        preprocessed / "o_no",
        "--overwrite",
        check=False,
    )
    assert done.returncode != 0
    assert "single FID" in done.stderr


def test_what_the_network_does_not_know_is_fitted(preprocessed):
    import shutil

    # all of it: the conditions beside the DIFF tell the network the protocol
    shutil.copytree(preprocessed / "basis", preprocessed / "more", dirs_exist_ok=True)
    basis = preprocessed / "more" / "diff"
    entry = json.loads((basis / "NAA.json").read_text())
    for name, factor in (("MM99", -0.2), ("Foo", 0.2)):
        # NAA's line moved by 0.6 ppm and by -0.4 ppm
        fid = np.array(entry["basis"]["basis_re"]) + 1j * np.array(entry["basis"]["basis_im"])
        time = np.arange(len(fid)) * entry["basis"]["basis_dwell"]
        moved = fid * np.exp(2j * np.pi * (0.6 if factor > 0 else -0.4) * 127.7 * time)
        part = {**entry["basis"], "basis_re": moved.real.tolist(), "basis_im": moved.imag.tolist(), "basis_name": name}
        (basis / f"{name}.json").write_text(json.dumps({**entry, "basis": part}))
    out, _ = run_dl(preprocessed, "o_more", "--basis", basis)
    found = json.loads((out / "quantities.json").read_text())["fsl_mrs"]
    assert found["fitted"] == ["Foo", "MM99"]
    reference = table(run_dl(preprocessed, "o_plain")[0])
    assert table(out).loc["GABA", "/Cr+PCr"] == pytest.approx(reference.loc["GABA", "/Cr+PCr"], rel=1e-6)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--lorentzian",),
        ("--free_shift", "--baseline", "spline, moderate"),
        ("--baseline", "off"),
        ("--metab_groups", "GABA", "NAA"),
        ("--no_rescale",),
        ("--keep", "GABA", "Glu", "Gln", "NAA", "NAAG", "Cr", "PCr"),
    ],
    ids=lambda value: value[0],
)
def test_options_of_the_fit_do_not_move_the_network_s_ratios(preprocessed, full, arguments):
    if not takes_baseline_by_name() and "--baseline" in arguments:
        order = {"off": "-1", "spline, moderate": "4"}[arguments[-1]]
        arguments = (*arguments[:-2], "--baseline_order", order)
    summary = table(run_dl(preprocessed, "o_option", *arguments)[0])
    for name in ("GABA", "Glu", "NAA"):
        for column in ("/Cr+PCr", "/Cr+PCr CRLB"):
            assert summary.loc[name, column] == pytest.approx(table(full[0]).loc[name, column], rel=1e-6)


def test_a_refusal_is_an_output_without_numbers(preprocessed):
    import nibabel

    image = nibabel.load(preprocessed / "pp" / "diff.nii.gz")
    rng = np.random.default_rng(0)
    noise = rng.normal(size=image.shape) + 1j * rng.normal(size=image.shape)
    (preprocessed / "noise").mkdir(exist_ok=True)
    nibabel.save(
        type(image)(noise.astype(np.complex64), image.affine, image.header), preprocessed / "noise/diff.nii.gz"
    )
    out, done = run_dl(preprocessed, "o_noise", "--report", data="noise/diff.nii.gz")
    assert "REFUSED" in done.stderr
    assert table(out).isna().all(axis=None)
    assert "REFUSED" in (out / "report.html").read_text(encoding="utf-8")
    found = json.loads((out / "quantities.json").read_text())
    assert found["refused"]
    assert found["raw"] == {}


def test_what_cannot_be_used_is_refused_before_the_folder_is_made(preprocessed):
    cases = {
        "--internal_ref": ("--ignore", "Cr", "PCr"),
        "no model": ("--algo", "dl:nothing"),
        "not among": ("--combine", "GABA", "Foo"),
        "ratios would be lost": ("--ind_scale", "GABA"),
        "no such file": ("--h2o", preprocessed / "nowhere.nii.gz"),
        "not one averaged FID": ("--h2o", EXAMPLE / "water_reference.nii.gz"),
        "not a file": ("--data", preprocessed),
        "cannot be read": ("--basis", preprocessed / "nowhere"),
    }
    for message, arguments in cases.items():
        out, done = run_dl(preprocessed, "o_never", *arguments, check=False)
        assert done.returncode in (1, 2)
        assert message in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
        assert not out.exists()


def test_files_of_another_measurement_are_not_taken_for_its_conditions(preprocessed):
    import nibabel

    image = nibabel.load(preprocessed / "pp" / "diff.nii.gz")
    other = np.asarray(image.dataobj).copy()
    other[..., 300:] *= 0.5  # another line width
    (preprocessed / "other").mkdir(exist_ok=True)
    nibabel.save(type(image)(other, image.affine, image.header), preprocessed / "other" / "diff.nii.gz")
    named = {
        "FSL_MRS_DL_OFF": str(preprocessed / "pp/edit_1.nii.gz"),
        "FSL_MRS_DL_ON": str(preprocessed / "pp/edit_0.nii.gz"),
    }
    out, done = run_dl(preprocessed, "o_other", data="other/diff.nii.gz", check=False, **named)
    assert done.returncode == 1
    assert "do not subtract to the data" in done.stderr
    assert not out.exists()
    _, done = run_dl(preprocessed, "o_own", **named)
    assert "named in the environment" in done.stderr


def test_water_is_scaled_right_or_not_at_all(preprocessed):
    water = ("--h2o", preprocessed / "pp" / "wref.nii.gz")
    _, right = run_dl(preprocessed, "o_w2", *water, *WATER)
    assert "--h2o_scale" not in right.stderr
    # DIFF is half of ON - OFF, and that was forgotten
    _, half = run_dl(preprocessed, "o_w1", *water, *WATER[:-2])
    assert "Use: --h2o_scale 2" in half.stderr
    # a basis that does not fit: no concentration can come of it
    out, wrong = run_dl(preprocessed, "o_w3", *water, *WATER, "--basis", preprocessed / "basis" / "edit_off")
    assert "No water scaling" in wrong.stderr
    assert table(out)["mM"].isna().all()


def test_the_result_goes_through_pickle_and_masks_by_name(preprocessed):
    from fsl_mrs.utils import fitting, mrs_io

    from fsl_mrs_dl.fsl_plugin.hook import MARK, install

    original = fitting.fit_FSLModel
    try:
        install(fitting)
        assert hasattr(fitting.fit_FSLModel, MARK)
        mrs = mrs_io.read_FID(str(preprocessed / "pp" / "diff.nii.gz")).mrs(
            basis=mrs_io.read_basis(str(preprocessed / "basis" / "diff"))
        )
        mrs.processForFitting()
        result = fitting.fit_FSLModel(mrs, method="dl")
    finally:
        fitting.fit_FSLModel = original
    again = pickle.loads(pickle.dumps(result))
    assert type(again).__name__ == "DlFitRes"
    assert again.method == "dl"
    assert again.getConc(metab="GABA") == result.getConc(metab="GABA") > 0
    assert np.isnan(again.getConc(metab="Cr"))
    assert isinstance(again.getUncertainties(metab="GABA"), float)
    assert np.isnan(again.getUncertainties("raw", "Cr+PCr"))
    assert np.isfinite(again.corr).all()
