# SPDX-License-Identifier: Apache-2.0
"""Relaxation times and water contents at 3 T: the table that water referencing reads, each value with its source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from fsl_mrs_dl.metabolites.table import TABLE, Relaxation


@dataclass(frozen=True)
class Tissue:
    """Water of one tissue: relaxation, and its content relative to pure water (g/ml)."""

    water: Relaxation
    water_content: float
    source: str


_WANSAPURA = "Wansapura et al. 1999, J Magn Reson Imaging 9:531 (T1, T2)"
_CSF = "Lu et al. 2005, J Magn Reson Imaging 22:13 (T1); Piechnik et al. 2009, Magn Reson Med 61:579 (T2)"
_ERNST = "Ernst et al. 1993, J Magn Reson B 102:1, doi 10.1006/jmrb.1993.1055"
TISSUES: Mapping[str, Tissue] = MappingProxyType(
    {
        "GM": Tissue(Relaxation(1.331, 0.110, _WANSAPURA), 0.78, _ERNST),
        "WM": Tissue(Relaxation(0.832, 0.0792, _WANSAPURA), 0.65, _ERNST),
        "CSF": Tissue(Relaxation(3.817, 0.503, _CSF), 0.97, _ERNST),
    }
)
"""Tissues of a brain voxel."""

DEFAULT = Relaxation(
    1.29, 0.194, "mean of NAA, Cr and Cho at 3 T: the survey of FSL-MRS (Clarke et al. 2021, MRM 85:2950)"
)
"""Metabolites whose row in `fsl_mrs_dl.metabolites.table` has no values of its own."""

WATER_MOLALITY_MM = 55_510.0
"""Pure water, mmol/kg: 1000 g over 18.015 g/mol."""

GABA_ALPHA = 0.5
"""Concentration of GABA in white by that in grey matter (Harris AD, Puts NAJ, Edden RAE (2015) Tissue correction for
GABA-edited MRS, J Magn Reson Imaging 42:1431, doi 10.1002/jmri.24903)."""


def relaxation_of(name: str) -> Relaxation:
    """Relaxation of a metabolite, or of a sum by its first part: GABA+ has GABA's."""
    row = TABLE.get(name.split("+")[0])
    return (row.relaxation if row else None) or DEFAULT
