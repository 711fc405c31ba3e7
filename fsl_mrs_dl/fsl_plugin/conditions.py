# SPDX-License-Identifier: Apache-2.0
"""The OFF and ON spectra of FSL-MRS's ``diff.nii.gz``: files beside it, or files that the user names.

``fsl_mrs_preproc_edit`` writes ``edit_0``, ``edit_1`` and ``diff = (edit_1 - edit_0) / 2`` into one folder, in the
order of the raw file, whichever that is. Neighbours are believed only where they subtract to the data; which of them
is OFF is told by NAA.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.core.data import Acquisition
from fsl_mrs_dl.core.errors import ConfigError, DataError
from fsl_mrs_dl.io.nifti import read_acquisition

OFF_VARIABLE, ON_VARIABLE = "FSL_MRS_DL_OFF", "FSL_MRS_DL_ON"
ENDINGS = (".nii.gz", ".nii")

SAME = 1e-3
"""Relative difference up to which neighbours count as what the data were made of (files hold single precision)."""

STRANGE = 0.05
"""Relative difference from which on files that the user names cannot belong to the data."""


@dataclass(frozen=True)
class Conditions:
    """What the network is shown.

    Parameters
    ----------
    acquisition : Acquisition
        The pair, or the data alone.
    sentence : str
        For the report: which files, and why.
    files : tuple of Path
    factor : float or None
        ``data = factor * (second - first)`` of the pair in the order of the files; None for the data alone.
    """

    acquisition: Acquisition
    sentence: str
    files: tuple[Path, ...]
    factor: float | None = None


def existing(path: Path) -> Path | None:
    """The file, with one of `ENDINGS` where it was named without."""
    candidates = [path, *(path.with_name(path.name + ending) for ending in ENDINGS)]
    return next((p for p in candidates if p.is_file() and p.name.endswith(ENDINGS)), None)


def find_conditions(data: Path, environment: Mapping[str, str] | None = None) -> Conditions:
    """The pair that belongs to `data`, or `data` alone.

    Parameters
    ----------
    data : Path
        NIfTI-MRS file of one averaged spectrum.
    environment : mapping, optional
        ``FSL_MRS_DL_OFF`` and ``FSL_MRS_DL_ON`` name the pair; ``none`` in both asks for the data alone.

    Raises
    ------
    ConfigError
        When only one variable is set.
    DataError
        When a file cannot be used, or the files that were named do not belong to the data.
    """
    environment = os.environ if environment is None else environment
    single = read_acquisition(data)
    if single.n_conditions != 1 or single.is_raw:
        raise DataError(
            "fsl_mrs fits one averaged spectrum",
            where=data,
            got=f"{single.n_conditions} conditions, {single.fids.shape[1]} coils, {single.fids.shape[2]} transients",
            hint="Run fsl_mrs_preproc_edit first and give its diff.nii.gz, or use: fsl_mrs_dl fit",
        )
    named = {key: environment.get(key, "") for key in (OFF_VARIABLE, ON_VARIABLE)}
    if any(named.values()):
        return named_conditions(single, named)
    folders = dict.fromkeys((data.parent, data.resolve().parent))
    for folder in folders:
        found = [next((folder / (n + e) for e in ENDINGS if (folder / (n + e)).is_file()), None) for n in _NEIGHBOURS]
        if found[0] is not None and found[1] is not None:
            return _neighbours(single, (found[0], found[1]))
    return Conditions(single, "the data alone: there is no edit_0 and edit_1 beside the data", (data,))


_NEIGHBOURS = ("edit_0", "edit_1")


def named_conditions(single: Acquisition, named: Mapping[str, str]) -> Conditions:
    """The pair that `FSL_MRS_DL_OFF` and `FSL_MRS_DL_ON` name, or `single` alone where both say ``none``.

    Raises
    ------
    ConfigError
        When only one is set.
    DataError
        When the two do not subtract to `single`.
    """
    if not all(named.values()):
        missing = next(key for key, value in named.items() if not value)
        raise ConfigError("both conditions must be named", where="environment", expected=f"{missing} beside the other")
    if all(value.lower() == "none" for value in named.values()):
        return Conditions(single, "the data alone, as the environment asks", (single.source,))
    files = [existing(Path(value)) or Path(value) for value in named.values()]
    off, on = (read_acquisition(file) for file in files)
    pair = _joined(off, on, single)
    factor, rest = _subtraction(pair, single.fids[0, 0, 0])
    if rest > STRANGE:
        raise DataError(
            f"the spectra named by {OFF_VARIABLE} and {ON_VARIABLE} do not subtract to the data",
            where=single.source,
            expected=f"a difference below {100 * STRANGE:.0f} %",
            got=f"{100 * rest:.0f} % with {files[0]} and {files[1]}",
            hint="Name the OFF and ON spectra of this measurement, or unset the variables",
        )
    pair = dataclasses.replace(pair, conditions=("edit_off", "edit_on"))
    note = "" if rest < SAME else f"; they subtract to the data up to {100 * rest:.1f} %"
    sentence = f"OFF and ON, named in the environment ({files[0]}, {files[1]}{note})"
    return Conditions(pair, sentence, tuple(files), factor)


def _neighbours(single: Acquisition, files: tuple[Path, Path]) -> Conditions:
    where = f"{files[0].name} and {files[1].name}"
    try:
        first, second = (read_acquisition(file) for file in files)
        pair = _joined(first, second, single)
    except DataError as error:
        return Conditions(single, f"the data alone: {where} beside the data cannot be used ({error})", (single.source,))
    factor, rest = _subtraction(pair, single.fids[0, 0, 0])
    if rest > SAME:
        sentence = (
            f"the data alone: {where} beside the data do not subtract to them ({100 * rest:.2g} % differ), so they are "
            "of another measurement or the data were processed since"
        )
        return Conditions(single, sentence, (single.source,))
    names = (first.conditions or (None,))[0], (second.conditions or (None,))[0]
    conditions = names if set(names) == {"edit_off", "edit_on"} else None
    pair = dataclasses.replace(pair, conditions=conditions)  # type: ignore[arg-type]
    said = f"OFF and ON: {where} beside the data, which subtract to them"
    return Conditions(pair, " ".join([said, *_said_before(files[0].parent)]), files, factor)


def _said_before(folder: Path) -> list[str]:
    """Cautions of our own preprocessing, where it made the files: the spectra no longer show them."""
    try:
        flags = json.loads((folder / "preproc.json").read_text("utf-8"))["flags"]
        said = [f"({flag['sentence']})" for flag in flags if flag["severity"] == "caution"]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return said


def _joined(first: Acquisition, second: Acquisition, single: Acquisition) -> Acquisition:
    shape = single.fids.shape
    for acquisition in (first, second):
        same = acquisition.fids.shape == shape and abs(acquisition.dwell_s - single.dwell_s) < 1e-6 * single.dwell_s
        if not same or abs(acquisition.f0_mhz - single.f0_mhz) > 1e-3:
            raise DataError(
                "size, dwell time or frequency differ from the data",
                where=acquisition.source,
                expected=f"{shape[1:]} at {single.dwell_s:g} s, {single.f0_mhz:.3f} MHz",
                got=f"{acquisition.fids.shape} at {acquisition.dwell_s:g} s, {acquisition.f0_mhz:.3f} MHz",
            )
    return dataclasses.replace(
        single,
        fids=np.concatenate([first.fids, second.fids]),
        conditions=None,
        te_s=single.te_s or first.te_s,
        tr_s=single.tr_s or first.tr_s,
        edit_pulse=single.edit_pulse or {**first.edit_pulse, **second.edit_pulse},
    )


def _subtraction(pair: Acquisition, data: NDArray) -> tuple[float, float]:
    """Factor by which the difference of the pair becomes the data, and the relative difference that is left."""
    difference = pair.fids[1, 0, 0] - pair.fids[0, 0, 0]
    power, size = float(np.vdot(difference, difference).real), float(np.linalg.norm(data))
    if power == 0 or size == 0:
        return 1.0, float("inf")
    factor = float(np.vdot(difference, data).real / power)
    return factor, float(np.linalg.norm(data - factor * difference) / size)


def mean_of_voxels(data: Path, mask: Path | None = None) -> Acquisition:
    """The mean spectrum of an image, as one acquisition.

    Parameters
    ----------
    data : Path
        NIfTI-MRS image.
    mask : Path, optional
        Voxels to take; all that are not zero otherwise.

    Raises
    ------
    DataError
        When the image cannot be read, or holds no voxel of finite values.
    """
    from nifti_mrs.nifti_mrs import NIFTI_MRS

    try:
        image = NIFTI_MRS(str(data))
        fids = np.asarray(image[:], complex).reshape(*image.shape[:4], -1)[..., 0]
        dwell_s, f0_mhz = float(image.dwelltime), float(image.spectrometer_frequency[0])
        te_s = image.hdr_ext.to_dict().get("EchoTime")
        chosen = None if mask is None else _values(mask).reshape(fids.shape[:3]) > 0
    except Exception as error:  # nifti_mrs and nibabel raise a dozen kinds
        raise DataError("the image cannot be read", where=data, got=f"{type(error).__name__}: {error}") from error
    there = np.isfinite(fids).all(axis=-1) & np.any(fids, axis=-1)
    there = there if chosen is None else there & chosen
    if not there.any():
        raise DataError("no voxel has data", where=data, hint="Is the mask that of this image?")
    return Acquisition(fids[there].mean(axis=0)[None, None, None], dwell_s, f0_mhz, data, te_s=te_s)


def _values(image: Path) -> NDArray:
    import nibabel

    loaded = nibabel.load(image)
    assert isinstance(loaded, nibabel.Nifti1Image)
    return np.asanyarray(loaded.dataobj)
