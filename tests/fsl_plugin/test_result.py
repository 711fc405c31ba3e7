# SPDX-License-Identifier: Apache-2.0
"""The result object on a stand-in of FSL-MRS's: what enters values, sums, references, spreads and tables."""

import importlib
import math
import sys
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


class FitRes:
    """Names and signatures of FSL-MRS's object, and as much of what it does as the back end builds on."""

    def __init__(self, mrs, results, *_, **__):
        self.metabs, self.original_metabs, self.params_names = list(mrs.names), list(mrs.names), list(mrs.names)
        self.params_names_inc_comb = list(mrs.names)
        self.fitResults = pandas.DataFrame([results], columns=self.params_names)
        self.params = np.asarray(results)
        self._cov, self._combined_crlb = 1e-6 * np.eye(len(results)), np.zeros(0)
        self.SNR = types.SimpleNamespace(peaks=pandas.DataFrame({f"SNR_{n}": [9.0] for n in mrs.names}))
        self.FWHM = pandas.DataFrame({f"fwhm_{n}": [5.0] for n in mrs.names})
        if {"Cr", "PCr"} <= set(self.metabs):
            self.combine([["Cr", "PCr"]])
            self.calculateConcScaling(mrs)

    def combine(self, wanted):
        for parts in wanted:
            self.fitResults["+".join(parts)] = self.fitResults[list(parts)].sum(axis=1)
            self.metabs.append("+".join(parts))
            self._combined_crlb = np.append(self._combined_crlb, 0.0)

    def getConc(self, scaling="raw", metab=None, *_):
        values = self.fitResults[self.metabs if metab is None else metab].mean()
        values = values.to_numpy() if metab is None else values
        return values * (1 if scaling == "raw" else self.concScalings[scaling])

    def calculateConcScaling(self, _mrs, quant_info=None, internal_reference=("Cr", "PCr"), **_):
        values = dict(zip(self.metabs, self.getConc(), strict=True))
        water = 2.0 if quant_info is not None else None
        self.concScalings = {
            "internal": 1 / sum(values[name] for name in internal_reference),
            "internalRef": "+".join(internal_reference),
            "molarity": water,
            "molality": water,
        }

    def getQCParams(self):
        return self.SNR.peaks.mean(), self.FWHM.mean()


@pytest.fixture
def make(monkeypatch):
    """Build a result: ``make(names, conc, shown=None, hidden=())``."""
    modules = {name: types.ModuleType(name) for name in ("fsl_mrs", "fsl_mrs.utils", "fsl_mrs.utils.results")}
    modules["fsl_mrs.utils.results"].FitRes = FitRes
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.delitem(sys.modules, "fsl_mrs_dl.fsl_plugin.result", raising=False)
    module = importlib.import_module("fsl_mrs_dl.fsl_plugin.result")
    yield lambda *args, **kwargs: built(module.DlFitRes, *args, **kwargs)
    sys.modules.pop("fsl_mrs_dl.fsl_plugin.result", None)


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
    result = cls(facts, mrs, np.array(x), Prepared("voigt", [0] * len(names), (0.2, 4.2), {}, False))
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
