# SPDX-License-Identifier: Apache-2.0
"""The simulator against closed forms, and against its own limits."""

import dataclasses

import numpy as np
import pytest

from fsl_mrs_dl.core.errors import ConfigError
from fsl_mrs_dl.physics.pulses import ShapedPulse, slr_refocusing
from fsl_mrs_dl.physics.sequences import MegaPress
from fsl_mrs_dl.physics.simulate import Numerics, simulate_metabolite
from fsl_mrs_dl.physics.simulate.lines import LineList, merge
from fsl_mrs_dl.physics.simulate.operators import FreeEvolution, build_operators
from fsl_mrs_dl.physics.simulate.propagate import pulse_propagators
from fsl_mrs_dl.physics.spins import SpinGroup, SpinSystem, known_metabolites, load_system

F0_MHZ = 127.73


def system(*shifts, j_hz=0.0, phosphorus=()):
    couplings = ((0, 1, j_hz),) if j_hz else ()
    return SpinSystem("X", (SpinGroup(shifts, couplings, phosphorus_j_hz=phosphorus),))


def ppm(lines, f0_mhz=F0_MHZ):
    return 4.65 + lines.shift_hz / f0_mhz


def test_singlet_is_one_line_of_area_one_per_proton():
    pair = simulate_metabolite(system(3.027), MegaPress())
    for lines in (pair.edit_off, pair.edit_on):
        assert ppm(lines) == pytest.approx([3.027])
        assert lines.amplitude == pytest.approx([1.0], abs=2e-4)


def test_weakly_coupled_doublet_has_its_splitting():
    pair = simulate_metabolite(system(3.0, 1.0, j_hz=7.0), MegaPress(edit_on_ppm=7.5))
    doublet = np.sort(pair.edit_on.shift_hz[np.abs(ppm(pair.edit_on) - 3.0) < 0.1])
    assert len(doublet) == 2
    assert np.diff(doublet)[0] == pytest.approx(7.0, abs=0.01)


def test_editing_refocuses_the_coupling_and_off_inverts_it():
    # TE = 1/(2J) x 2: in OFF the doublet evolves by pi J TE = 180 deg, in ON the editing pulse refocuses it
    te_s = 0.068
    pair = simulate_metabolite(system(3.0, 1.9, j_hz=1 / te_s), MegaPress(edit_duration_s=0.014))

    def area(lines):
        return lines.amplitude[np.abs(ppm(lines) - 3.0) < 0.1].sum().real

    assert area(pair.edit_off) == pytest.approx(-1.0, abs=0.02)
    # the coupling acts during the editing pulses too, which costs a few per cent
    assert 0.90 < area(pair.edit_on) < 1.0
    assert area(pair.diff) == pytest.approx(area(pair.edit_on) - area(pair.edit_off))


def test_coupled_result_is_the_full_matrix_exponential():
    # an independent route: every step as one matrix exponential of the whole Hamiltonian
    from scipy.linalg import expm

    group = SpinGroup((3.0, 1.9, 2.3), ((0, 1, 8.0), (1, 2, 7.0), (0, 2, -3.0)))
    operators = build_operators(group)
    offsets = (np.array(group.shifts_ppm) - 3.0) * F0_MHZ
    rng = np.random.default_rng(3)
    pulse = ShapedPulse(40 * rng.normal(size=100) * np.exp(0.3j), 0.010)
    fx, fy = (operators.raising + operators.raising.T) / 2, (operators.raising - operators.raising.T) / 2j
    free = operators.coupling_hz + np.diag(offsets @ operators.iz)
    expected = np.eye(8)
    for w1 in pulse.w1_hz:
        expected = expm(-2j * np.pi * pulse.step_s * (free + w1.real * fx + w1.imag * fy)) @ expected
    got = pulse_propagators(pulse, operators, offsets, np.zeros(1))[0]
    assert np.abs(got - expected).max() < 2e-4
    np.testing.assert_allclose(got @ got.conj().T, np.eye(8), atol=1e-12)


def test_segments_do_not_change_the_signal():
    sequence = MegaPress(refocusing="slr", n_positions=6)
    coarse = simulate_metabolite(load_system("GABA"), sequence).diff.fid(2048, 5e-4)
    fine = simulate_metabolite(load_system("GABA"), sequence, Numerics(max_segment_s=2e-5)).diff.fid(2048, 5e-4)
    assert np.linalg.norm(coarse - fine) < 1e-4 * np.linalg.norm(fine)


def test_a_pulse_of_one_long_step_is_that_of_many():
    group = load_system("Lac").groups[0]
    operators = build_operators(group)
    offsets = (np.array(group.shifts_ppm) - 3.0) * F0_MHZ
    one, many = (ShapedPulse(np.full(n, 62.5 + 0j), 0.008) for n in (1, 800))
    got, expected = (pulse_propagators(pulse, operators, offsets, np.zeros(1)) for pulse in (one, many))
    np.testing.assert_allclose(got, expected, atol=1e-4)
    with pytest.raises(ValueError, match="max_segment_s"):
        Numerics(max_segment_s=0.0)


