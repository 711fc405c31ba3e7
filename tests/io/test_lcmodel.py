# SPDX-License-Identifier: Apache-2.0
"""LCModel-style files: layout byte for byte against real LCModel output, and reading back by fixed columns."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from fsl_mrs_dl.core.errors import DataError
from fsl_mrs_dl.io import lcmodel_results as lcmodel
from fsl_mrs_dl.io.lcmodel_results import Curves, Diagnostic, Misc, Row

REFERENCE = Path(__file__).resolve().parents[3] / "shared" / "reference" / "lcmodel"
REFERENCES = {"off": "Cr", "diff": "NAA+NAAG", "test_lcm": "Cr+PCr"}
EXAMPLES = tuple(REFERENCES)

ROWS = [
    Row("GABA", 2.4401, 5.4, 0.336),
    Row("NAA", 10.045, 0.4, 1.385),
    Row("Tau", 0.0, 3.0, 0.0),
    Row("Asc", 7.2e-8, 1660.0, 0.039),
    Row("Ins", float("nan"), float("nan"), float("inf")),
    Row("Glu+Gln", 15251.4, 2.0, 1234.5),
]


@pytest.fixture
def curves():
    ppm = np.linspace(0.5, 4.2, 123)
    rng = np.random.default_rng(5)
    parts = {"GABA": rng.normal(size=123), "NAA": 1e3 * rng.normal(size=123), "Tau": np.ones(123)}
    background = 0.1 * np.sin(ppm)
    fit = parts["GABA"] + parts["NAA"] + background
    return Curves(ppm, fit + rng.normal(size=123), fit, background, parts)


def real_example(name, ending):
    path = REFERENCE / name / f"out.{ending}"
    if not path.exists():
        pytest.skip(f"real LCModel output is not here: {path}")
    return path.read_text(encoding="latin-1").split("\n")


def parse_row(line):
    """By LCModel's columns, counted from 1: 2-9 value, 10-13 %SD, 14 %, 15-22 ratio, 23 flag, 24- name."""
    assert (line[0], line[13]) == (" ", "%")
    return line[23:].rstrip(), float(line[1:9]), int(line[9:13]), float(line[14:22]), line[22]


def parse_table(lines):
    keys = ("$$CONC", "$$MISC", "$$DIAG", "$$INPU")
    at = {key: i for i, line in enumerate(lines) for key in keys if line.startswith(key)}
    out = {}
    for key, i in at.items():
        count = int(lines[i][6:9])
        out[key] = lines[i + 1 : i + 1 + count]
        out[key + " next"] = lines[i + 1 + count]
    return out


