# SPDX-License-Identifier: Apache-2.0
"""Scanners' files to NIfTI-MRS: SDAT/SPAR and RDA written here, and what spec2nii makes of other vendors' files."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from fsl_mrs_dl.bids.dataset import find_scans
from fsl_mrs_dl.bids.sidecar import sidecar_of, with_sidecar
from fsl_mrs_dl.io.averages import averages_of
from fsl_mrs_dl.io.edit_dimension import label, split, with_absolute_offsets
from fsl_mrs_dl.io.nifti import read_acquisition
from tests.bids_helpers import VALIDATOR
from tests.convert_helpers import (
    call,
    header_of,
    made,
    transients,
    write_philips_dicom,
    write_rda,
    write_sdat,
    write_twix,
    write_uih_dicom,
)
from tests.helpers import DWELL_S, F0_MHZ, fid_of, pair_of


@pytest.mark.usefixtures("spec2nii")
@pytest.mark.parametrize(
    ("pattern", "options", "labels"),
    [
        ((1, 0) * 4, ("--order", "on-off"), ["ON", "OFF"]),
        ((0, 1) * 4, ("--order", "off-on"), ["OFF", "ON"]),
        ((1, 0) * 4, ("--order", "auto"), ["ON", "OFF"]),
        ((0, 0, 0, 0, 1, 1, 1, 1), ("--order", "auto", "--block", "half"), ["OFF", "ON"]),
        ((0, 0, 1, 1, 0, 0, 1, 1), ("--order", "auto", "--block", "2"), ["OFF", "ON"]),
    ],
)
def test_dynamics_of_sdat_are_dealt_out_and_labelled(tmp_path, pattern, options, labels):
    fids = transients(pattern)
    scan = write_sdat(tmp_path / "scan_act", fids)
    out = tmp_path / "scan.nii.gz"
    pulses = ("--edit-on", "1.9", "--edit-off", "7.46", "--edit-duration", "0.014")
    done = call(scan, "--output", out, *options, *pulses)
    assert done.returncode == 0, done.stderr
    assert ", ".join(labels) in done.stdout
    assert "caution" not in done.stdout
    header = header_of(out)
    assert (header["dim_5"], header["dim_6"]) == ("DIM_DYN", "DIM_EDIT")
    assert header["dim_6_header"] == {"EditCondition": labels}
    assert header["EditPulse"]["ON"] == {"PulseOffset": 1.9, "PulseDuration": 0.014}
    read = read_acquisition(out)
    assert read.conditions == tuple(f"edit_{name.lower()}" for name in labels)
    assert (read.te_s, read.tr_s, read.f0_mhz) == pytest.approx((0.068, 2.0, F0_MHZ))
    expected = np.stack([fids[np.array(pattern) == (name == "ON")] for name in labels])
    np.testing.assert_allclose(read.fids[:, 0], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.usefixtures("spec2nii")
@pytest.mark.parametrize("order", ["on-off", "auto"])
def test_raw_data_of_twix_keep_every_coil_and_transient(tmp_path, order):
    pattern = (1, 0) * 3
    fids = transients(pattern)[:, None] * np.array([1, 0.5j])[None, :, None]
    out = tmp_path / "mega.nii.gz"
    done = call(write_twix(tmp_path / "meas.dat", fids), "--output", out, "--order", order)
    assert done.returncode == 0, done.stderr
    header = header_of(out)
    assert [header[f"dim_{number}"] for number in (5, 6, 7)] == ["DIM_COIL", "DIM_DYN", "DIM_EDIT"]
    assert header["dim_7_header"] == {"EditCondition": ["ON", "OFF"]}
    read = read_acquisition(out)
    assert (read.te_s, read.tr_s, read.f0_mhz, read.dwell_s) == pytest.approx((0.068, 2.0, F0_MHZ, DWELL_S))
    # (condition, coil, transient, point)
    expected = fids.reshape(3, 2, 2, -1).transpose(1, 2, 0, 3)
    np.testing.assert_allclose(read.fids, expected, rtol=1e-5, atol=1e-4)


@pytest.mark.usefixtures("spec2nii")
def test_on_and_off_in_two_rda_files_are_joined(tmp_path):
    off, on = pair_of()
    files = write_rda(tmp_path / "off.rda", off), write_rda(tmp_path / "on.rda", on)
    done = call("--off", files[0], "--on", files[1], "--output", tmp_path / "pair.nii.gz", "--anon", "--sidecar")
    assert done.returncode == 0, done.stderr
    read = read_acquisition(tmp_path / "pair.nii.gz")
    assert read.conditions == ("edit_off", "edit_on")
    np.testing.assert_allclose(read.fids[:, 0, 0], [off, on], rtol=1e-6, atol=1e-6)
    header = header_of(tmp_path / "pair.nii.gz")
    assert "PatientName" not in header
    sidecar = json.loads((tmp_path / "pair.json").read_text())
    assert sidecar["EditCondition"] == ["OFF", "ON"]
    assert sidecar["SpectralWidth"] == pytest.approx(1 / DWELL_S)
    assert sidecar["EchoTime"] == pytest.approx(0.068)


@pytest.mark.usefixtures("spec2nii")
def test_a_converted_scan_is_a_bids_dataset_that_agrees_with_itself(tmp_path):
    root = tmp_path / "study"
    folder = root / "sub-01" / "mrs"
    folder.mkdir(parents=True)
    (root / "dataset_description.json").write_text('{"Name": "made", "BIDSVersion": "1.10.0"}')
    (root / "README").write_text("Made by a test. " * 10)
    pulses = ("--edit-on", "1.9", "--edit-off", "7.46", "--edit-duration", "0.014")
    common = ("--sidecar", "--anon")
    scan = write_sdat(tmp_path / "scan", transients((1, 0) * 4))
    water = write_sdat(tmp_path / "water", np.array([fid_of({4.65: 1000.0})]))
    for arguments in (
        (scan, "--output", folder / "sub-01_acq-mega_svs.nii.gz", "--order", "auto", *pulses, *common),
        (water, "--output", folder / "sub-01_acq-mega_mrsref.nii.gz", *common),
    ):
        done = call(*arguments)
        assert done.returncode == 0, done.stderr
    (found,) = find_scans(root)
    assert found.reference is not None
    read = read_acquisition(found.path)
    assert with_sidecar(read, found.metadata).edit_pulse == read.edit_pulse
    if Path(VALIDATOR).exists():
        checked = subprocess.run([VALIDATOR, str(root), "--json"], capture_output=True, text=True)
        issues = json.loads(checked.stdout)["issues"]["issues"]
        assert not [issue for issue in issues if issue["severity"] == "error"]


@pytest.mark.usefixtures("spec2nii")
def test_philips_dicom_has_its_order_and_gets_its_pulses(tmp_path):
    pattern = (1, 0, 1, 0)
    scan = write_philips_dicom(tmp_path / "a.dcm", pattern)
    done = call(scan, "--output", tmp_path / "a.nii.gz", "--edit-on", "1.9", "--edit-off", "7.46")
    assert done.returncode == 0, done.stderr
    read = read_acquisition(tmp_path / "a.nii.gz")
    assert read.conditions == ("edit_on", "edit_off")
    assert read.edit_pulse["ON"] == {"shift_ppm": 1.9}
    np.testing.assert_allclose(read.fids[0, 0], transients(pattern)[0::2], rtol=1e-5, atol=1e-5)
    assert header_of(tmp_path / "a_ref.nii.gz")["WaterSuppressed"] is False


@pytest.mark.usefixtures("spec2nii")
def test_uih_dicom_gives_the_pair_and_beside_it_diff_and_reference(tmp_path):
    off, on = pair_of()
    scan = write_uih_dicom(tmp_path / "a.dcm", off, on)
    done = call(scan, "--output", tmp_path / "a.nii.gz")
    assert done.returncode == 0, done.stderr
    assert {p.name for p in tmp_path.glob("*.nii.gz")} == {"a.nii.gz", "a_diff.nii.gz", "a_wref.nii.gz"}
    read = read_acquisition(tmp_path / "a.nii.gz")
    assert read.conditions == ("edit_off", "edit_on")
    np.testing.assert_allclose(read.fids[:, 0, 0], [off, on], rtol=1e-5, atol=1e-5)


@pytest.mark.usefixtures("spec2nii")
def test_without_an_order_nothing_is_split_and_it_is_said(tmp_path):
    scan = write_sdat(tmp_path / "scan", transients((1, 0) * 4))
    done = call(scan.with_suffix(".SPAR"), "--output", tmp_path / "a.nii.gz")
    assert done.returncode == 0, done.stderr
    assert "among the 8 dynamics, say --order" in done.stdout
    assert header_of(tmp_path / "a.nii.gz")["dim_5"] == "DIM_DYN"


def test_a_dimension_of_two_without_a_name_becomes_the_editing(tmp_path):
    """A TWIX file whose loop over ON and OFF has no tag in spec2nii."""
    file = made(tmp_path, (1, 1, 1, 8, 3, 2, 5), ("DIM_COIL", "DIM_USER_0", "DIM_DYN"))
    new = split(file)
    assert new.tags == ["DIM_COIL", "DIM_EDIT", "DIM_DYN"]
    assert label(new, ("ON", "OFF")).labels == ["ON", "OFF"]


def test_coils_stay_where_they_are_when_dynamics_are_dealt_out(tmp_path):
    file = made(tmp_path, (1, 1, 1, 8, 3, 6), ("DIM_COIL", "DIM_DYN"), dim_6_header={"EchoTime": [0.068] * 6})
    new = split(file)
    assert new.tags == ["DIM_COIL", "DIM_DYN", "DIM_EDIT"]
    np.testing.assert_array_equal(new.data[..., 1], file.data[..., 1::2])
    assert "dim_6_header" not in new.header


def test_offsets_from_water_become_chemical_shifts_and_others_stay(tmp_path):
    """As in a P-file, where spec2nii divides the offset in Hz by the frequency."""
    pulses = {"ON": {"PulseOffset": -2.75, "PulseDuration": 0.016}, "OFF": {"PulseOffset": 2.8}}
    file = made(tmp_path, (1, 1, 1, 8, 2), ("DIM_EDIT",), EditPulse=pulses)
    moved = with_absolute_offsets(file).header["EditPulse"]
    assert moved == {"ON": {"PulseOffset": 1.9, "PulseDuration": 0.016}, "OFF": {"PulseOffset": 7.45}}
    absolute = made(tmp_path, (1, 1, 1, 8, 2), ("DIM_EDIT",), EditPulse=moved)
    assert with_absolute_offsets(absolute).header["EditPulse"] == moved


def test_sidecar_has_the_units_of_bids(tmp_path):
    pulses = {"ON": {"PulseOffset": 1.9, "PulseDuration": 0.014}}
    file = made(
        tmp_path,
        (1, 1, 1, 8, 6, 2),
        ("DIM_DYN", "DIM_EDIT"),
        EditPulse=pulses,
        WaterSuppressed=True,
        PatientName="Somebody",
    )
    sidecar = sidecar_of(label(file, ("ON", "OFF")))
    assert sidecar["EditPulse"] == {"ON": {"FrequencyOffset": 1.9, "PulseDuration": 14.0}}
    assert sidecar["EditCondition"] == ["ON", "OFF"]
    assert sidecar["NumberOfTransients"] == 12
    assert sidecar_of(file, [None])["NumberOfTransients"] == 12
    assert sidecar_of(file, [8])["NumberOfTransients"] == 96
    assert sidecar["WaterSuppression"] is True
    assert "PatientName" not in sidecar


def test_what_a_scanner_averaged_counts(tmp_path):
    for name, text in (
        ("a.rda", ">>> Begin of header <<<\r\nNumberOfAverages: 64.000000\r\n>>> End of header <<<"),
        ("b.SPAR", "rows : 32\naverages : 4\n"),
        ("c.rda", ">>> Begin of header <<<"),
    ):
        (tmp_path / name).write_bytes(text.encode() + bytes(range(256)))
    found = [averages_of(tmp_path / name) for name in ("a.rda", "b.SPAR", "b.SDAT", "c.rda", "none.rda", "x.dcm")]
    assert found == [64, 4, 4, None, None, None]
    pair = made(tmp_path, (1, 1, 1, 8, 2), ("DIM_EDIT",))
    assert "NumberOfTransients" not in sidecar_of(pair)
    assert "NumberOfTransients" not in sidecar_of(pair, [None, None])
    assert sidecar_of(pair, [160, 150])["NumberOfTransients"] == 310
    assert sidecar_of(pair, [160])["NumberOfTransients"] == 320
