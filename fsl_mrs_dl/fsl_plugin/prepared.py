# SPDX-License-Identifier: Apache-2.0
"""What FSL-MRS prepares for a fit: groups, range and baseline, taken from its own function before it fits."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Prepared:
    """Arguments with which FSL-MRS makes its result object.

    Parameters
    ----------
    model : str
    metab_groups : list of int
    ppmlim : tuple of float
    baseline : mapping
        ``baseline_obj`` (2.3 and later), or ``baseline_order`` and ``B``.
    disabled : bool
        Whether the baseline is off; it has parameters all the same, which are 0.
    """

    model: str
    metab_groups: list[int]
    ppmlim: tuple[float, float]
    baseline: Mapping[str, Any]
    disabled: bool

    @property
    def regressors(self) -> NDArray:
        """Columns of the baseline, each with one real coefficient."""
        found = self.baseline["B"] if "B" in self.baseline else self.baseline["baseline_obj"].regressor
        return np.asarray(found)

    @property
    def gaussian(self) -> bool:
        """Whether the model has a Gaussian width."""
        return "lorentzian" not in self.model

    @property
    def free_shift(self) -> bool:
        """Whether each basis function has a shift of its own."""
        return "free_shift" in self.model


class _Captured:
    """Stands for FitRes in FSL-MRS's function: keeps what it is given."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.args, self.kwargs = args, kwargs


def prepare_fit(original: Callable[..., Any], arguments: inspect.BoundArguments) -> Prepared:
    """Let FSL-MRS's ``fit_FSLModel`` prepare, and stop it where it would make its result.

    A copy of the function is called whose name ``FitRes`` means `_Captured`: nothing of FSL-MRS is changed, and the
    quality measures of a result that nobody sees are not calculated.

    Parameters
    ----------
    original : callable
    arguments : BoundArguments
        Of the call; `method` and `x0` are replaced.
    """
    function = inspect.unwrap(original)
    assert isinstance(function, types.FunctionType)
    names = {**function.__globals__, "FitRes": _Captured}
    copy = types.FunctionType(function.__code__, names, function.__name__, function.__defaults__, function.__closure__)
    copy.__kwdefaults__ = function.__kwdefaults__
    given = dict(arguments.arguments)
    order = given.get("baseline_order")
    given.update(method="init", x0=np.zeros(1))
    captured = copy(**given)
    result = function.__globals__["FitRes"]
    values = inspect.signature(result).bind(*captured.args, **captured.kwargs).arguments
    if "baseline_obj" in values:
        baseline = {"baseline_obj": values["baseline_obj"]}
        disabled = bool(values["baseline_obj"].disabled)
    else:
        baseline = {"baseline_order": values["baseline_order"], "B": values["B"]}
        disabled = order is not None and order < 0
    groups = values["metab_groups"]
    groups = [0] * len(given["mrs"].names) if groups is None else list(groups)
    return Prepared(values["model"], groups, tuple(values["ppmlim"]), baseline, disabled)
