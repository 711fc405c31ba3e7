# SPDX-License-Identifier: Apache-2.0
"""The page of a study: distributions, test and retest, outliers, refusals, the table; closed in itself."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from fsl_mrs_dl.reports.html.group import render_group
from fsl_mrs_dl.reports.html.repeated import retests
from fsl_mrs_dl.reports.html.strips import LEFT, RIGHT, distribution
from fsl_mrs_dl.reports.html.thumbnail import curve_of, thumbnails
from fsl_mrs_dl.reports.scan_table import scan_table_description
from fsl_mrs_dl.reports.study import SHOWN, Figures, Grouping, Value, groupings, measured, quantities
from tests.report_helpers import Page, check_page
from tests.study_helpers import GABA, scan, study


def page_of(scans):
    return render_group(scans, retests(scans), scan_table_description(scans))


def cells(section):
    return [re.sub("<[^>]+>", "", cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", section)]


def test_page_is_closed_in_itself_and_links_to_the_reports():
    text = page_of(study())
    check_page(text)
    page = Page()
    page.feed(text)
    assert "sub-05/ses-1/mrs/report.html" in page.links
    assert {link for link in page.links if link.startswith("#")} == {"#far", "#refused", "#scans"}


def test_two_hundred_scans_with_every_quantity_stay_below_ten_megabytes():
    scans = study(n=100)
    units = ("/Cr+PCr", "i.u.", "mMol/kg", "mM")
    every = {(name, unit): Value(1.0, 0.8, 1.2) for name in SHOWN for unit in units}
    scans = [replace(one, values={**every, **one.values}) if one.values else one for one in scans]
    assert len(scans) == 200
    assert len(quantities(scans)) == len(SHOWN) * len(units)
    assert len(page_of(scans).encode()) < 10_000_000


def test_every_scan_is_a_point_of_each_drawing_and_rows_have_its_figures():
    scans = study()
    values = measured(scans, GABA)
    for grouping in (None, *groupings(scans)):
        drawing = distribution(scans, GABA, grouping)
        rows = drawing.get("rows", [drawing])
        points = [point for row in rows for point in row["points"]]
        assert {scans[p["scan"]].name for p in points} == set(values)
        assert {scans[p["scan"]].name for p in points if p["far"]} == {"sub-05_ses-1"}
        for row in drawing.get("rows", ()):
            own = Figures.of([values[scans[p["scan"]].name] for p in row["points"]])
            assert f"n {own.n}, median {own.median:.3f}" in row["words"]
            assert all(LEFT <= float(p["x"]) <= RIGHT for p in row["points"])


def test_points_stand_where_their_values_are():
    scans = study()
    values = measured(scans, GABA)
    drawing = distribution(scans, GABA, Grouping("site", ("Here & <there>", "Oslo")))
    assert [row["level"] for row in drawing["rows"]] == ["Here & <there>", "Oslo"]
    points = [point for row in drawing["rows"] for point in row["points"]]
    x = np.array([float(p["x"]) for p in points])
    v = np.array([values[scans[p["scan"]].name].value for p in points])
    slope, start = np.polyfit(v, x, 1)
    np.testing.assert_allclose(x, start + slope * v, atol=0.11)
    for tick in drawing["ticks"]:
        assert float(tick["x"]) == pytest.approx(start + slope * float(tick["label"]), abs=0.2)
    over = distribution(scans, GABA, Grouping("age", (), numeric=True))
    ages = [float(scans[p["scan"]].columns["age"]) for p in over["points"]]
    assert np.corrcoef(ages, [float(p["x"]) for p in over["points"]])[0, 1] == pytest.approx(1, abs=1e-6)


def test_scans_without_a_level_are_shown_apart():
    scans = [scan(k, GABA=0.2 + 0.01 * k, columns={"sex": "F"} if k else {}) for k in range(3)]
    rows = distribution(scans, GABA, Grouping("sex", ("F",)))["rows"]
    assert [(row["level"], len(row["points"])) for row in rows] == [("F", 2), ("n/a", 1)]


def test_far_and_refused_scans_are_named_with_reasons_and_pictures():
    text = page_of(study())
    far = text.split('<section id="far">')[1].split("</section>")[0]
    assert "sub-05_ses-1" in far
    assert re.search(r"<li>GABA /Cr\+PCr 0.900, median 0.2\d\d</li>", far)
    assert far.count("<strong>") == 1
    refused = text.split('<section id="refused">')[1].split("</section>")[0]
    assert "The data are not usable for this model" in refused
    assert 'aria-label="DIFF (edit_on − edit_off) of sub-03_ses-2"' in refused
    assert "21 OK, 2 to look at, 1 refused" in text


def test_test_and_retest_is_shown_where_something_was_repeated():
    scans = study()
    text = page_of(scans)
    section = text.split('<section id="retest">')[1].split("</section>")[0]
    found = cells(section)
    expected = retests(scans)[0]
    assert found[:4] == ["GABA /Cr+PCr", "ses-1 ses-2", "11", f"{expected.within.cv_percent:.1f}"]
    assert found[4].startswith(f"{expected.icc.value:.2f} (".replace("-", "−"))
    assert section.count("data-who") == 2 * 11
    single = page_of(study(sessions=(1,)))
    assert '<section id="retest">' not in single


def test_figures_are_those_of_the_scans():
    made = [scan(1, Glx=1.0), scan(2, Glx=3.0)]
    found = cells(page_of(made).split("<h2>Summary statistics")[1])
    assert found[:7] == ["Glx /Cr+PCr", "2", "2.00", "1.50 – 2.50", "2.00", "1.41", "71"]


def test_what_comes_from_outside_is_escaped():
    text = page_of(study())
    assert "<there>" not in text
    assert "Here &amp; &lt;there&gt;" in text
    evil = [replace(one, columns={"</script><script>": "<img src=x>"}) for one in study()]
    text = page_of(evil)
    assert text.count("</script>") == text.count("<script")
    assert "<img" not in text


def test_the_script_gets_names_values_and_the_dictionary():
    scans = study()
    data = json.loads(re.search(r'id="data">(.*?)</script>', page_of(scans), re.DOTALL)[1])
    assert [one["name"] for one in data["scans"]] == [one.name for one in scans]
    assert data["values"]["|/Cr+PCr|GABA"][scans.index(next(s for s in scans if s.name == "sub-05_ses-1"))] == "0.900"
    assert data["dictionary"] == scan_table_description(scans)


def test_series_are_kept_apart():
    scans = [scan(k, series=s, GABA=v) for k in range(6) for s, v in (("voi-a", 0.2 + 0.01 * k), ("voi-b", 0.9))]
    text = page_of(scans)
    assert "✓ None." in text
    assert '<option value="voi-b|/Cr+PCr">/Cr+PCr of voi-b</option>' in text


def test_nothing_to_show_is_no_error():
    text = page_of([scan(1, flags=("refused",))])
    assert "No values." in text
    check_page(text)
    check_page(page_of([]))


def test_pictures_hold_the_lines_of_a_spectrum():
    time_s = np.arange(2048) * 5e-4
    line = np.exp(2j * np.pi * (3.03 - 4.65) * 127.7 * time_s - 12 * time_s)
    ppm, values = curve_of(line, 5e-4, 127.7)
    assert ppm[np.argmax(values)] == pytest.approx(3.03, abs=0.02)
    assert values.max() == pytest.approx(np.fft.fft(line * np.r_[0.5, np.ones(2047)]).real.max(), rel=1e-6)
    assert len(ppm) <= 240
    (drawn,) = thumbnails({"edit_off": np.array([ppm, values])})
    assert drawn["d"].startswith("M")
    assert thumbnails({"diff": np.zeros((2, 0))}) == []


@pytest.mark.parametrize(("n", "text"), [(4, "Too few scans to tell"), (5, "No value is far from the others")])
def test_too_few_scans_do_not_tell_what_is_far(n, text):
    page = page_of([scan(k, GABA=0.2 + 0.01 * k) for k in range(n)])
    assert text in page
    assert ("✓ None." in page) is (n == 5)
    assert page.count("Too few scans") == (2 if n == 4 else 0)
