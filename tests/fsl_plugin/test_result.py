# SPDX-License-Identifier: Apache-2.0
"""The result object on a stand-in of FSL-MRS's: what enters values, sums, references, spreads and tables."""

import math
import types
from pathlib import Path

import numpy as np
import pytest

from fsl_mrs_dl.core.data import EditedSpectra
from fsl_mrs_dl.fsl_plugin.facts import DlFacts
from fsl_mrs_dl.fsl_plugin.functions import sort_functions
from fsl_mrs_dl.fsl_plugin.prepared import Prepared
from fsl_mrs_dl.models.estimate import NOT_VISIBLE, Estimate, combine
from fsl_mrs_dl.quantify.host import covariance
from fsl_mrs_dl.quantify.result import Quantification

pandas = pytest.importorskip("pandas", reason="pandas, which FSL-MRS brings, is not installed")

BRAIN = {"Cr": 5.0, "PCr": 3.0, "GABA": 2.0, "MM30": 1.0, "NAA": 11.0, "NAAG": 1.0, "Glu": 9.0, "Gln": 2.5}
SOLUTION = {"Cr": 8.0, "GABA": 2.0, "NAA": 11.0, "Glu": 9.0, "Gln": 2.5}
AMPLITUDE = 0.3


@pytest.fixture
def make(monkeypatch):
    """Build a result: ``make(names, conc, shown=None, hidden=())``."""
    pytest.importorskip("pandas", reason="pandas, which FSL-MRS brings, is not installed")
    from tests.standin_helpers import install_stand_in

    cls = install_stand_in(monkeypatch).DlFitRes
    return lambda *args, **kwargs: built(cls, *args, **kwargs)


def quantification(conc, hidden):
    def one(name, value):
        flag = NOT_VISIBLE if name in hidden else ""
        sd = 0.05 * value + 0.01
        return Estimate(name, value, sd, (value - sd, value + sd), (value - 2 * sd, value + 2 * sd), "m", flag=flag)

    estimates = tuple(one(name, value) for name, value in conc.items())
    shown = [e for e in estimates if not e.flag]
    sums = {"tCr": ("Cr", "PCr"), "tNAA": ("NAA", "NAAG"), "GABA+": ("GABA", "MM30"), "Glx": ("Glu", "Gln")}
    whole = (
        combine(name, [e for e in shown if e.name in parts]) for name, parts in sums.items() if set(parts) <= set(conc)
    )
    none: dict = {}
    combinations = tuple(total for total in whole if total is not None)
    model = {"name": "m", "hash": "h", "ranges": {}}
    return Quantification(estimates, combinations, ("Cr", "PCr"), (), none, none, (), model, ())


def built(cls, names, conc, shown=None, hidden=(), mm30=False):
    q = quantification(conc, hidden)
    functions = sort_functions(names, tuple(conc), shown, mm30=mm30)
    values = {e.name: e.value for e in q.estimates if not e.flag}
    x = [AMPLITUDE * sum(values.get(p, 0.0) for p in functions.stands_for.get(name, ())) for name in names]
    x = [7.0 if name in functions.fitted else value for name, value in zip(names, x, strict=True)]
    carried = np.array([[float(o in functions.stands_for.get(n, ()) and o in values) for o in conc] for n in names])
    unseen = [n for n, parts in functions.stands_for.items() if not set(parts) & set(values)]
    facts = DlFacts(
        quantification=q,
        spectra=EditedSpectra(5e-4, 127.7, Path("x"), edit_off=np.ones(4, complex), diff=np.ones(4, complex)),
        functions=functions,
        outputs=tuple(conc),
        hidden=(*unseen, *functions.unseen),
        covariance=AMPLITUDE**2 * carried @ covariance(q, tuple(conc)) @ carried.T,
        scale=dict.fromkeys(names, AMPLITUDE),
        conditions="",
        files=(),
        notes=(),
        host="",
        reproduce="",
    )
    mrs = types.SimpleNamespace(names=list(names), H2O=None)
    baseline = {"baseline_order": 2, "B": np.zeros((4, 0))}
    result = cls(facts, mrs, np.array(x), Prepared("voigt", [0] * len(names), (0.2, 4.2), baseline, False))
    result.mrs = mrs
    return result


