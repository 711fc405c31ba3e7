# SPDX-License-Identifier: Apache-2.0
"""MEGA-PRESS from what a user knows: timing, vendors, headers and sidecars."""

import json

import numpy as np
import pytest

from fsl_mrs_dl.core.errors import ConfigError, DataError
from fsl_mrs_dl.io.protocol import protocol_like
from fsl_mrs_dl.physics.pulses import gaussian_pulse, properties, slr_refocusing
from fsl_mrs_dl.physics.sequences import MegaPress, mega_delays, mega_press
from fsl_mrs_dl.physics.vendors import VENDORS
from tests.helpers import pair_of, write_nifti


@pytest.mark.parametrize("lag", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("te_s", [0.068, 0.080])
def test_refocusing_and_editing_pulses_stand_half_an_echo_time_apart(te_s, lag):
    delays_s = mega_delays(te_s, 0.012, lag)
    times = np.cumsum(delays_s)
    assert times[-1] == pytest.approx(te_s)
    assert times[0] == pytest.approx(0.006)
    assert times[2] - times[0] == pytest.approx(te_s / 2)
    assert times[3] - times[1] == pytest.approx(te_s / 2)


def test_the_two_known_timings():
    # FID-A's example, and MRSCloud's formula for Philips (TE1 14 ms)
    assert mega_delays(0.068, 0.010, 1.0) == pytest.approx([0.005, 0.017, 0.017, 0.017, 0.012])
    assert mega_delays(0.068, 0.014, 0.5) == pytest.approx([0.007, 0.0135, 0.0205, 0.0135, 0.0135])


@pytest.mark.parametrize("vendor", VENDORS)
def test_vendors_have_their_field_timing_and_pulses(vendor):
    protocol, preset = mega_press(vendor=vendor), VENDORS[vendor]
    assert protocol.te_s == pytest.approx(0.068)
    assert protocol.f0_mhz == preset.f0_mhz
    found = properties(protocol.refocusing_pulse(), "refocusing")
    assert found.duration_s == pytest.approx(preset.refocusing_duration_s)
    assert found.bandwidth_hz == pytest.approx(preset.refocusing_bandwidth_hz, rel=1e-3)


@pytest.mark.parametrize("refocusing", ["slr", "sinc_gaussian"])
@pytest.mark.parametrize("tbw", [4.5, 9.5])
def test_selective_pulses_are_as_wide_as_their_name_says(refocusing, tbw):
    protocol = MegaPress(refocusing=refocusing, refocusing_duration_s=0.006, refocusing_tbw=tbw, excitation="slr")
    width_hz = properties(protocol.refocusing_pulse(), "refocusing").bandwidth_hz
    assert width_hz * 0.006 == pytest.approx(tbw, rel=1e-3)
    excitation = properties(protocol.excitation_pulse(), "excitation")
    assert excitation.bandwidth_hz * protocol.excitation_duration_s == pytest.approx(protocol.excitation_tbw, rel=1e-3)
    # the field is 1.8 slices wide: Cr, in the middle of two slices, counts one slice each
    block = protocol.experiments()[0].blocks[1]
    assert block.gradient_hz_per_m[1] * 0.030 == pytest.approx(width_hz, rel=1e-3)


def test_long_echoes_have_room_for_longer_editing_pulses():
    assert mega_press(0.080, vendor="siemens", edit_off_ppm=1.5).edit_duration_s == 0.020
    assert mega_press(0.068, vendor="siemens").edit_duration_s == 0.014


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"delays_s": (5, 17, 17, 17, 12)}, "seconds"),
        ({"edit_on_ppm": -352.0}, "offsets in Hz"),
        ({"edit_off_ppm": 190.0}, "edit_off_ppm"),
    ],
)
def test_wrong_units_are_refused(fields, text):
    with pytest.raises(ConfigError, match=text):
        MegaPress(**fields)


@pytest.mark.parametrize(
    ("manufacturer", "vendor"),
    [
        ("Philips Medical Systems", "philips"),
        ("Siemens Healthineers", "siemens"),
        ("SIEMENS", "siemens"),
        ("GE MEDICAL SYSTEMS", "ge"),
        ("GE", "ge"),
        ("GE HealthCare", "ge"),
        ("Genius", None),
        ("Bruker", None),
    ],
)
def test_manufacturers_are_known_by_how_they_begin(tmp_path, manufacturer, vendor):
    (tmp_path / "a_svs.json").write_text(json.dumps({"EchoTime": 0.068, "Manufacturer": manufacturer}))
    assert protocol_like(tmp_path / "a_svs.json").get("vendor") == vendor


@pytest.mark.parametrize(
    ("pulses", "text"),
    [
        ({"ON": {"FrequencyOffset": 1.9, "PulseDuration": 0.014}}, "impossible"),  # BIDS writes milliseconds
        ({"ON": {"PulseOffset": 1.9, "PulseDuration": 20}}, "impossible"),  # NIfTI-MRS writes seconds
        ({"ON": {"PulseOffset": [1.9, 4.56]}}, "several bands"),
        ({"A": {"FrequencyOffset": 4.56}, "B": {"FrequencyOffset": 7.5}}, "same role"),
    ],
)
def test_editing_pulses_that_cannot_be_used_are_said(tmp_path, pulses, text):
    (tmp_path / "a_svs.json").write_text(json.dumps({"EchoTime": 0.068, "EditPulse": pulses}))
    with pytest.raises(DataError, match=text):
        protocol_like(tmp_path / "a_svs.json")


