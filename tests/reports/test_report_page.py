# SPDX-License-Identifier: Apache-2.0
"""The HTML report: loads nothing, is well formed, shows and explains what is there."""

from __future__ import annotations

import re
import sys
from dataclasses import replace

import numpy as np
import pytest

from fsl_mrs_dl.core.flag_catalogue import CATALOGUE
from fsl_mrs_dl.core.flags import Flag
from fsl_mrs_dl.core.record import Coils, EddyCurrent, Record, ResidualWater, Transients
from fsl_mrs_dl.reports import curves, figures
from fsl_mrs_dl.reports.html import alignment as alignment_view
from fsl_mrs_dl.reports.html import panels as panel_view
from fsl_mrs_dl.reports.html import report as html
from fsl_mrs_dl.reports.words import methods
from tests.helpers import without_plotly
from tests.report_helpers import HISTORY, MAKERS, check_page, diff_only, full, plots_of, refused, spectra


@pytest.mark.parametrize("name", MAKERS)
def test_report_loads_nothing_and_is_well_formed(name, with_plotly):
    q = MAKERS[name]()
    text = html.render_report(q, spectra=spectra(q), options={}, reproduce="fsl_mrs_dl fit")
    assert len(text.encode()) < 6_000_000
    assert text.count("<script") == (3 if with_plotly else 1)
    assert text.count("</script") == text.count("<script"), "plotly's source does not end its element"
    own = without_plotly(text)
    assert len(own) < 1_000_000
    check_page(own)
    assert own.count('<figure class="panel"') == len(panel_view.with_edit_on(q.panels))
    if with_plotly:
        assert set(plots_of(text)["panels"]) == {p.name for p in panel_view.with_edit_on(q.panels)}


def test_edit_on_is_the_sum_of_the_other_two():
    diff, off = full().panels
    *_, on = panel_view.with_edit_on((diff, off))
    assert on.name == "edit_on"
    np.testing.assert_allclose(on.data, diff.data + off.data)
    np.testing.assert_allclose(on.residual, diff.residual + off.residual)
    np.testing.assert_allclose(on.components["NAA"], 0, atol=1e-12)  # editing takes NAA away
    assert panel_view.with_edit_on((diff,)) == (diff,)


def test_plotly_gets_the_curves_that_are_drawn():
    one = full().panels[0]
    drawing, plot = panel_view.panel_view(one, refused=False, values={"GABA": "0.141 /Cr+PCr (0.1 – 0.2)"})
    gaba = next(m for m in plot["metabolites"] if m["name"] == "GABA")
    assert gaba["label"] == "GABA 0.141 /Cr+PCr (0.1 – 0.2)"
    assert {m["name"] for m in plot["metabolites"]} == {o["name"] for o in drawing["overlays"]}
    data, fit = (np.array(next(c["y"] for c in plot["curves"] if c["name"] == name)) for name in ("data", "fit"))
    shown = curves.visible(one)
    expected = one.data.real[shown][::-1]
    scale = np.ptp(data) / np.ptp(expected)
    np.testing.assert_allclose(data / scale, expected, atol=1e-3 * np.ptp(expected))
    np.testing.assert_allclose(fit / scale, one.fit.real[shown][::-1], atol=1e-3 * np.ptp(expected))
    assert plot["x"][0] > plot["x"][-1]


@pytest.mark.parametrize("one", [full, refused])
def test_the_picture_and_the_page_show_the_same_curves_and_the_same_peaks(one):
    q = one()
    axes = figures.draw_summary(q).axes
    for panel, own in zip(q.panels, axes, strict=False):
        _, plot = panel_view.panel_view(panel, refused=q.refused)
        height = np.ptp(axes[0].lines[0].get_ydata())
        span = curves.panel_curves(panel, refused=q.refused).span
        drawn = {line.get_label(): line.get_ydata() for line in own.lines if len(line.get_ydata()) > 2}
        assert set(drawn) == {c["label"] for c in plot["curves"]}
        for curve in plot["curves"]:
            steps = np.array(curve["y"]) * span / panel_view._STEPS
            np.testing.assert_allclose(drawn[curve["label"]], steps, atol=1e-4 * height)
        assert [t.get_text() for t in own.texts] == [peak["name"] for peak in plot["peaks"]]


