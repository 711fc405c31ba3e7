# SPDX-License-Identifier: Apache-2.0
"""The drawn spectrum: groups of protons of their own width, place and size; lines of the data beside fitted ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fsl_mrs_dl.core.data import EditedSpectra
from fsl_mrs_dl.core.units import time_axis
from fsl_mrs_dl.models.inputs import PpmGrid
from fsl_mrs_dl.physics.simulate import voigt_decay
from fsl_mrs_dl.quantify.lincomb import fit_linear_combination, spline_columns
from fsl_mrs_dl.quantify.line_agreement import Agreement, agreement_flags, line_agreement
from fsl_mrs_dl.quantify.line_groups import NEAR_WATER, Freedom, line_groups
from fsl_mrs_dl.quantify.overlay import _Problem, overlay
from fsl_mrs_dl.quantify.signals import basis_signals

GRID = PpmGrid()
CONC = {"Cr": 8.0, "GABA": 2.0, "Gln": 3.0, "Glu": 10.0, "NAA": 12.0, "MM09": 3.0, "MM30": 2.0}
DWELL_S, F0_MHZ, N = 5e-4, 127.73, 2048
NOISE = 0.02
SHARED_POINTS = 1 / (N * DWELL_S * GRID.step_ppm * F0_MHZ)
OWN_WIDTH_HZ = {"Cr": 2.0, "NAA": -0.8}


def scan(near_water: float = 1.0, widths_hz: dict[str, float] | None = None):
    """Spectra in which lines differ in width and creatine's methylene line in size, and their signals."""
    rng = np.random.default_rng(3)
    time_s = time_axis(N, DWELL_S)
    empty = EditedSpectra(DWELL_S, F0_MHZ, Path("x"), edit_off=np.ones(N), diff=np.ones(N), te_s=0.068)
    signals = basis_signals(empty, list(CONC))
    amplitudes = np.array([CONC[name] for name in signals.names])
    common = voigt_decay(time_s, 2.0, 4.0)
    total = {c: NOISE * (rng.normal(size=N) + 1j * rng.normal(size=N)) for c in signals.fids}
    for name, group in line_groups(signals, amplitudes, empty, Freedom()):
        own = np.exp(-np.pi * (OWN_WIDTH_HZ if widths_hz is None else widths_hz).get(name, 0.0) * time_s)
        size = group.size * (near_water if group.label == "Cr+PCr" + NEAR_WATER else 1.0)
        for condition in total:
            total[condition] = total[condition] + size * group.fids[condition] * own * common
    return EditedSpectra(DWELL_S, F0_MHZ, Path("x"), te_s=0.068, **total), signals, amplitudes


def drawn(spectra, signals, amplitudes):
    """Fit with one width for all, overlay, and the noise on the grid."""
    fit = fit_linear_combination(spectra, signals, GRID, fixed=amplitudes)
    # white noise of this size per sample has this size on the grid, in the real part
    noise = dict.fromkeys(signals.fids, NOISE * np.sqrt(N) * DWELL_S)
    return fit, overlay(spectra, signals, GRID, amplitudes, fit, noise), noise


def left(picture, condition):
    """Root mean square of what a picture leaves of the data."""
    rest = picture.data[condition] - picture.baseline[condition] - picture.components[condition].sum(axis=0)
    return float(np.sqrt(np.mean(np.abs(rest) ** 2)))


def test_own_widths_and_sizes_follow_what_one_width_for_all_does_not():
    fit, picture, noise = drawn(*scan(near_water=0.8))
    assert left(fit, "edit_off") > 3 * noise["edit_off"]
    assert left(picture, "edit_off") < 0.25 * left(fit, "edit_off")
    assert left(picture, "diff") < left(fit, "diff")
    assert picture.sizes["Cr+PCr, edit_off"] == pytest.approx(0.8, abs=0.03)


def lines_of(picture, noise):
    """The lines of a picture by name."""
    return {line.name: line for line in line_agreement(picture, GRID, noise, SHARED_POINTS)}


def test_lines_of_right_amplitudes_are_followed_and_those_of_one_width_for_all_are_not():
    fit, picture, noise = drawn(*scan())
    lines = lines_of(picture, noise)
    assert set(lines) == {"Cr 3.03", "Cr 3.92", "NAA 2.01", "Glx 3.75", "GABA 3.0", "MM 0.9"}
    for name, line in lines.items():
        assert line.ratio == pytest.approx(1.0, abs=0.1 if name == "Glx 3.75" else 0.05), name
    assert agreement_flags(tuple(lines.values())) == []
    plain = replace(picture, components=fit.components, baseline=fit.baseline)
    assert abs(lines_of(plain, noise)["Cr 3.03"].ratio - 1) > 0.05


