# SPDX-License-Identifier: Apache-2.0
"""Smoothing against SciPy's, which it stands for."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from fsl_mrs_dl.core.smooth import gaussian_smooth


@pytest.mark.parametrize("sigma", [0.4, 3.0, 8.0, 21.7])
@pytest.mark.parametrize(("beyond", "mode"), [("mirrored", "reflect"), ("constant", "nearest")])
def test_smooths_as_scipy_does(sigma, beyond, mode):
    rng = np.random.default_rng(1)
    for values in (rng.normal(size=500), rng.normal(size=(2, 40)), rng.normal(size=90) + 1j * rng.normal(size=90)):
        found = gaussian_smooth(values, sigma, beyond)
        np.testing.assert_allclose(found, gaussian_filter1d(values, sigma, mode=mode), rtol=1e-12, atol=1e-14)


def test_a_kernel_longer_than_the_data():
    values = np.arange(5.0) ** 2
    np.testing.assert_allclose(gaussian_smooth(values, 4.0), gaussian_filter1d(values, 4.0), rtol=1e-12)
