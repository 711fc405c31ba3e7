# SPDX-License-Identifier: Apache-2.0
"""T2 of brain metabolites at 3 T, for the differences of their line widths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.metabolites.table import TABLE

T2_S: Mapping[str, tuple[float, float]] = MappingProxyType({name: row.t2_s for name, row in TABLE.items() if row.t2_s})
"""Seconds in grey matter (mean of occipital and pregenual anterior cingulate cortex) and in periventricular white
matter, see `fsl_mrs_dl.metabolites.table.Metabolite`."""

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
