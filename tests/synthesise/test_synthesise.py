# SPDX-License-Identifier: Apache-2.0
"""Training spectra: reproducible, linear where they must be, no-ops where ranges are zero."""

import dataclasses
import operator

import numpy as np
import pytest

from fsl_mrs_dl.basis.bank import CENTRE_PPM, CYCLES_PER_PPM, bank_of, n_times
from fsl_mrs_dl.basis.bank_config import BankConfig
from fsl_mrs_dl.basis.bank_files import load_members, simulate_members
from fsl_mrs_dl.core.errors import ConfigError
from fsl_mrs_dl.metabolites.macromolecules import BACKGROUND_PPM, MM30_DIFF_AREA
from fsl_mrs_dl.metabolites.t2 import OTHER_T2_S, T2_S, measured_width_hz
from fsl_mrs_dl.metabolites.table import SIMULATED
from fsl_mrs_dl.models.inputs import PpmGrid
from fsl_mrs_dl.physics.simulate import voigt_decay
from fsl_mrs_dl.synthesise.concentrations import ConcentrationConfig
from fsl_mrs_dl.synthesise.lines import Lines
from fsl_mrs_dl.synthesise.perturbations.background import BackgroundConfig
from fsl_mrs_dl.synthesise.perturbations.instrument import InstrumentConfig
from fsl_mrs_dl.synthesise.perturbations.line_shape import LineShapeConfig
from fsl_mrs_dl.synthesise.recipe import Recipe
from fsl_mrs_dl.synthesise.severity import SeverityConfig
from fsl_mrs_dl.synthesise.synthesiser import Synthesiser
from tests.synthesis_helpers import scene, signals

NAMES = ("Cr", "GABA", "Gln", "Glu", "NAA")
QUIET = Recipe(
    metabolites=NAMES,
    acquired_s=(1.024, 1.024),
    drop_off=0.0,
    drop_diff=0.0,
    bank=BankConfig(n_members=2, n_positions=4, shift_jitter_ppm=0.0),
    concentrations=ConcentrationConfig(solution_fraction=1.0),
    line_shape=LineShapeConfig(
        width_hz=(3.0, 3.0), own_lorentz_hz=(0.0, 0.0), own_shift_ppm=0.0, asymmetry=0.0, gauss_share=(0.0, 0.0)
    ),
    instrument=InstrumentConfig(
        shift_ppm=0.0,
        phase_deg=0.0,
        delay_s=0.0,
        mismatch_hz=0.0,
        mismatch_deg=0.0,
        mismatch_amplitude=0.0,
        drift_hz=0.0,
        eddy_deg=0.0,
    ),
    background=BackgroundConfig(snr=(1e9, 1e9), baseline_area=0.0, water_area=0.0, echo_probability=0.0),
)


@pytest.fixture(scope="module")
def bank_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bank")
    simulate_members(QUIET.bank, NAMES, folder)
    return folder


@pytest.fixture(scope="module")
def bank(bank_folder):
    return bank_of(load_members(bank_folder), NAMES, QUIET.grid)


def complex_channels(batch):
    return batch.channels[:, 0] + 1j * batch.channels[:, 1], batch.channels[:, 2] + 1j * batch.channels[:, 3]


def test_without_perturbation_a_spectrum_is_the_sum_of_the_basis(bank):
    batch = Synthesiser(QUIET, bank).batch(8, np.random.default_rng(5))
    members = np.random.default_rng(5).integers(bank.n_members, size=8)
    off, diff = complex_channels(batch)
    for row, member in enumerate(members):
        dwell_s = bank.dwell_s[member]
        decay = np.exp(-np.pi * 3.0 * dwell_s * np.arange(bank.edit_off.shape[-1]))
        inside = dwell_s * np.arange(bank.edit_off.shape[-1]) < 1.024
        conc = batch.conc_mm[row, : len(NAMES)]
        for got, basis in ((off, bank.edit_off), (diff, bank.edit_on - bank.edit_off)):
            fid = (conc @ basis[member]) * decay * inside
            expected = QUIET.grid.transform(fid, CYCLES_PER_PPM, CENTRE_PPM) * dwell_s / batch.scale[row]
            assert np.abs(got[row] - expected).max() < 2e-4 * np.abs(off[row]).max()


