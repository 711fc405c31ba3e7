# SPDX-License-Identifier: Apache-2.0
"""The fit that FSL-MRS was asked for with ``dl``; from fsl_mrs, errors are one line and an exit code."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from fsl_mrs_dl.core.errors import FslMrsDlError
from fsl_mrs_dl.fsl_plugin.checks import loaded
from fsl_mrs_dl.fsl_plugin.compat import require_supported
from fsl_mrs_dl.fsl_plugin.messages import internal, leave
from fsl_mrs_dl.fsl_plugin.request import find_request


def run_fit(
    original: Callable[..., Any], fitting: ModuleType, model_name: str, args: tuple, kwargs: Mapping[str, Any]
) -> Any:
    """Fit.

    Parameters
    ----------
    original : callable
        FSL-MRS's own ``fit_FSLModel``.
    fitting : module
        ``fsl_mrs.utils.fitting``.
    model_name : str
        Empty where the model is to be chosen.
    args, kwargs
        Arguments of ``fit_FSLModel``.
    """
    request = find_request()
    try:
        require_supported(fitting)
        from fsl_mrs_dl.fsl_plugin.fit import fit

        return loaded(functools.partial(fit, original, model_name, request, args, kwargs))
    except FslMrsDlError as error:
        if request.host != "fsl_mrs":
            raise
        leave(error, request.host)
    except Exception as error:
        if request.host != "fsl_mrs":
            raise
        leave(internal(error), request.host)
