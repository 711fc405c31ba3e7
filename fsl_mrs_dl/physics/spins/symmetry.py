# SPDX-License-Identifier: Apache-2.0
"""Permutations of spins that leave a molecule's Hamiltonian as it is."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.physics.spins.systems import SpinGroup

Permutation = tuple[int, ...]

MAX_ELEMENTS = 48
"""More permutations than this are not worth their bookkeeping: the first ones found are kept (a subset is as right)."""


def symmetries(group: SpinGroup) -> tuple[tuple[int, ...], ...]:
    """Permutations of the spins under which shifts and couplings are the same, without the identity.

    Parameters
    ----------
    group : SpinGroup

    Returns
    -------
    permutations : tuple of tuple of int
        Each maps spin ``i`` to spin ``p[i]``. The pair of AA'XX' systems, the six of a methyl group given as three
        spins; at most `MAX_ELEMENTS`.
    """
    n = group.n_spins
    coupling_hz = np.zeros((n, n))
    for i, j, value in group.couplings:
        coupling_hz[i, j] = coupling_hz[j, i] = value
    phosphorus = group.phosphorus_j_hz or (0.0,) * n
    kind = list(zip(group.shifts_ppm, phosphorus, strict=True))
    found = itertools.islice(_extensions((), kind, coupling_hz), MAX_ELEMENTS + 1)
    identity = tuple(range(n))
    return tuple(p for p in found if p != identity)[:MAX_ELEMENTS]


def _extensions(partial: Permutation, kind: list[tuple[float, float]], coupling_hz: NDArray) -> Iterator[Permutation]:
    """All permutations that begin with `partial` and keep shifts and couplings."""
    if len(partial) == len(kind):
        yield partial
        return
    for partner in range(len(kind)):
        if partner not in partial and _fits(partner, partial, kind, coupling_hz):
            yield from _extensions((*partial, partner), kind, coupling_hz)


def _fits(partner: int, partial: Permutation, kind: list[tuple[float, float]], coupling_hz: NDArray) -> bool:
    """Whether the next spin may become `partner`: the same shift, and the same couplings to those before it."""
    spin = len(partial)
    if kind[partner] != kind[spin]:
        return False
    return all(coupling_hz[spin, k] == coupling_hz[partner, partial[k]] for k in range(spin))
