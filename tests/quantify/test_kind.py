# SPDX-License-Identifier: Apache-2.0
"""Brain or solution: told from spectra of any line shape, with a probability; header and names where it is unclear."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fsl_mrs_dl.core.data import EditedSpectra
from fsl_mrs_dl.core.flag_catalogue import CATALOGUE
from fsl_mrs_dl.core.units import time_axis
from fsl_mrs_dl.models.calibrated import load_model
from fsl_mrs_dl.models.inputs import PpmGrid, prepare
from fsl_mrs_dl.physics.simulate import voigt_decay
from fsl_mrs_dl.preprocess.load import load
from fsl_mrs_dl.quantify.kind import SURE, Sample, kind_flags, kinds_of_model, tell_sample, told_kind
from fsl_mrs_dl.quantify.kind_network import KindNetwork, brain_probability, features_of
from fsl_mrs_dl.quantify.model_choice import choose
from fsl_mrs_dl.quantify.signals import basis_signals
from tests.helpers import SHARED

DWELL_S, F0_MHZ, N = 5e-4, 127.73, 2048
TIME_S = time_axis(N, DWELL_S)
SOLVED = ("Cr", "GABA", "Gln", "Glu", "NAA")
BRAIN = {"NAA": 11.0, "NAAG": 1.4, "Cr": 4.3, "PCr": 3.7, "GPC": 1.0, "PCh": 0.6, "Ins": 6.0, "Glu": 9.0, "Gln": 2.4}
BRAIN |= {"GABA": 1.8, "GSH": 1.2, "Tau": 1.4, "Asp": 2.0, "MM09": 6.0, "MM30": 2.0}


def spectra_of(conc, *, lorentz_hz=0.3, gauss_hz=4.0, noise=0.05, seed=0, **facts):
    """OFF, ON and DIFF of a mixture of the shipped basis."""
    blank = EditedSpectra(DWELL_S, F0_MHZ, Path("x"), edit_off=np.ones(N), diff=np.ones(N), te_s=0.068)
    signals = basis_signals(blank, tuple(conc))
    amplitudes = np.array([conc[name] for name in signals.names])
    rng = np.random.default_rng(seed)
    off, diff = (
        amplitudes @ signals.fids[c] * voigt_decay(TIME_S, lorentz_hz, gauss_hz)
        + noise * (rng.normal(size=N) + 1j * rng.normal(size=N))
        for c in ("edit_off", "diff")
    )
    return EditedSpectra(
        DWELL_S, F0_MHZ, **{"source": Path("x"), **facts}, edit_off=off, edit_on=off + diff, diff=diff, te_s=0.068
    )


def probability(spectra):
    return brain_probability(prepare(spectra, PpmGrid()))


@pytest.mark.parametrize("gauss_hz", [2.0, 3.0, 4.0, 5.0, 6.0])
def test_solutions_with_gaussian_lines_are_solutions(gauss_hz):
    rng = np.random.default_rng(int(10 * gauss_hz))
    drawn = [dict(zip(SOLVED, rng.uniform(0.5, 16.0, size=5), strict=True)) for _ in range(12)]
    told = [probability(spectra_of(conc, gauss_hz=gauss_hz, seed=i)) for i, conc in enumerate(drawn)]
    assert max(told) < 1 - SURE


@pytest.mark.parametrize("lorentz_hz", [1.0, 4.0, 8.0])
@pytest.mark.parametrize("gauss_hz", [0.0, 3.0, 6.0])
def test_brains_of_any_line_shape_are_brains(lorentz_hz, gauss_hz):
    spectra = spectra_of(BRAIN, lorentz_hz=lorentz_hz, gauss_hz=gauss_hz, noise=0.15)
    assert probability(spectra) > SURE
    assert probability(replace(spectra, edit_on=None, diff=None)) > SURE


def test_the_unit_of_the_data_does_not_matter():
    spectra = spectra_of(BRAIN)
    assert probability(spectra.map(lambda fid: 1e-7 * fid)) == pytest.approx(probability(spectra), abs=1e-4)


def test_features_are_of_unit_size_and_empty_where_nothing_is_shown():
    data = prepare(replace(spectra_of(BRAIN), edit_off=None, edit_on=None), PpmGrid())
    features = features_of(data.channels[None], data.present[None])[0]
    half = (len(features) - 2) // 2
    assert not features[:half].any()
    assert np.mean(features[half : 2 * half] ** 2) == pytest.approx(1.0, rel=1e-4)
    assert features[-2:].tolist() == [0.0, 1.0]


def test_the_network_is_two_layers():
    rng = np.random.default_rng(0)
    network = KindNetwork(rng.normal(size=(4, 2)), rng.normal(size=3))
    x = rng.normal(size=3)
    hidden = np.tanh([x @ network.hidden[:3, k] + network.hidden[3, k] for k in (0, 1)])
    expected = 1 / (1 + np.exp(-(hidden @ network.output[:2] + network.output[2])))
    assert network.probability(x[None])[0] == pytest.approx(expected)


def test_header_and_names_decide_only_where_the_spectrum_does_not():
    assert Sample(0.999, "solution", "a name").kind == "brain"
    assert Sample(0.6, "solution", "a name").kind == "solution"
    assert Sample(0.4, "brain", "BodyPartExamined").kind == "brain"
    assert Sample(0.4).kind == "solution"
    assert not Sample(0.6).clear
    assert Sample(0.001).clear


@pytest.mark.parametrize(
    ("facts", "kind"),
    [
        ({}, ""),
        ({"source": Path("/data/GABA_Phantom_02/scan.nii.gz")}, "solution"),
        ({"source": Path("/phantoms/a/b/c/sub-01/mrs/scan.nii.gz")}, ""),
        ({"source": Path("/data/resolution/scan.nii.gz")}, ""),
        ({"header": {"ProtocolName": "MEGA braino QA"}}, "solution"),
        ({"header": {"PatientName": {"Value": "PHANTOM", "Description": "x"}}}, "solution"),
        ({"header": {"BodyPartExamined": "HEAD"}}, "brain"),
        ({"header": {"PatientPosition": "HFS"}}, ""),
    ],
)
def test_what_header_and_names_tell(facts, kind):
    spectra = spectra_of(BRAIN, **facts)
    assert told_kind(spectra)[0] == kind
    assert tell_sample(spectra, prepare(spectra, PpmGrid())).told == kind


def test_an_unclear_sample_gets_a_caution_with_its_probability():
    for sample, code, name in (
        (Sample(0.60), "model_guessed", "invivo"),
        (Sample(0.30), "model_guessed", "phantom"),
        (Sample(0.999), "model_chosen", "invivo"),
        (Sample(0.001), "model_chosen", "phantom"),
    ):
        model, flag = choose(sample)
        assert (flag.code, model.folder.name) == (code, name)
        assert f"{100 * sample.probability:.3g} %" in flag.detail
    assert CATALOGUE["model_guessed"].severity == "caution"


def test_the_choice_for_spectra_is_that_for_their_sample():
    for conc, name in ((BRAIN, "invivo"), (dict.fromkeys(SOLVED, 6.0), "phantom")):
        spectra = spectra_of(conc)
        model, flag = choose(tell_sample(spectra, prepare(spectra, PpmGrid())))
        assert (model.folder.name, flag.code) == (name, "model_chosen")


def test_a_model_of_the_other_kind_is_told_apart():
    brain, solution = (load_model(name).folder.card for name in ("invivo", "phantom"))
    assert kinds_of_model(brain.outputs, brain.solution_fraction) == {"brain"}
    assert kinds_of_model(solution.outputs, solution.solution_fraction) == {"solution"}
    assert kinds_of_model(brain.outputs, 0.5) == {"brain", "solution"}
    assert kinds_of_model(["Cr", "GABA"]) == {"solution"}
    assert kinds_of_model(["Cr", "GPC", "PCh", "Ins"]) == {"brain"}
    assert [flag.code for flag in kind_flags(Sample(0.999), solution)] == ["other_model"]
    assert [flag.code for flag in kind_flags(Sample(0.5, "brain", "BodyPart"), solution)] == ["other_model"]
    assert kind_flags(Sample(0.999), brain) == []
    assert kind_flags(Sample(0.5), brain) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("folder", "kind"), [("phantom_dev", "solution"), ("invivo_dev", "brain"), ("invivo_diff", "brain")]
)
def test_none_of_the_shared_data_is_taken_for_the_other(folder, kind):
    files = sorted((SHARED / "data" / folder).glob("*.nii.gz"))
    if not files:
        pytest.skip("the shared data are not beside the checkout")
    for path in files:
        if path.name.startswith("sub-11"):
            continue  # a failed acquisition
        spectra = load(path).spectra
        sample = tell_sample(spectra, prepare(spectra, PpmGrid()))
        assert sample.clear, path.name
        assert sample.kind == kind, path.name
