# SPDX-License-Identifier: Apache-2.0
"""Voigt lines that stand in both conditions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.basis.bank import CENTRE_PPM
from fsl_mrs_dl.synthesise.context import Signals
from fsl_mrs_dl.synthesise.operations import add_lines
from fsl_mrs_dl.synthesise.perturbation import Drawn
from fsl_mrs_dl.synthesise.signals import GAUSS, rate_of, within


@dataclass(frozen=True)
class Lines(Drawn):
    """Voigt lines in both conditions, arrays of shape ``(n, n_lines)``.

    Parameters
    ----------
    area_off, area_on : complex arrays
        In protons times mM.
    ppm, lorentz_hz, gauss_hz : arrays
        Position, and full widths at half maximum.
    """

    area_off: NDArray
    area_on: NDArray
    ppm: NDArray
    lorentz_hz: NDArray
    gauss_hz: NDArray

    def softened(self, factor: NDArray) -> Lines:
        """Lines smaller by `factor` of shape ``(n,)``."""
        each = factor[:, None]
        return replace(self, area_off=each * self.area_off, area_on=each * self.area_on)

    def share_within(self, columns: Sequence[int], range_ppm: tuple[float, float], f0_mhz: NDArray) -> NDArray:
        """Share of some lines' area in DIFF that stands in a range, shape ``(n,)``; 1 where there is none."""
        which = list(columns)
        area = np.abs(self.area_on - self.area_off)[:, which]
        widths = self.lorentz_hz[:, which], self.gauss_hz[:, which]
        inside = within(self.ppm[:, which], *widths, range_ppm, f0_mhz[:, None])
        total = area.sum(axis=1)
        return np.where(total > 0, (area * inside).sum(axis=1) / np.maximum(total, 1e-12), 1.0)

    def apply(self, signals: Signals) -> None:
        """Add the lines to both conditions."""
        f0_mhz, dwell_s = signals.f0_mhz[:, None], signals.dwell_s[:, None]
        rate = rate_of(self.ppm, CENTRE_PPM, self.lorentz_hz, f0_mhz, dwell_s)
        area_off, area_on = (area.astype(complex) for area in (self.area_off, self.area_on))
        add_lines(signals.off, signals.on, area_off, area_on, rate, GAUSS * self.gauss_hz * dwell_s)


def side_by_side(*parts: Lines) -> Lines:
    """All lines of several sets, the columns one after another."""
    return Lines(
        *(
            np.hstack([getattr(part, name) for part in parts])
            for name in ("area_off", "area_on", "ppm", "lorentz_hz", "gauss_hz")
        )
    )
