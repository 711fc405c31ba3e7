# SPDX-License-Identifier: Apache-2.0
"""Spin operators of a group of coupled spins 1/2 in the Zeeman product basis."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.core.errors import ConfigError
from fsl_mrs_dl.physics.spins import SpinGroup
from fsl_mrs_dl.physics.spins.symmetry import symmetries

MAX_SPINS = 9
"""Largest coupled group: its operators have 512 x 512 elements."""


@dataclass(frozen=True, eq=False)
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
    permutations : tuple of tuple of int
        Permutations of the spins that leave every Hamiltonian of the group as it is.
    """

    iz: NDArray
    raising: NDArray
    coupling_hz: NDArray
    permutations: tuple[tuple[int, ...], ...] = ()

    @property
    def dim(self) -> int:
        """Dimension of the state space."""
        return self.iz.shape[1]

    @property
    def n_spins(self) -> int:
        """Number of spins."""
        return self.iz.shape[0]

    @cached_property
    def total_z(self) -> NDArray:
        """Diagonal of Fz, shape ``(dim,)``."""
        return self.iz.sum(axis=0)

    @cached_property
    def coherence_order(self) -> NDArray:
        """Order of each matrix element, shape ``(dim, dim)``: magnetic quantum number of row minus that of column."""
        return np.rint(self.total_z[:, None] - self.total_z[None, :]).astype(int)

    @cached_property
    def levels(self) -> tuple[NDArray, ...]:
        """Indices of the states of each value of Fz, which free evolution never mixes."""
        return tuple(np.flatnonzero(self.total_z == m) for m in np.unique(self.total_z))

    @cached_property
    def coupling_levels(self) -> tuple[tuple[NDArray, NDArray], ...]:
        """Eigenvalues (Hz) and eigenvectors of the coupling in each of `levels`."""
        return tuple(np.linalg.eigh(self.coupling_hz[np.ix_(level, level)]) for level in self.levels)

    @cached_property
    def orbits(self) -> tuple[NDArray, NDArray, NDArray]:
        """States that symmetry makes equivalent: ``(representatives, column, rows)``.

        An operator U that commutes with the permutations is known from its columns ``half = U[:, representatives]``
        alone: ``U = half[rows, column]``, with ``column`` of shape ``(dim,)`` and ``rows`` of shape ``(dim, dim)``.
        """
        n, states = self.n_spins, np.arange(self.dim)
        representative, rows = states.copy(), np.tile(states, (self.dim, 1))
        for permutation in self.permutations:
            # the state in which spin p[i] is as spin i was
            moved = np.zeros_like(states)
            for source, target in enumerate(permutation):
                moved |= ((states >> (n - 1 - source)) & 1) << (n - 1 - target)
            back = np.argsort(moved)
            smaller = back < representative
            # column s of U is column back[s] with its rows moved alike: U[a, s] = U[back[a], back[s]]
            representative[smaller] = back[smaller]
            rows[smaller] = back
        unique, column = np.unique(representative, return_inverse=True)
        return unique, column, rows.T


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
    return GroupOperators(iz=iz, raising=raising, coupling_hz=coupling, permutations=symmetries(group))


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
        energy, vectors = np.zeros(operators.dim), np.zeros((operators.dim, operators.dim))
        start = 0
        for level in operators.levels:
            stop = start + len(level)
            energy[start:stop], vectors[level, start:stop] = np.linalg.eigh(hamiltonian[np.ix_(level, level)])
            start = stop
        return cls(energy, vectors)

    def propagator(self, time_s: float) -> NDArray:
        """``exp(-2 pi i H t)``, shape ``(dim, dim)``."""
        return (self.vectors * np.exp(-2j * np.pi * self.energy_hz * time_s)) @ self.vectors.T

    def evolve(self, rho: NDArray, time_s: float) -> NDArray:
        """Density matrices, shape ``(..., dim, dim)``, after `time_s`."""
        if time_s == 0:
            return rho
        u = self.propagator(time_s)
        return u @ rho @ u.conj().T
