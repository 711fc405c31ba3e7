# SPDX-License-Identifier: Apache-2.0
"""A basis simulated from sequences in FSL-MRS's form, read and fitted with by a real FSL-MRS."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fsl_mrs_dl.basis.files import read_fsl_basis
from tests.helpers import write_nifti

pytestmark = pytest.mark.with_fsl_mrs
pytest.importorskip("fsl_mrs", reason="FSL-MRS IS NOT INSTALLED: nothing here was tested against it")

SEQUENCES = Path(__file__).resolve().parents[2] / "examples" / "sequences"
TRUTH = {"NAA": 10.0, "Cr": 5.0, "PCr": 3.0, "Glu": 9.0, "Ins": 6.0, "GPC": 1.5, "Lac": 0.0}


@pytest.fixture(scope="module", params=["examplePRESS", "exampleSTEAM"])
def folder(request, tmp_path_factory):
    path = tmp_path_factory.mktemp(request.param) / "basis"
    command = [sys.executable, "-m", "fsl_mrs_dl", "simulate", "--sequence", str(SEQUENCES / f"{request.param}.json")]
    command += ["--metabolites", ",".join(TRUTH), "--output", str(path), "--workers", "2"]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr
    return path


def test_fsl_mrs_reads_the_folder(folder):
    from fsl_mrs.utils import mrs_io

    basis, ours = mrs_io.read_basis(str(folder)), read_fsl_basis(folder)
    assert sorted(basis.names) == sorted(TRUTH)
    assert basis.cf == pytest.approx(ours.f0_mhz)
    # NAA's methyl line, upright, where FSL-MRS's own axis says 2.01 ppm
    fid = basis.original_basis_array[:, basis.names.index("NAA")]
    spectrum = np.fft.fftshift(np.fft.fft(fid, 8192))
    axis = np.fft.fftshift(np.fft.fftfreq(8192, basis.original_dwell)) / basis.cf + 4.65
    near = (axis > 1.8) & (axis < 2.2)
    peak = np.argmax(np.abs(spectrum[near]))
    assert axis[near][peak] == pytest.approx(2.008, abs=0.01)
    assert np.angle(spectrum[near][peak]) == pytest.approx(0.0, abs=0.2)


def test_fsl_mrs_fits_with_it(folder, tmp_path):
    basis = read_fsl_basis(folder)
    weights = np.array([TRUTH[name] for name in basis.names])
    time_s = np.arange(basis.fids.shape[1]) * basis.dwell_s
    fid = (weights @ basis.fids) * np.exp(-3 * np.pi * time_s)
    rng = np.random.default_rng(0)
    fid = fid + 1e-3 * (rng.normal(size=fid.size) + 1j * rng.normal(size=fid.size))
    data = write_nifti(
        tmp_path / "data.nii.gz", fid[None, None, None].astype(np.complex64), dwell_s=basis.dwell_s, f0_mhz=basis.f0_mhz
    )
    command = [
        str(Path(sys.executable).parent / "fsl_mrs"),
        "--data",
        str(data),
        "--basis",
        str(folder),
        "--output",
        str(tmp_path / "fit"),
        "--overwrite",
    ]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "FSL_MRS_DL_DISABLE": "1"})
    assert done.returncode == 0, done.stderr
    with (tmp_path / "fit" / "summary.csv").open(newline="") as stream:
        found = {row["Metab"]: float(row["/Cr+PCr"]) for row in csv.DictReader(stream)}
    for name, value in TRUTH.items():
        assert found[name] == pytest.approx(value / (TRUTH["Cr"] + TRUTH["PCr"]), abs=0.03), name
