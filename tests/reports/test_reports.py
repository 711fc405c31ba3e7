# SPDX-License-Identifier: Apache-2.0
"""The output folder of `fit`: tables, quantities.json, figure, from made-up quantifications."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fsl_mrs_dl.metabolites.sums import definition
from fsl_mrs_dl.reports import tables
from fsl_mrs_dl.reports.manifest import OUTPUTS, Run, write_folder
from tests.report_helpers import AMOUNTS, MAKERS, diff_only, full, refused, rows, spectra, write

PROMISED = {
    *("summary.csv", "concentrations.csv", "qc.csv", "all_parameters.csv", "quantities.json", "options.txt"),
    *("fit_summary.png", "report.html", "mrsinmrs.md", "mrsinmrs.json"),
    *("lcmodel/dl.table", "lcmodel/dl.csv", "lcmodel/dl.coord", "lcmodel/dl.print"),
}
"""Files that other programs look for."""


@pytest.mark.parametrize("name", MAKERS)
def test_folder_holds_what_the_design_promises(name, tmp_path):
    q = MAKERS[name]()
    written = write(q, tmp_path / "o")
    assert written >= PROMISED
    assert ("fit.nii.gz" in written) == (name != "refused")
    sometimes = {"fit.nii.gz", "data.nii.gz", "data", "basis"}
    assert written | sometimes == {file for output in OUTPUTS for file in output.files}
    assert write(q, tmp_path / "no_report", report=False) == written - {"report.html"}
    assert (tmp_path / "o" / "fit_summary.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    for path in (tmp_path / "o").rglob("*"):
        # what was not measured is nan in concentrations.csv, as FSL-MRS reads it
        if path.suffix in {".csv", ".json", ".table", ".coord", ".print"} and path.name != "concentrations.csv":
            words = re.findall(r"(?i)(?<![a-z])(?:nan|[-+]?inf|infinity)(?![a-z])", path.read_text())
            assert not words, (path.name, words)


def test_summary_has_the_columns_and_the_values():
    q = full()
    table = rows(tables.summary_csv(q))
    ref = "/Cr+PCr"
    assert table[0] == [
        "Metab",
        "Raw conc",
        "Raw SD",
        ref,
        f"{ref} SD",
        f"{ref} lo95",
        f"{ref} hi95",
        "%SD",
        "SNR",
        "FWHM",
    ]
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
    real = Path(__file__).resolve().parents[3] / "shared" / "reference" / "fslmrs" / "newton_diff"
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
    hidden = content["metabolites"]["Asc"]
    assert hidden["flag"] == hidden["raw"]["flag"] == "not visible"
    numbers = ("value", "sd", "interval68", "interval95")
    assert {part[name] for part in (hidden, hidden["raw"], *hidden["ratios"].values()) for name in numbers} == {None}
    assert hidden["percent_sd"] is None
    assert content["history"]["reference"]["shift_ppm"] is None
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
    # beside the program's own arguments those of FSL-MRS, whose programs read this line
    given = {"data": "/data/x.nii.gz", "overwrite": True, "h2o": None}
    assert given.items() <= json.loads(lines[0]).items()
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


def test_names_that_are_not_utf_8_do_not_stop_the_writing(tmp_path):
    name = os.fsdecode(b"n\xe4 $a$b.nii.gz")
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    q = full()
    write_folder(folder, Run(q, spectra(q, name=name), options={"data": name}, report=True, reproduce=f"fit {name}"))
    texts = [path.read_bytes() for path in folder.rglob("*") if path.suffix not in (".png", ".gz") and path.is_file()]
    assert len(texts) > 5
    assert all(text.decode("utf-8") for text in texts)
    assert "udce4" in (folder / "report.html").read_text("utf-8")
