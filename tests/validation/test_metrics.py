# SPDX-License-Identifier: Apache-2.0
"""Validation metrics against closed forms and numbers worked out by hand, and the files of `validate`."""

from __future__ import annotations

import csv
import io
import json
import math

import numpy as np
import pytest
from scipy.stats import linregress

from fsl_mrs_dl.validation import outputs
from fsl_mrs_dl.validation.metrics import Pair, evaluate, evaluate_groups, normalise, ordered, score
from fsl_mrs_dl.validation.outputs import Case


def test_normalised_by_hand():
    pairs = normalise(
        {"Cr": 8, "GABA": 2, "Gln": 3, "Glu": 12, "NAA": 16, "Ala": 4},
        {"Cr": 40, "GABA": 10, "Gln": 20, "Glu": 80, "NAA": 72, "Ala": 8, "Tau": 1},
        {"GABA": (8, 12)},
        {"GABA": (4, 16)},
    )
    assert pairs["NAA"] == Pair(1.0, 0.9)
    assert pairs["Glu"].estimate == 1.0
    assert pairs["Ala"] == Pair(0.25, 0.1)
    assert pairs["GABA"].truth == 0.125
    assert pairs["GABA"].estimate == 0.125
    assert pairs["GABA"].interval68 == (0.1, 0.15)
    assert pairs["GABA"].interval95 == (0.05, 0.2)
    assert pairs["Glx"] == Pair(15 / 16, 100 / 80)
    assert "Cr+PCr" not in pairs
    assert "Tau" not in pairs


def test_in_vivo_names():
    truth = {"Cr": 4, "PCr": 6, "NAA": 8, "PCho": 1, "sIns": 0.5, "mI": 5, "MM09": 99, "GABA": 1}
    guess = {"Cr": 6, "PCr": 3, "tCr": 77, "NAA": 9, "PCh": 1, "Scyllo": 0.2, "Ins": 4, "MM09": 50, "GABA": 1}
    pairs = normalise(truth, guess, {"Cr": (5, 7), "PCr": (1, 5)})
    assert pairs["Cr+PCr"].truth == 1.0
    assert pairs["Cr+PCr"].estimate == 1.0
    assert pairs["Cr"] == Pair(0.4, 6 / 9, (5 / 9, 7 / 9))
    assert pairs["PCr"].truth == 0.6
    assert pairs["PCh"].truth == 0.1
    assert pairs["Scyllo"].truth == 0.05
    assert pairs["Ins"].truth == 0.5
    assert "MM09" not in pairs
    assert "tCr" not in pairs
    assert "PCho" not in pairs
    half = math.hypot(1, 2)
    assert pairs["Cr+PCr"].interval68 == pytest.approx(((9 - half) / 9, (9 + half) / 9))


def test_one_side_with_pcr_is_compared_as_the_sum():
    pairs = normalise({"Cr": 5, "PCr": 5, "NAA": 8}, {"Cr": 10, "NAA": 8})
    assert pairs["Cr+PCr"] == Pair(1.0, 1.0)
    assert pairs["NAA"] == Pair(0.8, 0.8)


def test_diff_alone_has_no_cr_in_either_normaliser():
    pairs = normalise({"Cr": 20, "GABA": 1, "NAA": 10}, {"GABA": 2, "NAA": 20})
    assert pairs == {"GABA": Pair(0.1, 0.1), "NAA": Pair(1.0, 1.0)}


def test_nothing_found_counts_in_full_and_no_truth_is_left_out():
    pairs = normalise({"GABA": 1, "NAA": 2}, {"GABA": 0, "NAA": 0}, {"NAA": (0, 1)}, None)
    assert pairs == {"GABA": Pair(0.5, 0.0), "NAA": Pair(1.0, 0.0)}
    assert normalise({"GABA": 0, "NAA": 0}, {"GABA": 1, "NAA": 1}) == {}
    assert normalise({"GABA": 1}, {}) == {}


