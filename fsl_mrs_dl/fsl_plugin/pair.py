# SPDX-License-Identifier: Apache-2.0
"""A file with both conditions as fsl_mrs's ``--data``, which by itself fits one spectrum only.

Its conditions and their difference are written into the output folder, under the names that ``fsl_mrs_preproc_edit``
gives, and fsl_mrs goes on with the difference. So its links point to files that stay, and ``fsl_mrs_summarise`` reads
the folder as any other.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from fsl_mrs_dl.core.errors import ConfigError
from fsl_mrs_dl.fsl_plugin.conditions import OFF_VARIABLE, ON_VARIABLE
from fsl_mrs_dl.io.nifti import read_acquisition
from fsl_mrs_dl.preprocess.load import load
from fsl_mrs_dl.preprocess.outputs import write_preprocessed
from fsl_mrs_dl.preprocess.pipeline import Preprocessed

FOLDER = "conditions"
"""In the output folder of fsl_mrs."""


def pair_in(data: Path | None, options: Any) -> Preprocessed | None:
    """The pair of an averaged file with two conditions, aligned and referenced; None for any other file.

    Parameters
    ----------
    data : Path or None
    options : object
        Parsed arguments of fsl_mrs.

    Raises
    ------
    DataError
        When it cannot be used.
    ConfigError
        With options that mean the file as it is.
    """
    if data is None:
        return None
    acquisition = read_acquisition(data)
    if acquisition.n_conditions != 2 or acquisition.is_raw:
        return None
    named = [name for name in (OFF_VARIABLE, ON_VARIABLE) if os.environ.get(name)]
    if getattr(options, "conjfid", None) is True:
        named.append("--conj_fid")
    if named:
        raise ConfigError(
            f"{' and '.join(named)} cannot be used with a file that holds both conditions",
            where=data,
            hint="Leave it out, or give the DIFF alone as --data",
        )
    return load(acquisition)


def split_into(output: Path, pair: Preprocessed, options: Any) -> None:
    """Write the conditions of `pair` into `output`, and let fsl_mrs read their difference instead of its ``--data``."""
    folder = output / FOLDER
    folder.mkdir()
    write_preprocessed(pair, folder)
    options.data = type(options.data)(folder / "diff.nii.gz")