def test_every_flag_has_an_explanation_of_one_sentence():
    for code, (_, _, text) in CATALOGUE.items():
        assert text.endswith("."), code
        assert len(re.findall(r"[.!?](?:\s+[A-Z]|$)", text)) == 1, code
    q = replace(full(), flags=tuple(Flag(code) for code in CATALOGUE if code != "refused"))
    page = html.render_report(q, spectra=spectra(q), options={}, reproduce="")
    for code, (_, _, text) in CATALOGUE.items():
        assert (text.split("'")[0] in page) is (code != "refused"), code


def test_methods_say_and_cite_what_was_done_and_nothing_else():
    q = full()
    history = replace(HISTORY, coils=Coils(8), water=ResidualWater(True), eddy_current=EddyCurrent(False))
    done = methods.methods(q, replace(spectra(q), history=history))
    for needed in (
        "8 coils",
        "40 transients",
        "1 of them left out",
        "'mega3t', version 1.0",
        "a" * 12,
        "Cr+PCr",
        "TE 68",
    ):
        assert needed in done.text, needed
    assert "eddy" not in done.text
    cited = [int(n) for group in re.findall(r"\[([\d, ]+)\]", done.text) for n in group.split(",")]
    assert sorted(set(cited)) == list(range(1, len(done.references) + 1))
    assert list(dict.fromkeys(cited)) == sorted(set(cited)), "numbered in the order of the text"
    assert "jackknife" not in done.text
    apart = methods.methods(replace(q, history=Record(transient_groups=10)), replace(spectra(q), history=history))
    assert "jackknife over 10 groups of transients" in apart.text
    assert sum("Efron" in text for text in apart.references) == 1
    plain = methods.methods(refused(), spectra(refused()))
    assert "coils" not in plain.text
    assert "no concentrations are reported" in plain.text
    assert len(plain.references) == 2


def test_alignment_is_shown_for_raw_data_only():
    q = full()
    t = np.arange(1024) * 5e-4
    line = np.exp(2j * np.pi * 207.0 * t - 15 * t)  # 4.65 - 207 / 127.7 = 3.03 ppm
    final = {"edit_off": line, "edit_on": 0.9 * line, "diff": -0.1 * line}
    broad = {name: final[name] * np.exp(-40 * t) for name in ("edit_off", "edit_on")}
    raw = replace(spectra(q), history=HISTORY, **final)
    views = alignment_view.before_after(raw, broad)
    assert [v["name"] for v in views] == ["edit_off", "diff"]
    assert all(v["before"] != v["after"] for v in views)
    averaged = replace(raw, history=Record(transients={"edit_off": Transients(1), "edit_on": Transients(1)}))
    assert alignment_view.before_after(averaged, broad) == []
    assert alignment_view.before_after(raw, {}) == []
    page = html.render_report(q, spectra=raw, options={}, reproduce="", unaligned=broad)
    assert page.count('class="before" d=') == 2
    assert "15.0 Hz wide in the plain mean and 5.2 Hz" in page


def test_drift_leaves_out_rejected_transients():
    shifts = Transients(4, shifts_hz=(0.0, 1.0, 50.0, 2.0), rejected=(2,))
    record = Record(transients={"edit_off": shifts})
    found = alignment_view.drift_view(record)
    assert found["span"] == "2.0"
    assert [p["out"] for p in found["groups"][0]["points"]] == [False, False, True, False]


def test_hashes_of_files_and_model_are_given(tmp_path):
    q = full()
    path = tmp_path / "x.nii.gz"
    path.write_bytes(b"abc")
    page = html.render_report(q, spectra=replace(spectra(q), source=path), options={"h2o": "gone"}, reproduce="")
    assert "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" in page
    assert "a" * 64 in page


