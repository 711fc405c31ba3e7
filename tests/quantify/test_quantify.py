# SPDX-License-Identifier: Apache-2.0
"""Quantification: the fits against known mixtures, flags and refusals, estimates as the model gives them."""

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fsl_mrs_dl.basis.files import LineBasis, load_line_basis, read_fsl_basis, write_fsl_basis
from fsl_mrs_dl.core.data import Acquisition, EditedSpectra
from fsl_mrs_dl.core.errors import ConfigError, DataError
from fsl_mrs_dl.core.resources import basis_folder
from fsl_mrs_dl.core.units import time_axis
from fsl_mrs_dl.models.calibrated import find_model, load_model
from fsl_mrs_dl.models.estimate import Estimate, combine
from fsl_mrs_dl.models.inputs import PpmGrid
from fsl_mrs_dl.physics.sequences import MegaPress
from fsl_mrs_dl.physics.simulate import simulate_metabolite
from fsl_mrs_dl.physics.spins import load_system
from fsl_mrs_dl.preprocess.pipeline import preprocess
from fsl_mrs_dl.quantify.lincomb import fit_linear_combination
from fsl_mrs_dl.quantify.quality import full_width_hz, noise_sd, unexplained
from fsl_mrs_dl.quantify.quantify import quantify
from fsl_mrs_dl.quantify.signals import _shipped, _stored, basis_signals
from tests.mixture_helpers import CONC, DWELL_S, F0_MHZ, N, mixture

GRID = PpmGrid()


def test_classical_fit_finds_a_known_mixture():
    spectra = mixture()
    signals = basis_signals(spectra, list(CONC))
    fit = fit_linear_combination(spectra, signals, GRID)
    got = dict(zip(signals.names, fit.amplitudes, strict=True))
    for name, value in CONC.items():
        assert got[name] == pytest.approx(value, rel=0.02), name
    assert fit.parameters["shift_ppm"] == pytest.approx(0.004, abs=3e-4)
    assert fit.parameters["phase_deg"] == pytest.approx(np.rad2deg(0.1), abs=0.5)
    assert fit.parameters["lorentz_hz"] == pytest.approx(2.0, abs=0.2)
    assert fit.parameters["gauss_hz"] == pytest.approx(3.0, abs=0.2)


def test_fit_with_given_ratios_finds_the_common_factor():
    spectra = mixture()
    signals = basis_signals(spectra, list(CONC))
    truth = np.array([CONC[name] for name in signals.names])
    fit = fit_linear_combination(spectra, signals, GRID, fixed=truth / 5)
    assert fit.parameters["amplitude"] == pytest.approx(5.0, rel=0.01)
    np.testing.assert_allclose(fit.amplitudes, truth / 5, err_msg="the factor is told, not applied")


def test_unexplained_is_small_for_a_fit_and_large_for_another_mixture():
    spectra = mixture()
    signals = basis_signals(spectra, list(CONC))
    noise = {c: noise_sd(getattr(spectra, c), DWELL_S, F0_MHZ, GRID) for c in signals.fids}
    good = fit_linear_combination(spectra, signals, GRID)
    wrong = fit_linear_combination(spectra, signals, GRID, fixed=np.ones(len(signals.names)))
    assert unexplained(good, noise, GRID, N * DWELL_S) < 0.005
    assert unexplained(wrong, noise, GRID, N * DWELL_S) > 0.05


def test_noise_is_measured_in_the_spectrum():
    rng = np.random.default_rng(1)
    fid = 0.3 * (rng.normal(size=4096) + 1j * rng.normal(size=4096))
    expected = 0.3 * np.sqrt(2048) * DWELL_S
    assert noise_sd(fid, DWELL_S, F0_MHZ, GRID) == pytest.approx(expected, rel=0.1)
    narrow_s = 1 / 700.0
    assert noise_sd(fid, narrow_s, F0_MHZ, GRID) == pytest.approx(0.3 * np.sqrt(716) * narrow_s, rel=0.15)


def test_width_of_a_lorentzian():
    hz = (GRID.ppm - 3.0) * F0_MHZ
    assert full_width_hz(GRID.ppm, -1 / (1 + (hz / 2.5) ** 2), F0_MHZ) == pytest.approx(5.0, rel=0.02)
    assert full_width_hz(GRID.ppm, np.zeros(GRID.n_points), F0_MHZ) == 0.0


