# SPDX-License-Identifier: Apache-2.0
"""Files and functions shared with a real FSL-MRS, which is not on PyPI: bases, preprocessing, validation."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from fsl_mrs_dl.basis.files import LineBasis, write_fsl_basis
from fsl_mrs_dl.physics.sequences import MegaPress
from fsl_mrs_dl.physics.simulate import simulate_metabolite
from fsl_mrs_dl.physics.spins import load_system
from tests.helpers import EXAMPLE, EXAMPLE_TRUTH, ROOT

pytestmark = pytest.mark.with_fsl_mrs
pytest.importorskip("fsl_mrs", reason="FSL-MRS IS NOT INSTALLED: nothing here was tested against it")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    sequence = MegaPress()
    pairs = {name: simulate_metabolite(load_system(name), sequence) for name in ("Cr", "GABA", "NAA")}
    path = tmp_path_factory.mktemp("basis")
    write_fsl_basis(path, LineBasis(pairs, sequence), n_points=2048, dwell_s=5e-4, lw_hz=2.0)
    return path


@pytest.mark.parametrize("condition", ["edit_off", "edit_on", "diff"])
def test_fsl_mrs_reads_our_basis_with_lines_in_their_places(folder, condition):
    from fsl_mrs.utils import mrs_io

    basis = mrs_io.read_basis(str(folder / condition))
    assert sorted(basis.names) == ["Cr", "GABA", "NAA"]
    assert basis.cf == pytest.approx(127.73)
    fids = basis.original_basis_array
    n, dwell_s = fids.shape[0], basis.original_dwell
    ppm = 4.65 + np.fft.fftshift(np.fft.fftfreq(n, dwell_s)) / basis.cf
    places = {"edit_off": {"Cr": 3.027, "NAA": 2.008}, "edit_on": {"Cr": 3.027}, "diff": {"NAA": 2.008}}
    for name, place in places[condition].items():
        spectrum = np.fft.fftshift(np.fft.fft(fids[:, basis.names.index(name)]))
        peak = np.argmax(np.abs(spectrum))
        assert ppm[peak] == pytest.approx(place, abs=0.01), name
        assert np.sign(spectrum[peak].real) == (-1 if condition == "diff" else 1)


def test_fsl_mrs_reads_what_preproc_writes(tmp_path):
    from fsl_mrs.utils import mrs_io

    from fsl_mrs_dl.io.nifti import read_acquisition
    from fsl_mrs_dl.preprocess.outputs import write_preprocessed
    from fsl_mrs_dl.preprocess.pipeline import preprocess
    from tests.helpers import DWELL_S, F0_MHZ, pair_of, write_nifti

    data = pair_of(noise=0.01, rng=np.random.default_rng(0)).T[None, None, None]
    raw = write_nifti(tmp_path / "pair.nii.gz", data.astype(np.complex64), dims=("DIM_EDIT",))
    result = preprocess(read_acquisition(raw))
    write_preprocessed(result, tmp_path)
    diff = mrs_io.read_FID(str(tmp_path / "diff.nii.gz"))
    assert diff.shape == (1, 1, 1, data.shape[3])
    np.testing.assert_allclose(diff[0, 0, 0], result.spectra.diff / 2, rtol=1e-4, atol=1e-5)
    assert diff.dwelltime == pytest.approx(DWELL_S)
    assert diff.spectrometer_frequency[0] == pytest.approx(F0_MHZ)
    off = mrs_io.read_FID(str(tmp_path / "edit_0.nii.gz"))
    assert off.dim_tags[0] == "DIM_EDIT"
    assert len(off.mrs()[0].FID if isinstance(off.mrs(), list) else off.mrs().FID) == data.shape[3]


def test_own_and_fsl_preprocessing_of_the_same_raw_data_agree(tmp_path):
    pytest.importorskip("onnxruntime")
    found = {}
    for way in ("own", "fsl"):
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "fsl_mrs_dl",
                "fit",
                "--data",
                str(EXAMPLE / "megapress_raw.nii.gz"),
                "--h2o",
                str(EXAMPLE / "water_reference.nii.gz"),
                "--preproc",
                way,
                "--output",
                str(tmp_path / way),
            ],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert done.returncode == 0, done.stderr
        found[way] = json.loads((tmp_path / way / "quantities.json").read_text())
    codes = {way: set(found[way]["flags"]) for way in found}
    assert codes["fsl"] - codes["own"] >= {"preprocessed_by_fsl"}
    assert "order_contradiction" not in codes["fsl"]
    for name, truth in EXAMPLE_TRUTH.items():
        own, by_fsl = (found[way]["metabolites"][name] for way in ("own", "fsl"))
        # the same noise in both: they differ by less than either may from the truth; alignment and averaging do differ
        assert abs(own["value"] - by_fsl["value"]) < 1.5 * own["sd"], name
        assert abs(by_fsl["value"] - truth) < 2.5 * by_fsl["sd"], name


def test_fsl_preprocessing_that_fails_is_one_line(tmp_path):
    from fsl_mrs_dl.core.errors import DataError
    from fsl_mrs_dl.preprocess.by_fsl import preprocess_by_fsl

    damaged = tmp_path / "water.nii.gz"
    damaged.write_bytes(b"damaged")
    with pytest.raises(DataError, match="fsl_mrs_preproc_edit failed"):
        preprocess_by_fsl(EXAMPLE / "megapress_raw.nii.gz", damaged)


def test_newton_of_a_validation_is_in_the_unit_of_the_basis():
    from fsl_mrs_dl.validation.programs.newton import newton
    from fsl_mrs_dl.validation.programs.task import answers
    from tests.mixture_helpers import FIVE, five_metabolites

    found = answers("newton", newton, five_metabolites(), tuple(FIVE))
    for answer in found.values():
        for name, value in FIVE.items():
            assert answer[name] == pytest.approx(value, rel=0.1), name
