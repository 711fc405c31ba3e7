# SPDX-License-Identifier: Apache-2.0
"""`Estimate`: value, spread and intervals of one metabolite; sums and ratios of estimates."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from fsl_mrs_dl.metabolites.sums import parts_of

NOT_RESOLVED = "not_resolved"
"""How outputs mark what is not `Estimate.resolved`."""

NOT_VISIBLE = "not visible"
"""Flag of a metabolite that has no signal in what was measured: its value is the network's prior, not a measurement."""


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
        Standard deviation in the unit of `value`: the network's, or from the scatter of the transients where that is
        larger.
    interval68, interval95 : tuple of float
        Central intervals, lower and upper end, calibrated on the model's own test spectra; widened with `sd`.
    sub_spectrum : str
        Which spectra it came from: ``edit_off+diff``, ``diff`` or ``edit_off``.
    unit : str
        ``raw`` or ``/<reference>``.
    flag : str
        Empty, or a word of caution (`NOT_VISIBLE`).
    resolved : bool
        False where the data do not tell it: the value is little more than a guess, and the upper end of the 95 %
        interval is what can be said.
    """

    name: str
    value: float
    sd: float
    interval68: tuple[float, float]
    interval95: tuple[float, float]
    sub_spectrum: str
    unit: str = "raw"
    flag: str = ""
    resolved: bool = True

    @property
    def visible(self) -> bool:
        """Whether it has a signal in what was measured."""
        return self.flag != NOT_VISIBLE

    @property
    def mark(self) -> str:
        """`flag`, or where that is empty whether it is not resolved: what outputs write."""
        return self.flag or ("" if self.resolved else NOT_RESOLVED)

    @property
    def percent_sd(self) -> float:
        """Relative standard deviation in per cent, capped at 999 (LCModel's habit)."""
        return min(999.0, 100.0 * self.sd / self.value) if self.value > 0 else 999.0

    def relative_to(self, reference: Estimate, factors: Mapping[str, float] | None = None) -> Estimate:
        """The ratio to `reference`.

        Parameters
        ----------
        reference : Estimate
        factors : mapping, optional
            Calibrated half widths in units of the spread by level (``68``, ``95``). Without them the intervals are
            scaled from the amplitude's, spreads added in quadrature.

        Raises
        ------
        ZeroDivisionError
            When the reference is zero.
        """
        if not reference.value > 0:
            raise ZeroDivisionError(f"reference {reference.name} is zero")
        value, unit = self.value / reference.value, f"/{reference.name}"
        if set(parts_of(self.name)) == set(parts_of(reference.name)):
            return replace(self, value=1.0, sd=0.0, interval68=(1.0, 1.0), interval95=(1.0, 1.0), unit=unit)
        own_sd = self.sd / reference.value
        sd = math.hypot(own_sd, value * reference.sd / reference.value)

        def scaled(level: str, interval: tuple[float, float]) -> tuple[float, float]:
            if factors is not None:
                return max(0.0, value - factors[level] * sd), value + factors[level] * sd
            growth = sd / own_sd if own_sd > 0 else 1.0
            low, high = (end / reference.value for end in interval)
            return max(0.0, value - (value - low) * growth), value + (high - value) * growth

        return replace(
            self,
            value=value,
            sd=sd,
            unit=unit,
            interval68=scaled("68", self.interval68),
            interval95=scaled("95", self.interval95),
        )


def combine(
    name: str, parts: list[Estimate], factors: Mapping[str, float] | None = None, sd: float | None = None
) -> Estimate | None:
    """The sum of `parts`; None without parts, and where one of them is not visible.

    Its spread is `sd`, or those of the parts in quadrature; intervals by the calibrated `factors`, else in quadrature
    too. What is left where a part does not show would be another quantity under the sum's name (GABA+ of an edit_off,
    which does not show the macromolecule).
    """
    if not parts or not all(part.visible for part in parts):
        return None
    value = sum(p.value for p in parts)
    spread = math.sqrt(sum(p.sd**2 for p in parts)) if sd is None else sd

    def ends(which: str) -> tuple[float, float]:
        if factors is not None:
            half = factors[which.removeprefix("interval")] * spread
            return max(0.0, value - half), value + half
        low = math.sqrt(sum((p.value - getattr(p, which)[0]) ** 2 for p in parts))
        high = math.sqrt(sum((getattr(p, which)[1] - p.value) ** 2 for p in parts))
        return max(0.0, value - low), value + high

    sub = parts[0].sub_spectrum
    return Estimate(name, value, spread, ends("interval68"), ends("interval95"), sub, parts[0].unit)
