# SPDX-License-Identifier: Apache-2.0
"""The parts of the back end that need no FSL-MRS: nuisance fit, covariance, unit of a basis, texts of the report."""

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from fsl_mrs_dl.basis.files import load_line_basis
from fsl_mrs_dl.core.errors import ConfigError, DataError
from fsl_mrs_dl.core.flags import Flag
from fsl_mrs_dl.core.resources import basis_folder
from fsl_mrs_dl.fsl_plugin import report
from fsl_mrs_dl.fsl_plugin.arguments import check_arguments
from fsl_mrs_dl.fsl_plugin.functions import Functions
from fsl_mrs_dl.fsl_plugin.nuisance import FslProblem, fit_nuisance, spectrum_of
from fsl_mrs_dl.models.estimate import Estimate
from fsl_mrs_dl.quantify.host import common_unit, covariance, ratio_sd, unit_ratios
from fsl_mrs_dl.quantify.result import Quantification, RangeCheck
from tests.helpers import fid_of

N, DWELL_S, F0_MHZ = 1024, 5e-4, 127.7


def problem_of(fid, **changes):
    """Three functions: NAA-like and GABA-like of opposite sign, and a broad one."""
    basis = np.stack(
        [
            -fid_of({2.008: 3.0, 2.5: 0.5}, lw_hz=1, n_points=N),
            fid_of({3.013: 2.0, 2.3: 1.0}, lw_hz=1, n_points=N),
            fid_of({1.2: 2.0}, lw_hz=20, n_points=N),
        ],
        axis=1,
    )
    freq_hz = np.linspace(-1, 1, N) / DWELL_S / 2
    ppm = 4.65 + freq_hz / F0_MHZ
    first, last = np.argmin(np.abs(ppm - 0.2)), np.argmin(np.abs(ppm - 4.2))
    line = np.zeros(N)
    line[first:last] = np.linspace(-1, 1, last - first)
    one = (line != 0).astype(float)
    regressors = np.stack([one, 1j * one, line, 1j * line], axis=1)
    problem = FslProblem(
        fid=fid,
        basis=basis,
        time_s=np.linspace(DWELL_S, N * DWELL_S, N),
        freq_hz=freq_hz,
        regressors=regressors,
        penalty=None,
        groups=(0, 0, 0),
        first=int(first),
        last=int(last),
        ppm_hz=F0_MHZ,
    )
    return replace(problem, **changes)


def made(problem, conc, gamma=12.0, sigma=8.0, eps=9.0, phi0=0.3, phi1=2e-4, baseline=(2.0, -1.0, 0.5, 1.0)):
    """A FID by the formula of FSL-MRS's model, written out in full; gamma, sigma and eps by basis function."""
    t = problem.time_s[:, None]
    gamma, sigma, eps = (np.broadcast_to(v, 3) for v in (gamma, sigma, eps))
    fids = problem.basis * np.exp(-(1j * eps + gamma + t * sigma**2) * t)
    spectrum = np.exp(-1j * (phi0 + phi1 * problem.freq_hz)) * (spectrum_of(fids) @ conc)
    spectrum = spectrum + problem.regressors @ np.array(baseline)[: problem.regressors.shape[1]]
    fid = np.fft.ifft(np.fft.ifftshift(spectrum), norm="ortho")
    fid[0] *= 2
    return replace(problem, fid=fid)


BLANK = problem_of(np.zeros(N, complex))
CONC = np.array([0.3, 0.05, 0.0])


def test_nuisance_parameters_are_found_back():
    fit = fit_nuisance(made(BLANK, 7.0 * CONC), CONC)
    assert fit.amplitude == pytest.approx(7.0, rel=1e-3)
    np.testing.assert_allclose(fit.concentrations, 7.0 * CONC, rtol=1e-3)
    assert fit.gamma[0] == pytest.approx(12.0, rel=0.02)
    assert fit.sigma[0] == pytest.approx(8.0, rel=0.02)
    assert fit.eps[0] == pytest.approx(9.0, abs=0.05)
    assert fit.phi0 == pytest.approx(0.3, abs=0.01)
    assert fit.phi1 == pytest.approx(2e-4, abs=2e-6)
    np.testing.assert_allclose(fit.baseline, [2.0, -1.0, 0.5, 1.0], atol=0.02)
    assert fit.left < 1e-4
    assert fit.vector(gaussian=True).shape == (3 + 3 + 2 + 4,)
    assert fit.vector(gaussian=False).shape == (3 + 2 + 2 + 4,)


