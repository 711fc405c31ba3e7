# SPDX-License-Identifier: Apache-2.0
"""A first point half a millisecond from the echo is seen where no header tells it, and only there."""

from dataclasses import replace

import numpy as np
import pytest

from fsl_mrs_dl.models.inputs import PpmGrid
from fsl_mrs_dl.preprocess.load import load
from fsl_mrs_dl.preprocess.reference import reference_spectra
from fsl_mrs_dl.preprocess.start import to_echo
from fsl_mrs_dl.quantify.first_point import Start, first_point_flags
from fsl_mrs_dl.quantify.fits import make_survey
from fsl_mrs_dl.quantify.quantify import quantify
from tests.helpers import EXAMPLE


@pytest.fixture(scope="module")
def example():
    return replace(load(EXAMPLE / "megapress_raw.nii.gz").spectra, without_group=())


def begun(spectra, points):
    """The spectra with their first point taken one point later (1) or earlier (-1)."""

    def moved(fid):
        late = np.append(fid[1:], 0.0)
        return late if points > 0 else to_echo(fid[None], spectra.dwell_s, spectra.dwell_s)[0]

    return reference_spectra(spectra.map(moved)) if points else spectra


@pytest.mark.parametrize("present", ["pair", "edit_off", "diff"])
def test_half_a_millisecond_is_seen(example, present):
    if present == "diff":
        example = replace(example, edit_off=None, edit_on=None)
    if present == "edit_off":
        example = replace(example, edit_on=None, diff=None)
    found = {points: make_survey(begun(example, points), PpmGrid()).start for points in (-1, 0, 1)}
    for points in (-1, 1):
        assert found[points].start_s - found[0].start_s == pytest.approx(points * example.dwell_s, abs=0.12e-3)
        (flag,) = first_point_flags(found[points])
        assert flag.code == "first_order_phase"
    assert first_point_flags(found[0]) == []


def test_the_answer_says_so(example):
    late = quantify(begun(example, 1))
    assert [flag.detail for flag in late.flags if flag.code == "first_order_phase"] == ["as by a start of +0.5 ms"]
    assert "first_order_phase" not in {flag.code for flag in quantify(example).flags}


def test_noise_alone_tells_no_start():
    assert not Start(0.5e-3, 0.3e-3).unusual
    assert Start(0.5e-3, 0.1e-3).unusual
    assert Start(-0.5e-3, 0.1e-3).unusual
