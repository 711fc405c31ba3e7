# SPDX-License-Identifier: Apache-2.0
"""Singular vectors of Hankel matrices: beside a dense decomposition, together and one by one, of exhausted ranks."""

from __future__ import annotations

import numpy as np
import pytest

from fsl_mrs_dl.preprocess.lanczos import N_TOGETHER, left_singular_vectors


def noise(seed, *shape):
    rng = np.random.default_rng(seed)
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


def decaying(n, rates):
    """Oscillations without noise: the rank of the Hankel matrix is their number."""
    t = np.arange(n) / n
    return sum(np.exp((2j * np.pi * 11 * rate - rate) * t) for rate in rates)


@pytest.mark.parametrize("rows", [60, 100, 140])
def test_they_span_the_space_of_a_dense_decomposition(rows):
    fid = noise(0, 200)
    hankel = np.array([fid[i : i + 201 - rows] for i in range(rows)])
    dense = np.linalg.svd(hankel)[0][:, :8]
    (ours,) = left_singular_vectors(fid[None], rows, 8, 1e-12)
    np.testing.assert_allclose(np.linalg.svd(dense.conj().T @ ours)[1], 1.0, atol=1e-8)


@pytest.mark.parametrize("n", [300, 2048])
def test_together_they_are_what_each_is_alone(n):
    fids = noise(1, N_TOGETHER + 3, n)
    # some settle sooner than others, and some are of low rank
    fids[1] += 300 * decaying(n, [3.0, 4.0])
    fids[2] = decaying(n, [1.0, 2.0, 5.0])
    fids[-1] = decaying(n, [2.0])
    together = left_singular_vectors(fids, n // 2, 6)
    for fid, found in zip(fids, together, strict=True):
        # the same bits on x86; other processors may round transforms of several FIDs otherwise
        np.testing.assert_allclose(found, left_singular_vectors(fid[None], n // 2, 6)[0], atol=1e-10)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("where", "rank"), [(0, 1), (-1, 0)])
def test_a_spike_has_no_more_vectors_than_rank(where, rank):
    # of a spike at the end the first rows see nothing, and the start vector is zero
    fids = np.zeros((2, 128), complex)
    fids[0, where] = 1.0
    fids[1] = noise(2, 128)
    of_spike, of_noise = left_singular_vectors(fids, 64, 4)
    assert (of_spike.shape, of_noise.shape) == ((64, rank), (64, 4))
    assert np.all(np.isfinite(of_spike))