@pytest.mark.parametrize("shift_hz", [-30.0, 0.0, 25.0])
def test_inverted_and_shifted_data_are_met_by_phase_and_shift(shift_hz):
    fit = fit_nuisance(made(BLANK, 7.0 * CONC, eps=2 * np.pi * shift_hz, phi0=np.pi), CONC)
    assert fit.amplitude == pytest.approx(7.0, rel=1e-3)
    assert np.cos(fit.phi0) == pytest.approx(-1.0, abs=1e-3)
    assert fit.eps[0] == pytest.approx(2 * np.pi * shift_hz, abs=0.1)


def test_what_the_network_does_not_know_is_fitted_and_never_negative():
    held = np.array([0.3, 0.05, np.nan])
    fit = fit_nuisance(made(BLANK, np.array([2.1, 0.35, 0.9])), held)
    assert fit.amplitude == pytest.approx(7.0, rel=2e-3)
    assert fit.concentrations[2] == pytest.approx(0.9, rel=0.02)
    fit = fit_nuisance(made(BLANK, np.array([2.1, 0.35, -0.9])), held)
    assert fit.concentrations[2] == 0.0


def test_groups_have_line_shapes_of_their_own():
    problem = replace(BLANK, groups=(0, 1, 0))
    conc = np.array([0.3, 0.2, 0.0])
    fit = fit_nuisance(made(problem, 5 * conc, gamma=[8.0, 20.0, 8.0], sigma=6.0, eps=[3.0, 12.0, 3.0]), conc)
    np.testing.assert_allclose(fit.gamma, [8.0, 20.0], rtol=0.03)
    np.testing.assert_allclose(fit.eps, [3.0, 12.0], atol=0.2)
    assert fit.vector(gaussian=True).shape == (3 + 6 + 2 + 4,)


def test_free_shifts_and_a_lorentzian_model():
    problem = replace(BLANK, free_shift=True, gaussian=False)
    conc = np.array([0.3, 0.2, 0.0])
    fit = fit_nuisance(made(problem, 5 * conc, sigma=0.0, eps=[3.0, 14.0, 3.0]), conc)
    np.testing.assert_allclose(fit.eps[:2], [3.0, 14.0], atol=0.2)
    assert fit.sigma.tolist() == [0.0]
    assert fit.vector(gaussian=False).shape == (3 + 1 + 3 + 2 + 4,)


def test_a_penalty_holds_the_baseline_down_and_no_baseline_is_none():
    data = made(BLANK, 7.0 * CONC)
    free, stiff = (fit_nuisance(replace(data, penalty=k * np.eye(4)), CONC) for k in (1e-9, 1e4))
    np.testing.assert_allclose(free.baseline, [2.0, -1.0, 0.5, 1.0], atol=0.02)
    assert np.abs(stiff.baseline).max() < 0.2
    without = fit_nuisance(made(replace(BLANK, regressors=np.zeros((N, 0), complex)), 7.0 * CONC, baseline=()), CONC)
    assert without.baseline.shape == (0,)
    assert without.amplitude == pytest.approx(7.0, rel=1e-3)


def quantification(**changes):
    def one(name, value, sd):
        return Estimate(name, value, sd, (value - sd, value + sd), (value - 2 * sd, value + 2 * sd), "edit_off+diff")

    estimates = (one("GABA", 2.0, 0.2), one("Glu", 9.0, 0.6), one("Gln", 3.0, 0.5))
    facts = {"name": "m<1>", "hash": "abcdef0123456789", "ranges": {"te_s": [0.066, 0.07], "snr": [15.0, 1e4]}}
    values = {
        "estimates": estimates,
        "combinations": (one("Glx", 12.0, 0.4),),
        "reference": ("Cr", "PCr"),
        "panels": (),
        "qc": {},
        "fit_parameters": {},
        "range_checks": (RangeCheck("te_s", 0.068, 0.066, 0.07),),
        "model": facts,
        "flags": (Flag("diff_only"), Flag("water_removed")),
    }
    return Quantification(**(values | changes))


