# SPDX-License-Identifier: Apache-2.0
"""Groups of protons: apart they add up to the molecule, and decay, broaden and are weakened by their closed forms."""

import dataclasses

import numpy as np
import pytest

from fsl_mrs_dl.basis.bank import CENTRE_PPM, GABA_PPM, bank_of
from fsl_mrs_dl.basis.bank_config import BankConfig
from fsl_mrs_dl.basis.bank_files import load_members, simulate_members
from fsl_mrs_dl.core.errors import ConfigError
from fsl_mrs_dl.metabolites.macromolecules import BACKGROUND_PPM, coedited
from fsl_mrs_dl.metabolites.protons import T2_RATIO, proton_groups
from fsl_mrs_dl.models.inputs import PpmGrid
from fsl_mrs_dl.physics.sequences import mega_press
from fsl_mrs_dl.synthesise.concentrations import ConcentrationConfig
from fsl_mrs_dl.synthesise.perturbations.background import BackgroundConfig
from fsl_mrs_dl.synthesise.perturbations.macromolecules import MacromoleculeConfig
from fsl_mrs_dl.synthesise.perturbations.protons import WATER_PPM, ProtonConfig, Protons
from fsl_mrs_dl.synthesise.recipe import SIMULATED, Recipe
from fsl_mrs_dl.synthesise.signals import GAUSS, within
from fsl_mrs_dl.synthesise.synthesiser import Synthesiser
from tests.synthesis_helpers import N_RELAXING, NO_BACKGROUND, scene

NAMES = ("Cr", "GABA", "Gln", "Glu", "NAA")
BANK = BankConfig(n_members=2, n_positions=4, shift_jitter_ppm=0.0)
BRAINS = scene(9, conc_mm={"MM09": 5.0, "MM30": 2.0}, of_bank=NO_BACKGROUND)
APART = ProtonConfig(belief=(1.0, 1.0), kind_scatter=0.1, own_scatter=0.05, water_share=1.0)


