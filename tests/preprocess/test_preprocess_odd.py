# SPDX-License-Identifier: Apache-2.0
"""Scans that are odd but plausible: stopped, mislabelled, with a reference that does not belong to them."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fsl_mrs_dl.core.errors import DataError
from fsl_mrs_dl.io.nifti import NOTES_KEY, read_acquisition, read_reference
from fsl_mrs_dl.preprocess.checks import MIN_COIL_AGREEMENT
from fsl_mrs_dl.preprocess.coils import agreement, combine_coils
from fsl_mrs_dl.preprocess.outputs import write_preprocessed
from fsl_mrs_dl.preprocess.pipeline import preprocess

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture(scope="module")
def example():
    return read_acquisition(EXAMPLES / "megapress_raw.nii.gz"), read_reference(EXAMPLES / "water_reference.nii.gz")


def codes(pre):
    return {flag.code for flag in pre.spectra.flags}


@pytest.mark.parametrize("kind", ["suppressed scan", "DIFF", "noise"])
def test_only_unsuppressed_water_is_a_reference(kind):
    raw = EXAMPLES / "megapress_raw.nii.gz"
    data, reference = read_acquisition(raw), read_reference(raw)
    if kind == "DIFF":
        reference = replace(reference, fids=reference.fids[:1] - reference.fids[1:])
    if kind == "noise":
        rng = np.random.default_rng(0)
        reference = replace(reference, fids=np.exp(2j * np.pi * rng.uniform(size=reference.fids.shape)))
    with pytest.raises(DataError, match=r"megapress_raw\.nii\.gz: this is no water reference"):
        preprocess(data, reference)


@pytest.mark.parametrize("n_empty", [1, 8, 15])
def test_empty_transients_are_left_out_and_counted(example, n_empty):
    data, reference = example
    fids = data.fids.copy()
    fids[:, :, :n_empty] = 0
    pre = preprocess(replace(data, fids=fids), reference)
    whole = preprocess(data, reference)
    assert all(set(range(n_empty)) <= set(found) for found in pre.rejected.values())
    size = [float(np.abs(p.spectra.edit_off[:40]).mean()) for p in (pre, whole)]
    assert size[0] == pytest.approx(size[1], rel=0.05)
    water = reference.fids.copy()
    water = np.concatenate([water, np.zeros_like(water)], axis=2)
    diluted = preprocess(data, replace(reference, fids=water))
    np.testing.assert_allclose(diluted.water_reference, whole.water_reference)


def test_a_condition_without_any_transient_is_an_error(example):
    data, reference = example
    fids = data.fids.copy()
    fids[1] = 0
    with pytest.raises(DataError, match="every transient of a condition is zero"):
        preprocess(replace(data, fids=fids))
    with pytest.raises(DataError, match="every transient of the water reference is zero"):
        preprocess(data, replace(reference, fids=0 * reference.fids))


@pytest.mark.parametrize("case", ["combined reference", "combined data", "permuted", "dead in the data"])
def test_a_reference_of_other_coils_gives_no_concentrations(example, case):
    data, reference = example
    whole = preprocess(data, reference)
    if case == "combined reference":
        reference = replace(reference, fids=combine_coils(reference.fids)[0])
    if case == "combined data":
        data = replace(data, fids=combine_coils(data.fids)[0])
    if case == "permuted":
        reference = replace(reference, fids=np.roll(reference.fids, 1, axis=1))
    if case == "dead in the data":
        strongest = np.argmax(np.abs(data.fids[0, :, 0, 0]))
        fids = data.fids.copy()
        fids[:, strongest] *= 1e-9
        data = replace(data, fids=fids)
    pre = preprocess(data, reference)
    assert "reference_coils" in codes(pre)
    assert pre.water_reference is None
    assert "reference_coils" not in codes(whole)
    # the spectra themselves are as good as with the right reference
    ratio = [float(np.abs(p.spectra.diff[:40]).mean() / np.abs(p.spectra.edit_off[:40]).mean()) for p in (pre, whole)]
    assert ratio[0] == pytest.approx(ratio[1], rel=0.1)


def test_errors_on_the_way_name_the_file(example):
    data, reference = example
    with pytest.raises(DataError, match=r"water_reference\.nii\.gz: .* expected 4 coils; got 3 coils"):
        preprocess(data, replace(reference, fids=reference.fids[:, :3]))
    on = data.conditions.index("edit_on")
    alone = replace(data, fids=data.fids[on : on + 1, :1, :2], conditions=("edit_on",), clipped=None)
    with pytest.raises(DataError, match=r"megapress_raw\.nii\.gz: only the edit_on .*convert --off OFF"):
        preprocess(alone)


def test_preprocessed_files_keep_times_and_pulses(example, tmp_path):
    data, reference = example
    pulses = {"ON": {"shift_ppm": 1.7, "duration_s": 0.03}, "OFF": {"shift_ppm": 7.5, "duration_s": 0.03}}
    reference = replace(reference, te_s=0.03, tr_s=10.0)
    write_preprocessed(preprocess(replace(data, edit_pulse=pulses), reference), tmp_path)
    water = read_reference(tmp_path / "wref.nii.gz")
    assert (water.te_s, water.tr_s) == (0.03, 10.0)
    off = read_acquisition(tmp_path / "edit_0.nii.gz")
    assert (off.te_s, off.tr_s) == (data.te_s, data.tr_s)
    assert off.edit_pulse == pulses


@pytest.mark.parametrize("n_transients", [1, 2, 3])
def test_what_makes_the_residue_larger_is_not_applied(example, n_transients):
    data, _ = example
    found = [
        preprocess(replace(data, fids=data.fids[:, :, first : first + n_transients])).spectra.history.on_off_alignment
        for first in range(0, 16 - n_transients, n_transients)
    ]
    applied = [pair for pair in found if pair.applied]
    assert len(applied) > 0.8 * len(found)
    assert all(pair.residue_after <= 1.3 * pair.residue_before for pair in applied)
    # most of them are better for it
    assert np.median([pair.residue_after / pair.residue_before for pair in applied]) < 0.9


def test_notes_of_the_reader_become_flags(example):
    data, reference = example
    header = {**data.header, NOTES_KEY: {"Value": ["EchoTime 68 s is impossible"]}}
    pre = preprocess(replace(data, header=header), reference)
    flag = next(flag for flag in pre.spectra.flags if flag.code == "header_note")
    assert flag.detail == "megapress_raw.nii.gz: EchoTime 68 s is impossible"


@pytest.mark.skipif(not SHARED.is_dir(), reason="the data folder is not beside the checkout")
def test_preprocessed_files_can_be_preprocessed_again(tmp_path):
    for path in sorted((SHARED / "invivo_dev").glob("B1_0[0-3]*.nii.gz")):
        folder = tmp_path / path.name
        folder.mkdir()
        write_preprocessed(preprocess(read_acquisition(path)), folder)
        for name in ("diff", "edit_0"):
            spectra = preprocess(read_acquisition(folder / f"{name}.nii.gz")).spectra
            assert all(np.isfinite(getattr(spectra, condition)).all() for condition in spectra.present)


def test_a_pair_half_a_turn_apart_is_turned_back(example):
    data, _ = example
    fids = data.fids.copy()
    fids[data.conditions.index("edit_on")] *= -1
    turned, plain = preprocess(replace(data, fids=fids)), preprocess(data)
    found = turned.spectra.history.on_off_alignment
    assert found.applied
    assert found.residue_after < 0.5 * found.residue_before
    np.testing.assert_allclose(
        turned.spectra.diff, plain.spectra.diff, atol=0.02 * np.abs(plain.spectra.edit_off).max()
    )


def test_nearly_every_wrong_order_of_coils_is_noticed(example):
    data, reference = (part.fids for part in example)
    orders = list(itertools.permutations(range(data.shape[1])))
    found = [agreement(data, reference[:, list(order)]) for order in orders]
    assert found[0] > 0.99
    assert sum(value < MIN_COIL_AGREEMENT for value in found[1:]) == 22
