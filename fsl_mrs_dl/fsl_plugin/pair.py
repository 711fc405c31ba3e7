# SPDX-License-Identifier: Apache-2.0
"""A file with both conditions as fsl_mrs's ``--data``, which by itself fits one spectrum only.

Its conditions and their difference are written into the output folder as they are, under the names that
``fsl_mrs_preproc_edit`` gives, and fsl_mrs goes on with the difference. So its links point to files that stay, and
``fsl_mrs_summarise`` reads the folder as any other.
"""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fsl_mrs_dl.core.data import Acquisition
from fsl_mrs_dl.core.errors import ConfigError
from fsl_mrs_dl.fsl_plugin.conditions import OFF_VARIABLE, ON_VARIABLE
from fsl_mrs_dl.fsl_plugin.request import Answer, Request, keep_answer
from fsl_mrs_dl.io.nifti import read_acquisition, write_spectrum

FOLDER = "conditions"
"""In the output folder of fsl_mrs."""


@dataclass(frozen=True)
class Pair:
    """Both conditions of one file.

    Parameters
    ----------
    acquisition : Acquisition
        As read.
    model_name : str
        Empty where the model was chosen.
    answer : Answer
        To its conditions, written apart.
    """

    acquisition: Acquisition
    model_name: str
    answer: Answer


def pair_in(data: Path | None, options: Any) -> Acquisition | None:
    """An averaged file with two conditions; None for any other file.

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
    return acquisition


def write_conditions(pair: Acquisition, folder: Path) -> Path:
    """Write ``edit_0``, ``edit_1`` and ``diff = (edit_1 - edit_0) / 2`` of `pair`, in the order of its file.

    Nothing is done to them: whoever splits the file by other means gets the same.

    Returns
    -------
    Path
        Of ``diff.nii.gz``.
    """
    header = {key: value for key, value in pair.header.items() if not key.startswith("dim_")}
    common: dict[str, Any] = {"dwell_s": pair.dwell_s, "f0_mhz": pair.f0_mhz, "affine": pair.affine, "header": header}
    fids = pair.fids[:, 0, 0]
    for index, fid in enumerate(fids):
        named = None if pair.conditions is None else (pair.conditions[index],)
        write_spectrum(
            folder / f"edit_{index}.nii.gz", fid[None], dims=("DIM_EDIT", None, None), conditions=named, **common
        )
    write_spectrum(folder / "diff.nii.gz", (fids[1] - fids[0]) / 2, **common)
    return folder / "diff.nii.gz"


def split_into(output: Path, pair: Pair, options: Any) -> None:
    """Write the conditions of `pair` into `output`, and let fsl_mrs read their difference instead of its ``--data``."""
    folder = output / FOLDER
    folder.mkdir()
    diff = write_conditions(pair.acquisition, folder)
    options.data = type(options.data)(diff)
    files = tuple(folder / file.name for file in pair.answer.conditions.files)
    conditions = dataclasses.replace(pair.answer.conditions, files=files)
    answer = dataclasses.replace(pair.answer, conditions=conditions)
    keep_answer(answer, diff, pair.model_name, False, Request("fsl_mrs", options))
