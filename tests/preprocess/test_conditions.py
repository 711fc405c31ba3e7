# SPDX-License-Identifier: Apache-2.0
"""ON and OFF told apart from the spectra: synthetic closed cases, simulated scanners, and real data."""

from __future__ import annotations

import numpy as np
import pytest

from fsl_mrs_dl.core.errors import DataError
from fsl_mrs_dl.core.units import time_axis
from fsl_mrs_dl.io.nifti import read_acquisition
from fsl_mrs_dl.preprocess.conditions import assign_conditions, classify_single
from tests.helpers import DWELL_S, EDITED_LINES, F0_MHZ, OFF_LINES, SHARED, fid_of, pair_of

OFF_ON, ON_OFF = ("edit_off", "edit_on"), ("edit_on", "edit_off")
SHIFTS_PPM = (-0.3, -0.1, 0.0, 0.2, 0.3)


def assign(fids, header=None, **kwargs):
    order, flags = assign_conditions(fids, DWELL_S, F0_MHZ, header, **kwargs)
    assert len(flags) == 1
    return order, flags[0].code


def classify(fid, header=None):
    kind, sign, flags = classify_single(fid, DWELL_S, F0_MHZ, header)
    return kind, sign, [flag.code for flag in flags]


@pytest.mark.parametrize("shift_ppm", SHIFTS_PPM)
@pytest.mark.parametrize("phase", [0.0, 1.7, np.pi])
@pytest.mark.parametrize("water", [0.0, 300.0, 3000.0])
def test_naa_decides(shift_ppm, phase, water):
    pair = pair_of(shift_ppm=shift_ppm, phase=phase, water=water, noise=0.1, rng=np.random.default_rng(3))
    assert assign(pair) == (OFF_ON, "order_from_naa")
    assert assign(pair[::-1]) == (ON_OFF, "order_from_naa")


def test_header_is_confirmed_or_contradicted():
    pair = pair_of()
    assert assign(pair, OFF_ON) == (OFF_ON, "order_from_header")
    assert assign(pair, ON_OFF) == (OFF_ON, "order_contradiction")
    assert assign(pair[::-1], ON_OFF) == (ON_OFF, "order_from_header")
    assert assign(pair[::-1], OFF_ON) == (ON_OFF, "order_contradiction")


def test_note_of_the_reader_becomes_a_flag():
    note = "EditCondition ON contradicts its pulse at 7.5 ppm (EditPulse)"
    order, flags = assign_conditions(pair_of(), DWELL_S, F0_MHZ, None, notes=[note, "EchoTime 68 s is impossible"])
    assert order == OFF_ON
    assert flags[0].code == "order_contradiction"
    assert note in flags[0].detail
    assert "EchoTime" not in flags[0].detail


@pytest.mark.parametrize("first_stronger", [1.0, 1.15])
def test_without_naa_the_header_decides(first_stronger):
    lines = {3.027: 6.0, 3.913: 4.0}
    pair = pair_of(off_lines=lines, noise=0.2, rng=np.random.default_rng(4)) * np.array([[first_stronger], [1.0]])
    assert assign(pair) == (OFF_ON, "order_assumed")
    assert assign(pair[::-1]) == (OFF_ON, "order_assumed")
    assert assign(pair, ON_OFF) == (ON_OFF, "order_from_header")
    assert assign(pair, OFF_ON) == (OFF_ON, "order_from_header")


@pytest.mark.parametrize("header", [None, OFF_ON])
@pytest.mark.parametrize("second", [{}, {"phase": 1.0}, {"shift_ppm": 0.03}, {"lw_hz": 5.5}])
def test_unedited_pair_is_told(header, second):
    rng = np.random.default_rng(5)
    pair = np.stack([fid_of(OFF_LINES, noise=0.1, rng=rng), fid_of(OFF_LINES, noise=0.1, rng=rng, **second)])
    assert assign(pair, header)[1] == "not_edited"


def test_one_measurement_given_twice_is_not_edited():
    lines = {3.027: 6.0, 3.913: 4.0}
    once = fid_of(lines, noise=0.1, rng=np.random.default_rng(5))
    again = fid_of(lines, noise=0.1, rng=np.random.default_rng(6))
    assert assign(np.stack([once, once]), ON_OFF) == (ON_OFF, "not_edited")
    # a solution of Cr alone has nothing to edit: its conditions differ by noise only
    assert assign(np.stack([once, again])) == (OFF_ON, "order_assumed")


def test_weak_editing_still_has_an_order():
    pair = pair_of(naa_left=0.6, noise=0.05, rng=np.random.default_rng(6))
    assert assign(pair) == (OFF_ON, "order_from_naa")
    assert assign(pair[::-1]) == (ON_OFF, "order_from_naa")


@pytest.mark.parametrize("shift_ppm", SHIFTS_PPM)
def test_single_spectra(shift_ppm):
    off, on = pair_of(shift_ppm=shift_ppm, water=30.0, noise=0.1, rng=np.random.default_rng(7))
    assert classify(off) == ("edit_off", 1, [])
    assert classify(-off) == ("edit_off", 1, [])
    assert classify(on - off) == ("diff", 1, [])
    assert classify(off - on) == ("diff", -1, ["diff_inverted"])
    assert classify((on - off) * np.exp(1j)) == ("diff", 1, [])