def test_what_another_function_stands_for_enters_nothing(make):
    result = make(("Cr", "PCr", "NAA", "GABA"), SOLUTION)
    result.calculateConcScaling(result.mrs)
    assert result.getConc("internal", "NAA") == pytest.approx(11 / 8)
    assert result.getConc("internal", "Cr+PCr") == pytest.approx(1.0)
    assert math.isnan(result.getConc("internal", "PCr"))
    assert result.getUncertainties("internal", "Cr+PCr") == 0.0
    # the spread goes with the same scale as the value
    naa = next(e for e in result.dl.quantification.ratios() if e.name == "NAA")
    assert result.getUncertainties("internal", "NAA") == pytest.approx(naa.sd)


def test_one_function_for_a_pair_gives_the_sum(make):
    result = make(("Cr", "NAA", "GABA"), BRAIN)
    result.calculateConcScaling(result.mrs, internal_reference=["Cr"])
    assert result.getConc(metab="Cr") == pytest.approx(AMPLITUDE * 8)
    assert result.getConc("internal", "GABA") == pytest.approx(2 / 8)
    assert result.getConc("internal", "NAA") == pytest.approx(12 / 8)
    ratios = {e.name: e for e in result.dl.quantification.ratios()}
    assert result.getUncertainties("internal", "GABA") == pytest.approx(ratios["GABA"].sd)
    assert result.getUncertainties("internal", "NAA") == pytest.approx(ratios["tNAA"].sd)


def test_what_does_not_show_enters_no_sum_that_needs_it(make):
    names = ("Cr", "PCr", "NAA", "GABA", "Tau", "Lac")
    result = make(names, SOLUTION, {**dict.fromkeys(names, 1.0), "Tau": 0.01})
    result.combine([["NAA", "Tau"], ["NAA", "Lac"]])
    result.calculateConcScaling(result.mrs)
    assert math.isnan(result.getConc(metab="NAA+Tau"))
    assert result.getConc(metab="NAA+Lac") == pytest.approx(AMPLITUDE * 11 + 7.0)
    assert result.getUncertainties("raw", "Lac") == pytest.approx(1e-3)


def test_gaba_plus_has_a_row_and_its_own_spread(make):
    result = make(("Cr", "PCr", "NAA", "GABA", "MM09"), BRAIN)
    result.calculateConcScaling(result.mrs)
    plus = next(e for e in result.dl.quantification.ratios() if e.name == "GABA+")
    assert "GABA+" in result.metabs
    assert result.getConc("internal", "GABA+") == pytest.approx(3 / 8)
    assert result.getUncertainties("internal", "GABA+") == pytest.approx(plus.sd)
    assert result.interval95("GABA+") == pytest.approx(plus.interval95)
    # MM30 of the basis, in the unit of GABA, sums to the same
    result = make(("Cr", "PCr", "GABA", "MM30"), BRAIN, mm30=True)
    result.combine([["GABA", "MM30"]])
    result.calculateConcScaling(result.mrs)
    assert result.getConc("internal", "GABA+MM30") == pytest.approx(3 / 8)
    assert result.getUncertainties("internal", "GABA+MM30") == pytest.approx(plus.sd)
    # a model without macromolecules has none
    assert "GABA+" not in make(("Cr", "PCr", "GABA"), SOLUTION).metabs


def test_tables_keep_their_columns_and_their_first_row(make, tmp_path):
    result = make(("Cr", "PCr", "NAA", "GABA"), BRAIN, hidden=("Cr", "PCr"))
    result.mrs.H2O = 1
    quant_info = types.SimpleNamespace(add_corr=2.0, ref_metab=["Cr"])
    result.calculateConcScaling(result.mrs, quant_info)
    for what in ("summary", "concentrations", "parameters"):
        result.to_file(tmp_path / f"{what}.csv", what)
    summary = pandas.read_csv(tmp_path / "summary.csv", index_col=0)
    concentrations = pandas.read_csv(tmp_path / "concentrations.csv", index_col=0, header=[0, 1])
    assert summary[["/Cr+PCr", "/Cr+PCr CRLB", "mM", "mMol/kg"]].isna().all(axis=None)
    assert summary.loc["NAA", "Raw conc"] == pytest.approx(AMPLITUDE * 12)  # it stands for NAAG too
    assert set(concentrations.index) == {"Cr", "PCr", "NAA", "GABA", "Cr+PCr", "GABA+"}
    assert {("mean", "internal"), ("std", "molarity")} <= set(concentrations.columns)
    assert any("not measured" in note for note in result.cautions())
    parameters = pandas.read_csv(tmp_path / "parameters.csv")
    assert not parameters["mean"].isna().any()
