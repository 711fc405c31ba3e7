# SPDX-License-Identifier: Apache-2.0
"""Data, basis and parameters, for FSL-MRS's ``fsl_mrs_summarise`` to show a folder of `fit`.

That program takes every folder with a ``concentrations.csv`` for one of FSL-MRS, and makes the fit again from the data,
the basis and the parameters. Ours is made of the fitted functions, in their fitted line shape, frequency and phase, so
that FSL-MRS's nuisance parameters are all zero.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from fsl_mrs_dl.core.data import EditedSpectra
from fsl_mrs_dl.core.files import write_text
from fsl_mrs_dl.quantify.result import Quantification

NUISANCE = ("gamma_0", "sigma_0", "eps_0", "Phi0", "Phi1", "B_real_0", "B_imag_0")
"""FSL-MRS's parameters after the concentrations: one group, Voigt lines, a constant as baseline."""

ARGUMENTS: Mapping[str, Any] = {
    "algo": "dl",
    "conjbasis": False,
    "conjfid": None,
    "no_rescale": True,
    "ind_scale": None,
    "keep": None,
    "ignore": None,
    "combine": None,
    "lorentzian": False,
    "free_shift": False,
    "metab_groups": 0,
    "baseline": "poly, 0",
    "baseline_order": 0,
    "ppmlim": None,
}
"""Arguments of ``fsl_mrs`` that the program reads from options.txt."""


def function_names(quantification: Quantification) -> list[str]:
    """Fitted functions in the order in which FSL-MRS reads their files."""
    return sorted(quantification.function_fids, key=lambda name: f"{name}.json")


def parameter_rows(quantification: Quantification) -> list[list[Any]]:
    """``[parameter, mean, std]`` of every parameter of FSL-MRS's model; 0 for what has no value."""
    names = function_names(quantification)
    if not names:
        return []
    known = {} if quantification.refused else {e.name: e for e in quantification.estimates if not e.flag}
    rows: list[list[Any]] = [
        [name, known[name].value, known[name].sd] if name in known else [name, 0.0, None] for name in names
    ]
    return [*rows, *([name, 0.0, None] for name in NUISANCE)]


def write_fsl_files(quantification: Quantification, folder: Path, spectra: EditedSpectra) -> None:
    """Write ``data.nii.gz``, a link to it, and ``basis/``; nothing where no function was fitted.

    Parameters
    ----------
    quantification : Quantification
    folder : Path
    spectra : EditedSpectra
        What was quantified.

    Raises
    ------
    DataError
        When a file cannot be written.
    """
    from fsl_mrs_dl.io.nifti import write_spectrum

    names = function_names(quantification)
    fid = spectra.diff if spectra.diff is not None else getattr(spectra, spectra.present[0])
    if not names or fid is None:
        return
    times = {"EchoTime": spectra.te_s, "RepetitionTime": spectra.tr_s}
    header = {key: value for key, value in times.items() if value is not None}
    sampled: dict[str, Any] = {"dwell_s": spectra.dwell_s, "f0_mhz": spectra.f0_mhz}
    write_spectrum(folder / "data.nii.gz", fid, affine=spectra.affine, header=header, **sampled)
    # where FSL-MRS up to 2.3 looks for the data; a disk without links has 2.4's name alone
    with suppress(OSError):
        (folder / "data").symlink_to("data.nii.gz")
    (folder / "basis").mkdir(exist_ok=True)
    for name in names:
        write_text(folder / "basis" / f"{name}.json", _function(name, quantification.function_fids[name], spectra))


def _function(name: str, fid: NDArray, spectra: EditedSpectra) -> str:
    """FSL-MRS's file of one function: the complex conjugate of its FID; six digits, as single precision has."""
    others = {
        "basis_dwell": spectra.dwell_s,
        "basis_centre": spectra.f0_mhz,
        "basis_width": 0.0,
        "basis_name": name,
        "basis_nucleus": "1H",
    }
    parts = {"basis_re": fid.real, "basis_im": -fid.imag}
    # `json` takes four times as long for as many numbers
    arrays = "".join(f'"{key}": [{_numbers(values)}], ' for key, values in parts.items())
    meta = json.dumps({"made_of": "the fitted function, as fsl_mrs_dl fit drew it"})
    return f'{{"basis": {{{arrays}{json.dumps(others)[1:]}, "meta": {meta}}}\n'


def _numbers(values: NDArray) -> str:
    return ", ".join(["%.6g"] * values.size) % tuple(values.tolist())
