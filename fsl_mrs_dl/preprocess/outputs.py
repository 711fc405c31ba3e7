# SPDX-License-Identifier: Apache-2.0
"""Files of preprocessed data under the names of FSL-MRS's `fsl_mrs_preproc_edit`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fsl_mrs_dl.preprocess.pipeline import Preprocessed


def write_preprocessed(
    pre: Preprocessed, folder: str | os.PathLike, *, header: Mapping[str, Any] | None = None
) -> tuple[Path, ...]:
    """Write the files that `fsl_mrs_preproc_edit` writes, and ``preproc.json``.

    ``edit_0.nii.gz`` (OFF) and ``edit_1.nii.gz`` (ON) have a DIM_EDIT of length 1; ``diff.nii.gz`` is (ON - OFF) / 2
    and ``wref.nii.gz`` the combined water reference, both without further dimensions. What is not there is not written.
    A DIFF that came alone keeps its scale (no factor 1/2).

    Parameters
    ----------
    pre : Preprocessed
    folder : path-like
        An existing folder, such as `fsl_mrs_dl.core.files.new_output_folder` gives.
    header : mapping, optional
        More entries for the headers of the spectra, such as `fsl_mrs_dl.quantify.scatter.scatter_record`.

    Returns
    -------
    tuple of Path
        The files written.

    Raises
    ------
    DataError
        When a file cannot be written.
    """
    from fsl_mrs_dl.core.files import write_json
    from fsl_mrs_dl.io.nifti import write_spectrum

    folder, spectra, written = Path(folder), pre.spectra, []
    voxel: dict[str, Any] = {"dwell_s": spectra.dwell_s, "f0_mhz": spectra.f0_mhz, "affine": spectra.affine}
    own = {**_times(spectra.te_s, spectra.tr_s), **_pulses(spectra.edit_pulse), **(header or {})}
    common = {**voxel, "header": own}
    for name, condition in (("edit_0", "edit_off"), ("edit_1", "edit_on")):
        fid = getattr(spectra, condition)
        if fid is not None:
            written.append(folder / f"{name}.nii.gz")
            write_spectrum(written[-1], fid[None], dims=("DIM_EDIT", None, None), conditions=(condition,), **common)
    if spectra.diff is not None:
        factor = 0.5 if spectra.edit_off is not None else 1.0
        written.append(folder / "diff.nii.gz")
        write_spectrum(written[-1], factor * spectra.diff, **common)
    if pre.water_reference is not None:
        written.append(folder / "wref.nii.gz")
        times = _times(pre.water_te_s, pre.water_tr_s)
        write_spectrum(written[-1], pre.water_reference, header=times, **voxel)
    written.append(folder / "preproc.json")
    flags = [flag.to_dict() for flag in spectra.flags]
    write_json(written[-1], {"source": str(spectra.source), "flags": flags, **spectra.history.to_dict()})
    return tuple(written)


def _times(te_s: float | None, tr_s: float | None) -> dict[str, float]:
    """Entries of a header for echo and repetition time, those that are known."""
    return {key: value for key, value in (("EchoTime", te_s), ("RepetitionTime", tr_s)) if value is not None}


def _pulses(edit_pulse: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    """The entry of a header for the editing pulses, where any is known."""
    keys = {"shift_ppm": "PulseOffset", "duration_s": "PulseDuration"}
    pulses = {
        name: {theirs: pulse[ours] for ours, theirs in keys.items() if ours in pulse}
        for name, pulse in edit_pulse.items()
    }
    return {"EditPulse": pulses} if pulses else {}
