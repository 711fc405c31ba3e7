# SPDX-License-Identifier: Apache-2.0
"""At the default resolution the areas of edited signals are those of the limit (docs/simulator.md)."""

import functools
from dataclasses import replace

import numpy as np
import pytest

from fsl_mrs_dl.core.constants import RECEIVER_PPM
from fsl_mrs_dl.physics.sequences import MegaPress, mega_press
from fsl_mrs_dl.physics.simulate import Numerics, simulate_metabolite
from fsl_mrs_dl.physics.spins import load_system
from fsl_mrs_dl.physics.vendors import VENDORS

RANGES = {"GABA": ("diff", 2.85, 3.18), "NAA": ("diff", 1.95, 2.07), "Cr": ("edit_off", 2.93, 3.12)}


def areas(sequence, numerics=None):
    """Areas per slice: GABA at 3.0 ppm and NAA at 2.0 ppm in DIFF, Cr at 3.0 ppm in OFF."""
    found = []
    for name, (condition, low, high) in RANGES.items():
        lines = getattr(simulate_metabolite(load_system(name), sequence, numerics), condition)
        ppm = RECEIVER_PPM + lines.shift_hz / sequence.f0_mhz
        found.append(lines.amplitude[(ppm > low) & (ppm < high)].sum().real)
    return np.array(found)


@functools.cache
def limit_of(excitation):
    # 96 positions differ from 512 by less than 0.005 % (docs/simulator.md)
    return areas(MegaPress(excitation=excitation, refocusing="slr", n_positions=96, fov_slices=2.4))


@pytest.mark.parametrize("excitation", ["ideal", "slr"])
def test_default_grid_reaches_the_limit(excitation):
    default = MegaPress(excitation=excitation, refocusing="slr")
    limit, found = limit_of(excitation), areas(default)
    np.testing.assert_allclose(found / limit, 1.0, atol=2e-3)
    np.testing.assert_allclose(found[:2] / found[2], limit[:2] / limit[2], rtol=2e-3)


@pytest.mark.parametrize("vendor", VENDORS)
def test_every_vendor_s_pulses_are_resolved(vendor):
    default = mega_press(vendor=vendor)
    limit = areas(replace(default, n_positions=64, fov_slices=2.4))
    found = areas(default)
    np.testing.assert_allclose(found / limit, 1.0, atol=2e-3)
    np.testing.assert_allclose(found[:2] / found[2], limit[:2] / limit[2], rtol=2e-3)


def test_a_coarse_grid_does_not():
    # the check above would see a grid that is too coarse, and a field that is too narrow
    default = MegaPress(excitation="slr", refocusing="slr")
    limit = limit_of("slr")
    for n_positions, fov_slices in ((6, default.fov_slices), (24, 1.2)):
        found = areas(replace(default, n_positions=n_positions, fov_slices=fov_slices))
        assert np.abs(found / limit - 1).max() > 0.01


def test_default_segments_are_short_enough():
    default = MegaPress(excitation="slr", refocusing="slr")
    fine = areas(default, Numerics(max_segment_s=2e-5))
    np.testing.assert_allclose(areas(default) / fine, 1.0, atol=1e-4)
