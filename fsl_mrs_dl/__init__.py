# SPDX-License-Identifier: Apache-2.0
"""Deep-learning quantification of GABA-edited MEGA-PRESS spectra, on its own or inside FSL-MRS.

>>> import fsl_mrs_dl
>>> found = fsl_mrs_dl.fit("scan.nii.gz", h2o="water.nii.gz")  # doctest: +SKIP
>>> found.ratios["GABA+"].value, found.ratios["GABA+"].interval95  # doctest: +SKIP

What it offers is listed in `__all__` and loaded when it is first asked for: ``import fsl_mrs_dl`` costs nothing. The
stub beside this file repeats the list for type checkers.
"""

import importlib

__version__ = "0.2.0"

_HOMES = {
    "BasisSet": "fsl_mrs_dl.api.basis",
    "Fit": "fsl_mrs_dl.api.result",
    "fit": "fsl_mrs_dl.api.functions",
    "list_models": "fsl_mrs_dl.api.functions",
    "load": "fsl_mrs_dl.api.functions",
    "open_model": "fsl_mrs_dl.api.functions",
    "simulate_basis": "fsl_mrs_dl.api.basis",
}
"""Name: the module that it comes from."""

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value  # asked for once
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
