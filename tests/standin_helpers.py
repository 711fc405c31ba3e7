# SPDX-License-Identifier: Apache-2.0
"""A stand-in of FSL-MRS: names, signatures and as much of its behaviour as the back end builds on, without its code.

With it the back end's own way, from the data file to the tables, runs where FSL-MRS is not installed. What FSL-MRS
itself does to data and tables is tested with the real one.
"""

from __future__ import annotations

import functools
import importlib
import sys
import types
from collections import namedtuple
from pathlib import Path

import numpy as np
import pandas

from fsl_mrs_dl.basis.files import read_fsl_basis
from fsl_mrs_dl.io.nifti import read_acquisition

TARGET = 100.0
"""Norm of the FID and of the mean basis function in a fit of FSL-MRS."""

N_BASELINE = 6
"""Real coefficients of a second order polynomial."""


Snr = namedtuple("Snr", ["spectrum", "peaks", "residual"])


class FitRes:
    """The result object."""

    def __init__(self, mrs, results, model, method, metab_groups, baseline_order, B, ppmlim, runqc=True):
        self.model, self.method, self.ppmlim, self.metab_groups = model, method, ppmlim, metab_groups
        self.given = (baseline_order, B, runqc)
        self.metabs, self.original_metabs = list(mrs.names), list(mrs.names)
        more = [f"nuisance{k}" for k in range(len(results) - len(mrs.names))]
        self.params_names = [*mrs.names, *more]
        self.params_names_inc_comb = list(self.params_names)
        self.fitResults = pandas.DataFrame([results], columns=self.params_names)
        self.params = np.asarray(results)
        self._cov, self._combined_crlb = 1e-6 * np.eye(len(results)), np.zeros(0)
        self.SNR = types.SimpleNamespace(peaks=pandas.DataFrame({f"SNR_{n}": [9.0] for n in mrs.names}))
        self.FWHM = pandas.DataFrame({f"fwhm_{n}": [5.0] for n in mrs.names})
        self.bandwidth, self.hzperppm = getattr(mrs, "bandwidth", 0.0), getattr(mrs, "centralFrequency", 0.0) / 1e6
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
        total = sum(values[name] for name in internal_reference)
        water = 2.0 if quant_info is not None else None
        self.concScalings = {
            "internal": 1 / total if total else np.inf,
            "internalRef": "+".join(internal_reference),
            "molarity": water,
            "molality": water,
        }

    def getQCParams(self):
        return self.SNR.peaks.mean(), self.FWHM.mean()

    def getUncertainties(self, type="percentage", metab=None):
        raise NotImplementedError

    def to_file(self, filename, what):
        raise NotImplementedError

    def predictedFID(self, mrs, mode="Full"):
        raise NotImplementedError


def fit_FSLModel(mrs, method="Newton", ppmlim=None, baseline_order=2, metab_groups=None, model="voigt", x0=None):
    """Prepares a polynomial baseline, as FSL-MRS does before any method."""
    first, last = mrs.ppmlim_to_range(ppmlim or (0.2, 4.2))
    line, columns = np.linspace(-1, 1, last - first), []
    for power in range(baseline_order + 1):
        column = np.zeros(mrs.numPoints, complex)
        column[first:last] = line**power
        columns += [column, 1j * column]
    groups = metab_groups or [0] * len(mrs.names)
    return FitRes(mrs, x0, model, method, groups, baseline_order, np.stack(columns, axis=1), ppmlim or (0.2, 4.2))


@functools.lru_cache(maxsize=8)
def _functions(basis):
    return read_fsl_basis(basis)


class Mrs:
    """One spectrum with its basis, scaled as for a fit.

    Parameters
    ----------
    data : Path
        NIfTI-MRS file of one FID.
    basis : Path
        Folder of a basis, sampled as the data.
    """

    def __init__(self, data, basis):
        acquisition, functions = read_acquisition(data), _functions(basis)
        fid = acquisition.fids[0, 0, 0]
        order = np.argsort(functions.names)
        self.names = [functions.names[k] for k in order]
        self.numPoints, self.dwellTime = len(fid), acquisition.dwell_s
        self.centralFrequency, self.bandwidth = acquisition.f0_mhz * 1e6, 1 / acquisition.dwell_s
        self.conj_FID, self.H2O, self._keep_ignore = False, None, None
        plain = functions.fids[order, : self.numPoints].T
        self._basis = types.SimpleNamespace(
            names=self.names, basis_fwhm=functions.lw_hz, get_formatted_basis=lambda *_, **__: plain
        )
        self.scaling = {"FID": TARGET / np.linalg.norm(fid), "basis": TARGET / np.linalg.norm(plain.mean(axis=1))}
        self.FID, self.basis = fid * self.scaling["FID"], plain * self.scaling["basis"]
        self.timeAxis = np.linspace(self.dwellTime, self.dwellTime * self.numPoints, self.numPoints)[:, None]
        self.frequencyAxis = np.linspace(-self.bandwidth / 2, self.bandwidth / 2, self.numPoints)[:, None]

    def ppmlim_to_range(self, ppmlim):
        ppm = np.ravel(self.frequencyAxis) / (self.centralFrequency * 1e-6) + 4.65
        return tuple(int(np.argmin(np.abs(ppm - end))) for end in ppmlim)


def install_stand_in(monkeypatch):
    """Let the stand-in be the ``fsl_mrs`` of this process; gives `fsl_mrs_dl.fsl_plugin.result`, loaded with it."""
    parts = ("results", "report", "qc")
    names = ("fsl_mrs", "fsl_mrs.utils", *(f"fsl_mrs.utils.{part}" for part in parts))
    modules = {name: types.ModuleType(name) for name in names}
    modules["fsl_mrs"].__version__ = "stand-in"
    modules["fsl_mrs.utils.results"].FitRes = FitRes
    modules["fsl_mrs.utils.qc"].SNR = Snr
    modules["fsl_mrs.utils"].report = modules["fsl_mrs.utils.report"]
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    loaded = ("fsl_mrs_dl.fsl_plugin.result", "fsl_mrs_dl.fsl_plugin.fit")
    for name in loaded:
        # whatever is loaded from here on goes with the stand-in
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
        del sys.modules[name]
    return importlib.import_module("fsl_mrs_dl.fsl_plugin.result")


def run_stand_in(data, basis, output, model="", combine=(), reference=("Cr", "PCr"), host="fsl_mrs"):
    """``fsl_mrs --algo dl`` on the stand-in, as far as the tables; gives the result object.

    Parameters
    ----------
    data, basis, output : Path
    model : str
        Empty where the model is to be chosen.
    combine : sequence of tuple of str
    reference : sequence of str
    host : str
        Program that asks.
    """
    from fsl_mrs_dl.fsl_plugin.request import Request

    fit = importlib.import_module("fsl_mrs_dl.fsl_plugin.fit").fit
    options = types.SimpleNamespace(data=Path(data), basis=Path(basis), TE=None, TR=None)
    mrs = Mrs(data, basis)
    result = fit(fit_FSLModel, model, Request(host, options), (mrs,), {"method": "dl", "ppmlim": (0.2, 4.2)})
    result.combine([list(parts) for parts in combine])
    result.calculateConcScaling(mrs, internal_reference=list(reference))
    Path(output).mkdir(parents=True, exist_ok=True)
    for name, what in (
        ("summary.csv", "summary"),
        ("concentrations.csv", "concentrations"),
        ("all_parameters.csv", "parameters"),
    ):
        result.to_file(Path(output) / name, what)
    return result
