# SPDX-License-Identifier: Apache-2.0
"""Severity of the perturbations of a spectrum: most scans of a study are good in every respect at once.

The ranges of the perturbations reach as far as bad scans do. Were each drawn apart, hardly any training spectrum would
be undisturbed in all of them, and a network would never learn how exact a good spectrum allows it to be.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.core.errors import ConfigError


@dataclass(frozen=True)
class SeverityConfig:
    """Share of good scans, and how much of the ranges they use; a share of zero leaves all spectra as they are.

    Parameters
    ----------
    mild_share : float
        Share of the spectra whose disturbances (shoulder, instrument, baseline, water, echo, unforeseen lines, lipid)
        are smaller by one common factor. Noise, widths, the metabolites' own T2 and shifts, the frequency and the
        macromolecular background stay as drawn.
    mild_factor : tuple of two float
        That factor; uniform.

    Raises
    ------
    ConfigError
        When a value lies outside 0 to 1.
    """

    mild_share: float = 0.0
    mild_factor: tuple[float, float] = (0.05, 0.6)

    def __post_init__(self) -> None:
        for name, values in (("mild_share", (self.mild_share,)), ("mild_factor", self.mild_factor)):
            if not all(0 <= value <= 1 for value in values):
                raise ConfigError(f"{name} out of range", expected="0 to 1", got=getattr(self, name))

    def draw(self, n: int, rng: np.random.Generator) -> NDArray:
        """Factor on the disturbances of `n` spectra, shape ``(n,)``."""
        if not self.mild_share:
            return np.ones(n)
        mild = rng.uniform(size=n) < self.mild_share
        return np.where(mild, rng.uniform(*self.mild_factor, size=n), 1.0)
