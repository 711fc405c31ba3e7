# SPDX-License-Identifier: Apache-2.0
"""FSL-MRS's result object with the network's concentrations and uncertainties.

This module can only be imported where FSL-MRS is installed: the class is an ordinary one of this module, so that dask's
workers can send it back.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from fsl_mrs.utils.results import FitRes
from numpy.typing import NDArray

from fsl_mrs_dl.core.data import EditedSpectra
from fsl_mrs_dl.fsl_plugin.prepared import Prepared
from fsl_mrs_dl.fsl_plugin.request import tell, tell_once
from fsl_mrs_dl.metabolites.sums import COMBINATIONS, REFERENCE_MIN_SD
from fsl_mrs_dl.quantify.host import ratio_sd
from fsl_mrs_dl.quantify.result import Quantification

VISIBLE = 0.02
"""Integral of a water-scaling reference per unit of concentration, relative to NAA's, below which it does not show."""

WATER_ARGUMENTS = "--wref_metabolite NAA --ref_protons 3 --ref_int_limits 1.8 2.2"
"""Arguments of fsl_mrs for water scaling in DIFF, besides --h2o_scale."""


@dataclass(frozen=True)
class DlFacts:
    """What the result object knows beside FSL-MRS's parameters.

    Parameters
    ----------
    quantification : Quantification
    spectra : EditedSpectra
    known : tuple of str
        Basis functions whose concentration the network gave; the others were fitted.
    hidden : tuple of str
        Basis functions without a value: not visible in what was measured, or refused.
    covariance : array, shape ``(n_basis, n_basis)``
        Of FSL-MRS's raw concentrations; rows of fitted functions are zero.
    scale : mapping of str to float
        FSL-MRS's raw concentration of one unit of the network's amplitude.
    conditions : str
        Which spectra the network was shown.
    files : tuple of str
    notes : tuple of str
    host, reproduce : str
        Program that asked, and its command line.
    factor : float or None
        The data over ON - OFF (0.5 as fsl_mrs_preproc_edit makes them); None where it is not known.
    unscaled : str
        Why the fit is no ground for concentrations by water; empty where it is.
    """

    quantification: Quantification
    spectra: EditedSpectra
    known: tuple[str, ...]
    hidden: tuple[str, ...]
    covariance: NDArray
    scale: Mapping[str, float]
    conditions: str
    files: tuple[str, ...]
    notes: tuple[str, ...]
    host: str
    reproduce: str
    factor: float | None = None
    unscaled: str = ""

    @property
    def water_arguments(self) -> str:
        """What to give fsl_mrs for water scaling."""
        if self.factor is None:
            half = "2 where DIFF is half of ON - OFF, as fsl_mrs_preproc_edit makes it"
            return f"{WATER_ARGUMENTS} --h2o_scale 2 ({half})"
        return f"{WATER_ARGUMENTS} --h2o_scale {1 / abs(self.factor):.3g}"


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
        self.concScalings: dict[str, Any] = {}
        common: dict[str, Any] = {"metab_groups": prepared.metab_groups, "ppmlim": prepared.ppmlim}
        refused = facts.quantification.refused
        super().__init__(mrs, x, prepared.model, "dl", **common, **prepared.baseline, runqc=not refused)
        if refused:
            self._no_quality()
        for name in facts.hidden if not refused else ():
            # the line widths of nothing
            self.SNR.peaks[f"SNR_{name}"] = math.nan
            self.FWHM[f"fwhm_{name}"] = math.nan
        # the scaling that FitRes makes of itself is replaced by the caller's
        self.dl_notes.clear()
        self._told = True

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
        return [name] if name in self.original_metabs else name.split("+")

    def is_hidden(self, name: str) -> bool:
        """Whether there is no value for a metabolite or combination."""
        return any(part in self.dl.hidden for part in self.parts(name))

    def getConc(self, scaling: str = "raw", metab: Any = None, function: Any = "mean") -> Any:
        """Concentrations as FSL-MRS gives them; NaN for what was not measured."""
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
        cov, weights = self.cov, self._weights(name)
        value = float(self.fitResults[name].mean())
        variance = float(weights @ cov @ weights)
        if kind == "raw":
            return math.sqrt(variance)
        if kind == "percentage":
            return min(999.0, 100 * math.sqrt(variance) / value) if value > 0 else 999.0
        if kind in ("molarity", "molality"):
            scaling = self.concScalings[kind]
            return math.nan if scaling is None else math.sqrt(variance) * float(scaling)
        if kind != "internal":
            raise ValueError("type must be raw, percentage, internal, molarity or molality")
        if self.concScalings["internal"] is None:
            return math.nan
        return self._ratio_spread(name, value, variance)

    def _ratio_spread(self, name: str, value: float, variance: float) -> float:
        references = [part for metab in self.referenceMetab for part in self.parts(metab)]
        if set(self.parts(name)) == set(references):
            return 0.0
        q = self.dl.quantification
        scales = [self.dl.scale[part] for part in references]
        if set(references) == set(q.reference) and math.isclose(min(scales), max(scales), rel_tol=1e-6):
            parts = self.parts(name)
            sums = (total for total, members in COMBINATIONS.items() if set(members) == set(parts))
            calibrated = {e.name: e.sd for e in q.calibrated_ratios}.get(next(sums, name))
            own = [self.dl.scale[part] for part in parts]
            if calibrated is not None and set(parts) <= set(self.dl.known) and math.isclose(min(own), max(own)):
                return calibrated * own[0] / scales[0]
        total, weights = np.zeros(len(self.cov)), self._weights(name)
        for part in references:
            total += self._weights(part)
        reference_value = float(sum(self.fitResults[part].mean() for part in references))
        cov = self.cov
        return ratio_sd(value, reference_value, variance, float(total @ cov @ total), float(weights @ cov @ total))

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
        nothing = math.nan if self.dl.host == "fsl_mrsi" else None
        if mrs.H2O is not None and quant_info is not None:
            problem = self._water_problem(mrs, quant_info)
            if problem:
                self._note(problem)
                quant_info = None
            elif self.dl.factor is not None and not 0.9 < quant_info.add_corr * abs(self.dl.factor) < 1.1:
                self._note(
                    f"The data are {abs(self.dl.factor):.3g} times ON - OFF, and water was scaled by "
                    f"{quant_info.add_corr:.3g}: concentrations by water are wrong by that. Use: --h2o_scale "
                    f"{1 / abs(self.dl.factor):.3g}"
                )
        present = [name for name in references if name in self.metabs]
        measured = len(present) < len(references) or self._is_measured(present)
        if measured:
            super().calculateConcScaling(mrs, quant_info, references, **kwargs)
        else:
            # a reference that does exist, for the formula; the internal scaling is taken away again
            visible = [name for name in self.original_metabs if not self.is_hidden(name)]
            if visible and quant_info is not None:
                super().calculateConcScaling(mrs, quant_info, visible, **kwargs)
            else:
                quiet = {"molarity": None, "molality": None, "quant_info": None, "ref_info": None}
                self.concScalings = {**self.concScalings, **quiet}
            self.referenceMetab, self.intrefstr = references, "+".join(references)
            self.concScalings["internal"] = nothing
            self.concScalings["internalRef"] = None
            if not self.dl.quantification.refused:
                self._note(
                    f"{'+'.join(references)} was not measured in what is there, so no ratio to it is given. "
                    "For ratios to NAA: --internal_ref NAA"
                )
        if self.dl.host == "fsl_mrsi" and mrs.H2O is not None:
            for key in ("molarity", "molality"):
                if self.concScalings[key] is None:
                    self.concScalings[key] = math.nan

    def _is_measured(self, names: list[str]) -> bool:
        if any(self.is_hidden(name) for name in names):
            return False
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
        return (*self.dl.notes, *self.dl_notes)

    def to_file(self, filename: Any, what: str = "concentrations") -> None:
        """FSL-MRS's files; beside ``summary.csv``, ``quantities.json`` and ``lcmodel/`` too."""
        if what == "parameters":
            self._parameters_to_file(filename)
            return
        super().to_file(filename, what)
        if what == "summary" and self.dl.host == "fsl_mrs":
            from fsl_mrs_dl.fsl_plugin.files import write_beside

            write_beside(self, Path(filename).parent)

    def _parameters_to_file(self, filename: Any) -> None:
        """``parameter,mean,std``: numbers in `mean` throughout, for fsl_mrs_summarise makes the fit from them."""
        import pandas as pd

        std = np.sqrt(np.diagonal(self.cov))
        nothing = self.dl.quantification.refused
        std = [
            np.nan if nothing or name in self.dl.hidden else s for name, s in zip(self.params_names, std, strict=True)
        ]
        frame = pd.DataFrame({"parameter": self.params_names, "mean": self.params, "std": std})
        frame.to_csv(filename, index=False, header=True)
