# SPDX-License-Identifier: Apache-2.0
"""T2 of brain metabolites at 3 T, for the differences of their line widths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

T2_S: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "Asc": (0.115, 0.172),
        "Asp": (0.1005, 0.148),
        "Cr": (0.146, 0.166),
        "GABA": (0.0885, 0.0885),
        "GPC": (0.248, 0.218),
        "GSH": (0.0885, 0.145),
        "Glc": (0.1025, 0.155),
        "Gln": (0.1105, 0.168),
        "Glu": (0.1285, 0.124),
        "Gly": (0.0915, 0.152),
        "Ins": (0.2365, 0.161),
        "Lac": (0.1045, 0.159),
        "NAA": (0.258, 0.343),
        "NAAG": (0.1175, 0.185),
        "PCh": (0.2475, 0.213),
        "PCr": (0.146, 0.166),
        "PE": (0.1025, 0.158),
        "Scyllo": (0.116, 0.170),
        "Tau": (0.1125, 0.1125),
    }
)
"""Seconds in grey matter (mean of occipital and pregenual anterior cingulate cortex) and in periventricular white
matter, of the strongest singlet where there is one: Wyss et al. 2018, Magn Reson Med 80:452, doi 10.1002/mrm.27067.
The numbers are those that Osprey's source tabulates from that paper, which was not at hand. GABA and Tau were not
measured in white matter and have grey matter's value."""

OTHER_T2_S = (0.140, 0.169)
"""Metabolites that are not in that table: about the mean of those that are."""


def measured_width_hz(metabolites: Sequence[str], white: NDArray) -> NDArray:
    """Lorentzian widths ``1 / (pi T2)`` of metabolites in a mixture of grey and white matter.

    Parameters
    ----------
    metabolites : sequence of str
    white : array, shape ``(n,)``
        Share of white matter; T2 lies as far between the two.

    Returns
    -------
    array, shape ``(n, n_metabolites)``
    """
    grey_s, white_s = np.array([T2_S.get(name, OTHER_T2_S) for name in metabolites]).T
    return 1 / (np.pi * (grey_s + white[:, None] * (white_s - grey_s)))