def test_clean_spectra_are_those_before_every_disturbance(bank):
    quiet = Synthesiser(QUIET, bank).batch(8, np.random.default_rng(5), clean=True)
    np.testing.assert_allclose(quiet.clean, quiet.channels, atol=1e-3 * np.abs(quiet.channels).max())
    recipe = Recipe(metabolites=NAMES, bank=QUIET.bank, concentrations=QUIET.concentrations)
    with_clean, without = (
        Synthesiser(recipe, bank).batch(32, np.random.default_rng(6), clean=wanted) for wanted in (True, False)
    )
    # asking for them changes nothing else
    np.testing.assert_array_equal(with_clean.channels, without.channels)
    assert without.clean is None
    # a condition that is dropped is dropped from the input only
    dropped = with_clean.present[:, 0] == 0
    assert dropped.any()
    assert (np.abs(with_clean.clean[dropped, :2]).max(axis=(1, 2)) > 0).all()


def test_targets_times_scale_are_concentrations(bank):
    batch = Synthesiser(QUIET, bank).batch(16, np.random.default_rng(1))
    np.testing.assert_allclose(batch.target * batch.scale[:, None], batch.conc_mm, rtol=1e-5, atol=1e-5)
    assert not batch.conc_mm[:, len(NAMES) :].any(), "solutions have no macromolecules"


def test_same_generator_same_spectra_and_no_global_state(bank):
    recipe = dataclasses.replace(Recipe(), metabolites=NAMES)
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    one = Synthesiser(recipe, bank).batch(6, np.random.default_rng(9))
    two = Synthesiser(recipe, bank).batch(6, np.random.default_rng(9))
    np.testing.assert_array_equal(one.channels, two.channels)
    assert np.isfinite(one.channels).all()
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002


def test_everything_on_perturbs_and_drops_conditions(bank):
    recipe = dataclasses.replace(Recipe(), metabolites=NAMES, drop_off=0.3, drop_diff=0.3)
    batch = Synthesiser(recipe, bank).batch(400, np.random.default_rng(2))
    share = batch.present.mean(axis=0)
    assert share == pytest.approx([0.7, 0.7], abs=0.1)
    assert (batch.present.sum(axis=1) > 0).all()
    assert not batch.channels[batch.present[:, 0] == 0, :2].any()
    power = np.mean(batch.channels**2, axis=2).sum(axis=1) / batch.present.sum(axis=1)
    np.testing.assert_allclose(power, 1.0, rtol=1e-4)
    assert 0.3 < batch.is_brain.mean() < 0.7


def test_noise_has_the_signal_to_noise_ratio_asked_for(bank):
    noisy = dataclasses.replace(QUIET, background=dataclasses.replace(QUIET.background, snr=(50.0, 50.0)))
    rng = (np.random.default_rng(3), np.random.default_rng(3))
    quiet_off, _ = complex_channels(Synthesiser(QUIET, bank).batch(40, rng[0]))
    noisy_batch = Synthesiser(noisy, bank).batch(40, rng[1])
    noisy_off, _ = complex_channels(noisy_batch)
    peak = np.abs(quiet_off).max(axis=1)
    sd = (noisy_off - quiet_off).real.std(axis=1)
    assert np.median(peak / sd) == pytest.approx(50.0, rel=0.15)


def test_concentrations_hold_exact_zeros_and_reach_their_ends():
    conc, is_brain = ConcentrationConfig().draw(4000, (*NAMES, "MM30"), np.random.default_rng(0))
    solution = conc[~is_brain]
    assert (solution[:, 1] == 0).mean() == pytest.approx(0.08, abs=0.02)
    assert solution[:, :5].max() > 15
    assert not solution[:, 5].any()
    assert solution.any(axis=1).all()
    assert conc[is_brain][:, 4].min() >= 4.0
    with pytest.raises(ConfigError, match="no concentration range for 'GABBA'"):
        ConcentrationConfig().draw(1, ("GABBA",), np.random.default_rng(0))


def as_complex(planes):
    return planes[:, 0] + 1j * planes[:, 1]


def test_line_shapes_are_their_closed_form_and_keep_the_area():
    n, n_times, rng = 50, 848, np.random.default_rng(0)
    dwell_s, drift_hz = np.full(n, 1.2e-3), rng.uniform(0, 2, n)
    shapes = LineShapeConfig().draw(scene(n, is_brain=np.arange(n) % 2 == 0), rng)
    off, on = np.zeros((n, 2, n_times), np.float32), np.zeros((n, 2, n_times), np.float32)
    off[:, 0], on[:, 1] = 1, 2
    shapes.apply(signals(off, on, dwell_s=dwell_s, drift_hz=drift_hz))
    time_s = dwell_s[:, None] * np.arange(n_times)
    s, away = shapes.shoulder[:, None], shapes.shoulder_hz[:, None]
    expected = voigt_decay(time_s, shapes.lorentz_hz[:, None], shapes.gauss_hz[:, None]) * np.sinc(
        drift_hz[:, None] * time_s
    )
    expected = expected * (1 + s * np.exp(2j * np.pi * away * time_s)) / (1 + s)
    expected *= np.exp(-2j * np.pi * away * s / (1 + s) * time_s)
    np.testing.assert_allclose(as_complex(off), expected, atol=2e-6)
    np.testing.assert_allclose(as_complex(on), 2j * expected, atol=4e-6)


