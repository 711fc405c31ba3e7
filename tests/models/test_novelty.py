# SPDX-License-Identifier: Apache-2.0
"""The distance from the training spectra: its promise on like spectra, and that it sees unlike ones."""

import dataclasses

import numpy as np
import pytest

from fsl_mrs_dl.models.calibrated import LoadedModel, load_model
from fsl_mrs_dl.models.novelty import CONDITIONS, QUANTILE, describe_inputs, distances
from fsl_mrs_dl.quantify.quantify import quantify
from tests.helpers import ROOT
from tests.mixture_helpers import BRAIN, line, pair, spectra_of

STEP_PPM = 0.05


def inputs(n, rng, *, extra=0.0):
    """Lines of random height and width at fixed places, in four channels."""
    x = np.arange(72)
    height, width = rng.uniform(1, 3, size=(n, 4, 3, 1)), rng.uniform(1, 3, size=(n, 4, 3, 1))
    lines = height * np.exp(-(((x - np.array([20, 35, 50])[:, None]) / width) ** 2))
    channels = lines.sum(axis=2) + 0.02 * rng.normal(size=(n, 4, 72))
    channels[:, :, 60] += extra
    return channels.astype(np.float32), np.ones((n, 2), np.float32)


def test_like_spectra_lie_within_and_unlike_ones_do_not():
    rng = np.random.default_rng(0)
    described = describe_inputs(*inputs(4000, rng), STEP_PPM)
    assert set(described) == set(CONDITIONS)

    def outside(extra):
        channels, present = inputs(1000, rng, extra=extra)
        found = [distances(described, c, p)["diff"] for c, p in zip(channels, present, strict=True)]
        return np.mean([value > limit for value, limit in found])

    assert outside(0.0) <= 10 * (1 - QUANTILE)
    assert outside(1.0) == 1.0


def test_a_scale_changes_nothing_and_what_is_absent_is_not_judged():
    rng = np.random.default_rng(1)
    described = describe_inputs(*inputs(2000, rng), STEP_PPM)
    channels = inputs(1, rng)[0][0]
    both = distances(described, channels, np.ones(2))
    assert distances(described, 1e6 * channels, np.ones(2))["diff"][0] == pytest.approx(both["diff"][0])
    assert set(distances(described, channels, np.array([0, 1]))) == {"diff"}
    assert distances({}, channels, np.ones(2)) == {}
    assert describe_inputs(*inputs(200, rng), STEP_PPM) == {}, "too few for a quantile"


def test_foreign_lines_are_outside_what_a_model_was_trained_on():
    model = load_model(str(ROOT / "weights" / "invivo"))
    off, on = pair()
    clean, foreign = (
        {f.detail for f in quantify(spectra_of(off + x, on + x), model).flags if f.code == "outside_training"}
        for x in (0.0, line(2.6, 4.0, 40.0))
    )
    assert not any(detail.startswith("distance") for detail in clean)
    assert any(detail.startswith("distance_of_edit_off") for detail in foreign)


def test_a_card_without_description_is_not_checked():
    model = load_model(str(ROOT / "weights" / "invivo"))
    card = dataclasses.replace(model.folder.card, inputs={})
    old = LoadedModel(dataclasses.replace(model.folder, card=card))
    names = [check.name for check in quantify(spectra_of(*pair(BRAIN)), old).range_checks]
    assert "fwhm_hz" in names
    assert not any(name.startswith("distance") for name in names)
