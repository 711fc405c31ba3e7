# SPDX-License-Identifier: Apache-2.0
"""A spectrum shows in part by which protocol it was measured, and contradicts another one."""

import numpy as np
import pytest

from fsl_mrs_dl.models.protocol_probe import MIN_SPECTRA, QUANTILE, contradiction, describe_protocols, n_values

N_POINTS, STEP_PPM, N_COMPONENTS = 721, 0.005, 3
STRANGE = np.random.default_rng(0).uniform(size=4000)


def spectra(n, seed, *, alone=False):
    """Spectra in which each number of the protocol is the height of a line, with noise; all are told rightly."""
    rng = np.random.default_rng(seed)
    told = rng.standard_normal((n, N_COMPONENTS + 1)).astype(np.float32)
    told[:, -1] = 1
    channels = 0.3 * rng.standard_normal((n, 4, N_POINTS)).astype(np.float32)
    for index in range(N_COMPONENTS):
        channels[:, 2, 100 * (index + 1) : 100 * (index + 1) + 40] += 1 + told[:, index, None] / 4
    present = np.tile(np.array([0.0 if alone else 1.0, 1.0], dtype=np.float32), (n, 1))
    if alone:
        channels[:, :2] = 0
    return channels, present, told


@pytest.fixture(scope="module")
def stored():
    return describe_protocols(spectra(2000, 1), spectra(4000, 2), STRANGE, STEP_PPM)


def test_what_is_told_rightly_is_within_the_limit_as_often_as_promised(stored):
    assert list(stored) == ["edit_off+diff"]
    channels, present, told = spectra(2000, 3)
    found = [contradiction(stored, *row, 0.5) for row in zip(channels, present, told, strict=True)]
    assert np.mean([value <= limit for value, limit in found]) == pytest.approx(QUANTILE, abs=0.01)


def test_what_is_told_wrongly_lies_beyond_it(stored):
    channels, present, told = spectra(50, 4)
    wrong = told.copy()
    wrong[:, :-1] = -np.sign(told[:, :-1]) * 3
    found = [contradiction(stored, *row, 0.5) for row in zip(channels, present, wrong, strict=True)]
    assert all(value > limit for value, limit in found)


def test_what_is_not_told_or_not_described_contradicts_nothing(stored):
    channels, present, told = spectra(1, 5)
    assert contradiction(stored, channels[0], present[0], np.zeros_like(told[0]), 0.5) is None
    assert contradiction(stored, *(part[0] for part in spectra(1, 6, alone=True)), 0.5) is None
    assert contradiction({}, channels[0], present[0], told[0], 0.5) is None


def test_too_few_spectra_describe_nothing():
    assert describe_protocols(spectra(2000, 1), spectra(MIN_SPECTRA - 1, 2), STRANGE, STEP_PPM) == {}


def test_the_number_of_values_is_what_is_stored(stored):
    import base64

    values = len(base64.b64decode(stored["edit_off+diff"]["values"])) // 4
    assert values == n_values(N_POINTS, STEP_PPM, N_COMPONENTS, "edit_off+diff")


def test_stranger_spectra_have_more_room():
    channels, present, told = spectra(4000, 2)
    noise = np.random.default_rng(7).standard_normal(channels.shape).astype(np.float32)
    made = describe_protocols(
        spectra(2000, 1), (channels + STRANGE[:, None, None] * noise, present, told), STRANGE, STEP_PPM
    )
    limits = made["edit_off+diff"]["limits"]
    assert limits == sorted(limits)
    assert limits[-1] > 1.1 * limits[0]
