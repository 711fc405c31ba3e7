# SPDX-License-Identifier: Apache-2.0
"""Scanners' files to NIfTI-MRS: SDAT/SPAR and RDA written here, and what spec2nii makes of other vendors' files."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fsl_mrs_dl.bids.dataset import find_scans
from fsl_mrs_dl.bids.sidecar import sidecar_of, with_sidecar
from fsl_mrs_dl.errors import ConfigError, DataError, MissingExtraError
from fsl_mrs_dl.io import vendor
from fsl_mrs_dl.io.edit_dimension import join, label, load, split, with_absolute_offsets
from fsl_mrs_dl.io.nifti import read_acquisition
from fsl_mrs_dl.preprocess.convert import Editing, convert_scan
from tests.bids_helpers import VALIDATOR
from tests.helpers import DWELL_S, F0_MHZ, N_POINTS, fid_of, pair_of, write_nifti

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def spec2nii():
    pytest.importorskip("spec2nii", reason="spec2nii is not installed: pip install 'fsl_mrs_dl[convert]'")


def call(*arguments, **variables):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **variables}
    command = [sys.executable, "-m", "fsl_mrs_dl", "convert", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment)


def write_sdat(path, fids):
    """FIDs of shape ``(rows, samples)`` as Philips writes them: VAX floats, and a SPAR of text."""
    values = np.stack([fids.real, fids.imag], axis=-1).astype("<f4")
    # a VAX float is the IEEE one of four times the value, with its two words exchanged
    words = (4 * values).view("<u2").reshape(-1, 2)[:, ::-1]
    path.with_suffix(".SDAT").write_bytes(np.ascontiguousarray(words).tobytes())
    rows, samples = fids.shape
    entries = {
        "samples": samples, "rows": rows, "synthesizer_frequency": F0_MHZ * 1e6, "sample_frequency": 1 / DWELL_S,
        "nucleus": "1H", "echo_time": 68, "repetition_time": 2000, "spectrum_inversion_time": 0, "offset_frequency": 0,
        "scan_id": "made", "patient_name": "Somebody", "patient_birth_date": "1970.01.01",
        "patient_position": '"head_first"', "patient_orientation": '"supine"', "volume_selection_enable": '"yes"',
        **{f"{axis}_{what}": value for axis in ("lr", "ap", "cc")
           for what, value in (("angulation", 0), ("size", 30), ("off_center", 0))},
    }  # fmt: skip
    text = "! made by a test\n" + "".join(f"{key} : {value}\n" for key, value in entries.items())
    path.with_suffix(".SPAR").write_text(text)
    return path.with_suffix(".SDAT")


def write_rda(path, fid):
    """One FID as Siemens exports it."""
    entries = {
        "PatientName": "Somebody", "SequenceName": "svs_edit", "TR": 2000.0, "TE": 68.0, "TM": 0.0, "TI": 0.0,
        "DwellTime": DWELL_S * 1e6, "MRFrequency": F0_MHZ, "Nucleus": "1H", "FlipAngle": 90.0,
        "VectorSize": fid.size, "ModelName": "made", "DeviceSerialNumber": 1, "SoftwareVersion[0]": "made",
        "InstitutionName": "made", "TransmitCoil": "made", "SliceThickness": 30.0, "PixelSpacingRow": 30.0,
        "PixelSpacingCol": 30.0, "CSIMatrixSize[0]": 1, "CSIMatrixSize[1]": 1, "CSIMatrixSize[2]": 1,
        "VOIPositionSag": 0.0, "VOIPositionCor": 0.0, "VOIPositionTra": 0.0,
        "RowVector[0]": 1.0, "RowVector[1]": 0.0, "RowVector[2]": 0.0,
        "ColumnVector[0]": 0.0, "ColumnVector[1]": 1.0, "ColumnVector[2]": 0.0,
    }  # fmt: skip
    lines = [">>> Begin of header <<<", *(f"{k}: {v}" for k, v in entries.items()), ">>> End of header <<<"]
    values = np.stack([fid.real, -fid.imag], axis=-1).astype("<f8")
    path.write_bytes(("\r\n".join(lines) + "\r\n").encode() + values.tobytes())
    return path


def transients(pattern, seed=1):
    """Noisy transients; in `pattern`, 0 is OFF and 1 is ON."""
    rng = np.random.default_rng(seed)
    pair = pair_of()
    noise = rng.normal(size=(len(pattern), N_POINTS)) + 1j * rng.normal(size=(len(pattern), N_POINTS))
    return pair[list(pattern)] + 0.05 * noise


def header_of(path):
    return load(path).header


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


def dicom(manufacturer):
    """What every DICOM file here has."""
    import pydicom

    data = pydicom.Dataset()
    data.file_meta = pydicom.dataset.FileMetaDataset()
    data.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.4.2"
    data.SOPClassUID, data.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.4.2", "1.2.3"
    data.Manufacturer, data.ManufacturerModelName, data.SoftwareVersions = manufacturer, "made", "made"
    data.DeviceSerialNumber, data.InstitutionName, data.InstitutionAddress = "1", "made", "made"
    data.ProtocolName, data.SeriesDescription = "made", "made"
    data.PatientName, data.PatientBirthDate, data.PatientSex = "Some^Body", "19700101", "O"
    data.PatientPosition, data.PatientWeight = "HFS", "70"
    data.TransmitterFrequency, data.ResonantNucleus, data.SpectralWidth = F0_MHZ, "1H", 1 / DWELL_S
    return data


def interleaved(fids):
    values = np.ascontiguousarray(fids, dtype=np.complex64).reshape(-1)
    return values.view(np.float32)


def write_philips_dicom(path, pattern, references=1):
    """MEGA as Philips's enhanced DICOM has it: each frame says whether it is a reference, ON or OFF."""
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence

    data = dicom("Philips Medical Systems")
    fids = np.concatenate([np.array([fid_of({4.65: 1000.0})] * references), transients(pattern)])
    data.NumberOfFrames, data.SpectroscopyAcquisitionDataColumns = len(fids), N_POINTS
    data.Rows = data.Columns = 1
    data.add_new((0x5600, 0x0020), "OF", interleaved(fids).tobytes())
    data.AcquisitionContrast, data.PulseSequenceName = "SPECTROSCOPY", "made"
    frames = []
    for kind in ("reference",) * references + tuple(pattern):
        frame = Dataset()
        frame.add_new((0x2005, 0x0014), "LO", "Philips MR Imaging DD 005")
        frame.add_new((0x2005, 0x1304), "US", int(kind == "reference"))
        frame.add_new((0x2005, 0x1598), "CS", "" if kind == "reference" else str(kind))
        frames.append(frame)
    data.add_new((0x2005, 0x0014), "LO", "Philips MR Imaging DD 005")
    data.add_new((0x2005, 0x140F), "SQ", Sequence(frames))
    data.add_new((0x2005, 0x1597), "CS", "Y")
    echo, timing, first = Dataset(), Dataset(), Dataset()
    echo.EffectiveEchoTime, timing.RepetitionTime, timing.FlipAngle = 68.0, "2000", "90"
    first.MREchoSequence, first.MRTimingAndRelatedParametersSequence = Sequence([echo]), Sequence([timing])
    data.PerFrameFunctionalGroupsSequence = Sequence([first])
    slabs = []
    for orientation in ([1, 0, 0], [0, 1, 0], [0, 0, 1]):
        slab = Dataset()
        slab.SlabOrientation, slab.MidSlabPosition, slab.SlabThickness = orientation, [0, 0, 0], 30.0
        slabs.append(slab)
    data.VolumeLocalizationSequence = Sequence(slabs)
    data.save_as(path, enforce_file_format=True)
    return path