def parse_coord(lines):
    """Blocks by their counts, never by what they look like."""
    i = 2
    n_rows = int(lines[i][1:3])
    assert lines[i][3:].startswith(" lines in following concentration table")
    rows = [parse_row(line) for line in lines[i + 2 : i + 1 + n_rows]]
    i += n_rows + 1
    n_misc = int(lines[i][1:4])
    assert n_misc >= 3
    i += n_misc + 1
    n = int(lines[i][1:5])
    assert lines[i][5:] == " points on ppm-axis = NY"
    i += 1
    n_lines = -(-n // 10)

    def block(start):
        texts = []
        for line in lines[start : start + n_lines]:
            assert (line[0], (len(line) - 1) % 13) == (" ", 0)
            assert len(line) <= 131
            texts += [line[k : k + 13] for k in range(1, len(line), 13)]
        assert len(texts) == n
        return np.array([float(t) for t in texts])

    out = {"rows": rows, "ppm": block(i), "metabolites": {}}
    i += n_lines
    for key, head in (
        ("data", " NY phased data points follow"),
        ("fit", " NY points of the fit to the data follow"),
        ("background", " NY background values follow"),
    ):
        if not lines[i].startswith(head):
            continue
        out[key] = block(i + 1)
        i += 1 + n_lines
    while "Conc. =" in lines[i]:
        assert lines[i][7:17] == "   Conc. ="
        out["metabolites"][lines[i][1:7].strip()] = (float(lines[i][17:]), block(i + 1))
        i += 1 + n_lines
    assert lines[i][4:] == " lines in following diagnostic table:"
    i += 1 + max(1, int(lines[i][1:4]))  # an empty line where there is none
    assert lines[i][4:] == " lines in following table of input changes:"
    assert len(lines) == i + 1 + int(lines[i][1:4]) + 1  # the last line end
    return out


@pytest.mark.with_shared
@pytest.mark.parametrize("name", EXAMPLES)
def test_rows_of_real_tables_come_out_byte_for_byte(name):
    table = parse_table(real_example(name, "table"))["$$CONC"]
    assert len(table) >= 6
    assert lcmodel.format_header(REFERENCES[name]) == table[0]
    for line in table[1:]:
        metabolite, value, percent, ratio, flag = parse_row(line)
        assert flag == " "
        assert lcmodel.format_row(Row(metabolite, value, percent, ratio)) == line


@pytest.mark.with_shared
@pytest.mark.parametrize("name", EXAMPLES)
def test_real_csv_comes_out_byte_for_byte(name, tmp_path):
    real = [line for line in real_example(name, "csv") if line]
    head, values = (line.split(",") for line in real[:2])
    reference = head[4].strip().split("/", 1)[1]
    rows = [
        Row(head[k].strip(), *(float(v) for v in values[k : k + 3]))  # name, value, %SD, ratio
        for k in range(2, len(head), 3)
    ]
    # the header cuts names at 13 characters, in the table they may be longer
    lcmodel.write_csv(tmp_path / "x.csv", rows=rows, reference=reference)
    assert (tmp_path / "x.csv").read_text().split("\n")[:2] == real[:2]


@pytest.mark.with_shared
@pytest.mark.parametrize("name", EXAMPLES)
def test_layout_of_sections_is_that_of_real_tables(name, tmp_path):
    real = parse_table(real_example(name, "table"))
    line0, line1, line2 = real["$$MISC"][:3]
    number = r"-?[\d.]+"
    fwhm, snr = (float(t) for t in re.findall(number, line0))
    shift = float(re.findall(number, line1)[0])
    phase, slope = (float(t) for t in re.findall(number, line2))
    diagnostics = [
        Diagnostic(line[5:14].strip().removesuffix("'s"), line[15:21].strip(), int(line[21:24]))
        for line in real["$$DIAG"]
        if line.strip()
        for _ in range(int(line[:4]))
    ]
    lcmodel.write_table(
        tmp_path / "t",
        title="s",
        rows=[],
        reference="Cr",
        misc=Misc(fwhm, snr, shift, phase, slope),
        diagnostics=diagnostics,
        inputs=["doecc = F"],
    )
    ours = parse_table((tmp_path / "t").read_text().split("\n"))
    assert ours["$$MISC"] == real["$$MISC"][:3]
    assert ours["$$DIAG"] == real["$$DIAG"]
    if " doecc = F".ljust(74) in real["$$INPU"]:
        assert " doecc = F".ljust(74) in ours["$$INPU"]


@pytest.mark.with_shared
@pytest.mark.parametrize("name", EXAMPLES)
def test_real_coord_comes_out_byte_for_byte(name, tmp_path):
    real = real_example(name, "coord")
    parsed = parse_coord(real)
    background = parsed.get("background", np.zeros_like(parsed["ppm"]))
    rows = [Row(*r[:4]) for r in parsed["rows"]]
    components = {n: c - background for n, (_, c) in parsed["metabolites"].items()}
    curves = Curves(parsed["ppm"], parsed["data"], parsed["fit"], background, components)
    lcmodel.write_coord(tmp_path / "c", title="t", rows=rows, reference="Cr", misc=Misc(), curves=curves)
    ours = (tmp_path / "c").read_text().split("\n")
    again = parse_coord(ours)
    assert list(again["metabolites"]) == list(parsed["metabolites"])

    def section(lines, head):
        start = next(i for i, line in enumerate(lines) if head in line)
        return lines[start : start + 1 + -(-len(parsed["ppm"]) // 10)]

    for head in ("points on ppm-axis", "NY phased data", "NY points of the fit"):
        assert section(ours, head) == section(real, head)
    if "background" in parsed:
        assert section(ours, "NY background") == section(real, "NY background")
    for metabolite in parsed["metabolites"]:
        head = f" {metabolite:<6s}   Conc. ="
        assert section(ours, head)[0] == section(real, head)[0]
        np.testing.assert_allclose(again["metabolites"][metabolite][1], parsed["metabolites"][metabolite][1], rtol=2e-5)


def test_table_reads_back_by_columns(tmp_path):
    lcmodel.write_table(
        tmp_path / "dl.table",
        title="sub 01\n$ x",
        rows=ROWS,
        reference="Cr+PCr",
        misc=Misc(0.031, 138, -0.027, 7, -0.1),
        diagnostics=[Diagnostic("warning", "DLFLAG", 6)],
        inputs=["namrel = 'Cr+PCr'", "n" * 200],
    )
    text = (tmp_path / "dl.table").read_text()
    lines = text.split("\n")
    assert lines[0].startswith(" fsl_mrs_dl (Version ")
    assert "lcmodel" not in lines[0].lower()
    assert "not a CRLB" in lines[1]
    assert "$" not in lines[1]
    assert lines[2] == ""
    assert not re.search(r"(?i)\b(nan|inf|infinity)\b", text)
    parsed = parse_table(lines)
    rows = [parse_row(line) for line in parsed["$$CONC"][1:]]
    assert [r[0] for r in rows] == ["GABA", "NAA", "Tau", "Asc", "Ins", "Glu+Gln"]
    assert rows[0][1:] == (2.440, 5, 0.336, " ")
    assert rows[2][1:] == (0.0, 999, 0.0, " ")
    assert rows[3][1:] == (7.2e-8, 999, 0.039, " ")
    assert rows[4][1:] == (0.0, 999, 0.0, " ")
    assert rows[5][1:] == (1.53e4, 2, 1.2e3, " ")
    assert all(parsed[f"{key} next"] == "" for key in ("$$CONC", "$$MISC", "$$DIAG", "$$INPU"))
    assert any("not a CRLB" in line for line in parsed["$$INPU"])
    assert {len(line) for key in ("$$DIAG", "$$INPU") for line in parsed[key]} == {74}
    assert {len(line) for key in ("$$CONC", "$$MISC") for line in parsed[key]} == {75}
    assert parsed["$$DIAG"][0].split() == ["1", "warning", "DLFLAG", "6"]


def test_coord_reads_back(tmp_path, curves):
    lcmodel.write_coord(tmp_path / "c", title="t", rows=ROWS, reference="Cr", misc=Misc(), curves=curves)
    back = parse_coord((tmp_path / "c").read_text().split("\n"))
    assert np.all(np.diff(back["ppm"]) < 0)
    np.testing.assert_allclose(back["ppm"], curves.ppm[::-1], atol=6e-7)
    np.testing.assert_allclose(back["data"], curves.data[::-1], rtol=6e-6)
    np.testing.assert_allclose(back["background"], curves.background[::-1], rtol=6e-4)
    assert list(back["metabolites"]) == ["GABA", "NAA"]  # Tau is 0: no curve
    total = sum(c - back["background"] for _, c in back["metabolites"].values()) + back["background"]
    np.testing.assert_allclose(total, back["fit"], atol=2e-5 * np.abs(curves.fit).max())


def test_coord_of_a_refusal(tmp_path):
    nothing = np.full(30, np.nan)
    curves = Curves(np.linspace(1, 4, 30), np.arange(30.0), nothing, np.zeros(30))
    lcmodel.write_coord(tmp_path / "c", title="t", rows=[], reference="", misc=Misc(snr=np.nan), curves=curves)
    text = (tmp_path / "c").read_text()
    assert "nan" not in text.lower()
    back = parse_coord(text.split("\n"))
    assert back["rows"] == []
    assert not back["fit"].any()
    assert back["data"][0] == 29


def test_numbers_never_leave_their_columns(tmp_path):
    extreme = [0.0994, 0.0995, 999.999, 999.9994, 1000.0, 1e99, 1e300, 1e-98, 1e-120, 5e-324]
    for value in extreme:
        line = lcmodel.format_row(Row("X", value, value, value))
        name, back, percent, ratio, _ = parse_row(line)
        assert len(line) == 75
        assert name == "X"
        assert 0 <= percent <= 999
        if 1e-98 <= value <= 1e98:
            assert back == pytest.approx(value, rel=6e-3)
            assert ratio == pytest.approx(value, rel=6e-2)
    line = lcmodel.format_row(Row("X", 0.0994, 1, 0.0994))
    assert line[1:9] == "9.94E-02"
    assert line[14:22] == " 9.9E-02"
    curves = Curves(np.arange(4.0), np.array([1e-300, -1e300, -1.0, 0]), np.zeros(4), np.zeros(4))
    misc = Misc(99, 1e9, -99, 1e9, 1e9)
    lcmodel.write_coord(tmp_path / "c", title="t", rows=[], reference="Cr", misc=misc, curves=curves)
    assert parse_coord((tmp_path / "c").read_text().split("\n"))["data"].size == 4


def test_what_does_not_fit_is_refused(tmp_path, curves):
    common: dict = {"title": "t", "reference": "Cr", "misc": Misc()}
    with pytest.raises(DataError, match="98 at most"):
        lcmodel.write_table(tmp_path / "x", rows=[Row(f"M{i}", 1, 1) for i in range(99)], **common)
    with pytest.raises(DataError, match="same name"):
        lcmodel.write_table(tmp_path / "x", rows=[Row("Metabolite1", 1, 1), Row("Metabolite2", 1, 1)], **common)
    with pytest.raises(DataError, match="84 at most"):
        lcmodel.write_csv(tmp_path / "x", rows=[Row(f"M{i}", 1, 1) for i in range(85)], reference="Cr")
    short = Curves(curves.ppm, curves.data[:-1], curves.fit, curves.background)
    with pytest.raises(DataError, match="another length"):
        lcmodel.write_coord(tmp_path / "x", rows=ROWS, curves=short, **common)
    assert not (tmp_path / "x").exists()


def test_suspect_reads_the_coord(tmp_path, curves):
    suspect = pytest.importorskip("suspect.io.lcmodel", reason="suspect is not installed")
    misc = Misc(0.031, 123456.0, -0.027, -120.0, -0.1)
    lcmodel.write_coord(tmp_path / "c", title="two words", rows=ROWS, reference="Cr", misc=misc, curves=curves)
    back = suspect.read_coord(tmp_path / "c")
    assert back["metabolite_fits"]["GABA"] == {"concentration": 2.44, "sd": 5}
    assert back["metabolite_fits"]["Ins"] == {"concentration": 0.0, "sd": 999}
    assert back["metabolite_fits"]["Glx"] == back["metabolite_fits"]["Glu+Gln"] == {"concentration": 1.53e4, "sd": 2}
    # it splits at blanks, so no number may touch what stands before it
    assert back["misc_output"] == {
        "fwhm": 0.031,
        "snr": 999.0,
        "frequency_shift": -0.027,
        "phase0": 240.0,
        "phase1": -0.1,
    }
    np.testing.assert_allclose(back["ppm"], curves.ppm[::-1], atol=6e-7)
    for key, curve in (("data", curves.data), ("fit", curves.fit)):
        np.testing.assert_allclose(back[key], curve[::-1], rtol=6e-6)
    np.testing.assert_allclose(back["baseline"], curves.background[::-1], rtol=6e-4)
    assert list(back["metabolite_spectra"]) == ["GABA", "NAA"]
    expected = (curves.components["GABA"] + curves.background)[::-1]
    np.testing.assert_allclose(back["metabolite_spectra"]["GABA"], expected, rtol=6e-6)


@pytest.mark.parametrize(
    ("phase_deg", "text"), [(7.4, "   7"), (-4.0, "  -4"), (-99.0, " -99"), (-100.0, " 260"), (359.0, "  -1")]
)
def test_phase_is_the_same_angle_and_leaves_a_blank(tmp_path, phase_deg, text):
    lcmodel.write_table(tmp_path / "t", title="t", rows=[], reference="Cr", misc=Misc(phase0_deg=phase_deg))
    assert f"  Ph:{text} deg" in (tmp_path / "t").read_text()


def test_messages_that_are_alike_share_a_line(tmp_path):
    messages = [Diagnostic("info", "DLFLAG", 9), Diagnostic("warning", "DLFLAG", 5), Diagnostic("info", "DLFLAG", 9)]
    lcmodel.write_table(tmp_path / "t", title="t", rows=[], reference="", misc=Misc(), diagnostics=messages)
    found = parse_table((tmp_path / "t").read_text().split("\n"))["$$DIAG"]
    assert found == ["   2 info's    DLFLAG  9".ljust(74), "   1 warning   DLFLAG  5".ljust(74)]


def parse_print(lines):
    """Sections of a .print file by their headings, which stand at fixed columns."""
    at = {key: lines.index(key) for key in (INPUT_HEAD, QUANTITY_HEAD, " Summary of diagnostics")}
    head = next(i for i, line in enumerate(lines) if line.startswith("    Conc.  %SD"))
    rows = []
    for line in lines[head + 1 :]:
        if not line:
            break
        rows.append(line)
    after = head + 1 + len(rows)
    misc = next(i for i, line in enumerate(lines[after:], after) if line.startswith("  FWHM ="))
    inputs = lines[at[INPUT_HEAD] + 1 : at[QUANTITY_HEAD]]
    return {
        "banner": lines[3],
        "blank before banner": lines[:3],
        "title": lines[5],
        "again": lines[head - 3 : head],
        "inputs": inputs[: inputs.index("")],
        "gap after inputs": len(inputs) - inputs.index(""),
        "data set": next(line for line in lines if line.startswith(" Data set ID = ")),
        "header": lines[head],
        "rows": rows,
        "gap after rows": misc - after,
        "misc": lines[misc : misc + 3],
        "diagnostics": lines[at[" Summary of diagnostics"] + 1 :],
    }


INPUT_HEAD = "          Input changes to Control Variables"
QUANTITY_HEAD = "           Other quantities"


@pytest.mark.with_shared
@pytest.mark.parametrize("name", EXAMPLES)
def test_print_has_the_layout_of_real_ones(name, tmp_path):
    real = parse_print(real_example(name, "print"))
    rows = [Row(*parse_row(line)[:4]) for line in real["rows"]]
    number = r"-?[\d.]+"
    fwhm, snr, shift, phase, slope = (float(t) for line in real["misc"] for t in re.findall(number, line))
    lcmodel.write_print(
        tmp_path / "p",
        title="s008",
        rows=rows,
        reference=REFERENCES[name],
        misc=Misc(fwhm, snr, shift, phase, slope),
        inputs=[line.strip() for line in real["inputs"]],
    )
    ours = parse_print((tmp_path / "p").read_text().split("\n"))
    for key in ("header", "rows", "misc", "gap after rows", "gap after inputs", "blank before banner"):
        assert ours[key] == real[key], key
    # the first tells what %SD is; LCModel keeps the blanks of the control file
    assert [line.strip() for line in ours["inputs"][1:]] == [line.strip() for line in real["inputs"]]
    assert {len(line) for line in ours["inputs"]} == {len(line) for line in real["inputs"]}
    assert len(ours["banner"]) == len(real["banner"])
    assert len(ours["data set"]) == len(real["data set"])
    assert [len(line) for line in ours["again"]] == [len(line) for line in real["again"]]


def test_print_has_the_same_table(tmp_path):
    lcmodel.write_print(
        tmp_path / "p",
        title="t",
        rows=ROWS,
        reference="Cr",
        misc=Misc(),
        diagnostics=[Diagnostic("info", "DLFLAG", 1)],
        inputs=["a = 1"],
        quantities={"fwhm_hz": "5.1"},
        history=["preprocess: {}"],
    )
    lines = (tmp_path / "p").read_text().split("\n")
    assert lcmodel.format_header("Cr") in lines
    assert lcmodel.format_row(ROWS[0]) in lines
    assert " Summary of diagnostics" in lines
    assert lines[lines.index(QUANTITY_HEAD) + 1] == " fwhm_hz = 5.1"
    assert " preprocess: {}" in lines
    found = parse_print(lines)
    assert "not a CRLB" in found["inputs"][0]
    assert "not a CRLB" in found["title"]
    assert found["diagnostics"][0] == "   1 info      DLFLAG  1".ljust(74)
    assert found["data set"] == f" Data set ID = {'t':<20s}"
