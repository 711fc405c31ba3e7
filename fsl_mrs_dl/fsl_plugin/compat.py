# SPDX-License-Identifier: Apache-2.0
"""Whether the installed FSL-MRS is supported, judged by its functions rather than its version number.

Measured: 2.2.0, 2.3.0 and 2.4.11 work. A version number alone would not do: an FSL-MRS that was built outside of its
git repository calls itself ``0+unknown``.
"""

from __future__ import annotations

import importlib.util
import inspect
from types import ModuleType

from fsl_mrs_dl.core.errors import ConfigError

FIT_ARGUMENTS = ("mrs", "method", "ppmlim", "metab_groups", "model", "baseline_order")
"""Arguments of ``fit_FSLModel`` that every supported version has."""

RESULT_ARGUMENTS = ("mrs", "results", "model", "method", "metab_groups", "ppmlim", "runqc")
"""Arguments of ``FitRes`` that every supported version has, beside ``baseline_obj`` or ``baseline_order`` and ``B``."""

REGISTRY_NAMES = ("register_method", "fitting_methods", "FITTING_METHODS", "METHODS", "method_registry")
"""Names under which FSL-MRS might one day offer a registry of methods; it has none up to 2.4.11."""


def registry_of(fitting: ModuleType) -> str | None:
    """Name of a registry of methods in FSL-MRS's module of fits, where there is one."""
    return next((name for name in REGISTRY_NAMES if hasattr(fitting, name)), None)


def problem_with(fitting: ModuleType) -> str:
    """Why this FSL-MRS cannot be used; empty where it can.

    Parameters
    ----------
    fitting : module
        ``fsl_mrs.utils.fitting``.
    """
    function = getattr(fitting, "fit_FSLModel", None)
    if not callable(function):
        return "fsl_mrs.utils.fitting has no fit_FSLModel"
    missing = _missing(function, FIT_ARGUMENTS)
    if missing:
        return f"fit_FSLModel has no argument {', '.join(missing)}"
    result = getattr(fitting, "FitRes", None)
    if not isinstance(result, type):
        return "fsl_mrs.utils.fitting has no FitRes"
    missing = _missing(result, RESULT_ARGUMENTS)
    if missing:
        return f"FitRes has no argument {', '.join(missing)}"
    if not takes_baseline_object(result) and _missing(result, ("baseline_order", "B")):
        return "FitRes takes its baseline in an unknown way"
    methods = ("combine", "to_file", "getConc", "getUncertainties", "calculateConcScaling", "predictedFID")
    missing = [name for name in methods if not hasattr(result, name)]
    return f"FitRes has no {', '.join(missing)}" if missing else ""


def require_supported(fitting: ModuleType) -> None:
    """Raise `ConfigError` where this FSL-MRS does not have what the back end needs."""
    problem = problem_with(fitting)
    if problem:
        raise ConfigError(
            f"--algo dl does not work with this FSL-MRS ({fsl_version()}): {problem}",
            expected="FSL-MRS 2.2 to 2.4",
            hint="Install another version of FSL-MRS, or use: fsl_mrs_dl fit",
        )


def takes_baseline_object(result: type) -> bool:
    """Whether FitRes takes one object for the baseline (2.3 and later) or order and regressors (up to 2.2)."""
    return not _missing(result, ("baseline_obj",))


def has_fsl_mrs() -> bool:
    """Whether FSL-MRS can be found."""
    return importlib.util.find_spec("fsl_mrs") is not None


def fsl_version() -> str:
    """Version that FSL-MRS gives itself."""
    import fsl_mrs

    return str(getattr(fsl_mrs, "__version__", "unknown"))


def _missing(function: object, names: tuple[str, ...]) -> list[str]:
    try:
        have = inspect.signature(inspect.unwrap(function)).parameters  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return list(names)
    return [name for name in names if name not in have]