def test_what_is_given_wins_over_the_vendor():
    protocol = mega_press(0.080, vendor="siemens", f0_mhz=123.2, edit_off_ppm=1.5, edit_duration_s=0.02, n_positions=4)
    assert (protocol.te_s, protocol.f0_mhz) == (pytest.approx(0.08), 123.2)
    assert (protocol.edit_off_ppm, protocol.edit_duration_s, protocol.n_positions) == (1.5, 0.02, 4)


def test_pulses_of_files_take_the_place_of_designed_ones():
    edit, refocus = gaussian_pulse(0.016), slr_refocusing(0.004, 5.0)
    protocol = mega_press(edit_pulse=edit, refocusing_pulse=refocus)
    np.testing.assert_allclose(protocol.editing_pulse().w1_hz, edit.w1_hz, atol=1e-9)
    assert protocol.edit_duration_s == 0.016
    # the gradient is that of the pulse's own band
    assert protocol.refocusing_tbw / 0.004 == pytest.approx(properties(refocus).bandwidth_hz)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"vendor": "simens"}, "did you mean 'siemens'"),
        ({"te_s": 0.012}, "too short for its first echo"),
        ({"te_s": 0.040}, "shorter than the halves"),
        ({"edit_pulse": gaussian_pulse(0.014), "edit_duration_s": 0.02}, "another duration"),
        ({"n_position": 3}, "did you mean 'n_positions'"),
        ({"f0_mhz": 3.0}, "not a proton frequency"),
    ],
)
def test_impossible_protocols_are_one_line(arguments, text):
    with pytest.raises(ConfigError, match=text) as error:
        mega_press(**arguments)
    assert "\n" not in str(error.value)


SIDECAR = {
    "ResonantNucleus": ["1H"],
    "SpectrometerFrequency": [127.76],
    "EchoTime": 0.068,
    "Manufacturer": "Philips",
    "AcquisitionVoxelSize": [30, 25, 20],
    "EditPulse": {
        "ON": {"FrequencyOffset": 1.9, "PulseDuration": 15},
        "OFF": {"FrequencyOffset": 7.46, "PulseDuration": 15},
    },
}


def test_a_bids_sidecar_has_milliseconds(tmp_path):
    (tmp_path / "s.json").write_text(json.dumps(SIDECAR))
    fields = protocol_like(tmp_path / "s.json")
    assert fields == {
        "te_s": 0.068,
        "f0_mhz": 127.76,
        "vendor": "philips",
        "voxel_mm": (30.0, 25.0, 20.0),
        "edit_on_ppm": 1.9,
        "edit_off_ppm": 7.46,
        "edit_duration_s": pytest.approx(0.015),
    }
    assert isinstance(mega_press(**fields), MegaPress)


def test_a_sidecar_that_names_semi_laser_is_simulated_so(tmp_path):
    (tmp_path / "s.json").write_text(json.dumps({"EchoTime": 0.074, "PulseSequenceType": "MEGA-sLASER"}))
    fields = protocol_like(tmp_path / "s.json")
    assert fields == {"te_s": 0.074, "semi_laser": True}
    assert mega_press(**fields).name == "MEGA-sLASER"


def test_a_nifti_header_has_seconds(tmp_path):
    header = {
        "EchoTime": 0.068,
        "Manufacturer": "SIEMENS",
        "EditPulse": {
            "ON": {"PulseOffset": 1.88, "PulseDuration": 0.02},
            "OFF": {"PulseOffset": 7.5, "PulseDuration": 0.02},
        },
        "dim_5_header": {"EditCondition": ["ON", "OFF"]},
    }
    data = pair_of(noise=0.01, rng=np.random.default_rng(0)).T[None, None, None].astype(np.complex64)
    path = write_nifti(tmp_path / "a.nii.gz", data, dims=("DIM_EDIT",), header=header, f0_mhz=123.25)
    fields = protocol_like(path)
    fields.pop("voxel_mm", None)
    assert fields == {
        "te_s": 0.068,
        "f0_mhz": pytest.approx(123.25),
        "vendor": "siemens",
        "edit_on_ppm": 1.88,
        "edit_off_ppm": 7.5,
        "edit_duration_s": 0.02,
    }


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, "cannot be read"),
        ("{", "not JSON"),
        ("[]", "JSON object"),
        ("{}", "tells nothing"),
        ('{"EchoTime": 68}', "EchoTime is out of range"),
        ('{"SpectrometerFrequency": "x"}', "SpectrometerFrequency is out of range"),
        ('{"ResonantNucleus": "31P", "EchoTime": 0.06}', "only protons"),
    ],
)
def test_useless_sidecars_are_one_line(tmp_path, content, text):
    if content is not None:
        (tmp_path / "s.json").write_text(content)
    with pytest.raises(DataError, match=text):
        protocol_like(tmp_path / "s.json")
