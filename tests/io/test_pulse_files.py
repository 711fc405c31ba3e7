# SPDX-License-Identifier: Apache-2.0
"""Pulse files: every format, its scale and phase, faults, and the command."""

import json

import numpy as np
import pytest

from fsl_mrs_dl.core.errors import DataError
from fsl_mrs_dl.io.pulse_files import read_pulse, write_pulse
from fsl_mrs_dl.physics.pulses import ShapedPulse, gaussian_pulse, properties, sinc_gaussian_pulse, slr_refocusing
from fsl_mrs_dl.physics.sequences import MegaPress, Waveform
from tests.program_helpers import run_program

# steps with amplitudes of both signs, so that phases of 180 degrees occur
PULSE = sinc_gaussian_pulse(0.02, time_bandwidth=4.0, n_steps=40)
SHAPE = PULSE.w1_hz.real / np.abs(PULSE.w1_hz).max()
AMPLITUDE, PHASE_DEG = np.abs(SHAPE), np.where(SHAPE < 0, 180.0, 0.0)


def pta():
    header = "PULSENAME:\tfam.mine\r\nCOMMENT:\tmade: here\r\nREFGRAD:\t1.0\r\nAMPINT:\t2.0\r\n\t\r\n"
    rows = [
        f"{a:.9f}\t{np.deg2rad(p):.9f}\t; ({i})\r\n" for i, (a, p) in enumerate(zip(AMPLITUDE, PHASE_DEG, strict=True))
    ]
    return header + "".join(rows)


def varian():
    return "# Pulse\n# ****\n" + "".join(
        f" {p:.4f} {1023 * a:.6f} 1.0\n" for a, p in zip(AMPLITUDE, PHASE_DEG, strict=True)
    )


def bruker():
    rows = "".join(f"{100 * a:.7e}, {p:.7e}\n" for a, p in zip(AMPLITUDE, PHASE_DEG, strict=True))
    return f"##TITLE= mine\n##JCAMP-DX= 5.00\n##NPOINTS= {len(AMPLITUDE)}\n##XYPOINTS= (XY..XY)\n{rows}##END=\n"


def table(columns=2):
    cells = np.stack([AMPLITUDE, PHASE_DEG, np.ones(len(AMPLITUDE))])[:columns]
    if columns == 1:
        cells = SHAPE[None]
    return "# a comment\n" + "\n".join(", ".join(f"{v:.9f}" for v in row) for row in cells.T) + "\n"


FORMATS = {
    "a.pta": pta,
    "a.RF": varian,
    "shape": bruker,
    "a.txt": table,
    "b.csv": lambda: table(3),
    "c.dat": lambda: table(1),
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_pulse_that_was_written(tmp_path, name):
    (tmp_path / name).write_text(FORMATS[name]())
    pulse = read_pulse(tmp_path / name, duration_s=0.02)
    np.testing.assert_allclose(pulse.w1_hz, PULSE.w1_hz, atol=1e-4 * np.abs(PULSE.w1_hz).max())
    # 180 degrees on resonance, by the exact rotation
    assert pulse.inversion_profile(np.zeros(1))[0] == pytest.approx(-1, abs=1e-6)


@pytest.mark.parametrize("name", FORMATS)
def test_a_pulse_of_a_file_edits_like_the_designed_one(tmp_path, name):
    (tmp_path / name).write_text(FORMATS[name]())
    waveform = Waveform.of(read_pulse(tmp_path / name, duration_s=0.02))
    own = MegaPress(edit_shape="waveform", edit_waveform=waveform, edit_duration_s=0.02)
    designed = MegaPress(edit_shape="waveform", edit_waveform=Waveform.of(PULSE), edit_duration_s=0.02)
    ppm = np.linspace(0.5, 4.5, 60)
    np.testing.assert_allclose(own.survival("edit_on", ppm), designed.survival("edit_on", ppm), atol=1e-3)


@pytest.mark.parametrize("flip_deg", [30.0, 90.0, 180.0])
def test_flip_angle_is_that_asked_for(tmp_path, flip_deg):
    (tmp_path / "a.txt").write_text(table())
    pulse = read_pulse(tmp_path / "a.txt", duration_s=0.01, flip_deg=flip_deg)
    z = pulse.inversion_profile(np.zeros(1))[0]
    assert z == pytest.approx(np.cos(np.deg2rad(flip_deg)), abs=1e-6)


def test_peak_is_that_asked_for(tmp_path):
    (tmp_path / "a.txt").write_text(table())
    pulse = read_pulse(tmp_path / "a.txt", duration_s=0.01, b1_max_hz=123.0)
    assert np.abs(pulse.w1_hz).max() == pytest.approx(123.0)


def test_rising_phase_moves_the_band_up_and_conjugate_down(tmp_path):
    shifted = gaussian_pulse(0.02).shifted(100.0)
    write_pulse(tmp_path / "p.txt", shifted)
    assert properties(read_pulse(tmp_path / "p.txt")).centre_hz == pytest.approx(100.0, abs=1.0)
    assert properties(read_pulse(tmp_path / "p.txt", conjugate=True)).centre_hz == pytest.approx(-100.0, abs=1.0)


def test_phase_modulated_pulse_is_scaled_by_its_rotation(tmp_path):
    # a Gaussian with a slow quadratic phase: no closed form, so the rotation itself is the test
    base = gaussian_pulse(0.02, n_steps=64)
    t = np.linspace(-1, 1, 64)
    w1_hz = np.abs(base.w1_hz) * np.exp(1j * 0.8 * t**2)
    rows = "\n".join(f"{abs(v):.9f} {np.rad2deg(np.angle(v)):.9f}" for v in w1_hz)
    (tmp_path / "a.txt").write_text(rows)
    pulse = read_pulse(tmp_path / "a.txt", duration_s=0.02, flip_deg=90.0)
    assert pulse.inversion_profile(np.zeros(1))[0] == pytest.approx(0.0, abs=1e-6)


def test_written_pulses_come_back_exactly(tmp_path):
    pulse = ShapedPulse(slr_refocusing(0.0065, 6.0).w1_hz * np.exp(0.7j), 0.0065, "SLR  of\n mine")
    write_pulse(tmp_path / "p.txt", pulse)
    back = read_pulse(tmp_path / "p.txt")
    assert back.duration_s == pulse.duration_s
    assert back.name == "SLR of mine"
    np.testing.assert_allclose(back.w1_hz, pulse.w1_hz, rtol=1e-12, atol=1e-12)


def test_steps_of_unequal_length_are_repeated(tmp_path):
    (tmp_path / "a.RF").write_text("0 10 1\n90 5 3\n0 10 1\n0 99 0\n")
    pulse = read_pulse(tmp_path / "a.RF", duration_s=0.005, b1_max_hz=10.0)
    np.testing.assert_allclose(pulse.w1_hz, [10, 5j, 5j, 5j, 10], atol=1e-12)


FAULTS = [
    ("a.txt", b"", "empty"),
    ("a.txt", b"\0\1\2", "binary"),
    ("a.txt", b"# only a comment\n", "number of steps"),
    ("a.txt", b"1 0\nnan 0\n", "not finite"),
    ("a.txt", b"1 0\n1e400 0\n", "not finite"),
    ("a.txt", b"0 0\n0 0\n", "zero"),
    ("a.txt", b"1 0\nx 0\n", "line 2 is not numbers"),
    ("a.txt", b"1 0\n1\n", "differ in length"),
    ("a.txt", b"1 0 1 2\n", "line 1 has the wrong length"),
    ("a.RF", b"0 1 1\n0 1 2.5\n", "not multiples"),
    ("a.RF", b"0 1 -1\n", "not multiples"),
    ("a.RF", b"0 1 1\n0 1 1000000\n", "too many steps"),
    ("a.pta", b"PULSENAME: x\nAMPINT: 1\n", "number of steps"),
    ("a.pta", b"PULSENAME: x\n1.0\n", "line 2 has the wrong length"),
    ("shape", b"##XYPOINTS= (XY..XY)\n##END=\n", "number of steps"),
    ("shape", b"##NPOINTS= 3\n##XYPOINTS= (XY..XY)\n1, 0\n##END=\n", "not what the header says"),
    ("a.txt", b"1 0\n-1 0\n", "does nothing on resonance"),
    ("a.txt", b"# duration_s: long\n1 0\n", "duration_s is not a number"),
    ("a.txt", b"# duration_s: 0.01\n1 0\n", "another duration"),
]


@pytest.mark.parametrize(("name", "content", "text"), FAULTS)
def test_every_fault_is_one_line(tmp_path, name, content, text):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=text) as error:
        read_pulse(tmp_path / name, duration_s=0.02)
    assert "\n" not in str(error.value)


