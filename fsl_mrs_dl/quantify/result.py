# SPDX-License-Identifier: Apache-2.0
"""What a quantification is made of: estimates with intervals, the pictures behind them, and what was noticed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from fsl_mrs_dl.flags import Flag

COMBINATIONS: dict[str, tuple[str, ...]] = {
    "Glx": ("Glu", "Gln"),
    "tCr": ("Cr", "PCr"),
    "tNAA": ("NAA", "NAAG"),
    "tCho": ("GPC", "PCh"),
    "GABA+": ("GABA", "MM30"),
}
"""Sums that are reported when the model estimates at least two of their parts."""


@dataclass(frozen=True)
class Estimate:
    """One metabolite (or sum of metabolites).

    Parameters
    ----------
    name : str
        FSL-MRS's metabolite name, or a key of `COMBINATIONS`.
    value : float
        Raw amplitude (per unit of basis, FSL-MRS's raw concentration) or a ratio, never negative.
    sd : float
        Standard deviation that the network predicts, in the unit of `value`.
    interval68, interval95 : tuple of float
        Central intervals, lower and upper end, calibrated on the model's own test spectra.
    sub_spectrum : str
        Which spectra it came from: ``edit_off+diff``, ``diff`` or ``edit_off``.
    unit : str
        ``raw`` or ``/<reference>``.
    flag : str
        Empty, or a word of caution (``not visible``).
    """

    name: str
    value: float
    sd: float
    interval68: tuple[float, float]
    interval95: tuple[float, float]
    sub_spectrum: str
    unit: str = "raw"
    flag: str = ""

    @property
    def percent_sd(self) -> float:
        """Relative standard deviation in per cent, capped at 999 (LCModel's habit)."""
        return min(999.0, 100.0 * self.sd / self.value) if self.value > 0 else 999.0

    def relative_to(self, reference: Estimate) -> Estimate:
        """The ratio to `reference`; spreads add in quadrature (the two are taken as independent)."""
        if not reference.value > 0:
            raise ZeroDivisionError(f"reference {reference.name} is zero")
        value = self.value / reference.value
        if self.name == reference.name:
            return Estimate(
                self.name, 1.0, 0.0, (1.0, 1.0), (1.0, 1.0), self.sub_spectrum, f"/{reference.name}", self.flag
            )
        rel_ref = reference.sd / reference.value
        sd = math.hypot(self.sd / reference.value, value * rel_ref)
        growth = sd / (self.sd / reference.value) if self.sd > 0 else 1.0

        def scaled(interval: tuple[float, float]) -> tuple[float, float]:
            low, high = (end / reference.value for end in interval)
            return max(0.0, value - (value - low) * growth), value + (high - value) * growth

        return Estimate(
            self.name, value, sd, scaled(self.interval68), scaled(self.interval95), self.sub_spectrum,
            f"/{reference.name}", self.flag,
        )  # fmt: skip


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
    flags : tuple of Flag
    history : mapping
        `EditedSpectra.history` of the data.
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
    classical: Mapping[str, float] = field(default_factory=dict)
    history: Mapping[str, Any] = field(default_factory=dict)

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
        total = combine(self.reference_name, [e for e in self.estimates if e.name in self.reference])
        return total if total is not None and total.value > 0 else None

    def ratios(self) -> tuple[Estimate, ...]:
        """Every estimate and combination relative to the reference; empty where there is no reference."""
        reference = self.reference_estimate
        if reference is None:
            return ()
        return tuple(e.relative_to(reference) for e in (*self.estimates, *self.combinations))


def combine(name: str, parts: list[Estimate]) -> Estimate | None:
    """The sum of `parts`, spreads added in quadrature (taken as independent); None without parts."""
    if not parts:
        return None
    value = sum(p.value for p in parts)

    def ends(which: str) -> tuple[float, float]:
        low = math.sqrt(sum((p.value - getattr(p, which)[0]) ** 2 for p in parts))
        high = math.sqrt(sum((getattr(p, which)[1] - p.value) ** 2 for p in parts))
        return max(0.0, value - low), value + high

    sd = math.sqrt(sum(p.sd**2 for p in parts))
    sub = parts[0].sub_spectrum
    return Estimate(name, value, sd, ends("interval68"), ends("interval95"), sub, parts[0].unit)
