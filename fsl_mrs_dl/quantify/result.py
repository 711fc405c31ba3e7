# SPDX-License-Identifier: Apache-2.0
"""`Quantification`: estimates with intervals, the curves behind them, and flags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from numpy.typing import NDArray

from fsl_mrs_dl.core.flags import Flag
from fsl_mrs_dl.core.record import Record
from fsl_mrs_dl.metabolites.sums import REFERENCE_MIN_SD, short_name
from fsl_mrs_dl.models.estimate import Estimate, combine


@dataclass(frozen=True)
class Panel:
    """The picture of one condition: everything as complex spectra on one ascending ppm axis.

    `data`, `fit` and `baseline` have shape ``(n,)`` and are phased and referenced for display; `fit` includes
    the baseline; `components` holds each metabolite's part of the fit without the baseline.
    """

    name: str
    ppm: NDArray
    data: NDArray
    fit: NDArray
    baseline: NDArray
    components: Mapping[str, NDArray] = field(default_factory=dict)

    @property
    def residual(self) -> NDArray:
        """``data - fit``."""
        return self.data - self.fit


@dataclass(frozen=True)
class MetaboliteQC:
    """Signal-to-noise ratio and line width (FWHM, Hz) of one metabolite in the spectrum it is read from."""

    snr: float
    fwhm_hz: float


@dataclass(frozen=True)
class RangeCheck:
    """Whether one property of the input lies inside what the model was trained on."""

    name: str
    value: float
    low: float
    high: float

    @property
    def inside(self) -> bool:
        """True where ``low <= value <= high``."""
        return self.low <= self.value <= self.high


@dataclass(frozen=True)
class Quantification:
    """The answer for one data set.

    Parameters
    ----------
    estimates : tuple of Estimate
        Raw amplitudes of the model's metabolites; empty when refused.
    combinations : tuple of Estimate
        Raw amplitudes of the sums in `COMBINATIONS`.
    classical : mapping of str to float
        Amplitudes of the embedded classical fit of the same spectra, for comparison; may be empty.
    reference : tuple of str
        Metabolites whose sum is the internal reference (``("Cr", "PCr")``; ``("NAA",)`` for a DIFF alone).
    second_reference : tuple of str
        The same of the second reference (``("NAA", "NAAG")``); empty where there is none.
    panels : tuple of Panel
        Pictures, DIFF first where there is one.
    qc : mapping of str to MetaboliteQC
    fit_parameters : mapping of str to float
        Nuisance parameters of the consistency fit, units in the keys (``shift_ppm``, ``phase_deg``, ``lorentz_hz``,
        ``gauss_hz``, ``fwhm_hz``, ``residual_ratio`` ...).
    range_checks : tuple of RangeCheck
    model : mapping
        ``name``, ``hash``, ``version`` and further entries of the model card.
    fitted_fid : complex array, shape ``(n_points,)``, or None
        Re-made signal of the first panel's condition in the data's own frequency and phase.
    function_fids : mapping of str to complex array, shape ``(n_points,)``
        One unit of each quantity as it was fitted in that condition; of the classical fit where refused.
    flags : tuple of Flag
    calibrated_ratios, calibrated_second_ratios : tuple of Estimate
        Ratios to the references with intervals of their own calibration; without them `ratios` and `second_ratios`
        scale those of the amplitudes.
    history : Record
        `EditedSpectra.history` of the data.
    protocol : mapping
        What the network was told of the protocol, and from where: `fsl_mrs_dl.quantify.told.Told.to_dict`.
    absolute : mapping
        Concentrations by water, ``{metabolite: {unit: {value, sd, interval68, interval95}}}``; empty without water.
    water : mapping
        What they were made with, constants and sources.
    """

    estimates: tuple[Estimate, ...]
    combinations: tuple[Estimate, ...]
    reference: tuple[str, ...]
    panels: tuple[Panel, ...]
    qc: Mapping[str, MetaboliteQC]
    fit_parameters: Mapping[str, float]
    range_checks: tuple[RangeCheck, ...]
    model: Mapping[str, Any]
    flags: tuple[Flag, ...]
    fitted_fid: NDArray | None = None
    function_fids: Mapping[str, NDArray] = field(default_factory=dict)
    classical: Mapping[str, float] = field(default_factory=dict)
    calibrated_ratios: tuple[Estimate, ...] = ()
    second_reference: tuple[str, ...] = ()
    calibrated_second_ratios: tuple[Estimate, ...] = ()
    history: Record = field(default_factory=Record)
    absolute: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)
    water: Mapping[str, Any] = field(default_factory=dict)
    protocol: Mapping[str, Any] = field(default_factory=dict)

    @property
    def refused(self) -> bool:
        """Whether the data were refused; then there are no estimates."""
        return any(flag.severity == "refused" for flag in self.flags)

    @property
    def reference_name(self) -> str:
        """The reference as FSL-MRS writes it, e.g. ``Cr+PCr``."""
        return "+".join(self.reference)

    @property
    def reference_estimate(self) -> Estimate | None:
        """The sum of the reference metabolites, named `reference_name`; None when absent or zero."""
        return self._measured(self.reference, self.calibrated_ratios)

    @property
    def second_reference_name(self) -> str:
        """The second reference, e.g. ``NAA+NAAG``; empty where there is none."""
        return "+".join(self.second_reference)

    @property
    def second_reference_estimate(self) -> Estimate | None:
        """The sum of the metabolites of the second reference; None when absent or zero."""
        return self._measured(self.second_reference, self.calibrated_second_ratios)

    def ratios(self) -> tuple[Estimate, ...]:
        """Every estimate and combination relative to the reference; empty where the reference is not measured."""
        return self._relative_to(self.reference_estimate, self.calibrated_ratios)

    def second_ratios(self) -> tuple[Estimate, ...]:
        """The same relative to the second reference."""
        return self._relative_to(self.second_reference_estimate, self.calibrated_second_ratios)

    def _measured(self, parts: tuple[str, ...], ratios: tuple[Estimate, ...]) -> Estimate | None:
        name = "+".join(parts)
        total = combine(name, [e for e in self.estimates if e.name in parts])
        # the sum whose interval was calibrated as one, where there is one
        total = next((replace(e, name=name) for e in self.combinations if e.name == short_name(parts)), total)
        # where there are ratios it was found to be measured, by the network's own spread
        return total if total is not None and (ratios or total.value > REFERENCE_MIN_SD * total.sd) else None

    def _relative_to(self, reference: Estimate | None, calibrated: tuple[Estimate, ...]) -> tuple[Estimate, ...]:
        if reference is None:
            return ()
        return calibrated or tuple(e.relative_to(reference) for e in (*self.estimates, *self.combinations))
