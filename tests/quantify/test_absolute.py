# SPDX-License-Identifier: Apache-2.0
"""Concentrations by water: closed forms, the water's amplitude, files of tissue fractions, the command."""

import csv
import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest

from fsl_mrs_dl.core.data import EditedSpectra
from fsl_mrs_dl.core.errors import DataError
from fsl_mrs_dl.metabolites.relaxation import DEFAULT, TISSUES, WATER_MOLALITY_MM, relaxation_of
from fsl_mrs_dl.metabolites.table import TABLE
from fsl_mrs_dl.models.estimate import Estimate
from fsl_mrs_dl.physics.simulate import voigt_decay
from fsl_mrs_dl.preprocess.pipeline import Preprocessed
from fsl_mrs_dl.quantify.absolute import TissueFractions, WaterScale, read_tissue, water_amplitude, with_water
from fsl_mrs_dl.quantify.result import Quantification
from tests.program_helpers import run_program

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
TIMES = {"te_s": 0.068, "tr_s": 2.0, "water_te_s": 0.068, "water_tr_s": 2.0}


def scale(gm, wm, csf, **times):
    return WaterScale(1e5, **{**TIMES, **times}, tissue=TissueFractions(gm, wm, csf))


def weight(t1_s, t2_s, te_s=0.068, tr_s=2.0):
    return math.exp(-te_s / t2_s) * (1 - math.exp(-tr_s / t1_s))


def test_grey_matter_alone_is_a_ratio_of_two_weights():
    water, nothing = weight(1.331, 0.110), weight(1.29, 0.194)
    factors = scale(1, 0, 0).factors("NAA")
    assert factors["mmol_per_kg"] == pytest.approx(2 * 55510 / 1e5 * water / nothing)
    # a litre of grey matter holds 0.78 kg of water
    assert factors["mmol_per_l"] == pytest.approx(0.78 * factors["mmol_per_kg"])
    assert "mmol_per_l_alpha" not in factors


def test_a_mixture_follows_gasparovic():
    gm, wm, csf = 0.5, 0.35, 0.15
    seen = {"GM": gm * 0.78, "WM": wm * 0.65, "CSF": csf * 0.97}
    whole = sum(seen.values())
    molal = {name: value / whole for name, value in seen.items()}
    water = sum(molal[name] * weight(t.water.t1_s, t.water.t2_s) for name, t in TISSUES.items())
    expected = 2 * 55510 / 1e5 * water / ((1 - molal["CSF"]) * weight(1.29, 0.194))
    assert scale(gm, wm, csf).factors("Glu")["mmol_per_kg"] == pytest.approx(expected)


def test_gaba_has_its_own_relaxation_and_the_alpha_correction():
    assert relaxation_of("GABA+") is TABLE["GABA"].relaxation
    assert relaxation_of("Glx") is DEFAULT
    factors, grey = scale(0.5, 0.5, 0).factors("GABA"), scale(1, 0, 0).factors("GABA")
    # half of each: 0.5 + 0.5 alpha of what grey matter would hold
    assert factors["mmol_per_l_alpha"] == pytest.approx(factors["mmol_per_l"] / 0.75)
    assert grey["mmol_per_l_alpha"] == pytest.approx(grey["mmol_per_l"])


def test_without_fractions_water_counts_as_pure_and_nothing_is_corrected():
    plain = WaterScale(1e5, None, None, None, None)
    assert plain.factors("GABA") == {"institutional": pytest.approx(2 * 55510 / 1e5)}


def test_the_water_has_its_own_echo_time():
    long, short = scale(1, 0, 0).factors("NAA"), scale(1, 0, 0, water_te_s=0.03).factors("NAA")
    assert short["mmol_per_kg"] / long["mmol_per_kg"] == pytest.approx(math.exp((0.068 - 0.03) / 0.110))


