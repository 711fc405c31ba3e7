# SPDX-License-Identifier: Apache-2.0
"""Reading and writing NIfTI-MRS (Clarke et al. 2022, Magn Reson Med 88:2358, doi 10.1002/mrm.29418).

`nifti_mrs` owns the file format and its sign: what it hands out, the conjugate of the array in the file, is the
sign of `fsl_mrs_dl.core.units`. This module checks a file until every fault is one clear line, and puts the axes into
the one order of `Acquisition`. What the header says of ON and OFF is read by `edit_header`.
"""

from __future__ import annotations

import io
import json
import logging
import os
import re
import sys
import threading
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any
from warnings import catch_warnings, simplefilter

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.core.constants import RECEIVER_PPM
from fsl_mrs_dl.core.data import Acquisition
from fsl_mrs_dl.core.errors import DataError
from fsl_mrs_dl.core.files import atomic_path
from fsl_mrs_dl.core.units import time_axis
from fsl_mrs_dl.io.edit_header import (
    check_conditions,
    conditions_of,
    dim_values,
    edit_pulses,
    labels_for,
    split_dynamics,
)
from fsl_mrs_dl.io.nifti_header import (
    affine,
    centre_ppm,
    check_header,
    check_width,
    dwell_s,
    frequency_mhz,
    header_extension,
    invalid_header,
    seconds,
    start_s,
)
from fsl_mrs_dl.io.receiver import clipped_fids
from fsl_mrs_dl.io.sources import damaged, open_image

if TYPE_CHECKING:
    from fsl_mrs_dl.io.sources import Source

WRITTEN_VERSION = b"mrs_v0_9"
"""Of the format. FSL-MRS up to 2.3, and FSL with it, cannot read a later one (nifti-mrs before 1.4 takes 0.10 for 0.1);
all that 0.10 and 0.11 add is two keys, SpecFreqChemShift and RxOffset, which `write_spectrum` does not write."""

NOTES_KEY = "ReadingNotes"
"""User-defined header key under which `read_acquisition` remembers what it could not believe."""

_NOTES_DESCRIPTION = "What fsl_mrs_dl noticed in this header when it read the file"


def read_acquisition(source: Source) -> Acquisition:
    """Read an edited (or single) spectrum: raw, averaged pair, DIFF or OFF.

    Parameters
    ----------
    source : path-like, nifti_mrs.NIFTI_MRS or nibabel image
        NIfTI-MRS of one voxel, 1H, about 3 T, with DIM_COIL, DIM_DYN (DIM_MEAS) and DIM_EDIT in any order.

    Returns
    -------
    Acquisition
        FIDs of shape ``(n_conditions, n_coils, n_dynamics, n_points)`` with 0 Hz at 4.65 ppm: where the header puts
        the receiver elsewhere (SpecFreqChemShift + RxOffset), the FIDs are shifted. `conditions` is None where
        the header is silent or contradicts itself; see `reading_notes`.

    Raises
    ------
    DataError
        One line on what is wrong with the file.
    """
    return _read(source)


def read_reference(source: Source) -> Acquisition:
    """Read a water reference; checks, shapes and errors as `read_acquisition`."""
    return _read(source)


def reading_notes(acquisition: Acquisition) -> tuple[str, ...]:
    """Sentences on header entries that were not believed (echo time in ms, ON named at the OFF frequency ...)."""
    notes = acquisition.header.get(NOTES_KEY, {})
    return tuple(notes.get("Value", ())) if isinstance(notes, Mapping) else ()


def write_spectrum(
    path: str | os.PathLike,
    fid: NDArray,
    *,
    dwell_s: float,
    f0_mhz: float,
    affine: NDArray | None = None,
    header: Mapping[str, Any] | None = None,
    dims: Sequence[str | None] = (None, None, None),
    conditions: Sequence[str] | None = None,
) -> None:
    """Write FIDs as NIfTI-MRS of `WRITTEN_VERSION` (complex64), whole or not at all.

    Parameters
    ----------
    path : path-like
        Ending ``.nii`` or ``.nii.gz``.
    fid : complex array, shape ``(n_points,)`` or ``(n_1, .., n_points)``
        In the sign convention of `fsl_mrs_dl.core.units` (the file holds the conjugate); time is the last axis, the
        axes before it are those named in `dims`.
    dwell_s, f0_mhz : float
    affine : array, shape ``(4, 4)``, optional
        Voxel to world, mm.
    header : mapping, optional
        Header extension to pass on. Its dimensions are dropped except for the ``dim_N_header`` of a dimension
        with the same tag and length, as are entries that the arguments replace.
    dims : sequence of str or None
        Tags of the leading axes of `fid`, e.g. ``["DIM_EDIT", None, None]``.
    conditions : sequence of str, optional
        ``edit_off`` / ``edit_on`` for each element of DIM_EDIT: written as EditCondition OFF / ON.

    Raises
    ------
    DataError
        When the values are not finite or the file cannot be written.
    """
    path = Path(path)
    tags = [tag for tag in dims if tag is not None]
    fid = np.asarray(fid, dtype=np.complex64)
    if fid.ndim != len(tags) + 1:
        raise ValueError(f"FIDs of shape {fid.shape} do not suit the dimensions {tags}")
    if not path.name.endswith((".nii", ".nii.gz")):
        raise DataError("the name of a NIfTI-MRS file must end in .nii or .nii.gz", where=path)
    if not np.all(np.isfinite(fid)):
        raise DataError("NaN or infinite values cannot be written", where=path)
    extension = _passed_on(header or {}, tags, fid.shape[:-1])
    if conditions is not None:
        words = {"edit_off": "OFF", "edit_on": "ON"}
        axis = tags.index("DIM_EDIT")
        extension[f"dim_{axis + 5}_header"] = {"EditCondition": [words[name] for name in conditions]}
    data = np.moveaxis(fid, -1, 0)[np.newaxis, np.newaxis, np.newaxis]
    with _quiet(), atomic_path(path) as scratch:
        import nibabel
        from nifti_mrs.create_nmrs import gen_nifti_mrs

        image = gen_nifti_mrs(data, dwell_s, f0_mhz, affine=affine, dim_tags=[*tags, None, None, None][:3])
        image.hdr_ext = {**image.hdr_ext.to_dict(), **extension}
        image.image.nibImage.header["intent_name"] = WRITTEN_VERSION
        # nibabel, because the save of nifti_mrs goes through another folder and drops trailing axes of length 1
        nibabel.save(image.image.nibImage, scratch)


