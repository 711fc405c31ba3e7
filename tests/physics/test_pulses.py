# SPDX-License-Identifier: Apache-2.0
"""Pulses against closed forms and against sigpy."""

import dataclasses

import numpy as np
import pytest

from fsl_mrs_dl.physics.pulses import (
    ShapedPulse,
    dual_band,
    gaussian_pulse,
    hard_pulse,
    properties,
    sinc_gaussian_pulse,
    slr_pulse,
    slr_refocusing,
    step_spinors,
)
from fsl_mrs_dl.physics.pulses.properties import profile
from fsl_mrs_dl.physics.pulses.slr import _least_squares_taps
from fsl_mrs_dl.physics.sequences import mega_press
from fsl_mrs_dl.physics.simulate import simulate_metabolite
from fsl_mrs_dl.physics.spins import load_system


def hard(flip_deg, phase=0.0, duration_s=1e-6):
    return ShapedPulse(np.array([flip_deg / 360 / duration_s * np.exp(1j * phase)]), duration_s)


@pytest.mark.parametrize("flip_deg", [30.0, 90.0, 180.0])
def test_hard_pulse_on_resonance_is_a_rotation(flip_deg):
    alpha, beta = hard(flip_deg).spinor(np.zeros(1))
    assert alpha[0] == pytest.approx(np.cos(np.deg2rad(flip_deg) / 2))
    assert beta[0] == pytest.approx(-1j * np.sin(np.deg2rad(flip_deg) / 2))


def test_rectangular_inversion_follows_the_closed_form():
    duration_s, w1 = 2e-3, 250.0
    pulse = ShapedPulse(np.full(7, w1, dtype=complex), duration_s)
    offset = np.linspace(-900, 900, 41)
    effective = np.sqrt(w1**2 + offset**2)
    expected = 1 - 2 * (w1 / effective) ** 2 * np.sin(np.pi * effective * duration_s) ** 2
    np.testing.assert_allclose(pulse.inversion_profile(offset), expected, atol=1e-12)


def test_spinors_stay_unitary():
    rng = np.random.default_rng(0)
    alpha, beta = step_spinors(rng.normal(size=20) * 800 + 1j * rng.normal(size=20), rng.normal(size=20) * 500, 1e-4)
    np.testing.assert_allclose(np.abs(alpha) ** 2 + np.abs(beta) ** 2, 1, atol=1e-13)


def test_positive_shift_moves_to_higher_frequency():
    pulse = gaussian_pulse(0.014)
    offset = np.linspace(-200, 200, 401)
    profile = pulse.shifted(70.0).inversion_profile(offset)
    assert offset[np.argmin(profile)] == pytest.approx(70.0, abs=1.0)
    np.testing.assert_allclose(
        profile,
        pulse.shifted(70.0, "start").inversion_profile(offset),
        atol=1e-12,
        err_msg="a constant phase matters not",
    )


def test_gaussian_inverts_on_resonance_and_width_scales_with_duration():
    widths = []
    for duration_s in (0.010, 0.020):
        pulse = gaussian_pulse(duration_s)
        assert pulse.inversion_profile(np.zeros(1))[0] == pytest.approx(-1, abs=1e-9)
        offset = np.linspace(0, 300, 3001)
        widths.append(2 * offset[np.argmax(pulse.inversion_profile(offset) > 0)])
    assert widths[0] / widths[1] == pytest.approx(2.0, rel=5e-3)


@pytest.mark.parametrize("bad", [{"duration_s": 0.0}, {"duration_s": 0.01, "truncation": 0.0}])
def test_gaussian_refuses_nonsense(bad):
    with pytest.raises(ValueError, match="must"):
        gaussian_pulse(**bad)


@pytest.mark.parametrize("n_steps", [127, 128, 200])
def test_slr_keeps_its_ripples_and_band(n_steps):
    duration_s, tbw = 5e-3, 6.0
    pulse = slr_refocusing(duration_s, tbw, n_steps=n_steps)
    bandwidth = tbw / duration_s
    inside = profile(pulse, np.linspace(-0.33, 0.33, 101) * bandwidth, "refocusing")
    outside = profile(pulse, np.linspace(0.75, 3, 200) * bandwidth, "refocusing")
    assert inside.min() > 0.98
    assert outside.max() < 0.01
    offset = np.linspace(0, bandwidth, 4001)
    half = offset[np.argmax(profile(pulse, offset, "refocusing") < 0.5)]
    assert 2 * half == pytest.approx(bandwidth, rel=0.07)


