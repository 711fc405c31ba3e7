# SPDX-License-Identifier: Apache-2.0
"""One answer in every table: the back end's own way from a file to FSL-MRS's tables, on a stand-in of FSL-MRS.

`test_with_fsl_mrs_tables` does the same with the real one, where it is installed.
"""

import numpy as np
import pytest

from fsl_mrs_dl.core.resources import shipped_models
from fsl_mrs_dl.fsl_plugin.pair import write_conditions
from fsl_mrs_dl.io.nifti import read_acquisition
from tests.fsl_mrs_helpers import (
    KINDS,
    answer_of_fit,
    combined_and_reference,
    disagreements,
    files_of,
    loaded_model,
    share_steps,
    tables_of,
    write_bases,
)

pytest.importorskip("pandas", reason="pandas, which FSL-MRS brings, is not installed")
pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.with_shared


@pytest.fixture(scope="module")
def bases(tmp_path_factory):
    return write_bases(tmp_path_factory.mktemp("bases"))


@pytest.fixture
def tables(monkeypatch, bases, tmp_path):
    """Run the back end on a file with a model and a basis; gives the output folder and the disagreements in it."""
    from tests.standin_helpers import install_stand_in, run_stand_in

    install_stand_in(monkeypatch)

    def run(file, model, kind, expected):
        split = tmp_path / "split"
        if not split.exists():
            split.mkdir()
            write_conditions(read_acquisition(file), split)
        sums, reference = combined_and_reference(bases[kind])
        out = tmp_path / "out"
        run_stand_in(split / "diff.nii.gz", bases[kind], out, model, sums, reference)
        return out, disagreements(out, expected, "+".join(reference))

    return run


@pytest.mark.parametrize("file", [*files_of("phantom_dev", 1), *files_of("invivo_dev", 1)])
def test_the_tables_say_what_fit_says(file, tables, tmp_path):
    expected = answer_of_fit(file, tmp_path / "fit")
    for kind in KINDS:
        assert tables(file, "", kind, expected)[1] == [], kind


@pytest.mark.parametrize("file", files_of("invivo_dev", 1))
def test_a_whole_basis_tells_the_protocol_as_it_does_in_fit(file, tables, bases, tmp_path):
    from tests.fsl_mrs_helpers import whole_basis

    bases["told"] = whole_basis(tmp_path / "basis") / "diff"
    told = answer_of_fit(file, tmp_path / "fit", more=("--basis", str(tmp_path / "basis")))
    assert told["protocol"]["from"] == "basis"
    assert tables(file, "", "told", told)[1] == []


@pytest.mark.slow
@pytest.mark.parametrize("file", [*files_of("phantom_dev"), *files_of("invivo_dev")])
def test_the_tables_say_what_fit_says_for_every_model_and_file(file, tables, monkeypatch):
    from fsl_mrs_dl import fit, load

    share_steps(monkeypatch)
    prepared = load(file)
    found = {}
    for model in ("", *shipped_models()):
        # what the command writes into quantities.json
        expected = fit(prepared, model=loaded_model(model)).to_dict()
        for kind in KINDS:
            found[model, kind] = tables(file, model, kind, expected)[1]
    assert {run: wrong for run, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize("file", files_of("phantom_dev", 1))
def test_a_table_that_says_something_else_is_found(file, tables, tmp_path):
    import pandas as pd

    expected = answer_of_fit(file, tmp_path / "fit")
    out, wrong = tables(file, "", "whole", expected)
    assert wrong == []
    summary = tables_of(out)[0]
    summary.loc["GABA", "/Cr+PCr"] *= 1 + 1e-5
    summary.to_csv(out / "summary.csv", na_rep="nan")
    assert {text.split(":")[0] for text in disagreements(out, expected)} == {
        "GABA /Cr+PCr of concentrations.csv",
        "GABA ratio",
    }
    expected["metabolites"]["NAA"]["sd"] *= 1.01
    assert any("NAA sd of fit" in text for text in disagreements(out, expected))
    assert np.isfinite(pd.read_csv(out / "all_parameters.csv")["mean"]).all()


@pytest.mark.parametrize("file", files_of("phantom_dev", 1))
def test_a_file_with_both_conditions_is_answered_once_under_the_user_s_name(file, tmp_path, monkeypatch):
    from types import SimpleNamespace

    from fsl_mrs_dl.fsl_plugin import request
    from fsl_mrs_dl.fsl_plugin.checks import _check_pair
    from fsl_mrs_dl.fsl_plugin.pair import Pair, pair_in, split_into

    options = SimpleNamespace(data=file, TE=None, TR=None)
    asked = request.Request("fsl_mrs", options)
    both = pair_in(file, options)
    answer = _check_pair(asked, both, "")
    assert answer.spectra.source == file

    def again(*_):
        raise AssertionError("the network was asked twice")

    monkeypatch.setattr(request, "answer_to", again)
    split_into(tmp_path, Pair(both, "", answer), options)
    found = request.estimate_file(asked.data, "", False, asked)
    assert found.quantification is answer.quantification
    assert options.data == tmp_path / "conditions" / "diff.nii.gz"
    assert {path.name for path in found.conditions.files} == {"edit_0.nii.gz", "edit_1.nii.gz"}
    assert all(path.is_file() for path in found.conditions.files)
