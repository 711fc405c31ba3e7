# SPDX-License-Identifier: Apache-2.0
"""Residual water: closed forms, no-op without water, growing components, faults, speed."""

from __future__ import annotations

import numpy as np
import pytest

from fsl_mrs_dl.core.errors import DataError
from fsl_mrs_dl.core.units import ppm_axis, ppm_to_hz, spectrum, time_axis
from fsl_mrs_dl.preprocess.water import Components, hlsvd, remove_water, remove_water_of_each, water_window

F0_MHZ, DWELL_S = 127.75, 1 / 2000
METABOLITES = [
    (10, 2.008, 3, 3),
    (6, 3.027, 3, 3),
    (5, 3.913, 3, 3),
    (4, 3.208, 3, 2),
    (3, 3.75, 6, 3),
    (2, 2.35, 8, 4),
]
WATER = [(600, 4.66, 5, 0), (400j, 4.6, 3, 4), (300, 4.75, 20, 0), (-200, 4.68, 2, 6)]


def lines(parts, n, offset_ppm=0.0):
    t = time_axis(n, DWELL_S)
    return sum(
        a * np.exp(2j * np.pi * ppm_to_hz(p + offset_ppm, F0_MHZ) * t - np.pi * w * t - (np.pi * g * t) ** 2 / 2.7726)
        for a, p, w, g in parts
    )


def noise(n, sd, seed=0):
    rng = np.random.default_rng(seed)
    return sd * (rng.standard_normal(n) + 1j * rng.standard_normal(n))


def error(found, truth, low=0.5, high=4.1):
    axis = ppm_axis(truth.size, DWELL_S, F0_MHZ)
    inside = (axis > low) & (axis < high)
    return np.linalg.norm(spectrum(found - truth)[inside]) / np.linalg.norm(spectrum(truth)[inside])


def test_damped_oscillations_are_recovered_exactly():
    n, t = 1024, time_axis(1024, DWELL_S)
    freq, damp, amp = (
        np.array([-300.0, 5.0, 12.0, 250.0]),
        np.array([10.0, 15.0, 8.0, 40.0]),
        np.array([1, 100, 50j, 2]),
    )
    found = hlsvd(np.exp(np.outer(t, 2j * np.pi * freq - damp)) @ amp, DWELL_S, 4)
    np.testing.assert_allclose(found.freq_hz, freq, atol=1e-5)
    np.testing.assert_allclose(found.damping_hz, damp, atol=1e-4)
    np.testing.assert_allclose(found.amplitude, amp, atol=1e-4)
    assert hlsvd(found.fid(n, DWELL_S), DWELL_S, 12).freq_hz.size >= 4  # rank below the number asked for


@pytest.mark.parametrize("n", [1024, 2048, 4096])
@pytest.mark.parametrize("offset_ppm", [-0.25, 0.0, 0.25])
def test_strong_water_goes_and_metabolites_stay(n, offset_ppm):
    clean = lines(METABOLITES, n, offset_ppm) + noise(n, 0.2)
    result = remove_water(clean + lines(WATER, n, offset_ppm), DWELL_S, F0_MHZ)
    assert error(result.fid, clean) < 0.01
    axis = ppm_axis(n, DWELL_S, F0_MHZ)
    near = np.abs(axis - 4.65 - offset_ppm) < 0.3
    assert np.abs(spectrum(result.fid)[near]).max() < 0.02 * np.abs(spectrum(lines(WATER, n, offset_ppm))[near]).max()
    assert result.n_removed >= 1
    np.testing.assert_allclose(result.fid + result.water_fid, clean + lines(WATER, n, offset_ppm), atol=1e-9)


@pytest.mark.filterwarnings("error")
def test_together_they_lose_what_each_loses_alone():
    fids = np.stack(
        [
            lines(METABOLITES, 512) + noise(512, 0.2, 1) + lines(WATER, 512),
            noise(512, 1.0, 2),  # no water: not decomposed
            np.zeros(512, complex),
            lines(METABOLITES, 512, 0.2) + noise(512, 0.2, 3) + lines(WATER, 512, 0.2),
        ]
    )
    together = remove_water_of_each(fids, DWELL_S, F0_MHZ, n_components=14)
    assert [found.n_removed > 0 for found in together] == [True, False, False, True]
    for fid, found in zip(fids, together, strict=True):
        alone = remove_water(fid, DWELL_S, F0_MHZ, n_components=14)
        np.testing.assert_allclose(found.fid, alone.fid, rtol=1e-9, atol=1e-9)
        assert (found.n_removed, found.window_ppm) == (alone.n_removed, alone.window_ppm)
    with pytest.raises(DataError, match="cannot be decomposed"):
        remove_water_of_each(fids, DWELL_S, F0_MHZ, n_components=255)


def test_without_water_nothing_happens():
    clean = lines(METABOLITES, 2048) + noise(2048, 0.2)
    result = remove_water(clean, DWELL_S, F0_MHZ)
    assert result.n_removed == 0
    np.testing.assert_array_equal(result.fid, clean)


def test_a_growing_component_stays_bounded():
    n, t = 1024, time_axis(1024, DWELL_S)
    fid = 50 * np.exp((2j * np.pi * 3.0 + 8.0) * t) + lines(METABOLITES, n) + noise(n, 0.2)
    found = hlsvd(fid, DWELL_S, 24)
    assert found.damping_hz.min() >= -1.0001 / (n * DWELL_S)
    result = remove_water(fid, DWELL_S, F0_MHZ)
    assert np.all(np.isfinite(result.fid))
    assert np.abs(result.fid).max() <= 1.5 * np.abs(fid).max()


def test_window_follows_water_of_a_cold_phantom():
    window, present = water_window(lines([(100, 4.85, 3, 0)], 2048) + noise(2048, 0.1), DWELL_S, F0_MHZ)
    assert present
    assert sum(window) / 2 == pytest.approx(4.85, abs=0.01)


def test_scale_and_repeat():
    fid = lines(METABOLITES + WATER, 1024) + noise(1024, 0.2)
    first = remove_water(fid, DWELL_S, F0_MHZ).fid
    np.testing.assert_array_equal(first, remove_water(fid, DWELL_S, F0_MHZ).fid)
    np.testing.assert_allclose(remove_water(1e-6 * fid, DWELL_S, F0_MHZ).fid, 1e-6 * first, atol=1e-9)


@pytest.mark.parametrize("bad", [np.zeros((2, 64)), np.zeros(20), np.full(512, np.nan)])
def test_faults_are_one_clear_line(bad):
    with pytest.raises(DataError, match=r"FID"):
        hlsvd(bad, DWELL_S, 20)


def test_zeros_pass():
    assert hlsvd(np.zeros(256), DWELL_S, 10).freq_hz.size == 0


def test_no_component_in_the_window_removes_nothing():
    parts = Components(np.array([100.0, -50.0]), np.array([5.0, 8.0]), np.array([1.0 + 0j, 2.0]))
    nothing = parts.fid(300, DWELL_S, np.zeros(2, bool))
    np.testing.assert_array_equal(nothing, np.zeros(300))