def write_uih_dicom(path, off, on):
    """svs_mega as UIH has it: DIFF, reference, ON and OFF in four elements."""
    data = dicom("UIH")
    data.Rows = data.Columns = 1
    data.ImageOrientationPatient, data.ImagePositionPatient = [1, 0, 0, 0, 1, 0], [0, 0, 0]
    data.PixelSpacing, data.SliceThickness = [30, 30], 30
    data.EchoTime, data.RepetitionTime, data.FlipAngle, data.SequenceName = "68", "2000", "90", "svs_mega"
    data.add_new((0x5600, 0x0020), "OF", interleaved((on - off).conj()).tobytes())
    data.add_new((0x0065, 0x00FF), "LO", "Image Private Header")
    for element, fid in ((0xFF07, fid_of({4.65: 1000.0})), (0xFF10, on), (0xFF11, off)):
        data.add_new((0x0065, element), "OB", interleaved(fid.conj()).tobytes())
    data.save_as(path, enforce_file_format=True)
    return path


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
def test_conditions_that_do_not_belong_together_are_refused(tmp_path):
    off, on = pair_of()
    files = write_rda(tmp_path / "off.rda", off), write_rda(tmp_path / "on.rda", on[:1024])
    done = call("--off", files[0], "--on", files[1], "--output", tmp_path / "pair.nii.gz")
    assert done.returncode == 1
    assert "differ in their shape" in done.stderr
    assert not (tmp_path / "pair.nii.gz").exists()


