# SPDX-License-Identifier: Apache-2.0
"""The engine against closed forms: coherences, gradients, grids."""

import numpy as np
import pytest

from fsl_mrs_dl.core.errors import ConfigError
from fsl_mrs_dl.physics.pulses import gaussian_pulse, slr_refocusing
from fsl_mrs_dl.physics.sequences import Block, Experiment, IdealPulse, MegaPress
from fsl_mrs_dl.physics.simulate import engine, simulate, simulate_metabolite
from fsl_mrs_dl.physics.spins import SpinGroup, SpinSystem, load_system

F0_MHZ = 127.73
NONE = np.zeros(1)


def system(*shifts, couplings=()):
    return SpinSystem("X", (SpinGroup(shifts, couplings),))


def play(spins, *blocks, positions=(NONE, NONE, NONE), transmitter_ppm=3.0):
    return simulate(spins, [Experiment(blocks, F0_MHZ, transmitter_ppm, positions)])[0]


def total(lines):
    return lines.amplitude.sum()


@pytest.mark.parametrize("flip_deg", [10.0, 45.0, 90.0, 180.0, 270.0])
@pytest.mark.parametrize("phase_deg", [0.0, 90.0, 200.0])
def test_one_pulse_gives_the_sine_of_its_angle(flip_deg, phase_deg):
    # from z, a rotation about phi leaves sin(flip) along phi - 90 degrees
    signal = total(play(system(3.0), Block(IdealPulse(flip_deg, phase_deg), 0.0)))
    expected = np.sin(np.deg2rad(flip_deg)) * np.exp(1j * np.deg2rad(phase_deg - 90))
    assert signal == pytest.approx(expected, abs=1e-12)


def test_free_precession_has_the_frequency_and_the_sense_of_the_shift():
    signal = total(play(system(3.5), Block(IdealPulse(90.0, 90.0), 0.003)))
    assert signal == pytest.approx(np.exp(2j * np.pi * 0.5 * F0_MHZ * 0.003), abs=1e-9)


@pytest.mark.parametrize("te_s", [0.02, 0.05, 0.068, 0.11])
def test_ax_doublet_evolves_under_a_spin_echo(te_s):
    # both spins refocused: shift refocuses, coupling goes on; lines at +-J/2 have phases -+ pi J TE
    j_hz = 7.3
    ax = system(3.0, 1.0, couplings=((0, 1, j_hz),))
    lines = play(ax, Block(IdealPulse(90.0, 90.0), te_s / 2), Block(IdealPulse(180.0), te_s / 2))
    ppm = 4.65 + lines.shift_hz / F0_MHZ
    # 120 Hz/ppm x 2 ppm >> J: weak coupling holds to (J / 2 delta)^2
    outer = lines.amplitude[(ppm > 2.5)][np.argsort(lines.shift_hz[ppm > 2.5])]
    expected = 0.5 * np.exp(1j * np.pi * j_hz * te_s * np.array([-1, 1]))
    np.testing.assert_allclose(outer, expected, atol=0.02)


@pytest.mark.parametrize(("order", "kept"), [(None, 1.0), (-1, 1.0), (1, 0.0), (0, 0.0)])
def test_only_the_kept_order_is_seen(order, kept):
    assert abs(total(play(system(3.0), Block(IdealPulse(90.0, 90.0), 0.0, keep_order=order)))) == pytest.approx(kept)


@pytest.mark.parametrize("order", [-2, -1, 0, 1, 2])
def test_each_coherence_order_turns_with_its_own_multiple(order):
    # a pulse turned by phi about z multiplies what changes its order by p with exp(-i p phi)
    pair = system(3.0, 2.9, couplings=((0, 1, 9.0),))

    def signal(phase_deg):
        mixing = Block(IdealPulse(70.0, phase_deg), 0.004, keep_order=order)
        first, last = Block(IdealPulse(90.0, 90.0), 0.02, keep_order=-1), Block(IdealPulse(60.0), 0.03)
        return total(play(pair, first, mixing, last))

    reference = signal(0.0)
    assert abs(reference) > 1e-3
    assert signal(37.0) == pytest.approx(reference * np.exp(-1j * np.deg2rad(37.0) * (order + 1)), abs=1e-9)


