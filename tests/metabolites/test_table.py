# SPDX-License-Identifier: Apache-2.0
"""The table of metabolites: each fact stands once, and agrees with the spins, the basis and the shipped models."""

from pathlib import Path

import numpy as np
import pytest

from fsl_mrs_dl.core.data import EditedSpectra
from fsl_mrs_dl.core.errors import ConfigError
from fsl_mrs_dl.core.resources import basis_folder
from fsl_mrs_dl.metabolites.relaxation import DEFAULT, relaxation_of
from fsl_mrs_dl.metabolites.sums import COMBINATIONS
from fsl_mrs_dl.metabolites.t2 import T2_S
from fsl_mrs_dl.metabolites.table import BRAIN, BROAD, DISPLAY, HEADLINE, SIMULATED, TABLE, TABULATED, shown_in_diff
from fsl_mrs_dl.models.catalogue import find_model
from fsl_mrs_dl.models.folder import open_model
from fsl_mrs_dl.models.inputs import PpmGrid
from fsl_mrs_dl.physics.spins import known_metabolites
from fsl_mrs_dl.quantify.signals import basis_signals


def test_a_default_basis_holds_what_brains_hold():
    assert tuple(name for name in known_metabolites() if name in BRAIN) == BRAIN, "in the order of the spin systems"
    assert {"GABA", "Glu", "Gln", "GSH", "NAA", "NAAG", "Cr", "PCr", "GPC", "PCh", "Ins"} <= set(BRAIN)
    assert not {"H2O", "EtOH", "GABA_gov"} & set(BRAIN)
    shipped = {path.stem for path in basis_folder().glob("*/diff/*.json")}
    assert not shipped or set(BRAIN) <= shipped


@pytest.mark.parametrize("name", BRAIN)
def test_a_row_leads_to_its_protons_and_has_ranges_that_make_sense(name):
    row = TABLE[name]
    assert row.spin_system.name == name
    low, high = row.brain_mm
    assert 0 <= low < high
    assert row.healthy_mm is not None
    assert row.healthy_mm[0] < row.healthy_mm[1]
    # s, in brains at 3 T
    assert all(0.05 < value < 0.5 for value in row.t2_s or ())


def test_a_macromolecule_has_no_spin_system():
    for name in BROAD:
        with pytest.raises(ConfigError, match="unknown metabolite"):
            _ = TABLE[name].spin_system


def test_the_shipped_model_of_brains_estimates_the_table():
    outputs = open_model(find_model("invivo")).outputs
    assert outputs == (*SIMULATED, *BROAD)
    assert set(outputs) == set(TABLE)


def test_relaxation_and_t2_come_from_the_rows():
    assert relaxation_of("GABA") is relaxation_of("GABA+") is TABLE["GABA"].relaxation
    assert relaxation_of("NAA") is relaxation_of("Glx") is DEFAULT
    assert T2_S["NAA"] == TABLE["NAA"].t2_s
    assert set(T2_S) == {name for name, row in TABLE.items() if row.t2_s}


def test_what_the_table_says_of_diff_is_what_the_basis_shows():
    # both signals at 5 Hz, from the simulated basis: the table's words are from the literature of editing
    n_points, dwell_s, f0_mhz = 2048, 5e-4, 127.7
    empty = np.zeros(n_points, complex)
    blank = EditedSpectra(dwell_s=dwell_s, f0_mhz=f0_mhz, source=Path("none"), edit_off=empty, diff=empty)
    signals = basis_signals(blank, BRAIN)
    grid, decay = PpmGrid(), np.exp(-np.pi * 5 * dwell_s * np.arange(n_points))
    size = {
        condition: np.linalg.norm(grid.evaluate(fids * decay, dwell_s, f0_mhz), axis=1)
        for condition, fids in signals.fids.items()
    }
    share = dict(zip(signals.names, size["diff"] / size["edit_off"], strict=True))
    for name in BRAIN:
        if TABLE[name].in_diff:
            assert share[name] > 0.3, name
        else:
            assert share[name] < 0.2, name
    assert set(shown_in_diff("edited")) == {"GABA", "Glu", "Gln", "GSH"}
    assert set(shown_in_diff("edited", "saturated")) == {"GABA", "Glu", "Gln", "GSH", "NAA", "NAAG"}
    assert set(shown_in_diff()) > set(BROAD)


def test_what_is_displayed_is_known_and_in_one_order():
    assert set(DISPLAY) <= set(TABLE) | set(COMBINATIONS)
    assert HEADLINE == ("GABA", "GABA+", "Glx", "Glu", "Gln", "NAA")
    assert [name for name in DISPLAY if name in TABULATED] == list(TABULATED)
