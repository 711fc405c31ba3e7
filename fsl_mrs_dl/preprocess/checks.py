# SPDX-License-Identifier: Apache-2.0
"""What data and water reference must be like, before they are used and where they do not belong together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.core.constants import F0_RANGE_MHZ
from fsl_mrs_dl.core.data import CONDITIONS, Acquisition
from fsl_mrs_dl.core.errors import DataError
from fsl_mrs_dl.core.flags import Flag
from fsl_mrs_dl.io.nifti_header import DWELL_RANGE_S
from fsl_mrs_dl.io.receiver import spiked_fids
from fsl_mrs_dl.io.same_scan import magnets_differ, persons_differ, sessions_differ, voxels_differ
from fsl_mrs_dl.preprocess.coils import agreement
from fsl_mrs_dl.preprocess.water import remove_water, water_ratio

MIN_WATER_RATIO = 100.0
"""Height that an unsuppressed water line has at least, by the highest other line. That of a brain has thousands; what
suppression leaves has at most 23 in the data sets of `studies/flag_scan.py`. Our convention."""

FEW_CLIPPED = 0.25
"""Share of clipped transients up to which they are left out and the others used. Our convention."""

MIN_COIL_AGREEMENT = 0.9
"""Below this `coils.agreement` the reference is of other coils, or they stand in another order: so it is in all but one
of the 23 wrong orders of the example's four coils (`tests/preprocess/test_preprocess_odd.py`). Our convention."""


def same_coils(acq: Acquisition, reference: Acquisition) -> bool:
    """Whether the reference can be combined as the data are, so that the ratio of the two is that of one coil."""
    counts = acq.fids.shape[1], reference.fids.shape[1]
    if 1 in counts:
        return counts == (1, 1)
    return counts[0] != counts[1] or agreement(acq.fids, reference.fids) >= MIN_COIL_AGREEMENT


def check_values(acq: Acquisition, reference: Acquisition | None) -> None:
    """Raise a DataError for FIDs or sampling that no file has, too many conditions, or a reference that differs."""
    for each in (acq, reference):
        if each is not None:
            _check_measured(each)
    _check_names(acq)
    if acq.n_conditions not in (1, 2):
        raise DataError(
            "too many editing conditions", where=acq.source, expected="OFF and ON, or one", got=acq.n_conditions
        )
    if not np.all(np.isfinite(acq.fids)):
        raise DataError("FIDs hold values that are not finite", where=acq.source, hint="Look for NaN in the file.")
    if not np.any(acq.fids):
        raise DataError("all FIDs are zero", where=acq.source)
    if reference is not None and not np.all(np.isfinite(reference.fids)):
        raise DataError("the water reference holds values that are not finite", where=reference.source)
    if reference is not None and not np.isclose(reference.dwell_s, acq.dwell_s, rtol=1e-4):
        raise DataError(
            "the water reference has another sampling interval than the data",
            where=reference.source,
            expected=f"{acq.dwell_s:g} s",
            got=f"{reference.dwell_s:g} s",
            hint="Give the reference of the same scan.",
        )


def _check_measured(acq: Acquisition) -> None:
    """Raise a DataError for what `read_acquisition` never gives, and somebody who fills `Acquisition` in may."""
    fids = np.asarray(acq.fids)
    if fids.ndim != 4 or fids.dtype.kind != "c":
        raise DataError(
            "the FIDs are no complex array of four axes",
            where=acq.source,
            expected="conditions, coils, dynamics, points",
            got=f"{fids.dtype} of shape {fids.shape}",
        )
    for name, value, (low, high) in (("dwell_s", acq.dwell_s, DWELL_RANGE_S), ("f0_mhz", acq.f0_mhz, F0_RANGE_MHZ)):
        if not low <= value <= high:
            raise DataError(
                f"{name} is impossible", where=acq.source, expected=f"{low:g} to {high:g}", got=f"{value:g}"
            )


def _check_names(acq: Acquisition) -> None:
    """Raise a DataError where the names of the conditions are not those of `CONDITIONS`, one for each."""
    named = acq.conditions
    if named is not None and (len(named) != acq.n_conditions or not set(named) <= set(CONDITIONS)):
        raise DataError(
            "the conditions are not named one by one",
            where=acq.source,
            expected=f"{acq.n_conditions} of {', '.join(CONDITIONS)}",
            got=", ".join(named),
        )


