# SPDX-License-Identifier: Apache-2.0
"""The output folder of `fit`: tables, quantities.json, figure, HTML report, from made-up quantifications."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from fsl_mrs_dl.data import EditedSpectra
from fsl_mrs_dl.flags import CATALOGUE, Flag
from fsl_mrs_dl.quantify.result import COMBINATIONS, Estimate, MetaboliteQC, Panel, Quantification, RangeCheck, combine
from fsl_mrs_dl.quantities import definition
from fsl_mrs_dl.reports import alignment_view, figures, folder, html, methods, panel_view, tables
from fsl_mrs_dl.reports.explanations import EXPLANATIONS
from tests.helpers import without_plotly

LINES = {
    "GABA": (3.013, 2.284, 1.89), "Glu": (3.743, 2.339, 2.08), "Gln": (3.753, 2.43, 2.12),
    "NAA": (2.008, 2.6, 4.38), "NAAG": (2.04, 2.5), "Cr": (3.027, 3.913), "PCr": (3.029, 3.93),
    "GPC": (3.212,), "PCh": (3.208,), "Ins": (3.52, 3.61),
}  # fmt: skip
AMOUNTS = {
    "GABA": 1.2, "Glu": 9.5, "Gln": 2.4, "NAA": 11.0, "NAAG": 1.5, "Cr": 4.6, "PCr": 3.9,
    "GPC": 0.9, "PCh": 0.5, "Ins": 6.0,
}  # fmt: skip
DIFF_SIGN = {"NAA": -1.0, "NAAG": -1.0, "GABA": 1.0, "Glu": 0.6, "Gln": 0.6}


def panel(name, rng, noise=0.8):
    ppm = np.linspace(0.2, 4.4, 900)
    components: dict = {}
    for metabolite, shifts in LINES.items():
        scale = DIFF_SIGN.get(metabolite, 0.0) if name == "diff" else 1.0
        components[metabolite] = scale * AMOUNTS[metabolite] * sum(1 / (1 + 1j * (ppm - s) / 0.025) for s in shifts)
    baseline = (0.3 * np.cos(ppm) + 0j) * 2
    fit = sum(components.values()) + baseline
    data = fit + noise * (rng.normal(size=900) + 1j * rng.normal(size=900)) * 0.3
    return Panel(name, ppm, data, fit, baseline, components)


def estimates(sub, names=tuple(LINES)):
    out = []
    for name in names:
        v = AMOUNTS[name]
        sd = 0.08 * v + 0.05
        out.append(Estimate(name, v, sd, (v - sd, v + 1.1 * sd), (max(0, v - 2 * sd), v + 2.3 * sd), sub))
    return tuple(out)


def sums(parts):
    by_name = {e.name: e for e in parts}
    found = [
        combine(k, [by_name[n] for n in names if n in by_name]) for k, names in COMBINATIONS.items() if k != "GABA+"
    ]
    return tuple(e for e in found if e is not None)


HISTORY = {
    "transients": {
        "edit_off": {"n": 20, "shifts_hz": np.linspace(0, 4, 20), "rejected": [3]},
        "edit_on": {"n": 20, "shifts_hz": list(np.linspace(0.5, 4.5, 20)), "rejected": []},
    },
    "cr_width_hz": {"before": np.float64(15.0), "after": np.float64(5.2)},
    "prepare": {"scale": float("nan"), "source": Path("a/b")},
}


def full():
    rng = np.random.default_rng(1)
    parts = estimates("edit_off+diff")
    zero = Estimate("Asc", 0.0, 0.2, (0.0, 0.2), (0.0, 0.5), "edit_off+diff", flag="not visible")
    return Quantification(
        estimates=(*parts, zero),
        combinations=sums(parts),
        reference=("Cr", "PCr"),
        panels=(panel("diff", rng), panel("edit_off", rng)),
        qc={e.name: MetaboliteQC(20.0 + i, 6.5) for i, e in enumerate(parts)},
        fit_parameters={"shift_ppm": -0.012, "phase_deg": 4.2, "fwhm_hz": 6.4, "residual_ratio": 1.1},
        range_checks=(RangeCheck("fwhm_hz", 6.4, 2.0, 14.0), RangeCheck("snr", 9.0, 15.0, 250.0)),
        model={"name": "mega3t", "hash": "a" * 64, "version": "1.0"},
        flags=(Flag("drift", "4.0 Hz"), Flag("low_snr", "9 < 15"), Flag("outside_training")),
        fitted_fid=np.exp(-np.arange(512) / 80.0) * (1 + 0.5j),
        classical={e.name: e.value * 1.07 for e in parts},
        history=HISTORY,
    )


def diff_only():
    rng = np.random.default_rng(2)
    parts = estimates("diff", ("GABA", "Glu", "Gln", "NAA", "NAAG"))
    return Quantification(
        estimates=parts, combinations=sums(parts), reference=("NAA",), panels=(panel("diff", rng),), qc={},
        fit_parameters={"fwhm_hz": float("nan")}, range_checks=(), model={"name": "mega3t", "hash": "b"},
        flags=(Flag("diff_only"),), fitted_fid=np.ones(512, complex),
    )  # fmt: skip


def refused():
    rng = np.random.default_rng(3)
    shown = panel("diff", rng)
    shown = replace(shown, fit=np.full_like(shown.fit, np.nan), baseline=np.full_like(shown.fit, np.nan), components={})
    return Quantification(
        estimates=(), combinations=(), reference=("Cr", "PCr"), panels=(shown,), qc={}, fit_parameters={},
        range_checks=(RangeCheck("fwhm_hz", float("nan"), 2.0, 14.0),), model={"name": "mega3t", "hash": "c"},
        flags=(Flag("refused", "no signal above the noise"),),
    )  # fmt: skip


def spectra(q, name="sub-01_diff.nii.gz"):
    fid = np.ones(512, complex)
    given: dict = {"diff": fid} if len(q.panels) == 1 else {"edit_off": fid, "edit_on": fid, "diff": fid}
    return EditedSpectra(5e-4, 127.7, Path("/data") / name, te_s=0.068, tr_s=2.0, **given)


MAKERS = {"full": full, "diff_only": diff_only, "refused": refused}
FILES = {
    "summary.csv", "concentrations.csv", "qc.csv", "all_parameters.csv", "fit_summary.png", "options.txt",
    "quantities.json", "mrsinmrs.md", "mrsinmrs.json",
    "lcmodel/dl.table", "lcmodel/dl.csv", "lcmodel/dl.coord", "lcmodel/dl.print",
}  # fmt: skip


def write(q, path, report=True):
    path.mkdir(exist_ok=True)
    options = {"data": Path("/data/x.nii.gz"), "overwrite": True, "h2o": None}
    folder.write_folder(
        q, path, spectra=spectra(q), options=options, report=report, reproduce="fsl_mrs_dl fit --data x"
    )
    return {str(p.relative_to(path)) for p in path.rglob("*") if p.is_file()}


def rows(text):
    return list(csv.reader(io.StringIO(text)))


@pytest.mark.parametrize("name", MAKERS)
def test_folder_holds_what_the_design_promises(name, tmp_path):
    q = MAKERS[name]()
    wanted = FILES | {"report.html"} | (set() if name == "refused" else {"fit.nii.gz"})
    assert write(q, tmp_path / "o") == wanted
    assert write(q, tmp_path / "no_report", report=False) == wanted - {"report.html"}
    assert (tmp_path / "o" / "fit_summary.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    for path in (tmp_path / "o").rglob("*"):
        if path.suffix in {".csv", ".json", ".table", ".coord", ".print"}:
            words = re.findall(r"(?i)(?<![a-z])(?:nan|[-+]?inf|infinity)(?![a-z])", path.read_text())
            assert not words, (path.name, words)


def test_summary_has_the_columns_and_the_values():
    q = full()
    table = rows(tables.summary_csv(q))
    ref = "/Cr+PCr"
    assert table[0] == [
        "Metab", "Raw conc", "Raw SD", ref, f"{ref} SD", f"{ref} lo95", f"{ref} hi95", "%SD", "SNR", "FWHM",
    ]  # fmt: skip
    names = [r[0] for r in table[1:]]
    assert names == sorted(names)
    assert {"GABA", "Glx", "tNAA"} <= set(names)
    gaba = next(r for r in table if r[0] == "GABA")
    assert float(gaba[1]) == 1.2
    assert float(gaba[3]) == pytest.approx(1.2 / 8.5)
    assert float(gaba[7]) == pytest.approx(100 * (0.08 * 1.2 + 0.05) / 1.2)
    assert float(gaba[5]) < float(gaba[3]) < float(gaba[6])
    assert float(gaba[8]) == 20.0
    glx = next(r for r in table if r[0] == "Glx")
    assert float(glx[1]) == pytest.approx(11.9)
    assert glx[8:] == ["", ""]
    assert next(r for r in table if r[0] == "Asc")[1:8] == [""] * 7, "not visible: a row without numbers"
    assert "CRLB" not in tables.summary_csv(q)


def test_the_second_reference_stands_beside_the_first():
    q = replace(full(), second_reference=("NAA", "NAAG"))
    table = rows(tables.summary_csv(q))
    ref = "/NAA+NAAG"
    assert table[0][10:] == [ref, f"{ref} SD", f"{ref} lo95", f"{ref} hi95"]
    assert {len(row) for row in table} == {14}
    gaba = dict(zip(table[0], next(r for r in table if r[0] == "GABA"), strict=True))
    naa = sum(e.value for e in q.estimates if e.name in ("NAA", "NAAG"))
    assert float(gaba[ref]) == pytest.approx(1.2 / naa)
    entry = tables.quantities(q)["metabolites"]["GABA"]
    assert entry["ratios"]["tNAA"]["value"] == pytest.approx(1.2 / naa)
    assert entry["ratios"]["tCr"]["value"] == pytest.approx(entry["value"])
    assert entry["ratios"]["tNAA"]["unit"] == ref


def test_names_say_what_they_are():
    brain, solution = tables.quantities(full())["metabolites"], tables.quantities(diff_only())["metabolites"]
    assert brain["Glx"]["label"] == "Glx (edit_off+diff)"
    assert solution["Glx"]["label"] == "Glx (diff)"
    assert solution["GABA"]["definition"].startswith("GABA of a model that knows no macromolecules")
    assert definition("GABA", ("GABA", "MM30")).startswith("GABA alone")
    assert definition("GABA+", ("GABA", "MM30")).startswith("GABA and the co-edited macromolecule")
    assert definition("Lac", ("Lac",)) == ""


def test_concentrations_have_two_header_rows():
    table = rows(tables.concentrations_csv(full()))
    assert table[:2] == [["Metabs", "mean", "mean", "std", "std"], ["", "raw", "internal", "raw", "internal"]]
    gaba = next(r for r in table if r[0] == "GABA")
    assert [float(v) for v in gaba[1:3]] == pytest.approx([1.2, 1.2 / 8.5])


@pytest.mark.with_shared
def test_headers_agree_with_a_real_fsl_mrs_folder():
    real = Path(__file__).resolve().parents[2] / "shared" / "reference" / "fslmrs" / "newton_diff"
    if not real.exists():
        pytest.skip(f"real FSL-MRS output is not here: {real}")
    assert rows(tables.qc_csv(full()))[0] == rows((real / "qc.csv").read_text())[0]
    assert rows(tables.all_parameters_csv(full()))[0] == rows((real / "all_parameters.csv").read_text())[0]
    theirs = rows((real / "concentrations.csv").read_text())[:2]
    ours = rows(tables.concentrations_csv(full()))[:2]
    keep = [0] + [i for i in range(1, len(theirs[1])) if theirs[1][i] in ("raw", "internal")]
    assert [[row[i] for i in keep] for row in theirs] == ours
    summary = rows((real / "summary.csv").read_text())[0]
    common = [column for column in rows(tables.summary_csv(full()))[0] if column in summary]
    assert common == [column for column in summary if column in common]
    assert "/Cr+PCr" in common


def test_quantities_json(tmp_path):
    write(full(), tmp_path / "o")
    content = json.loads((tmp_path / "o" / "quantities.json").read_text())
    gaba = content["metabolites"]["GABA"]
    assert {"value", "unit", "sd", "interval68", "interval95", "reference", "sub_spectrum", "flag"} <= set(gaba)
    assert gaba["unit"] == "/Cr+PCr"
    assert gaba["reference"] == "Cr+PCr"
    assert gaba["sub_spectrum"] == "edit_off+diff"
    assert gaba["value"] == pytest.approx(1.2 / 8.5)
    assert content["raw"] == AMOUNTS, "what is not visible has no amplitude"
    assert content["flags"] == ["drift", "low_snr", "outside_training"]
    assert content["flag_details"][0]["detail"] == "4.0 Hz"
    assert content["refused"] is False
    assert content["metabolites"]["Asc"]["flag"] == "not visible"
    assert content["history"]["prepare"]["scale"] is None
    assert len(content["history"]["transients"]["edit_on"]["shifts_hz"]) == 20
    assert [c["inside"] for c in content["range_checks"]] == [True, False]


def test_refusal_invents_no_number(tmp_path):
    # even when the object carries values by mistake
    q = replace(refused(), estimates=full().estimates, combinations=full().combinations, classical=full().classical)
    write(q, tmp_path / "o")
    content = json.loads((tmp_path / "o" / "quantities.json").read_text())
    assert content["refused"] is True
    assert content["raw"] == {}
    assert content["metabolites"] == {}
    assert content["flags"] == ["refused"]
    assert content["classical"] == {}
    assert content["reference_raw"] is None
    assert len(rows((tmp_path / "o" / "all_parameters.csv").read_text())) == 1
    assert len(rows((tmp_path / "o" / "summary.csv").read_text())) == 1
    assert len(rows((tmp_path / "o" / "concentrations.csv").read_text())) == 2
    page = (tmp_path / "o" / "report.html").read_text()
    assert "no signal above the noise" in page
    assert "95 % interval" not in page.split("How to read this")[0]
    table = (tmp_path / "o" / "lcmodel" / "dl.table").read_text()
    assert "$$CONC  1 lines" in table
    assert "FATAL" in table


def test_options_first_line_is_json(tmp_path):
    write(full(), tmp_path / "o")
    lines = (tmp_path / "o" / "options.txt").read_text().split("\n")
    assert json.loads(lines[0]) == {"data": "/data/x.nii.gz", "overwrite": True, "h2o": None}
    assert lines[1] == "--------"
    text = "\n".join(lines)
    assert "mega3t" in text
    assert "a" * 64 in text
    assert "numpy: " in text


def test_lcmodel_files_agree_with_the_estimates(tmp_path):
    q = full()
    write(q, tmp_path / "o")
    lines = (tmp_path / "o" / "lcmodel" / "dl.coord").read_text().split("\n")
    found = {line[23:].strip(): float(line[1:9]) for line in lines[4:19]}
    assert found["GABA"] == 1.2
    assert found["Glu+Gln"] == 11.9
    assert found["Cr+PCr"] == 8.5
    n = int(next(line for line in lines if "points on ppm-axis" in line)[1:5])
    window = (q.panels[0].ppm >= 0.5) & (q.panels[0].ppm <= 4.2)
    assert n == window.sum()
    start = next(i for i, line in enumerate(lines) if "phased data" in line) + 1
    values = np.array([float(lines[start + k // 10][1 + 13 * (k % 10) : 14 + 13 * (k % 10)]) for k in range(n)])
    np.testing.assert_allclose(values, q.panels[0].data.real[window][::-1], rtol=1e-5, atol=1e-9)
    assert " FWHM = 0.050 ppm" in (tmp_path / "o" / "lcmodel" / "dl.table").read_text()  # 6.4 Hz / 127.7 MHz


def test_fit_file_keeps_fid_and_sign(tmp_path):
    import nibabel

    q = full()
    write(q, tmp_path / "o")
    stored = np.asanyarray(nibabel.nifti2.load(tmp_path / "o" / "fit.nii.gz").dataobj)
    np.testing.assert_allclose(stored.reshape(-1), np.conj(q.fitted_fid), rtol=1e-5)


class Page(HTMLParser):
    """Tags, their balance, and everything that a browser would fetch."""

    VOID = frozenset({"meta", "link", "img", "br", "hr", "input"})

    def __init__(self):
        super().__init__()
        self.stack, self.fetched, self.tags = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.fetched += [
            v for k, v in attrs if k in {"src", "href", "xlink:href", "srcset", "action", "data", "poster"}
        ]
        if tag not in self.VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag, _attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag


@pytest.fixture(params=[True, False], ids=["plotly", "no plotly"])
def with_plotly(request, monkeypatch):
    """Whether plotly is there."""
    if request.param:
        pytest.importorskip("plotly", reason="plotly is not installed")
    else:
        monkeypatch.setitem(sys.modules, "plotly.offline", None)
    return request.param


def plots_of(text):
    return json.loads(re.search(r'<script type="application/json" id="plots">(.*?)</script>', text, re.DOTALL)[1])


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


def check_page(text):
    page = Page()
    page.feed(text)
    page.close()
    assert page.stack == []
    assert page.fetched == []
    assert "link" not in page.tags
    assert "img" not in page.tags
    assert not re.search(r"https?:|url\(|@import|fetch\(|XMLHttpRequest", text)
    assert not re.search(r"(?i)[\s\",>](nan|inf)[\s\",<]", text)


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
    shown = figures.visible(one)
    expected = one.data.real[shown][::-1]
    scale = np.ptp(data) / np.ptp(expected)
    np.testing.assert_allclose(data / scale, expected, atol=1e-3 * np.ptp(expected))
    np.testing.assert_allclose(fit / scale, one.fit.real[shown][::-1], atol=1e-3 * np.ptp(expected))
    assert plot["x"][0] > plot["x"][-1]


def test_every_flag_has_an_explanation_of_one_sentence():
    assert set(EXPLANATIONS) == set(CATALOGUE)
    for code, text in EXPLANATIONS.items():
        assert text.endswith("."), code
        assert len(re.findall(r"[.!?](?:\s+[A-Z]|$)", text)) == 1, code
    q = replace(full(), flags=tuple(Flag(code) for code in CATALOGUE if code != "refused"))
    page = html.render_report(q, spectra=spectra(q), options={}, reproduce="")
    for code, text in EXPLANATIONS.items():
        assert (text.split("'")[0] in page) is (code != "refused"), code


def test_methods_say_and_cite_what_was_done_and_nothing_else():
    q = full()
    history = {**HISTORY, "coils": {"n_coils": 8}, "water": {"removed": True}, "eddy_current": {"corrected": False}}
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
    apart = methods.methods(replace(q, history={"transient_groups": 10}), replace(spectra(q), history=history))
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
    averaged = replace(raw, history={"transients": {"edit_off": {"n": 1}, "edit_on": {"n": 1}}})
    assert alignment_view.before_after(averaged, broad) == []
    assert alignment_view.before_after(raw, {}) == []
    page = html.render_report(q, spectra=raw, options={}, reproduce="", unaligned=broad)
    assert page.count('class="before" d=') == 2
    assert "15.0 Hz wide in the plain mean and 5.2 Hz" in page


def test_drift_leaves_out_rejected_transients():
    record = {"transients": {"edit_off": {"shifts_hz": [0.0, 1.0, 50.0, 2.0], "rejected": [2]}}}
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
        "Glx", "95 % interval", "4.0 Hz", "low_snr", "mega3t", "a" * 64, "Cr+PCr", "not a Cramér-Rao",
        "fsl_mrs_dl fit --data x",
        "classical fit", "outside", "Left out of edit_off: transients 3", "not visible", "TE 68 ms",
    ):  # fmt: skip
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
    records: tuple = ({"a": {}}, {"a": {"shifts_hz": []}}, {"a": {"shifts_hz": [float("nan")] * 2}}, "text", {})
    for record in records:
        q = replace(full(), history={"transients": record})
        assert "Frequency of each transient" not in html.render_report(q, spectra=spectra(q), options={}, reproduce="")


def test_figure_has_no_global_state_and_shows_the_refusal():
    import sys

    figure = figures.draw_summary(refused())
    assert "REFUSED" in figure.get_suptitle()
    assert "no signal" in figure.get_suptitle()
    assert len(figure.axes[0].lines) == 1  # data alone
    both = figures.draw_summary(full(), "t")
    assert len(both.axes) == 3
    assert both.axes[0].get_xlim()[0] > both.axes[0].get_xlim()[1]
    residual = both.axes[0].lines[3].get_ydata()
    assert residual.min() > both.axes[0].lines[0].get_ydata().max()
    if "matplotlib.pyplot" in sys.modules:
        assert sys.modules["matplotlib.pyplot"].get_fignums() == []


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.1412, "0.141"), (11.04, "11.0"), (123.4, "123"), (1.5e-5, "1.5e-05"), (-0.012, "-0.0120")],
)
def test_format_value(value, text):
    assert figures.format_value(value) == text


def test_peaks_are_named_on_the_side_they_point_to():
    level = 0.2  # a baseline offset does not turn a peak
    assert figures.label_place(np.array([0.1, 0.2, 0.5]), level) == (0.5, 1)
    assert figures.label_place(np.array([-3.0, 0.2, 0.5]), level) == (-3.0, -1)
    # a small peak on a negative baseline is still upright
    assert figures.label_place(np.array([-5.1, -5.0, -4.5]), -5.0) == (-4.5, 1)
