# SPDX-License-Identifier: Apache-2.0
"""ON and OFF in one heap: told apart transient by transient, in any order, and only where they are."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fsl_mrs_dl.core.data import Acquisition
from fsl_mrs_dl.core.errors import DataError
from fsl_mrs_dl.io.nifti import read_acquisition
from fsl_mrs_dl.preprocess.mixed import edited_transients, split_by_naa
from fsl_mrs_dl.preprocess.pipeline import preprocess
from tests.helpers import DWELL_S, EXAMPLE, F0_MHZ, SHARED, pair_of

ORDERS = {
    "in turn": [1, 0] * 8,
    "twos": [1, 1, 0, 0] * 4,
    "halves": [0] * 8 + [1] * 8,
    "ABBA": [1, 0, 0, 1] * 4,
    "unequal": [1, 0] * 7 + [1],
}


def heap(order, *, noise=0.5, seed=0):
    """Transients of a made pair, drifting, in an order of ON (1) and OFF (0), shape ``(n, n_points)``."""
    rng = np.random.default_rng(seed)
    rows = []
    for index, on in enumerate(order):
        pair = pair_of(water=50.0, noise=noise, rng=rng, shift_ppm=0.004 * index, phase=rng.uniform(-3, 3))
        rows.append(pair[on])
    return np.array(rows)


def acquisition(fids, **more):
    return Acquisition(fids, DWELL_S, F0_MHZ, Path("heap.nii.gz"), **more)


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
@pytest.mark.parametrize("labelled", ["dynamics", "coils"])
def test_transients_of_both_conditions_are_an_error_and_can_be_split(order, labelled):
    rows = heap(order)
    assert list(edited_transients(rows, DWELL_S, F0_MHZ)) == [bool(on) for on in order]
    data = acquisition(rows[None, None] if labelled == "dynamics" else rows[None, :, None])
    with pytest.raises(DataError, match=rf"got {order.count(0)} with NAA and {order.count(1)} without .*by_naa=True"):
        preprocess(data)
    split = split_by_naa(data)
    assert split.conditions == ("edit_off", "edit_on")
    for place, on in enumerate((0, 1)):
        expected = rows[[o == on for o in order]]
        np.testing.assert_array_equal(split.fids[place, 0, : len(expected)], expected)
    pre = preprocess(split)
    assert {name: shift.size for name, shift in pre.shifts_hz.items()} == {
        "edit_off": order.count(0),
        "edit_on": order.count(1),
    }
    assert not any(pre.rejected.values())
    assert "order_from_naa" in {flag.code for flag in pre.spectra.flags}


@pytest.mark.parametrize("order", [[0] * 16, [0] * 15 + [1], [1] * 16], ids=["OFF", "OFF and one odd", "ON"])
def test_one_condition_is_no_heap(order):
    data = acquisition(heap(order)[None, None])
    assert edited_transients(data.fids[0, 0], DWELL_S, F0_MHZ) is None
    with pytest.raises(DataError, match="not those of ON and of OFF"):
        split_by_naa(data)
    if order[0]:
        with pytest.raises(DataError, match="only the edit_on spectrum is there"):
            preprocess(data)
    else:
        assert "off_only" in {flag.code for flag in preprocess(data).spectra.flags}


def test_noise_alone_is_no_heap():
    rng = np.random.default_rng(3)
    for _ in range(20):
        rows = heap([0] * 12, noise=12.0, seed=int(rng.integers(1 << 30)))
        assert edited_transients(rows, DWELL_S, F0_MHZ) is None


def test_what_is_told_already_is_not_split():
    fids = heap([1, 0])[:, None, None]
    with pytest.raises(DataError, match="does not tell ON from OFF; got 2 conditions"):
        split_by_naa(acquisition(fids))
    with pytest.raises(DataError, match="does not tell ON from OFF"):
        split_by_naa(acquisition(fids[:1], conditions=("edit_off",)))


@pytest.mark.parametrize("how", ["in turn", "halves", "twos"])
def test_the_example_without_its_labels(how):
    data = read_acquisition(EXAMPLE / "megapress_raw.nii.gz")
    on, off = data.fids
    take = {"in turn": np.arange(32), "halves": np.argsort(np.arange(32) % 2, kind="stable")}
    take["twos"] = np.concatenate([4 * k + np.array([0, 2, 1, 3]) for k in range(8)])
    mixed = np.stack([on, off], axis=2).reshape(on.shape[0], 32, -1)[:, take[how]]
    with pytest.raises(DataError, match="ON and OFF seem to be among the transients"):
        preprocess(replace(data, fids=mixed[None], conditions=None))
    split = split_by_naa(replace(data, fids=mixed[None], conditions=None))
    for found, expected in zip(split.fids, (off, on), strict=True):
        np.testing.assert_array_equal(np.sort_complex(found.ravel()), np.sort_complex(expected.ravel()))


@pytest.mark.skipif(not SHARED.is_dir(), reason="the data folder is not beside the checkout")
@pytest.mark.parametrize(
    "name", ["invivo_t2_dev/M1_02", "invivo_t2_dev/M2_18", "invivo_real_dev/R1_01", "phantom_dev/A1_03"]
)
def test_an_on_alone_is_told(name):
    data = read_acquisition(SHARED / "data" / f"{name}.nii.gz")
    names = data.conditions or ("edit_off", "edit_on")
    on = data.fids[[names.index("edit_on")]]
    with pytest.raises(DataError, match="only the edit_on spectrum is there"):
        preprocess(replace(data, fids=on, conditions=None))


@pytest.mark.skipif(not SHARED.is_dir(), reason="the data folder is not beside the checkout")
@pytest.mark.parametrize("labelled", ["dynamics", "coils"])
def test_a_measured_scan_is_split(labelled):
    data = read_acquisition(SHARED / "data" / "invivo_raw" / "mpress_drift.nii.gz")
    rows = np.stack(list(data.fids[:, 0]), axis=1).reshape(40, -1)
    fids = rows[None, None] if labelled == "dynamics" else rows[None, :, None]
    split = split_by_naa(replace(data, fids=fids, conditions=None))
    expected = dict(zip(data.conditions, data.fids[:, 0], strict=True))
    for found, name in zip(split.fids[:, 0], split.conditions, strict=True):
        np.testing.assert_array_equal(found, expected[name])
