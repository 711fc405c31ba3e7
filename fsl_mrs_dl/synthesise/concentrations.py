# SPDX-License-Identifier: Apache-2.0
"""Concentrations of training spectra: wide, with exact zeros, of solutions and of brains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.core.errors import ConfigError, nearest
from fsl_mrs_dl.metabolites.t2 import measured_width_hz
from fsl_mrs_dl.metabolites.table import TABLE
from fsl_mrs_dl.synthesise.signals import log_uniform

BRAIN_MM: dict[str, tuple[float, float]] = {name: row.brain_mm for name, row in TABLE.items()}
"""Uniform ranges in mM: twice the spread of healthy and diseased brains in the meta-analysis of Gudmundson et al.
2023, Anal Biochem 676:115227 (doi 10.1016/j.ab.2023.115227), and of Govindaraju et al. 2000, Table 1. MM30 and MM09
are in units of the co-edited signal, see `fsl_mrs_dl.metabolites.macromolecules`."""

HEALTHY_MM: dict[str, tuple[float, float]] = {name: row.healthy_mm for name, row in TABLE.items() if row.healthy_mm}
"""Healthy adults' range in mM: Govindaraju et al. 2000, NMR Biomed 13:129, Table 1, and the spread between studies in
the meta-analysis of Gudmundson et al. 2023."""


@dataclass(frozen=True)
class ConcentrationConfig:
    """How concentrations are drawn.

    Parameters
    ----------
    design : {'random', 'sobol'}
        Independent numbers, or within each batch a Sobol sequence turned at random (Cranley and Patterson 1976, SIAM J
        Numer Anal 13:904, doi 10.1137/0713071), which fills the ranges more evenly.
    solution_fraction : float
        Fraction of spectra that are solutions of `solution_metabolites` only; the others are brains.
    solution_metabolites : tuple of str
        What solutions may contain.
    solution_max_mm : float
        Concentrations in solutions are uniform from 0 to this.
    zero_probability : float
        Probability that a metabolite of a solution is exactly absent.
    brain_zero_probability : float
        The same for the weaker metabolites of a brain (those whose range starts at 0).
    healthy_share : float
        Share of the brains that are drawn from `healthy_mm`, decayed over `healthy_te_s` with the measured T2 of each
        metabolite (`fsl_mrs_dl.metabolites.t2.T2_S`); the others come from the wide ranges of `brain_mm`.
    brain_mm : dict of str to tuple of two float
        Range of each metabolite in brains.
    healthy_te_s : float
        Echo time of that decay.
    healthy_mm : dict of str to tuple of two float
        Range of each metabolite in healthy adults; uniform.
    mm_over_gaba : tuple of two float
        In those brains, the co-edited macromolecule at 3.0 ppm relative to GABA; log-uniform. In studies that suppress
        it, 40 to 60 % of GABA+ are left, and T2 of both vary (Harris et al. 2015, NMR Biomed 28:1304; Mikkelsen et al.
        2019, NeuroImage 191:537).
    """

    design: Literal["random", "sobol"] = "random"
    solution_fraction: float = 0.5
    solution_metabolites: tuple[str, ...] = ("Cr", "GABA", "Gln", "Glu", "NAA")
    solution_max_mm: float = 16.0
    zero_probability: float = 0.08
    brain_zero_probability: float = 0.05
    brain_mm: dict[str, tuple[float, float]] = field(default_factory=lambda: dict(BRAIN_MM))
    healthy_share: float = 0.0
    healthy_te_s: float = 0.068
    healthy_mm: dict[str, tuple[float, float]] = field(default_factory=lambda: dict(HEALTHY_MM))
    mm_over_gaba: tuple[float, float] = (0.2, 3.0)

    def draw(self, n: int, metabolites: Sequence[str], rng: np.random.Generator) -> tuple[NDArray, NDArray]:
        """Concentrations and kind of `n` spectra.

        Returns
        -------
        conc_mm : array, shape ``(n, n_metabolites)``
        is_brain : bool array, shape ``(n,)``

        Raises
        ------
        ConfigError
            When a metabolite has no range.
        """
        for name in metabolites:
            if name not in self.brain_mm:
                raise ConfigError(f"no concentration range for '{name}'{nearest(name, self.brain_mm)}")
        is_brain = rng.uniform(size=n) >= self.solution_fraction
        low, high = np.array([self.brain_mm[name] for name in metabolites]).T
        brain = low + (high - low) * self._unit(n, len(metabolites), rng)
        brain[(rng.uniform(size=brain.shape) < self.brain_zero_probability) & (low == 0)] = 0
        dissolved = np.isin(metabolites, self.solution_metabolites)
        solution = self.solution_max_mm * self._unit(n, len(metabolites), rng) * dissolved
        solution[rng.uniform(size=brain.shape) < self.zero_probability] = 0
        # a solution without anything cannot be scaled: such a draw gets NAA
        empty = ~solution.any(axis=1)
        if "NAA" in metabolites:
            solution[empty, list(metabolites).index("NAA")] = self.solution_max_mm / 2
        if self.healthy_share:
            healthy = rng.uniform(size=n) < self.healthy_share
            brain = np.where(healthy[:, None], self._healthy(brain, metabolites, rng), brain)
        return np.where(is_brain[:, None], brain, solution), is_brain

    def _healthy(self, wide: NDArray, metabolites: Sequence[str], rng: np.random.Generator) -> NDArray:
        """Amplitudes of healthy brains; what `healthy_mm` does not name stays as in `wide`."""
        amounts = wide.copy()
        white = rng.uniform(size=len(wide))
        t2_s = 1 / (np.pi * measured_width_hz(metabolites, white))
        for index, name in enumerate(metabolites):
            if name in self.healthy_mm:
                amounts[:, index] = rng.uniform(*self.healthy_mm[name], size=len(wide))
                amounts[:, index] *= np.exp(-self.healthy_te_s / t2_s[:, index])
        if {"GABA", "MM30"} <= set(metabolites):
            gaba, mm30 = (list(metabolites).index(name) for name in ("GABA", "MM30"))
            amounts[:, mm30] = amounts[:, gaba] * log_uniform(self.mm_over_gaba, len(wide), rng)
        return amounts

    def _unit(self, n: int, dimensions: int, rng: np.random.Generator) -> NDArray:
        """Numbers from 0 to 1, shape ``(n, dimensions)``."""
        if self.design == "random":
            return rng.uniform(size=(n, dimensions))
        from scipy.stats import qmc

        points = qmc.Sobol(dimensions, scramble=False).random_base2(max(0, n - 1).bit_length())[:n]
        return (points + rng.uniform(size=dimensions)) % 1.0