@pytest.mark.parametrize(
    ("name", "line", "factor"),
    [
        ("Cr", "Cr 3.03", 0.5),
        ("Cr", "Cr 3.03", 2.0),
        ("NAA", "NAA 2.01", 0.5),
        ("NAA", "NAA 2.01", 2.0),
        ("Glu", "Glx 3.75", 0.5),
    ],
)
def test_a_grossly_wrong_amplitude_shows_in_its_line(name, line, factor):
    spectra, signals, amplitudes = scan()
    parts = ("Glu", "Gln") if name == "Glu" else (name,)
    wrong = amplitudes * np.array([factor if own in parts else 1.0 for own in signals.names])
    _, picture, noise = drawn(spectra, signals, wrong)
    found = lines_of(picture, noise)
    assert (found[line].ratio - 1) * (factor - 1) < 0
    assert line in agreement_flags(tuple(found.values()))[0].detail


def test_the_amplitudes_are_the_ones_given():
    spectra, signals, amplitudes = scan(widths_hz={})
    _, picture, _ = drawn(spectra, signals, amplitudes)
    # the first point of the FID is the sum over all frequencies: what width and place cannot change
    inside = (GRID.ppm > 1.7) & (GRID.ppm < 2.3)
    area = picture.components["edit_off"][signals.names.index("NAA")].real[inside].sum()
    alone = amplitudes[signals.names.index("NAA")] * signals.fids["edit_off"][signals.names.index("NAA")]
    shape = voigt_decay(time_axis(N, DWELL_S), 2.0, 4.0)
    assert area == pytest.approx(GRID.evaluate(alone * shape, DWELL_S, F0_MHZ).real[inside].sum(), rel=0.01)


def test_derivatives_are_those_of_the_model():
    spectra, signals, amplitudes = scan()
    fit = fit_linear_combination(spectra, signals, GRID, fixed=amplitudes)
    problem = _Problem(spectra, signals, GRID, amplitudes, fit, dict.fromkeys(signals.fids, 0.01), Freedom())
    state = 0.3 * problem.sd * np.random.default_rng(1).standard_normal(len(problem.sd))
    for condition in signals.fids:
        jacobian = problem._jacobian(state, condition)
        scale = np.abs(problem.sd[:, None] * jacobian).max()
        for k in range(len(state)):
            step = np.zeros(len(state))
            step[k] = 1e-4 * problem.sd[k]
            ahead, behind = (problem._transform(problem._model(state + s * step, condition)) for s in (1, -1))
            numeric = (ahead - behind) / (2 * step[k])
            np.testing.assert_allclose(
                problem.sd[k] * jacobian[k], problem.sd[k] * numeric, atol=1e-6 * scale, err_msg=str(k)
            )


def test_noise_alone_raises_no_flag():
    assert agreement_flags((Agreement("Glx 3.75", 0.8, 0.1),)) == []
    assert agreement_flags((Agreement("Glx 3.75", 0.8, 0.05),))
    assert agreement_flags((Agreement("Glx 3.75", 0.95, 0.001),)) == []


def test_a_diff_alone_has_the_lines_of_diff():
    spectra, _, amplitudes = scan()
    alone = EditedSpectra(DWELL_S, F0_MHZ, Path("x"), diff=spectra.diff, te_s=0.068)
    only = basis_signals(alone, list(CONC))
    _, picture, noise = drawn(alone, only, amplitudes)
    assert list(lines_of(picture, noise)) == ["NAA 2.01", "Glx 3.75", "GABA 3.0", "MM 0.9"]


@pytest.mark.parametrize("knot_ppm", [0.3, 0.5, 0.9, 5.0])
def test_columns_of_the_spline_are_scipys(knot_ppm):
    from scipy.interpolate import BSpline

    grid = PpmGrid()
    inner = np.linspace(grid.low_ppm, grid.high_ppm, max(1, round((grid.high_ppm - grid.low_ppm) / knot_ppm)) + 1)
    knots = np.concatenate([[inner[0]] * 3, inner, [inner[-1]] * 3])
    expected = BSpline.design_matrix(grid.ppm, knots, 3).toarray()
    np.testing.assert_allclose(spline_columns(grid, knot_ppm), expected, rtol=0, atol=1e-14)
