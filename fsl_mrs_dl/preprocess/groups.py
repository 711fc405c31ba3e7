# SPDX-License-Identifier: Apache-2.0
"""Averages of a scan without one group of its transients each: they tell how much the transients differ.

Groups are blocks of transients that follow each other, for two reasons. What changes slowly (a head that moved, a
drift) differs between blocks, but not between groups that are dealt out in turn. What alternates (a phase cycle)
cancels within a block, but for a broken cycle at its end.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.preprocess.average import average_transients

N_GROUPS = 8
"""Groups that are left out in turn: more tell the scatter of neighbours better, fewer see slower changes."""

MIN_TRANSIENTS = N_GROUPS
"""With fewer transients of a condition none is left out."""


def blocks(indices: Sequence[NDArray]) -> list[NDArray]:
    """Numbers of the transients of each group.

    Parameters
    ----------
    indices : sequence of int arrays
        Numbers of the transients that are used, for each condition.

    Returns
    -------
    list of int array
        Every transient that is used in a condition is in one of them: the same groups are left out of both conditions,
        as what moves one moves the other. Empty where a condition has too few.
    """
    fewest = min(len(index) for index in indices)
    if fewest < MIN_TRANSIENTS:
        return []
    return np.array_split(np.unique(np.concatenate(indices)), N_GROUPS)


def averages_without(fids: NDArray, compare: NDArray, index: NDArray, groups: Sequence[NDArray]) -> NDArray:
    """Averages of transients, each without one group, weighted as those that remain are.

    Parameters
    ----------
    fids, compare : complex arrays, shapes ``(n_used, n)`` and ``(n_used, m)``
        Of the transients that are used, as for `average_transients`.
    index : int array, shape ``(n_used,)``
        Number of each in the scan.
    groups : sequence of int array
        Of `blocks`.

    Returns
    -------
    complex array, shape ``(n_groups, n)``
        Of all transients where a group holds them all.
    """
    means = np.empty((len(groups), fids.shape[-1]), complex)
    for row, group in enumerate(groups):
        others = ~np.isin(index, group)
        if not others.any():
            others[:] = True
        means[row] = average_transients(fids[others], compare[others], reject_z=np.inf).fid
    return means
