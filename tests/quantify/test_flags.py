# SPDX-License-Identifier: Apache-2.0
"""Flags for real life: a spectrum made to have the fault raises its flag, the clean one does not."""

import dataclasses
import functools
import json
from pathlib import Path

import numpy as np
import pytest

from fsl_mrs_dl.core.data import Acquisition
from fsl_mrs_dl.models.calibrated import load_model
from fsl_mrs_dl.models.estimate import Estimate
from fsl_mrs_dl.physics.simulate import voigt_decay
from fsl_mrs_dl.preprocess.align import apply_alignment
from fsl_mrs_dl.preprocess.load import load
from fsl_mrs_dl.preprocess.pipeline import preprocess
from fsl_mrs_dl.quantify.artefacts import artefact_flags
from fsl_mrs_dl.quantify.cautions import disagreement_flags
from fsl_mrs_dl.quantify.limits import LIMITS
from fsl_mrs_dl.quantify.quantify import quantify
from tests.helpers import SHARED, fid_of, write_nifti
from tests.mixture_helpers import BRAIN, DWELL_S, F0_MHZ, SOLUTION, TIME_S, N, line, pair, signals_of, spectra_of
from tests.program_helpers import run_program

FAULTS = {
    "lipid",
    "subtraction_artefact",
    "editing_missed",
    "water_suppression_poor",
    "broad_lines",
    "not_edited",
    "other_model",
    "refused",
    "order_contradiction",
    "large_drift",
    "many_transients_rejected",
}


def codes(result):
    return {flag.code for flag in result.flags}


@pytest.mark.parametrize("conc", [BRAIN, SOLUTION], ids=["brain", "solution"])
def test_a_clean_measurement_has_no_fault(conc):
    result = quantify(spectra_of(*pair(conc)))
    assert not codes(result) & FAULTS
    assert result.fit_parameters["naa_left_in_on"] == pytest.approx(0.0, abs=0.03)


def test_lipid_is_flagged():
    off, on = pair()
    fat = line(1.3, 25.0, 60.0) + line(0.9, 25.0, 25.0)
    assert "lipid" in codes(quantify(spectra_of(off + fat, on + fat)))


@pytest.mark.parametrize(("shift_hz", "phase_rad"), [(1.5, 0.0), (0.0, 0.2)])
def test_residue_of_subtraction_is_flagged(shift_hz, phase_rad):
    off, on = pair()
    assert "subtraction_artefact" in codes(quantify(spectra_of(off, apply_alignment(on, DWELL_S, shift_hz, phase_rad))))


def test_a_missed_editing_frequency_is_flagged():
    off, on = pair()
    left = 0.25 * BRAIN["NAA"] * signals_of(("NAA",)).fids["edit_off"][0] * voigt_decay(TIME_S, 3.0, 3.0)
    assert "editing_missed" in codes(quantify(spectra_of(off, on + left)))


def test_a_lipid_tail_does_not_pass_for_naa_in_on():
    off, on = pair()
    fat = line(1.3, 30.0, 150.0) + line(0.9, 25.0, 40.0)
    spectra = spectra_of(off + fat, on + fat)
    assert quantify(spectra).fit_parameters["naa_left_in_on"] == pytest.approx(0.0, abs=0.06)
    left = 0.25 * BRAIN["NAA"] * signals_of(("NAA",)).fids["edit_off"][0] * voigt_decay(TIME_S, 3.0, 3.0)
    told = quantify(spectra_of(off + fat, on + fat + left)).fit_parameters["naa_left_in_on"]
    assert told == pytest.approx(0.25, abs=0.06)


def test_without_naa_editing_is_not_judged():
    result = quantify(spectra_of(*pair({"Cr": 8.0, "GABA": 5.0, "Glu": 10.0})))
    assert "naa_left_in_on" not in result.fit_parameters


def test_broad_lines_are_flagged_whatever_the_model():
    result = quantify(spectra_of(*pair(lorentz_hz=12.0, gauss_hz=8.0)))
    assert "broad_lines" in codes(result)
    assert [f.code for f in artefact_flags({}, fwhm_hz=0.11 * F0_MHZ, f0_mhz=F0_MHZ)] == ["broad_lines"]
    assert artefact_flags({}, fwhm_hz=0.09 * F0_MHZ, f0_mhz=F0_MHZ) == []


@pytest.mark.parametrize(("times", "flagged"), [(5.0, False), (2.5 * LIMITS.water, True)])
def test_strong_residual_water_is_flagged(times, flagged):
    off, on = pair()
    highest = np.abs(np.fft.fft(off)).max()
    water = line(4.68, 6.0, 1.0)
    water *= times * highest / np.abs(np.fft.fft(water)).max()
    raw = Acquisition(np.stack([off + water, on + water])[:, None, None], DWELL_S, F0_MHZ, Path("x"), te_s=0.068)
    spectra = preprocess(raw).spectra
    assert spectra.history.water_ratio == pytest.approx(times, rel=0.3)
    assert ("water_suppression_poor" in codes(quantify(spectra))) is flagged


@pytest.mark.parametrize("second", ["same data", "other noise", "other phase"])
def test_a_pair_that_was_not_edited_is_refused(second):
    off, _ = pair()
    other = {"same data": off, "other noise": pair(seed=1)[0], "other phase": pair(seed=2)[0] * np.exp(0.6j)}[second]
    raw = Acquisition(np.stack([off, other])[:, None, None], DWELL_S, F0_MHZ, Path("x"), te_s=0.068)
    result = quantify(preprocess(raw).spectra)
    assert {"refused", "not_edited"} <= codes(result)
    assert result.estimates == ()
    assert next(f.detail for f in result.flags if f.code == "refused").startswith("no editing took place")


