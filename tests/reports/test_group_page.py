# SPDX-License-Identifier: Apache-2.0
"""The page of a study: distributions, outliers, flags; closed in itself."""

from __future__ import annotations

import re

import pytest

from fsl_mrs_dl.core.flags import Flag
from fsl_mrs_dl.reports.html.group import render_group
from tests.helpers import without_plotly
from tests.report_helpers import check_page, plots_of

HEAD = [
    "participant_id",
    "session_id",
    "scan",
    "metabolite",
    "value",
    "unit",
    "sd",
    "lo95",
    "hi95",
    "subspectrum",
    "flag",
]


def row(subject, name, value, unit="/Cr+PCr", session="n/a"):
    ends = ("n/a",) * 3 if value == "n/a" else (0.1 * value, 0.8 * value, 1.2 * value)
    scan = f"sub-{subject:02d}" + ("" if session == "n/a" else f"_{session}")
    return [f"sub-{subject:02d}", session, scan, name, str(value), unit, *map(str, ends), "edit_off+diff", "n/a"]


def rows(far=2.0):
    values = [0.24, 0.25, 0.26, 0.245, 0.255, far]
    made = [row(i, "GABA", v) for i, v in enumerate(values, 1)]
    made += [row(i, "GABA", 30 * v, "raw") for i, v in enumerate(values, 1)]
    return [*made, row(1, "GSH", "n/a"), row(1, "Ala", 0.1)]


def test_page_is_closed_in_itself(with_plotly):
    text = render_group(HEAD, rows())
    check_page(without_plotly(text))
    assert len(text.encode()) < 6_000_000
    assert ("data-forest" in re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)) is with_plotly
    assert without_plotly(text).count("<circle") == 6


def test_far_values_are_named_and_only_with_enough_scans():
    text = without_plotly(render_group(HEAD, rows()))
    assert "<li>sub-06: GABA /Cr+PCr 2.00, median 0.253</li>" in text
    assert text.count("<li>") == 1
    assert "✓ None." in without_plotly(render_group(HEAD, rows(far=0.25)))
    few = [row(i, "GABA", v) for i, v in enumerate((0.24, 0.25, 0.26, 2.0), 1)]
    assert "✓ None." in without_plotly(render_group(HEAD, few))


def test_figures_are_those_of_the_scans():
    pytest.importorskip("plotly", reason="plotly is not installed")
    text = render_group(HEAD, [row(1, "Glx", 1.0), row(2, "Glx", 3.0), row(1, "Glx", 12.0, "mMol/kg")])
    cells = [re.sub("<[^>]+>", "", cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", text.split("<h2>Figures")[1])]
    assert cells[:7] == ["Glx /Cr+PCr", "2", "2.00", "1.50 – 2.50", "2.00", "1.41", "71"]
    assert cells[8] == "Glx mMol/kg"
    first = plots_of(text)["forest"][0]
    assert first["scans"] == ["sub-01", "sub-02"]
    assert first["up"] == pytest.approx([0.2, 0.6])
    assert first["down"] == pytest.approx([0.2, 0.6])


def test_sessions_have_colours_and_flags_are_counted_and_explained():
    made = [row(1, "GABA", 0.2, session="ses-a"), row(1, "GABA", 0.3, session="ses-b")]
    quality = [
        {"scan": "sub-01_ses-a", "refused": False, "flags": [Flag("drift", "3 Hz").to_dict()], "fit": {"snr": 40.0}},
        {"scan": "sub-01_ses-b", "refused": False, "flags": [Flag("low_snr", "9 < 15").to_dict()], "fit": {}},
        {"scan": "sub-<02>", "refused": True, "flags": [Flag("refused", "noise").to_dict()], "fit": {"snr": None}},
    ]
    text = without_plotly(render_group(HEAD, made, quality))
    assert "2 scans with values" in text
    assert "ses-a" in text
    assert "1 refused." in text
    assert "sub-&lt;02&gt;" in text
    assert "sub-<02>" not in text
    assert "1 of 3 scans. The signal-to-noise ratio is below" in text
    assert text.index("not usable for this model") < text.index("below what the model") < text.index("drifted during")
    assert "9 &lt; 15" in text


def test_nothing_to_show_is_no_error():
    text = without_plotly(render_group(HEAD, [row(1, "GABA", "n/a")]))
    assert "No values." in text
    check_page(text)
