# SPDX-License-Identifier: Apache-2.0
"""Permutations of spins that leave a molecule's Hamiltonian as it is."""

from __future__ import annotations

import numpy as np

from fsl_mrs_dl.physics.spins.systems import SpinGroup

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
    kind = [(shift, j_hz) for shift, j_hz in zip(group.shifts_ppm, phosphorus, strict=True)]
    found: list[tuple[int, ...]] = []

    def extend(partial: tuple[int, ...]) -> None:
        """Give the next spin every partner that keeps what is decided so far."""
        spin = len(partial)
        if len(found) > MAX_ELEMENTS:
            return
        if spin == n:
            found.append(partial)
            return
        for partner in range(n):
            if partner in partial or kind[partner] != kind[spin]:
                continue
            if all(coupling_hz[spin, k] == coupling_hz[partner, partial[k]] for k in range(spin)):
                extend((*partial, partner))

    extend(())
    identity = tuple(range(n))
    return tuple(p for p in found if p != identity)[:MAX_ELEMENTS]