def test_own_widths_lie_as_near_to_each_other_as_is_asked_for():
    brains = scene(200, SIMULATED[:8])
    wide, near, mixed = (
        LineShapeConfig(own_spread=spread).draw(brains, np.random.default_rng(2)).own_lorentz_hz
        for spread in ((1.0, 1.0), (0.1, 0.1), (0.0, 1.0))
    )
    mean_hz = wide.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(near, mean_hz + 0.1 * (wide - mean_hz))
    factor = (mixed - mean_hz) / (wide - mean_hz)
    np.testing.assert_allclose(factor, factor[:, :1] * np.ones(8), atol=1e-9)
    assert factor[:, 0].min() < 0.05
    assert factor[:, 0].max() > 0.95


def test_measured_t2_are_the_tissues_and_their_mixtures():
    names = ("NAA", "GABA", "Ala")
    width_hz = measured_width_hz(names, np.array([0.0, 0.5, 1.0]))
    np.testing.assert_allclose(1 / (np.pi * width_hz[:, 0]), (0.258, (0.258 + 0.343) / 2, 0.343))
    np.testing.assert_allclose(1 / (np.pi * width_hz[:, 1]), 0.0885)
    np.testing.assert_allclose(1 / (np.pi * width_hz[[0, 2], 2]), OTHER_T2_S)
    assert set(T2_S) < set(SIMULATED)


def test_brains_have_the_measured_widths_and_solutions_do_not():
    kinds = np.arange(4000) % 2 == 0
    mixed = scene(4000, ("NAA", "GABA"), is_brain=kinds)
    config = LineShapeConfig(measured_share=1.0, measured_scatter=(0.2, 0.2))
    own_hz = config.draw(mixed, np.random.default_rng(3)).own_lorentz_hz
    mean_hz = np.exp(np.log(own_hz[kinds]).mean(axis=0))
    np.testing.assert_allclose(mean_hz, measured_width_hz(("NAA", "GABA"), np.array([0.5]))[0], rtol=0.02)
    np.testing.assert_allclose(np.log(own_hz[kinds][:, 1]).std(), 0.2, rtol=0.05)
    plain = LineShapeConfig().draw(mixed, np.random.default_rng(3)).own_lorentz_hz
    np.testing.assert_array_equal(own_hz[~kinds], plain[~kinds])
    half = LineShapeConfig(measured_share=0.5, measured_scatter=(0.0, 0.0))
    unchanged = half.draw(mixed, np.random.default_rng(3)).own_lorentz_hz == plain
    np.testing.assert_allclose(unchanged[kinds].mean(), 0.5, atol=0.04)


def test_naag_moves_with_naa_where_it_is_asked_for():
    brains = scene(4000, ("Cr", "NAA", "NAAG"))
    apart, tied = (
        LineShapeConfig(own_shift_ppm=0.004, naag_distance_ppm=sd).draw(brains, np.random.default_rng(6))
        for sd in (0.0, 0.001)
    )
    np.testing.assert_array_equal(tied.own_shift_ppm[:, :2], apart.own_shift_ppm[:, :2])
    distances = [np.diff(shapes.own_shift_ppm[:, 1:], axis=1).std() for shapes in (apart, tied)]
    np.testing.assert_allclose(distances, (0.004 * np.sqrt(2), 0.001), rtol=0.05)
    # without NAAG there is nothing to tie
    LineShapeConfig(naag_distance_ppm=0.001).draw(scene(9, ("Cr", "NAA")), np.random.default_rng(6))


