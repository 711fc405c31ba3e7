# SPDX-License-Identifier: Apache-2.0
"""Spin systems in the form of FSL-MRS's JSON: ``shifts``, ``j``, ``name``, ``scaleFactor``.

FSL-MRS's user documentation, "Basis spectra simulation"; Clarke et al. 2021, Magn Reson Med 85:2950, doi
10.1002/mrm.28630.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.core.errors import ConfigError, nearest
from fsl_mrs_dl.physics.spins.systems import SpinGroup, SpinSystem

MAX_SPINS = 9
"""Spins of one group: density matrices of 512 x 512."""

_KEYS = ("shifts", "j", "name", "scaleFactor")


def to_fsl(system: SpinSystem) -> list[dict[str, Any]]:
    """The ``spinSys`` block of FSL-MRS's basis files: one entry per group of coupled spins.

    A coupling to 31P has no place in it and is left out.
    """
    blocks = []
    for group in system.groups:
        j = [[0.0] * group.n_spins for _ in range(group.n_spins)]
        for first, second, value in group.couplings:
            j[first][second] = value
        blocks.append(
            {
                "shifts": list(group.shifts_ppm),
                "j": j,
                "name": group.name or system.name,
                "scaleFactor": float(group.multiplicity),
            }
        )
    return blocks


def parse_systems(values: Any, where: str, default_name: str = "user") -> dict[str, SpinSystem]:
    """Spin systems from the content of an FSL-MRS spin-system file.

    Parameters
    ----------
    values : mapping
        One system, or systems by name. A system is a mapping with ``shifts`` (ppm) and ``j`` (Hz; upper triangle or
        symmetric), or a list of those for several groups of coupled spins. A leading ``sys`` of a name is dropped.
    where : str
        For errors.
    default_name : str
        Of a file that holds a single system.

    Raises
    ------
    ConfigError
        For unknown or missing keys, sizes that do not fit, values that are not numbers, or too many spins.
    """
    if isinstance(values, list) or (isinstance(values, Mapping) and "shifts" in values):
        values = {default_name: values}
    if not isinstance(values, Mapping) or not values:
        raise ConfigError("no spin system found", where=where, expected="a JSON object of systems by name")
    systems = {}
    for key, value in values.items():
        name = _name(key, where)
        if name in systems:
            raise ConfigError(f"two systems are called '{name}'", where=where)
        parts = value if isinstance(value, list) else [value]
        if not parts:
            raise ConfigError("a system has no spins", where=f"{where}, {key}")
        groups = tuple(_group(part, f"{where}, {key}") for part in parts)
        systems[name] = SpinSystem(name, groups, ("user",))
    return systems


def _name(key: str, where: str) -> str:
    """A system's name without the leading ``sys`` of FSL-MRS; it becomes a file name."""
    name = key[3:] if key.startswith("sys") and len(key) > 3 else key
    if not re.fullmatch(r"[\w+-][\w.+-]*", name):
        raise ConfigError("invalid name of a metabolite", where=where, expected="letters and digits", got=repr(key))
    return name


def _group(part: Any, where: str) -> SpinGroup:
    if not isinstance(part, Mapping):
        raise ConfigError("a spin system is a JSON object", where=where, expected="shifts, j", got=type(part).__name__)
    for key in part:
        if key not in _KEYS:
            raise ConfigError(f"unknown key '{key}'{nearest(key, _KEYS)}", where=where, expected=", ".join(_KEYS))
    if "shifts" not in part:
        raise ConfigError("the key 'shifts' is missing", where=where)
    shifts = _shifts(part["shifts"], where)
    upper = _couplings(part, shifts.size, where)
    scale = part.get("scaleFactor", 1.0)
    if isinstance(scale, bool) or not isinstance(scale, int | float) or not 0 < scale < 1000:
        raise ConfigError("scaleFactor must be a positive number", where=where, got=scale)
    couplings = tuple((int(a), int(b), float(upper[a, b])) for a, b in zip(*np.nonzero(upper), strict=True))
    return SpinGroup(tuple(shifts.ravel().tolist()), couplings, float(scale), name=str(part.get("name", "")))


def _shifts(value: Any, where: str) -> NDArray:
    shifts = _numbers(value, "shifts", where)
    if shifts.ndim > 1 or shifts.size == 0:
        raise ConfigError("shifts must be a list of numbers", where=where, got=f"shape {shifts.shape}")
    if shifts.size > MAX_SPINS:
        raise ConfigError(
            "too many coupled spins",
            where=where,
            expected=f"at most {MAX_SPINS}",
            got=shifts.size,
            hint="Split the molecule into its weakly coupled groups, as a list of systems",
        )
    return shifts


def _couplings(part: Mapping[str, Any], n: int, where: str) -> NDArray:
    """Upper triangle of the couplings of `n` spins, Hz."""
    j = _numbers(part.get("j", np.zeros((n, n))), "j", where)
    if j.size != n * n or (j.ndim == 2 and j.shape != (n, n)):
        raise ConfigError("j has the wrong size", where=where, expected=f"{n} x {n}", got=" x ".join(map(str, j.shape)))
    j = j.reshape(n, n)
    upper, lower = np.triu(j, 1), np.tril(j, -1).T
    if np.any((lower != 0) & (lower != upper)):
        raise ConfigError("j must be an upper triangle, or symmetric", where=where)
    if np.any(np.diag(j) != 0):
        raise ConfigError("j couples a spin with itself: its diagonal must be zero", where=where)
    return upper


def _numbers(value: Any, key: str, where: str) -> np.ndarray:
    try:
        array = np.atleast_1d(np.array(value, dtype=float))
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{key} must hold numbers", where=where, got=str(value)[:60]) from error
    if not np.isfinite(array).all():
        raise ConfigError(f"{key} must hold finite numbers", where=where)
    return array
