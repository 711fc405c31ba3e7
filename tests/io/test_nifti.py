# SPDX-License-Identifier: Apache-2.0
"""NIfTI-MRS in and out: sign, axes, header variants, and one clear line for every fault."""

from __future__ import annotations

import itertools
import json
import logging
import warnings

import nibabel
import numpy as np
import pytest

from fsl_mrs_dl.core.constants import RECEIVER_PPM
from fsl_mrs_dl.core.errors import DataError
from fsl_mrs_dl.core.units import ppm_axis, spectrum
from fsl_mrs_dl.io import nifti
from fsl_mrs_dl.io.edit_header import unusable_pulses
from fsl_mrs_dl.io.nifti import read_acquisition, read_reference, reading_notes, write_spectrum
from tests.helpers import DWELL_S, EXAMPLE, F0_MHZ, OFF_LINES, SHARED, fid_of, pair_of, write_nifti

OFF_ON, ON_OFF = ("edit_off", "edit_on"), ("edit_on", "edit_off")
PULSES = {"ON": {"PulseOffset": 1.9, "PulseDuration": 0.014}, "OFF": {"PulseOffset": 7.46, "PulseDuration": 0.014}}


def complex_noise(shape, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(np.complex64)


def pair_file(tmp_path, header=None, **kwargs):
    data = pair_of().T[None, None, None].astype(np.complex64)
    return write_nifti(tmp_path / "pair.nii.gz", data, header=header, dims=["DIM_EDIT"], **kwargs)


def test_sign_a_line_stands_at_its_shift_and_the_file_holds_the_conjugate(tmp_path):
    path = tmp_path / "naa.nii.gz"
    fid = fid_of({2.008: 1.0}, lw_hz=3.0)
    write_spectrum(path, fid, dwell_s=DWELL_S, f0_mhz=F0_MHZ, header={"EchoTime": 0.068})
    stored = np.asarray(nibabel.load(path).dataobj)
    assert stored.dtype == np.complex64
    assert np.array_equal(stored[0, 0, 0], fid.conj().astype(np.complex64))
    in_file = RECEIVER_PPM - np.fft.fftfreq(fid.size, DWELL_S) / F0_MHZ  # the convention of the file
    assert in_file[np.argmax(np.abs(np.fft.fft(stored[0, 0, 0])))] == pytest.approx(2.008, abs=0.01)
    data = read_acquisition(path)
    ppm = ppm_axis(fid.size, data.dwell_s, data.f0_mhz)
    assert ppm[np.argmax(np.abs(spectrum(data.fids[0, 0, 0])))] == pytest.approx(2.008, abs=0.01)
    assert (data.dwell_s, data.f0_mhz, data.te_s, data.tr_s) == (DWELL_S, F0_MHZ, 0.068, None)
    assert data.conditions is None


@pytest.mark.parametrize("tags", list(itertools.permutations(["DIM_COIL", "DIM_DYN", "DIM_EDIT"])))
def test_axes_in_any_order(tmp_path, tags):
    lengths = {"DIM_EDIT": 2, "DIM_COIL": 3, "DIM_DYN": 4}
    wanted = complex_noise((2, 3, 4, 300))
    letters = {"DIM_EDIT": 0, "DIM_COIL": 1, "DIM_DYN": 2}
    data = wanted.transpose(3, *(letters[tag] for tag in tags))[None, None, None]
    assert data.shape[4:] == tuple(lengths[tag] for tag in tags)
    found = read_acquisition(write_nifti(tmp_path / "a.nii.gz", data, dims=tags))
    assert np.array_equal(found.fids, wanted)
    assert found.is_raw
    assert found.n_conditions == 2


def test_repeated_measurements_are_dynamics(tmp_path):
    wanted = complex_noise((2, 3, 4, 300))  # edit, meas, dyn
    data = wanted.transpose(3, 1, 0, 2)[None, None, None]
    found = read_acquisition(write_nifti(tmp_path / "a.nii", data, dims=["DIM_MEAS", "DIM_EDIT", "DIM_DYN"]))
    assert np.array_equal(found.fids, wanted.reshape(2, 1, 12, 300))


@pytest.mark.parametrize(
    "dims", [["DIM_EDIT"], ["DIM_USER_0"], ["DIM_DYN", "DIM_EDIT"], ["DIM_INDIRECT_0", "DIM_COIL"]]
)
def test_axes_of_length_one(tmp_path, dims):
    fid = complex_noise(300)
    data = fid.reshape(1, 1, 1, 300, *[1] * len(dims))
    found = read_acquisition(write_nifti(tmp_path / "a.nii.gz", data, dims=dims))
    assert np.array_equal(found.fids, fid.reshape(1, 1, 1, 300))
    assert not found.is_raw


def test_dynamics_that_name_their_condition_are_sorted(tmp_path):
    wanted = complex_noise((2, 1, 3, 300))
    data = wanted.transpose(3, 2, 0, 1).reshape(1, 1, 1, 300, 6)  # ON OFF ON OFF ON OFF
    header = {"dim_5_header": {"EditCondition": ["ON", "OFF"] * 3}, "EditPulse": PULSES}
    found = read_acquisition(write_nifti(tmp_path / "a.nii.gz", data, dims=["DIM_DYN"], header=header))
    assert found.conditions == ON_OFF
    assert np.array_equal(found.fids, wanted)
    header["dim_5_header"] = {"EditCondition": ["ON", "OFF", "ON", "OFF", "ON", "ON"]}
    found = read_acquisition(write_nifti(tmp_path / "a.nii.gz", data, dims=["DIM_DYN"], header=header))
    assert found.counts == (4, 2)
    assert found.fids.shape == (2, 1, 4, 300)
    assert np.array_equal(found.fids[1, 0, :2], wanted[1, 0, :2])
    assert not found.fids[1, 0, 2:].any()
    header["dim_5_header"] = {"EditCondition": ["A", "B", "C", "D", "A", "B"]}
    with pytest.raises(DataError, match="HERMES"):
        read_acquisition(write_nifti(tmp_path / "a.nii.gz", data, dims=["DIM_DYN"], header=header))


@pytest.mark.parametrize(
    ("values", "pulses", "expected"),
    [
        (["ON", "OFF"], None, ON_OFF),
        (["off", "On"], None, OFF_ON),
        (["edit_off", "edit_on"], None, OFF_ON),
        (["OFF", "ON"], PULSES, OFF_ON),
        (["ON", "B"], None, ON_OFF),
        (["A", "B"], None, None),
        (["A", "B"], {"A": {"PulseOffset": 1.9}, "B": {"PulseOffset": 7.5}}, ON_OFF),
        (["A", "B"], {"A": {"PulseOffset": 7.5}, "B": {"PulseOffset": 1.88}}, OFF_ON),
        (["A", "B"], {"A": {"PulseOffset": 1.5}, "B": {"PulseOffset": 1.9}}, OFF_ON),  # macromolecule-suppressed
        (["ON", "OFF"], {"ON": {"PulseOffset": 1.9}, "OFF": {"PulseOffset": 1.5}}, ON_OFF),
        (["A", "B"], {"A": {"PulseOffset": 1.9}, "B": {"PulseOffset": 1.9}}, None),
        (["A", "B"], {"A": {"PulseOffset": [1.9, 4.56]}, "B": {}}, None),
        (["ON", "ON"], None, None),
        ([1, 2], None, None),
    ],
)
def test_names_of_the_conditions(tmp_path, values, pulses, expected):
    header = {"dim_5_header": {"EditCondition": values}} | ({"EditPulse": pulses} if pulses else {})
    data = read_acquisition(pair_file(tmp_path, header))
    assert data.conditions == expected
    assert reading_notes(data) == ()


def test_conditions_given_for_the_whole_file(tmp_path):
    assert read_acquisition(pair_file(tmp_path, {"EditCondition": ["OFF", "ON"]})).conditions == OFF_ON
    assert read_acquisition(pair_file(tmp_path, {"EditCondition": ["OFF"]})).conditions is None
    data = complex_noise((1, 1, 1, 300))
    single = write_nifti(tmp_path / "one.nii.gz", data, header={"EditCondition": ["OFF"]})
    assert read_acquisition(single).conditions == ("edit_off",)


def test_start_and_increment_are_no_names(tmp_path):
    header = {"dim_5_header": {"EditCondition": {"start": 0, "increment": 1}}}
    assert read_acquisition(pair_file(tmp_path, header)).conditions is None


def test_word_against_pulse_is_left_open_and_noted(tmp_path):
    header = {"dim_5_header": {"EditCondition": ["ON", "OFF"]}, "EditPulse": {"ON": PULSES["OFF"], "OFF": PULSES["ON"]}}
    data = read_acquisition(pair_file(tmp_path, header))
    assert data.conditions is None
    assert "contradicts its pulse at 7.46 ppm" in reading_notes(data)[0]
    assert data.header["dim_5_header"] == header["dim_5_header"]
    assert data.header["EditPulse"] == header["EditPulse"]


def test_editing_pulses(tmp_path):
    on, off = {"shift_ppm": 1.9, "duration_s": 0.014}, {"shift_ppm": 7.46, "duration_s": 0.014}
    assert read_acquisition(pair_file(tmp_path, {"EditPulse": PULSES})).edit_pulse == {"ON": on, "OFF": off}
    lettered = {"A": PULSES["OFF"], "B": PULSES["ON"]}
    assert read_acquisition(pair_file(tmp_path, {"EditPulse": lettered})).edit_pulse == {"ON": on, "OFF": off}
    assert read_acquisition(pair_file(tmp_path)).edit_pulse == {}
    in_ms = read_acquisition(pair_file(tmp_path, {"EditPulse": {"ON": {"PulseOffset": 1.9, "PulseDuration": 14.0}}}))
    assert in_ms.edit_pulse == {"ON": {"shift_ppm": 1.9}}
    assert "PulseDuration 14.0 s" in reading_notes(in_ms)[0]
    listed = {name: {key: [value] for key, value in pulse.items()} for name, pulse in PULSES.items()}
    assert read_acquisition(pair_file(tmp_path, {"EditPulse": listed})).edit_pulse == {"ON": on, "OFF": off}
    assert unusable_pulses({"EditPulse": listed}) == []
    words = {"ON": {"PulseOffset": "1.9", "PulseDuration": "0.014"}}
    text = read_acquisition(pair_file(tmp_path, {"EditPulse": words}))
    assert text.edit_pulse == {}
    assert reading_notes(text) == (
        "PulseOffset '1.9' of ON is text, not a number; it was not used",
        "PulseDuration '0.014' of ON is text, not a number; it was not used",
    )


def test_times_in_the_wrong_unit_are_not_believed(tmp_path):
    data = read_acquisition(pair_file(tmp_path, {"EchoTime": 68.0, "RepetitionTime": 2.0}))
    assert (data.te_s, data.tr_s) == (None, 2.0)
    assert "EchoTime 68 s" in reading_notes(data)[0]
    assert data.header["EchoTime"] == 68.0
    negative = read_acquisition(pair_file(tmp_path, {"EchoTime": -0.068}))
    assert reading_notes(negative) == ("EchoTime -0.068 s is impossible; it was not used",)


def test_dwell_time_in_microseconds(tmp_path):
    assert read_acquisition(pair_file(tmp_path, dwell_s=500.0, unit="usec")).dwell_s == pytest.approx(5e-4)


def test_receiver_elsewhere_is_moved_to_465(tmp_path):
    centre = 3.0
    fid = fid_of({2.008: 1.0}, lw_hz=3.0, shift_ppm=RECEIVER_PPM - centre)
    header = {"SpecFreqChemShift": 4.0, "RxOffset": -1.0}
    data = read_acquisition(
        write_nifti(tmp_path / "a.nii.gz", fid[None, None, None].astype(np.complex64), header=header)
    )
    ppm = ppm_axis(fid.size, data.dwell_s, data.f0_mhz)
    assert ppm[np.argmax(np.abs(spectrum(data.fids[0, 0, 0])))] == pytest.approx(2.008, abs=0.01)
    copy = tmp_path / "b.nii.gz"
    write_spectrum(copy, data.fids[0, 0, 0], dwell_s=DWELL_S, f0_mhz=F0_MHZ, header=data.header)
    assert np.allclose(read_acquisition(copy).fids, data.fids, atol=1e-6)


def test_round_trip_keeps_values_header_and_order(tmp_path):
    header = {
        "EchoTime": 0.068,
        "RepetitionTime": 2.0,
        "EditPulse": PULSES,
        "dim_5_header": {"EditCondition": ["ON", "OFF"]},
        "Mine": {"Value": 3, "Description": "a user's key"},
    }
    first = read_acquisition(pair_file(tmp_path, header))
    affine = np.array([[0, -20, 0, 1], [20, 0, 0, 2], [0, 0, 30, 3], [0, 0, 0, 1.0]])
    path = tmp_path / "copy.nii.gz"
    arguments = {"dwell_s": first.dwell_s, "f0_mhz": first.f0_mhz, "affine": affine, "header": first.header}
    write_spectrum(path, first.fids[:, 0, 0], dims=["DIM_EDIT", None, None], **arguments)
    second = read_acquisition(path)
    assert np.array_equal(first.fids, second.fids)
    assert second.conditions == ON_OFF
    assert second.header == first.header
    assert np.allclose(second.affine, affine, atol=1e-5)
    assert (second.te_s, second.tr_s, second.edit_pulse) == (first.te_s, first.tr_s, first.edit_pulse)
    write_spectrum(path, first.fids[::-1, 0, 0], dims=["DIM_EDIT"], conditions=OFF_ON, **arguments)
    assert read_acquisition(path).conditions == OFF_ON
    write_spectrum(path, first.fids[0, 0, 0], **arguments)  # one condition: the names of two must go
    assert read_acquisition(path).conditions is None
    assert nibabel.load(path).shape == (1, 1, 1, 2048)


def test_written_file_is_valid_for_nifti_mrs(tmp_path):
    from nifti_mrs.nifti_mrs import NIFTI_MRS
    from nifti_mrs.validator import validate_nifti_mrs

    path = tmp_path / "a.nii.gz"
    fids = complex_noise((1, 4, 300))
    write_spectrum(path, fids, dwell_s=DWELL_S, f0_mhz=F0_MHZ, dims=["DIM_EDIT", "DIM_DYN", None])
    opened = NIFTI_MRS(path)
    validate_nifti_mrs(opened.image)
    assert opened.dim_tags == ["DIM_EDIT", "DIM_DYN", None]
    assert opened.shape == (1, 1, 1, 300, 1, 4)
    assert np.array_equal(opened[0, 0, 0, :, 0, :], fids[0].T)


def test_every_fsl_mrs_can_read_what_is_written_and_the_example(tmp_path):
    path = tmp_path / "a.nii.gz"
    newer = {"SpecFreqChemShift": 4.65, "RxOffset": -1.65, "EchoTime": 0.068}
    write_spectrum(path, complex_noise((300,)), dwell_s=DWELL_S, f0_mhz=F0_MHZ, header=newer)
    for file in (path, EXAMPLE / "megapress_raw.nii.gz", EXAMPLE / "water_reference.nii.gz"):
        image = nibabel.load(file)
        assert image.header.get_intent()[2] == "mrs_v0_9"
        # what later versions added to the format
        assert not {"SpecFreqChemShift", "RxOffset"} & set(json.loads(image.header.extensions[0].text))
    assert read_acquisition(path).te_s == 0.068


def test_writing_refuses_nan_and_bad_names(tmp_path):
    fid = np.full(300, np.nan, dtype=complex)
    with pytest.raises(DataError, match=r"a\.nii\.gz: NaN or infinite"):
        write_spectrum(tmp_path / "a.nii.gz", fid, dwell_s=DWELL_S, f0_mhz=F0_MHZ)
    with pytest.raises(DataError, match=r"a\.img: the name"):
        write_spectrum(tmp_path / "a.img", np.ones(300), dwell_s=DWELL_S, f0_mhz=F0_MHZ)
    with pytest.raises(DataError, match="the folder does not exist"):
        write_spectrum(tmp_path / "x" / "a.nii", np.ones(300), dwell_s=DWELL_S, f0_mhz=F0_MHZ)
    assert list(tmp_path.iterdir()) == []


FID = fid_of(OFF_LINES)[None, None, None].astype(np.complex64)


def spoiled(value):
    data = FID.copy()
    data[0, 0, 0, 7] = value
    return data


EDIT = ["DIM_EDIT"]
FAULTS = {
    "31P": ({"nucleus": "31P"}, r"wrong nucleus; expected 1H; got 31P"),
    "7 T": ({"f0_mhz": 297.2}, r"wrong field strength; expected 3 T \(120-131 MHz\); got 297\.2 MHz"),
    "no extension": ({"extension": b""}, r"header extension is missing"),
    "broken JSON": ({"extension": b'{"SpectrometerFrequency": [127.7'}, r"header extension is broken \(not JSON\)"),
    "not text": ({"extension": b"\xff\xfe\x00\x01\x99\x98\x97\x96"}, r"header extension is broken \(not JSON\)"),
    "JSON list": ({"extension": b"[1, 2, 3]"}, r"header extension is broken; expected a JSON object"),
    "no nucleus": ({"extension": b'{"SpectrometerFrequency": [127.7]}'}, r"no ResonantNucleus"),
    "no frequency": ({"extension": b'{"ResonantNucleus": ["1H"]}'}, r"no SpectrometerFrequency"),
    "no intent": ({"intent": ""}, r"a NIfTI image without spectroscopy"),
    "bad tag": ({"data": FID[..., None], "dims": ["DIM_NONSENSE"]}, r"header is not valid: .*dim"),
    "bad type": ({"header": {"EchoTime": "68"}}, r"header is not valid: EchoTime; expected a number; got '68'$"),
    "null": ({"header": {"EchoTime": None}}, r"header is not valid: EchoTime; expected a number; got null$"),
    "frequency as text": (
        {"header": {"SpectrometerFrequency": ["127.7"]}},
        r"SpectrometerFrequency is not a number; expected MHz: \[127\.7\]; got \[\"127\.7\"\]$",
    ),
    "centre in Hz": (
        {"header": {"RxOffset": -210.0}},
        r"SpecFreqChemShift and RxOffset .*in ppm, not Hz.*got -205\.35 ppm",
    ),
    "averages with DIFF": (
        {
            "data": np.stack([FID] * 3, -1),
            "dims": EDIT,
            "header": {"dim_5_header": {"EditCondition": ["ON", "OFF", "DIFF"]}},
        },
        r"a sum or a difference stands among .*got ON, OFF, DIFF\. Give OFF and ON alone, or DIFF alone$",
    ),
    "OFF and DIFF": (
        {"data": np.stack([FID] * 2, -1), "dims": EDIT, "header": {"dim_5_header": {"EditCondition": ["OFF", "Diff"]}}},
        r"a sum or a difference .*got OFF, Diff",
    ),
    "transients and sums": (
        {
            "data": np.stack([FID] * 4, -1),
            "dims": ["DIM_DYN"],
            "header": {"dim_5_header": {"EditCondition": ["SUM", "DIFF"] * 2}},
        },
        r"a sum or a difference .*got SUM, DIFF",
    ),
    "SUM alone": ({"header": {"EditCondition": ["SUM"]}}, r"a sum or a difference .*got SUM\."),
    "transients with NaN": (
        {"data": np.stack([FID, FID, spoiled(np.nan)], -1), "dims": ["DIM_DYN"]},
        r"got 1 of \d+ points, in 1 of 3 transients\. Leave those transients out, or set them to zero",
    ),
    "untagged axis": ({"data": np.stack([FID, FID], -1)}, r"header is not valid"),
    "NaN": ({"data": spoiled(np.nan)}, r"NaN or infinite values in the data; got 1 of 2048 points"),
    "Inf": ({"data": spoiled(np.inf)}, r"NaN or infinite values in the data; got 1 of 2048 points"),
    "zeros": ({"data": FID * 0}, r"all data are zero"),
    "zero condition": ({"data": np.stack([FID, FID * 0], -1), "dims": EDIT}, r"condition 2 of 2 is all zero"),
    "real data": ({"data": FID.real.copy()}, r"the data are not complex; got float32"),
    "integers": ({"data": np.ones((1, 1, 1, 300), dtype=np.int16)}, r"the data are not complex; got int16"),
    "MRSI": ({"data": np.tile(FID, (4, 3, 1, 1))}, r"more than one voxel \(MRSI\); .*got 4 x 3 x 1"),
    "3 axes": ({"data": np.ones((1, 1, 5), dtype=np.complex64)}, r"there is no time axis"),
    "short": ({"data": FID[..., :255]}, r"the FID is too short; expected at least 256 points; got 255"),
    "dwell 0": ({"dwell_s": 0.0}, r"impossible dwell time"),
    "dwell 500 s": ({"dwell_s": 500.0}, r"impossible dwell time .*got 500 s"),
    "dwell NaN": ({"dwell_s": np.nan}, r"impossible dwell time"),
    "narrow": ({"dwell_s": 1e-3}, r"the spectral width is too narrow; .*got 1000 Hz \(0\.73 to 8\.57 ppm\)"),
    "HERMES": ({"data": np.stack([FID] * 4, -1), "dims": EDIT}, r"more than two editing conditions .*got 4"),
    "2D": ({"data": np.stack([FID] * 4, -1), "dims": ["DIM_INDIRECT_0"]}, r"cannot use the dimension DIM_INDIRECT_0"),
    "width contradicts": ({"header": {"SpectralWidth": 4000.0}}, r"header is not valid: SpectralWidth"),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("read", [read_acquisition, read_reference])
def test_every_fault_is_one_clear_line(tmp_path, fault, read, capfd, caplog):
    changes, expected = FAULTS[fault]
    path = write_nifti(tmp_path / "scan.nii.gz", **{"data": FID, **changes})
    capfd.readouterr()
    caplog.clear()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises(DataError, match=expected) as info:
            read(path)
    assert str(info.value).startswith(f"{path}: ")
    assert "\n" not in str(info.value)
    assert (info.value.exit_code, caught, tuple(capfd.readouterr())) == (1, [], ("", ""))
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.with_shared
def test_measured_file():
    path = SHARED / "data/invivo_raw/mpress_drift.nii.gz"
    if not path.exists():
        pytest.skip("reference data ../shared/data/invivo_raw absent")
    data = read_acquisition(path)
    assert data.fids.shape == (2, 1, 20, 1024)
    assert data.conditions == ON_OFF
    assert data.edit_pulse == {"ON": {"shift_ppm": 1.9}, "OFF": {"shift_ppm": 7.46}}
    stored = np.asarray(nibabel.load(path).dataobj)
    assert np.array_equal(data.fids[1, 0, 5], stored[0, 0, 0, :, 5, 1].conj())


def test_version_0_10_is_read_by_a_nifti_mrs_that_takes_it_for_0_1(monkeypatch):
    image = nibabel.load(EXAMPLE / "megapress_raw.nii.gz")
    version = "mrs_v0_11"
    image.header["intent_name"] = version.encode()
    monkeypatch.setattr(nifti, "_version_of_reader", lambda: (1, 4))
    assert nifti._as_known(image) is image
    monkeypatch.setattr(nifti, "_version_of_reader", lambda: (1, 3))
    known = nifti._as_known(image)
    assert known.header.get_intent()[2] == "mrs_v0_9"
    assert image.header.get_intent()[2] == version
    np.testing.assert_array_equal(known.dataobj, image.dataobj)
    assert known.header.extensions[0].get_content() == image.header.extensions[0].get_content()