def test_estimates_scale_with_the_data(tiny_model):
    model = load_model(str(tiny_model))
    spectra = mixture()
    once, thousand = quantify(spectra, model), quantify(spectra.map(lambda fid: 1000 * fid), model)
    for a, b in zip(once.estimates, thousand.estimates, strict=True):
        assert b.value == pytest.approx(1000 * a.value, rel=1e-4, abs=1e-6)
        assert b.interval95[1] == pytest.approx(1000 * a.interval95[1], rel=1e-4, abs=1e-6)
    for a, b in zip(once.ratios(), thousand.ratios(), strict=True):
        assert b.value == pytest.approx(a.value, rel=1e-4, abs=1e-6)


def test_ratios_to_naa_stand_beside_those_to_cr():
    model = load_model("phantom")
    both, alone = quantify(mixture(), model), quantify(mixture(only="diff"), model)
    values = {e.name: e.value for e in (*both.estimates, *both.combinations)}
    assert (both.reference_name, both.second_reference_name) == ("Cr+PCr", "NAA")
    assert {e.name for e in both.second_ratios()} == {e.name for e in both.ratios()}
    for e in both.second_ratios():
        assert e.value == pytest.approx(1.0 if e.name == "NAA" else values[e.name] / values["NAA"]), e.name
        assert e.interval95[0] <= e.value <= e.interval95[1]
        assert e.unit == "/NAA"
    assert alone.second_reference == (), "NAA is the first reference there"
    assert alone.second_ratios() == ()


def test_a_diff_alone_has_naa_as_reference_and_no_cr(tiny_model):
    result = quantify(mixture(only="diff"), load_model(str(tiny_model)))
    assert result.reference == ("NAA",)
    assert next(e for e in result.estimates if e.name == "Cr").flag == "not visible"
    assert "Cr" not in result.classical
    assert {e.sub_spectrum for e in result.estimates} == {"diff"}
    assert result.panels[0].name == "diff"


@pytest.mark.parametrize(("only", "given"), [("edit_off", False), ("diff", True), (None, True)])
def test_a_sum_is_given_where_every_part_shows(only, given):
    conc = {"NAA": 11.0, "Cr": 8.0, "GPC": 1.6, "Ins": 6.0, "Glu": 9.0, "Gln": 2.4, "GABA": 1.8, "GSH": 1.2}
    result = quantify(mixture({**conc, "MM09": 6.0, "MM30": 2.0}, noise=0.1, only=only), load_model("invivo"))
    names = {e.name for e in result.combinations}
    assert not result.refused
    assert ("GABA+" in names) is given
    assert "Glx" in names
    assert {e.name for e in result.ratios()} <= {e.name for e in (*result.estimates, *result.combinations)}


def test_noise_alone_is_refused_without_numbers(tiny_model):
    rng = np.random.default_rng(0)
    fids = {c: rng.normal(size=N) + 1j * rng.normal(size=N) for c in ("edit_off", "diff")}
    result = quantify(EditedSpectra(DWELL_S, F0_MHZ, Path("x"), **fids), load_model(str(tiny_model)))
    assert result.refused
    assert result.estimates == ()
    assert result.ratios() == ()
    assert result.fitted_fid is None


def test_foreign_lines_are_refused(tiny_model):
    time_s = time_axis(N, DWELL_S)
    foreign = sum(np.exp((2j * np.pi * (d - 4.65) * F0_MHZ - 9) * time_s) for d in (1.5, 2.75, 3.4, 3.55))
    result = quantify(
        EditedSpectra(DWELL_S, F0_MHZ, Path("x"), edit_off=20 * foreign, diff=8j * foreign), load_model(str(tiny_model))
    )
    assert result.refused


def test_ranges_are_checked(tiny_model):
    spectra = mixture()
    far = EditedSpectra(DWELL_S, F0_MHZ, Path("x"), edit_off=spectra.edit_off, diff=spectra.diff, te_s=0.08)
    result = quantify(far, load_model(str(tiny_model)))
    te = next(check for check in result.range_checks if check.name == "te_s")
    assert not te.inside
    assert not result.refused
    assert "outside_training" in {flag.code for flag in result.flags}


def test_zeros_that_fill_a_short_acquisition_up_do_not_make_it_long(tiny_model):
    mixed = mixture()
    raw = np.stack([mixed.edit_off, mixed.edit_off + mixed.diff])[:, None, None].repeat(2, axis=2)
    raw[..., 300:] = 0
    pair = Acquisition(raw, DWELL_S, F0_MHZ, Path("x"), conditions=("edit_off", "edit_on"))
    spectra = preprocess(pair).spectra
    assert spectra.measured_points == 300
    model = load_model(str(tiny_model))
    found = [quantify(each, model) for each in (spectra, replace(spectra, measured_points=None))]
    seconds = [next(c.value for c in each.range_checks if c.name == "acquired_s") for each in found]
    assert seconds == pytest.approx([300 * DWELL_S, spectra.n_points * DWELL_S])


