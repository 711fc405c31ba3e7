# SPDX-License-Identifier: Apache-2.0
"""From an acquisition to the voxel's referenced OFF, ON and DIFF spectra: the order of the steps stands here."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.core.constants import CR_CH3_PPM
from fsl_mrs_dl.core.data import Acquisition, EditedSpectra
from fsl_mrs_dl.core.errors import DataError, located
from fsl_mrs_dl.core.flags import Flag
from fsl_mrs_dl.core.record import Coils, EddyCurrent, LineWidth, OnOffAlignment, Record, ResidualWater, Transients
from fsl_mrs_dl.preprocess.align import apply_alignment
from fsl_mrs_dl.preprocess.averages import Averages, average_conditions
from fsl_mrs_dl.preprocess.checks import (
    check_belongs,
    check_values,
    check_water,
    header_flags,
    same_coils,
    usable_reference,
    without_clipped,
    without_spikes,
)
from fsl_mrs_dl.preprocess.coils import apply_weights, combine_coils
from fsl_mrs_dl.preprocess.eddy import correct_eddy
from fsl_mrs_dl.preprocess.labels import as_transients, reference_as_transients
from fsl_mrs_dl.preprocess.mixed import check_mixed
from fsl_mrs_dl.preprocess.orientation import offset_of
from fsl_mrs_dl.preprocess.pairs import dry, dry_pair, match_pairs
from fsl_mrs_dl.preprocess.reference import line_width_hz, reference_spectra
from fsl_mrs_dl.preprocess.start import start_flags, to_echo
from fsl_mrs_dl.preprocess.water import remove_water, water_ratio

DRIFT_HZ = 2.0
"""Range of frequency from which on the drift is mentioned, Hz."""

LARGE_DRIFT_HZ = 10.0
"""Range from which on the drift counts as large, Hz: 0.08 ppm at 3 T. GABA+ falls with the drift in spite of alignment,
measurably from 15.5 Hz on (Tsai et al. 2016, Sci Rep 6:24564, doi 10.1038/srep24564); a caution should come before. At
10 Hz the editing pulse loses 2 % of GABA at worst, at 25 Hz 8 % (`docs/flags.md`)."""

MANY_REJECTED = 0.25
"""Share of rejected transients that calls for caution: noise then grows by more than 15 %, and a subject who moved so
often hardly lay still in the rest. Our convention."""


@dataclass(frozen=True)
class Preprocessed:
    """The result of `preprocess`.

    Parameters
    ----------
    spectra : EditedSpectra
        edit_off, edit_on and diff = edit_on - edit_off (or the one that is there), referenced.
    water_reference : complex array, shape ``(n,)``, or None
        Combined with the coil weights of the data, aligned and averaged; its scale belongs to that of `spectra`.
    water_te_s, water_tr_s : float or None
        Of the reference; what its header does not tell is taken from the data.
    unaligned, aligned : dict of str to complex array
        Plain mean of the combined transients before, and weighted mean after alignment, by condition; not referenced.
    shifts_hz, phases_rad : dict of str to float array
        Per transient, by condition.
    rejected : dict of str to tuple of int
        Indices left out, by condition.
    width_before_hz, width_after_hz : float
        FWHM of Cr at 3.03 ppm in edit_off, plain mean and final; NaN where there is no such line.
    """

    spectra: EditedSpectra
    water_reference: NDArray | None = None
    water_te_s: float | None = None
    water_tr_s: float | None = None
    unaligned: dict[str, NDArray] = field(default_factory=dict)
    aligned: dict[str, NDArray] = field(default_factory=dict)
    shifts_hz: dict[str, NDArray] = field(default_factory=dict)
    phases_rad: dict[str, NDArray] = field(default_factory=dict)
    rejected: dict[str, tuple[int, ...]] = field(default_factory=dict)
    width_before_hz: float = float("nan")
    width_after_hz: float = float("nan")


def _placed(acq: Acquisition, mean: Averages) -> tuple[Averages, list[Flag]]:
    """The averages as if their first point had been taken at the echo, with lines near their places."""
    flags, rows = [], np.concatenate([mean.fids[:, None], mean.unaligned[:, None], mean.without_group], axis=1)
    if acq.start_s:
        rows = np.stack([to_echo(condition, acq.dwell_s, acq.start_s) for condition in rows])
        flags.append(Flag("start_corrected", f"{1e3 * acq.start_s:+.3g} ms, as the header says"))
    offset_ppm = offset_of(rows[:, 0], acq.dwell_s, acq.f0_mhz, acq.source)
    if offset_ppm:
        rows = apply_alignment(rows, acq.dwell_s, offset_ppm * acq.f0_mhz, 0.0)
        flags.append(Flag("centre_moved", f"{offset_ppm:+.2f} ppm"))
    return replace(mean, fids=rows[:, 0], unaligned=rows[:, 1], without_group=rows[:, 2:]), flags


def _combined_reference(reference: Acquisition, weights: NDArray | None) -> NDArray:
    """One FID of the water reference: the data's coil weights, transients and conditions aligned on the water line.

    Without weights it is combined for itself, on a scale of its own.
    """
    fids = combine_coils(reference.fids)[0] if weights is None else apply_weights(reference.fids, weights)
    flat = fids[:, 0].reshape(-1, fids.shape[-1])
    flat = flat[np.any(flat, axis=-1)]
    if not len(flat):
        raise DataError("every transient of the water reference is zero", where=reference.source)
    # water is one strong line: its phase rotation gives the shift
    target = flat[0]
    length = min(flat.shape[-1], max(16, round(0.05 / reference.dwell_s)))
    out = []
    for fid in flat:
        ratio = fid[:length] * target[:length].conj()
        shift = np.angle(np.vdot(ratio[:-1], ratio[1:])) / (2 * np.pi * reference.dwell_s)
        moved = apply_alignment(fid, reference.dwell_s, shift, 0.0)
        out.append(moved * np.exp(-1j * np.angle(np.vdot(target[:length], moved[:length]))))
    return np.mean(out, axis=0)


def _transient_flags(mean: Averages, order: tuple[str, ...]) -> list[Flag]:
    flags = []
    total = sum(shift.size for shift in mean.shifts_hz)
    left_out = sum(len(indices) for indices in mean.rejected)
    if left_out:
        which = "; ".join(f"{name}: {list(i)}" for name, i in zip(order, mean.rejected, strict=True) if i)
        code = "many_transients_rejected" if left_out > MANY_REJECTED * total else "transients_rejected"
        flags.append(Flag(code, f"{left_out} of {total}, {which}"))
    kept = [np.delete(s, list(i)) for s, i in zip(mean.shifts_hz, mean.rejected, strict=True)]
    drift_hz = max(float(np.ptp(shift)) for shift in kept)
    if drift_hz > DRIFT_HZ:
        flags.append(Flag("large_drift" if drift_hz > LARGE_DRIFT_HZ else "drift", f"{drift_hz:.1f} Hz"))
    if mean.failed:
        flags.append(Flag("alignment_failed"))
    return flags


def _eddy_flags(water: NDArray | None, why_not: str) -> list[Flag]:
    """Whether a reference that was given served; it may be all noise."""
    if water is None:
        return []
    return [Flag("eddy_current_uncorrected", why_not) if why_not else Flag("eddy_current_corrected")]


def _edited_pair(acq: Acquisition, mean: Averages, water: NDArray | None) -> tuple[EditedSpectra, tuple[str, ...]]:
    from fsl_mrs_dl.io.nifti import reading_notes
    from fsl_mrs_dl.preprocess.conditions import assign_conditions

    dwell_s, f0_mhz = acq.dwell_s, acq.f0_mhz
    order, order_flags = assign_conditions(mean.fids, dwell_s, f0_mhz, acq.conditions, reading_notes(acq), acq.named_by)
    flags = [*_transient_flags(mean, order), *order_flags]
    place = [order.index(name) for name in ("edit_off", "edit_on")]
    # the whole scan, and what it is without each group of transients, go the same way
    pairs = np.concatenate([mean.fids[place][:, None], mean.without_group[place]], axis=1)
    pairs, pair = match_pairs(pairs, dwell_s, f0_mhz)
    pairs, why_not = correct_eddy(pairs, water, dwell_s)
    pairs, residual = dry_pair(pairs, dwell_s, f0_mhz)
    flags += _eddy_flags(water, why_not)
    if residual.removed:
        flags.append(Flag("water_removed"))
    moved = OnOffAlignment(pair.applied, pair.shift_hz, pair.phase_rad, pair.residue_before, pair.residue_after)
    record = Record(on_off_alignment=moved, eddy_current=EddyCurrent(not why_not), water=residual)
    fids = {"edit_off": pairs[0], "edit_on": pairs[1], "diff": pairs[1] - pairs[0]}
    return _spectra(acq, fids, flags, record), order


def _single(acq: Acquisition, mean: Averages, water: NDArray | None) -> tuple[EditedSpectra, tuple[str, ...]]:
    from fsl_mrs_dl.preprocess.conditions import classify_single

    fids, why_not = correct_eddy(np.concatenate([mean.fids, mean.without_group[0]]), water, acq.dwell_s)
    wet = fids[0]
    fids, removal = dry(fids, acq.dwell_s, acq.f0_mhz)
    with located(acq.source):
        name, sign, flags = classify_single(wet, acq.dwell_s, acq.f0_mhz, acq.conditions)
    more = [*_transient_flags(mean, (name,)), Flag("diff_only" if name == "diff" else "off_only")]
    more += _eddy_flags(water, why_not)
    if removal.n_removed:
        more.append(Flag("water_removed"))
    residual = ResidualWater(bool(removal.n_removed), water_ratio(removal, acq.dwell_s, acq.f0_mhz))
    record = Record(eddy_current=EddyCurrent(not why_not), water=residual)
    return _spectra(acq, {name: sign * fids}, [*more, *flags], record), (name,)


def _spectra(acq: Acquisition, fids: dict[str, NDArray], flags: list[Flag], record: Record) -> EditedSpectra:
    """Spectra of FIDs of shape ``(1 + n_groups, n)``: the whole scan first."""
    blank = EditedSpectra(
        dwell_s=acq.dwell_s,
        f0_mhz=acq.f0_mhz,
        source=acq.source,
        te_s=acq.te_s,
        tr_s=acq.tr_s,
        affine=acq.affine,
        edit_pulse=acq.edit_pulse,
        header=acq.header,
        measured_points=int(np.flatnonzero(np.any(acq.fids, axis=(0, 1, 2)))[-1]) + 1,
        **{name: rows[0] for name, rows in fids.items()},
    )
    n_groups = len(next(iter(fids.values()))) - 1
    without = tuple(replace(blank, **{name: rows[k + 1] for name, rows in fids.items()}) for k in range(n_groups))
    return replace(blank, flags=tuple(flags), history=record, without_group=without)


def preprocess(acq: Acquisition, reference: Acquisition | None = None) -> Preprocessed:
    """Combine coils, align and average transients, align ON to OFF, correct eddy currents, remove water, reference.

    Parameters
    ----------
    acq : Acquisition
        Raw, an averaged pair, or a single spectrum (DIFF or edit_off).
    reference : Acquisition, optional
        Unsuppressed water, raw or averaged.

    Returns
    -------
    Preprocessed

    Raises
    ------
    DataError
        Values that are not finite or all zero, more than two conditions, coils or sampling interval of data and
        reference that differ, a reference that is none, a pair that was not edited.
    """
    check_values(acq, reference)
    if reference is not None:
        check_belongs(acq, reference)
    labelled = acq
    acq, label_flags = as_transients(acq)
    if label_flags:
        reference = reference_as_transients(reference)
    acq, clipped_flags = without_clipped(acq)
    acq, reference = without_spikes(acq), None if reference is None else without_spikes(reference)
    reference, reference_flags = usable_reference(acq, reference)
    together = reference is not None and same_coils(acq, reference)
    with located(acq.source if reference is None else reference.source):
        fids, weights = combine_coils(acq.fids, reference.fids if reference is not None and together else None)
    if acq.n_conditions == 1 and acq.conditions is None:
        check_mixed(labelled, fids[0, 0])
    water = _water_of(reference, weights if together else None, acq.dwell_s)
    mean, placing_flags = _placed(acq, average_conditions(acq, fids[:, 0]))
    spectra, order = (_edited_pair if acq.n_conditions == 2 else _single)(acq, mean, water)
    spectra = reference_spectra(spectra)
    flags = [*placing_flags, *clipped_flags, *reference_flags, *label_flags, *header_flags(acq, reference)]
    spectra = spectra.with_flags(*flags)
    if reference is not None and not together:
        water, spectra = None, spectra.with_flags(Flag("reference_coils"))
    if water is not None:
        water = correct_eddy(water, water, acq.dwell_s)[0]
    before = after = float("nan")
    if "edit_off" in order:
        row = order.index("edit_off")
        spectra = spectra.with_flags(*start_flags(mean.fids[row], acq.dwell_s, acq.f0_mhz))
        before, after = _cr_widths_hz(spectra, mean.unaligned[row])
    result = Preprocessed(
        spectra=spectra,
        water_reference=water,
        water_te_s=acq.te_s if reference is None or reference.te_s is None else reference.te_s,
        water_tr_s=acq.tr_s if reference is None or reference.tr_s is None else reference.tr_s,
        **_by_condition(mean, order),
        width_before_hz=before,
        width_after_hz=after,
    )
    return replace(result, spectra=replace(spectra, history=_recorded(spectra.history, result, acq.fids.shape[1])))


def _by_condition(mean: Averages, order: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """What `Preprocessed` holds of each condition's transients."""
    found: dict[str, Any] = {
        "unaligned": mean.unaligned,
        "aligned": mean.fids,
        "shifts_hz": mean.shifts_hz,
        "phases_rad": mean.phases_rad,
        "rejected": mean.rejected,
    }
    return {name: dict(zip(order, values, strict=True)) for name, values in found.items()}


