# SPDX-License-Identifier: Apache-2.0
"""Estimates follow the truth to the ends of the range that was trained on: the answer is not the prior."""

import numpy as np
import pytest

from fsl_mrs_dl.models.calibrated import load_model
from fsl_mrs_dl.quantify.quantify import quantify
from fsl_mrs_dl.synthesise.concentrations import BRAIN_MM
from tests.mixture_helpers import BRAIN, pair, spectra_of


@pytest.mark.parametrize("name", ["GABA", "Glu", "Gln", "GSH", "NAA"])
def test_estimates_follow_the_truth_far_from_the_middle_of_the_prior(name):
    model = load_model("invivo")
    low, high = BRAIN_MM[name]
    levels = low + (high - low) * np.array([0.05, 0.25, 0.75, 0.95])
    found = []
    for level in levels:
        result = quantify(spectra_of(*pair({**BRAIN, name: level}, noise=0.05)), model)
        found.append(next(e.value for e in result.estimates if e.name == name))
    slope = np.polyfit(levels, found, 1)[0]
    assert 0.8 < slope < 1.2
    # at both ends the estimate is nearer to the truth than to the middle of what was trained on
    for level, value in ((levels[0], found[0]), (levels[-1], found[-1])):
        assert abs(value - level) < 0.5 * abs(level - (low + high) / 2)