def test_values_and_intervals_scale_together_and_what_is_hidden_stays_so():
    seen = Estimate("NAA", 10.0, 1.0, (9.0, 11.0), (8.0, 12.0), "diff")
    hidden = dataclasses.replace(seen, name="Cr", flag="not visible")
    found = scale(0.6, 0.3, 0.1).absolute([seen, hidden])
    assert set(found) == {"NAA"}
    values = found["NAA"]["mmol_per_kg"]
    assert np.array([values["sd"], *values["interval95"]]) / values["value"] == pytest.approx([0.1, 0.8, 1.2])


@pytest.mark.parametrize(("lorentz_hz", "gauss_hz"), [(3.0, 0.0), (0.0, 6.0), (5.0, 8.0)])
def test_the_start_of_the_water_is_found(lorentz_hz, gauss_hz):
    dwell_s, rng = 5e-4, np.random.default_rng(0)
    time_s = np.arange(1024) * dwell_s
    fid = 3e4 * np.exp(2j * np.pi * 7 * time_s + 0.4j) * voigt_decay(time_s, lorentz_hz, gauss_hz)
    fid = fid + 5 * (rng.normal(size=1024) + 1j * rng.normal(size=1024))
    assert water_amplitude(fid, dwell_s) == pytest.approx(3e4, rel=2e-3)


@pytest.mark.parametrize("fid", [np.zeros(256, complex), np.random.default_rng(0).normal(size=256) + 0j])
def test_no_water_is_an_error(fid):
    with pytest.raises(DataError, match="no water line"):
        water_amplitude(fid, 5e-4)


FSL_TABLE = (
    "Tissue,Tissue-water densities (g/cm^3),Tissue volume fractions,Water T2 (ms)\n"
    "GM,0.78,0.5,88.0\nWM,0.65,0.4,73.0\nCSF,0.97,0.1,2030.0\n"
)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.json", '{"GM": 0.5, "WM": 0.4, "CSF": 0.1}'),
        ("t.json", '{"csf": 0.1, "gm": 0.5, "wm": 0.4}'),
        ("t.csv", FSL_TABLE),
    ],
)
def test_fractions_are_read(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    assert dataclasses.astuple(read_tissue(tmp_path / name)) == pytest.approx((0.5, 0.4, 0.1))


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("t.json", None, "cannot be read"),
        ("t.json", "{", "not JSON"),
        ("t.json", "[1]", "not a JSON object"),
        ("t.json", '{"GM": 0.5, "WM": 0.5}', "three tissues"),
        ("t.json", '{"GM": "a", "WM": 0.5, "CSF": 0}', "three tissues"),
        ("t.json", '{"GM": 50, "WM": 40, "CSF": 10}', "add up to 1"),
        ("t.json", '{"GM": 0.9, "WM": 0.3, "CSF": -0.2}', "add up to 1"),
        ("t.json", '{"GM": NaN, "WM": 0.3, "CSF": 0.7}', "add up to 1"),
        ("t.json", '{"GM": 0.05, "WM": 0, "CSF": 0.95}', "hardly any tissue"),
        ("t.json", '{"GM": 1.1, "WM": -0.1, "CSF": 0}', "do not lie between 0 and 1"),
        ("t.json", '{"GM": true, "WM": 0, "CSF": 0}', "not the fractions of three tissues"),
        ("t.csv", "a,b\n1,2\n", "three tissues"),
        ("t.csv", "id,GM,WM,CSF\ns1,0.6,0.3,0.1\n", "the columns 'Tissue' and .*got id, GM, WM, CSF"),
    ],
)
def test_impossible_fractions_are_one_line(tmp_path, name, content, text):
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=text):
        read_tissue(tmp_path / name)


def call(*arguments):
    return run_program("fit", *arguments)


