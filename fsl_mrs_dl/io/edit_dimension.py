# SPDX-License-Identifier: Apache-2.0
"""DIM_EDIT of a NIfTI-MRS file: made from dynamics that hold ON and OFF, joined from two files, labelled.

What the header then says is the example of the standard: EditCondition in the ``dim_N_header`` of DIM_EDIT names each
condition, EditPulse gives the pulse of each name (https://github.com/wtclarke/mrs_nifti_standard, section 5.7).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.core.constants import EDIT_ON_GABA_PPM, RECEIVER_PPM
from fsl_mrs_dl.core.errors import ConfigError, DataError
from fsl_mrs_dl.core.files import atomic_path
from fsl_mrs_dl.io.edit_header import ON_HALF_WIDTH_PPM, labels_for
from fsl_mrs_dl.io.same_scan import persons_differ, voxels_differ

_TAGS = ("dim_5", "dim_6", "dim_7")
_INFO = "J-difference editing, two conditions"


@dataclass(frozen=True)
class MrsFile:
    """A NIfTI-MRS file as it stands on disk; nothing of the header is lost.

    Parameters
    ----------
    data : complex array, shape ``(x, y, z, n_points, ...)``
        In the sign of the file.
    header : dict
        Header extension.
    image : nibabel image
        For its affine and header.
    path : Path
    """

    data: NDArray
    header: dict[str, Any]
    image: Any
    path: Path

    @property
    def tags(self) -> list[str]:
        """Tags of the axes from the fifth on."""
        return [str(self.header.get(key)) for key in _TAGS[: self.data.ndim - 4]]

    @property
    def labels(self) -> list[str] | None:
        """EditCondition of each element of DIM_EDIT, where they are there."""
        if "DIM_EDIT" not in self.tags:
            return None
        axis = self.tags.index("DIM_EDIT")
        return labels_for(self.header, axis + 5, self.data.shape[axis + 4])

    @property
    def is_reference(self) -> bool:
        """Whether the header says that water was not suppressed."""
        return self.header.get("WaterSuppressed") is False


def load(path: Path) -> MrsFile:
    """Read a file that spec2nii wrote."""
    import nibabel

    image: Any = nibabel.load(path)
    codes = list(image.header.extensions.get_codes())
    header = json.loads(image.header.extensions[codes.index(44)].text)
    data = np.asarray(image.dataobj)
    return MrsFile(data.reshape(*data.shape, *[1] * (4 - data.ndim)), header, image, path)


def save(file: MrsFile, path: Path) -> None:
    """Write a file, whole or not at all, after `nifti_mrs` has found it valid.

    Raises
    ------
    DataError
        When it cannot be written.
    """
    import nibabel
    from nifti_mrs.nifti_mrs import NIFTI_MRS

    image = nibabel.Nifti2Image(file.data, file.image.affine, file.image.header)
    image.header["pixdim"][4] = file.image.header["pixdim"][4]
    image.header.extensions.clear()
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension(44, json.dumps(file.header).encode()))
    NIFTI_MRS(image)
    with atomic_path(path) as scratch:
        nibabel.save(image, scratch)


def split(file: MrsFile, block: int | None = 1) -> MrsFile:
    """Give a file a DIM_EDIT of two conditions, unlabelled.

    A dimension of length two that spec2nii had no name for becomes it; else the dynamics are dealt out.

    Parameters
    ----------
    file : MrsFile
    block : int or None
        So many dynamics in a row are of one condition (1: they alternate); None: the first half is one.

    Raises
    ------
    DataError
        When the dynamics cannot be dealt out, or there are none.
    """
    if "DIM_EDIT" in file.tags:
        axis = file.tags.index("DIM_EDIT") + 4
        if file.data.shape[axis] != 2:
            raise DataError(
                "not two editing conditions", where=file.path, expected="2 (MEGA-PRESS)", got=file.data.shape[axis]
            )
        return file
    unnamed = [k for k, tag in enumerate(file.tags) if tag.startswith("DIM_USER") and file.data.shape[k + 4] == 2]
    if len(unnamed) == 1:
        key = _TAGS[unnamed[0]]
        return replace(file, header={**file.header, key: "DIM_EDIT", f"{key}_info": _INFO})
    if "DIM_DYN" not in file.tags:
        raise DataError(
            "there are no dynamics to be split into ON and OFF",
            where=file.path,
            expected="DIM_DYN",
            got=", ".join(file.tags) or "a single spectrum",
        )
    if file.data.ndim == 7:
        raise DataError("no dimension of the file is free", where=file.path, got=", ".join(file.tags))
    axis = file.tags.index("DIM_DYN") + 4
    n_dynamics = file.data.shape[axis]
    row = block if block is not None else n_dynamics // 2
    if row < 1 or n_dynamics % (2 * row):
        raise DataError(
            "the dynamics cannot be split into ON and OFF",
            where=file.path,
            got=f"{n_dynamics} dynamics",
            expected=f"a multiple of {2 * max(row, 1)}",
            hint="See block=",
        )
    number = np.arange(n_dynamics) // row % 2
    data = np.stack([np.take(file.data, np.flatnonzero(number == k), axis=axis) for k in (0, 1)], axis=-1)
    own = f"dim_{axis + 1}_header"
    header = {key: value for key, value in file.header.items() if key != own}  # one entry for each former dynamic
    key = _TAGS[file.data.ndim - 4]
    return replace(file, data=data, header={**header, key: "DIM_EDIT", f"{key}_info": _INFO})


def join(first: MrsFile, second: MrsFile) -> MrsFile:
    """Two files, one of each condition, as one with DIM_EDIT; the header is that of the first.

    Raises
    ------
    DataError
        When the two differ in shape, sampling, frequency, echo time, voxel or participant.
    """
    for name, one, other in (
        ("shape", first.data.shape, second.data.shape),
        ("dwell time", *(round(1e9 * float(f.image.header["pixdim"][4])) / 1e9 for f in (first, second))),
        ("echo time", first.header.get("EchoTime"), second.header.get("EchoTime")),
        ("dimensions", first.tags, second.tags),
    ):
        if one != other:
            raise DataError(f"the conditions differ in their {name}", where=second.path, expected=one, got=other)
    frequencies = [float(np.ravel(f.header["SpectrometerFrequency"])[0]) for f in (first, second)]
    if abs(frequencies[0] - frequencies[1]) > 0.01:
        raise DataError(
            "the conditions differ in their frequency",
            where=second.path,
            expected=f"{frequencies[0]:g} MHz",
            got=f"{frequencies[1]:g} MHz",
        )
    for name, difference in (
        ("voxels", voxels_differ(first.image.affine, second.image.affine)),
        ("participants", persons_differ((first.header, first.path), (second.header, second.path))),
    ):
        if difference:
            raise DataError(f"the conditions are of two {name}", where=second.path, got=difference)
    data, key = _joined_data(first, second)
    sources = [name for f in (first, second) for name in f.header.get("OriginalFile", [])]
    kept = {name: value for name, value in first.header.items() if name != f"{key}_header"}
    header = {**kept, key: "DIM_EDIT", f"{key}_info": _INFO}
    if sources:
        header["OriginalFile"] = sources
    return replace(first, data=data, header=header)


def _joined_data(first: MrsFile, second: MrsFile) -> tuple[NDArray, str]:
    """The data of two conditions, and the key of their DIM_EDIT: that of the files, or a new one."""
    if "DIM_EDIT" in first.tags:
        number = first.tags.index("DIM_EDIT")
        if first.data.shape[number + 4] != 1:
            got = first.data.shape[number + 4]
            raise DataError("a file of one condition holds more", where=first.path, expected=1, got=got)
        return np.concatenate([first.data, second.data], axis=number + 4), _TAGS[number]
    if first.data.ndim == 7:
        raise DataError("no dimension of the file is free", where=first.path, got=", ".join(first.tags))
    return np.stack([first.data, second.data], axis=-1), _TAGS[first.data.ndim - 4]


def label(file: MrsFile, labels: Sequence[str], pulses: Mapping[str, Mapping[str, float]] | None = None) -> MrsFile:
    """Name the conditions of DIM_EDIT ON and OFF, and their pulses.

    Parameters
    ----------
    file : MrsFile
        With DIM_EDIT of two.
    labels : pair of str
        ``ON`` and ``OFF`` in their order.
    pulses : mapping, optional
        ``{"ON": {"PulseOffset": ppm, "PulseDuration": s}, "OFF": {...}}``; replaces what the header has for them.

    Raises
    ------
    ConfigError
        When the pulse of OFF is the one that edits GABA, and that of ON is not.
    """
    axis = file.tags.index("DIM_EDIT")
    key = f"{_TAGS[axis]}_header"
    entries = file.header.get(key)
    header = {**file.header, key: {**(entries if isinstance(entries, Mapping) else {}), "EditCondition": list(labels)}}
    if pulses:
        _check_not_swapped(pulses)
        own = header.get("EditPulse")
        own = own if isinstance(own, Mapping) else {}
        named = {name: {**own.get(name, {}), **dict(pulses.get(name, {}))} for name in ("ON", "OFF")}
        header["EditPulse"] = {name: pulse for name, pulse in named.items() if pulse}
    return replace(file, header=header)


def _check_not_swapped(pulses: Mapping[str, Mapping[str, float]]) -> None:
    """Raise ConfigError where the pulse of OFF edits GABA and that of ON does not."""

    def edits(name: str) -> bool:
        offset_ppm = pulses.get(name, {}).get("PulseOffset")
        return offset_ppm is not None and abs(offset_ppm - EDIT_ON_GABA_PPM) < ON_HALF_WIDTH_PPM

    if edits("OFF") and not edits("ON"):
        raise ConfigError(
            "the pulses of ON and OFF seem to be swapped",
            expected="ON at 1.9 ppm (GABA)",
            got=f"OFF at {pulses['OFF']['PulseOffset']:g} ppm",
        )


def with_absolute_offsets(file: MrsFile) -> MrsFile:
    """Editing pulses as chemical shifts where the header has their distance from water, as that of a GE P-file may.

    They are moved by 4.65 ppm when only then the ON pulse stands where GABA is edited.
    """
    pulses = file.header.get("EditPulse")
    if not isinstance(pulses, Mapping) or not isinstance(pulses.get("ON"), Mapping):
        return file
    offset = pulses["ON"].get("PulseOffset")
    if not isinstance(offset, int | float) or abs(offset + RECEIVER_PPM - EDIT_ON_GABA_PPM) >= ON_HALF_WIDTH_PPM:
        return file
    moved = {
        name: {**pulse, "PulseOffset": round(pulse["PulseOffset"] + RECEIVER_PPM, 4)}
        if isinstance(pulse.get("PulseOffset"), int | float)
        else pulse
        for name, pulse in pulses.items()
    }
    return replace(file, header={**file.header, "EditPulse": moved})
