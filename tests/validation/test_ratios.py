# SPDX-License-Identifier: Apache-2.0
"""Errors of ratios in percent, against numbers worked out by hand, and the one-Gaussian fit on lines of known area."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from fsl_mrs_dl.core.constants import CHO_PPM, CR_CH3_PPM, GABA_H4_PPM
from fsl_mrs_dl.core.data import EditedSpectra
from fsl_mrs_dl.core.errors import DataError
from fsl_mrs_dl.core.files import write_json
from fsl_mrs_dl.core.units import ppm_to_hz, time_axis
from fsl_mrs_dl.models.estimate import Estimate
from fsl_mrs_dl.physics.simulate import voigt_decay
from fsl_mrs_dl.validation import outputs
from fsl_mrs_dl.validation.metrics import Pair
from fsl_mrs_dl.validation.outputs import Case
from fsl_mrs_dl.validation.programs.one_gaussian import one_gaussian
from fsl_mrs_dl.validation.ratios import pair_ratios, ratios_of, score_ratios, true_ratios
from fsl_mrs_dl.validation.run import read_truth

TRUTH = {"Cr": 4.0, "PCr": 6.0, "GABA": 2.0, "Glu": 10.0, "Gln": 3.0, "NAA": 12.0, "NAAG": 1.0}


def test_true_ratios_by_hand():
    ratios = true_ratios(TRUTH, ("Cr", "PCr"), 1.5)
    assert ratios["GABA"] == pytest.approx(0.2)
    assert ratios["GABA+"] == pytest.approx(0.5)
    assert ratios["Glx"] == pytest.approx(1.3)
    assert ratios["tNAA"] == pytest.approx(1.3)
    assert "Cr" not in ratios
    assert "GABA+" not in true_ratios(TRUTH, ("Cr", "PCr"))
    assert true_ratios({"GABA": 1.0}, ("Cr", "PCr")) == {}


def test_a_solution_has_cr_alone_as_its_reference():
    assert true_ratios({"Cr": 8.0, "GABA": 2.0}, ("Cr", "PCr"))["GABA"] == 0.25


def test_a_method_with_its_own_macromolecule_has_gaba_plus():
    ratios = ratios_of({"Cr": 8.0, "GABA": 2.0, "MM30": 2.0}, ("Cr", "PCr"))
    assert ratios["GABA+"] == 0.5
    assert ratios_of({"Cr": 8.0, "GABA+": 3.2}, ("Cr", "PCr"))["GABA+"] == pytest.approx(0.4)
    assert "GABA+" not in ratios_of({"Cr": 8.0, "GABA": 2.0}, ("Cr", "PCr"))


def test_figures_by_hand():
    pairs = [
        Pair(1.0, 1.2, (1.1, 1.3), (0.9, 1.5)),
        Pair(2.0, 2.2, (1.9, 2.5), (1.5, 3.0)),
        Pair(4.0, 4.0, (3.5, 4.5), (3.0, 5.0)),
    ]
    s = score_ratios(pairs)
    assert s["n"] == 3
    assert s["bias_percent"] == pytest.approx(10)
    assert s["mape_percent"] == pytest.approx(10)
    assert s["mape_scaled_percent"] == pytest.approx(100 * (0.1 / 1.1 + 0 + 0.1 / 1.1) / 3)
    # of the three constants 1, 2 and 4 the first errs least: 0, 1/2, 3/4
    assert s["mape_constant_percent"] == pytest.approx(100 * (0.5 + 0.75) / 3)
    assert (s["coverage68"], s["coverage95"]) == (pytest.approx(2 / 3), 1.0)


def test_no_constant_is_better_than_the_best():
    rng = np.random.default_rng(5)
    truth = rng.uniform(0.1, 2.0, 40)
    best = score_ratios([Pair(t, 1.0) for t in truth])["mape_constant_percent"]
    for constant in np.linspace(0.05, 2.0, 300):
        assert best <= 100 * np.abs(constant / truth - 1).mean() + 1e-9


def test_what_has_no_error_in_percent_is_left_out():
    assert score_ratios([Pair(0.0, 0.1), Pair(1.0, math.nan)])["n"] == 0


def test_validation_holds_a_table_of_ratios_and_the_gaussian_fit_in_it_alone():
    ratio = Estimate("GABA", 0.22, 0.02, (0.2, 0.24), (0.18, 0.26), "edit_off+diff", "/Cr+PCr")
    case = Case(
        "a",
        TRUTH,
        {"Cr": 4.0, "PCr": 6.0, "GABA": 2.2, "NAA": 12.0},
        against={"one_gaussian": {"GABA+": 6.0, "Cr": 10.0}},
        reference=("Cr", "PCr"),
        ratios=(ratio,),
        mm_over_gaba=1.5,
    )
    result = outputs.build_result([case], "m")
    assert result["ratios"]["reference"] == "Cr+PCr"
    assert result["ratios"]["metabolites"]["GABA"]["bias_percent"] == pytest.approx(10)
    assert result["ratios"]["metabolites"]["GABA"]["coverage68"] == 1.0
    assert result["ratios"]["against"]["one_gaussian"]["GABA+"]["bias_percent"] == pytest.approx(20)
    assert "one_gaussian" not in result["against"]
    table = outputs.text_table(result)
    assert "Ratios to Cr+PCr" in table
    assert "one_gaussian" in table


def test_pairs_need_both_sides():
    assert pair_ratios({"GABA": 0.2}, {"GABA": 0.3, "Lac": 1.0}) == {"GABA": Pair(0.2, 0.3)}


@pytest.mark.parametrize("value", [-0.1, "much", True])
def test_a_bad_share_of_macromolecules_is_named(tmp_path, value):
    write_json(tmp_path / "truth.json", [{"id": "a", "conc_mm": {"GABA": 1.0}, "mm_over_gaba": value}])
    with pytest.raises(DataError, match="mm_over_gaba"):
        read_truth(tmp_path / "truth.json")


def made(gaba_plus: float, creatine: float, scale: float = 1.0) -> EditedSpectra:
    """Lines of known area: a Gaussian of 1.6 protons per unit in DIFF, Lorentzian ones of three protons in OFF."""
    f0_mhz, dwell_s, n = 127.7, 0.0005, 4096
    time_s = time_axis(n, dwell_s)

    def line(ppm: float, area: float, lorentz_hz: float, gauss_hz: float) -> np.ndarray:
        return area * np.exp(2j * np.pi * ppm_to_hz(ppm, f0_mhz) * time_s) * voigt_decay(time_s, lorentz_hz, gauss_hz)

    off = line(CR_CH3_PPM, 3 * creatine, 5.0, 0.0) + line(CHO_PPM, 1.5 * creatine, 5.0, 0.0)
    diff = line(GABA_H4_PPM, 1.6 * gaba_plus, 0.0, 20.0)
    return EditedSpectra(dwell_s, f0_mhz, Path("made"), scale * off, scale * (off + diff), scale * diff)


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e7])
def test_one_gaussian_finds_the_areas(scale):
    found = one_gaussian(made(3.0, 8.0, scale))
    assert found["GABA+"] == pytest.approx(3.0 * scale, rel=0.02)
    assert found["Cr"] == pytest.approx(8.0 * scale, rel=0.02)


def test_one_gaussian_says_nothing_without_both_conditions():
    whole = made(3.0, 8.0)
    assert one_gaussian(EditedSpectra(whole.dwell_s, whole.f0_mhz, whole.source, diff=whole.diff)) == {}
