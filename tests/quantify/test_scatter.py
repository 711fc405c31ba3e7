# SPDX-License-Identifier: Apache-2.0
"""What transients that differ say about the error: averages without a group, the jackknife, wider intervals."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fsl_mrs_dl.core.data import Acquisition
from fsl_mrs_dl.core.units import ppm_to_hz, time_axis
from fsl_mrs_dl.models.calibrated import load_model
from fsl_mrs_dl.preprocess.average import average_transients
from fsl_mrs_dl.preprocess.groups import averages_without, blocks
from fsl_mrs_dl.preprocess.pipeline import preprocess
from fsl_mrs_dl.preprocess.water import remove_water
from fsl_mrs_dl.quantify.quantify import quantify
from fsl_mrs_dl.quantify.scatter import HEADER_KEY, jackknife_sd, scatter_record, with_scatter
from fsl_mrs_dl.validation.run import diff_of
from tests.helpers import EXAMPLE
from tests.mixture_helpers import DWELL_S, F0_MHZ, N, mixture


def test_averages_without_a_group_are_those_of_the_others():
    rng = np.random.default_rng(1)
    fids, index = rng.standard_normal((9, 30)) + 1j, np.array([0, 1, 2, 3, 5, 6, 7, 8, 10])  # 4 and 9 are not used
    groups = blocks([index, np.arange(11)])
    assert [len(group) for group in groups] == [2, 2, 2, 1, 1, 1, 1, 1]
    found = averages_without(fids, fids, index, groups)
    for row, group in zip(found, groups, strict=True):
        others = fids[~np.isin(index, group)]
        np.testing.assert_allclose(row, average_transients(others, reject_z=np.inf).fid, atol=1e-12)
    all_in_one = averages_without(fids[:2], fids[:2], np.array([0, 1]), [np.array([0, 1]), np.array([2])])
    np.testing.assert_allclose(all_in_one[0], all_in_one[1])


@pytest.mark.parametrize(("used", "groups"), [((1, 1), 0), ((40, 7), 0), ((8, 8), 8), ((40, 64), 8)])
def test_few_transients_are_not_taken_apart(used, groups):
    found = blocks([np.arange(n) for n in used])
    assert len(found) == groups
    if groups:
        np.testing.assert_array_equal(np.concatenate(found), np.arange(max(used)))


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


def course(kind, n, rng):
    """How a disturbance of unit size goes through a scan."""
    if kind == "step":
        return np.where(np.arange(n) < n // 2, -1.0, 1.0)
    if kind == "phase cycle":
        return np.where(np.arange(n) % 2, -1.0, 1.0)
    return rng.standard_normal(n)


def scan(unrest, n_dynamics=40, seed=4, kind="random"):
    """Transients of a solution; `unrest` is how much a broad signal under GABA varies among the ON ones."""
    rng = np.random.default_rng(seed)
    pure, t = mixture(noise=0.0), time_axis(N, DWELL_S)
    broad = np.exp((2j * np.pi * ppm_to_hz(3.0, F0_MHZ) - np.pi * 15) * t)
    fids = np.repeat(np.stack([pure.edit_off, pure.edit_off + pure.diff])[:, None], n_dynamics, axis=1)
    fids[1] += unrest * course(kind, n_dynamics, rng)[:, None] * broad
    fids += 0.05 * np.sqrt(n_dynamics) * (rng.standard_normal(fids.shape) + 1j * rng.standard_normal(fids.shape))
    return Acquisition(
        fids[:, None],
        DWELL_S,
        F0_MHZ,
        Path("x.nii.gz"),
        ("edit_off", "edit_on"),
        te_s=0.068,
        edit_pulse={"ON": {"shift_ppm": 1.9}, "OFF": {"shift_ppm": 7.5}},
    )


@pytest.fixture(scope="module")
def model():
    return load_model("phantom_cnn")


def codes(result):
    return {flag.code for flag in result.flags}


KINDS = ("estimates", "combinations", "calibrated_ratios", "calibrated_second_ratios")


@pytest.mark.parametrize("kind", ["random", "step"])
def test_an_unsteady_scan_has_wider_intervals_and_the_same_values(model, kind):
    spectra = preprocess(scan(10.0, kind=kind)).spectra
    assert len(spectra.without_group) == 8
    told, alone = quantify(spectra, model), quantify(replace(spectra, without_group=()), model)
    assert "transients_scatter" in codes(told)
    assert "GABA /Cr" in next(flag.detail for flag in told.flags if flag.code == "transients_scatter")
    assert "transients_scatter" not in codes(alone)
    for name in KINDS:
        for wide, narrow in zip(getattr(told, name), getattr(alone, name), strict=True):
            assert (wide.name, wide.value) == (narrow.name, narrow.value)
            assert wide.sd >= narrow.sd
            growth = wide.sd / narrow.sd if narrow.sd else 1.0
            assert wide.interval95[1] - wide.value == pytest.approx(growth * (narrow.interval95[1] - narrow.value))
    gaba = [next(e.sd for e in result.ratios() if e.name == "GABA") for result in (alone, told)]
    assert gaba[1] > 1.25 * gaba[0]


@pytest.mark.parametrize("unrest", [0.0, 10.0])
def test_what_is_steady_or_cancels_keeps_the_model_s_intervals(model, unrest):
    # six transients to a block: whole cycles of two
    spectra = preprocess(scan(unrest, n_dynamics=48, kind="phase cycle")).spectra
    told, alone = quantify(spectra, model), quantify(replace(spectra, without_group=()), model)
    assert "transients_scatter" not in codes(told)
    for name in KINDS:
        assert getattr(told, name) == getattr(alone, name)


CUTS = (lambda fids: (fids[:, :, ::2], fids[:, :, 1::2]), lambda fids: np.split(fids, 2, 2))
"""Every second transient, or the first half and the second."""


def test_halves_of_unsteady_scans_agree_as_often_as_promised(model):
    agree = {True: [], False: []}
    for seed in range(16):
        acquisition = scan(10.0, seed=10 + seed)
        halves = [preprocess(replace(acquisition, fids=fids)).spectra for fids in CUTS[seed % 2](acquisition.fids)]
        alone = [quantify(replace(half, without_group=()), model) for half in halves]
        told = [with_scatter(result, half, model) for result, half in zip(alone, halves, strict=True)]
        for which, pair in ((True, told), (False, alone)):
            first, second = (next(e for e in result.ratios() if e.name == "GABA") for result in pair)
            agree[which].append(abs(first.value - second.value) <= np.hypot(first.sd, second.sd))
    assert np.mean(agree[False]) < 0.5
    # 68 % are promised: of 16 pairs at least 8 in 97 of 100 cases
    assert np.mean(agree[True]) >= 0.5


def test_ratios_stay_where_the_common_scale_is_unsteady(model):
    spectra = preprocess(scan(0.0)).spectra
    gains = 1 + 0.3 * np.array([1, -1, 1, -1, 1, -1, 1, -1])
    parts = tuple(part.map(lambda fid, g=g: g * fid) for part, g in zip(spectra.without_group, gains, strict=True))
    told, alone = (quantify(replace(spectra, without_group=p), model) for p in (parts, ()))
    assert [e.name for e in told.ratios()] == [e.name for e in alone.ratios()]
    assert [e.value for e in told.second_ratios()] == [e.value for e in alone.second_ratios()]
    assert "NAA raw" in next(flag.detail for flag in told.flags if flag.code == "transients_scatter")


def test_averages_hold_no_groups():
    acquisition = scan(0.0)
    averaged = replace(acquisition, fids=acquisition.fids.mean(axis=2, keepdims=True))
    assert preprocess(averaged).spectra.without_group == ()


@pytest.mark.parametrize(("name", "sign"), [("edit_off", 1), ("diff", 1), ("diff", -1)])
def test_a_scan_of_one_condition_is_taken_apart_too(name, sign):
    acquisition = scan(0.0)
    fids = acquisition.fids[:1] if name == "edit_off" else sign * (acquisition.fids[1:] - acquisition.fids[:1])
    spectra = preprocess(replace(acquisition, fids=fids, conditions=(name,))).spectra
    assert len(spectra.without_group) == 8
    whole = getattr(spectra, name)
    for part in spectra.without_group:
        assert part.present == (name,)
        # an eighth less: another noise, the same lines upright
        assert np.vdot(getattr(part, name), whole).real > 0.99 * np.linalg.norm(whole) ** 2


def test_each_condition_may_lose_transients_of_its_own(model):
    acquisition = scan(0.0)
    fids = acquisition.fids.copy()
    fids[0, 0, 3] *= np.exp(2j * np.pi * 60 * time_axis(N, DWELL_S))
    fids[1, 0, 20] = 0
    data = preprocess(replace(acquisition, fids=fids))
    assert data.rejected == {"edit_off": (3,), "edit_on": (20,)}
    told, alone = (quantify(s, model) for s in (data.spectra, replace(data.spectra, without_group=())))
    assert told.estimates == alone.estimates


def test_a_diff_shown_alone_is_judged_by_diffs():
    spectra = diff_of(preprocess(scan(0.0)).spectra)
    assert {part.present for part in spectra.without_group} == {("diff",)}


def test_a_refused_scan_has_no_groups_to_judge(model):
    spectra = preprocess(scan(0.0)).spectra
    rng = np.random.default_rng(5)
    noise = spectra.map(lambda fid: rng.standard_normal(fid.shape) + 1j * rng.standard_normal(fid.shape))
    refused = quantify(replace(noise, without_group=spectra.without_group), model)
    assert refused.refused
    assert refused.estimates == ()


def test_the_example_is_steady_and_an_ensemble_judges_it_too():
    from fsl_mrs_dl.preprocess.load import load

    data = load(EXAMPLE / "megapress_raw.nii.gz", h2o=EXAMPLE / "water_reference.nii.gz")
    assert len(data.spectra.without_group) == 8
    for name in ("invivo", "phantom"):
        assert "transients_scatter" not in codes(quantify(data.spectra, load_model(name)))


@pytest.fixture(scope="module")
def restless(tmp_path_factory):
    """A pair whose parts differ, quantified at once and as preprocessed files with the record in their headers."""
    from fsl_mrs_dl.preprocess.outputs import write_preprocessed

    model, rng = load_model("invivo"), np.random.default_rng(4)
    spectra = mixture(noise=0.02)
    parts = []
    for _ in range(8):
        gain = 1 + 0.2 * rng.standard_normal(2)
        off, diff = gain[0] * spectra.edit_off, gain[1] * spectra.diff
        parts.append(replace(spectra, edit_off=off, edit_on=off + diff, diff=diff))
    moved = replace(spectra, edit_on=spectra.edit_off + spectra.diff, without_group=tuple(parts))
    acquired = Acquisition(
        np.stack([moved.edit_off, moved.edit_on])[:, None, None], DWELL_S, F0_MHZ, Path("made"), ("edit_off", "edit_on")
    )
    folder = tmp_path_factory.mktemp("restless")
    record = scatter_record(moved, [model])
    write_preprocessed(replace(preprocess(acquired), spectra=moved), folder, header=record)
    return model, moved, folder


def test_the_scatter_goes_with_preprocessed_files(restless):
    from fsl_mrs_dl.preprocess.load import load

    model, spectra, folder = restless
    at_once = quantify(spectra, model)
    plain = quantify(replace(spectra, without_group=()), model)
    read = load(data_off=folder / "edit_0.nii.gz", data_on=folder / "edit_1.nii.gz").spectra
    later = quantify(read, model)
    assert "transients_scatter" in {flag.code for flag in later.flags}
    for name in ("GABA", "Glu"):
        own, with_record, without = (
            next(e.sd for e in q.calibrated_ratios if e.name == name) for q in (at_once, later, plain)
        )
        assert own > 1.2 * without
        assert with_record == pytest.approx(own, rel=0.05)
    # another model has no record there
    assert "transients_scatter" not in {flag.code for flag in quantify(read, load_model("phantom_cnn")).flags}


def test_a_diff_alone_has_a_record_of_its_own_and_a_damaged_one_is_none(restless):
    from fsl_mrs_dl.preprocess.load import load

    model, _, folder = restless
    read = load(folder / "diff.nii.gz").spectra
    widened = quantify(read, model)
    for damage in (None, {"Value": [{"model": model.folder.digest, "diff": "x"}]}, {"Value": 3}):
        plain = quantify(replace(read, header={**read.header, HEADER_KEY: damage}), model)
        # all of DIFF became larger and smaller: amplitudes scatter, their ratios in it do not
        after, before = (next(e for e in q.estimates if e.name == "Glu") for q in (widened, plain))
        assert after.sd > 1.1 * before.sd
