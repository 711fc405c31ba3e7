# SPDX-License-Identifier: Apache-2.0
"""Whether a spectrum looks as the protocol says that the network is told.

What a network is told of a protocol (`fsl_mrs_dl.models.protocol_code`) can in part be read from the spectrum itself,
by a ridge regression on coarse spectra of simulated scans. The contradiction is Mahalanobis's distance of what was told
from what is read; its limit is a quantile over calibration spectra whose protocol was told rightly and that are about
as far from most others (`fsl_mrs_dl.models.novelty`): of a disturbed spectrum less can be read.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.metabolites.sums import MODES
from fsl_mrs_dl.models.novelty import coarse_spectra

QUANTILE = 0.99
"""Share of the calibration spectra, told rightly, that lie within the limit."""

MIN_SPECTRA = 600
"""With fewer calibration spectra of a mode there is no limit."""

N_LIMITS = 4
"""Classes of spectra, from usual to strange, with a limit each."""

_RIDGE = 30.0
_KNOWN = -1
"""Where the network's inputs say whether the protocol is known."""

Stored = dict[str, Any]


def describe_protocols(
    fitted: tuple[NDArray, NDArray, NDArray],
    calibrated: tuple[NDArray, NDArray, NDArray],
    strange: NDArray,
    step_ppm: float,
) -> dict[str, Stored]:
    """The part of a model card that `contradiction` reads, by mode; modes with too few spectra are left out.

    Parameters
    ----------
    fitted, calibrated : tuple of (channels, present, protocol)
        Spectra that the regression is made from, and those that its errors and the limit are told by: inputs of the
        network, shapes ``(n, 4, n_points)``, ``(n, 2)``, ``(n, n_inputs)``. Those of which nothing is told are left
        out.
    strange : array, shape ``(n,)``
        How far each of `calibrated` is from most others.
    step_ppm : float
        Distance of the points.
    """
    found = {}
    for mode, flags in MODES.items():
        sets = [_of_mode(*given, flags, step_ppm) for given in (fitted, calibrated)]
        if flags[1] == 0 or min(len(told) for _, told in sets) < MIN_SPECTRA:
            continue
        (features, told), (seen, known) = sets
        weights = np.linalg.solve(features.T @ features + _RIDGE * np.eye(features.shape[1]), features.T @ told)
        error, half = seen @ weights - known, len(known) // 2
        precision = np.linalg.inv(np.atleast_2d(np.cov(error[:half].T)))
        distance = np.sqrt(np.einsum("ni,ij,nj->n", error[half:], precision, error[half:]))
        edges, limits = _limits(distance, strange[_rows(*calibrated[1:], flags)][half:])
        values = np.concatenate([weights.ravel(), precision.ravel()]).astype("<f4")
        found[mode] = {
            "step_ppm": step_ppm,
            "n_components": told.shape[1],
            "edges": edges,
            "limits": limits,
            "values": base64.b64encode(values.tobytes()).decode("ascii"),
        }
    return found


def contradiction(
    stored: Mapping[str, Stored], channels: NDArray, present: NDArray, told: NDArray, strange: float
) -> tuple[float, float] | None:
    """How far what was told lies from what the spectrum looks like, and its limit; None where that cannot be said.

    Parameters
    ----------
    stored : mapping
        As of `describe_protocols`.
    channels : array, shape ``(4, n_points)``
    present : array, shape ``(2,)``
    told : array, shape ``(n_inputs,)``
    strange : float
        As of `describe_protocols`.
    """
    mode = next((name for name, flags in MODES.items() if tuple(present) == flags), "")
    if mode not in stored or not told[_KNOWN] > 0:
        return None
    own = stored[mode]
    n = int(own["n_components"])
    values = np.frombuffer(base64.b64decode(own["values"]), dtype="<f4").astype(float)
    weights, precision = values[: -n * n].reshape(-1, n), values[-n * n :].reshape(n, n)
    features, known = _of_mode(channels[None], present[None], told[None], MODES[mode], float(own["step_ppm"]))
    error = (features @ weights - known)[0]
    limit = own["limits"][int(np.searchsorted(own["edges"], strange))]
    return float(np.sqrt(max(0.0, error @ precision @ error))), float(limit)


def n_values(n_points: int, step_ppm: float, n_components: int, mode: str) -> int:
    """Numbers that a mode's `values` hold."""
    per_condition = coarse_spectra(np.zeros((1, 2, n_points)), step_ppm).shape[1]
    return int(sum(MODES[mode])) * per_condition * n_components + n_components + n_components**2


def _limits(distance: NDArray, strange: NDArray) -> tuple[list[float], list[float]]:
    """Edges of `N_LIMITS` classes of strangeness, alike in number, and the limit in each; no stranger one has less."""
    edges = np.quantile(strange, np.arange(1, N_LIMITS) / N_LIMITS)
    which = np.searchsorted(edges, strange)
    limits = [np.quantile(distance[which == index], QUANTILE, method="higher") for index in range(N_LIMITS)]
    return [float(edge) for edge in edges], [float(limit) for limit in np.maximum.accumulate(limits)]


def _rows(present: NDArray, protocol: NDArray, flags: tuple[float, float]) -> NDArray:
    """Which spectra have these conditions and were told."""
    rows: NDArray = (present == flags).all(axis=1) & (protocol[:, _KNOWN] > 0)
    return rows


def _of_mode(
    channels: NDArray, present: NDArray, protocol: NDArray, flags: tuple[float, float], step_ppm: float
) -> tuple[NDArray, NDArray]:
    """Coarse spectra of a mode's conditions with a one behind them, and what was told, of those that were told."""
    rows = _rows(present, protocol, flags)
    shown = [2 * index for index, there in enumerate(flags) if there]
    parts = [coarse_spectra(channels[rows, first : first + 2], step_ppm) for first in shown]
    return np.hstack([*parts, np.ones((int(rows.sum()), 1))]), protocol[rows, :_KNOWN].astype(float)
