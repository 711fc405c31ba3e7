# SPDX-License-Identifier: Apache-2.0
"""Scanners' files made for tests of `convert`, and calls of it."""

import os
import struct
from pathlib import Path

import numpy as np

from fsl_mrs_dl.io.edit_dimension import load
from tests.helpers import DWELL_S, F0_MHZ, N_POINTS, fid_of, pair_of, write_nifti
from tests.program_helpers import run_program

ROOT = Path(__file__).resolve().parents[1]


def call(*arguments, **variables):
    return run_program("convert", *arguments, env={**os.environ, "PYTHONPATH": str(ROOT), **variables})


def write_sdat(path, fids):
    """FIDs of shape ``(rows, samples)`` as Philips writes them: VAX floats, and a SPAR of text."""
    values = np.stack([fids.real, fids.imag], axis=-1).astype("<f4")
    # a VAX float is the IEEE one of four times the value, with its two words exchanged
    words = (4 * values).view("<u2").reshape(-1, 2)[:, ::-1]
    path.with_suffix(".SDAT").write_bytes(np.ascontiguousarray(words).tobytes())
    rows, samples = fids.shape
    entries = {
        "samples": samples,
        "rows": rows,
        "synthesizer_frequency": F0_MHZ * 1e6,
        "sample_frequency": 1 / DWELL_S,
        "nucleus": "1H",
        "echo_time": 68,
        "repetition_time": 2000,
        "spectrum_inversion_time": 0,
        "offset_frequency": 0,
        "scan_id": "made",
        "patient_name": "Somebody",
        "patient_birth_date": "1970.01.01",
        "patient_position": '"head_first"',
        "patient_orientation": '"supine"',
        "volume_selection_enable": '"yes"',
        **{
            f"{axis}_{what}": value
            for axis in ("lr", "ap", "cc")
            for what, value in (("angulation", 0), ("size", 30), ("off_center", 0))
        },
    }
    text = "! made by a test\n" + "".join(f"{key} : {value}\n" for key, value in entries.items())
    path.with_suffix(".SPAR").write_text(text)
    return path.with_suffix(".SDAT")


def write_rda(path, fid):
    """One FID as Siemens exports it."""
    entries = {
        "PatientName": "Somebody",
        "SequenceName": "svs_edit",
        "TR": 2000.0,
        "TE": 68.0,
        "TM": 0.0,
        "TI": 0.0,
        "DwellTime": DWELL_S * 1e6,
        "MRFrequency": F0_MHZ,
        "Nucleus": "1H",
        "FlipAngle": 90.0,
        "VectorSize": fid.size,
        "ModelName": "made",
        "DeviceSerialNumber": 1,
        "SoftwareVersion[0]": "made",
        "InstitutionName": "made",
        "TransmitCoil": "made",
        "SliceThickness": 30.0,
        "PixelSpacingRow": 30.0,
        "PixelSpacingCol": 30.0,
        "CSIMatrixSize[0]": 1,
        "CSIMatrixSize[1]": 1,
        "CSIMatrixSize[2]": 1,
        "VOIPositionSag": 0.0,
        "VOIPositionCor": 0.0,
        "VOIPositionTra": 0.0,
        "RowVector[0]": 1.0,
        "RowVector[1]": 0.0,
        "RowVector[2]": 0.0,
        "ColumnVector[0]": 0.0,
        "ColumnVector[1]": 1.0,
        "ColumnVector[2]": 0.0,
    }
    lines = [">>> Begin of header <<<", *(f"{k}: {v}" for k, v in entries.items()), ">>> End of header <<<"]
    values = np.stack([fid.real, -fid.imag], axis=-1).astype("<f8")
    path.write_bytes(("\r\n".join(lines) + "\r\n").encode() + values.tobytes())
    return path


TWIX_TEXT = {
    "Config": {"SequenceFileName": "svs_edit"},
    "Dicom": {
        **dict.fromkeys(("Manufacturer", "ManufacturersModelName", "InstitutionName", "InstitutionAddress"), "made"),
        **{"DeviceSerialNumber": "1", "SoftwareVersions": "syngo MR B17", "tProtocolName": "made"},
    },
    "Meas": {
        **{"tSequenceString": "svs_edit", "tSequenceFileName": "svs_edit", "tICEProgramName": "made"},
        **{"PatientName": "Somebody", "PatientPosition": "HFS", "PatientBirthDay": "19700101", "PatientSex": "1"},
        **{"Frequency": str(F0_MHZ * 1e6), "ResonantNucleus": "1H", "TR_Time": "2000000", "FlipAngle": "90"},
        **{"flUsedPatientWeight": "70", "dDeltaFrequency": "0"},
        **{f"lFinalMatrixSize{axis}": "" for axis in ("Phase", "Read", "Slice")},
    },
}
TWIX_PROTOCOL = {
    "sRXSPEC.alDwellTime[0]": round(DWELL_S * 1e9),
    "alTE[0]": 68000,
    "sSpecPara.sVoI.sNormal.dTra": 1.0,
    **{f"sSpecPara.sVoI.{size}": 30 for size in ("dReadoutFOV", "dPhaseFOV", "dThickness")},
}


def write_twix(path, fids):
    """Raw data of shape ``(transients, coils, samples)`` as Siemens's VB software writes them, of ``svs_edit``."""
    protocol = "".join(f"{key} = {value}\n" for key, value in TWIX_PROTOCOL.items())
    blocks = {
        name: "".join(f'<ParamString."{key}">  {{ "{value}" }}\n' for key, value in entries.items())
        for name, entries in TWIX_TEXT.items()
    }
    blocks |= dict.fromkeys(("MeasYaps", "Phoenix"), f"### ASCCONV BEGIN ###\n{protocol}### ASCCONV END ###\n")
    header = b"".join(name.encode() + b"\0" + struct.pack("<I", len(t)) + t.encode() for name, t in blocks.items())
    # shorter headers are taken for those of VD
    length = 10016
    parts = [struct.pack("<II", length, len(blocks)) + header]
    parts[0] = parts[0].ljust(length, b"\0")
    n_coils, n_points = fids.shape[1:]
    for number, transient in enumerate(fids):
        for coil, fid in enumerate(transient):
            parts += [_twix_scan(number, coil, n_coils, n_points), fid.astype("<c8").tobytes()]
    path.write_bytes(b"".join([*parts, _twix_scan(len(fids), 0, n_coils, n_points, last=True), bytes(256)]))
    return path


def _twix_scan(number, coil, n_coils, n_points, last=False):
    """The 128 bytes before the samples of a coil; `number` counts repetitions."""
    loops = [0] * 14
    loops[6] = number
    begin = struct.pack("<I16xIIHH", (128 + 8 * n_points) * n_coils, int(last), 0, n_points, n_coils)
    return (begin + struct.pack("<14H", *loops)).ljust(124, b"\0") + struct.pack("<HH", coil, 0)


def transients(pattern, seed=1):
    """Noisy transients; in `pattern`, 0 is OFF and 1 is ON."""
    rng = np.random.default_rng(seed)
    pair = pair_of()
    noise = rng.normal(size=(len(pattern), N_POINTS)) + 1j * rng.normal(size=(len(pattern), N_POINTS))
    return pair[list(pattern)] + 0.05 * noise


def header_of(path):
    return load(path).header


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


def made(folder, shape, tags, **header):
    """A file as spec2nii would write it."""
    data = np.arange(np.prod(shape)).reshape(shape).astype(complex)
    return load(write_nifti(folder / "a.nii.gz", data, dims=tags, header=header))