def test_basis_of_the_user_gives_the_same_fit(tmp_path):
    spectra = mixture()
    lines, _ = _shipped(mixture())
    write_fsl_basis(tmp_path, lines, n_points=2048, dwell_s=DWELL_S, lw_hz=0.0)
    own = basis_signals(spectra, list(CONC), tmp_path)
    shipped = basis_signals(spectra, list(CONC))
    a, b = (fit_linear_combination(spectra, s, GRID).amplitudes for s in (own, shipped))
    # the shipped one is scaled to three protons of NAA: a common factor
    np.testing.assert_allclose(a / a.sum(), b / b.sum(), rtol=1e-3)


@pytest.mark.parametrize(
    ("f0_mhz", "te_s", "off_ppm", "name"),
    [
        (123.25, 0.068, 7.5, "mega_press_te68_123.25"),
        (127.73, None, None, "mega_press_te68_127.75"),
        (127.76, 0.070, 7.46, "mega_press_te68_127.75"),
        (127.73, 0.080, 1.5, "mega_press_te80_mmsup_127.75"),
        (123.20, 0.080, 1.5, "mega_press_te80_mmsup_123.25"),
    ],
)
def test_the_shipped_basis_is_that_of_the_protocol(f0_mhz, te_s, off_ppm, name):
    pulses = {} if off_ppm is None else {"OFF": {"shift_ppm": off_ppm}}
    spectra = EditedSpectra(DWELL_S, f0_mhz, Path("x"), diff=np.ones(N), te_s=te_s, edit_pulse=pulses)
    assert _shipped(spectra)[1] == name


@pytest.mark.parametrize("folder", sorted(p.name for p in basis_folder().iterdir() if (p / "lines.npz").exists()))
def test_shipped_bases_are_what_the_simulator_makes(folder):
    path = basis_folder() / folder
    stored = load_line_basis(path / "lines.npz")
    provenance = json.loads((path / "provenance.json").read_text())
    assert provenance["lines_sha256"] == hashlib.sha256((path / "lines.npz").read_bytes()).hexdigest()
    assert MegaPress.from_dict(provenance["sequence"]) == stored.sequence
    for name in ("GABA", "NAA"):
        fresh = simulate_metabolite(load_system(name), stored.sequence)
        for condition in ("edit_off", "edit_on"):
            expected = getattr(fresh, condition).fid(512, 1e-3)
            kept = getattr(stored.pairs[name], condition).fid(512, 1e-3)
            # lines below 1e-4 of a proton are left out of the file
            np.testing.assert_allclose(kept, expected, atol=3e-3)


def test_basis_folder_round_trip_and_errors(tmp_path):
    lines, _ = _shipped(mixture())
    write_fsl_basis(tmp_path, lines, n_points=256, lw_hz=1.0)
    back = read_fsl_basis(tmp_path / "diff")
    written = lines.condition("diff", 256, 5e-4, lw_hz=1.0)
    order = [back.names.index(name) for name in written.names]
    np.testing.assert_allclose(back.fids[order], written.fids, atol=1e-12)
    assert back.f0_mhz == lines.sequence.f0_mhz
    with pytest.raises(DataError, match="no FSL-MRS basis"):
        read_fsl_basis(tmp_path / "nowhere")
    (tmp_path / "diff" / "GABA.json").write_text("{")
    with pytest.raises(DataError, match=r"GABA\.json"):
        read_fsl_basis(tmp_path / "diff")


def _change(folder, change):
    for path in folder.glob("*/*.json"):
        content = json.loads(path.read_text())
        change(content["basis"])
        path.write_text(json.dumps(content))


@pytest.fixture
def user_basis(tmp_path):
    lines, _ = _shipped(mixture())
    chosen = LineBasis({name: lines.pairs[name] for name in CONC if name in lines.pairs}, lines.sequence)
    write_fsl_basis(tmp_path / "basis", chosen, n_points=2048, dwell_s=DWELL_S, lw_hz=1.0)
    return tmp_path / "basis"


@pytest.mark.parametrize(
    ("entry", "value", "said"),
    [
        ("basis_dwell", 0.5, "basis_dwell is impossible; expected 1e-06 to 0.05 s; got 0.5"),
        ("basis_dwell", float("nan"), "basis_dwell is impossible"),
        ("basis_centre", 1.277e8, "basis_centre is impossible; expected 1 to 2000 MHz"),
        ("basis_width", -1, "basis_width is impossible"),
    ],
)
def test_a_basis_in_other_units_is_one_error(user_basis, entry, value, said):
    _change(user_basis, lambda basis: basis.update({entry: value}))
    with pytest.raises(DataError, match=said):
        basis_signals(mixture(), list(CONC), user_basis)