def _water_of(reference: Acquisition | None, weights: NDArray | None, dwell_s: float) -> NDArray | None:
    """The combined water reference as if its first point had been taken at the echo."""
    if reference is None:
        return None
    water = _combined_reference(reference, weights)
    check_water(water, reference)
    return to_echo(water[None], dwell_s, reference.start_s)[0]


def _cr_widths_hz(spectra: EditedSpectra, unaligned: NDArray) -> tuple[float, float]:
    """Width of Cr at 3.03 ppm in edit_off before transients were aligned, and after everything."""
    assert spectra.edit_off is not None
    dwell_s, f0_mhz, found = spectra.dwell_s, spectra.f0_mhz, spectra.history.reference
    assert found is not None  # `reference_spectra` left it
    plain = remove_water(unaligned, dwell_s, f0_mhz).fid
    placed = apply_alignment(plain, dwell_s, found.shift_hz, found.phase_rad)
    widths = [line_width_hz(fid, dwell_s, f0_mhz, CR_CH3_PPM) for fid in (placed, spectra.edit_off)]
    return widths[0], widths[1]


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _recorded(record: Record, pre: Preprocessed, n_coils: int) -> Record:
    """With what the steps before averaging found, in plain numbers (None for NaN, so that it is valid JSON)."""
    return replace(
        record,
        coils=Coils(n_coils),
        transient_groups=len(pre.spectra.without_group),
        transients={
            name: Transients(
                n=int(shift.size),
                shifts_hz=tuple(round(float(x), 4) for x in shift),
                phases_rad=tuple(round(float(x), 5) for x in pre.phases_rad[name]),
                rejected=tuple(pre.rejected[name]),
            )
            for name, shift in pre.shifts_hz.items()
        },
        cr_width_hz=LineWidth(_finite(pre.width_before_hz), _finite(pre.width_after_hz)),
    )
