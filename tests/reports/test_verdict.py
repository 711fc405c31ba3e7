# SPDX-License-Identifier: Apache-2.0
"""The first screen of the report: the verdict, the values with their intervals, the published ranges beside them."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from fsl_mrs_dl.core.flag_catalogue import CATALOGUE, RANKED_CAUTIONS, Entry
from fsl_mrs_dl.core.flags import Flag
from fsl_mrs_dl.metabolites.macromolecules import MM30_DIFF_AREA
from fsl_mrs_dl.models.estimate import Estimate, combine
from fsl_mrs_dl.reports.drawing import nice_ticks
from fsl_mrs_dl.reports.html.gauge import gauges
from fsl_mrs_dl.reports.html.report import render_report
from fsl_mrs_dl.reports.words.published import RANGES, published_range
from fsl_mrs_dl.reports.words.verdict import verdict
from tests.helpers import without_plotly
from tests.report_helpers import diff_only, full, refused, spectra


def brain(mm30=1.5, mark=None):
    """The made-up brain with the co-edited macromolecule, and GABA+."""
    q = full()
    mm = Estimate("MM30", mm30, 0.2, (mm30 - 0.2, mm30 + 0.2), (mm30 - 0.4, mm30 + 0.4), "edit_off+diff")
    plus = combine("GABA+", [next(e for e in q.estimates if e.name == "GABA"), mm])
    if mark:
        plus = replace(plus, flag=mark)
    return replace(q, estimates=(*q.estimates, mm), combinations=(*q.combinations, plus))


def test_every_caution_has_its_rank():
    cautions = {code for code, entry in CATALOGUE.items() if entry.severity == "caution"}
    assert set(RANKED_CAUTIONS) == cautions
    assert len(RANKED_CAUTIONS) == len(cautions)


def test_a_caution_without_a_rank_is_not_hidden(monkeypatch):
    monkeypatch.setitem(CATALOGUE, "moved_a_lot", Entry("caution", "The head moved.", "GABA may be of another voxel."))
    found = verdict([Flag("not_edited"), Flag("moved_a_lot")])
    assert (found.state, found.reason.code) == ("look", "moved_a_lot")


@pytest.mark.parametrize(
    ("codes", "state", "reason", "more"),
    [
        ((), "ok", None, 0),
        (("drift", "water_removed"), "ok", None, 0),
        (("drift", "header_note"), "look", "header_note", 0),
        (("header_note", "low_snr", "not_edited", "drift"), "look", "not_edited", 2),
        (("not_edited", "refused", "low_snr"), "refused", "refused", 0),
    ],
)
def test_the_gravest_flag_decides(codes, state, reason, more):
    for order in (codes, codes[::-1]):
        found = verdict(Flag(code) for code in order)
        assert (found.state, found.reason.code if found.reason else None, found.more) == (state, reason, more)


@pytest.mark.parametrize(
    ("q", "words"),
    [
        (replace(full(), flags=()), "OK: nothing speaks against the values"),
        (full(), "Look before you use the values"),
        (refused(), "Refused: no values"),
    ],
)
def test_the_verdict_stands_first(q, words):
    page = without_plotly(render_report(q, spectra=spectra(q), options={}, reproduce=""))
    headings = re.findall(r"<h2[^>]*>(.*?)</h2>", page, re.DOTALL)
    assert words in headings[0]
    first = page.split("</section>")[0]
    sentences = [flag.sentence for flag in q.flags if flag.severity != "info"]
    assert not sentences or sum(sentence in first.replace("&lt;", "<") for sentence in sentences) == 1


def test_values_are_drawn_with_their_intervals_in_one_scale():
    q = brain()
    first, second = gauges(q, spectra(q))
    assert (first["name"], second["name"]) == ("GABA+", "Glx")
    ratio = next(e for e in q.ratios() if e.name == "GABA+")
    x0, x1 = (float(first["ticks"][k]["x"]) for k in (0, -1))
    t0, t1 = (float(first["ticks"][k]["label"]) for k in (0, -1))

    def value(x):
        return t0 + (x - x0) / (x1 - x0) * (t1 - t0)

    def ends(x, w):
        return value(float(x)), value(float(x) + float(w))

    assert ends(first["x95"], first["w95"]) == pytest.approx(ratio.interval95, rel=0.02)
    assert ends(first["x68"], first["w68"]) == pytest.approx(ratio.interval68, rel=0.02)
    band = RANGES["GABA+"]
    assert ends(first["published"]["x"], first["published"]["w"]) == pytest.approx((band.low, band.high), rel=0.02)
    page = render_report(q, spectra=spectra(q), options={}, reproduce="")
    assert "10.1016/j.neuroimage.2017.07.021" in page
    assert 'aria-label="GABA+ ' in page


def test_the_published_ratio_of_areas_is_one_of_concentrations():
    # equal concentrations c: DIFF / 2 shows c * area / 2, the methyl line 3 c
    areas = MM30_DIFF_AREA / 2 / 3
    band = RANGES["GABA+"]
    assert (band.low + band.high) / 2 * areas == pytest.approx(0.116)
    assert (band.high - band.low) / 4 * areas == pytest.approx(0.014)


def test_what_does_not_compare_is_not_drawn_beside_published_values():
    q = brain()
    s = spectra(q)
    assert published_range("GABA+", q, s) is RANGES["GABA+"]
    assert published_range("NAA", q, s) is None
    assert published_range("GABA+", full(), s) is None, "a solution"
    assert published_range("GABA+", replace(q, reference=("NAA",)), s) is None, "another reference"
    assert published_range("Glx", q, replace(s, f0_mhz=298.0)) is None, "another field"
    assert published_range("GABA+", q, replace(s, te_s=0.08)) is None, "another echo time"
    assert published_range("Glx", q, replace(s, te_s=0.08)) is RANGES["Glx"]
    symmetric = replace(s, edit_pulse={"ON": {"shift_ppm": 1.9}, "OFF": {"shift_ppm": 1.5}})
    assert published_range("GABA+", q, symmetric) is None, "macromolecules suppressed"
    assert published_range("GABA+", q, replace(s, edit_pulse={"ON": {"shift_ppm": 1.9}, "OFF": {"shift_ppm": 7.5}}))
    solution = render_report(full(), spectra=s, options={}, reproduce="")
    assert "No published range is drawn" in solution
    assert "10.1016/j.neuroimage.2017.07.021" not in solution


def test_a_value_that_the_data_do_not_tell_is_an_upper_bound():
    q = brain()
    plus = next(e for e in q.combinations if e.name == "GABA+")
    wide = replace(plus, sd=plus.value, interval95=(0.0, 3 * plus.value), resolved=False)
    q = replace(q, combinations=tuple(wide if e.name == "GABA+" else e for e in q.combinations))
    first = gauges(q, spectra(q))[0]
    assert first["value"].startswith("below ")
    assert not first["resolved"]


def test_models_without_macromolecules_show_what_they_have():
    assert [g["name"] for g in gauges(full(), spectra(full()))] == ["GABA", "Glx"]
    assert gauges(refused(), spectra(refused())) == []
    assert all(g["published"] is None for g in gauges(diff_only(), spectra(diff_only())))


@pytest.mark.parametrize(
    ("low", "high", "n", "ticks"),
    [
        (0.0, 1.0, 5, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (0.0, 0.83, 5, [0, 0.2, 0.4, 0.6, 0.8]),
        (-3.0, 3.0, 4, [-2, 0, 2]),
        (0.31, 0.33, 4, [0.31, 0.315, 0.32, 0.325, 0.33]),
        (2.0, 2.0, 4, [2.0]),
    ],
)
def test_ticks_are_round(low, high, n, ticks):
    assert nice_ticks(low, high, n) == pytest.approx(ticks)


@pytest.mark.parametrize(("low", "high"), [(0.0, 0.01), (0.3, 0.31), (0.99, 1.0), (0.0, 1.0)])
def test_the_words_of_a_published_range_stay_in_the_drawing_wherever_it_lies(monkeypatch, low, high):
    from fsl_mrs_dl.reports.html import gauge

    q = brain()
    published = replace(published_range("GABA+", q, spectra(q)), low=low, high=high)
    monkeypatch.setattr(gauge, "published_range", lambda *_: published)
    for drawn in gauges(q, spectra(q)):
        middle, half = float(drawn["published"]["text_x"]), 3.0 * len(drawn["published"]["text"])
        assert middle - half >= 0
        assert middle + half <= float(drawn["width"])