def test_score_by_hand():
    truth, guess = [0.0, 0.2, 0.4, 1.0], [0.1, 0.2, 0.6, 0.9]
    ends = [((0.05, 0.15), (0.0, 0.2)), ((0.1, 0.3), (0.0, 0.4)), ((0.5, 0.7), (0.4, 0.8)), (None, (0.95, 1.1))]
    s = score(Pair(t, g, *e) for t, g, e in zip(truth, guess, ends, strict=True))
    assert s["n"] == 4
    assert s["mae"] == pytest.approx(0.1)
    # errors 0.1 0 0.2 0.1: sum of squares about the mean 0.02, over 3, root, over root of 4
    assert s["mae_se"] == pytest.approx(math.sqrt(0.02 / 3) / 2)
    line = linregress(truth, guess)
    assert s["slope"] == pytest.approx(line.slope)
    assert s["intercept"] == pytest.approx(line.intercept)
    assert s["r2"] == pytest.approx(line.rvalue**2)
    assert s["mae_constant"] == pytest.approx((0.3 + 0.1 + 0.1 + 0.7) / 4)  # median 0.3
    assert s["coverage68"] == pytest.approx(1 / 3)
    assert s["coverage95"] == 1.0


def test_exact_line_and_constants():
    s = score(Pair(t, 0.5 * t + 0.1) for t in (0.1, 0.4, 0.9))
    assert (s["slope"], s["intercept"], s["r2"]) == pytest.approx((0.5, 0.1, 1.0))
    constant = score(Pair(0.3, g) for g in (0.1, 0.2, 0.3))
    assert constant["slope"] is None
    assert constant["intercept"] is None
    assert constant["r2"] is None
    assert constant["mae_constant"] == 0.0
    flat = score(Pair(t, 0.3) for t in (0.1, 0.2, 0.4))
    assert flat["slope"] == pytest.approx(0)
    assert flat["r2"] is None
    # a truth of 1/3 in different roundings is still constant
    assert score(Pair(t, g) for t, g in ((1 / 3, 0.1), (0.1 / 0.3, 0.2), (1 - 2 / 3, 0.4)))["slope"] is None
    assert score([Pair(0.2, 0.5)])["mae_se"] is None
    assert score([])["n"] == 0
    assert score([])["mae"] is None


def test_not_finite_is_left_out():
    s = score([Pair(0.1, 0.2), Pair(0.3, math.nan), Pair(math.inf, 0.1)])
    assert s["n"] == 1
    assert s["mae"] == pytest.approx(0.1)
    pairs = normalise({"NAA": 10, "GABA": 1}, {"NAA": math.nan, "GABA": 2})
    assert pairs["GABA"] == Pair(1.0, 1.0)  # NAA divides neither side


def test_coverage_of_normal_errors_is_nominal():
    rng = np.random.default_rng(11)
    n, sd = 4000, 0.03
    truths = [{"NAA": 1.0, "GABA": g} for g in rng.uniform(0.1, 0.8, n)]
    guesses = [{"NAA": 2.0, "GABA": 2 * (t["GABA"] + sd * rng.normal())} for t in truths]
    ends = {
        z: [{"GABA": (e["GABA"] - 2 * z * sd, e["GABA"] + 2 * z * sd)} for e in guesses] for z in (0.99446, 1.95996)
    }
    s = evaluate(truths, guesses, ends[0.99446], ends[1.95996])["GABA"]
    assert s["coverage68"] == pytest.approx(0.68, abs=0.025)
    assert s["coverage95"] == pytest.approx(0.95, abs=0.012)
    assert s["mae"] == pytest.approx(sd * math.sqrt(2 / math.pi), rel=0.04)  # mean of |normal|
    assert s["mae_constant"] == pytest.approx(0.7 / 4, rel=0.05)  # of a uniform distribution


def test_scale_does_not_matter_and_lengths_must_agree():
    truths = [{"NAA": 10, "GABA": 1}, {"NAA": 8, "GABA": 3}]
    guesses = [{"NAA": 9, "GABA": 2}, {"NAA": 8, "GABA": 2}]
    scaled = [{k: 1e6 * v for k, v in g.items()} for g in guesses]
    for one, other in zip(evaluate(truths, guesses).values(), evaluate(truths, scaled).values(), strict=True):
        assert one == pytest.approx(other)
    with pytest.raises(ValueError, match="zip"):
        evaluate(truths, guesses[:1])


