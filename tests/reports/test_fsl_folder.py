# SPDX-License-Identifier: Apache-2.0
"""What FSL-MRS's dashboard reads of a folder of `fit`, made again by its own formula."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest

from fsl_mrs_dl.basis.files import read_fsl_basis
from fsl_mrs_dl.core.data import EditedSpectra
from fsl_mrs_dl.io.nifti import read_acquisition
from fsl_mrs_dl.reports.fsl_folder import ARGUMENTS, NUISANCE
from fsl_mrs_dl.reports.manifest import Run, write_folder
from tests.report_helpers import full, refused

N = 512


@pytest.fixture
def spectra(tmp_path):
    rng = np.random.default_rng(0)
    fids = rng.normal(size=(2, N)) + 1j * rng.normal(size=(2, N))
    return EditedSpectra(5e-4, 127.7, tmp_path / "data.nii.gz", edit_off=fids[0], diff=fids[1])


def with_functions(quantification):
    """Each function a line of its own; NAAG does not show."""
    time_s = np.arange(N) * 5e-4
    names = [e.name for e in full().estimates]
    fids = {name: np.exp((2j * np.pi * 10 * k - 20) * time_s) for k, name in enumerate(names)}
    return replace(quantification, function_fids=fids)


def written(quantification, spectra, folder):
    folder.mkdir()
    write_folder(folder, Run(quantification, spectra, {"data": "x"}, "fit"))
    with (folder / "all_parameters.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_the_parameters_and_the_basis_make_the_fit_again(spectra, tmp_path):
    q = with_functions(full())
    rows = written(q, spectra, tmp_path / "out")
    basis = read_fsl_basis(tmp_path / "out" / "basis")
    assert [row["parameter"] for row in rows] == [*basis.names, *NUISANCE]
    mean = np.array([float(row["mean"]) for row in rows])
    assert not mean[len(basis.names) :].any()
    expected = sum(e.value * q.function_fids[e.name] for e in q.estimates if not e.flag)
    np.testing.assert_allclose(mean[: len(basis.names)] @ basis.fids, expected, rtol=1e-4, atol=1e-4)
    data = read_acquisition(tmp_path / "out" / "data.nii.gz")
    np.testing.assert_allclose(data.fids[0, 0, 0], spectra.diff, rtol=1e-5)
    # the name that FSL-MRS up to 2.3 looks for
    assert (tmp_path / "out" / "data").resolve() == (tmp_path / "out" / "data.nii.gz").resolve()
    options = json.loads((tmp_path / "out" / "options.txt").read_text().splitlines()[0])
    assert options.keys() >= {*ARGUMENTS, "data"}


def test_a_refusal_has_functions_and_no_concentration(spectra, tmp_path):
    rows = written(with_functions(refused()), spectra, tmp_path / "out")
    assert {float(row["mean"]) for row in rows} == {0.0}
    assert {row["std"] for row in rows} == {"nan"}


def test_concentrations_keep_their_first_row_in_pandas(spectra, tmp_path):
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    from fsl_mrs_dl.models.estimate import NOT_VISIBLE

    q = full()
    first = min(q.estimates, key=lambda e: e.name).name
    hidden = tuple(replace(e, flag=NOT_VISIBLE) if e.name == first else e for e in q.estimates)
    written(replace(q, estimates=hidden), spectra, tmp_path / "out")
    table = pandas.read_csv(tmp_path / "out" / "concentrations.csv", index_col=0, header=[0, 1])
    assert table.index[0] == first
    assert table.loc[first].isna().all()
    assert len(table) == len(q.estimates) + len(q.combinations)
