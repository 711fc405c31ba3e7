# SPDX-License-Identifier: Apache-2.0
"""Averages of a scan without one group of its transients each: how much do the transients differ?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.preprocess.average import average_transients

N_GROUPS = 10
"""Groups that are left out in turn."""

MIN_TRANSIENTS = 8
"""With fewer transients of a condition no group is left out: the scatter of so few says little."""


def number_of_groups(n_used: int) -> int:
    """Groups for conditions of which at least `n_used` transients are used; 0 where those are too few."""
    return min(N_GROUPS, n_used) if n_used >= MIN_TRANSIENTS else 0


def averages_without(fids: NDArray, compare: NDArray, index: NDArray, n_groups: int) -> NDArray:
    """Averages of transients, each without one of interleaved groups, weighted as those that remain are.

    Parameters
    ----------
    fids, compare : complex arrays, shapes ``(n_used, n)`` and ``(n_used, m)``
        Of the transients that are used, as for `average_transients`.
    index : int array, shape ``(n_used,)``
        Number of each in the scan; it belongs to group ``index % n_groups``.

    Returns
    -------
    complex array, shape ``(n_groups, n)``
        Of all where a group holds them all.
    """
    means = np.empty((n_groups, fids.shape[-1]), complex)
    for group in range(n_groups):
        others = index % n_groups != group
        if not others.any():
            others = np.ones(len(index), bool)
        means[group] = average_transients(fids[others], compare[others], reject_z=np.inf).fid
    return means
