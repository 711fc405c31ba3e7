# SPDX-License-Identifier: Apache-2.0
"""Transients of ON and of OFF in one heap: told apart one by one, by NAA over Cr.

The editing pulse wipes out NAA and leaves Cr alone, so that the ratio of the two has two values in a scan of both:
0.04 and 1.4 in the shipped example, 0.06 and 1.7 in a measured brain (`invivo_raw`).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.core.constants import CR_CH3_PPM
from fsl_mrs_dl.core.data import Acquisition
from fsl_mrs_dl.core.errors import DataError
from fsl_mrs_dl.preprocess.coils import combine_coils
from fsl_mrs_dl.preprocess.conditions import CLEAR_RATIO, naa_over, naa_ratio

MIN_GAP = 4.0
"""Distance of the two groups' medians over the spread within them, from which on they are two groups: the best split of
one normal group in two has 2.7. Our convention."""

MIN_SHARE = 3.0
"""NAA over Cr of OFF is at least so many times that of ON; editing leaves a tenth at most."""

MIN_MEMBERS = 0.1
"""Share of the transients that the smaller group has at least: one that somebody's movement spoilt is no condition."""

MIN_KNOWN = 0.9
"""Share of the transients in which Cr is seen, from which on each is judged for itself."""

SHOWN = 12
"""Transients whose condition is named in a message."""


def edited_transients(transients: NDArray, dwell_s: float, f0_mhz: float) -> NDArray | None:
    """Which transients are ON, where they are those of ON and of OFF.

    Parameters
    ----------
    transients : complex array, shape ``(n_transients, n_points)``
        Coils combined; any phase and drift. Those that are all zero belong to neither.
    dwell_s, f0_mhz : float

    Returns
    -------
    bool array, shape ``(n_transients,)``, or None
        None where there is one group only, or where Cr does not stand above the noise of a transient.
    """
    there = np.any(transients, axis=-1)
    ratio = _ratios(transients[there], dwell_s, f0_mhz)
    if ratio is None:
        return None
    known = np.isfinite(ratio)
    cut = _cut(ratio[known])
    if cut is None:
        return None
    edited = np.zeros(len(transients), bool)
    edited[np.flatnonzero(there)] = np.where(known, ratio, np.inf) < cut
    smallest = min((there & side).sum() for side in (edited, ~edited))
    if smallest < MIN_MEMBERS * there.sum():
        return None
    groups = [transients[there & side].mean(axis=0) for side in (edited, ~edited)]
    return edited if naa_ratio(np.stack(groups), dwell_s, f0_mhz) > CLEAR_RATIO else None


def _ratios(transients: NDArray, dwell_s: float, f0_mhz: float) -> NDArray | None:
    """NAA over Cr of each transient, NaN where Cr is not seen; None where it is not seen in most."""
    if len(transients) < 2:
        return None
    ratio = naa_over(CR_CH3_PPM, transients, dwell_s, f0_mhz)
    known = np.isfinite(ratio)
    return ratio if known.sum() >= 2 and known.mean() >= MIN_KNOWN else None


def _cut(ratio: NDArray) -> float | None:
    """Where a row of ratios falls into two groups; None where it does not."""
    ordered = np.sort(ratio)
    splits = [_spread(ordered[:k]) + _spread(ordered[k:]) for k in range(1, len(ordered))]
    k = int(np.argmin(splits)) + 1
    low, high = ordered[:k], ordered[k:]
    within = np.sqrt(splits[k - 1] / max(len(ordered) - 2, 1))
    apart = float(np.median(high) - np.median(low))
    if apart < MIN_GAP * within or np.median(high) < MIN_SHARE * np.median(low):
        return None
    return float(0.5 * (low[-1] + high[0]))


def _spread(values: NDArray) -> float:
    return float(np.sum((values - values.mean()) ** 2))