@pytest.fixture(scope="module")
def members(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bank")
    simulate_members(BANK, NAMES, folder)
    return load_members(folder)


def synthesiser(members, **settings):
    recipe = Recipe(metabolites=NAMES, bank=BANK, **settings)
    return Synthesiser(recipe, bank_of(members, NAMES, PpmGrid(), groups_apart=recipe.protons.apart))


def test_groups_hold_every_line_once(members):
    whole, apart = (bank_of(members, NAMES, PpmGrid(), groups_apart=flag) for flag in (False, True))
    assert len(apart.groups) > len(whole.groups) == len(NAMES)
    for name in ("edit_off", "edit_on"):
        together = np.zeros_like(getattr(whole, name))
        np.add.at(together, (slice(None), apart.owner), getattr(apart, name))
        np.testing.assert_allclose(together, getattr(whole, name), atol=2e-5)
    at = [group.metabolite == "Cr" for group in apart.groups]
    np.testing.assert_allclose(apart.group_ppm[0, at], (3.03, 3.91), atol=0.02)
    for name in SIMULATED:
        edges = sorted((group.low_ppm, group.high_ppm) for group in proton_groups([name]))
        assert [high for _, high in edges[:-1]] == [low for low, _ in edges[1:]], name
        assert proton_groups([name])[0].kind == "reference"


def test_widths_decay_and_loss_near_water_are_their_closed_forms():
    protons = Protons(np.array([[1.0, 0.76]]), np.array([0.3]), np.array([0.5]))
    reference_hz = np.full((1, 2), 1 / (np.pi * 0.15))
    np.testing.assert_allclose(1 / (np.pi * protons.own_lorentz_hz(reference_hz)), [[0.15, 0.114]])
    ppm = np.array([[WATER_PPM - 50, 3.93]])
    left = protons.amplitude(reference_hz, np.array([0.068]), ppm)
    loss = 1 - 0.3 * np.exp(-(((3.93 - WATER_PPM) / 0.5) ** 2) / 2)
    np.testing.assert_allclose(left, [[1.0, np.exp(-0.068 / 0.114 + 0.068 / 0.15) * loss]])


def test_ratios_are_the_tables_as_far_as_it_is_believed():
    groups = proton_groups(NAMES)
    kinds = np.array([group.kind for group in groups])
    table = np.array([T2_RATIO[kind] for kind in kinds])
    exact = ProtonConfig(belief=(1.0, 1.0)).draw(scene(3, groups=groups), np.random.default_rng(0))
    np.testing.assert_allclose(exact.t2_ratio, table * np.ones((3, 1)))
    assert not exact.water_depth.any()
    half = ProtonConfig(belief=(0.5, 0.5)).draw(scene(3, groups=groups), np.random.default_rng(0))
    np.testing.assert_allclose(half.t2_ratio, np.sqrt(table) * np.ones((3, 1)))
    mixed = dataclasses.replace(APART, alike_share=0.3, water_share=0.4).draw(
        scene(4000, groups=groups), np.random.default_rng(1)
    )
    assert (mixed.t2_ratio[:, kinds == "reference"] == 1).all()
    alike = (mixed.t2_ratio == 1).all(axis=1)
    assert alike.mean() == pytest.approx(0.3, abs=0.03)
    assert (mixed.water_depth > 0).mean() == pytest.approx(0.4, abs=0.03)
    scatter = np.log(mixed.t2_ratio[~alike][:, kinds == "alpha"][:, 0]).std()
    assert scatter == pytest.approx(np.hypot(0.1, 0.05), rel=0.1)
    assert not ProtonConfig().apart
    with pytest.raises(ConfigError, match="water_depth out of range"):
        ProtonConfig(water_depth=(0.5, 0.2))


def test_groups_change_nothing_else_that_is_drawn(members):
    plain = synthesiser(members)
    grouped = synthesiser(members, protons=APART)
    before, after = (s.draw(20, np.random.default_rng(7)) for s in (plain, grouped))
    assert "protons" not in before.parts
    for name in ("conc_mm", "noise", "acquired_s", "keep_off"):
        np.testing.assert_array_equal(getattr(before, name), getattr(after, name))
    # groups that do not differ make the very same spectra
    protons = after.parts["protons"]
    alike = dataclasses.replace(protons, t2_ratio=np.ones_like(protons.t2_ratio), water_depth=np.zeros(20))
    after = dataclasses.replace(
        after, parts={**after.parts, "protons": alike, "background": before.parts["background"]}
    )
    whole, apart = plain.render(before), grouped.render(after)
    np.testing.assert_allclose(apart.channels, whole.channels, atol=2e-4 * np.abs(whole.channels).max())
    np.testing.assert_allclose(apart.target, whole.target, rtol=1e-4)


def test_a_batch_is_its_spectra_one_by_one(members):
    made = synthesiser(members, protons=APART, macromolecules=MacromoleculeConfig(second_share=(0.1, 0.5)))
    drawn = made.draw(6, np.random.default_rng(4))
    whole = made.render(drawn)
    for row in range(6):
        alone = made.render(drawn.rows(slice(row, row + 1)))
        np.testing.assert_allclose(alone.channels[0], whole.channels[row], rtol=1e-6, atol=1e-6)


def test_the_target_stays_the_reference_group(members):
    made = synthesiser(members, protons=APART)
    drawn = made.draw(30, np.random.default_rng(2))
    amounts = made.signals_of(drawn, *(None,) * 3).amounts
    reference = [group.kind == "reference" for group in made.bank.groups]
    loss = amounts[:, reference] / np.maximum(drawn.conc_mm[:, : len(NAMES)], 1e-12)
    present = drawn.conc_mm[:, : len(NAMES)] > 0
    # what water takes at 3.9 ppm it hardly takes at 3 and below
    assert loss[present].min() > 0.9
    assert loss[present].max() <= 1.0
    cr = [index for index, group in enumerate(made.bank.groups) if group.metabolite == "Cr"]
    brain = drawn.conc_mm[:, 0] > 0
    assert (amounts[brain, cr[1]] < amounts[brain, cr[0]]).all()


def test_mm30_is_in_units_of_gaba_of_each_protocol(members):
    settings = {"macromolecules": MacromoleculeConfig(member_units=True)}
    made = synthesiser(members, concentrations=ConcentrationConfig(solution_fraction=0.0), **settings)
    drawn = made.draw(30, np.random.default_rng(3))
    lines = drawn.parts["macromolecules"]
    area = (lines.area_on - lines.area_off)[:, -3].real
    for row, member in enumerate(drawn.member):
        pair = members[member].pairs["GABA"]
        naa = members[member].pairs["NAA"].edit_off
        ppm = 4.65 + pair.diff.shift_hz / members[member].sequence.f0_mhz
        gaba = pair.diff.amplitude[(ppm > GABA_PPM[0]) & (ppm < GABA_PPM[1])].real.sum()
        methyl = naa.amplitude[np.abs(4.65 + naa.shift_hz / members[member].sequence.f0_mhz - 2.008) < 0.05].real.sum()
        np.testing.assert_allclose(area[row], gaba * 3 / methyl * drawn.conc_mm[row, -1], rtol=1e-6)


def test_symmetric_editing_suppresses_the_macromolecule():
    assert coedited(mega_press()) == pytest.approx(1.0, abs=0.01)
    assert coedited(mega_press(0.080, edit_off_ppm=1.5)) < 0.4


def test_a_second_gaussian_keeps_area_and_centre():
    plain, shaped = (
        MacromoleculeConfig(second_share=share).draw(BRAINS, np.random.default_rng(5))
        for share in ((0.0, 0.0), (0.2, 0.5))
    )
    for name in ("area_off", "area_on"):
        np.testing.assert_allclose(getattr(shaped, name).sum(axis=1), getattr(plain, name).sum(axis=1))
        moment = (getattr(shaped, name) * (shaped.ppm - CENTRE_PPM)).sum(axis=1)
        np.testing.assert_allclose(moment, (getattr(plain, name) * (plain.ppm - CENTRE_PPM)).sum(axis=1))
    assert shaped.ppm.shape[1] == plain.ppm.shape[1] + 2


def test_healthy_brains_have_gaba_and_its_macromolecule_in_proportion():
    config = ConcentrationConfig(solution_fraction=0.0, healthy_share=1.0, brain_zero_probability=0.0)
    names = ("Cr", "GABA", "NAA", "MM30")
    conc, _ = config.draw(4000, names, np.random.default_rng(0))
    ratio = conc[:, 3] / conc[:, 1]
    assert ratio.min() >= 0.2
    assert ratio.max() <= 3.0
    # 0.9 to 2.8 mM, decayed with a T2 of 0.0885 s over 68 ms
    decay = np.exp(-0.068 / 0.0885)
    assert conc[:, 1].min() == pytest.approx(0.9 * decay, rel=0.01)
    assert conc[:, 1].max() == pytest.approx(2.8 * decay, rel=0.01)
    plain, _ = ConcentrationConfig(solution_fraction=0.0).draw(5, names, np.random.default_rng(0))
    same, _ = ConcentrationConfig(solution_fraction=0.0, healthy_share=0.0).draw(5, names, np.random.default_rng(0))
    np.testing.assert_array_equal(plain, same)


def test_macromolecules_have_the_width_of_their_t2():
    drawn = [
        MacromoleculeConfig(lorentz_t2_s=t2_s).draw(BRAINS, np.random.default_rng(5))
        for t2_s in ((0.0, 0.0), (0.03, 0.03))
    ]
    assert not drawn[0].lorentz_hz.any()
    relaxing = drawn[1].lorentz_hz > 0
    np.testing.assert_allclose(drawn[1].lorentz_hz[relaxing], 1 / (np.pi * 0.03))
    # the background and the line at 3.0 ppm, not what may stand anywhere, nor lipid
    assert relaxing.sum(axis=1).tolist() == [N_RELAXING] * 9
    np.testing.assert_array_equal(drawn[0].area_on, drawn[1].area_on)


@pytest.mark.parametrize(("lorentz_hz", "gauss_hz"), [(10.0, 15.0), (3.0, 20.0), (15.0, 2.0), (0.0, 10.0), (10.0, 0.0)])
def test_the_area_of_a_line_in_a_range_is_that_of_its_spectrum(lorentz_hz, gauss_hz):
    f0_mhz, dwell_s = 127.7, 1 / 20000
    time_s = np.arange(2**16) * dwell_s
    fid = np.exp(-np.pi * lorentz_hz * time_s - (GAUSS * gauss_hz * time_s) ** 2)
    fid[0] /= 2
    spectrum = 2 * np.fft.fft(fid).real * dwell_s
    ppm = 3.05 + np.fft.fftfreq(len(fid), dwell_s) / f0_mhz
    inside = (ppm > GABA_PPM[0]) & (ppm < GABA_PPM[1])
    area = spectrum[inside].sum() / (len(fid) * dwell_s)
    values = (np.array(value) for value in (3.05, lorentz_hz, gauss_hz))
    assert float(within(*values, GABA_PPM, np.array(f0_mhz))) == pytest.approx(area, abs=0.015)


def test_mm30_in_range_is_what_stands_there_of_its_lines(members):
    recipe = {"concentrations": ConcentrationConfig(solution_fraction=0.0)}
    broad = {"mm30_width_hz": (20.0, 20.0), "lorentz_t2_s": (0.02, 0.03), "second_share": (0.1, 0.4)}
    whole, part = (
        synthesiser(members, macromolecules=MacromoleculeConfig(**broad, in_range=flag), **recipe).draw(
            40, np.random.default_rng(2)
        )
        for flag in (False, True)
    )
    np.testing.assert_array_equal(*(made.parts["macromolecules"].area_on for made in (whole, part)))
    np.testing.assert_array_equal(whole.conc_mm[:, :-1], part.conc_mm[:, :-1])
    there = whole.conc_mm[:, -1] > 0
    share = np.where(there, part.conc_mm[:, -1] / np.maximum(whole.conc_mm[:, -1], 1e-9), 1.0)
    assert ((share > 0.5) & (share < 1.05)).all()
    assert there.sum() > 10
    # by the spectra of the two lines at 3.0 ppm, and of GABA's as wide as they were drawn
    made, row = synthesiser(members, **recipe), int(np.flatnonzero(there)[3])
    f0_mhz, lines = made.bank.f0_mhz[whole.member[row]], whole.parts["macromolecules"]
    time_s = np.arange(2**14) / 8000
    fid = np.zeros(len(time_s), dtype=complex)
    for column in (-5, -1):  # the line, before lipid and the second Gaussians, and its own
        turn = 2j * np.pi * (lines.ppm[row, column] - 3.0) * f0_mhz - np.pi * lines.lorentz_hz[row, column]
        decay = np.exp(turn * time_s - (GAUSS * lines.gauss_hz[row, column] * time_s) ** 2)
        fid += (lines.area_on - lines.area_off)[row, column].real * decay
    pair = members[whole.member[row]].pairs["GABA"].diff
    ppm = 4.65 + pair.shift_hz / f0_mhz
    keep = (ppm > GABA_PPM[0]) & (ppm < GABA_PPM[1])
    shapes = whole.parts["line_shape"]
    width_hz = shapes.lorentz_hz[row] + shapes.own_lorentz_hz[row, NAMES.index("GABA")]
    decay = np.exp(-np.pi * width_hz * time_s - (GAUSS * shapes.gauss_hz[row] * time_s) ** 2)
    gaba = np.exp(2j * np.pi * np.outer(time_s, (ppm[keep] - 3.0) * f0_mhz)) @ pair.amplitude[keep] * decay
    shares = [_in_range(signal, f0_mhz) for signal in (fid, gaba)]
    # GABA's inner lines, which DIFF does not cancel wholly, are left out of the approximation
    assert share[row] == pytest.approx(shares[0] / shares[1], rel=0.05)


def _in_range(fid, f0_mhz):
    """Share of a signal about 3.0 ppm, sampled at 8000 Hz, that stands in the range of GABA+."""
    halved = np.r_[fid[0] / 2, fid[1:]]
    ppm = 3.0 + np.fft.fftfreq(len(fid), 1 / 8000) / f0_mhz
    spectrum = np.fft.fft(halved).real
    return spectrum[(ppm > GABA_PPM[0]) & (ppm < GABA_PPM[1])].sum() / spectrum.sum()


def test_the_usual_signal_to_noise_ratio_is_that_of_most_scans():
    plain, usual = (
        BackgroundConfig(snr=(1000.0, 2000.0), usual_snr=(50.0, 60.0), usual_share=share).draw_noise(
            4000, np.random.default_rng(1)
        )
        for share in (0.0, 0.7)
    )
    assert plain.snr.min() >= 1000
    assert np.mean(usual.snr < 100) == pytest.approx(0.7, abs=0.03)
    assert usual.snr[usual.snr < 100].max() <= 60


def test_mobile_macromolecules_are_narrow_and_the_others_stay():
    levels = {"MM09": 5.0, "MM30": 2.0}
    plain, mobile = (
        MacromoleculeConfig(mobile_factor=(0.5, 4.0), lorentz_t2_s=(0.02, 0.04), mobile_t2_s=t2_s).draw(
            scene(200, conc_mm=levels, of_bank=NO_BACKGROUND), np.random.default_rng(5)
        )
        for t2_s in ((0.0, 0.0), (0.05, 0.1))
    )
    above = np.flatnonzero(np.array(BACKGROUND_PPM) > 3.1)
    others = np.setdiff1d(np.arange(plain.ppm.shape[1]), above)
    for name in ("area_off", "area_on", "ppm", "lorentz_hz", "gauss_hz"):
        np.testing.assert_array_equal(getattr(plain, name)[:, others], getattr(mobile, name)[:, others])
    np.testing.assert_array_equal(plain.area_off, mobile.area_off)
    width_hz = mobile.lorentz_hz[:, above]
    assert ((width_hz >= 1 / (np.pi * 0.1)) & (width_hz <= 1 / (np.pi * 0.05))).all()
    change = (mobile.area_on - plain.area_on)[:, above] / plain.area_off[:, above]
    assert change.real.std() == pytest.approx(0.2, rel=0.1)