def test_a_basis_without_gaba_does_not_suit_edited_data(user_basis):
    for path in user_basis.glob("*/GABA.json"):
        path.unlink()
    with pytest.raises(DataError, match="the basis has no GABA, which is what the data are edited for; got"):
        basis_signals(mixture(), list(CONC), user_basis)


def test_empty_and_double_signals_of_a_basis_are_named(user_basis):
    def empty(basis):
        if basis["basis_name"] == "GABA":
            basis["basis_re"] = basis["basis_im"] = [0.0] * len(basis["basis_re"])

    double = user_basis / "diff" / "Glutamate.json"
    double.write_bytes((user_basis / "diff" / "Glu.json").read_bytes())
    with pytest.raises(DataError, match="two files of the basis are called Glu"):
        basis_signals(mixture(), list(CONC), user_basis)
    double.unlink()
    _change(user_basis, empty)
    with pytest.raises(DataError, match="basis signals are all zero; got GABA"):
        basis_signals(mixture(), list(CONC), user_basis)


@pytest.mark.parametrize("kind", ["capitals", "OFF and ON", "files of macOS"])
def test_odd_bases_are_as_good_as_the_plain_one(user_basis, kind):
    plain = basis_signals(mixture(), list(CONC), user_basis)
    if kind == "capitals":
        _change(user_basis, lambda basis: basis.update(basis_name=basis["basis_name"].upper()))
    elif kind == "OFF and ON":
        shutil.rmtree(user_basis / "diff")
    else:
        (user_basis / "diff" / "._GABA.json").write_bytes(b"\0\5\26\7")
    odd = basis_signals(mixture(), list(CONC), user_basis)
    assert odd.names == plain.names
    for condition, fids in plain.fids.items():
        np.testing.assert_allclose(odd.fids[condition], fids, atol=1e-6 * np.abs(fids).max())


def test_a_basis_of_one_condition_says_what_is_missing(user_basis):
    shutil.rmtree(user_basis / "diff")
    (user_basis / "edit_on").rename(user_basis / "on")
    with pytest.raises(DataError, match=r"both conditions of the data; .* or edit_off and edit_on; got edit_off, on"):
        basis_signals(mixture(), list(CONC), user_basis)


def test_a_basis_that_is_not_there_is_called_that(tmp_path):
    """Not a basis of one condition for data of two."""
    (tmp_path / "MEGA.BASIS").write_text("$SEQPAR")
    for name, text in (("nowhere", "there is no such folder"), ("MEGA.BASIS", "is a file; a basis is a folder")):
        with pytest.raises(DataError, match=f"{name}: {text}"):
            _stored(tmp_path / name, "diff", None, 2)


def test_unknown_model_is_named():
    with pytest.raises(ConfigError, match="there is no model 'frist_light'"):
        find_model("frist_light")


def test_a_sum_with_a_part_that_does_not_show_is_no_sum():
    seen, hidden = (
        Estimate(name, 1.0, 0.1, (0.9, 1.1), (0.8, 1.2), "edit_off", flag=flag)
        for name, flag in (("GABA", ""), ("MM30", "not visible"))
    )
    assert combine("GABA+", [seen, hidden]) is None
    assert combine("GABA+", [seen]).value == 1.0


def test_sums_add_values_and_spreads_in_quadrature():
    a = Estimate("Glu", 8.0, 0.3, (7.7, 8.3), (7.4, 8.6), "diff")
    b = Estimate("Gln", 2.0, 0.4, (1.6, 2.4), (1.2, 2.8), "diff")
    glx = combine("Glx", [a, b])
    assert glx.value == pytest.approx(10.0)
    assert glx.sd == pytest.approx(0.5)
    assert glx.interval95 == pytest.approx((9.0, 11.0))
    ratio = glx.relative_to(Estimate("NAA", 5.0, 0.25, (4.75, 5.25), (4.5, 5.5), "diff"))
    assert ratio.value == pytest.approx(2.0)
    assert ratio.sd == pytest.approx(2.0 * np.hypot(0.05, 0.05))
    with pytest.raises(ZeroDivisionError, match="NAA"):
        a.relative_to(Estimate("NAA", 0.0, 0.1, (0.0, 0.1), (0.0, 0.2), "diff"))