@pytest.mark.usefixtures("spec2nii")
def test_without_an_order_nothing_is_split_and_it_is_said(tmp_path):
    scan = write_sdat(tmp_path / "scan", transients((1, 0) * 4))
    done = call(scan.with_suffix(".SPAR"), "--output", tmp_path / "a.nii.gz")
    assert done.returncode == 0, done.stderr
    assert "among the 8 dynamics, say --order" in done.stdout
    assert header_of(tmp_path / "a.nii.gz")["dim_5"] == "DIM_DYN"


@pytest.mark.usefixtures("spec2nii")
def test_an_earlier_file_is_replaced_only_when_asked(tmp_path):
    scan = write_sdat(tmp_path / "scan", transients((1, 0)))
    (tmp_path / "a.nii.gz").write_text("mine")
    done = call(scan, "--output", tmp_path / "a.nii.gz")
    assert (done.returncode, (tmp_path / "a.nii.gz").read_text()) == (1, "mine")
    assert "--overwrite" in done.stderr
    assert call(scan, "--output", tmp_path / "a.nii.gz", "--overwrite").returncode == 0
    assert read_acquisition(tmp_path / "a.nii.gz").fids.shape == (1, 1, 2, N_POINTS)


def _damaged_sdat(folder):
    path = write_sdat(folder / "scan", transients((1, 0)))
    path.write_bytes(path.read_bytes()[:-8])
    return path


def _spar_of_words(folder):
    path = write_sdat(folder / "scan", transients((1, 0)))
    path.with_suffix(".SPAR").write_text("hello")
    return path


def _without_spar(folder):
    path = write_sdat(folder / "scan", transients((1, 0)))
    path.with_suffix(".SPAR").unlink()
    return path


def _spar_that_lacks_the_frequency(folder):
    path = write_sdat(folder / "scan", transients((1, 0)))
    spar = path.with_suffix(".SPAR")
    spar.write_text("".join(line for line in spar.open() if not line.startswith("synthesizer")))
    return path


def _text(name):
    def make(folder):
        (folder / name).write_text("no scanner wrote this, but it is long enough to be looked at " * 20)
        return folder / name

    return make


def _empty_folder(folder):
    (folder / "dicom").mkdir()
    return folder / "dicom"


def _rda_cut_off(folder):
    path = write_rda(folder / "a.rda", fid_of({2.0: 1.0}))
    path.write_bytes(path.read_bytes()[:200])
    return path


FAULTS = [
    (_damaged_sdat, (), 1, "the sizes of SDAT and SPAR do not agree"),
    (_spar_of_words, (), 1, "not a SPAR file"),
    (_without_spar, (), 1, "the SPAR file that belongs to it is not beside it"),
    (_spar_that_lacks_the_frequency, (), 1, "spec2nii could not convert it"),
    (_text("a.rda"), (), 1, "not an RDA file"),
    (_rda_cut_off, (), 1, "spec2nii could not convert it"),
    (_text("a.dat"), (), 1, "not a TWIX file"),
    (_text("a.7"), (), 1, "spec2nii could not convert it"),
    (_text("a.txt"), (), 1, "the format is not known"),
    (_text("a.txt"), ("--format", "dicom"), 1, "not a DICOM file"),
    (_text("a.txt"), ("--format", "dikom"), 2, "did you mean 'dicom'?"),
    (_empty_folder, (), 1, "no DICOM file"),
    (lambda folder: folder / "absent.rda", (), 1, "no such file"),
    (lambda folder: write_sdat(folder / "odd", transients((1, 0, 1))), ("--order", "on-off"), 1, "a multiple of 2"),
    (lambda folder: write_sdat(folder / "one", transients((1,))), ("--order", "on-off"), 1, "no dynamics"),
    (lambda folder: write_sdat(folder / "scan", transients((1, 0))), ("--order", "on-off", "--edit-on", "7.5",
     "--edit-off", "1.9"), 2, "swapped"),
    (lambda folder: write_sdat(folder / "scan", transients((1, 0))), ("--edit-on", "1.9", "--edit-duration", "14"), 2,
     "duration"),
    (lambda folder: write_sdat(folder / "same", transients((0,) * 4)), ("--order", "auto"), 1, "unedited"),
    (lambda folder: write_sdat(folder / "scan", transients((1, 0))), ("--block", "0"), 2, "--block"),
    (lambda folder: write_sdat(folder / "scan", transients((1, 0))), ("--edit-on", "1.9"), 2, "Say --order"),
]  # fmt: skip