def test_single_against_its_header():
    off, on = pair_of()
    assert classify(off, ("edit_off",)) == ("edit_off", 1, [])
    assert classify(off, ("diff",)) == ("edit_off", 1, ["order_contradiction"])
    assert classify(off - on, ("edit_off",)) == ("diff", -1, ["order_contradiction", "diff_inverted"])
    with pytest.raises(DataError, match="only the edit_on"):
        classify(on, ("edit_on",))


def test_single_without_naa():
    rng = np.random.default_rng(8)
    diff = fid_of(EDITED_LINES, noise=0.01, rng=rng)
    assert classify(diff) == ("diff", 1, [])
    assert classify(-diff) == ("diff", -1, ["diff_inverted"])
    creatine = fid_of({3.027: 6.0, 3.913: 4.0}, noise=0.05, rng=rng)
    assert classify_single(creatine, DWELL_S, F0_MHZ, ("edit_off",)) == ("edit_off", 1, ())


def test_noise_alone_does_not_crash():
    noise = fid_of({3.0: 0.0}, noise=1.0, rng=np.random.default_rng(9))
    assert classify(noise)[0] in ("diff", "edit_off")
    assert assign(np.stack([noise, fid_of({3.0: 0.0}, noise=1.0, rng=np.random.default_rng(10))]))[1] == "order_assumed"


def shared_files(pattern):
    files = sorted((SHARED / "data").glob(pattern))
    return files or [
        pytest.param(None, marks=pytest.mark.skip(reason=f"reference data ../shared/data/{pattern} absent"))
    ]


@pytest.mark.with_shared
@pytest.mark.parametrize("path", shared_files("*_dev/*.nii.gz"), ids=lambda p: p.name if p else "absent")
def test_simulated_scanner(path):
    data = read_acquisition(path)
    assert data.conditions is None
    time = time_axis(data.fids.shape[-1], data.dwell_s)
    for shift_ppm in SHIFTS_PPM:
        fids = data.fids[:, 0, 0] * np.exp(2j * np.pi * shift_ppm * data.f0_mhz * time)
        turned = fids * np.exp(2j)
        assert assign_conditions(turned, data.dwell_s, data.f0_mhz)[0] == OFF_ON
        assert assign_conditions(turned[::-1], data.dwell_s, data.f0_mhz)[0] == ON_OFF
        for sign in (1, -1):
            off, diff = sign * fids[0], sign * (fids[1] - fids[0])
            assert classify_single(off, data.dwell_s, data.f0_mhz)[:2] == ("edit_off", 1)
            assert classify_single(diff, data.dwell_s, data.f0_mhz)[:2] == ("diff", sign)


@pytest.mark.with_shared
@pytest.mark.parametrize("path", shared_files("invivo_diff/*.nii.gz"), ids=lambda p: p.name if p else "absent")
def test_measured_diffs(path):
    data = read_acquisition(path)
    fid = data.fids[0, 0, 0]
    answers = [classify_single(sign * fid, data.dwell_s, data.f0_mhz)[:2] for sign in (1, -1)]
    if path.name.startswith("sub-11"):
        # a failed acquisition: creatine did not cancel, and a header that says DIFF is contradicted
        assert answers == [("edit_off", 1)] * 2
        _, _, flags = classify_single(fid, data.dwell_s, data.f0_mhz, ("diff",))
        assert [flag.code for flag in flags] == ["order_contradiction"]
    else:
        assert answers == [("diff", 1), ("diff", -1)]


@pytest.mark.with_shared
@pytest.mark.parametrize(
    "path", shared_files("invivo_raw/mpress_drift.nii.gz"), ids=lambda p: p.name if p else "absent"
)
def test_measured_with_drift_and_water(path):
    data = read_acquisition(path)
    fids = data.fids.mean(axis=(1, 2))
    assert data.conditions == ON_OFF
    order, flags = assign_conditions(fids, data.dwell_s, data.f0_mhz, data.conditions)
    assert (order, flags[0].code) == (ON_OFF, "order_from_header")
    order, flags = assign_conditions(fids[::-1], data.dwell_s, data.f0_mhz, data.conditions)
    assert (order, flags[0].code) == (OFF_ON, "order_contradiction")


@pytest.mark.parametrize("index", range(3))
def test_an_edit_on_alone_is_refused(index):
    pair = pair_of(naa_left=(0.0, 0.03, 0.08)[index], noise=0.02, rng=np.random.default_rng(index))
    with pytest.raises(DataError, match="only the edit_on"):
        classify_single(pair[1], DWELL_S, F0_MHZ)
    assert classify_single(pair[0], DWELL_S, F0_MHZ)[0] == "edit_off"
    assert classify_single(pair[1] - pair[0], DWELL_S, F0_MHZ)[0] == "diff"
