# SPDX-License-Identifier: Apache-2.0
"""Quantities that the data do not tell are marked, with an upper bound; their sums are told, tables keep their rows."""

import functools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fsl_mrs_dl.core.data import EditedSpectra
from fsl_mrs_dl.core.units import time_axis
from fsl_mrs_dl.models.calibrated import load_model
from fsl_mrs_dl.models.card import Errors, Validation
from fsl_mrs_dl.models.estimate import Estimate
from fsl_mrs_dl.physics.simulate import voigt_decay
from fsl_mrs_dl.quantify.quantify import quantify
from fsl_mrs_dl.quantify.resolution import _no_better_predicted, _no_better_validated
from fsl_mrs_dl.quantify.signals import basis_signals
from fsl_mrs_dl.reports.html.report import render_report
from fsl_mrs_dl.reports.tables import quantities, summary_csv
from tests.helpers import without_plotly

DWELL_S, F0_MHZ, N = 5e-4, 127.73, 2048
BRAIN = {"NAA": 11.0, "NAAG": 1.4, "Cr": 4.3, "PCr": 3.7, "GPC": 1.0, "PCh": 0.6, "Ins": 6.0, "Glu": 9.0, "Gln": 2.4}
BRAIN |= {"GABA": 1.8, "GSH": 1.2, "Tau": 1.4, "Asp": 2.0, "MM09": 6.0, "MM30": 2.0}
SOLUTION = {"NAA": 10.0, "Cr": 8.0, "GABA": 5.0, "Gln": 4.0, "Glu": 10.0}

SIZES = (("NAA", 1.0), ("Lac", 0.05))
"""Raw amplitudes of two metabolites."""


def spectra_of(conc, conditions=("edit_off", "diff"), lorentz_hz=3.0):
    blank = EditedSpectra(DWELL_S, F0_MHZ, Path("x"), edit_off=np.ones(N), diff=np.ones(N), te_s=0.068)
    signals = basis_signals(blank, tuple(conc))
    amplitudes, rng = np.array([conc[name] for name in signals.names]), np.random.default_rng(0)
    decay = voigt_decay(time_axis(N, DWELL_S), lorentz_hz, 3.0)
    fids = {
        c: amplitudes @ signals.fids[c] * decay + 0.15 * (rng.normal(size=N) + 1j * rng.normal(size=N))
        for c in conditions
    }
    return EditedSpectra(DWELL_S, F0_MHZ, Path("x"), te_s=0.068, **fids)


@functools.lru_cache(maxsize=1)
def brain():
    return quantify(spectra_of(BRAIN), load_model("invivo"))


def marked(result):
    return {e.name for e in (*result.estimates, *result.combinations) if not e.resolved}


def test_parts_that_are_one_line_are_not_told_and_their_sums_are():
    assert {"Cr", "PCr", "GPC", "PCh", "Ser"} <= marked(brain())
    assert not {"GABA", "Glu", "Gln", "NAA", "Ins", "GSH", "tCr", "tCho", "Glx", "GABA+", "tNAA"} & marked(brain())


def test_a_diff_alone_with_broad_lines_tells_gaba_and_macromolecule_together():
    result = quantify(spectra_of(BRAIN, ("diff",), lorentz_hz=7.0), load_model("invivo"))
    assert {"GABA", "MM30"} <= marked(result)
    assert not {"GABA+", "Glx", "NAA"} & marked(result)


def test_everything_of_a_solution_is_told():
    assert marked(quantify(spectra_of(SOLUTION), load_model("phantom"))) == set()


def test_sets_of_protocols_that_were_not_in_the_training_mark_nothing():
    card = load_model("invivo").folder.card
    visible = {name: Estimate(name, size, 0.01, (0, 1), (0, 2), "edit_off+diff") for name, size in SIZES}
    errors = {"Lac": Errors(n=15, mae=0.04, mae_constant=0.03)}
    for other in (False, True):
        found = replace(card, validation={"set": Validation(15, 0, errors, other_protocol=other)})
        assert set(_no_better_validated(visible, found, "edit_off+diff")) == (set() if other else {"Lac"})
    others = {name for name, found in card.validation.items() if found.other_protocol}
    assert others == {"semi_laser_simulated", "semi_laser_simulated_told"}


def test_outputs_mark_them_with_an_upper_bound_and_keep_the_rows():
    content = quantities(brain())
    for name, entry in content["metabolites"].items():
        untold = name in marked(brain())
        assert (entry["flag"] == "not_resolved") is untold, name
        assert ("upper_bound" in entry) is untold, name
        if untold:
            assert entry["upper_bound"] == entry["interval95"][1] > 0
            assert entry["raw"]["upper_bound"] == entry["raw"]["interval95"][1]
    assert content["raw"]["Cr"] + content["raw"]["PCr"] == pytest.approx(content["metabolites"]["tCr"]["raw"]["value"])
    rows = dict(line.split(",", 1) for line in summary_csv(brain()).splitlines())
    assert float(rows["Cr"].split(",")[0]) == pytest.approx(content["raw"]["Cr"])


def test_the_report_folds_them_away():
    page = without_plotly(render_report(brain(), spectra=spectra_of(BRAIN), options={}, reproduce=""))
    folded = page[page.index("<summary>Not resolved: ") :]
    folded = folded[: folded.index("</details>")]
    table = page[page.index("<h2>All estimates</h2>") : page.index("<summary>Not resolved: ")]
    for e in (*brain().estimates, *brain().combinations):
        assert (f'<tr data-metabolite="{e.name}"' in folded) is not e.resolved, e.name
        assert (f'<tr data-metabolite="{e.name}"' in table) is e.resolved, e.name


def test_a_spread_like_that_of_a_constant_tells_nothing():
    model = load_model("invivo")
    visible = {e.name: e for e in brain().estimates}
    tested = model.folder.card.simulation_test
    unit = sum(e.value for e in visible.values()) / 85.0  # raw amplitude per mM, about
    wide = {**visible, "GABA": replace(visible["GABA"], sd=3.0 * unit)}
    assert "GABA" not in set(_no_better_predicted(visible, model.folder.card, tested))
    assert "GABA" in set(_no_better_predicted(wide, model.folder.card, tested))


@pytest.mark.parametrize(
    ("value", "mae", "constant", "title", "mode", "marks"),
    [
        (0.05, 0.04, 0.03, "set", "edit_off+diff", True),
        (0.50, 0.04, 0.03, "set", "edit_off+diff", False),  # there is much of it
        (0.05, 0.02, 0.03, "set", "edit_off+diff", False),
        (0.05, 0.04, 0.03, "set", "diff", False),
        (0.05, 0.04, 0.03, "set_diff_alone", "diff", True),
        (0.05, None, None, "set", "edit_off+diff", False),
    ],
)
def test_what_a_constant_told_as_well_on_known_concentrations_is_not_told(value, mae, constant, title, mode, marks):
    card = load_model("invivo").folder.card
    errors = {"Lac": Errors(n=15, mae=mae, mae_constant=constant)}
    card = replace(card, validation={title: Validation(15, 0, errors)})
    visible = {
        name: Estimate(name, amount, 0.01, (0.0, 1.0), (0.0, 2.0), mode)
        for name, amount in (("NAA", 1.0), ("Lac", value))
    }
    assert bool(set(_no_better_validated(visible, card, mode))) is marks