def test_lines_are_their_closed_form():
    n, n_times, rng = 6, 848, np.random.default_rng(1)
    f0_mhz, dwell_s = np.full(n, 127.7), np.full(n, CYCLES_PER_PPM / 127.7)
    shape = (n, 4)
    lines = Lines(
        rng.standard_normal(shape) + 1j * rng.standard_normal(shape),
        rng.standard_normal(shape) + 0j,
        rng.uniform(0, 5, shape),
        rng.uniform(0, 30, shape),
        rng.uniform(0, 30, shape),
    )
    off, on = np.ones((n, 2, n_times), np.float32), np.zeros((n, 2, n_times), np.float32)
    lines.apply(signals(off, on, f0_mhz=f0_mhz, dwell_s=dwell_s))
    time_s = dwell_s[0] * np.arange(n_times)
    each = np.exp(2j * np.pi * (lines.ppm[..., None] - CENTRE_PPM) * 127.7 * time_s)
    each *= voigt_decay(time_s, lines.lorentz_hz[..., None], lines.gauss_hz[..., None])
    np.testing.assert_allclose(as_complex(off), 1 + 1j + (lines.area_off[..., None] * each).sum(axis=1), atol=1e-4)
    np.testing.assert_allclose(as_complex(on), (lines.area_on[..., None] * each).sum(axis=1), atol=1e-4)


def test_instrument_errors_are_their_closed_form():
    n, n_times, rng = 40, 848, np.random.default_rng(2)
    f0_mhz, dwell_s = np.full(n, 127.7), np.full(n, 1.2e-3)
    errors = InstrumentConfig().draw(scene(n), rng)
    off, on = np.ones((n, 2, n_times), np.float32), np.ones((n, 2, n_times), np.float32)
    both = signals(off, on, f0_mhz=f0_mhz, dwell_s=dwell_s)
    errors.apply_mismatch(both)
    errors.apply(both)
    time_s = dwell_s[:, None] * np.arange(n_times)
    angle = errors.phase_rad[:, None] + 2 * np.pi * (errors.shift_ppm * f0_mhz)[:, None] * time_s
    common = (1 + 1j) * np.exp(1j * (angle + errors.eddy_rad[:, None] * np.exp(-time_s / errors.eddy_s[:, None])))
    np.testing.assert_allclose(as_complex(off), common, atol=5e-5)
    mismatch = errors.mismatch_amplitude[:, None] * np.exp(
        1j * (errors.mismatch_rad[:, None] + 2 * np.pi * errors.mismatch_hz[:, None] * time_s)
    )
    np.testing.assert_allclose(as_complex(on), common * mismatch, atol=5e-5)


def test_naag_pulls_the_reference_along():
    share = np.array([0.0, 0.2])
    two = scene(2, ("NAA", "NAAG"), conc_mm={"NAA": 1 - share, "NAAG": share})
    errors = InstrumentConfig(shift_ppm=0.0, naag_pull=(0.5, 0.5)).draw(two, np.random.default_rng(0))
    np.testing.assert_allclose(errors.shift_ppm, -0.5 * 0.034 * share)


def test_echoes_stand_where_they_were_drawn():
    echo = BackgroundConfig(echo_probability=1.0).draw_echo(np.full(5, 10.0), np.random.default_rng(3))
    off, on = np.zeros((5, 2, 848), np.float32), np.zeros((5, 2, 848), np.float32)
    echo.apply(signals(off, on))
    for row in range(5):
        assert np.abs(as_complex(off)[row]).argmax() == pytest.approx(echo.centre_s[row, 0] / 1.2e-3, abs=1)
        assert np.abs(as_complex(off)[row]).max() == pytest.approx(abs(echo.height[row, 0]), rel=0.1)
        own = as_complex(on - off)[row]
        assert np.abs(own).argmax() == pytest.approx(echo.centre_s[row, 1] / 1.2e-3, abs=1)


def test_a_batch_is_its_spectra_one_by_one(bank):
    recipe = dataclasses.replace(Recipe(), metabolites=NAMES, drop_off=0.3, drop_diff=0.3)
    synthesiser = Synthesiser(recipe, bank)
    drawn = synthesiser.draw(12, np.random.default_rng(4))
    whole = synthesiser.render(drawn, clean=True)
    for row in range(12):
        alone = synthesiser.render(drawn.rows(slice(row, row + 1)), clean=True)
        for name in ("channels", "present", "target", "scale", "clean"):
            np.testing.assert_allclose(getattr(alone, name)[0], getattr(whole, name)[row], rtol=1e-6, atol=1e-6)


