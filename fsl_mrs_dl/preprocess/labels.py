# SPDX-License-Identifier: Apache-2.0
"""Transients that a header calls coils, as older converters of Philips SDAT do.

Combined as coils they would all keep their own frequency, and the lines of a drifting scan would be smeared.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.core.data import Acquisition
from fsl_mrs_dl.core.flags import Flag
from fsl_mrs_dl.preprocess.align import align_transients

MIN_PARTS = 4
"""With fewer parts neither their sizes nor their frequencies tell anything."""

ALIKE = 0.2
"""Standard deviation of the parts' sizes over their mean up to which they are transients: coils of an array see a voxel
with sensitivities that differ by factors. Our convention."""

MIN_DRIFT_HZ = 3.0
"""Spread of frequencies from which on it matters which they are; coils receive one frequency at one time."""


def as_transients(acq: Acquisition) -> tuple[Acquisition, list[Flag]]:
    """The acquisition with its coils as transients, and a flag that says so, where they cannot be coils.

    Parameters
    ----------
    acq : Acquisition
        Looked at where it has several coils and one dynamic.
    """
    if acq.fids.shape[2] != 1 or not _alike(acq.fids):
        return acq, []
    drift_hz = max(_drift_hz(condition, acq) for condition in acq.fids[:, :, 0])
    if drift_hz < MIN_DRIFT_HZ:
        return acq, []
    what = f"its {acq.fids.shape[1]} parts are of one size and {drift_hz:.1f} Hz apart, as transients are and coils not"
    flag = Flag("header_note", f"{acq.source.name}: DIM_COIL: {what}; they were taken for transients")
    return swapped(acq), [flag]


def swapped(acq: Acquisition) -> Acquisition:
    """With coils and dynamics exchanged."""
    clipped = None if acq.clipped is None else np.swapaxes(acq.clipped, 1, 2)
    return replace(acq, fids=np.swapaxes(acq.fids, 1, 2), clipped=clipped)


def reference_as_transients(reference: Acquisition | None) -> Acquisition | None:
    """The water reference of such data: the same converter called its transients coils, too."""
    if reference is None or reference.fids.shape[2] != 1 or not _alike(reference.fids):
        return reference
    return swapped(reference)


def _alike(fids: NDArray) -> bool:
    """Whether the coils ``(n_conditions, n_coils, 1, n_points)`` of each condition are of one size."""
    size = np.linalg.norm(fids[:, :, 0], axis=-1)
    return fids.shape[1] >= MIN_PARTS and bool(np.all(size.std(axis=1) < ALIKE * size.mean(axis=1)))


def _drift_hz(parts: NDArray, acq: Acquisition) -> float:
    """Spread of the parts' frequencies; their extremes may be noise."""
    shift_hz = align_transients(parts, acq.dwell_s, acq.f0_mhz).shift_hz
    low, high = np.quantile(shift_hz, [0.1, 0.9])
    return float(high - low)
