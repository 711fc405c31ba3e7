# SPDX-License-Identifier: Apache-2.0
"""How far a network's input lies from the spectra it was trained on, told from a few numbers in the model card.

Each condition's spectrum, coarsened and scaled to one, is compared with the principal components of calibration
spectra: the distance is Mahalanobis's, with the variance outside the components spread evenly (probabilistic principal
components: Tipping and Bishop 1999, J R Stat Soc B 61:611, doi 10.1111/1467-9868.00196). Its limit is a quantile over
calibration spectra that the components were not made from.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

BIN_PPM = 0.05
"""Spectra are averaged over bins of this width: single lines of 1 Hz do not count, shapes do."""

N_COMPONENTS = 32
"""With half as many foreign lines are found later, and a brain shown to a model of solutions less often."""

QUANTILE = 0.999
"""Share of calibration spectra that lie within the limit."""

MIN_SPECTRA = 1000
"""With fewer calibration spectra of a condition the quantile is not to be had."""

CONDITIONS = ("edit_off", "diff")
"""In the order of the channels, real and imaginary part each."""


@dataclass(frozen=True)
class DescribedInput:
    """Training spectra of one condition.

    Parameters
    ----------
    step_ppm : float
        Distance of the points.
    variances : tuple of float
        Of the principal components.
    noise_variance : float
        Of the rest, per feature.
    values : str
        Mean and components as little-endian float16 in base64.
    limit : float
        Distance within which `QUANTILE` of the calibration spectra lie.
    """

    step_ppm: float
    variances: tuple[float, ...]
    noise_variance: float
    values: str
    limit: float


def describe_inputs(channels: NDArray, present: NDArray, step_ppm: float) -> dict[str, DescribedInput]:
    """The part of a model card that `distances` reads.

    Parameters
    ----------
    channels : array, shape ``(n, 4, n_points)``
        Inputs of calibration spectra, see `fsl_mrs_dl.models.inputs.pack_channels`.
    present : array, shape ``(n, 2)``
    step_ppm : float
        Distance of the points.

    Returns
    -------
    dict of str to DescribedInput
        By condition; those with too few spectra are left out.
    """
    found = {}
    for index, condition in enumerate(CONDITIONS):
        features = coarse_spectra(channels[present[:, index] > 0, 2 * index : 2 * index + 2], step_ppm)
        half = len(features) // 2
        if half < MIN_SPECTRA // 2:
            continue
        mean = features[:half].mean(axis=0)
        _, singular, components = np.linalg.svd(features[:half] - mean, full_matrices=False)
        variances = singular**2 / (half - 1)
        k = min(N_COMPONENTS, len(variances) - 1)
        rest = float(variances[k:].sum() / (features.shape[1] - k))
        values = np.concatenate([mean, components[:k].ravel()]).astype("<f2")
        stored = DescribedInput(
            step_ppm=step_ppm,
            variances=tuple(float(f"{v:.4g}") for v in variances[:k]),
            noise_variance=rest,
            values=base64.b64encode(values.tobytes()).decode("ascii"),
            limit=np.inf,
        )
        limit = np.quantile(_distance(features[half:], stored), QUANTILE, method="higher")
        found[condition] = replace(stored, limit=float(limit))
    return found


def distances(
    described: Mapping[str, DescribedInput], channels: NDArray, present: NDArray
) -> dict[str, tuple[float, float]]:
    """Distance and limit by condition, of those that are there and that the card describes.

    Parameters
    ----------
    described : mapping
        As of `describe_inputs`.
    channels : array, shape ``(4, n_points)``
    present : array, shape ``(2,)``
    """
    found = {}
    for index, condition in enumerate(CONDITIONS):
        if present[index] > 0 and condition in described:
            stored = described[condition]
            features = coarse_spectra(channels[None, 2 * index : 2 * index + 2], stored.step_ppm)
            found[condition] = float(_distance(features, stored)[0]), stored.limit
    return found


def strangeness(described: Mapping[str, DescribedInput], channels: NDArray, present: NDArray) -> NDArray:
    """The largest distance of each spectrum by its limit, shape ``(n,)``; 0 where no condition is described.

    Parameters
    ----------
    described : mapping
        As of `describe_inputs`.
    channels : array, shape ``(n, 4, n_points)``
    present : array, shape ``(n, 2)``
    """
    largest = np.zeros(len(channels))
    for index, condition in enumerate(CONDITIONS):
        rows = np.flatnonzero(present[:, index] > 0)
        if condition in described and len(rows):
            stored = described[condition]
            features = coarse_spectra(channels[rows, 2 * index : 2 * index + 2], stored.step_ppm)
            largest[rows] = np.maximum(largest[rows], _distance(features, stored) / stored.limit)
    return largest


def n_features(n_points: int, step_ppm: float) -> int:
    """Numbers that a condition's spectrum of `n_points`, `step_ppm` apart, is coarsened to."""
    return 2 * (n_points // _bin_width(step_ppm))


def _bin_width(step_ppm: float) -> int:
    return max(1, round(BIN_PPM / step_ppm))


def coarse_spectra(channels: NDArray, step_ppm: float) -> NDArray:
    """Coarse spectra of one condition, of unit root mean square; from ``(n, 2, n_points)`` to ``(n, n_features)``."""
    width = _bin_width(step_ppm)
    n_bins = channels.shape[-1] // width
    coarse = channels[..., : n_bins * width].astype(float).reshape(len(channels), 2, n_bins, width).mean(axis=-1)
    size = np.sqrt((channels.astype(float) ** 2).sum(axis=1).mean(axis=-1))
    return coarse.reshape(len(channels), 2 * n_bins) / np.maximum(size, 1e-300)[:, None]


def _distance(features: NDArray, stored: DescribedInput) -> NDArray:
    """Root of the Mahalanobis distance per feature."""
    n_features, variances = features.shape[1], np.asarray(stored.variances)
    values = np.frombuffer(base64.b64decode(stored.values), dtype="<f2").astype(float)
    mean, components = values[:n_features], values[n_features:].reshape(len(variances), n_features)
    centred = features - mean
    scores = centred @ components.T
    rest = (centred**2).sum(axis=1) - (scores**2).sum(axis=1)
    squared = (scores**2 / variances).sum(axis=1) + np.maximum(rest, 0.0) / stored.noise_variance
    return np.sqrt(squared / n_features)