def test_phase_cycle_is_the_mean_of_its_scans():
    spins = load_system("Lac")
    pulse, phases, receiver = gaussian_pulse(0.008), (0.0, 90.0, 180.0), (1.0, -1.0, 0.5)
    first, last = Block(IdealPulse(90.0, 90.0), 0.01), Block(IdealPulse(150.0, 20.0), 0.01)

    def fid(phases, receiver):
        return play(spins, first, Block(pulse, 0.004, phases_deg=phases, receiver=receiver), last).fid(512, 5e-4)

    scans = [r * fid((p,), (1.0,)) for p, r in zip(phases, receiver, strict=True)]
    np.testing.assert_allclose(fid(phases, receiver), np.mean(scans, axis=0), atol=1e-9)


def test_spoiling_over_whole_cycles_leaves_nothing_and_rephasing_restores():
    x = (np.arange(16) + 0.5) / 16 * 0.03
    excite = Block(IdealPulse(90.0, 90.0), 0.001, moment_per_m=(5 / 0.03, 0.0, 0.0))
    assert abs(total(play(system(3.0), excite, positions=(x, NONE, NONE)))) < 1e-12
    back = Block(IdealPulse(0.0), 0.0, moment_per_m=(-5 / 0.03, 0.0, 0.0))
    assert abs(total(play(system(3.0), excite, back, positions=(x, NONE, NONE)))) == pytest.approx(1.0)
    # after a refocusing pulse the same area, not its opposite, rephases
    echo = Block(IdealPulse(180.0), 0.0, moment_per_m=(5 / 0.03, 0.0, 0.0))
    assert abs(total(play(system(3.0), excite, echo, positions=(x, NONE, NONE)))) == pytest.approx(1.0)


def test_gradient_during_a_pulse_is_an_offset_of_its_profile():
    pulse = slr_refocusing(0.005, 6.0)
    x = np.linspace(-0.02, 0.02, 9)
    blocks = (Block(IdealPulse(90.0, 90.0), 0, keep_order=-1), Block(pulse, 0, (40e3, 0.0, 0.0), keep_order=1))
    signal = total(play(system(3.0), *blocks, Block(IdealPulse(180.0), 0), positions=(x, NONE, NONE)))
    _, beta = pulse.spinor(40e3 * x)
    # the order -1 -> +1 transfer of a spin 1/2 is beta squared; conjugated by the ideal echo
    assert abs(signal) == pytest.approx(abs(np.mean(beta**2)), abs=1e-9)


def loop_over_positions(spins, blocks, x, y):
    """The product grid, one position at a time."""
    fids = [play(spins, *blocks, positions=(np.array([a]), np.array([b]), NONE)).fid(256, 1e-3) for a in x for b in y]
    return np.mean(fids, axis=0)


@pytest.mark.parametrize("recurring", [False, True])
def test_averaging_early_is_the_full_grid(recurring):
    # recurring: the x gradient plays again after y, so that both stay open together
    spins, pulse = load_system("Lac"), slr_refocusing(0.004, 6.0)
    x, y = np.linspace(-0.02, 0.017, 4), np.linspace(-0.015, 0.02, 3)
    blocks = [
        Block(IdealPulse(90.0, 90.0), 0.003, keep_order=-1),
        Block(pulse, 0.008, (40e3, 0.0, 0.0), phases_deg=(0.0, 90.0), receiver=(1.0, -1.0)),
        Block(gaussian_pulse(0.01).shifted(-200.0), 0.008),
        Block(pulse, 0.004, (0.0, 40e3, 0.0), moment_per_m=(30.0 if recurring else 0.0, 0.0, 0.0), keep_order=-1),
    ]
    got = play(spins, *blocks, positions=(x, y, NONE)).fid(256, 1e-3)
    expected = loop_over_positions(spins, blocks, x, y)
    np.testing.assert_allclose(got, expected, atol=1e-6)
    assert np.linalg.norm(expected) > 0.1


def test_oblique_gradient_opens_both_axes():
    spins, pulse = load_system("Lac"), slr_refocusing(0.004, 6.0)
    x, y = np.linspace(-0.02, 0.017, 4), np.linspace(-0.015, 0.02, 3)
    blocks = [Block(IdealPulse(90.0, 90.0), 0.01, keep_order=-1), Block(pulse, 0.01, (30e3, 20e3, 0.0), keep_order=1)]
    blocks.append(Block(IdealPulse(180.0), 0.0))
    got = play(spins, *blocks, positions=(x, y, NONE)).fid(256, 1e-3)
    np.testing.assert_allclose(got, loop_over_positions(spins, blocks, x, y), atol=1e-6)


