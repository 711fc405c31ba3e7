# SPDX-License-Identifier: Apache-2.0
"""The protocol as an input of the network in training, and how often it is given."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.core.errors import ConfigError
from fsl_mrs_dl.models.protocol_code import ProtocolCode


@dataclass(frozen=True)
class ToldConfig:
    """How a network is told the protocol; as it stands it is not.

    Parameters
    ----------
    n_components : int
        Numbers that describe a basis, see `fsl_mrs_dl.models.protocol_code`.
    known_share : float
        Share of the spectra whose protocol is told.
    error : float
        Standard deviation of the error of each number, of which the bank's spread is 1: what a user's basis and the
        scanner's pulses differ by.
    """

    n_components: int = 0
    known_share: float = 0.5
    error: float = 0.1

    def __post_init__(self) -> None:
        if self.n_components < 0 or not 0 <= self.known_share <= 1:
            raise ConfigError("told: n_components must not be negative, known_share lies from 0 to 1", got=self)

    def draw(self, code: ProtocolCode, exact: NDArray, rng: np.random.Generator) -> NDArray:
        """Inputs of the network for spectra whose protocols are `exact`, as `code` says them, ``(n, n_inputs)``."""
        n, told = len(exact), exact.copy()
        told[:, :-1] += self.error * rng.standard_normal((n, self.n_components)).astype(np.float32)
        return np.where(rng.uniform(size=n)[:, None] < self.known_share, told, code.unknown(n))
