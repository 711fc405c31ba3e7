# SPDX-License-Identifier: Apache-2.0
"""The part of the loss that is in relative errors of ratios."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch")

OUTPUTS = ("Cr", "GABA", "Gln", "Glu", "NAA", "NAAG", "PCr", "MM30")
SCALE = np.array([2.0, 0.5, 1.0, 3.0, 4.0, 0.5, 2.0, 0.7], dtype=np.float32)
PAIR, DIFF, OFF = (1.0, 1.0), (0.0, 1.0), (1.0, 0.0)


def loss_of(found, truth, present):
    from fsl_mrs_dl.training.ratio_loss import RatioLoss

    loss = RatioLoss(OUTPUTS, truth, SCALE)
    scaled = [torch.from_numpy((values / SCALE).astype(np.float32)) for values in (found, truth)]
    scaled[0].requires_grad_(True)
    value = loss(scaled[0], scaled[1], torch.tensor([present] * len(truth)))
    value.backward()
    return float(value.detach()), scaled[0].grad.numpy()


def amounts(n=6):
    return np.random.default_rng(0).uniform(0.5, 2.0, size=(n, len(OUTPUTS))) * SCALE


def test_what_all_amplitudes_share_is_no_error_of_a_ratio():
    truth = amounts()
    right, _ = loss_of(truth, truth, PAIR)
    scaled, _ = loss_of(1.3 * truth, truth, PAIR)
    wrong, _ = loss_of(truth * np.where(np.array(OUTPUTS) == "GABA", 1.1, 1.0), truth, PAIR)
    assert right == pytest.approx(np.log(1e-3), abs=0.05)
    assert scaled == pytest.approx(right, abs=0.05)
    assert wrong > right + 0.5


def test_it_is_the_logarithm_of_the_mean_relative_error():
    truth = amounts()
    for factor in (1.05, 1.2):
        found = truth * np.where(np.isin(OUTPUTS, ("Cr", "PCr")), 1 / factor, 1.0)
        # every ratio is too high by the same factor
        assert loss_of(found, truth, PAIR)[0] == pytest.approx(np.log(factor - 1 + 1e-3), abs=1e-3)


def test_a_diff_alone_is_related_to_naa_and_edit_off_has_no_gaba_plus():
    truth = amounts()
    only_creatine = truth * np.where(np.isin(OUTPUTS, ("Cr", "PCr")), 2.0, 1.0)
    assert loss_of(only_creatine, truth, DIFF)[0] == pytest.approx(loss_of(truth, truth, DIFF)[0], abs=1e-3)
    _, gradient = loss_of(truth * 1.01, truth * np.where(np.array(OUTPUTS) == "MM30", 0.5, 1.0), OFF)
    assert not gradient[:, OUTPUTS.index("MM30")].any()


def test_what_is_absent_does_not_outweigh_the_rest():
    truth = amounts()
    truth[0, OUTPUTS.index("GABA")] = 0.0
    value, gradient = loss_of(truth + 0.01 * SCALE, truth, PAIR)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()