def test_fit_writes_concentrations_with_every_constant(tmp_path):
    (tmp_path / "t.csv").write_text(FSL_TABLE)
    done = call(
        "--data",
        EXAMPLES / "megapress_raw.nii.gz",
        "--h2o",
        EXAMPLES / "water_reference.nii.gz",
        "--tissue",
        tmp_path / "t.csv",
        "--output",
        tmp_path / "o",
        "--report",
    )
    assert done.returncode == 0, done.stderr
    content = json.loads((tmp_path / "o" / "quantities.json").read_text())
    water = content["water"]
    # the example: water 40000, NAA 11.4; the coils' weights scale both alike
    assert water["water_amplitude"] / content["raw"]["NAA"] == pytest.approx(40000 / 11.4, rel=0.15)
    expected = WaterScale(water["water_amplitude"], **TIMES, tissue=TissueFractions(0.5, 0.4, 0.1)).factors("NAA")
    values = content["absolute"]["NAA"]
    for unit, factor in expected.items():
        assert values[unit]["value"] == pytest.approx(factor * content["raw"]["NAA"])
    with (tmp_path / "o" / "summary.csv").open(newline="") as stream:
        rows = {row["Metab"]: row for row in csv.DictReader(stream)}
    assert float(rows["NAA"]["mMol/kg"]) == pytest.approx(values["mmol_per_kg"]["value"])
    assert rows["NAA"]["mM alpha"] == ""
    assert float(rows["GABA"]["mM alpha"]) > float(rows["GABA"]["mM"])
    report = (tmp_path / "o" / "report.html").read_text()
    assert "Concentrations by water" in report
    assert "Puts et al. 2013" in report


@pytest.mark.parametrize(
    ("arguments", "text"),
    [(("--tissue", "nowhere.json"), "cannot be read"), (("--tissue", "{t}"), "need the water reference")],
)
def test_fit_says_what_the_correction_lacks(tmp_path, arguments, text):
    (tmp_path / "t.json").write_text('{"GM": 0.5, "WM": 0.4, "CSF": 0.1}')
    filled = [a.replace("{t}", str(tmp_path / "t.json")) for a in arguments]
    done = call("--data", EXAMPLES / "megapress_raw.nii.gz", *filled, "--output", tmp_path / "o")
    assert done.returncode == 1
    assert text in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "o").exists()


def test_macromolecules_have_no_concentration_where_relaxation_is_corrected_for():
    tissue = TissueFractions(0.5, 0.4, 0.1)
    corrected, plain = (WaterScale(1e5, 0.068, 2.0, 0.068, 2.0, given) for given in (tissue, None))
    assert corrected.factors("MM30") == {}
    assert set(corrected.factors("GABA+")) == {"mmol_per_kg", "mmol_per_l", "mmol_per_l_alpha"}
    assert set(plain.factors("MM30")) == {"institutional"}
    estimate = Estimate("MM30", 1.0, 0.1, (0.9, 1.1), (0.8, 1.2), "diff")
    assert corrected.absolute([estimate]) == {}


def answer():
    estimate = Estimate("NAA", 10.0, 1.0, (9.0, 11.0), (8.0, 12.0), "edit_off")
    return Quantification((estimate,), (), ("Cr",), (), {}, {}, (), {}, ())


@pytest.mark.parametrize(("gain", "possible"), [(1e-4, False), (1.0, True), (1e4, False)])
def test_impossible_concentrations_are_a_caution_and_not_given(gain, possible):
    size = 2.0 * WATER_MOLALITY_MM / 3.0  # NAA is then 30 mM
    fid = gain * size * np.exp(-np.arange(2048) * 5e-4 / 0.06).astype(complex)
    spectra = EditedSpectra(5e-4, 127.7, Path("scan.nii.gz"), edit_off=np.ones(8, complex), te_s=0.068, tr_s=2.0)
    data = Preprocessed(spectra, water_reference=fid, water_te_s=0.068, water_tr_s=2.0)
    given = answer()
    for tissue in (None, TissueFractions(0.5, 0.4, 0.1)):
        found = with_water(given, data, tissue)
        flags = {flag.code for flag in found.flags}
        assert ("reference_scale" in flags, bool(found.absolute), bool(found.water)) == (
            not possible,
            possible,
            possible,
        )
        assert found.estimates == given.estimates
