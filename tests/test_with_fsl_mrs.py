# SPDX-License-Identifier: Apache-2.0
"""Against a real FSL-MRS, which is not on PyPI: these run where it is installed and say so where it is not."""

import numpy as np
import pytest

from fsl_mrs_dl.io.basis import LineBasis, write_fsl_basis
from fsl_mrs_dl.sequences import MegaPress
from fsl_mrs_dl.simulate import simulate_metabolite
from fsl_mrs_dl.spins import load_system

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
    from fsl_mrs_dl.preprocess.pipeline import preprocess, write_preprocessed
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
    mrs = off.mrs() if hasattr(off, "mrs") else None
    assert mrs is not None
