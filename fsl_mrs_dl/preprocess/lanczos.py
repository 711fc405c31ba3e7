# SPDX-License-Identifier: Apache-2.0
"""Leading singular vectors of the Hankel matrices of FIDs.

A Hankel matrix is never formed: its products go by FFT, its leading singular vectors by Lanczos bidiagonalisation with
full reorthogonalisation. That is what makes 4096 points a matter of tenths of a second. FIDs of one length go through
it together, with the result that each has alone: a transform of one of them costs less than the call that asks for it.
"""

from __future__ import annotations

import copy

import numpy as np
from numpy.typing import NDArray
from scipy import fft, linalg

SETTLED = 1e-7
"""Residual of the singular vectors at which Lanczos stops, relative to the largest singular value."""

N_TOGETHER = 8
"""FIDs in one go, which bounds the memory of their vectors."""

RANK_TOLERANCE = 1e-14
"""A vector this short, relative to the first, is rounding: the rank of the matrix is exhausted."""


class _Hankel:
    """Products with the Hankel matrices ``(rows, n - rows + 1)`` of FIDs, by transforms of the FIDs' length."""

    def __init__(self, fids: NDArray, rows: int) -> None:
        self.rows, self.cols = rows, fids.shape[-1] - rows + 1
        self._size = fft.next_fast_len(fids.shape[-1])
        self._kernel = fft.fft(fids, self._size)

    def times(self, x: NDArray) -> NDArray:
        """``H x`` of each: the FID correlated with x."""
        return self._filtered(x[:, ::-1])[:, self.cols - 1 : self.cols - 1 + self.rows]

    def times_h(self, y: NDArray) -> NDArray:
        """``H^H y`` of each, by the same transform: the conjugate FID correlated with y."""
        return np.conj(self._filtered(y[:, ::-1].conj())[:, self.rows - 1 : self.rows - 1 + self.cols])

    def _filtered(self, x: NDArray) -> NDArray:
        # the transform has a name: NumPy would multiply a nameless large one in place, and round otherwise
        transform = fft.fft(x, self._size)
        return fft.ifft(self._kernel * transform)

    def of(self, some: NDArray) -> _Hankel:
        """Those of some of the FIDs."""
        fewer = copy.copy(self)
        fewer._kernel = self._kernel[some]
        return fewer


class _Bidiagonalisation:
    """Lanczos vectors of several matrices, step by step, each orthogonal to all before it.

    SciPy's PROPACK (``svds(solver="propack")``) does the same for one matrix. But in SciPy 1.17 it does not end where
    the rank is exhausted before `k` vectors, as it is in a FID without noise.
    """

    def __init__(self, matrix: _Hankel, start: NDArray, most: int) -> None:
        n_fids = len(start)
        self._matrix, self._most = matrix, most
        self._left = np.zeros((n_fids, most, matrix.rows), complex)
        self._right = np.zeros((n_fids, most, matrix.cols), complex)
        self._alpha, self._beta = np.zeros((2, n_fids, most))
        self.n = 0
        self._rank = np.full(n_fids, most)
        length = _lengths(start)
        self._right[:, 0] = self._scaled(start, length, length > 0, 0)

    def _scaled(self, vectors: NDArray, length: NDArray, alive: NDArray, rank: int) -> NDArray:
        """Vectors of length one; of a matrix of no more than `rank`, nothing from here on."""
        self._rank = np.where(alive, self._rank, np.minimum(self._rank, rank))
        return vectors / np.where(alive, length, np.inf)[:, None]

    @property
    def exhausted(self) -> NDArray:
        """Which matrices have no more vectors than there are."""
        return self._rank <= self.n

    def step(self) -> None:
        """One pair of vectors more of each."""
        j = self.n
        u = _orthogonal(self._matrix.times(self._right[:, j]), self._left[:, :j])
        self._alpha[:, j] = _lengths(u)
        least = RANK_TOLERANCE * self._alpha[:, 0]
        self._left[:, j] = self._scaled(u, self._alpha[:, j], self._alpha[:, j] > least, j)
        v = _orthogonal(self._matrix.times_h(self._left[:, j]), self._right[:, : j + 1])
        self._beta[:, j] = _lengths(v)
        self.n = j + 1
        following = self._scaled(v, self._beta[:, j], self._beta[:, j] > least, j + 1)
        if self.n < self._most:
            self._right[:, self.n] = following

    def left_singular_vectors(self, i: int, k: int, tol: float) -> NDArray | None:
        """The leading `k` of matrix `i`, shape ``(rows, k)``; None where more steps are needed."""
        n = int(min(self.n, self._rank[i]))
        if n == 0:
            return np.zeros((self._matrix.rows, 0), complex)
        alpha, beta = self._alpha[i, :n], self._beta[i, :n]
        vectors, sigma, _ = linalg.svd(np.diag(alpha) + np.diag(beta[:-1], 1))
        converged = np.all(beta[-1] * np.abs(vectors[-1, :k]) <= tol * sigma[0])
        return self._left[i, :n].T @ vectors[:, :k] if converged or self.exhausted[i] else None

    def grow(self, wanted: int) -> None:
        """As many vectors as are wanted, or as there are."""
        while self.n < wanted and not np.all(self.exhausted):
            self.step()

    def keep(self, some: NDArray) -> None:
        """Go on with some of the matrices, a mask."""
        if np.all(some):
            return
        self._matrix, self._rank = self._matrix.of(some), self._rank[some]
        self._left, self._right = self._left[some], self._right[some]
        self._alpha, self._beta = self._alpha[some], self._beta[some]


