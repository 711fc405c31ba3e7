# SPDX-License-Identifier: Apache-2.0
"""What a network is told of the protocol: a few numbers that describe a basis.

A basis is seen as the spectra of `DESCRIBED` in edit_off and DIFF, all lines equally wide, coarse, NAA's methyl line as
the unit. The numbers are its principal components over the bases of the bank that a network was trained with, each of
unit variance there. So one network serves editing pulses, echo times and refocusing of many kinds, and knows which one
it has before it where somebody says so.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.models.inputs import PpmGrid

DESCRIBED = ("GABA", "Glu", "Gln", "NAA", "Cr")
"""Metabolites whose signals tell what editing and refocusing do; every basis for brains has them."""

WIDTH_HZ = 10.0
"""Lorentzian width that the signals are to have."""

_GRID = PpmGrid(0.8, 4.1, 111, 0.4)
N_FEATURES = 2 * len(DESCRIBED) * _GRID.n_points
"""Numbers that `basis_features` gives."""

_METHYL_PPM = 2.008
_LARGEST = 4.0
"""Numbers beyond this are cut off."""

LIMIT = 5.0
"""A basis of which a number is larger lies further from the bank than 99 of 100 of its own members: it is unknown."""

_LEAST_SHARE = 0.02
"""Blocks (one metabolite in one condition) that vary less than this part of the unit count as much as if they did."""

_RANK_TOLERANCE = 1e-9
"""A spread over the bank that is this much smaller than the largest one is rounding."""


def basis_features(signals: Mapping[str, tuple[NDArray, NDArray]], dwell_s: float, f0_mhz: float) -> NDArray:
    """The coarse spectra of a basis, one after the other: shape ``(n_features,)``.

    Parameters
    ----------
    signals : mapping of str to (edit_off, diff)
        FIDs of each of `DESCRIBED`, `WIDTH_HZ` wide, in the sign convention of `fsl_mrs_dl.core.units`.
    dwell_s, f0_mhz : float
    """
    spectra = {
        name: [_GRID.evaluate(np.asarray(fid)[None], dwell_s, f0_mhz)[0].real for fid in signals[name]]
        for name in DESCRIBED
    }
    near = np.abs(_GRID.ppm - _METHYL_PPM) < 0.06
    unit = float(spectra["NAA"][0][near].sum())
    return np.concatenate([part for name in DESCRIBED for part in spectra[name]]) / unit


@dataclass(frozen=True)
class ProtocolCode:
    """From a basis to the numbers that a network is told.

    Parameters
    ----------
    mean : array, shape ``(n_features,)``
    components : array, shape ``(n_components, n_features)``
    """

    mean: NDArray
    components: NDArray

    @classmethod
    def of(cls, features: NDArray, n_components: int) -> ProtocolCode:
        """That of a bank, whose bases have these features, shape ``(n_members, n_features)``.

        Components beyond the rank of a bank of few members are 0: the network is told nothing by them.
        """
        mean = features.mean(axis=0)
        centred = features - mean
        blocks = centred.reshape(len(features), 2 * len(DESCRIBED), -1)
        size = np.sqrt((blocks**2).mean(axis=(0, 2)))
        components = np.zeros((n_components, features.shape[1]))
        if size.max() <= _RANK_TOLERANCE * np.abs(features).max():
            return cls(mean, components)  # all alike
        weight = np.repeat(1 / np.maximum(size, _LEAST_SHARE * size.max()), blocks.shape[2])
        _, singular, directions = np.linalg.svd(centred * weight, full_matrices=False)
        deviation = singular[:n_components] / np.sqrt(max(1, len(features) - 1))
        spans = deviation > _RANK_TOLERANCE * deviation.max(initial=0.0)
        components[: len(spans)][spans] = directions[:n_components][spans] * weight / deviation[spans, None]
        return cls(mean, components)

    @property
    def n_inputs(self) -> int:
        """Numbers that the network takes: the components, and whether they are known."""
        return len(self.components) + 1

    def known(self, features: NDArray) -> NDArray:
        """Inputs for bases with these features, ``(n, n_features)``: float32, shape ``(n, n_inputs)``."""
        scores = np.clip((features - self.mean) @ self.components.T, -_LARGEST, _LARGEST)
        return np.hstack([scores, np.ones((len(scores), 1))]).astype(np.float32)

    def distance(self, features: NDArray) -> float:
        """The largest of the numbers of one basis, before they are cut off; in units of the bank's spread."""
        return float(np.abs((features - self.mean) @ self.components.T).max())

    def unknown(self, n: int) -> NDArray:
        """Inputs where nothing is known of the protocol."""
        return np.zeros((n, self.n_inputs), dtype=np.float32)

    def to_card(self) -> dict[str, Any]:
        """The part of a model card that `from_card` reads: little-endian float32 in base64."""
        values = np.concatenate([self.mean, self.components.ravel()]).astype("<f4")
        return {
            "n_components": len(self.components),
            "described": list(DESCRIBED),
            "values": base64.b64encode(values.tobytes()).decode("ascii"),
        }

    @classmethod
    def from_card(cls, stored: Mapping[str, Any]) -> ProtocolCode:
        """That of a model card."""
        n = int(stored["n_components"])
        values = np.frombuffer(base64.b64decode(stored["values"]), dtype="<f4").astype(float).reshape(n + 1, -1)
        return cls(values[0], values[1:])