def test_slr_is_real_and_symmetric():
    pulse = slr_refocusing(5e-3, 6.0)
    assert np.abs(pulse.w1_hz.imag).max() < 1e-6 * np.abs(pulse.w1_hz).max()


@pytest.mark.parametrize("edges", [(0.02, 0.05), (0.005, 0.06), (0.001, 0.6)])
def test_least_squares_filter_is_scipys(edges):
    from scipy.signal import firls

    # the last has a transition band that leaves it undetermined
    expected = firls(127, [0, *edges, 1], [1, 1, 0, 0], weight=[1, 0.07])
    np.testing.assert_allclose(_least_squares_taps(127, *edges, 0.07), expected, rtol=0, atol=1e-12)


def test_slr_refuses_what_cannot_be_designed():
    with pytest.raises(ValueError, match="too small"):
        slr_refocusing(5e-3, 0.5)


def test_slr_agrees_with_sigpy():
    rf = pytest.importorskip("sigpy.mri.rf", reason="sigpy is not installed")
    duration_s, tbw, n = 6.5e-3, 6.24, 128
    oracle = ShapedPulse(rf.slr.dzrf(n, tbw, "se", "ls", 0.01, 0.01) / (2 * np.pi * duration_s / n), duration_s)
    ours = slr_refocusing(duration_s, tbw, n_steps=n)
    offset = np.linspace(-2, 2, 401) * tbw / duration_s
    difference = np.abs(profile(ours, offset, "refocusing") - profile(oracle, offset, "refocusing"))
    assert difference.max() < 0.1
    assert difference.mean() < 0.005


KINDS = {"excitation": "ex", "refocusing": "se", "inversion": "inv"}


@pytest.mark.parametrize("phase", ["linear", "minimum"])
@pytest.mark.parametrize("kind", list(KINDS))
def test_each_design_agrees_with_sigpy(kind, phase):
    rf = pytest.importorskip("sigpy.mri.rf", reason="sigpy is not installed")
    duration_s, tbw, n = 5e-3, 6.0, 128
    design = rf.slr.dzrf(n, tbw, KINDS[kind], "ls" if phase == "linear" else "min", 0.01, 0.01)
    oracle = ShapedPulse(design / (2 * np.pi * duration_s / n), duration_s)
    ours = slr_pulse(duration_s, tbw, kind, phase, n_steps=n)
    offset = np.linspace(-2, 2, 401) * tbw / duration_s
    difference = np.abs(profile(ours, offset, kind) - profile(oracle, offset, kind))
    # the flanks are steep: a shift of the edge by 2 per cent of the band shows there
    assert np.mean(difference) < 0.012
    middle = np.abs(offset) < 0.3 * tbw / duration_s
    assert difference[middle].max() < 0.03
    assert difference[np.abs(offset) > 0.8 * tbw / duration_s].max() < 0.02


@pytest.mark.parametrize("phase", ["linear", "minimum"])
@pytest.mark.parametrize("kind", list(KINDS))
def test_design_keeps_band_and_ripples(kind, phase):
    made = properties(slr_pulse(4e-3, 6.0, kind, phase, passband_ripple=0.02, stopband_ripple=0.02), kind)
    assert made.time_bandwidth == pytest.approx(6.0, rel=0.08)
    assert made.flip_deg == pytest.approx(90.0 if kind == "excitation" else 180.0, abs=20.0)
    assert made.passband_ripple < 0.06
    assert made.stopband_ripple < 0.05
    assert made.centre_hz == pytest.approx(0.0, abs=10.0)


def test_minimum_phase_is_sharper():
    sharp, soft = (properties(slr_pulse(4e-3, 6.0, "inversion", phase), "inversion") for phase in ("minimum", "linear"))
    assert sharp.transition_hz < 0.85 * soft.transition_hz


@pytest.mark.parametrize(
    ("duration_s", "time_bandwidth", "ripple", "gaussian_s", "truncation"),
    [(0.0144, 1.5, 0.1, 0.0140, 0.10), (0.0144, 2.0, 0.1, 0.0110, 0.08), (0.020, 2.0, 0.03, 0.0190, 0.04)],
)
def test_an_slr_editing_pulse_is_a_gaussian_of_its_width(duration_s, time_bandwidth, ripple, gaussian_s, truncation):
    # so that a bank of Gaussians has seen it, see docs/train.md; the widths are 82, 108 and 69 Hz
    slr = slr_pulse(duration_s, time_bandwidth, "inversion", passband_ripple=ripple, stopband_ripple=ripple)
    gaussian = gaussian_pulse(gaussian_s, truncation=truncation)
    assert 68 < properties(slr, "inversion").bandwidth_hz < 110
    offset_hz = np.linspace(-300, 300, 601)
    np.testing.assert_allclose(
        profile(slr, offset_hz, "inversion"), profile(gaussian, offset_hz, "inversion"), atol=0.0105
    )
    glutamine = load_system("Gln")
    diffs = [
        simulate_metabolite(glutamine, mega_press(0.08, edit_pulse=pulse)).diff.fid(1024, 1e-3, lorentz_hz=4.0)
        for pulse in (slr, gaussian)
    ]
    assert np.linalg.norm(diffs[0] - diffs[1]) < 0.012 * np.linalg.norm(diffs[1])


