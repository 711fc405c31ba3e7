# SPDX-License-Identifier: Apache-2.0
"""The transients of each condition, aligned and averaged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.core.data import Acquisition
from fsl_mrs_dl.core.errors import DataError
from fsl_mrs_dl.preprocess.align import align_transients, apply_alignment, comparable
from fsl_mrs_dl.preprocess.average import average_transients
from fsl_mrs_dl.preprocess.groups import averages_without, blocks

MIN_SIMILARITY = 0.3
"""Median correlation of the aligned transients with their target below which alignment is not to be trusted."""


@dataclass(frozen=True)
class Averages:
    """Averages of each condition in the order of the file, with what was found on the way.

    Parameters
    ----------
    fids : complex array, shape ``(n_conditions, n)``
        Weighted mean of the aligned transients.
    without_group : complex array, shape ``(n_conditions, n_groups, n)``
        The same without one group of transients each.
    unaligned : complex array, shape ``(n_conditions, n)``
        Plain mean before alignment.
    shifts_hz, phases_rad : list of float array
        Of each transient, by condition.
    rejected : list of tuple of int
        Indices left out, by condition.
    failed : bool
        Whether the alignment of a condition is not to be trusted.
    """

    fids: NDArray
    without_group: NDArray
    unaligned: NDArray
    shifts_hz: list[NDArray]
    phases_rad: list[NDArray]
    rejected: list[tuple[int, ...]]
    failed: bool


@dataclass(frozen=True)
class _Condition:
    """The average of one condition, with what alignment found for each of its transients.

    `used` are the transients that count: aligned, as they are compared, and their indices.
    """

    fid: NDArray
    unaligned: NDArray
    shift_hz: NDArray
    phase_rad: NDArray
    rejected: tuple[int, ...]
    failed: bool
    used: tuple[NDArray, NDArray, NDArray]


def average_conditions(acq: Acquisition, fids: NDArray) -> Averages:
    """Align and average the transients of each condition.

    Parameters
    ----------
    acq : Acquisition
        What the transients are of.
    fids : complex array, shape ``(n_conditions, n_dynamics, n)``
        Its transients, coils combined.

    Returns
    -------
    Averages

    Raises
    ------
    DataError
        When every transient of a condition is zero.
    """
    counts = acq.counts or (fids.shape[1],) * len(fids)
    found = [_average_condition(acq, rows[:count]) for rows, count in zip(fids, counts, strict=True)]
    groups = blocks([condition.used[-1] for condition in found])
    return Averages(
        fids=np.stack([condition.fid for condition in found]),
        without_group=np.stack([averages_without(*condition.used, groups) for condition in found]),
        unaligned=np.stack([condition.unaligned for condition in found]),
        shifts_hz=[condition.shift_hz for condition in found],
        phases_rad=[condition.phase_rad for condition in found],
        rejected=[condition.rejected for condition in found],
        failed=any(condition.failed for condition in found),
    )


def _average_condition(acq: Acquisition, transients: NDArray) -> _Condition:
    """Align and average the transients (n_dynamics, n) of one condition."""
    n_dynamics = len(transients)
    # what a stopped scan leaves empty would dilute the mean
    there = np.flatnonzero(np.any(transients, axis=-1))
    if not there.size:
        raise DataError("every transient of a condition is zero", where=acq.source)
    empty = np.setdiff1d(np.arange(n_dynamics), there)
    kept = transients[there]
    unaligned = kept.mean(axis=0)
    shift_hz, phase_rad = np.zeros((2, n_dynamics))
    if len(kept) == 1:
        return _Condition(kept[0], unaligned, shift_hz, phase_rad, _indices(empty), False, (kept, kept, there))
    work = comparable(kept, acq.dwell_s, acq.f0_mhz)
    found = align_transients(kept, acq.dwell_s, acq.f0_mhz, prepared=work)
    aligned = apply_alignment(kept, acq.dwell_s, found.shift_hz, found.phase_rad)
    compare = apply_alignment(work, acq.dwell_s, found.shift_hz, found.phase_rad)
    mean = average_transients(aligned, compare)
    shift_hz[there], phase_rad[there] = found.shift_hz, found.phase_rad
    used = np.delete(np.arange(len(there)), mean.rejected)
    return _Condition(
        fid=mean.fid,
        unaligned=unaligned,
        shift_hz=shift_hz,
        phase_rad=phase_rad,
        rejected=_indices(np.union1d(empty, there[list(mean.rejected)])),
        failed=bool(np.median(found.similarity) < MIN_SIMILARITY),
        used=(aligned[used], compare[used], there[used]),
    )


def _indices(found: NDArray) -> tuple[int, ...]:
    return tuple(int(index) for index in found)