def test_duration_must_be_known_and_sensible(tmp_path):
    (tmp_path / "a.txt").write_text("1 0\n")
    with pytest.raises(DataError, match="how long"):
        read_pulse(tmp_path / "a.txt")
    with pytest.raises(DataError, match="out of range"):
        read_pulse(tmp_path / "a.txt", duration_s=15.0)
    with pytest.raises(DataError, match="cannot be read"):
        read_pulse(tmp_path / "b.txt", duration_s=0.01)


def call(*arguments):
    return run_program("pulse", *arguments)


def test_command_prints_plots_and_writes(tmp_path):
    done = call(
        "--design",
        "slr",
        "--duration",
        0.005,
        "--json",
        "--plot",
        tmp_path / "p.png",
        "--f0",
        127.7,
        "--write",
        tmp_path / "p.txt",
    )
    assert done.returncode == 0, done.stderr
    values = json.loads(done.stdout)
    assert values["bandwidth_hz"] == pytest.approx(properties(slr_refocusing(0.005, 6.0)).bandwidth_hz)
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
    again = call(tmp_path / "p.txt")
    assert again.returncode == 0
    assert f"{values['bandwidth_hz']:.1f} Hz" in again.stdout


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((), 2),
        (("nowhere.txt",), 1),
        (("nowhere.txt", "--design", "slr"), 2),
        (("--design", "slr"), 2),
        (("--design", "slr", "--duration", "0.01", "--separation", "3"), 2),
        (("--design", "gaussian", "--duration", "-1"), 2),
        (("--design", "gaussian", "--duration", "0.01", "--truncation", "3"), 2),
        (("--design", "dual_band", "--duration", "0.01"), 2),
        (("--design", "gaussian", "--duration", "0.01", "--plot", "nowhere/p.png"), 1),
    ],
)
def test_command_says_in_one_line_what_is_wrong(arguments, code):
    done = call(*arguments)
    assert done.returncode == code, done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert "internal error" not in done.stderr


def test_a_pulse_of_two_bands_needs_its_strength(tmp_path):
    # two bands about the centre: nothing there, so that a flip angle there says nothing
    time = np.linspace(-1, 1, 200)
    shape = np.exp(-4 * time**2) * np.cos(40 * time)
    (tmp_path / "dual.txt").write_text("\n".join(f"{abs(v)} {0 if v > 0 else 180}" for v in shape))
    with pytest.raises(DataError, match="peak nutation frequency"):
        read_pulse(tmp_path / "dual.txt", duration_s=0.02)
    assert np.abs(read_pulse(tmp_path / "dual.txt", duration_s=0.02, b1_max_hz=120.0).w1_hz).max() == 120