@pytest.mark.usefixtures("spec2nii")
@pytest.mark.parametrize(("make", "options", "code", "text"), FAULTS)
def test_faults_are_one_line_and_leave_nothing(tmp_path, make, options, code, text):
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    out.mkdir()
    done = call(make(source), "--output", out / "a.nii.gz", *options)
    assert done.returncode == code, done.stderr
    assert text in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not list(out.iterdir())


@pytest.mark.usefixtures("spec2nii")
def test_a_full_disk_leaves_the_earlier_file(tmp_path):
    scan = write_sdat(tmp_path / "scan", transients((1, 0) * 4))
    out = tmp_path / "disk" / "a.nii.gz"
    out.parent.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", out.parent], capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    try:
        out.write_text("mine")
        done = call(scan, "--output", out, "--order", "on-off", "--overwrite")
        assert done.returncode == 1
        assert "cannot write here: no space left on device" in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
        assert [(p.name, p.read_text()) for p in out.parent.iterdir()] == [("a.nii.gz", "mine")]
    finally:
        subprocess.run(["umount", out.parent], check=True)


def test_missing_spec2nii_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setattr(vendor.importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(vendor.shutil, "which", lambda _: None)
    path = write_rda(tmp_path / "a.rda", fid_of({2.0: 1.0}))
    with pytest.raises(MissingExtraError, match=r"fsl_mrs_dl\[convert\]"):
        convert_scan([path], tmp_path / "a.nii.gz", Editing())
    assert [p.name for p in tmp_path.iterdir()] == ["a.rda"]


def test_spec2nii_of_another_environment_is_found_on_the_path(monkeypatch):
    monkeypatch.setattr(vendor.importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(vendor.shutil, "which", lambda name: f"/opt/fsl/bin/{name}")
    assert vendor.spec2nii_command() == ["/opt/fsl/bin/spec2nii"]


@pytest.mark.usefixtures("spec2nii")
@pytest.mark.parametrize(
    ("manufacturer", "text"),
    [
        ("GE MEDICAL SYSTEMS", "not read by spec2nii"),
        ("SIEMENS", "spec2nii could not"),
        ("Philips", "spec2nii could not"),
    ],
)
def test_dicom_without_spectra_is_refused(tmp_path, manufacturer, text):
    data = dicom(manufacturer)
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.4"
    (tmp_path / "in").mkdir()
    data.save_as(tmp_path / "in" / "a.dcm", enforce_file_format=True)
    done = call(tmp_path / "in", "--output", tmp_path / "a.nii.gz")
    assert done.returncode == 1, done.stderr
    assert text in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "a.nii.gz").exists()


def made(folder, shape, tags, **header):
    """A file as spec2nii would write it."""
    data = np.arange(np.prod(shape)).reshape(shape).astype(complex)
    return load(write_nifti(folder / "a.nii.gz", data, dims=tags, header=header))


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


def test_hadamard_editing_is_not_taken_for_two_conditions(tmp_path):
    file = made(tmp_path, (1, 1, 1, 8, 2, 4), ("DIM_DYN", "DIM_EDIT"))
    with pytest.raises(DataError, match="not two editing conditions"):
        split(file)


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
    file = made(tmp_path, (1, 1, 1, 8, 6, 2), ("DIM_DYN", "DIM_EDIT"), EditPulse=pulses, WaterSuppressed=True,
                PatientName="Somebody")  # fmt: skip
    sidecar = sidecar_of(label(file, ("ON", "OFF")))
    assert sidecar["EditPulse"] == {"ON": {"FrequencyOffset": 1.9, "PulseDuration": 14.0}}
    assert sidecar["EditCondition"] == ["ON", "OFF"]
    assert sidecar["NumberOfTransients"] == 12
    assert sidecar["WaterSuppression"] is True
    assert "PatientName" not in sidecar


def test_files_of_different_echo_times_are_not_joined(tmp_path):
    (tmp_path / "b").mkdir()
    first = made(tmp_path, (1, 1, 1, 8), (), EchoTime=0.068)
    second = made(tmp_path / "b", (1, 1, 1, 8), (), EchoTime=0.08)
    with pytest.raises(DataError, match="echo time"):
        join(first, second)


@pytest.mark.parametrize(
    "arguments",
    [{"paths": []}, {"paths": [Path("a.rda")], "on": Path("b.rda")}, {"paths": [], "on": Path("b.rda")}],
)
def test_one_scan_or_two_conditions(tmp_path, arguments):
    with pytest.raises(ConfigError, match="what is to be converted"):
        convert_scan(output=tmp_path / "a.nii.gz", editing=Editing(), **arguments)