def test_the_covariance_gives_every_metabolite_and_every_sum_its_calibrated_spread():
    names = ["Gln", "X", "GABA", "Glu"]
    cov = covariance(quantification(), names)
    np.testing.assert_allclose(np.sqrt(np.diagonal(cov)), [0.5, 0.0, 0.2, 0.6])
    weights = np.array([1.0, 0, 0, 1.0])
    assert math.sqrt(weights @ cov @ weights) == pytest.approx(0.4)
    assert np.linalg.eigvalsh(cov).min() > -1e-12
    assert cov[2, 3] == 0


def test_ratio_sd_against_a_draw():
    rng = np.random.default_rng(0)
    cov = np.array([[0.04, 0.01], [0.01, 0.09]])
    draws = rng.multivariate_normal([5.0, 20.0], cov, 200_000)
    expected = np.std(draws[:, 0] / draws[:, 1])
    assert ratio_sd(5.0, 20.0, 0.04, 0.09, 0.01) == pytest.approx(expected, rel=0.02)
    assert math.isnan(ratio_sd(1.0, 0.0, 1.0, 1.0, 0.0))


@pytest.fixture(scope="module")
def shipped_diff():
    lines = load_line_basis(next(basis_folder().glob("mega_press_te68_127*/lines.npz")))
    return lines.condition("diff", 2048, 5e-4, lw_hz=2.0)


@pytest.mark.parametrize("factor", [1.0, 0.5, -1.0, 40.0])
def test_the_unit_of_a_basis_is_found(shipped_diff, factor):
    names, fids = shipped_diff.names, shipped_diff.fids
    ratios = unit_ratios(names, fids, shipped_diff.dwell_s, shipped_diff.f0_mhz)
    scaled = unit_ratios(names, factor * fids, shipped_diff.dwell_s, shipped_diff.f0_mhz)
    assert set(ratios) == {"NAA", "NAAG", "GABA", "Glu", "Gln", "GSH"}
    for name in ratios:
        assert scaled[name] == pytest.approx(factor * ratios[name])
        # the given basis has 2 Hz of width already
        assert ratios[name] == pytest.approx(ratios["NAA"], rel=0.1)
    assert common_unit(scaled) == pytest.approx(factor * common_unit(ratios))


def test_a_basis_normalised_one_by_one_is_refused(shipped_diff):
    names, fids = shipped_diff.names, shipped_diff.fids
    normalised = fids / np.linalg.norm(fids, axis=1, keepdims=True)
    with pytest.raises(DataError, match="not on one scale"):
        common_unit(unit_ratios(names, normalised, shipped_diff.dwell_s, shipped_diff.f0_mhz), "basis")


def test_an_edit_off_basis_does_not_tell_a_unit_of_diff():
    lines = load_line_basis(next(basis_folder().glob("mega_press_te68_127*/lines.npz")))
    off = lines.condition("edit_off", 2048, 5e-4, lw_hz=2.0)
    ratios = unit_ratios(off.names, off.fids, off.dwell_s, off.f0_mhz)
    assert "GABA" not in ratios
    assert common_unit({}) is None


