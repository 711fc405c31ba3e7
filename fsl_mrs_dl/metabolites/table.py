# SPDX-License-Identifier: Apache-2.0
"""The table of metabolites: each row holds what the program knows of one beyond its chemical shifts and couplings.

A metabolite's name, which is FSL-MRS's, leads to its spin system in ``physics/spins/systems.json``. Adding one
takes its spin system there, a row here, and new training.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np

from fsl_mrs_dl.physics.spins import SpinSystem, load_system

Editing = Literal["", "edited", "edge", "saturated", "broad"]


@dataclass(frozen=True)
class Relaxation:
    """T1 and T2 in s, and where they come from."""

    t1_s: float
    t2_s: float
    source: str

    def weight(self, te_s: float, tr_s: float) -> float:
        """Signal that is left: ``exp(-TE/T2) (1 - exp(-TR/T1))`` of a 90 degree pulse and echo."""
        return float(np.exp(-te_s / self.t2_s) * -np.expm1(-tr_s / self.t1_s))


@dataclass(frozen=True)
class Metabolite:
    """A row of the table.

    Parameters
    ----------
    name : str
        FSL-MRS's name.
    brain_mm : tuple of two float
        Range of concentrations that training spectra of brains are drawn from, see `TABLE`.
    healthy_mm : tuple of two float, optional
        Range of healthy adults: Govindaraju et al. 2000, Table 1, and the spread between studies in the meta-analysis
        of Gudmundson et al. 2023.
    t2_s : tuple of two float, optional
        T2 in grey and in white matter at 3 T, of the strongest singlet where there is one: Wyss et al. 2018, Magn Reson
        Med 80:452, doi 10.1002/mrm.27067. The numbers are those that Osprey's source tabulates from that paper, which
        was not at hand. GABA and Tau were not measured in white matter and have grey matter's value. How T2 of other
        protons of a molecule differ: `fsl_mrs_dl.metabolites.protons`.
    relaxation : Relaxation, optional
        With which concentrations by water are corrected; that of `DEFAULT_RELAXATION` otherwise.
    in_diff : {'', 'edited', 'edge', 'saturated', 'broad'}
        What DIFF shows of it when GABA is edited: next to nothing; lines that coupling to protons at the editing pulse
        gives back; such lines of protons at the edge of the pulse, whose size depends on its width; lines that the
        pulse itself takes from ON; or a co-edited macromolecule.
    """

    name: str
    brain_mm: tuple[float, float]
    healthy_mm: tuple[float, float] | None = None
    t2_s: tuple[float, float] | None = None
    relaxation: Relaxation | None = None
    in_diff: Editing = ""

    @property
    def spin_system(self) -> SpinSystem:
        """Its protons; raises `ConfigError` for a macromolecule, which is made of broad lines."""
        return load_system(self.name)


_GABA = Relaxation(1.31, 0.088, "Puts et al. 2013, JMRI 37:999 (T1); Edden et al. 2012, JMRI 35:231 (T2)")

TABLE: Mapping[str, Metabolite] = MappingProxyType(
    {
        row.name: row
        for row in (
            Metabolite("Ala", (0.0, 2.5), (0.1, 1.5), in_diff="edge"),
            Metabolite("Asc", (0.0, 3.0), (0.4, 1.7), (0.115, 0.172)),
            Metabolite("Asp", (0.0, 5.0), (1.0, 2.4), (0.1005, 0.148)),
            Metabolite("Cr", (1.5, 9.0), (3.2, 6.5), (0.146, 0.166)),
            Metabolite("PCr", (0.5, 7.0), (3.0, 5.5), (0.146, 0.166)),
            Metabolite("GABA", (0.0, 6.0), (0.9, 2.8), (0.0885, 0.0885), _GABA, "edited"),
            Metabolite("GPC", (0.0, 2.5), (0.5, 1.8), (0.248, 0.218)),
            Metabolite("PCh", (0.0, 1.5), (0.2, 1.0), (0.2475, 0.213)),
            Metabolite("PE", (0.0, 4.0), (0.8, 2.4), (0.1025, 0.158)),
            Metabolite("GSH", (0.0, 4.0), (0.8, 3.2), (0.0885, 0.145), in_diff="edited"),
            Metabolite("Glc", (0.0, 4.0), (0.5, 2.2), (0.1025, 0.155)),
            Metabolite("Gln", (0.0, 7.0), (1.5, 6.0), (0.1105, 0.168), in_diff="edited"),
            Metabolite("Glu", (3.0, 18.0), (6.0, 13.5), (0.1285, 0.124), in_diff="edited"),
            Metabolite("Gly", (0.0, 3.0), (0.2, 1.2), (0.0915, 0.152)),
            Metabolite("Ins", (1.0, 12.0), (3.8, 9.0), (0.2365, 0.161)),
            Metabolite("Lac", (0.0, 4.0), (0.2, 1.4), (0.1045, 0.159), in_diff="edge"),
            Metabolite("NAA", (4.0, 18.0), (7.5, 17.0), (0.258, 0.343), in_diff="saturated"),
            Metabolite("NAAG", (0.0, 4.0), (0.4, 2.8), (0.1175, 0.185), in_diff="saturated"),
            Metabolite("Scyllo", (0.0, 1.0), (0.1, 0.7), (0.116, 0.170)),
            Metabolite("Ser", (0.0, 1.5), (0.2, 1.8)),
            Metabolite("Tau", (0.0, 7.0), (1.5, 6.0), (0.1125, 0.1125)),
            Metabolite("MM30", (0.0, 6.0), in_diff="broad"),
            Metabolite("MM09", (0.0, 12.0), in_diff="broad"),
        )
    }
)
"""Concentrations are uniform ranges in mM: twice the spread of healthy and diseased brains in the meta-analysis of
Gudmundson et al. 2023, Anal Biochem 676:115227 (doi 10.1016/j.ab.2023.115227), and of Govindaraju et al. 2000, Table 1.
MM30 and MM09 are in units of the co-edited signal, see `fsl_mrs_dl.metabolites.macromolecules`."""

BRAIN: tuple[str, ...] = tuple(name for name, row in TABLE.items() if row.in_diff != "broad")
"""Metabolites of a brain, simulated from spin systems: what a default basis holds, in this order."""

SIMULATED: tuple[str, ...] = tuple(sorted(BRAIN))
"""The same in the order of a network's outputs."""

BROAD: tuple[str, ...] = tuple(sorted(set(TABLE) - set(BRAIN)))
"""Macromolecules that are quantified beside them."""

DISPLAY: tuple[str, ...] = ("GABA", "GABA+", "Glx", "Glu", "Gln", "GSH", "tNAA", "NAA", "tCr", "tCho", "Ins")
"""Metabolites and sums that a reader looks for, by rank."""

HEADLINE: tuple[str, ...] = tuple(name for name in DISPLAY if name in ("GABA", "GABA+", "Glx", "Glu", "Gln", "NAA"))
"""Those that the data of a GABA-edited scan are measured for."""

TABULATED: tuple[str, ...] = tuple(name for name in DISPLAY if name not in ("NAA", "Ins"))
"""Those of which a study gives figures; of NAA, the sum with NAAG."""


def shown_in_diff(*kinds: Editing) -> tuple[str, ...]:
    """Metabolites of which DIFF shows lines of the given kinds; of any kind where none is given."""
    return tuple(name for name, row in TABLE.items() if row.in_diff and row.in_diff in (kinds or (row.in_diff,)))
