# SPDX-License-Identifier: Apache-2.0
"""The network's grid: exact, and the same for any sampling."""

from pathlib import Path

import numpy as np
import pytest

from fsl_mrs_dl.core.data import EditedSpectra
from fsl_mrs_dl.models.inputs import PpmGrid, pack_channels, prepare
from fsl_mrs_dl.physics.simulate import LineList

GRID = PpmGrid()


def lines(f0_mhz):
    return LineList((np.array([2.0, 3.0, 3.9]) - 4.65) * f0_mhz, np.array([3.0, 2.0, 1.0 + 0.5j]))


def spectra(dwell_s=5e-4, n=2048, f0_mhz=127.7, scale=1.0, **which):
    fid = scale * lines(f0_mhz).fid(n, dwell_s, 4.0, 2.0)
    names = which or {"edit_off": 1.0, "diff": -1.0}
    return EditedSpectra(dwell_s, f0_mhz, Path("x"), **{name: factor * fid for name, factor in names.items()})


def test_grid_is_the_direct_transform():
    rng = np.random.default_rng(0)
    fid = rng.normal(size=(2, 700)) + 1j * rng.normal(size=(2, 700))
    time_s = np.arange(700) * 5e-4
    kernel = np.exp(-2j * np.pi * np.outer(time_s, (GRID.ppm - 4.65) * 127.7)) * 5e-4
    kernel[0] /= 2
    np.testing.assert_allclose(GRID.evaluate(fid, 5e-4, 127.7), fid @ kernel, atol=1e-12)


def test_single_precision_is_close():
    fid = lines(127.7).fid(2048, 5e-4, 3.0)
    double = GRID.evaluate(fid, 5e-4, 127.7)
    single = GRID.evaluate(fid.astype(np.complex64), 5e-4, 127.7)
    assert single.dtype == np.complex64
    assert np.abs(single - double).max() < 1e-4 * np.abs(double).max()


@pytest.mark.parametrize(("dwell_s", "n", "f0_mhz"), [(4e-4, 4096, 127.7), (2.5e-4, 4096, 127.7), (5e-4, 4096, 123.2)])
def test_sampling_and_length_do_not_matter(dwell_s, n, f0_mhz):
    reference = prepare(spectra(), GRID)
    other = prepare(spectra(dwell_s, n, f0_mhz), GRID)
    # widths are in Hz, so another field changes them in ppm: only the sampling may be compared there
    tolerance = 0.01 if f0_mhz == 127.7 else 0.1
    assert np.abs(other.channels - reference.channels).max() < tolerance * np.abs(reference.channels).max()
    assert other.scale == pytest.approx(reference.scale, rel=0.05)


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e12])
def test_scale_returns_to_raw_units(scale):
    reference, scaled = prepare(spectra(), GRID), prepare(spectra(scale=scale), GRID)
    np.testing.assert_allclose(scaled.channels, reference.channels, rtol=1e-5, atol=1e-5)
    assert scaled.scale == pytest.approx(scale * reference.scale)


def test_absent_conditions_are_zero_and_said():
    only = prepare(spectra(diff=1.0), GRID)
    assert only.present.tolist() == [0.0, 1.0]
    assert not only.channels[:2].any()
    assert np.mean(only.channels[2:] ** 2) * 2 == pytest.approx(1.0, rel=1e-5)


def test_channels_need_a_spectrum():
    with pytest.raises(ValueError, match="at least one"):
        pack_channels(None, None)
