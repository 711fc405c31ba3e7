# SPDX-License-Identifier: Apache-2.0
"""Spin operators of a group of coupled spins 1/2 in the Zeeman product basis."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.errors import ConfigError
from fsl_mrs_dl.spins import SpinGroup

MAX_SPINS = 9
"""Largest coupled group: its operators have 512 x 512 elements."""


@dataclass(frozen=True)
class GroupOperators:
    """Everything that depends on the group alone.

    Parameters
    ----------
    iz : array, shape ``(n_spins, dim)``
        Diagonals of each spin's Iz; ``dim = 2**n_spins``.
    raising : array, shape ``(dim, dim)``
        Total raising operator F+ = Fx + i Fy.
    coupling_hz : array, shape ``(dim, dim)``
        ``sum J I.I`` in Hz (real symmetric).
    """

    iz: NDArray
    raising: NDArray
    coupling_hz: NDArray

    @property
    def dim(self) -> int:
        """Dimension of the state space."""
        return self.iz.shape[1]

    @property
    def total_z(self) -> NDArray:
        """Diagonal of Fz, shape ``(dim,)``."""
        return self.iz.sum(axis=0)

    @property
    def coherence_order(self) -> NDArray:
        """Order of each matrix element, shape ``(dim, dim)``: magnetic quantum number of row minus that of column."""
        return np.rint(self.total_z[:, None] - self.total_z[None, :]).astype(int)


def build_operators(group: SpinGroup) -> GroupOperators:
    """Operators of a spin group.

    Raises
    ------
    ConfigError
        When the group has more than `MAX_SPINS` spins.
    """
    n = group.n_spins
    if n > MAX_SPINS:
        raise ConfigError(f"a group of {n} coupled spins is too large", expected=f"at most {MAX_SPINS}")
    states = np.arange(2**n)
    bits = (states[None, :] >> (n - 1 - np.arange(n))[:, None]) & 1  # 0: spin up; the first spin is the slowest
    iz = 0.5 - bits
    raising = np.zeros((2**n, 2**n))
    for spin in range(n):
        down = states[bits[spin] == 1]
        raising[down ^ (1 << (n - 1 - spin)), down] += 1.0
    coupling = np.zeros((2**n, 2**n))
    for i, j, value in group.couplings:
        coupling[states, states] += value * iz[i] * iz[j]
        differ = states[bits[i] != bits[j]]
        flipped = differ ^ (1 << (n - 1 - i)) ^ (1 << (n - 1 - j))
        coupling[flipped, differ] += value / 2
    return GroupOperators(iz=iz, raising=raising, coupling_hz=coupling)


@dataclass(frozen=True)
class FreeEvolution:
    """Free evolution under chemical shift and coupling, in the eigenbasis of its Hamiltonian.

    Parameters
    ----------
    energy_hz : array, shape ``(dim,)``
    vectors : array, shape ``(dim, dim)``
        Eigenvectors in columns (real).
    """

    energy_hz: NDArray
    vectors: NDArray

    @classmethod
    def of(cls, operators: GroupOperators, offsets_hz: NDArray) -> FreeEvolution:
        """Diagonalise ``sum offset Iz + sum J I.I``; `offsets_hz` has shape ``(n_spins,)``, relative to the frame."""
        hamiltonian = operators.coupling_hz + np.diag(offsets_hz @ operators.iz)
        return cls(*np.linalg.eigh(hamiltonian))

    def propagator(self, time_s: float) -> NDArray:
        """``exp(-2 pi i H t)``, shape ``(dim, dim)``."""
        return (self.vectors * np.exp(-2j * np.pi * self.energy_hz * time_s)) @ self.vectors.T

    def evolve(self, rho: NDArray, time_s: float) -> NDArray:
        """The density matrix after `time_s`."""
        u = self.propagator(time_s)
        return u @ rho @ u.conj().T
