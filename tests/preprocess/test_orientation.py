# SPDX-License-Identifier: Apache-2.0
"""Mirrored spectra, centres that are not water, first points that were not taken at the echo."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fsl_mrs_dl.core.data import Acquisition
from fsl_mrs_dl.core.errors import DataError
from fsl_mrs_dl.core.units import time_axis
from fsl_mrs_dl.io.nifti import read_acquisition
from fsl_mrs_dl.preprocess.orientation import offset_of
from fsl_mrs_dl.preprocess.pipeline import preprocess
from fsl_mrs_dl.preprocess.start import start_flags, to_echo
from tests.helpers import DWELL_S, EXAMPLE, F0_MHZ, SHARED, fid_of, pair_of, write_nifti

PAIR = pair_of(noise=0.3, water=30.0, rng=np.random.default_rng(0))
TIME_S = time_axis(PAIR.shape[-1], DWELL_S)


def moved(fids, ppm):
    return fids * np.exp(2j * np.pi * ppm * F0_MHZ * TIME_S)


def acquisition(pair):
    return Acquisition(pair[:, None, None], DWELL_S, F0_MHZ, Path("pair.nii.gz"))


@pytest.mark.parametrize("conditions", [[0, 1], [0], [1]], ids=["pair", "OFF", "ON"])
def test_a_mirrored_spectrum_is_named(conditions):
    assert offset_of(PAIR[conditions], DWELL_S, F0_MHZ, Path("x")) == 0.0
    with pytest.raises(DataError, match=r"mirrored.*complex conjugate") as error:
        offset_of(PAIR[conditions].conj(), DWELL_S, F0_MHZ, Path("x"))
    assert "\n" not in str(error.value)
    difference = PAIR[1:] - PAIR[:1]
    assert offset_of(difference, DWELL_S, F0_MHZ, Path("x")) == 0.0


@pytest.mark.parametrize("centre_ppm", [3.0, 2.3, 6.0])
def test_another_centre_is_named_and_what_to_write(centre_ppm):
    away = moved(PAIR, 4.65 - centre_ppm)
    with pytest.raises(DataError, match=rf"not water, but {centre_ppm:.1f}\d ppm.*SpecFreqChemShift"):
        preprocess(acquisition(away))


@pytest.mark.skipif(not SHARED.is_dir(), reason="the data folder is not beside the checkout")
def test_another_centre_of_a_mirrored_spectrum():
    path = SHARED / "cases" / "files" / "mirrored" / "jdifference_nifti_SMART_MRS_EX.nii.gz"
    with pytest.raises(DataError, match=r"mirrored and its centre is not water, but 3\.0\d ppm"):
        preprocess(read_acquisition(path))
    for path in sorted((SHARED / "data" / "invivo_t2_dev").glob("*0[1-3]*.gz")):
        data = read_acquisition(path)
        turn = np.exp(2j * np.pi * 1.65 * data.f0_mhz * time_axis(data.fids.shape[-1], data.dwell_s))
        rows = data.fids[:, 0].mean(axis=1) * turn
        with pytest.raises(DataError, match=r"the centre of the spectrum is not water, but [23]\.[09]\d ppm"):
            offset_of(rows, data.dwell_s, data.f0_mhz, path)
        with pytest.raises(DataError, match=r"mirrored and its centre is not water, but [23]\.[09]\d ppm"):
            offset_of(rows.conj(), data.dwell_s, data.f0_mhz, path)


def test_what_the_message_says_to_write_puts_it_right(tmp_path):
    data = moved(PAIR, 1.65).T.reshape(1, 1, 1, -1, 2)
    header = {"EchoTime": 0.068, "SpecFreqChemShift": 3.0}
    path = write_nifti(tmp_path / "a.nii.gz", data, header=header, dims=["DIM_EDIT"])
    assert "centre_moved" not in {flag.code for flag in preprocess(read_acquisition(path)).spectra.flags}


@pytest.mark.parametrize("ppm", [0.5, -0.5, 0.65])
def test_half_a_ppm_is_moved_back_and_said(ppm):
    pre = preprocess(acquisition(moved(PAIR, ppm)))
    flag = next(flag for flag in pre.spectra.flags if flag.code == "centre_moved")
    assert float(flag.detail.split()[0]) == pytest.approx(ppm, abs=0.03)
    plain = preprocess(acquisition(PAIR)).spectra
    assert abs(pre.spectra.history.reference.shift_ppm) < 0.05
    assert np.linalg.norm(pre.spectra.edit_off - plain.edit_off) < 0.1 * np.linalg.norm(plain.edit_off)


def test_noise_is_neither_mirrored_nor_moved():
    rng = np.random.default_rng(5)
    for _ in range(20):
        noise = rng.normal(size=(2, 2048)) + 1j * rng.normal(size=(2, 2048))
        assert offset_of(noise, DWELL_S, F0_MHZ, Path("x")) == 0.0


@pytest.mark.skipif(not SHARED.is_dir(), reason="the data folder is not beside the checkout")
def test_nothing_measured_or_simulated_is_moved_and_its_mirror_image_is_seen():
    files = [
        p
        for d in ("phantom_dev", "invivo_t2_dev", "invivo_diff")
        for p in sorted((SHARED / "data" / d).glob("*0[1-5]*.gz"))
    ]
    assert files
    for path in files:
        data = read_acquisition(path)
        rows = data.fids[:, 0].mean(axis=1)
        assert offset_of(rows, data.dwell_s, data.f0_mhz, path) == 0.0
        with pytest.raises(DataError, match="mirrored"):
            offset_of(rows.conj(), data.dwell_s, data.f0_mhz, path)


# ---------------------------------------------------------------- the first point
@pytest.mark.parametrize("start_s", [0.0005, 0.00023, 0.0012, -0.0005, -0.00023, -0.0012])
def test_a_late_or_early_first_point_is_put_back_to_the_echo(start_s):
    lines = {2.008: 9.0, 3.027: 6.0, 3.913: 4.0, 3.208: 3.0, 4.65: 40.0}
    echo = fid_of(lines)
    late = np.arange(echo.size) * DWELL_S + start_s
    # before the echo a line rises as it falls after it
    rate = {d: 2j * np.pi * (d - 4.65) * F0_MHZ for d in lines}
    fid = sum(a * np.exp(rate[d] * late - np.pi * 5.0 * np.abs(late)) for d, a in lines.items())
    found = to_echo(fid[None], DWELL_S, start_s)[0]
    dropped = max(int(np.ceil(-start_s / DWELL_S)), 0)
    keep = slice(0, echo.size - 8 - dropped)
    assert np.abs(found - echo)[keep].max() < 0.01 * np.abs(echo).max()
    assert np.abs(fid - echo)[keep].max() > 0.1 * np.abs(echo).max()


def test_the_header_tells_the_start(tmp_path):
    data = np.pad(PAIR, ((0, 0), (1, 0)))[:, :-1].T.reshape(1, 1, 1, -1, 2)
    codes = {}
    for start_s in (-DWELL_S, 0.0, 0.3):
        header = {"EchoTime": 0.068, "AcquisitionStartTime": start_s}
        path = write_nifti(tmp_path / f"{start_s}.nii.gz", data, header=header, dims=["DIM_EDIT"])
        pre = preprocess(read_acquisition(path))
        codes[start_s] = {flag.code for flag in pre.spectra.flags}
        if start_s < 0:
            plain = preprocess(acquisition(PAIR)).spectra
            left = pre.spectra.edit_off[:-1] - plain.edit_off[:-1]
            assert np.linalg.norm(left) < 0.05 * np.linalg.norm(plain.edit_off)
    assert "start_corrected" in codes[-DWELL_S]
    assert not codes[0.0] & {"start_corrected", "header_note"}
    assert "header_note" in codes[0.3]


def test_data_and_reference_may_start_at_different_times():
    data = read_acquisition(EXAMPLE / "megapress_raw.nii.gz")
    water = read_acquisition(EXAMPLE / "water_reference.nii.gz")
    early = replace(water, fids=np.pad(water.fids, ((0, 0), (0, 0), (0, 0), (1, 0)))[..., :-1], start_s=-water.dwell_s)
    found, plain = preprocess(data, early), preprocess(data, water)
    np.testing.assert_allclose(found.water_reference[:500], plain.water_reference[:500], rtol=1e-3)


@pytest.mark.parametrize("points", [-8, -3, 3, 6])
def test_a_start_that_no_header_tells_is_said(points):
    assert start_flags(PAIR[0], DWELL_S, F0_MHZ) == []
    off = np.pad(PAIR[0], (max(-points, 0), max(points, 0)))[max(points, 0) :][: PAIR.shape[-1]]
    (flag,) = start_flags(off, DWELL_S, F0_MHZ)
    assert float(flag.detail.split()[-2]) == pytest.approx(1e3 * points * DWELL_S, abs=0.3)


def test_without_its_lines_no_start_is_told():
    rng = np.random.default_rng(1)
    assert start_flags(fid_of({2.0: 1.0}, noise=1.0, rng=rng), DWELL_S, F0_MHZ) == []


@pytest.mark.skipif(not SHARED.is_dir(), reason="the data folder is not beside the checkout")
def test_no_start_is_told_of_data_that_begin_at_the_echo():
    for path in sorted((SHARED / "data").glob("*_dev/*0[0-5]*.gz")):
        data = read_acquisition(path)
        off = data.fids[(data.conditions or ("edit_off", "edit_on")).index("edit_off"), 0, 0]
        assert start_flags(off, data.dwell_s, data.f0_mhz) == [], path