def _orthogonal(vectors: NDArray, others: NDArray) -> NDArray:
    """Vectors ``(n_fids, n)`` less what they have of `others` ``(n_fids, j, n)``; twice, against rounding."""
    for _ in range(2 if others.shape[1] else 0):
        share = np.conj(others @ np.conj(vectors)[..., None])[..., 0]
        vectors = vectors - (share[:, None, :] @ others)[:, 0]
    return vectors


def _lengths(vectors: NDArray) -> NDArray:
    # one by one: a norm along an axis rounds otherwise
    return np.array([np.linalg.norm(vector) for vector in vectors])


def left_singular_vectors(fids: NDArray, rows: int, k: int, tol: float = SETTLED) -> list[NDArray]:
    """Leading left singular vectors of the Hankel matrices ``(rows, n - rows + 1)`` of FIDs.

    Parameters
    ----------
    fids : complex array, shape ``(n_fids, n)``
    rows, k : int
        Rows of each matrix, and how many vectors are wanted.
    tol : float
        Residual at which a vector has settled, relative to the largest singular value.

    Returns
    -------
    list of complex array, shape ``(rows, k)``
        Of each FID; fewer than `k` where the rank of its matrix is lower.

    Notes
    -----
    Golub and Kahan 1965, SIAM J Numer Anal B 2:205, doi 10.1137/0702016; Laudadio et al. 2002, J Magn Reson 157:292,
    doi 10.1006/jmre.2002.2593 (products by FFT).
    """
    blocks = (fids[first : first + N_TOGETHER] for first in range(0, len(fids), N_TOGETHER))
    return [vectors for block in blocks for vectors in _of_block(block, rows, k, tol)]


def _of_block(fids: NDArray, rows: int, k: int, tol: float) -> list[NDArray]:
    matrix = _Hankel(fids, rows)
    k = min(k, matrix.rows, matrix.cols)
    most = min(matrix.rows, matrix.cols, 8 * k + 40)
    # the start is deterministic and rich in every component
    space = _Bidiagonalisation(matrix, matrix.times_h(fids[:, :rows]), most)
    wanted = min(most, 3 * k + 10)
    found: dict[int, NDArray] = {}
    left = np.arange(len(fids))
    while len(left):
        space.grow(wanted)
        vectors = [space.left_singular_vectors(i, k, tol) for i in range(len(left))]
        found |= {int(which): value for which, value in zip(left, vectors, strict=True) if value is not None}
        more = np.array([value is None for value in vectors])
        left = left[more]
        space.keep(more)
        wanted = min(most, space.n + k)
    return [found[i] for i in range(len(fids))]