def test_swapped_conditions_are_put_right_and_flagged():
    off, on = pair()
    swapped = Acquisition(
        np.stack([on, off])[:, None, None], DWELL_S, F0_MHZ, Path("x"), ("edit_off", "edit_on"), te_s=0.068
    )
    result = quantify(preprocess(swapped).spectra)
    right = quantify(preprocess(dataclasses.replace(swapped, fids=swapped.fids[::-1])).spectra)
    assert "order_contradiction" in codes(result)
    assert "order_contradiction" not in codes(right)
    values, expected = ({e.name: e.value for e in r.estimates} for r in (result, right))
    assert values["GABA"] == pytest.approx(expected["GABA"], rel=1e-6)


@pytest.mark.parametrize("n_conditions", [1, 2])
@pytest.mark.parametrize("seed", range(3))
def test_noise_is_refused(n_conditions, seed):
    rng = np.random.default_rng(seed)
    shape = (n_conditions, 1, 1, N)
    fids = rng.normal(size=shape) + 1j * rng.normal(size=shape)
    result = quantify(preprocess(Acquisition(fids, DWELL_S, F0_MHZ, Path("x"))).spectra)
    assert result.refused
    assert "times the noise" in next(f.detail for f in result.flags if f.code == "refused")


@pytest.mark.parametrize(("name", "own", "other"), [("invivo", BRAIN, SOLUTION), ("phantom", SOLUTION, BRAIN)])
def test_a_model_says_that_it_sees_the_other_kind_of_sample(name, own, other):
    right, wrong = (codes(quantify(spectra_of(*pair(conc)), load_model(name))) for conc in (own, other))
    assert "other_model" in wrong
    assert "other_model" not in right
    assert "model_chosen" not in right | wrong


@pytest.mark.parametrize(("conc", "name"), [(BRAIN, "invivo"), (SOLUTION, "phantom")])
def test_without_a_name_the_sample_chooses_the_model(conc, name):
    result = quantify(spectra_of(*pair(conc)))
    assert result.model["name"] == name
    assert name in next(f.detail for f in result.flags if f.code == "model_chosen")
    assert set(conc) <= {e.name for e in result.estimates}


def test_the_command_refuses_with_exit_code_0(tmp_path):
    lines = {2.008: 9.0, 3.027: 6.0, 3.913: 4.0, 3.208: 3.0}
    rng = np.random.default_rng(0)
    fids = np.stack([fid_of(lines, noise=0.1, rng=rng), fid_of(lines, noise=0.1, rng=rng)], axis=-1)
    path = write_nifti(tmp_path / "press.nii.gz", fids[None, None, None], dims=("DIM_EDIT",))
    run = run_program("fit", "--data", path, "--output", tmp_path / "out")
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("refused: no editing took place")
    written = json.loads((tmp_path / "out" / "quantities.json").read_text())
    assert written["refused"]
    assert written["metabolites"] == {}
    assert {"refused", "not_edited"} <= set(written["flags"])


@functools.lru_cache(maxsize=1)
def measured():
    folder = SHARED / "data" / "invivo_diff"
    if not folder.is_dir():
        pytest.skip("the shared data are not beside the checkout")
    return {p.name[:6]: quantify(load(p).spectra) for p in sorted(folder.glob("*.nii.gz"))}


def test_a_failed_acquisition_is_refused_and_its_neighbours_are_not():
    refused = {
        name: next(f.detail for f in r.flags if f.code == "refused") for name, r in measured().items() if r.refused
    }
    assert list(refused) == ["sub-11"]
    assert "not that of an edited spectrum" in refused["sub-11"]
    assert "broad_lines" in codes(measured()["sub-11"])


def test_a_spurious_echo_is_seen_and_nothing_in_its_neighbours():
    # sub-21 has an echo between 3.1 and 3.6 ppm
    assert [name for name, r in measured().items() if "subtraction_artefact" in codes(r)] == ["sub-21"]
    assert not {"lipid", "other_model"} & set().union(*(codes(r) for r in measured().values()))


def _estimate(name, value):
    return Estimate(
        name, value, 0.02 * value, (0.98 * value, 1.02 * value), (0.96 * value, 1.04 * value), "edit_off+diff"
    )


def test_the_classical_fit_is_compared_in_ratios():
    ours = [_estimate(name, 1e-7 * value) for name, value in {"Cr": 5, "PCr": 3, "GABA": 2, "Glu": 9, "Gln": 2}.items()]
    theirs = {e.name: e.value for e in ours}
    reference = ("Cr", "PCr")
    assert disagreement_flags(ours, theirs, reference) == []
    # another common scale is another matter, which has a flag of its own
    assert disagreement_flags(ours, {name: 1.5 * value for name, value in theirs.items()}, reference) == []
    (flag,) = disagreement_flags(ours, {**theirs, "GABA": 0.5e-7}, reference)
    assert flag.detail == "GABA+/Cr+PCr 0.25 by the network, 0.0625 by the fit"
    # a reference to itself tells nothing; what has no reference is compared as it is, and says so
    assert disagreement_flags([_estimate("NAA", 2.0)], {"NAA": 4.0}, ("NAA",)) == []
    (flag,) = disagreement_flags([_estimate("GABA", 2.0)], {"GABA": 4.0}, reference)
    assert flag.detail == "amplitude of GABA+ 2 by the network, 4 by the fit"
