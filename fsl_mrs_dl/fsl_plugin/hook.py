# SPDX-License-Identifier: Apache-2.0
"""The two functions of FSL-MRS that are wrapped: the one that fits, and the one that makes the output folder.

Every call that does not ask for ``dl`` goes through with the same arguments and gives back the same object.
"""

from __future__ import annotations

import functools
import gc
import importlib
import os
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from fsl_mrs_dl.fsl_plugin.host import MARK, host_and_options, model_asked_for


def install(fitting: ModuleType) -> bool:
    """Add ``dl`` to ``fsl_mrs.utils.fitting``; False where it was there or FSL-MRS has a registry of its own."""
    from fsl_mrs_dl.fsl_plugin.compat import registry_of

    original = getattr(fitting, "fit_FSLModel", None)
    if not callable(original) or hasattr(original, MARK) or registry_of(fitting) is not None:
        return False
    fitting.fit_FSLModel = wrapped_fit(original, fitting)  # type: ignore[attr-defined]
    scripts = _scripts()
    make = getattr(scripts, "make_output_folder", None)
    if callable(make) and not hasattr(make, MARK):
        scripts.make_output_folder = wrapped_folder(make, fitting)  # type: ignore[union-attr]
    host, options = host_and_options()
    model = model_asked_for(getattr(options, "algo", None))
    if host == "fsl_mrsi" and model is not None:
        # it makes its folder itself; from FSL-MRS 2.4 on it has imported the module of fits before
        from fsl_mrs_dl.fsl_plugin.checks import check_before_writing

        check_before_writing(fitting, model, host, options)
    return True


def _scripts() -> ModuleType | None:
    """The package of FSL-MRS's programs, which is small: a program that is imported after the fits finds it wrapped."""
    try:
        return importlib.import_module("fsl_mrs.scripts")
    except ImportError:
        return None


def wrapped_fit(original: Callable[..., Any], fitting: ModuleType) -> Callable[..., Any]:
    """``fit_FSLModel`` with ``dl`` beside its own methods."""

    @functools.wraps(original)
    def fit_FSLModel(*args: Any, **kwargs: Any) -> Any:
        method = args[1] if len(args) > 1 else kwargs.get("method")
        model = model_asked_for(method)
        if model is None:
            return original(*args, **kwargs)
        from fsl_mrs_dl.fsl_plugin.run import run_fit

        return run_fit(original, fitting, model, args, kwargs)

    setattr(fit_FSLModel, MARK, True)
    return fit_FSLModel


def wrapped_folder(original: Callable[..., Any], fitting: ModuleType) -> Callable[..., Any]:
    """``make_output_folder`` that checks the data for ``dl`` before anything is written."""

    @functools.wraps(original)
    def make_output_folder(*args: Any, **kwargs: Any) -> Any:
        options = sys._getframe(1).f_locals.get("args")
        model = model_asked_for(getattr(options, "algo", None))
        pair = None
        if model is not None and os.environ.get("FSL_MRS_DL_DISABLE", "") in ("", "0"):
            from fsl_mrs_dl.fsl_plugin.checks import check_before_writing

            if not gc.get_freeze_count():
                # what FSL-MRS imported stays to the end: no need to look for garbage in it again and again
                gc.freeze()
            pair = check_before_writing(fitting, model, "fsl_mrs", options)
        made = original(*args, **kwargs)
        if pair is not None and options is not None:
            from fsl_mrs_dl.fsl_plugin.pair import split_into

            split_into(options.output, pair, options)
        return made

    setattr(make_output_folder, MARK, True)
    return make_output_folder
