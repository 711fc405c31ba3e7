# SPDX-License-Identifier: Apache-2.0
"""Files that do not belong together, and receivers that were driven beyond their range."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fsl_mrs_dl.core.errors import DataError
from fsl_mrs_dl.io.nifti import read_acquisition, read_reference, write_spectrum
from fsl_mrs_dl.io.receiver import clipped_fids
from fsl_mrs_dl.io.same_scan import persons_differ, sessions_differ, voxels_differ
from fsl_mrs_dl.preprocess.load import load
from fsl_mrs_dl.preprocess.pipeline import preprocess
from fsl_mrs_dl.quantify.absolute import TissueFractions, with_water
from tests.helpers import DWELL_S, EXAMPLE, F0_MHZ, SHARED, pair_of
from tests.report_helpers import full

VOXEL = np.array([[30.0, 0, 0, 10], [0, 25, 0, -20], [0, 0, 20, 5], [0, 0, 0, 1]])


def moved(**how):
    affine = VOXEL.copy()
    affine[:3, 3] += how.get("by_mm", 0.0)
    affine[:3, :3] *= how.get("times", 1.0)
    if "turn_deg" in how:
        c, s = np.cos(np.deg2rad(how["turn_deg"])), np.sin(np.deg2rad(how["turn_deg"]))
        affine[:3, :3] = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ affine[:3, :3]
    return affine


@pytest.fixture(scope="module")
def example():
    return read_acquisition(EXAMPLE / "megapress_raw.nii.gz"), read_reference(EXAMPLE / "water_reference.nii.gz")


def codes(pre):
    return {flag.code for flag in pre.spectra.flags}


def test_a_voxel_is_its_box_whatever_the_order_and_sign_of_its_axes():
    flipped = VOXEL[:, [1, 0, 2, 3]] * [1, -1, -1, 1]
    for same in (VOXEL, flipped, moved(by_mm=0.5), moved(times=1.01), moved(turn_deg=1.0)):
        assert voxels_differ(VOXEL, same) == ""
    for unknown in (np.eye(4), np.diag([1e4, 1e4, 1e4, 1.0])):
        assert voxels_differ(VOXEL, unknown) == ""
    assert "17.3 mm away" in voxels_differ(VOXEL, moved(by_mm=10.0))
    assert "17 x 22 x 26 mm" in voxels_differ(VOXEL, moved(times=26 / 30))
    assert "turned" in voxels_differ(VOXEL, moved(turn_deg=45.0))


@pytest.mark.parametrize(
    ("one_mhz", "other_mhz", "differ"),
    [
        (127.75, 127.73, True),
        (127.749999946, 127.73, True),
        (127.730421, 127.730112, False),
        (127.730421, 127.738112, True),
        (127.7, 127.738112, False),
        (123.25, 123.246, False),
        (128, 127.6, False),
    ],
)
def test_frequencies_of_one_session_differ_by_their_last_digits(one_mhz, other_mhz, differ):
    assert sessions_differ(one_mhz, other_mhz) is differ
    assert sessions_differ(other_mhz, one_mhz) is differ


def test_water_of_another_session_is_not_used(example):
    data, reference = example
    pre = preprocess(data, replace(reference, f0_mhz=data.f0_mhz + 0.02))
    assert "reference_other_scan" in codes(pre)
    assert pre.water_reference is None
    assert not codes(pre) & {"eddy_current_corrected", "eddy_current_uncorrected"}
    np.testing.assert_array_equal(pre.spectra.diff, preprocess(data).spectra.diff)
    with pytest.raises(DataError, match="the water reference is of another session or scanner"):
        with_water(full(), pre, TissueFractions(0.6, 0.3, 0.1))


def test_persons_are_told_by_entries_and_names_that_are_not_repeated():
    one = ({"PatientName": "Doe^Jane", "PatientSex": "F"}, Path("sub-01_svs.nii.gz"))
    assert persons_differ(one, ({"PatientName": "doe^jane "}, Path("sub-01_mrsref.nii.gz"))) == ""
    assert persons_differ(one, ({}, Path("water.nii.gz"))) == ""
    assert persons_differ(one, ({"PatientName": "Roe^Mary"}, Path("water.nii.gz"))) == "PatientName"
    assert "sub-" in persons_differ(one, ({}, Path("sub-02_mrsref.nii.gz")))


@pytest.mark.parametrize(
    ("key", "one", "other", "same"),
    [
        ("PatientName", "Doe^Jane", "DOE JANE^^", True),
        ("PatientName", "n/a", "Doe^Jane", True),
        ("PatientName", "ANONYMIZED", "xxxx", True),
        ("PatientName", "Łukasz", "Mary", False),
        ("PatientDoB", "1980-01-31", "19800131", True),
        ("PatientDoB", "19800131", "19800201", False),
        ("PatientSex", "F", "female", True),
        ("PatientSex", "F", "M", False),
        ("PatientID", "0000", "s-1", True),
        ("PatientID", "1-2", "12", False),
    ],
)
def test_one_person_may_be_written_in_two_ways_or_taken_out(key, one, other, same):
    found = persons_differ(({key: one}, Path("a.nii.gz")), ({key: other}, Path("b.nii.gz")))
    assert found == ("" if same else key)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"affine": moved(by_mm=30.0)}, "from another voxel"),
        ({"affine": moved(times=0.8)}, "from another voxel"),
        ({"f0_mhz": 123.25}, "of another field"),
        ({"header": {"PatientID": "b"}}, "of another participant"),
    ],
)
def test_a_reference_of_something_else_is_an_error(example, change, words):
    data, reference = (replace(part, affine=VOXEL, header={"PatientID": "a"}) for part in example)
    preprocess(data, reference)
    with pytest.raises(DataError, match=words) as error:
        preprocess(data, replace(reference, **change))
    assert "'b'" not in str(error.value)


def test_two_files_of_two_scans_are_no_pair(tmp_path):
    pair = pair_of(noise=0.2, rng=np.random.default_rng(1))

    def write(name, fid, affine=VOXEL, **header):
        path = tmp_path / name
        write_spectrum(path, fid, dwell_s=DWELL_S, f0_mhz=F0_MHZ, affine=affine, header={"EchoTime": 0.068, **header})
        return path

    off, on = write("off.nii.gz", pair[0]), write("on.nii.gz", pair[1])
    told = codes(load(None, data_off=off, data_on=on))
    assert "order_from_options" in told
    assert "order_from_header" not in told
    swapped = load(None, data_off=on, data_on=off)
    assert "options_swapped" in codes(swapped)
    assert "order_contradiction" not in codes(swapped)
    for other, words in (
        (write("far.nii.gz", pair[1], moved(by_mm=40.0)), "different voxels"),
        (write("long.nii.gz", pair[1], EchoTime=0.08), "echo time"),
        (write("late.nii.gz", pair[1], AcquisitionStartTime=0.0005), "first point"),
        (write("else.nii.gz", pair[1], PatientID="b"), "different participants"),
    ):
        base = write("off_a.nii.gz", pair[0], PatientID="a")
        with pytest.raises(DataError, match=words):
            load(None, data_off=base, data_on=other)


def test_unequally_many_transients_in_two_files(tmp_path):
    rng = np.random.default_rng(2)
    off, on = (np.stack([pair_of(noise=0.5, rng=rng)[k] for _ in range(n)]) for k, n in ((0, 5), (1, 6)))
    for name, fids in (("off", off), ("on", on)):
        write_spectrum(tmp_path / f"{name}.nii.gz", fids, dwell_s=DWELL_S, f0_mhz=F0_MHZ, dims=("DIM_DYN", None, None))
    pre = load(None, data_off=tmp_path / "off.nii.gz", data_on=tmp_path / "on.nii.gz")
    assert {name: shift.size for name, shift in pre.shifts_hz.items()} == {"edit_off": 5, "edit_on": 6}


def cut(fids, share, largest=None):
    limit = share * (largest or np.abs(fids).max())
    return np.clip(fids.real, -limit, limit) + 1j * np.clip(fids.imag, -limit, limit)


def test_samples_at_the_limit_are_seen(example):
    data, reference = example
    assert not clipped_fids(data.fids).any()
    assert not clipped_fids(reference.fids).any()
    assert clipped_fids(cut(data.fids, 0.3)).mean() > 0.9
    assert clipped_fids(cut(reference.fids, 0.3)).any()
    # coarse integers tie, but not at the top
    coarse = np.round(40 * data.fids / np.abs(data.fids).max())
    assert not clipped_fids(coarse).any()
    strong = np.abs(data.fids).max(axis=(0, 2, 3), keepdims=True)
    integers = np.round(20000 * data.fids / strong)
    assert not clipped_fids(integers).any()
    assert clipped_fids(cut(integers, 0.5)).any()


def test_clipped_data_are_flagged_and_a_few_clipped_transients_left_out(example):
    data, reference = example
    fids = cut(data.fids, 0.3)
    assert "receiver_clipped" in codes(preprocess(replace(data, fids=fids, clipped=clipped_fids(fids)), reference))
    fids = data.fids.copy()
    largest = np.abs(fids).max(axis=(0, 2, 3), keepdims=True)
    fids[:, :, 3] = 5 * fids[:, :, 3]
    fids = cut(fids / largest, 1.2, 1.0) * largest
    clipped = clipped_fids(fids)
    assert clipped.any(axis=1).nonzero()[1].tolist() == [3, 3]
    pre = preprocess(replace(data, fids=fids, clipped=clipped), reference)
    assert "clipped_left_out" in codes(pre)
    assert all(3 in found for found in pre.rejected.values())


def test_clipped_water_is_not_used(example):
    data, reference = example
    fids = cut(reference.fids, 0.3)
    pre = preprocess(data, replace(reference, fids=fids, clipped=clipped_fids(fids)))
    assert {"reference_clipped"} <= codes(pre)
    assert not codes(pre) & {"eddy_current_corrected", "eddy_current_uncorrected"}
    assert pre.water_reference is None


@pytest.mark.skipif(not SHARED.is_dir(), reason="the data folder is not beside the checkout")
def test_nothing_measured_or_simulated_is_called_clipped():
    for path in sorted((SHARED / "data").glob("*_d*/*0[0-3]*.nii.gz")):
        assert not read_acquisition(path).clipped.any(), path
