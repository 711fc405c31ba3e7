# SPDX-License-Identifier: Apache-2.0
"""What is no edited spectrum of a brain or of a known solution gets no numbers, and is told why."""

from math import comb
from pathlib import Path

import numpy as np
import pytest

from fsl_mrs_dl.core.data import Acquisition, EditedSpectra
from fsl_mrs_dl.core.units import ppm_to_hz, time_axis
from fsl_mrs_dl.metabolites.table import BROAD, SIMULATED
from fsl_mrs_dl.models.inputs import PpmGrid
from fsl_mrs_dl.preprocess.load import load
from fsl_mrs_dl.preprocess.pipeline import preprocess
from fsl_mrs_dl.quantify.lincomb import FitResult, fit_linear_combination
from fsl_mrs_dl.quantify.quality import unexplained
from fsl_mrs_dl.quantify.quantify import quantify
from fsl_mrs_dl.quantify.refusal import Evidence, lacking, main_height, refusal, second_highest
from fsl_mrs_dl.quantify.signals import basis_signals
from tests.helpers import SHARED

F0_MHZ, DWELL_S, N = 127.73, 5e-4, 2048
TIME_S = time_axis(N, DWELL_S)
GRID = PpmGrid()
FOREIGN = {
    "ethanol": [(1.18, 3, 3, 7.1), (3.65, 2, 4, 7.1)],
    "acetone": [(2.22, 6, 1, 0.0)],
    "dimethyl sulfoxide": [(2.71, 6, 1, 0.0)],
    "glycerol": [(3.55, 2, 4, 6.0), (3.65, 2, 4, 5.0), (3.78, 1, 5, 5.0)],
    "a doublet": [(1.5, 3, 2, 7.0)],
    "a quartet": [(2.5, 2, 4, 8.0)],
    "choline": [(3.2, 9, 1, 0.0), (3.52, 2, 3, 5.0), (4.06, 2, 3, 5.0)],
    "oil": [(0.9, 3, 3, 7.0), (1.3, 20, 1, 0.0), (2.05, 2, 3, 6.0), (2.3, 2, 3, 7.0)],
}
"""Multiplets: ppm, protons, number of lines, splitting in Hz."""


def foreign(name, width_hz=4.0, seed=0):
    """One transient of a substance that nobody edits for GABA."""
    fid = np.zeros(N, complex)
    for ppm, protons, n, splitting_hz in FOREIGN[name]:
        for k in range(n):
            hz = ppm_to_hz(ppm, F0_MHZ) + (k - (n - 1) / 2) * splitting_hz
            fid += protons * comb(n - 1, k) / 2 ** (n - 1) * np.exp((2j * np.pi * hz - np.pi * width_hz) * TIME_S)
    rng = np.random.default_rng(seed)
    return fid + 0.02 * (rng.normal(size=N) + 1j * rng.normal(size=N))


def spectra_of(fids):
    return preprocess(Acquisition(np.asarray(fids)[:, None, None], DWELL_S, F0_MHZ, Path("x"))).spectra


def reason_of(result):
    return next(flag.detail for flag in result.flags if flag.code == "refused")


@pytest.mark.parametrize("name", FOREIGN)
def test_other_substances_are_refused(name):
    result = quantify(spectra_of([foreign(name)]))
    assert result.refused
    assert result.estimates == ()


def test_a_baseline_that_cancels_the_fit_hides_nothing():
    rng = np.random.default_rng(0)
    data = rng.normal(size=GRID.n_points) + 1j * rng.normal(size=GRID.n_points)
    large = 700.0 * np.exp(-(((GRID.ppm - 3.0) / 0.5) ** 2)) + 0j
    empty = np.zeros(N, complex)
    fit = FitResult(np.ones(1), {}, {"diff": data}, {"diff": -large}, {"diff": large[None]}, empty, empty, empty)
    assert unexplained(fit, {"diff": 0.0}, GRID, 1.0) == pytest.approx(1.0, rel=0.01)


def test_the_free_fit_stays_as_large_as_the_data():
    spectra = spectra_of([foreign("ethanol")])
    fit = fit_linear_combination(spectra, basis_signals(spectra, (*SIMULATED, *BROAD)), GRID)
    highest = np.abs(fit.data["diff"]).max()
    assert np.abs(fit.baseline["diff"]).max() < 2 * highest
    assert np.abs(fit.components["diff"]).max() < 2 * highest


def evidence(**changed):
    sound = {"survey_left": 0.01, "answer_left": 0.02, "snr": 80.0, "fwhm_hz": 6.0, "widest_hz": 13.0}
    return Evidence(**{**sound, "second_line": 0.5, "main_line": 1.0, "lipid_ratio": 0.05, **changed})


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, ""),
        ({"survey_left": 0.2}, "20 % of the signal"),
        ({"survey_left": 0.05, "answer_left": 0.5}, "50 % of the signal unexplained"),
        ({"fwhm_hz": 30.0}, "30 Hz wide"),
        ({"second_line": 0.01}, "single line"),
        ({"main_line": 0.01}, "neither a brain nor a solution"),
        ({"lipid_ratio": 0.9}, ""),
        ({"lipid_ratio": 0.9, "fwhm_hz": 41.0}, "lipid"),
        ({"snr": 3.0, "survey_left": 0.5}, "3.0 times the noise"),
    ],
)
def test_each_reason_is_told(changed, words):
    alone = EditedSpectra(DWELL_S, F0_MHZ, Path("x"), diff=np.ones(N, complex))
    reason = refusal(alone, evidence(**changed))
    assert words in reason
    assert bool(reason) is bool(words)


def test_a_pair_may_consist_of_one_line():
    pair = EditedSpectra(DWELL_S, F0_MHZ, Path("x"), edit_off=np.ones(N), edit_on=np.ones(N), diff=np.ones(N, complex))
    assert refusal(pair, evidence(second_line=0.0)) == ""


def test_the_second_highest_counts_parts_of_one_substance_as_one():
    parts = np.zeros((4, GRID.n_points), complex)
    parts[:, 100] = 6.0, 4.0, 1.0, 0.5
    empty = np.zeros(N, complex)
    fit = FitResult(np.ones(4), {}, {}, {}, {"diff": parts}, empty, empty, empty)
    assert second_highest(fit, ("NAA", "NAAG", "GABA", "Ins")) == pytest.approx(0.1)
    assert main_height(fit, ("GPC", "PCh", "GABA", "Ins")) == pytest.approx(1.0 / 6.0)
    assert main_height(fit, ("GPC", "Ins", "Tau", "GABA")) == pytest.approx(0.5 / 6.0)
    assert second_highest(FitResult(np.ones(1), {}, {}, {}, {"diff": parts[:1]}, empty, empty, empty), ("NAA",)) == 0.0


@pytest.mark.parametrize("name", ["ethanol_te30/sxa", "naa_left/smart_set0", "naa_left/challenge_ground_truth"])
def test_measured_and_foreign_files(name):
    path = SHARED / "cases" / "files" / f"{name}.nii.gz"
    if not path.is_file():
        pytest.skip("the shared cases are not beside the checkout")
    result = quantify(load(path).spectra)
    assert result.refused is name.startswith("ethanol")
    if not result.refused:
        assert "editing_missed" not in {flag.code for flag in result.flags}
        assert result.fit_parameters["naa_left_in_on"] < 0.06


def test_a_refusal_says_what_the_basis_lacks():
    assert lacking(["GABA", "NAA", "PCr", "Glu", "Ins"]) == ()
    assert lacking(["GABA", "NAAG", "Gln"]) == ("NAA", "Cr", "Glu")
