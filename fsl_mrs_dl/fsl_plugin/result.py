# SPDX-License-Identifier: Apache-2.0
"""FSL-MRS's result object with the network's concentrations and uncertainties.

This module can only be imported where FSL-MRS is installed: the class is an ordinary one of this module, so that dask's
workers can send it back.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from fsl_mrs.utils.results import FitRes
from numpy.typing import NDArray

from fsl_mrs_dl.fsl_plugin.facts import DlFacts
from fsl_mrs_dl.fsl_plugin.messages import tell, tell_once
from fsl_mrs_dl.fsl_plugin.prepared import Prepared
from fsl_mrs_dl.metabolites.sums import COMBINATIONS, REFERENCE_MIN_SD
from fsl_mrs_dl.models.estimate import Estimate
from fsl_mrs_dl.quantify.host import ratio_sd

VISIBLE = 0.02
"""Integral of a water-scaling reference per unit of concentration, relative to NAA's, below which it does not show."""

GABA_PLUS = "GABA+"


class DlFitRes(FitRes):
    """A fit whose concentrations and uncertainties are the network's.

    Parameters
    ----------
    facts : DlFacts
    mrs : MRS
    x : array
        All parameters in FSL-MRS's order.
    prepared : Prepared
    """

    def __init__(self, facts: DlFacts, mrs: Any, x: NDArray, prepared: Prepared) -> None:
        self.dl = facts
        self.dl_notes: list[str] = []
        self._plain = self._water_asked = False
        self.concScalings: dict[str, Any] = {}
        common: dict[str, Any] = {"metab_groups": prepared.metab_groups, "ppmlim": prepared.ppmlim}
        refused = facts.quantification.refused
        super().__init__(mrs, x, prepared.model, "dl", **common, **prepared.baseline, runqc=not refused)
        if refused:
            self._no_quality()
        for name in self.without_value() if not refused else ():
            # the line widths of nothing
            self.SNR.peaks[f"SNR_{name}"] = math.nan
            self.FWHM[f"fwhm_{name}"] = math.nan
        if facts.plus:
            self._add_gaba_plus()
        # the scaling that FitRes makes of itself is replaced by the caller's
        self.dl_notes.clear()
        self._told = True

    def without_value(self) -> tuple[str, ...]:
        """Basis functions without a value: they do not show, or another stands for them."""
        return tuple(dict.fromkeys((*self.dl.hidden, *self.dl.functions.covered)))

    def _add_gaba_plus(self) -> None:
        """A row for GABA+, which is no sum of basis functions: the network counts MM30 in units of GABA."""
        total = self._sum_of(GABA_PLUS)
        raw = total.value * self.dl.scale["GABA"] if total is not None else 0.0
        self.fitResults[GABA_PLUS] = raw
        self.params_names_inc_comb.append(GABA_PLUS)
        self.metabs.append(GABA_PLUS)
        self._combined_crlb: NDArray
        spread = 0.0 if total is None else (total.sd * self.dl.scale["GABA"]) ** 2
        self._combined_crlb = np.concatenate([np.asarray(self._combined_crlb), [spread]])

    def _sum_of(self, name: str) -> Estimate | None:
        return next((e for e in self.dl.quantification.combinations if e.name == name), None)

    def combine(self, combineList: Any) -> None:
        """FSL-MRS's sums; GABA with MM30 is the network's GABA+."""
        super().combine(combineList)
        for parts in combineList:
            if self._is_plus("+".join(parts)):
                self.fitResults["+".join(parts)] = self.fitResults[GABA_PLUS]

    def _is_plus(self, name: str) -> bool:
        return name == GABA_PLUS or (self.dl.plus and set(name.split("+")) == {"GABA", "MM30"})

    def _no_quality(self) -> None:
        """SNR and line widths of a refusal: none."""
        import pandas as pd
        from fsl_mrs.utils.qc import SNR

        def nothing(prefix: str) -> Any:
            return pd.DataFrame({f"{prefix}_{name}": [math.nan] for name in self.original_metabs})

        self.SNR = SNR(spectrum=math.nan, peaks=nothing("SNR"), residual=math.nan)
        self.FWHM = nothing("fwhm")

    @property
    def cov(self) -> NDArray:
        """Covariance: the network's for the concentrations that it gave, FSL-MRS's for what was fitted."""
        result = np.array(self.__dict__.get("_assigned_cov", self.__dict__.get("_cov")))
        names = self.original_metabs
        known = [k for k, name in enumerate(names) if name in self.dl.known]
        result[known, :] = result[:, known] = 0.0
        result[np.ix_(known, known)] = self.dl.covariance[np.ix_(known, known)]
        # a spread of zero would be a division by zero in the correlations
        tiny = [k for k in known if not result[k, k] > 0]
        result[tiny, tiny] = np.finfo(float).tiny
        return result

    @cov.setter
    def cov(self, value: NDArray) -> None:
        self._assigned_cov = value

    def parts(self, name: str) -> list[str]:
        """Basis functions of a metabolite or of a combination."""
        if name in self.original_metabs:
            return [name]
        return ["GABA"] if self._is_plus(name) else name.split("+")

    def is_hidden(self, name: str) -> bool:
        """Whether there is no value for a metabolite or combination.

        A combination has one where each of its parts does. Of a sum of metabolites that share their lines (Cr+PCr),
        one is enough: what the network gives for it stands for the sum.
        """
        if self._is_plus(name):
            return self._sum_of(GABA_PLUS) is None
        parts = self.parts(name)
        without = [part in self.dl.hidden or part in self.dl.functions.covered for part in parts]
        shared = any(set(parts) == set(members) for members in COMBINATIONS.values())
        if shared:
            return all(without)
        return any(
            no and (part in self.dl.hidden or self.dl.functions.covered[part] not in parts)
            for part, no in zip(parts, without, strict=True)
        )

    def getConc(self, scaling: str = "raw", metab: Any = None, function: Any = "mean") -> Any:
        """Concentrations as FSL-MRS gives them; NaN for what was not measured."""
        if self._plain:
            return super().getConc(scaling, metab, function)
        if scaling != "raw" and self.concScalings[scaling] is None:
            values = super().getConc("raw", metab, function) * np.nan
        else:
            values = super().getConc(scaling, metab, function)
        if function is None:
            return values
        if isinstance(metab, str):
            return np.nan if self.is_hidden(metab) else values
        names = self.metabs if metab is None else metab
        hidden = [self.is_hidden(name) for name in names]
        if isinstance(values, np.ndarray):
            return np.where(hidden, np.nan, values)
        return values.mask(np.array(hidden))

    def getUncertainties(self, type: str = "percentage", metab: Any = None) -> Any:
        """Standard deviations of the network, and of the fit for what it does not know; NaN for what is hidden."""
        names = self.metabs if metab is None else [metab] if isinstance(metab, str) else metab
        values = np.array([self._spread(name, type.lower()) for name in names], dtype=float)
        return float(values[0]) if isinstance(metab, str) else values

    def _spread(self, name: str, kind: str) -> float:
        if self.is_hidden(name):
            return math.nan
        value, sd = float(self.fitResults[name].mean()), self._raw_sd(name)
        if kind == "raw":
            return sd
        if kind == "percentage":
            return min(999.0, 100 * sd / value) if value > 0 else 999.0
        if kind in ("molarity", "molality"):
            scaling = self.concScalings[kind]
            return math.nan if scaling is None else sd * float(scaling)
        if kind != "internal":
            raise ValueError("type must be raw, percentage, internal, molarity or molality")
        internal = self.concScalings["internal"]
        return math.nan if internal is None or math.isnan(internal) else self._ratio_spread(name, value, sd)

    def interval95(self, name: str) -> tuple[float, float]:
        """95 % interval of the ratio to the internal reference: the network's, or of 1.96 standard deviations."""
        value = float(self.getConc("internal", name))
        sd = self.getUncertainties("internal", name)
        found = None if math.isnan(value) else self._calibrated_ratio(name)
        if found is not None:
            scale = self._scale(name) / self.dl.scale[self.parts(self.referenceMetab[0])[0]]
            return found.interval95[0] * scale, found.interval95[1] * scale
        return float(np.maximum(0.0, value - 1.96 * sd)), value + 1.96 * sd

    def _raw_sd(self, name: str) -> float:
        own = self._network_estimate(name, (*self.dl.quantification.estimates, *self.dl.quantification.combinations))
        if own is not None:
            return own.sd * self._scale(name)
        weights = self._weights(name)
        return math.sqrt(float(weights @ self.cov @ weights))

    def _shown(self, names: Sequence[str]) -> frozenset[str]:
        """Outputs of the network whose sum the given metabolites or combinations are; empty where some are fitted."""
        q = self.dl.quantification
        visible = {e.name for e in q.estimates if not e.flag}
        if any(self._is_plus(name) for name in names):
            return frozenset(visible & {"GABA", "MM30"}) if len(names) == 1 else frozenset()
        parts = [part for name in names for part in self.parts(name)]
        scales = [self.dl.scale[part] for part in parts]
        if any(part in self.dl.functions.fitted for part in parts) or max(scales) > min(scales) * (1 + 1e-9):
            return frozenset()
        return frozenset(visible & {o for part in parts for o in self.dl.functions.stands_for.get(part, ())})

    def _scale(self, name: str) -> float:
        return self.dl.scale[self.parts(name)[0]]

    def _network_estimate(self, name: str, estimates: Sequence[Estimate]) -> Estimate | None:
        """The network's own estimate of a metabolite or combination, with its calibrated interval; None without."""
        shown = self._shown([name])
        visible = {e.name for e in self.dl.quantification.estimates if not e.flag}

        def members(found: Estimate) -> frozenset[str]:
            return frozenset(visible & set(COMBINATIONS.get(found.name, (found.name,))))

        return next((e for e in estimates if shown and members(e) == shown), None)

    def _calibrated_ratio(self, name: str) -> Estimate | None:
        """The network's ratio to the internal reference, with its calibrated interval; None where there is none."""
        q, reference = self.dl.quantification, self._shown(self.referenceMetab)
        visible = {e.name for e in q.estimates if not e.flag}
        for parts, ratios in ((q.reference, q.ratios()), (q.second_reference, q.second_ratios())):
            if reference and reference == visible & set(parts):
                return self._network_estimate(name, ratios)
        return None

    def _ratio_spread(self, name: str, value: float, sd: float) -> float:
        references = [part for metab in self.referenceMetab for part in self.parts(metab)]
        if not self._is_plus(name) and set(self.parts(name)) == set(references):
            return 0.0
        calibrated = self._calibrated_ratio(name)
        if calibrated is not None:
            return calibrated.sd * self._scale(name) / self.dl.scale[references[0]]
        if not self._is_plus(name) and self._shown([name]) == self._shown(self.referenceMetab) != frozenset():
            return 0.0
        total, weights = np.zeros(len(self.cov)), self._weights(name)
        for part in references:
            total += self._weights(part)
        reference_value = float(sum(self.fitResults[part].mean() for part in references))
        cov = self.cov
        return ratio_sd(value, reference_value, sd**2, float(total @ cov @ total), float(weights @ cov @ total))

    def _weights(self, name: str) -> NDArray:
        weights = np.zeros(len(self.params_names))
        for part in self.parts(name):
            weights[self.original_metabs.index(part)] += 1
        return weights

    def calculateConcScaling(
        self, mrs: Any, quant_info: Any = None, internal_reference: Any = None, **kwargs: Any
    ) -> None:
        """FSL-MRS's scalings, without those whose reference was not measured."""
        references = ["Cr", "PCr"] if internal_reference is None else list(internal_reference)
        self._water_asked = mrs.H2O is not None and quant_info is not None
        if self._water_asked and not self._is_water_usable(mrs, quant_info):
            quant_info = None
        self.referenceMetab, self.intrefstr = references, "+".join(references)
        there = all(part in self.original_metabs for name in references for part in self.parts(name))
        measured = not there or self._is_measured(references)  # FSL-MRS says what is not there
        # what has no value counts for nothing in FSL-MRS's own sums: its parameter is 0
        self._plain = True
        try:
            super().calculateConcScaling(mrs, quant_info, references, **kwargs)
        finally:
            self._plain = False
        if not measured:
            self.concScalings["internal"] = math.nan
            if not self.dl.quantification.refused:
                self._note(
                    f"{'+'.join(references)} was not measured in what is there, so no ratio to it is given. "
                    "For ratios to NAA: --internal_ref NAA"
                )
        if self.dl.host == "fsl_mrsi" and mrs.H2O is not None:
            water = {key: math.nan for key in ("molarity", "molality") if self.concScalings[key] is None}
            self.concScalings.update(water)

    def _is_water_usable(self, mrs: Any, quant_info: Any) -> bool:
        """Whether there is ground for concentrations by water; what is not right about them is said."""
        problem = self._water_problem(mrs, quant_info)
        if problem:
            self._note(problem)
            return False
        factor = self.dl.factor
        if factor is not None and not 0.9 < quant_info.add_corr * abs(factor) < 1.1:
            self._note(
                f"The data are {abs(factor):.3g} times ON - OFF, and water was scaled by {quant_info.add_corr:.3g}: "
                f"concentrations by water are wrong by that. Use: --h2o_scale {1 / abs(factor):.3g}"
            )
        return True

    def _is_measured(self, names: list[str]) -> bool:
        q, shown = self.dl.quantification, self._shown(names)
        if any(self.is_hidden(name) for name in names) and self.is_hidden("+".join(names)):
            return False
        visible = {e.name for e in q.estimates if not e.flag}
        for parts, estimate in ((q.reference, q.reference_estimate), (q.second_reference, q.second_reference_estimate)):
            if shown and shown == visible & set(parts):
                return estimate is not None
        weights = np.zeros(len(self.params_names))
        for name in names:
            weights += self._weights(name)
        value = float(sum(self.fitResults[name].mean() for name in names))
        return value > REFERENCE_MIN_SD * math.sqrt(float(weights @ self.cov @ weights))

    def _water_problem(self, mrs: Any, quant_info: Any) -> str:
        """Why water scaling is left out: a reference that the spectrum does not show; empty where there is none."""
        if self.dl.quantification.refused:
            return "No water scaling: the data were refused."
        if self.dl.unscaled:
            return f"No water scaling: {self.dl.unscaled}."
        references = quant_info.ref_metab
        references = [references] if isinstance(references, str) else list(references)
        if any(name not in self.original_metabs or self.is_hidden(name) for name in references):
            return f"No water scaling: {'+'.join(references)} was not measured. Use: {self.dl.water_arguments}"
        if "diff" not in self.dl.spectra.present or "NAA" not in self.original_metabs:
            return ""
        spectra = np.fft.fft(np.asarray(mrs.basis), axis=0)
        ppm_hz, freq_hz = self.hzperppm, np.fft.fftfreq(len(spectra), 1 / self.bandwidth)
        shown = np.abs(freq_hz + 1.85 * ppm_hz) < 2.1 * ppm_hz  # 0.7 to 4.9 ppm
        size = dict(zip(self.original_metabs, np.linalg.norm(spectra[shown], axis=0), strict=True))
        if max(size[name] for name in references) < VISIBLE * size["NAA"]:
            return (
                f"No water scaling: {'+'.join(references)} does not show in DIFF, so water cannot be compared with "
                f"it. Use: {self.dl.water_arguments}"
            )
        return ""

    def _note(self, text: str) -> None:
        if text not in self.dl_notes:
            self.dl_notes.append(text)
            # FitRes scales once by itself, before the caller's references are known
            if hasattr(self, "_told"):
                (tell_once if self.dl.host == "fsl_mrsi" else tell)(f"caution: {text}")

    def notes(self) -> tuple[str, ...]:
        """All that the reader of the result has to know."""
        return (*self.cautions(), *self.dl.notes)

    def cautions(self) -> tuple[str, ...]:
        """Those of the notes that call for caution."""
        return (*self.dl.cautions, *self.dl_notes)

    def scalings(self) -> list[str]:
        """Scalings that the tables have columns for: what was asked for has one, measured or not."""
        water = [key for key in ("molality", "molarity") if self._water_asked or self.concScalings[key] is not None]
        return ["raw", "internal", *water]

    def to_file(self, filename: Any, what: str = "concentrations") -> None:
        """FSL-MRS's files; beside ``summary.csv``, ``quantities.json`` and ``lcmodel/`` too."""
        from fsl_mrs_dl.fsl_plugin import files

        own = {
            "parameters": files.write_parameters,
            "concentrations": files.write_concentrations,
            "summary": files.write_summary,
        }
        if what not in own:
            super().to_file(filename, what)
            return
        own[what](self, Path(filename))
        if what == "summary" and self.dl.host == "fsl_mrs":
            files.write_beside(self, Path(filename).parent)