def test_report_says_what_matters():
    q = full()
    text = html.render_report(q, spectra=spectra(q), options={}, reproduce="fsl_mrs_dl fit --data x")
    for needed in (
        "Glx",
        "95 % interval",
        "4.0 Hz",
        "low_snr",
        "mega3t",
        "a" * 64,
        "Cr+PCr",
        "not a Cramér-Rao",
        "fsl_mrs_dl fit --data x",
        "classical fit",
        "outside",
        "Left out of edit_off: transients 3",
        "not visible",
        "TE 68 ms",
    ):
        assert needed in text, needed
    alone = html.render_report(diff_only(), spectra=spectra(diff_only()), options={}, reproduce="")
    assert "relative to NAA" in alone
    assert "Circle and column" not in alone


def test_report_escapes_what_comes_from_outside():
    q = replace(full(), model={"name": "<script>alert(1)</script>", "hash": "h"}, flags=(Flag("drift", "<b>5</b>"),))
    bad = spectra(q, name="<img src=x onerror=alert(1)>.nii.gz")
    text = html.render_report(q, spectra=bad, options={"a": "</script><script>"}, reproduce="--data '<i>'")
    assert text.count("</script>") == text.count("<script")
    assert text.count("<script>") == 1
    text = without_plotly(text)
    assert "<img" not in text
    assert "<b>5" not in text
    assert "<i>'" not in text


def test_drift_survives_odd_records():
    records = (None, {}, {"a": Transients(0)}, {"a": Transients(2, (float("nan"),) * 2)}, {"a": Transients(1, (3.0,))})
    for record in records:
        q = replace(full(), history=Record(transients=record))
        assert "Frequency of each transient" not in html.render_report(q, spectra=spectra(q), options={}, reproduce="")


def _figures_of_pyplot() -> list[int]:
    return sys.modules["matplotlib.pyplot"].get_fignums() if "matplotlib.pyplot" in sys.modules else []


def test_figure_has_no_global_state_and_shows_the_refusal():
    # another test may run a page of the docs in which the reader's own script opens a figure
    before = _figures_of_pyplot()
    figure = figures.draw_summary(refused())
    assert "REFUSED" in figure.get_suptitle()
    assert "no signal" in figure.get_suptitle()
    assert len(figure.axes[0].lines) == 1  # data alone
    both = figures.draw_summary(full(), "t")
    assert len(both.axes) == 3
    assert both.axes[0].get_xlim()[0] > both.axes[0].get_xlim()[1]
    residual = both.axes[0].lines[3].get_ydata()
    assert residual.min() > both.axes[0].lines[0].get_ydata().max()
    assert _figures_of_pyplot() == before


@pytest.mark.parametrize("n_cautions", [0, 1, 30])
@pytest.mark.parametrize("n_panels", [1, 2])
def test_what_stands_beside_the_panels_stays_in_the_picture(n_panels, n_cautions):
    detail = "a sentence of some length that tells what was seen in these data and what it may mean"
    flags = tuple(Flag("outside_training", f"{number}: {detail}") for number in range(n_cautions))
    q = full()
    figure = figures.draw_summary(replace(q, panels=q.panels[:n_panels], flags=flags), "t")
    figure.canvas.draw()
    inside = figure.bbox
    for text in figure.axes[-1].texts:
        box = text.get_window_extent()
        assert inside.x0 <= box.x0
        assert box.x1 <= inside.x1
        assert inside.y0 <= box.y0
        assert box.y1 <= inside.y1


@pytest.mark.parametrize("title", ["a$b_c$d \\frac{", "caf\udce9", "脳 \n second line"])
def test_any_file_name_can_be_a_title(title, tmp_path):
    figures.save_fit_summary(tmp_path / "x.png", full(), title)
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.1412, "0.141"), (11.04, "11.0"), (123.4, "123"), (1.5e-5, "1.5e-05"), (-0.012, "-0.0120")],
)
def test_format_value(value, text):
    assert figures.format_value(value) == text


def test_peaks_are_named_on_the_side_they_point_to():
    level = 0.2  # a baseline offset does not turn a peak
    assert curves.label_place(np.array([0.1, 0.2, 0.5]), level) == (0.5, 1)
    assert curves.label_place(np.array([-3.0, 0.2, 0.5]), level) == (-3.0, -1)
    # a small peak on a negative baseline is still upright
    assert curves.label_place(np.array([-5.1, -5.0, -4.5]), -5.0) == (-4.5, 1)
