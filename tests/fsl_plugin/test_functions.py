# SPDX-License-Identifier: Apache-2.0
"""What the functions of a basis stand for."""

import numpy as np
import pytest

from fsl_mrs_dl.basis.files import load_line_basis
from fsl_mrs_dl.core.resources import basis_folder
from fsl_mrs_dl.fsl_plugin.functions import in_unit_of_gaba, relative_norms, sort_functions

BRAIN = ("Cr", "PCr", "GABA", "GPC", "PCh", "NAA", "NAAG", "Glu", "Gln", "MM09", "MM30")
PHANTOM = ("Cr", "GABA", "Gln", "Glu", "NAA")


@pytest.mark.parametrize(
    ("names", "carried"),
    [
        (("Cr", "PCr"), {}),
        (("Cr", "GABA"), {"Cr": ("Cr", "PCr")}),
        (("PCr", "GABA"), {"PCr": ("PCr", "Cr")}),
        (("GPC",), {"GPC": ("GPC", "PCh")}),
        (("PCh",), {"PCh": ("PCh", "GPC")}),
        (("NAA",), {"NAA": ("NAA", "NAAG")}),
        (("NAAG",), {}),
        (("Glu",), {}),
        (("tCr", "tCho"), {"tCr": ("Cr", "PCr"), "tCho": ("GPC", "PCh")}),
    ],
)
def test_one_function_for_a_pair_carries_the_sum(names, carried):
    found = sort_functions(names, BRAIN)
    assert found.carriers == carried
    assert set(found.known) == set(names)
    assert not found.fitted


@pytest.mark.parametrize(
    ("names", "covered"),
    [(("Cr", "PCr"), {"PCr": "Cr"}), (("NAA", "NAAG"), {"NAAG": "NAA"}), (("GABA", "MM30"), {"MM30": "GABA"})],
)
def test_what_the_network_was_never_shown_is_not_fitted_beside_its_partner(names, covered):
    found = sort_functions(names, PHANTOM)
    assert found.covered == covered
    assert found.fitted == ()


def test_pcr_alone_carries_what_a_model_of_solutions_calls_cr():
    assert sort_functions(("PCr", "NAA"), PHANTOM).stands_for == {"PCr": ("Cr",), "NAA": ("NAA",)}


def test_functions_that_the_spectrum_does_not_show_are_not_fitted():
    lines = load_line_basis(next(basis_folder().glob("mega_press_te68_127*/lines.npz")))
    diff = lines.condition("diff", 2048, 5e-4, lw_hz=2.0)
    shown = relative_norms(diff.names, diff.fids, diff.dwell_s, diff.f0_mhz, (0.2, 4.2))
    found = sort_functions(diff.names, PHANTOM, shown)
    assert {"GPC", "PCh", "Ins", "Tau", "Asp", "Gly"} <= set(found.unseen)
    assert {"Lac", "GSH", "Ala"} == set(found.fitted)
    # edit_off shows nearly all of them
    off = lines.condition("edit_off", 2048, 5e-4, lw_hz=2.0)
    shown = relative_norms(off.names, off.fids, off.dwell_s, off.f0_mhz, (0.2, 4.2))
    assert {"GPC", "PCh", "Ins", "Tau"} <= set(sort_functions(off.names, PHANTOM, shown).fitted)


def test_macromolecules_are_fitted_but_for_mm30_in_the_unit_of_gaba():
    names = ("GABA", "MM09", "MM30")
    assert sort_functions(names, BRAIN).fitted == ("MM09", "MM30")
    assert sort_functions(names, BRAIN, mm30=True).fitted == ("MM09",)


@pytest.mark.parametrize(("factor", "same"), [(1.0, True), (0.5, False), (-1.0, False)])
def test_the_unit_of_mm30_is_told_by_its_area(factor, same):
    time_s = np.arange(2048) * 5e-4
    line = np.exp(2j * np.pi * (3.0 - 4.65) * 127.7 * time_s - np.pi * 3 * time_s)
    gaba = 0.5 * line * 2 * np.cos(2 * np.pi * 7 * time_s)
    fids = np.stack([gaba, factor * line, line])
    assert in_unit_of_gaba(("GABA", "MM30", "NAA"), fids, 5e-4, 127.7) == same
    assert not in_unit_of_gaba(("GABA", "MM3", "NAA"), fids, 5e-4, 127.7)