def test_excitation_is_rephased_by_half_its_gradient():
    symmetric = slr_pulse(4e-3, 6.0, "excitation")
    assert properties(symmetric, "excitation").rephasing_fraction == pytest.approx(0.5, abs=0.03)
    small = dataclasses.replace(symmetric, w1_hz=symmetric.w1_hz / 20)
    assert properties(small, "excitation").rephasing_fraction == pytest.approx(0.5, abs=1e-3)
    late = properties(slr_pulse(4e-3, 6.0, "excitation", "minimum"), "excitation").rephasing_fraction
    assert 0 < late < 0.4


def test_small_tip_profile_is_the_fourier_transform():
    # Pauly 1989: for small angles |Mxy| is the Fourier transform of the waveform
    pulse = sinc_gaussian_pulse(5e-3, time_bandwidth=4.0, flip_deg=5.0, n_steps=200)
    offset = np.linspace(-1500, 1500, 61)
    time_s = (np.arange(200) + 0.5) * pulse.step_s
    expected = 2 * np.pi * np.abs((pulse.w1_hz * np.exp(-2j * np.pi * np.outer(offset, time_s))).sum(1)) * pulse.step_s
    np.testing.assert_allclose(profile(pulse, offset, "excitation"), expected, atol=5e-4)


@pytest.mark.parametrize("make", [gaussian_pulse, sinc_gaussian_pulse, hard_pulse])
def test_flip_angle_is_what_was_asked_for(make):
    pulse = make(0.01, flip_deg=70.0)
    mz = pulse.inversion_profile(np.zeros(1))[0]
    assert mz == pytest.approx(np.cos(np.deg2rad(70.0)), abs=1e-9)


def test_two_bands_invert_both_and_nothing_between():
    single = gaussian_pulse(0.02, n_steps=400)
    pulse = dual_band(single, 5.6 * 127.7)
    half = 2.8 * 127.7
    mz = pulse.inversion_profile(np.array([-half, 0.0, half]))
    assert mz[0] < -0.98
    assert mz[2] < -0.98
    assert mz[1] > 0.99
    band, alone = properties(pulse), properties(single)
    assert band.bandwidth_hz == pytest.approx(alone.bandwidth_hz, rel=0.03)
    assert abs(band.centre_hz) == pytest.approx(half, abs=5.0)


def test_properties_of_a_hard_inversion():
    made = properties(hard_pulse(5e-4, 180.0), "inversion")
    assert made.peak_w1_hz == pytest.approx(1000.0)
    assert made.peak_b1_ut == pytest.approx(1000.0 / 42.577478518)
    assert made.flip_deg == pytest.approx(180.0)
    # half of the magnetisation is inverted at the offset x w1 where sin^2(pi/2 sqrt(1+x^2)) / (1+x^2) = 1/2
    x = np.linspace(0.5, 1.2, 70001)
    half = x[np.argmin(np.abs(np.sin(np.pi / 2 * np.sqrt(1 + x**2)) ** 2 / (1 + x**2) - 0.5))]
    assert made.bandwidth_hz == pytest.approx(2 * half * 1000, rel=1e-3)


@pytest.mark.parametrize(
    "build",
    [
        lambda: hard_pulse(0.0),
        lambda: sinc_gaussian_pulse(0.01, time_bandwidth=0.0),
        lambda: slr_pulse(-1e-3, 6.0),
        lambda: slr_pulse(1e-3, 0.3, "inversion", "minimum"),
        lambda: dual_band(gaussian_pulse(0.02, n_steps=20), 700.0),
        lambda: dual_band(gaussian_pulse(0.002), 100.0),
        lambda: properties(ShapedPulse(np.zeros(5, dtype=complex), 1e-3)),
    ],
)
def test_nonsense_is_refused(build):
    with pytest.raises(ValueError, match=r"must|too|need|nothing"):
        build()