def test_groups_and_order():
    pairs = [{"GABA": Pair(0.1, 0.2)}, {"GABA": Pair(0.1, 0.4)}, {"GABA": Pair(0.1, 0.9)}]
    groups = evaluate_groups(pairs, ["A", "A", None])
    assert list(groups) == ["A"]
    assert groups["A"]["GABA"]["mae"] == pytest.approx(0.2)
    assert ordered({"Ala", "NAA", "GABA", "Asp"}) == ["GABA", "NAA", "Ala", "Asp"]


def cases(n=20, n_refused=2):
    rng = np.random.default_rng(4)
    out = []
    for i in range(n):
        truth = {"Cr": 8.0, "GABA": rng.uniform(0.5, 4), "Gln": 3.0, "Glu": rng.uniform(4, 12), "NAA": 15.0}
        guess = {k: 100 * v * (1 + 0.05 * rng.normal()) for k, v in truth.items()}
        ends = {k: (0.9 * v, 1.1 * v) for k, v in guess.items()}
        newton = {k: 7 * v * (1 + 0.2 * rng.normal()) for k, v in truth.items()}
        refused = i < n_refused
        out.append(
            Case(
                f"A{i:02d}",
                truth,
                {} if refused else guess,
                ends,
                ends,
                {"newton": newton} if i != 5 else {},
                ("refused",) if refused else ("low_snr",),
                "A" if i % 2 else "B",
                refused,
            )
        )
    return out


def test_files(tmp_path):
    result = outputs.write_outputs(tmp_path, cases(), "mega3t")
    stored = json.loads((tmp_path / "validation.json").read_text())
    assert stored == json.loads(json.dumps(result))
    assert next(iter(stored)) == "note"
    assert "2 of 20" in stored["note"]
    assert stored["n"] == 20
    assert stored["refused"] == 2
    assert set(stored["groups"]) == {"A", "B"}
    assert stored["metabolites"]["GABA"]["n"] == 18
    assert stored["against"]["newton"]["GABA"]["n"] == 17
    assert stored["against"]["newton"]["GABA"]["coverage95"] is None
    assert stored["against"]["newton"]["Glu"]["mae"] > stored["metabolites"]["Glu"]["mae"]
    assert (tmp_path / "validation.png").read_bytes()[:4] == b"\x89PNG"
    table = list(csv.DictReader(io.StringIO((tmp_path / "validation.csv").read_text())))
    assert sum(row["metabolite"] == "GABA" for row in table) == 18
    assert [row["id"] for row in table if row["flags"] == "refused"] == ["A00", "A01"]
    assert all(row["estimate"] == "" for row in table if row["flags"] == "refused")
    gaba = [row for row in table if row["metabolite"] == "GABA"]
    mae = np.mean([abs(float(r["truth"]) - float(r["estimate"])) for r in gaba])
    assert mae == pytest.approx(stored["metabolites"]["GABA"]["mae"], rel=1e-4)
    inside = np.mean([float(r["lo95"]) <= float(r["truth"]) <= float(r["hi95"]) for r in gaba])
    assert inside == pytest.approx(stored["metabolites"]["GABA"]["coverage95"])
    assert next(r for r in gaba if r["id"] == "A05")["newton"] == ""


def test_text_says_many_refusals_first():
    many = outputs.text_table(outputs.build_result(cases(20, 2), "m"))
    few = outputs.text_table(outputs.build_result(cases(20, 1), "m"))
    assert many.startswith("NOTE: 2 of 20")
    assert not few.startswith("NOTE")
    assert "1 refused" in few
    assert "MAE newton" in few
    assert "GABA" in few


def test_all_refused_and_none(tmp_path):
    result = outputs.write_outputs(tmp_path, cases(3, 3), "m")
    assert result["metabolites"] == {}
    assert result["refused"] == 3
    assert "100 %" in result["note"]
    assert "NOTE" in outputs.text_table(result)
    assert outputs.build_result([], "m")["n"] == 0
