# SPDX-License-Identifier: Apache-2.0
"""Pulses against closed forms and against sigpy."""

import numpy as np
import pytest

from fsl_mrs_dl.pulses import ShapedPulse, gaussian_pulse, slr_refocusing, step_spinors


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
    inside = pulse.refocusing_profile(np.linspace(-0.33, 0.33, 101) * bandwidth)
    outside = pulse.refocusing_profile(np.linspace(0.75, 3, 200) * bandwidth)
    assert inside.min() > 0.98
    assert outside.max() < 0.01
    offset = np.linspace(0, bandwidth, 4001)
    half = offset[np.argmax(pulse.refocusing_profile(offset) < 0.5)]
    assert 2 * half == pytest.approx(bandwidth, rel=0.07)


def test_slr_is_real_and_symmetric():
    pulse = slr_refocusing(5e-3, 6.0)
    assert np.abs(pulse.w1_hz.imag).max() < 1e-6 * np.abs(pulse.w1_hz).max()


def test_slr_refuses_what_cannot_be_designed():
    with pytest.raises(ValueError, match="too small"):
        slr_refocusing(5e-3, 0.5)


def test_slr_agrees_with_sigpy():
    rf = pytest.importorskip("sigpy.mri.rf", reason="sigpy is not installed")
    duration_s, tbw, n = 6.5e-3, 6.24, 128
    oracle = ShapedPulse(rf.slr.dzrf(n, tbw, "se", "ls", 0.01, 0.01) / (2 * np.pi * duration_s / n), duration_s)
    ours = slr_refocusing(duration_s, tbw, n_steps=n)
    offset = np.linspace(-2, 2, 401) * tbw / duration_s
    assert np.abs(ours.refocusing_profile(offset) - oracle.refocusing_profile(offset)).max() < 0.1
    assert np.mean(np.abs(ours.refocusing_profile(offset) - oracle.refocusing_profile(offset))) < 0.005
