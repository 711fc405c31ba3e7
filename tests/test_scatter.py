# SPDX-License-Identifier: Apache-2.0
"""What transients that differ say about the error: averages without a group, the jackknife, wider intervals."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fsl_mrs_dl.data import Acquisition
from fsl_mrs_dl.preprocess.average import average_transients
from fsl_mrs_dl.preprocess.groups import averages_without, number_of_groups
from fsl_mrs_dl.preprocess.pipeline import preprocess
from fsl_mrs_dl.preprocess.water import remove_water
from fsl_mrs_dl.quantify.fit import quantify
from fsl_mrs_dl.quantify.model import load_model
from fsl_mrs_dl.quantify.scatter import jackknife_sd
from fsl_mrs_dl.units import ppm_to_hz, time_axis
from tests.helpers import EXAMPLE
from tests.test_quantify import DWELL_S, F0_MHZ, N, mixture


def test_averages_without_a_group_are_those_of_the_others():
    rng = np.random.default_rng(1)
    fids, index = rng.standard_normal((9, 30)) + 1j, np.array([0, 1, 2, 3, 5, 6, 7, 8, 10])  # 4 and 9 are not used
    found = averages_without(fids, fids, index, 4)
    for group in range(4):
        others = fids[index % 4 != group]
        np.testing.assert_allclose(found[group], average_transients(others, reject_z=np.inf).fid, atol=1e-12)
    one = averages_without(fids[:2], fids[:2], np.array([0, 4]), 4)
    np.testing.assert_allclose(one[0], one[1])


@pytest.mark.parametrize(("used", "groups"), [(1, 0), (7, 0), (8, 8), (40, 10)])
def test_few_transients_are_not_taken_apart(used, groups):
    assert number_of_groups(used) == groups


def test_jackknife_of_a_mean_is_its_standard_error():
    values = np.random.default_rng(2).standard_normal((12, 3))
    without = np.array([np.delete(values, i, axis=0).mean(axis=0) for i in range(12)])
    np.testing.assert_allclose(jackknife_sd(without), values.std(axis=0, ddof=1) / np.sqrt(12))


def test_a_water_model_serves_other_fids_of_the_same_lines():
    t, rng = time_axis(N, DWELL_S), np.random.default_rng(3)
    water = np.exp((2j * np.pi * ppm_to_hz(4.68, F0_MHZ) - np.pi * 7) * t)
    lines = mixture(noise=0.0).edit_off
    first = lines + 300 * water + 0.02 * (rng.standard_normal(N) + 1j * rng.standard_normal(N))
    done = remove_water(first, DWELL_S, F0_MHZ)
    np.testing.assert_allclose(done.of_others(first[None], DWELL_S)[0], done.fid, atol=1e-8)
    other = done.of_others(np.stack([first + 40j * water, first]), DWELL_S)
    np.testing.assert_allclose(other[0], other[1], atol=0.05)
    dry = remove_water(lines, DWELL_S, F0_MHZ)
    assert dry.n_removed == 0
    assert dry.of_others(first, DWELL_S) is first


def scan(unrest, n_dynamics=40, seed=4):
    """Transients of a solution; `unrest` is how much a broad signal under GABA varies among the ON ones."""
    rng = np.random.default_rng(seed)
    pure, t = mixture(noise=0.0), time_axis(N, DWELL_S)
    broad = np.exp((2j * np.pi * ppm_to_hz(3.0, F0_MHZ) - np.pi * 15) * t)
    fids = np.repeat(np.stack([pure.edit_off, pure.edit_off + pure.diff])[:, None], n_dynamics, axis=1)
    fids[1] += unrest * rng.standard_normal((n_dynamics, 1)) * broad
    fids += 0.05 * np.sqrt(n_dynamics) * (rng.standard_normal(fids.shape) + 1j * rng.standard_normal(fids.shape))
    return Acquisition(
        fids[:, None], DWELL_S, F0_MHZ, Path("x.nii.gz"), ("edit_off", "edit_on"), te_s=0.068,
        edit_pulse={"ON": {"shift_ppm": 1.9}, "OFF": {"shift_ppm": 7.5}},
    )  # fmt: skip


@pytest.fixture(scope="module")
def model():
    return load_model("phantom_cnn")


def codes(result):
    return {flag.code for flag in result.flags}


def test_an_unsteady_scan_has_wider_intervals_and_the_same_values(model):
    spectra = preprocess(scan(10.0)).spectra
    assert len(spectra.without_group) == 10
    told, alone = quantify(spectra, model), quantify(replace(spectra, without_group=()), model)
    assert "transients_scatter" in codes(told)
    assert "GABA" in next(flag.detail for flag in told.flags if flag.code == "transients_scatter")
    assert "transients_scatter" not in codes(alone)
    for kind in ("estimates", "combinations", "calibrated_ratios", "calibrated_second_ratios"):
        for wide, narrow in zip(getattr(told, kind), getattr(alone, kind), strict=True):
            assert (wide.name, wide.value) == (narrow.name, narrow.value)
            assert wide.sd >= narrow.sd
            assert wide.interval95[1] >= narrow.interval95[1]
            if wide.sd > narrow.sd:
                growth = wide.sd / narrow.sd
                assert wide.interval95[1] - wide.value == pytest.approx(growth * (narrow.interval95[1] - narrow.value))
    gaba = [next(e.sd for e in result.ratios() if e.name == "GABA") for result in (alone, told)]
    assert gaba[1] > 1.5 * gaba[0]


def test_a_steady_scan_keeps_the_model_s_intervals(model):
    told = quantify(preprocess(scan(0.0)).spectra, model)
    assert "transients_scatter" not in codes(told)


def test_halves_of_unsteady_scans_agree_as_often_as_promised(model):
    agree = {True: [], False: []}
    for seed in range(12):
        whole = scan(10.0, n_dynamics=40, seed=10 + seed)
        halves = [preprocess(replace(whole, fids=whole.fids[:, :, k::2])).spectra for k in (0, 1)]
        for told in agree:
            pair = [quantify(half if told else replace(half, without_group=()), model) for half in halves]
            first, second = (next(e for e in result.ratios() if e.name == "GABA") for result in pair)
            agree[told].append(abs(first.value - second.value) <= np.hypot(first.sd, second.sd))
    assert np.mean(agree[False]) < 0.5
    assert np.mean(agree[True]) >= 0.5


def test_averages_hold_no_groups():
    acquisition = scan(0.0)
    averaged = replace(acquisition, fids=acquisition.fids.mean(axis=2, keepdims=True))
    assert preprocess(averaged).spectra.without_group == ()


def test_without_groups_a_scan_of_one_condition_is_taken_apart_too():
    acquisition = scan(0.0)
    off = replace(acquisition, fids=acquisition.fids[:1], conditions=("edit_off",))
    spectra = preprocess(off).spectra
    assert len(spectra.without_group) == 10
    assert all(part.present == ("edit_off",) for part in spectra.without_group)
    mean = np.mean([part.edit_off for part in spectra.without_group], axis=0)
    np.testing.assert_allclose(mean, spectra.edit_off, atol=0.02 * np.abs(spectra.edit_off).max())


def test_the_example_is_steady():
    from fsl_mrs_dl.quantify.load import load

    data = load(EXAMPLE / "megapress_raw.nii.gz", reference=EXAMPLE / "water_reference.nii.gz")
    assert len(data.spectra.without_group) == 10
    assert "transients_scatter" not in codes(quantify(data.spectra))