@pytest.mark.parametrize("n_steps", [64, 65])
@pytest.mark.parametrize("name", ["Lac", "GABA", "PCh"])
def test_symmetry_mirror_and_chunks_only_save_time(name, n_steps):
    # all short cuts against a plain product of steps without any of them
    group = load_system(name).groups[0]
    operators = build_operators(group)
    offsets = (np.array(group.shifts_ppm) - 3.0) * F0_MHZ
    pulse = slr_refocusing(0.005, 6.0, n_steps=n_steps).shifted(35.0)
    positions = np.linspace(-700, 700, 5)
    plain = dataclasses.replace(operators, permutations=())
    whole = Numerics(max_segment_s=2e-5)
    # an infinitesimal asymmetry hides the mirror image from the simulator
    skewed = dataclasses.replace(pulse, w1_hz=pulse.w1_hz * (1 + 1e-7 * np.arange(n_steps)))
    expected = np.stack([pulse_propagators(skewed, plain, offsets, np.array([p]), whole)[0] for p in positions])
    got = pulse_propagators(pulse, operators, offsets, positions, whole)
    np.testing.assert_allclose(got, expected, atol=1e-4)
    np.testing.assert_allclose(
        got,
        pulse_propagators(pulse, operators, offsets, positions, Numerics(max_segment_s=2e-5, max_elements=300)),
        atol=1e-12,
    )
    if name != "PCh":
        assert len(operators.orbits[0]) < operators.dim


def test_slice_profile_takes_signal_from_edited_gaba():
    # spatial four-compartment effect: 12 % of GABA's DIFF per Cr (reference/fida/README.md, section 5)
    def ratio(sequence):
        gaba = simulate_metabolite(load_system("GABA"), sequence).diff
        cr = simulate_metabolite(load_system("Cr"), sequence).edit_off
        edited = gaba.amplitude[np.abs(ppm(gaba) - 3.015) < 0.165].sum().real
        return edited / cr.amplitude[np.abs(ppm(cr) - 3.027) < 0.05].sum().real

    loss = 1 - ratio(MegaPress(refocusing="slr", n_positions=16)) / ratio(MegaPress())
    assert 0.08 < loss < 0.20


def test_phosphorus_splits_each_proton():
    pair = simulate_metabolite(system(3.9, phosphorus=(8.0,)), MegaPress())
    assert np.diff(np.sort(pair.edit_off.shift_hz)) == pytest.approx([8.0])
    assert pair.edit_off.amplitude.sum().real == pytest.approx(1.0, abs=1e-3)


def test_free_evolution_conserves_and_reverses():
    operators = build_operators(load_system("GABA").groups[0])
    free = FreeEvolution.of(operators, np.linspace(-100, 100, 6))
    rho = operators.raising.astype(complex)
    out = free.evolve(rho, 0.013)
    assert np.linalg.norm(out) == pytest.approx(np.linalg.norm(rho))
    np.testing.assert_allclose(free.evolve(out, -0.013), rho, atol=1e-10)


def test_fid_of_lines_is_the_direct_sum():
    rng = np.random.default_rng(0)
    lines = LineList(rng.uniform(-400, 100, 17), rng.normal(size=17) + 1j * rng.normal(size=17))
    time_s = np.arange(777) * 4e-4
    direct = np.exp(2j * np.pi * np.outer(time_s, lines.shift_hz)) @ lines.amplitude
    decay = np.exp(-np.pi * 3 * time_s) * np.exp(-((np.pi * 2 * time_s) ** 2) / (4 * np.log(2)))
    np.testing.assert_allclose(lines.fid(777, 4e-4, 3.0, 2.0), direct * decay, atol=1e-11)


def test_merging_keeps_area_and_centre():
    merged = merge(np.array([10.0, 10.00001, 50.0]), np.array([1.0, 3.0, 1e-9]))
    assert merged.amplitude == pytest.approx([4.0])
    assert merged.shift_hz == pytest.approx([10.0000075])


def test_every_metabolite_simulates_and_counts_its_protons():
    for name in set(known_metabolites()) - {"Glc"}:
        pair = simulate_metabolite(load_system(name), MegaPress(edit_duration_s=0.014))
        assert np.isfinite(pair.diff.amplitude).all()
        assert np.abs(pair.edit_off.amplitude.sum()) <= load_system(name).n_protons + 1e-6


def test_unknown_metabolite_names_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'GABA'"):
        load_system("GABBA")


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"edit_pm": 1.9}, "did you mean"),
        ({"delays_s": [0.005, 0.017]}, "five"),
        ({"edit_duration_s": 0.05}, "shorter than the halves"),
        ({"f0_mhz": "3T"}, "number"),
        ({"refocusing": "spiral"}, "one of 'ideal', 'slr'"),
    ],
)
def test_sequence_errors_name_the_setting(values, text):
    with pytest.raises(ConfigError, match=text):
        MegaPress.from_dict(values)
