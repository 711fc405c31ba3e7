# SPDX-License-Identifier: Apache-2.0
"""Spikes of the receiver: single samples that tower over the rest of an FID."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fsl_mrs_dl.core.errors import DataError
from fsl_mrs_dl.io.nifti import read_acquisition, read_reference
from fsl_mrs_dl.io.receiver import SPIKE, spiked_fids
from fsl_mrs_dl.preprocess.pipeline import preprocess
from tests.helpers import fid_of

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="module")
def example():
    folder = ROOT / "examples"
    return read_acquisition(folder / "megapress_raw.nii.gz"), read_reference(folder / "water_reference.nii.gz")


def with_spike(acq, height, where):
    fids = acq.fids.copy()
    fids[where] += height * np.abs(acq.fids).max()
    return replace(acq, fids=fids)


@pytest.mark.parametrize("coils", [slice(None), 1], ids=["all coils", "one coil"])
@pytest.mark.parametrize("height", [10.0, 1e5])
def test_a_transient_with_a_spike_is_as_if_it_had_not_been_measured(example, coils, height):
    data, reference = example
    found = preprocess(with_spike(data, height, (0, coils, 3, 500)), reference)
    empty = data.fids.copy()
    empty[0, :, 3] = 0
    np.testing.assert_array_equal(found.spectra.diff, preprocess(replace(data, fids=empty), reference).spectra.diff)
    assert 3 in found.rejected["edit_on"]
    assert "transients_rejected" in {flag.code for flag in found.spectra.flags}


def test_a_spike_in_the_water_takes_that_transient_of_it_out(example):
    data, reference = example
    twice = replace(reference, fids=np.concatenate([reference.fids, reference.fids], axis=2))
    found = preprocess(data, with_spike(twice, 1e4, (0, 0, 1, 300)))
    np.testing.assert_allclose(found.water_reference, preprocess(data, reference).water_reference)


@pytest.mark.parametrize("reference", [False, True], ids=["data", "water"])
def test_spikes_in_every_transient_are_one_error(example, reference):
    acquisitions = list(example)
    acquisitions[reference] = with_spike(acquisitions[reference], 10.0, (slice(None), slice(None), slice(None), 500))
    with pytest.raises(DataError, match=r"gz: single samples tower over .*got \d+ of \d+ transients\. Convert"):
        preprocess(*acquisitions)


def test_signals_noise_and_filters_have_no_spikes():
    rng = np.random.default_rng(3)
    noise = rng.standard_normal((500, 1024)) + 1j * rng.standard_normal((500, 1024))
    start = np.zeros(64, complex)
    start[:3] = 100.0
    short = np.exp(-np.arange(64) / 3.0)
    for fids in (noise, fid_of({3.03: 3.0, 2.01: 9.0}), np.zeros((2, 64)), np.ones(64), start, short):
        assert not spiked_fids(fids).any()
    assert spiked_fids(noise + SPIKE * 10 * (np.arange(1024) == 600)).all()


def test_nothing_measured_has_spikes():
    paths = sorted(SHARED.glob("invivo_*/*.nii.gz"))
    if not paths:
        pytest.skip("../shared/data is not there")
    for path in paths[::4]:
        assert not spiked_fids(read_acquisition(path).fids).any(), path
