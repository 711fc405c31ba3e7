# SPDX-License-Identifier: Apache-2.0
"""MEGA-semi-LASER: adiabatic pulses against their closed form, the sequence against a plain loop."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from scipy.linalg import expm

from fsl_mrs_dl.basis.bank_config import BankConfig
from fsl_mrs_dl.core.constants import RECEIVER_PPM
from fsl_mrs_dl.core.errors import ConfigError
from fsl_mrs_dl.physics.pulses import gaussian_pulse, hyperbolic_secant_pulse, profile, properties, slr_refocusing
from fsl_mrs_dl.physics.sequences import MegaPress, mega_delays, mega_press, semi_laser_delays
from fsl_mrs_dl.physics.simulate import Numerics, simulate_metabolite
from fsl_mrs_dl.physics.simulate.operators import build_operators
from fsl_mrs_dl.physics.spins import SpinGroup, SpinSystem, load_system

GABA_PPM = (2.8, 3.2)


def area(lines, f0_mhz, low=GABA_PPM[0], high=GABA_PPM[1]):
    ppm = RECEIVER_PPM + lines.shift_hz / f0_mhz
    return lines.amplitude[(ppm > low) & (ppm < high)].sum()


def test_a_plain_hyperbolic_secant_inverts_as_its_closed_form_says():
    # Silver, Joseph, Hoult 1985, Phys Rev A 31:2753: sech(b t)^(1 + i mu), from minus to plus infinity
    pulse = hyperbolic_secant_pulse(0.010, 30.0, order=1, truncation=1e-4)
    per_s = np.arccosh(1e4) / 0.005
    mu = np.pi * 30.0 / 0.010 / np.tanh(np.arccosh(1e4)) / per_s
    peak = 2 * np.pi * np.abs(pulse.w1_hz).max() / per_s
    offset_hz = np.linspace(-3000, 3000, 121)
    x, m = np.pi**2 * offset_hz / per_s, np.pi * mu / 2
    expected = np.tanh(x + m) * np.tanh(x - m)
    expected += np.cos(np.pi * np.sqrt(peak**2 - mu**2 + 0j)).real / np.cosh(x + m) / np.cosh(x - m)
    np.testing.assert_allclose(pulse.inversion_profile(offset_hz), expected, atol=2e-3)


@pytest.mark.parametrize("order", [1, 2, 8])
@pytest.mark.parametrize("adiabaticity", [2.0, 4.0])
def test_what_is_not_inverted_is_landau_and_zener_s(order, adiabaticity):
    pulse = hyperbolic_secant_pulse(0.020, 120.0, order=order, truncation=1e-3, adiabaticity=adiabaticity)
    left = (1 + pulse.inversion_profile(np.linspace(-800, 800, 33))) / 2
    # the formula is the limit of a long sweep; adiabaticity 2 and 4 differ by a factor of 23
    assert left.mean() == pytest.approx(np.exp(-np.pi / 2 * adiabaticity), rel=0.3)


def test_the_transmit_field_matters_little_and_the_phase_much():
    pulse = hyperbolic_secant_pulse(0.0045, 36.0)
    offset_hz = np.linspace(-3000, 3000, 61)
    for b1_scale in (0.9, 1.0, 1.3):
        assert profile(pulse.scaled(b1_scale), offset_hz, "refocusing").min() > 0.98
    assert profile(slr_refocusing(0.0045, 6.0).scaled(1.3), np.zeros(1), "refocusing")[0] < 0.9
    phases = np.unwrap(np.angle(pulse.spinor(offset_hz)[1] ** 2))
    assert np.ptp(phases) > 2 * np.pi, "one pulse alone would dephase the slice"


@pytest.mark.parametrize(
    "values",
    [
        {"duration_s": 0.0},
        {"time_bandwidth": 3.0},
        {"order": 0},
        {"order": 1.5},
        {"truncation": 1.0},
        {"adiabaticity": -1.0},
        {"duration_s": float("nan")},
    ],
)
def test_nonsense_is_refused(values):
    with pytest.raises(ValueError, match=next(iter(values))):
        hyperbolic_secant_pulse(**{"duration_s": 0.0045, "time_bandwidth": 36.0, **values})


def test_timing_is_that_of_the_published_sequence():
    # MRSCloud's MEGA-semi-LASER of Philips, TE 80 ms: centres of the pulses in ms
    centres = [5.0688, 24.3619, 38.3882, 43.0007, 49.6813, 64.3619, 80.0]
    assert 1e3 * np.cumsum(semi_laser_delays(0.080)) == pytest.approx(centres, abs=1e-3)
    for te_s in (0.066, 0.080):
        first, edit_1, second, third, fourth, edit_2, te = np.cumsum(semi_laser_delays(te_s))
        assert te == pytest.approx(te_s)
        assert edit_2 - edit_1 == pytest.approx(te_s / 2)
        # chemical shifts are refocused at the end
        assert first - (second - first) + (third - second) - (fourth - third) + (te - fourth) == pytest.approx(0.0)
        delays_s = mega_delays(te_s, 2 * first, 0.86053)
        assert sum(delays_s[:3]) == pytest.approx(second - third + fourth), "the train stands for one pulse there"


@pytest.fixture(scope="module")
def protocol():
    return mega_press(vendor="philips", semi_laser=True)


def test_refocusing_is_as_wide_as_its_name_says(protocol):
    found = properties(protocol.refocusing_pulse(), "refocusing")
    assert found.bandwidth_hz == pytest.approx(8000.0, rel=1e-3)
    assert protocol.name == "MEGA-sLASER"
    assert mega_press().name == "MEGA-PRESS"


def test_a_singlet_comes_back_whole_and_in_phase(protocol):
    singlet = SpinSystem("X", (SpinGroup((3.1,), ()),))
    pair = simulate_metabolite(singlet, protocol)
    for lines in (pair.edit_off, pair.edit_on):
        total = lines.amplitude.sum()
        assert abs(np.angle(total)) < 1e-3
        # each of the two slices is as thick as its name says: half of a pulse's edge is lost, twice
        assert abs(total) == pytest.approx(1.0, abs=0.15)


def test_the_sequence_is_a_plain_loop_over_steps_and_positions(protocol):
    # an independent route: every step of every pulse as one matrix exponential, every position by itself
    group = SpinGroup((3.0, 1.9, 2.3), ((0, 1, 8.0), (1, 2, 7.0), (0, 2, -3.0)))
    sequence = replace(protocol, n_positions=3, fov_slices=1.1)
    operators = build_operators(group)
    offsets = (np.array(group.shifts_ppm) - sequence.transmitter_ppm) * sequence.f0_mhz
    fx, fy = (operators.raising + operators.raising.T) / 2, (operators.raising - operators.raising.T) / 2j
    fz = np.diag(operators.total_z)
    free = operators.coupling_hz + np.diag(offsets @ operators.iz)
    order = np.subtract.outer(operators.total_z, operators.total_z).round().astype(int)

    def turned(rho, pulse, position_hz):
        for w1 in pulse.w1_hz:
            u = expm(-2j * np.pi * pulse.step_s * (free + position_hz * fz + w1.real * fx + w1.imag * fy))
            rho = u @ rho @ u.conj().T
        return rho

    def waited(rho, time_s, keep):
        u = expm(-2j * np.pi * time_s * free)
        return u @ np.where(order == keep, rho, 0) @ u.conj().T

    refocusing = sequence.refocusing_pulse()
    edit = gaussian_pulse(sequence.edit_duration_s, truncation=sequence.edit_truncation)
    edit = edit.shifted((1.9 - sequence.transmitter_ppm) * sequence.f0_mhz)
    places = (np.array([-1, 0, 1]) / 3) * 1.1 * 8000.0
    start = expm(-0.5j * np.pi * fy)
    start = start @ fz @ start.conj().T
    halves = [0.0, *(p.duration_s / 2 for p in (refocusing, edit, refocusing, refocusing, refocusing, edit)), 0.0]
    gaps = [delay - a - b for delay, a, b in zip(sequence.delays_s, halves, halves[1:], strict=False)]
    total = 0
    for y_hz, z_hz in itertools.product(places, places):
        rho = waited(start, gaps[0], -1)
        plan = (
            (refocusing, y_hz, 1),
            (edit, 0, 1),
            (refocusing, y_hz, -1),
            (refocusing, z_hz, 1),
            (refocusing, z_hz, -1),
        )
        for (pulse, position_hz, keep), gap in zip((*plan, (edit, 0, -1)), gaps[1:], strict=True):
            rho = waited(turned(rho, pulse, position_hz), gap, keep)
        total = total + rho / 9
    time_s = np.arange(64) * 2e-3
    expected = []
    for t in time_s:
        u = expm(-2j * np.pi * t * free)
        expected.append(np.trace(u @ total @ u.conj().T @ operators.raising))
    expected = np.array(expected) * 2.0 ** (2 - 3) * 1.1**2
    system = SpinSystem("X", (group,))
    lines = simulate_metabolite(system, sequence, Numerics(max_segment_s=2e-5)).edit_on
    frame_hz = (sequence.transmitter_ppm - RECEIVER_PPM) * sequence.f0_mhz
    found = lines.fid(64, 2e-3) * np.exp(-2j * np.pi * frame_hz * time_s)
    assert np.linalg.norm(found - expected) < 1e-3 * np.linalg.norm(expected)


def test_default_grid_reaches_the_limit(protocol):
    fine = replace(protocol, n_positions=128)
    for name, condition in (("GABA", "diff"), ("NAA", "edit_off")):
        found, limit = (
            getattr(simulate_metabolite(load_system(name), sequence), condition).fid(1024, 1e-3, lorentz_hz=3.0)
            for sequence in (protocol, fine)
        )
        assert np.linalg.norm(found - limit) < 2e-3 * np.linalg.norm(limit)


def test_gaba_is_edited_best_at_the_echo_time_of_the_paper():
    # couplings evolve less while adiabatic pulses play: Andreychenko et al. 2012 edited at TE 74 ms in place of 68
    edited = {}
    for te_s in (0.068, 0.071, 0.074, 0.077, 0.080):
        sequence = mega_press(te_s, vendor="philips", semi_laser=True, edit_duration_s=0.014)
        edited[te_s] = area(simulate_metabolite(load_system("GABA"), sequence).diff, sequence.f0_mhz).real
    assert max(edited, key=edited.__getitem__) == 0.074


def test_phase_cycles_select_what_crushers_do(protocol):
    system = load_system("Lac")
    crushed, cycled = (
        simulate_metabolite(system, replace(protocol, selection=selection, n_positions=12, fov_slices=0.6)).edit_on
        for selection in ("crushers", "phase_cycle")
    )
    difference = cycled.fid(512, 1e-3, lorentz_hz=3.0) - crushed.fid(512, 1e-3, lorentz_hz=3.0)
    assert np.linalg.norm(difference) < 0.05 * np.linalg.norm(crushed.fid(512, 1e-3, lorentz_hz=3.0))


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"vendor": "ge"}, "GE's semi-LASER"),
        ({"refocusing_pulse": slr_refocusing(0.005, 6.0)}, "does not go with semi-LASER"),
        ({"te_s": 0.020}, "too short for four"),
        ({"te_s": 0.068, "edit_duration_s": 0.025}, "shorter than the halves"),
    ],
)
def test_impossible_protocols_are_one_line(arguments, text):
    with pytest.raises(ConfigError, match=text):
        mega_press(**{"semi_laser": True, **arguments})


@pytest.mark.parametrize("refocusing", ["adiabatic", "slr"])
def test_the_number_of_delays_belongs_to_the_refocusing(refocusing):
    delays_s = mega_delays(0.068, 0.01) if refocusing == "adiabatic" else semi_laser_delays(0.068)
    with pytest.raises(ConfigError, match="seven" if refocusing == "adiabatic" else "five"):
        MegaPress(refocusing=refocusing, delays_s=delays_s)


def test_a_bank_draws_sequences_that_can_be_played():
    bank = BankConfig(
        n_members=200,
        te_s=(0.0665, 0.080),
        first_delay_s=(0.0045, 0.006),
        refocusing=("adiabatic",),
        refocusing_tbw=(16.0, 28.0),
        refocusing_bandwidth_hz=(5000.0, 8000.0),
        edit_lag=(0.5, 1.0),
    )
    drawn = [protocol for protocol, _ in bank.draw()]
    assert len(drawn) == 200
    for protocol in drawn:
        assert len(protocol.delays_s) == 7
        assert 0.0665 <= protocol.te_s <= 0.080
        assert protocol.refocusing_tbw / protocol.refocusing_duration_s >= 5000.0
    with pytest.raises(ConfigError, match="fits its shortest echo time"):
        replace(bank, refocusing_bandwidth_hz=(1000.0, 1200.0))