def check_mixed(acq: Acquisition, transients: NDArray) -> None:
    """Raise a DataError where the unlabelled transients of one condition are those of ON and of OFF.

    Parameters
    ----------
    acq : Acquisition
        Of one condition. Where it has coils but no dynamics, its transients may have been labelled as coils.
    transients : complex array, shape ``(n_dynamics, n_points)``
        Its coils combined.
    """
    as_coils = acq.fids.shape[1] > 1 and acq.fids.shape[2] == 1
    rows = acq.fids[0, :, 0] if as_coils else transients
    rows = rows[np.any(rows, axis=-1)]
    edited = edited_transients(rows, acq.dwell_s, acq.f0_mhz)
    if edited is not None:
        words = ["ON" if on else "OFF" for on in edited]
        order = ", ".join(words[:SHOWN]) + (" ..." if len(words) > SHOWN else "")
        tag = ", labelled DIM_COIL" if as_coils else ""
        raise _mixed(acq, f"{words.count('OFF')} with NAA and {words.count('ON')} without ({order}){tag}")
    half = len(rows) // 2
    if as_coils or not half or _ratios(rows, acq.dwell_s, acq.f0_mhz) is not None:
        return
    # where noise hides Cr in a single transient: drift may weaken the mean of one half, but not of every other one
    every_other, halves = (rows[0::2], rows[1::2]), (rows[:half], rows[half:])
    for (one, other), ratio, how in ((every_other, CLEAR_RATIO, "alternate"), (halves, 2 * CLEAR_RATIO, "two halves")):
        if naa_ratio(np.stack([one.mean(axis=0), other.mean(axis=0)]), acq.dwell_s, acq.f0_mhz) > ratio:
            raise _mixed(acq, f"NAA that differs between transients ({how})")


def _mixed(acq: Acquisition, got: str) -> DataError:
    return DataError(
        "ON and OFF seem to be among the transients, and the header does not tell them apart",
        where=acq.source,
        expected="DIM_EDIT, or one condition",
        got=got,
        hint="Say by_naa=True to tell each transient by its NAA, or convert the scanner's file again: "
        "fsl_mrs_dl convert --order auto",
    )


def split_by_naa(acq: Acquisition) -> Acquisition:
    """Deal the transients of a scan without labels out to ON and OFF, each by its own NAA over Cr.

    Parameters
    ----------
    acq : Acquisition
        Of one condition. Where it has coils but no dynamics, the transients may have been labelled as coils.

    Returns
    -------
    Acquisition
        With two conditions, OFF first. The shorter one is filled up with zeros and `Acquisition.counts` tells how many
        were measured.

    Raises
    ------
    DataError
        When the conditions are told already, or the transients are not those of two.
    """
    if acq.n_conditions != 1 or acq.conditions is not None:
        raise DataError(
            "by_naa= is for scans whose header does not tell ON from OFF",
            where=acq.source,
            got=f"{acq.n_conditions} conditions" if acq.n_conditions != 1 else str(acq.conditions),
            hint="Leave it out",
        )
    as_coils = acq.fids.shape[1] > 1 and acq.fids.shape[2] == 1
    fids = np.swapaxes(acq.fids, 1, 2) if as_coils else acq.fids
    edited = edited_transients(combine_coils(fids)[0][0, 0], acq.dwell_s, acq.f0_mhz)
    if edited is None:
        raise DataError(
            "the transients are not those of ON and of OFF, or Cr does not stand above their noise",
            where=acq.source,
            expected="NAA in some and none in others",
            hint="Leave by_naa= out",
        )
    groups = [fids[0][:, ~edited & np.any(fids[0], axis=(0, 2))], fids[0][:, edited]]
    return replace(acq, fids=filled(groups), conditions=("edit_off", "edit_on"), named_by="naa", counts=counted(groups))


def filled(groups: list[NDArray]) -> NDArray:
    """Conditions ``(n_coils, n_dynamics, n_points)`` of unequal numbers as one array, the shorter filled with zeros."""
    longest = max(group.shape[1] for group in groups)
    return np.stack([np.pad(group, ((0, 0), (0, longest - group.shape[1]), (0, 0))) for group in groups])


def counted(groups: list[NDArray]) -> tuple[int, ...] | None:
    """`Acquisition.counts` of such conditions."""
    counts = tuple(group.shape[1] for group in groups)
    return counts if len(set(counts)) > 1 else None