def _passed_on(header: Mapping[str, Any], tags: Sequence[str], lengths: Sequence[int]) -> dict[str, Any]:
    replaced = {"SpectrometerFrequency", "ResonantNucleus", "SpectralWidth", "SpecFreqChemShift", "RxOffset"}
    kept = {key: value for key, value in header.items() if not key.startswith("dim_") and key not in replaced}
    for axis, (tag, length) in enumerate(zip(tags, lengths, strict=True)):
        fitting = _entries_of_dim(header, tag, length)
        if fitting:
            kept[f"dim_{axis + 5}_header"] = fitting
    return json.loads(json.dumps(kept))


def _entries_of_dim(header: Mapping[str, Any], tag: str, length: int) -> dict[str, Any]:
    """What the header says of the elements of a dimension, as far as it is of that length."""
    found: dict[str, Any] = {}
    for number in (5, 6, 7):
        entries = header.get(f"dim_{number}_header")
        if header.get(f"dim_{number}") == tag and isinstance(entries, Mapping):
            found = {key: value for key, value in entries.items() if dim_values(value, length) is not None} or found
    return found


_ONE_AT_A_TIME = threading.RLock()
"""Held while standard output and the filters of warnings are not the process's own: two threads that put back what
each had found would leave those of the other."""


class _OtherThreads(io.TextIOBase):
    """Standard output for all threads but the one that made it."""

    def __init__(self, output: Any) -> None:
        self._output, self._silent = output, threading.get_ident()

    def write(self, text: str) -> int:
        if self._output is None or threading.get_ident() == self._silent:
            return len(text)
        return int(self._output.write(text))

    def flush(self) -> None:
        if self._output is not None:
            self._output.flush()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep warnings, log lines and prints of nibabel and nifti_mrs from the user; faults are reported as DataError."""
    from nibabel.imageglobals import logger

    def drop(_record: logging.LogRecord) -> bool:
        return False

    with _ONE_AT_A_TIME:
        logger.addFilter(drop)
        try:
            with catch_warnings(), redirect_stdout(_OtherThreads(sys.stdout)):
                simplefilter("ignore")
                yield
        finally:
            logger.removeFilter(drop)


def _read(source: Source) -> Acquisition:
    with _quiet():
        image, path = open_image(source)
        try:
            header = header_extension(image, path)
            check_header(header, path)
            interval_s, f0_mhz = dwell_s(image, path), frequency_mhz(header, path)
            centre = centre_ppm(header)
            check_width(interval_s, f0_mhz, centre, path)
            fids, header = _validated(image, header, path)
        except DataError:
            raise
        except Exception as exc:  # a header of wrong codes makes nibabel raise almost anything
            raise damaged(path) from exc
    notes: list[str] = []
    fids, labels, counts = _arrange(fids, header, path)
    _check_values(fids, path)
    clipped = clipped_fids(fids)
    if abs(centre - RECEIVER_PPM) > 1e-6:
        turn = 2j * np.pi * (centre - RECEIVER_PPM) * f0_mhz
        fids = fids * np.exp(turn * time_axis(fids.shape[-1], interval_s))
    pulses = edit_pulses(header, notes)
    found: dict[str, Any] = {
        "conditions": conditions_of(labels, header, notes),
        "te_s": seconds(header, "EchoTime", 1.0, notes),
        "tr_s": seconds(header, "RepetitionTime", 60.0, notes),
        "start_s": start_s(header, notes),
        "affine": affine(image, notes),
    }
    if notes:
        header[NOTES_KEY] = {"Value": notes, "Description": _NOTES_DESCRIPTION}
    return Acquisition(
        fids=fids,
        dwell_s=interval_s,
        f0_mhz=f0_mhz,
        source=path,
        edit_pulse=pulses,
        header=header,
        clipped=clipped,
        counts=counts,
        **found,
    )


def _version_of_reader() -> tuple[int, ...]:
    return tuple(int(part) for part in metadata.version("nifti-mrs").split(".")[:2])


def _as_known(image: Any) -> Any:
    """`image` for the `nifti_mrs` that is installed: before 1.4 it took version 0.10 of the format for 0.1.

    Version 0.10 has keys that 0.9 has not, which 1.3 keeps as it keeps any key that a user defined.
    """
    new = re.fullmatch(r"mrs_v0_\d{2,}", str(image.header.get_intent()[2]))
    if new is None or _version_of_reader() >= (1, 4):
        return image
    known = type(image)(image.dataobj, image.affine, image.header.copy())
    known.header["intent_name"] = b"mrs_v0_9"
    return known


def _validated(image: Any, header: Mapping[str, Any], path: Path) -> tuple[NDArray, dict[str, Any]]:
    """The FIDs, time in axis 3 and seven axes, in our sign, and the header extension as `nifti_mrs` took it."""
    from nifti_mrs.nifti_mrs import NIFTI_MRS

    try:
        np.asanyarray(image.dataobj)
    except (EOFError, OSError, ValueError, zlib.error) as exc:
        raise damaged(path) from exc
    try:
        opened = NIFTI_MRS(_as_known(image))
    except Exception as exc:  # nifti_mrs raises a dozen kinds, each about the header
        raise invalid_header(exc, path) from exc
    for number in range(len(image.shape) + 1, 8):
        if f"dim_{number}" in header and number > opened.ndim:
            raise DataError(f"the NIfTI-MRS header is not valid: dim_{number} has no data", where=path)
    shape = (*image.shape, *[1] * (7 - len(image.shape)))
    fids = np.asarray(opened[:], dtype=complex).reshape(shape)
    return fids, json.loads(opened.hdr_ext.to_json())


def _arrange(
    data: NDArray, header: Mapping[str, Any], path: Path
) -> tuple[NDArray, list[str] | None, tuple[int, ...] | None]:
    """Axes into the order edit, coil, dynamic, time; labels of the conditions; unequal numbers of transients."""
    axes = _axes(data, header, path)
    order = axes["edit"] + axes["coil"] + axes["dynamic"]
    rest = [axis for axis in range(7) if axis not in (*order, 3)]
    lengths = [int(np.prod([data.shape[a] for a in axes[kind]], dtype=int)) for kind in ("edit", "coil", "dynamic")]
    fids = data.transpose(*rest, *order, 3).reshape(*lengths, data.shape[3])
    labels = labels_for(header, axes["edit"][0] + 1 if axes["edit"] else None, lengths[0])
    if labels is not None:
        check_conditions(labels, path)
    if lengths[0] > 2:
        raise DataError(
            "more than two editing conditions (HERMES or HERCULES?)",
            where=path,
            expected="2 (MEGA-PRESS)",
            got=lengths[0],
        )
    if lengths[0] == 1 and labels is None and len(axes["dynamic"]) == 1:
        return split_dynamics(fids, header, axes["dynamic"][0] + 1, path)
    return fids, labels, None


def _axes(data: NDArray, header: Mapping[str, Any], path: Path) -> dict[str, list[int]]:
    """The axes of the data by what they are of."""
    axes: dict[str, list[int]] = {"edit": [], "coil": [], "dynamic": []}
    kinds = {"DIM_EDIT": "edit", "DIM_COIL": "coil", "DIM_DYN": "dynamic", "DIM_MEAS": "dynamic"}
    for axis in (4, 5, 6):
        tag = header.get(f"dim_{axis + 1}")
        kind = kinds.get(str(tag))
        if kind is None and data.shape[axis] > 1:
            raise DataError(
                f"cannot use the dimension {tag} of length {data.shape[axis]}",
                where=path,
                expected="DIM_COIL, DIM_DYN, DIM_MEAS or DIM_EDIT",
            )
        if kind in ("edit", "coil") and axes[kind]:
            raise DataError(f"the header names the dimension {tag} twice", where=path)
        if kind is not None:
            axes[kind].append(axis)
    return axes


def _check_values(fids: NDArray, path: Path) -> None:
    bad = int(np.count_nonzero(~np.isfinite(fids)))
    if bad:
        held = ~np.isfinite(fids).all(axis=(1, 3))
        raise DataError(
            "NaN or infinite values in the data",
            where=path,
            got=f"{bad} of {fids.size} points, in {int(held.sum())} of {held.size} transients",
            hint="Leave those transients out, or set them to zero: what is all zero is not counted",
        )
    if not np.any(fids):
        raise DataError("all data are zero", where=path)
    for index, condition in enumerate(fids):
        if not np.any(condition):
            raise DataError(f"condition {index + 1} of {len(fids)} is all zero", where=path)