def check_belongs(acq: Acquisition, reference: Acquisition) -> None:
    """Raise a DataError for a water reference of another scanner, person or voxel."""
    hint = "Give the reference of the same scan, or none"
    if magnets_differ(acq.f0_mhz, reference.f0_mhz):
        raise DataError(
            "the water reference is of another field",
            where=reference.source,
            expected=f"{acq.f0_mhz:.3f} MHz",
            got=f"{reference.f0_mhz:.3f} MHz",
            hint=hint,
        )
    person = persons_differ((acq.header, acq.source), (reference.header, reference.source))
    if person:
        raise DataError(
            "the water reference is of another participant", where=reference.source, got=f"{person} differs", hint=hint
        )
    voxel = voxels_differ(acq.affine, reference.affine)
    if voxel:
        raise DataError("the water reference is from another voxel", where=reference.source, got=voxel, hint=hint)


def without_clipped(acq: Acquisition) -> tuple[Acquisition, list[Flag]]:
    """Data without the transients that the receiver cut off, where they are few; else a flag that says how many.

    A transient counts when one of its coils was cut off. Left out, it is all zero, as those of a stopped scan.
    """
    if acq.clipped is None or not acq.clipped.any():
        return acq, []
    cut = np.asarray(acq.clipped.any(axis=1))
    there = np.abs(acq.fids).max(axis=(1, 3)) > 0
    detail = f"{int(cut.sum())} of {int(there.sum())} transients"
    if cut.sum() > FEW_CLIPPED * there.sum() or (there & ~cut).any(axis=-1).min() == 0:
        return acq, [Flag("receiver_clipped", detail)]
    fids = np.where(cut[:, None, :, None], 0.0, acq.fids)
    return replace(acq, fids=fids), [Flag("clipped_left_out", detail)]


def without_spikes(acq: Acquisition) -> Acquisition:
    """Data without the transients in which a coil has a spike; the average then counts them among those left out.

    One spike would decide how coils are combined: it has more power than all lines together.

    Raises
    ------
    DataError
        When no transient of a condition is without one.
    """
    spiked = np.asarray(spiked_fids(acq.fids).any(axis=1))
    if not spiked.any():
        return acq
    there = np.abs(acq.fids).max(axis=(1, 3)) > 0
    if (there & ~spiked).any(axis=-1).min() == 0:
        raise DataError(
            "single samples tower over the rest of the signal, as a spike of the receiver does",
            where=acq.source,
            got=f"{int(spiked.sum())} of {int(there.sum())} transients",
            hint="Convert the scanner's data again, or set those samples to the mean of their neighbours",
        )
    return replace(acq, fids=np.where(spiked[:, None, :, None], 0.0, acq.fids))


def usable_reference(acq: Acquisition, reference: Acquisition | None) -> tuple[Acquisition | None, list[Flag]]:
    """The reference, or none and flags where the receiver cut it off, or its frequency is not that of the data."""
    if reference is None:
        return None, []
    flags = []
    if reference.clipped is not None and reference.clipped.any():
        flags.append(Flag("reference_clipped", reference.source.name))
    if sessions_differ(acq.f0_mhz, reference.f0_mhz):
        detail = f"{reference.source.name}: {reference.f0_mhz:.6g} MHz, the data {acq.f0_mhz:.6g} MHz"
        flags.append(Flag("reference_other_scan", detail))
        if not same_coils(acq, reference):
            flags.append(Flag("reference_coils"))
    return (None, flags) if flags else (reference, [])


def header_flags(*acquisitions: Acquisition | None) -> list[Flag]:
    """What the reader noted of headers; contradictions about ON and OFF are told where the order is found."""
    from fsl_mrs_dl.io.nifti import reading_notes

    return [
        Flag("header_note", f"{acq.source.name}: {note}")
        for acq in acquisitions
        if acq is not None
        for note in reading_notes(acq)
        if "contradicts" not in note
    ]


def check_water(water: NDArray, reference: Acquisition) -> None:
    """Raise a DataError unless water towers over every other line, as in no suppressed scan and no DIFF."""
    ratio = water_ratio(remove_water(water, reference.dwell_s, reference.f0_mhz), reference.dwell_s, reference.f0_mhz)
    if ratio < MIN_WATER_RATIO:
        raise DataError(
            "this is no water reference",
            where=reference.source,
            expected=f"a water line {MIN_WATER_RATIO:.0f} times as high as any other and more",
            got=f"{ratio:.1f} times" if ratio else "no water line",
            hint="Give the scan without water suppression, or none",
        )
