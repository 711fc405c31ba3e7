# SPDX-License-Identifier: Apache-2.0
"""Classical programs beside the network: what they are shown, how their answers are merged, what their absence says."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fsl_mrs_dl.core.errors import DataError
from fsl_mrs_dl.quantify.signals import basis_signals
from fsl_mrs_dl.validation.programs.lcmodel import LCModel, control, find_lcmodel, read_concentrations
from fsl_mrs_dl.validation.programs.task import answers, tasks, wanted_metabolites
from tests.mixture_helpers import FIVE, N, five_metabolites

NAMES = tuple(FIVE)

REAL = Path(os.environ.get("LCMODEL", "")) if os.environ.get("LCMODEL") else None


@pytest.fixture(scope="module")
def spectra():
    return five_metabolites()


def test_what_a_condition_does_not_show_is_left_out(spectra):
    off, diff = tasks(spectra, basis_signals(spectra, NAMES))
    assert (off.condition, diff.condition) == ("edit_off", "diff")
    assert set(off.names) == set(NAMES)
    assert set(diff.names) == set(NAMES) - {"Cr"}
    assert off.basis.shape == (5, N)


def test_edited_metabolites_come_from_diff_and_the_rest_from_off(spectra):
    found = answers("p", lambda t: {n: {"edit_off": 1.0, "diff": 2.0}[t.condition] for n in t.names}, spectra, NAMES)
    assert found["p_off"] == dict.fromkeys(NAMES, 1.0)
    assert found["p"] == {"GABA": 2.0, "Glu": 2.0, "Gln": 2.0, "NAA": 1.0, "Cr": 1.0}


def test_a_program_that_fails_gives_no_answer(spectra):
    assert answers("p", lambda _: {}, spectra, NAMES) == {}


def test_the_basis_is_that_of_the_truths():
    assert wanted_metabolites([{"GABA": 1, "PCho": 1}, {"Cr": 0}], False) == ("GABA", "PCh", "Cr")
    assert wanted_metabolites([{"GABA": 1}], True) == ("GABA", "MM09", "MM30")


TABLE = """ LCModel (Version 6.3-1N)
 t

$$CONC  6 lines in following concentration table = NCONC+1
    Conc.  %SD   /NAA   Metabolite
    0.908   4%   0.211 GABA
 7.20E-08 999% 1.0E-02 Gln
    4.299   1%   1.000+NAA
    0.596   8%   0.139 MM09
    4.895   1%   1.139 NAA+NAAG

$$MISC  1 lines in following misc. output table
  FWHM = 0.019 ppm    S/N =  68
"""


def test_single_metabolites_are_read_from_a_table():
    assert read_concentrations(TABLE.replace("+NAA\n", " NAA\n")) == {"GABA": 0.908, "Gln": 7.2e-8, "NAA": 4.299}
    assert read_concentrations(TABLE)["NAA"] == 4.299  # the mark of a ratio that is far from its prior
    assert read_concentrations("") == {}


def program(path, text):
    path.write_text(f"#!{sys.executable}\n{text}\n")
    path.chmod(0o755)
    return path


def test_lcmodel_gets_its_files_and_its_table_is_read(spectra, tmp_path):
    fake = program(
        tmp_path / "lcmodel",
        f"""
import sys
text = sys.stdin.read()
assert "hzpppm=127.73" in text and "nunfil=2048" in text, text
assert "$BASIS" in open("b.BASIS").read() and "$NMID" in open("d.RAW").read()
open("o.table", "w").write({TABLE!r})""",
    )
    assert answers("lcmodel", LCModel(fake), spectra, NAMES)["lcmodel_off"]["GABA"] == 0.908
    # all errors of LCModel end with 0 and without a table
    assert LCModel(program(tmp_path / "silent", "pass"))(tasks(spectra, basis_signals(spectra, NAMES))[0]) == {}


def test_a_binary_that_does_not_start_is_an_error(spectra, tmp_path):
    task = tasks(spectra, basis_signals(spectra, NAMES))[0]
    broken = program(tmp_path / "broken", "raise SystemExit('libgfortran.so.5: cannot open')")
    with pytest.raises(DataError, match="libgfortran"):
        LCModel(broken)(task)
    with pytest.raises(DataError, match="cannot be started"):
        LCModel(tmp_path / "none")(task)


def test_lcmodel_is_found_by_name_variable_and_path(tmp_path, monkeypatch):
    monkeypatch.delenv("LCMODEL", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_lcmodel() is None
    binary = program(tmp_path / "lcmodel", "pass")
    assert find_lcmodel() == binary
    with pytest.raises(DataError, match="not a program"):
        find_lcmodel(tmp_path / "other")
    monkeypatch.setenv("LCMODEL", str(tmp_path / "gone"))
    with pytest.raises(DataError, match="not a program"):
        find_lcmodel()


def test_solutions_have_no_baseline_and_diff_keeps_its_place(spectra):
    off, diff = tasks(spectra, basis_signals(spectra, NAMES))
    assert "nobase=T" in control(off)
    assert "shifmx(2)=0.06" in control(diff)
    brain = tasks(spectra, basis_signals(spectra, (*NAMES, "MM09", "MM30")))[0]
    assert "nobase=T" not in control(brain)


@pytest.mark.with_shared
@pytest.mark.parametrize("condition", ["off", "diff"])
def test_tables_of_the_real_program_are_read(condition):
    folder = Path(__file__).resolve().parents[3] / "shared" / "reference" / "lcmodel" / condition
    if not folder.is_dir():
        pytest.skip("no ../shared/reference")
    found = read_concentrations((folder / "out.table").read_text("latin-1"))
    rows = (folder / "out.csv").read_text().splitlines()
    cells = dict(zip(*(map(str.strip, row.split(",")) for row in rows[:2]), strict=False))
    assert "GABA" in found
    for name, value in found.items():
        assert value == pytest.approx(float(cells[name]), rel=1e-6), name


@pytest.mark.skipif(REAL is None, reason="no lcmodel binary: set LCMODEL")
def test_the_real_lcmodel_finds_what_was_put_in(spectra):
    found = answers("lcmodel", LCModel(REAL), spectra, NAMES)
    for name, value in FIVE.items():
        for answer in found.values():
            assert answer[name] == pytest.approx(value, rel=0.1), name


def test_a_program_that_is_asked_for_and_missing_is_one_line(tmp_path):
    (tmp_path / "truth.json").write_text('[{"id": "a", "conc_mm": {"GABA": 1}}]')
    environment = {k: v for k, v in os.environ.items() if k != "LCMODEL"}
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "fsl_mrs_dl",
            "validate",
            "--data",
            str(tmp_path),
            "--truth",
            str(tmp_path / "truth.json"),
            "--against",
            "lcmodel",
            "--output",
            str(tmp_path / "out"),
        ],
        capture_output=True,
        text=True,
        check=False,
        env={**environment, "PATH": str(tmp_path)},
    )
    assert done.returncode == 1
    assert "no lcmodel binary was found" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()
