# SPDX-License-Identifier: Apache-2.0
"""Groups of protons of one molecule: they differ in T2, so the lines of one molecule decay and broaden apart.

At 3 T the CH2 group of creatine has a T2 of 0.11 to 0.13 s, its methyl group 0.15 to 0.17 s: Träber et al. 2004, J
Magn Reson Imaging 19:537, doi 10.1002/jmri.20053; Mlynárik et al. 2001, NMR Biomed 14:325, doi 10.1002/nbm.713; Wyss
et al. 2018, Magn Reson Med 80:452, doi 10.1002/mrm.27067; pooled: Gudmundson et al. 2023, Anal Biochem 676:115227, doi
10.1016/j.ab.2023.115227. Of other molecules hardly any group was measured apart in brains: theirs are our choice, after
the rule that methyl groups, which turn fast, relax slowest.

What is quantified of a molecule is the amplitude of its first group here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Kind = Literal["reference", "beside_methyl", "alpha", "alike"]


@dataclass(frozen=True)
class ProtonGroup:
    """Lines of one molecule that relax alike.

    Parameters
    ----------
    metabolite : str
    low_ppm, high_ppm : float
        Where its lines stand; from `low_ppm` on, below `high_ppm`.
    kind : {'reference', 'beside_methyl', 'alpha', 'alike'}
        What its T2 is relative to the molecule's first group, see `T2_RATIO`.
    """

    metabolite: str
    low_ppm: float = -20.0
    high_ppm: float = 20.0
    kind: Kind = "reference"


T2_RATIO: Mapping[str, float] = MappingProxyType(
    {"reference": 1.0, "beside_methyl": 0.76, "alpha": 0.80, "alike": 0.95}
)
"""T2 of a group over that of the molecule's first one. CH and CH2 groups beside a methyl group: mean of creatine's in
the four sources above (0.112 to 0.128 over 0.148 to 0.166 s). Alpha protons of amino acids, and groups that nothing
sets apart: our choice."""

_SPLITS: Mapping[str, tuple[tuple[float, float, Kind], ...]] = MappingProxyType(
    {
        "Ala": ((-20.0, 2.6, "reference"), (2.6, 20.0, "beside_methyl")),
        "Asc": ((-20.0, 3.87, "reference"), (3.87, 4.25, "alike"), (4.25, 20.0, "alike")),
        "Asp": ((-20.0, 3.4, "reference"), (3.4, 20.0, "alpha")),
        "Cr": ((-20.0, 3.4, "reference"), (3.4, 20.0, "beside_methyl")),
        "GABA": ((2.65, 20.0, "reference"), (-20.0, 2.65, "alike")),
        "GPC": ((-20.0, 3.4, "reference"), (3.4, 20.0, "beside_methyl")),
        "GSH": ((-20.0, 3.4, "reference"), (3.4, 4.25, "alpha"), (4.25, 20.0, "alpha")),
        "Gln": ((-20.0, 3.4, "reference"), (3.4, 20.0, "alpha")),
        "Glu": ((-20.0, 3.4, "reference"), (3.4, 20.0, "alpha")),
        "Ins": ((-20.0, 3.8, "reference"), (3.8, 20.0, "alike")),
        "Lac": ((-20.0, 2.6, "reference"), (2.6, 20.0, "beside_methyl")),
        "NAA": ((-20.0, 2.25, "reference"), (2.25, 3.4, "beside_methyl"), (3.4, 20.0, "alpha")),
        "NAAG": ((-20.0, 2.25, "reference"), (2.25, 3.4, "beside_methyl"), (3.4, 20.0, "alpha")),
        "PCh": ((-20.0, 3.4, "reference"), (3.4, 20.0, "beside_methyl")),
        "PCr": ((-20.0, 3.4, "reference"), (3.4, 20.0, "beside_methyl")),
        "PE": ((-20.0, 3.6, "reference"), (3.6, 20.0, "alike")),
        "Tau": ((3.34, 20.0, "reference"), (-20.0, 3.34, "alike")),
    }
)


def proton_groups(metabolites: Sequence[str], *, apart: bool = True) -> tuple[ProtonGroup, ...]:
    """The groups of each metabolite in turn, its reference first; one of all lines for each where not `apart`."""
    groups: list[ProtonGroup] = []
    for name in metabolites:
        splits = _SPLITS.get(name, ()) if apart else ()
        groups += [ProtonGroup(name, *split) for split in splits] or [ProtonGroup(name)]
    return tuple(groups)