NAMES = ("GABA", "Glu", "NAA", "Cr", "PCr", "MM09")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"combine": [["GABA", "Foo"]]}, "'Foo' is not among the basis functions"),
        ({"keep": ["NAA", "GABB"]}, "did you mean 'GABA'"),
        ({"ignore": ["Foo"]}, "--ignore"),
        ({"ignore": ["Cr", "PCr"], "internal_ref": ["Cr", "PCr"]}, "--internal_ref NAA"),
        ({"ind_scale": ["GABA"]}, "ratios would be lost"),
        ({"ind_scale": ["Foo"]}, "--ind_scale"),
        ({"metab_groups": ["Foo"]}, "--metab_groups"),
        ({"metab_groups": ["0", "1"]}, "one number per basis function; expected 6"),
        ({"baseline": "foo"}, "--baseline is not understood"),
        ({"wref_metabolite": ["NAA"]}, "needs --ref_protons"),
        ({"wref_metabolite": ["Foo"], "ref_protons": 3, "ref_int_limits": [1.8, 2.2]}, "--wref_metabolite"),
    ],
)
def test_arguments_that_fsl_mrs_would_stumble_over_later(options, text):
    with pytest.raises(ConfigError, match=text):
        check_arguments(SimpleNamespace(**options), NAMES, ("GABA", "Glu", "NAA", "Cr", "PCr"))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"internal_ref": ["Cr+PCr"]},
        {"internal_ref": ["Cr", "PCr"]},
        {"metab_groups": ["0"]},
        {"metab_groups": ["combine_all"]},
        {"metab_groups": ["MM09"]},
        {"metab_groups": ["GABA+Glu", "MM09"]},
        {"metab_groups": list("012345")},
        {"baseline": "poly, 3"},
        {"baseline": "polynomial, 2"},
        {"baseline": "off"},
        {"baseline": "spline, very-stiff"},
        {"baseline": "spline, 12.5"},
        {"ind_scale": ["MM09"]},
    ],
)
def test_arguments_that_are_right(options):
    assert check_arguments(SimpleNamespace(**options), NAMES, ("GABA", "Glu", "NAA", "Cr", "PCr")) == list(NAMES)


def test_the_unit_of_a_basis_does_not_depend_on_its_line_width(shipped_diff):
    plain = unit_ratios(shipped_diff.names, shipped_diff.fids, shipped_diff.dwell_s, shipped_diff.f0_mhz)
    time_s = np.arange(shipped_diff.fids.shape[1]) * shipped_diff.dwell_s
    broad = shipped_diff.fids * np.exp(-np.pi * 3.0 * time_s)
    found = unit_ratios(shipped_diff.names, broad, shipped_diff.dwell_s, shipped_diff.f0_mhz, shipped_diff.lw_hz + 3.0)
    told = unit_ratios(
        shipped_diff.names, shipped_diff.fids, shipped_diff.dwell_s, shipped_diff.f0_mhz, shipped_diff.lw_hz
    )
    assert plain.keys() == found.keys()
    for name, ratio in told.items():
        assert found[name] == pytest.approx(ratio, rel=1e-6)


# the report


def result_of(q, **changes):
    spectra = SimpleNamespace(present=("edit_off", "diff"))
    facts = {
        "quantification": q,
        "spectra": spectra,
        "conditions": "OFF & ON",
        "functions": Functions({"GABA": ("GABA",)}, fitted=("MM<9>",)),
        "hidden": (),
        "notes": ("a note",),
        "plus": False,
        "unscaled": "",
    }
    return SimpleNamespace(
        dl=SimpleNamespace(**(facts | changes)),
        original_metabs=["GABA", "MM<9>"],
        metab_groups=[0, 0],
        baseline_order=2,
        notes=lambda: ("a caution", "a note"),
        cautions=lambda: ("a caution",),
    )


@pytest.fixture
def _version(monkeypatch):
    monkeypatch.setattr(report, "fsl_version", lambda: "stand-in")


@pytest.mark.usefixtures("_version")
def test_the_report_says_what_made_the_numbers():
    res = result_of(quantification())
    block, methods = report.summary_block(res), report.methods_text(res)
    for text in ("m&lt;1&gt;", "abcdef0123456789", "OFF &amp; ON", "a note", "0.066 to 0.07", "0.068", "inside"):
        assert text in block
    cautions, remarks = block.split("<b>Cautions</b>")[1].split("<b>Remarks</b>")
    assert "a caution" in cautions
    assert "a note" in remarks
    assert "not known" in block  # the SNR was not checked
    assert "MM&lt;9&gt;" in block
    assert Flag("diff_only").sentence.split(";")[0] in block
    assert "neural network 'm&lt;1&gt;'" in methods
    assert "Newton" not in methods
    assert "no Cram" in methods
    assert "one common amplitude" in methods
    assert "of the fitted functions FSL-MRS's" in methods
    taken = result_of(quantification(), unscaled="the common amplitude could not be fitted with this basis")
    assert "amplitude, line" not in report.methods_text(taken)


