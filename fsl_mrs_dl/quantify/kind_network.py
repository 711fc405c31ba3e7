# SPDX-License-Identifier: Apache-2.0
"""The small network that estimates the probability that a spectrum is from a brain.

A classical fit cannot tell: with another line shape than the sample's it gives choline and Ins what is left over. The
network was shown Voigt and asymmetric lines of 0.3 to 13 Hz with every perturbation on, brains and solutions of GABA,
Glu, Gln, NAA, Cr in equal numbers, by ``tools/sample_kind.py``, which makes its file again.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.models.inputs import NetworkInput

NETWORK_FILE = Path(__file__).with_name("kind_network.npz")

BIN_POINTS = 5
"""Points of the grid that are averaged: 0.025 ppm."""


@dataclass(frozen=True)
class KindNetwork:
    """Two layers.

    Parameters
    ----------
    hidden : array, shape ``(n_features + 1, n_hidden)``
        Weights and, last, offsets.
    output : array, shape ``(n_hidden + 1,)``
    """

    hidden: NDArray
    output: NDArray

    def probability(self, features: NDArray) -> NDArray:
        """Of a brain; shape ``(n,)`` from ``(n, n_features)``."""
        middle = np.tanh(features @ self.hidden[:-1] + self.hidden[-1])
        return 1 / (1 + np.exp(-np.clip(middle @ self.output[:-1] + self.output[-1], -30, 30)))


def features_of(channels: NDArray, present: NDArray) -> NDArray:
    """Coarse spectra, each condition of unit size, and which are there.

    Parameters
    ----------
    channels : array, shape ``(n, 4, n_points)``
        As of `fsl_mrs_dl.models.inputs.pack_channels`.
    present : array, shape ``(n, 2)``

    Returns
    -------
    float32 array, shape ``(n, n_features)``
    """
    n, n_points = len(channels), channels.shape[-1] // BIN_POINTS * BIN_POINTS
    coarse = channels[..., :n_points].reshape(n, 2, -1, BIN_POINTS).mean(axis=-1)
    size = np.sqrt(np.mean(coarse**2, axis=-1, keepdims=True))
    coarse = coarse / np.where(size > 0, size, 1.0)
    return np.concatenate([coarse.reshape(n, -1), present], axis=1).astype(np.float32)


@functools.lru_cache(maxsize=1)
def shipped_network() -> KindNetwork:
    """The one in the package."""
    with np.load(NETWORK_FILE, allow_pickle=False) as stored:
        return KindNetwork(stored["hidden"].astype(np.float32), stored["output"].astype(np.float32))


def brain_probability(data: NetworkInput) -> float:
    """Probability that a data set is that of a brain and not of a solution."""
    return float(shipped_network().probability(features_of(data.channels[None], data.present[None]))[0])
