# SPDX-License-Identifier: Apache-2.0
"""Transients that a header calls coils: taken for what they are where coils could not be so."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fsl_mrs_dl.core.data import Acquisition
from fsl_mrs_dl.io.nifti import read_acquisition
from fsl_mrs_dl.preprocess.labels import as_transients
from fsl_mrs_dl.preprocess.pipeline import preprocess
from tests.helpers import DWELL_S, EXAMPLE, F0_MHZ, SHARED, fid_of, pair_of


def scan(drift_ppm, n=8, sizes=None):
    """Transients of a made pair that drifts, ``(2, 1, n, n_points)``, ON second; `sizes` as an array of coils has."""
    rng = np.random.default_rng(1)
    rows = [
        pair_of(water=50.0, noise=0.5, rng=rng, shift_ppm=drift_ppm * k / n, phase=rng.uniform(-3, 3)) for k in range(n)
    ]
    fids = np.stack(rows, axis=1)[:, None] * (1 if sizes is None else np.asarray(sizes)[:, None])
    return Acquisition(fids, DWELL_S, F0_MHZ, Path("scan.nii.gz"), conditions=("edit_off", "edit_on"))


def as_coils(acq):
    return replace(acq, fids=np.swapaxes(acq.fids, 1, 2))


def test_transients_called_coils_are_aligned_and_averaged_as_transients():
    right = scan(0.1)
    wrong, plain = preprocess(as_coils(right)), preprocess(right)
    np.testing.assert_array_equal(wrong.spectra.diff, plain.spectra.diff)
    notes = [flag.detail for flag in wrong.spectra.flags if flag.code == "header_note"]
    assert len(notes) == 1
    assert "DIM_COIL: its 8 parts" in notes[0]
    assert not [flag for flag in plain.spectra.flags if flag.code == "header_note"]


def test_the_water_reference_of_such_data_is_taken_the_same_way():
    right = scan(0.1)
    water = fid_of({4.65: 4e4}, lw_hz=8.0)
    fids = np.repeat(water[None, None, None], 8, axis=1)
    reference = Acquisition(fids, DWELL_S, F0_MHZ, Path("water.nii.gz"))
    pre = preprocess(as_coils(right), reference)
    assert pre.water_reference is not None
    np.testing.assert_allclose(np.abs(pre.water_reference[0]), np.abs(water[0]), rtol=1e-6)


@pytest.mark.parametrize("drift_ppm", [0.0, 0.1])
def test_coils_of_an_array_stay_coils(drift_ppm):
    sizes = [1.0, 0.8, 0.5, 0.3, 0.9, 0.2, 0.6, 0.4]
    for data in (as_coils(scan(drift_ppm, sizes=sizes)), as_coils(scan(0.0)), as_coils(scan(drift_ppm, n=3))):
        assert as_transients(data) == (data, [])


def test_the_examples_coils_stay_coils():
    data = read_acquisition(EXAMPLE / "megapress_raw.nii.gz")
    averaged = replace(data, fids=data.fids.mean(axis=2, keepdims=True))
    for acq in (data, averaged):
        assert as_transients(acq)[1] == []


@pytest.mark.skipif(not SHARED.is_dir(), reason="the data folder is not beside the checkout")
def test_a_measured_scan_that_drifts_is_the_same_under_either_label():
    data = read_acquisition(SHARED / "data" / "invivo_raw" / "mpress_drift.nii.gz")
    wrong, right = preprocess(as_coils(data)), preprocess(data)
    np.testing.assert_array_equal(wrong.spectra.diff, right.spectra.diff)
