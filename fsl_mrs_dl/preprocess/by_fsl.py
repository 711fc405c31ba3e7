# SPDX-License-Identifier: Apache-2.0
"""Raw data preprocessed by FSL-MRS's own program, ``fsl_mrs_preproc_edit``, instead of ours."""

from __future__ import annotations

import dataclasses
import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from fsl_mrs_dl.core.data import Acquisition
from fsl_mrs_dl.core.errors import ConfigError, DataError
from fsl_mrs_dl.core.flags import Flag
from fsl_mrs_dl.io.nifti import read_acquisition, read_reference
from fsl_mrs_dl.preprocess.pipeline import Preprocessed, preprocess

_PROGRAM = "from fsl_mrs.scripts.fsl_mrs_preproc_edit import main; main()"


def preprocess_by_fsl(data: Path | None, reference: Path | None, *, data_off: Path | None = None) -> Preprocessed:
    """Combine coils, align, average and correct eddy currents by FSL-MRS; then reference and clean as always.

    Parameters
    ----------
    data : Path or None
        Raw data with both conditions.
    reference : Path or None
        Unsuppressed water; FSL-MRS cannot do without.
    data_off : Path, optional
        Of the caller's files; the program takes one file, so it is an error here.

    Raises
    ------
    ConfigError
        Without data or reference, or with conditions in two files.
    DataError
        When FSL-MRS is not there, or could not process the data: its last line is quoted.
    """
    if data is None or data_off is not None:
        raise ConfigError("fsl_mrs_preproc_edit takes one raw file", where="preproc='fsl'", expected="data= alone")
    if reference is None:
        raise ConfigError("fsl_mrs_preproc_edit needs a water reference", where="preproc='fsl'", hint="Give h2o=")
    raw = read_acquisition(data)
    if raw.n_conditions != 2 or raw.fids.shape[2] < 2:
        raise DataError(
            "fsl_mrs_preproc_edit takes raw data with OFF and ON",
            where=data,
            got=f"{raw.n_conditions} conditions, {raw.fids.shape[2]} transients",
            hint="Leave preproc='fsl' out",
        )
    if importlib.util.find_spec("fsl_mrs") is None:
        raise DataError(
            "FSL-MRS is not installed in this environment",
            where="preproc='fsl'",
            got=sys.executable,
            hint="Leave it out, or install fsl_mrs_dl where FSL-MRS is (docs/fsl_mrs.md)",
        )
    with tempfile.TemporaryDirectory(prefix="fsl_mrs_dl_") as scratch:
        folder = Path(scratch) / "pp"
        command = [
            sys.executable,
            "-c",
            _PROGRAM,
            "--data",
            str(data.resolve()),
            "--reference",
            str(reference.resolve()),
            "--output",
            str(folder),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=scratch)
        files = [folder / f"{name}.nii.gz" for name in ("edit_0", "edit_1", "wref")]
        if done.returncode or not all(file.is_file() for file in files):
            last = ([line for line in done.stderr.splitlines() if line.strip()] or ["no message"])[-1]
            raise DataError("fsl_mrs_preproc_edit failed", where=data, got=last.strip(), hint="Leave preproc='fsl' out")
        first, second = (read_acquisition(file) for file in files[:2])
        result = preprocess(_pair(raw, first, second), read_reference(files[2]))
    said = Flag("preprocessed_by_fsl")
    return dataclasses.replace(result, spectra=result.spectra.with_flags(said))


def _pair(raw: Acquisition, first: Acquisition, second: Acquisition) -> Acquisition:
    """FSL-MRS's averages in the order of the raw file, with the raw file's header."""
    return dataclasses.replace(raw, fids=np.concatenate([first.fids, second.fids]))