def test_a_grid_too_large_for_memory_is_played_in_parts(monkeypatch):
    spins, pulse = load_system("Lac"), slr_refocusing(0.004, 6.0)
    x, y = np.linspace(-0.02, 0.017, 7), np.linspace(-0.015, 0.02, 3)
    blocks = [Block(IdealPulse(90.0, 90.0), 0.01), Block(pulse, 0.01, (30e3, 20e3, 0.0), keep_order=-1)]
    whole = play(spins, *blocks, positions=(x, y, NONE)).fid(256, 1e-3)
    monkeypatch.setattr(engine, "_MAX_GRID_ELEMENTS", 2000)
    np.testing.assert_allclose(play(spins, *blocks, positions=(x, y, NONE)).fid(256, 1e-3), whole, atol=1e-6)


def test_shared_blocks_change_nothing():
    off, on = MegaPress(refocusing="slr", n_positions=4).experiments()
    assert off.blocks[:2] == on.blocks[:2]
    assert off.blocks[2] is not on.blocks[2]
    together = simulate(load_system("Lac"), [off, on])
    for pair, alone in zip(together, (off, on), strict=True):
        np.testing.assert_allclose(pair.amplitude, simulate(load_system("Lac"), [alone])[0].amplitude, atol=1e-12)


def test_unselected_state_keeps_trace_and_norm():
    operators = engine.build_operators(load_system("Lac").groups[0])
    offsets = np.array([140.0, -210.0, -210.0, -210.0])
    player = engine._Player(operators, offsets, engine.FreeEvolution.of(operators, offsets), engine.Numerics())
    experiment = Experiment((Block(gaussian_pulse(0.014).shifted(-100.0), 0.013),), F0_MHZ, 3.0)
    before = engine._State(np.diag(operators.total_z).astype(complex))
    after = player.play(before, experiment, 0)
    assert np.trace(after.rho) == pytest.approx(np.trace(before.rho), abs=1e-12)
    assert np.linalg.norm(after.rho) == pytest.approx(np.linalg.norm(before.rho))
    np.testing.assert_allclose(after.rho, after.rho.conj().T, atol=1e-12)


def test_excitation_slice_is_rephased():
    # the voxel's signal has the phase of an ideal excitation: the delay undoes half the slice gradient
    pair = simulate_metabolite(load_system("Cr"), MegaPress(excitation="slr", n_positions=48))
    methyl = pair.edit_off.amplitude[np.abs(4.65 + pair.edit_off.shift_hz / F0_MHZ - 3.027) < 0.02].sum()
    assert abs(np.angle(methyl)) < 0.02
    assert 2.7 < abs(methyl) < 3.2


@pytest.mark.parametrize("condition", ["edit_off", "edit_on"])
def test_survival_is_what_the_simulator_leaves_of_a_singlet(condition):
    sequence = MegaPress(edit_duration_s=0.016, b1_scale=0.9)
    for shift_ppm in (0.9, 1.43, 1.67, 1.9, 2.04, 2.3, 3.0):
        lines = getattr(simulate_metabolite(system(shift_ppm), sequence), condition)
        assert abs(total(lines)) == pytest.approx(float(sequence.survival(condition, np.array(shift_ppm))), abs=1e-7)


@pytest.mark.parametrize(
    ("change", "text"), [({"delay_s": -1e-3}, "negative"), ({"phases_deg": (0.0, 90.0)}, "receiver")]
)
def test_block_errors(change, text):
    with pytest.raises(ConfigError, match=text):
        Block(**({"pulse": IdealPulse(90.0), "delay_s": 0.0} | change))


def test_experiment_errors():
    with pytest.raises(ConfigError, match="at least one pulse"):
        Experiment((), F0_MHZ, 3.0)
    with pytest.raises(ConfigError, match="finite"):
        Experiment((Block(IdealPulse(90.0), 0.0),), F0_MHZ, 3.0, (np.array([np.nan]), NONE, NONE))
