# SPDX-License-Identifier: Apache-2.0
"""One answer everywhere: FSL-MRS's tables, quantities.json and `fit`, and FSL-MRS's dashboard on folders of both."""

import subprocess
import sys

import numpy as np
import pytest

from fsl_mrs_dl.core.resources import shipped_models
from tests.fsl_mrs_helpers import (
    KINDS,
    answer_of_fit,
    combined_and_reference,
    disagreements,
    files_of,
    loaded_model,
    run_fsl_mrs,
    share_steps,
    tables_of,
    write_bases,
)
from tests.helpers import EXAMPLE

pytestmark = pytest.mark.with_fsl_mrs
pytest.importorskip("fsl_mrs", reason="FSL-MRS IS NOT INSTALLED: nothing here was tested against it")
pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def bases(tmp_path_factory):
    return write_bases(tmp_path_factory.mktemp("bases"))


def check(file, model, kind, bases, out, expected):
    """Run fsl_mrs; `expected` is the answer of `fit`."""
    sums, reference = combined_and_reference(bases[kind])
    combined = [word for parts in sums for word in ("--combine", *parts)]
    # the default reference is Cr+PCr, for which FSL-MRS needs both functions
    named = [] if len(reference) == 2 else ["--internal_ref", *reference]
    algo = f"dl:{model}" if model else "dl"
    run_fsl_mrs("--data", file, "--basis", bases[kind], "--output", out, "--algo", algo, *combined, *named)
    assert disagreements(out, expected, "+".join(reference)) == [], (file.name, model, kind)


@pytest.mark.with_shared
@pytest.mark.parametrize("file", [*files_of("phantom_dev", 1), *files_of("invivo_dev", 1)])
@pytest.mark.parametrize("kind", ["whole", "one of each pair"])
def test_the_tables_say_what_fit_says(file, kind, bases, tmp_path):
    check(file, "", kind, bases, tmp_path / "out", answer_of_fit(file, tmp_path / "fit"))


@pytest.mark.with_shared
@pytest.mark.parametrize("file", files_of("phantom_dev", 1))
def test_a_model_that_knows_cr_alone_gives_ratios_with_a_basis_that_has_pcr(file, bases, tmp_path):
    check(file, "phantom", "whole", bases, tmp_path / "out", answer_of_fit(file, tmp_path / "fit", "phantom"))
    summary, concentrations, found = tables_of(tmp_path / "out")
    assert summary.loc["NAA", "/Cr+PCr"] == pytest.approx(found["metabolites"]["NAA"]["value"])
    assert np.isnan(summary.loc["PCr", "/Cr+PCr"])
    assert not concentrations.loc["Cr+PCr"].isna().any()


@pytest.mark.slow
@pytest.mark.with_shared
@pytest.mark.parametrize("file", [*files_of("phantom_dev"), *files_of("invivo_dev")])
def test_the_tables_say_what_fit_says_for_every_model_and_file(file, bases, tmp_path, monkeypatch):
    from fsl_mrs_dl import fit, load

    share_steps(monkeypatch)
    prepared = load(file)
    for model in ("", *shipped_models()):
        # what the command writes into quantities.json
        expected = fit(prepared, model=loaded_model(model)).to_dict()
        for kind in KINDS:
            check(file, model, kind, bases, tmp_path / "out", expected)


def test_a_pair_in_one_file_is_the_pair_in_two(bases, tmp_path):
    from fsl_mrs_dl.fsl_plugin.pair import write_conditions
    from fsl_mrs_dl.io.nifti import read_acquisition, write_spectrum
    from fsl_mrs_dl.preprocess.load import load

    spectra = load(EXAMPLE / "megapress_raw.nii.gz").spectra
    pair = np.stack([spectra.edit_off, spectra.edit_on])
    sampled = {"dwell_s": spectra.dwell_s, "f0_mhz": spectra.f0_mhz, "header": {"EchoTime": 0.068}}
    write_spectrum(
        tmp_path / "pair.nii.gz", pair, dims=("DIM_EDIT", None, None), conditions=("edit_off", "edit_on"), **sampled
    )
    (tmp_path / "split").mkdir()
    diff = write_conditions(read_acquisition(tmp_path / "pair.nii.gz"), tmp_path / "split")
    for name, data in (("one", tmp_path / "pair.nii.gz"), ("two", diff)):
        run_fsl_mrs("--data", data, "--basis", bases["whole"], "--output", tmp_path / name, "--algo", "dl")
    one, two = (tables_of(tmp_path / name)[0] for name in ("one", "two"))
    np.testing.assert_allclose(one["/Cr+PCr"], two["/Cr+PCr"], rtol=1e-6)
    np.testing.assert_allclose(one["/Cr+PCr CRLB"], two["/Cr+PCr CRLB"], rtol=1e-6)
    # and what `fit` answers to the file
    assert disagreements(tmp_path / "one", answer_of_fit(tmp_path / "pair.nii.gz", tmp_path / "fit")) == []


def test_the_dashboard_reads_a_tree_with_folders_of_fit(bases, tmp_path):
    from fsl_mrs_dl.preprocess.load import load
    from fsl_mrs_dl.preprocess.outputs import write_preprocessed

    (tmp_path / "pp").mkdir()
    write_preprocessed(load(EXAMPLE / "megapress_raw.nii.gz"), tmp_path / "pp")
    diff = tmp_path / "pp" / "diff.nii.gz"
    run_fsl_mrs("--data", diff, "--basis", bases["whole"], "--output", tmp_path / "tree" / "a" / "dl", "--algo", "dl")
    fit = [
        sys.executable,
        "-m",
        "fsl_mrs_dl",
        "fit",
        "--data",
        str(diff),
        "--output",
        str(tmp_path / "tree" / "a" / "fit"),
    ]
    subprocess.run(fit, check=True, capture_output=True)
    code = (
        "import dash, sys; dash.Dash.run = lambda self, **k: print('LOADED', len(self.layout.children)); "
        f"sys.argv = ['fsl_mrs_summarise', 'dir', {str(tmp_path / 'tree')!r}]; "
        "from fsl_mrs.scripts.fsl_mrs_summarise import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert "LOADED" in done.stdout, done.stderr