def test_macromolecules_stand_in_brains_alone_and_are_wiped_by_the_pulse(bank):
    synthesiser = Synthesiser(dataclasses.replace(Recipe(), metabolites=NAMES), bank)
    drawn = synthesiser.draw(200, np.random.default_rng(5))
    lines = drawn.parts["macromolecules"]
    assert not lines.area_off[~drawn.is_brain].any()
    assert not lines.area_on[~drawn.is_brain].any()
    at = BACKGROUND_PPM.index(2.04)
    off, diff = lines.area_off[drawn.is_brain, at].real, (lines.area_on - lines.area_off)[drawn.is_brain, at].real
    assert off.max() > 0.5
    assert np.median(diff[off > 0.2] / off[off > 0.2]) < -0.3
    np.testing.assert_allclose(
        (lines.area_on - lines.area_off)[:, -3].real, MM30_DIFF_AREA * drawn.conc_mm[:, -1], atol=1e-9
    )


def test_a_mild_scan_is_less_disturbed_in_everything_and_otherwise_the_same(bank):
    def drawn(severity):
        recipe = dataclasses.replace(Recipe(), metabolites=NAMES, severity=severity)
        synthesiser = Synthesiser(recipe, bank)
        return synthesiser, synthesiser.draw(60, np.random.default_rng(8))

    # a share that is all but zero makes the same draws as a share of one, and softens none
    (synthesiser, harsh), (_, mild) = (drawn(SeverityConfig(share, (0.25, 0.25))) for share in (1e-12, 1.0))
    for path in (
        "line_shape.shoulder",
        *(
            f"instrument.{name}"
            for name in ("phase_rad", "eddy_rad", "mismatch_hz", "mismatch_rad", "drift_hz", "delay_s")
        ),
        "background.lines.area_off",
        "background.lines.area_on",
        "background.echo.height",
    ):
        section, _, names = path.partition(".")
        whole, quarter = (operator.attrgetter(names)(draw.parts[section]) for draw in (harsh, mild))
        assert np.abs(whole).max() > 0
        np.testing.assert_allclose(quarter, 0.25 * whole, err_msg=path)
    less, more = (draw.parts["instrument"].mismatch_amplitude - 1 for draw in (mild, harsh))
    np.testing.assert_allclose(less, 0.25 * more)
    table = len(BACKGROUND_PPM)
    less, more = (draw.parts["macromolecules"].area_off for draw in (mild, harsh))
    np.testing.assert_array_equal(less[:, :table], more[:, :table])
    np.testing.assert_allclose(less[:, table:], 0.25 * more[:, table:])
    for name in ("own_shift_ppm", "own_lorentz_hz", "lorentz_hz", "gauss_hz"):
        np.testing.assert_array_equal(*(getattr(draw.parts["line_shape"], name) for draw in (mild, harsh)))
    np.testing.assert_array_equal(mild.conc_mm, harsh.conc_mm)
    np.testing.assert_array_equal(mild.noise, harsh.noise)
    # and it can be seen: the spectra lie nearer to what they are without disturbance
    distance = [
        np.abs(batch.channels - batch.clean)[batch.present.all(axis=1)].mean()
        for batch in (synthesiser.render(draw, clean=True) for draw in (harsh, mild))
    ]
    assert distance[1] < 0.8 * distance[0]


def test_without_a_share_of_mild_scans_nothing_changes():
    rng = np.random.default_rng(1)
    np.testing.assert_array_equal(SeverityConfig().draw(5, rng), np.ones(5))
    assert rng.uniform() == np.random.default_rng(1).uniform(), "a draw was used up"
    factor = SeverityConfig(0.5, (0.1, 0.2)).draw(4000, rng)
    assert (factor == 1).mean() == pytest.approx(0.5, abs=0.03)
    assert ((factor == 1) | ((factor >= 0.1) & (factor <= 0.2))).all()
    with pytest.raises(ConfigError, match="mild_factor out of range"):
        SeverityConfig(0.5, (0.1, 1.2))


def test_a_plain_transform_gives_the_grid_of_the_chirp_transform(bank):
    synthesiser = Synthesiser(QUIET, bank)
    fids = bank.edit_off[0].astype(np.complex64)
    expected = QUIET.grid.transform(fids, CYCLES_PER_PPM, CENTRE_PPM)
    np.testing.assert_allclose(synthesiser._spectra(fids), expected, atol=1e-4 * np.abs(expected).max())
    coarse = Synthesiser(dataclasses.replace(QUIET, grid=PpmGrid(n_points=700)), bank)
    assert coarse._spectra(fids).shape[-1] == 700


def test_bank_is_scaled_to_naa_and_spans_the_longest_time(bank, bank_folder):
    assert bank.edit_off.shape[-1] >= n_times(PpmGrid(), 123.0)
    with pytest.raises(ConfigError, match="no Lac"):
        bank_of(load_members(bank_folder), ("NAA", "Lac"), QUIET.grid)