@pytest.mark.usefixtures("_version")
def test_the_report_of_a_refusal_claims_no_estimates():
    q = quantification(flags=(Flag("refused", "too noisy"),), estimates=(), combinations=())
    res = result_of(q)
    assert "REFUSED" in report.summary_block(res)
    assert "too noisy" in report.summary_block(res)
    assert "were estimated" not in report.methods_text(res)
    assert "refused" in report.methods_text(res)


def test_reports_of_other_fits_are_left_alone():
    module = SimpleNamespace(svs_methods_summary=lambda res: f"own {res}", svs_summary_div=lambda mrs, res: [mrs, res])
    report._replace(module, "svs_methods_summary", lambda _res: "dl")
    report._prepend(module, "svs_summary_div", lambda _res: ["dl"])
    mrs, plain, dl = object(), object(), SimpleNamespace(dl=1)
    assert module.svs_methods_summary("res") == "own res"
    assert module.svs_methods_summary(dl) == "dl"
    answer = module.svs_summary_div(mrs, plain)
    assert answer[0] is mrs
    assert answer[1] is plain
    assert module.svs_summary_div(mrs, dl) == ["dl", mrs, dl]


def test_a_water_reference_that_is_sampled_otherwise_is_named_before_anything_is_written(tmp_path):
    from fsl_mrs_dl.fsl_plugin.arguments import check_water
    from fsl_mrs_dl.io.nifti import write_spectrum

    fid = np.exp(-np.arange(1024) / 100.0) + 0j
    for name, signal, dwell_s in (
        ("data", fid, 5e-4),
        ("same", fid, 5e-4),
        ("short", fid[:512], 5e-4),
        ("fast", fid, 2.5e-4),
    ):
        write_spectrum(tmp_path / f"{name}.nii.gz", signal, dwell_s=dwell_s, f0_mhz=127.7)
    check_water(tmp_path / "same.nii.gz", tmp_path / "data.nii.gz")
    with pytest.raises(DataError, match=r"short.*another number of points.*expected 1024; got 512"):
        check_water(tmp_path / "short.nii.gz", tmp_path / "data.nii.gz")
    with pytest.raises(DataError, match=r"fast.*another dwell time"):
        check_water(tmp_path / "fast.nii.gz", tmp_path / "data.nii.gz")


def test_what_should_never_happen_is_one_line_too(monkeypatch, capsys):
    from fsl_mrs_dl.fsl_plugin import checks

    def broken(*_):
        raise IndexError("out of range")

    monkeypatch.setattr(checks, "_check", broken)
    with pytest.raises(SystemExit) as left:
        checks.check_before_writing(None, "", "fsl_mrs", None)
    assert left.value.code == 1
    assert capsys.readouterr().err.startswith("fsl_mrs --algo dl: error: internal error, IndexError: out of range. ")


def test_the_report_of_fsl_mrs_shows_its_pictures_without_the_internet():
    pytest.importorskip("plotly", reason="plotly is not installed")
    script = '<script charset="utf-8" src="https://cdn.plot.ly/plotly-3.1.0.min.js" integrity="x"></script>'
    page = report.without_network(f"<html>{script}<p>first</p>{script}<p>second</p></html>")
    assert "cdn.plot.ly/plotly-3" not in page
    assert page.count('<script id="plotly">') == 1
    assert page.index('<script id="plotly">') < page.index("first")
    assert report.without_network("<html></html>") == "<html></html>"


def test_messages_name_the_options_that_fsl_mrs_has():
    from fsl_mrs_dl.fsl_plugin.messages import in_words_of_fsl

    assert in_words_of_fsl("choose another with --model") == "choose another with --algo dl:NAME"
    assert in_words_of_fsl("--model NAME, or --model-x") == "--algo dl:NAME, or --model-x"
    insisting = in_words_of_fsl("(--any-protocol quantifies it all the same)")
    assert insisting == "(FSL_MRS_DL_ANY_PROTOCOL=1 quantifies it all the same)"
