# SPDX-License-Identifier: Apache-2.0
"""FSL-MRS's own fit (truncated Newton) on the spectra of a validation, where FSL-MRS is installed."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Mapping

import numpy as np

from fsl_mrs_dl.validation.programs.task import BASIS_LW_HZ, MACROMOLECULES, Task


def newton(task: Task) -> Mapping[str, float]:
    """Fit one spectrum with FSL-MRS's defaults, macromolecules in a group of their own; empty where it failed.

    Parameters
    ----------
    task : Task

    Returns
    -------
    mapping of str to float
        Raw concentrations.
    """
    fitting = importlib.import_module("fsl_mrs.utils.fitting")
    new_mrs = importlib.import_module("fsl_mrs.core.mrs").MRS
    new_basis = importlib.import_module("fsl_mrs.core.basis").Basis
    header = {
        "centralFrequency": task.f0_mhz * 1e6,
        "bandwidth": 1 / task.dwell_s,
        "dwelltime": task.dwell_s,
        "fwhm": BASIS_LW_HZ,
    }
    names = list(task.names)
    groups = [int(name in MACROMOLECULES) for name in names]
    if min(groups) == 1:
        groups = [0] * len(groups)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            basis = new_basis(np.asarray(task.basis).T, names, [header] * len(names))
            mrs = new_mrs(FID=np.asarray(task.fid), cf=task.f0_mhz, bw=1 / task.dwell_s, nucleus="1H", basis=basis)
            mrs.processForFitting()
            result = fitting.fit_FSLModel(mrs, method="Newton", ppmlim=(0.2, 4.2), metab_groups=groups)
        except (ValueError, ArithmeticError, np.linalg.LinAlgError):
            return {}
    # FSL-MRS scales FID and basis of each spectrum; edit_off and DIFF are to be in one unit
    unit = mrs.scaling["basis"] / mrs.scaling["FID"]
    return {name: unit * float(result.getConc(metab=name)) for name in names}
