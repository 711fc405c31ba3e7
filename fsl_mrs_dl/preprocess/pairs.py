# SPDX-License-Identifier: Apache-2.0
"""OFF and ON of a scan, and of the scan without groups of its transients: matched to each other, water removed.

The whole scan comes first on the axis of groups; the others share its model of the water, and are matched each for
itself: how well that succeeds is part of how much transients differ.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.core.record import ResidualWater
from fsl_mrs_dl.preprocess.align import apply_alignment
from fsl_mrs_dl.preprocess.align_pair import PairAlignment, align_pair, water_difference
from fsl_mrs_dl.preprocess.reference import find_reference
from fsl_mrs_dl.preprocess.water import WaterRemoval, remove_water, water_ratio


def dry(rows: NDArray, dwell_s: float, f0_mhz: float) -> tuple[NDArray, WaterRemoval]:
    """FIDs without residual water, by the model of the first, the whole scan.

    Parameters
    ----------
    rows : complex array, shape ``(1 + n_groups, n)``
    dwell_s, f0_mhz : float

    Returns
    -------
    complex array, shape ``(1 + n_groups, n)``
    WaterRemoval
        Of the first.

    Raises
    ------
    DataError
        See `hlsvd`.
    """
    done = remove_water(rows[0], dwell_s, f0_mhz)
    return np.concatenate([done.fid[None], done.of_others(rows[1:], dwell_s)]), done


def dry_pair(pairs: NDArray, dwell_s: float, f0_mhz: float) -> tuple[NDArray, ResidualWater]:
    """OFF and ON without residual water, and how much there was.

    Parameters
    ----------
    pairs : complex array, shape ``(2, 1 + n_groups, n)``
    dwell_s, f0_mhz : float

    Returns
    -------
    complex array, shape ``(2, 1 + n_groups, n)``
    ResidualWater
        Of the whole scan.

    Raises
    ------
    DataError
        See `hlsvd`.

    Notes
    -----
    Water is modelled in OFF and in DIFF, and ON = OFF + DIFF: in DIFF most of the water has cancelled, and the model
    of what is left disturbs the small edited lines less than the difference of two models of the whole.
    """
    (off, first), (diff, second) = (dry(rows, dwell_s, f0_mhz) for rows in (pairs[0], pairs[1] - pairs[0]))
    removed = bool(first.n_removed or second.n_removed)
    return np.stack([off, off + diff]), ResidualWater(removed, water_ratio(first, dwell_s, f0_mhz))


def match_pairs(pairs: NDArray, dwell_s: float, f0_mhz: float) -> tuple[NDArray, PairAlignment]:
    """Every ON in the frequency and phase of its OFF.

    Parameters
    ----------
    pairs : complex array, shape ``(2, 1 + n_groups, n)``
        OFF and ON, with their water.
    dwell_s, f0_mhz : float

    Returns
    -------
    complex array, shape ``(2, 1 + n_groups, n)``
    PairAlignment
        Of the whole scan.

    Raises
    ------
    DataError
        See `hlsvd`.

    Notes
    -----
    They are compared without water and near their final place; what is found applies to the FIDs with water.
    """
    without_water = [dry(rows, dwell_s, f0_mhz) for rows in pairs]
    shift, phase, _ = find_reference(without_water[0][0][0], dwell_s, f0_mhz)
    placed = [apply_alignment(rows, dwell_s, shift, phase) for rows, _ in without_water]
    water = [
        np.concatenate([done.water_fid[None], (raw - rows)[1:]])
        for raw, (rows, done) in zip(pairs, without_water, strict=True)
    ]
    found = [
        align_pair(off, on, dwell_s, f0_mhz, water=water_difference(water_off, water_on, dwell_s))
        for off, on, water_off, water_on in zip(*placed, *water, strict=True)
    ]
    moved = [
        apply_alignment(on, dwell_s, pair.shift_hz, pair.phase_rad) if pair.applied else on
        for on, pair in zip(pairs[1], found, strict=True)
    ]
    return np.stack([pairs[0], np.stack(moved)]), found[0]
