# SPDX-License-Identifier: Apache-2.0
"""What an interrupted validation leaves: cases as they were, for the same question and no other."""

import dataclasses
from types import SimpleNamespace

import pytest

from fsl_mrs_dl.core.errors import DataError
from fsl_mrs_dl.core.unfinished import unfinished_folder
from fsl_mrs_dl.models.estimate import Estimate
from fsl_mrs_dl.validation.kept import KeptCases, key_of_cases, program_versions, unfinished
from fsl_mrs_dl.validation.outputs import Case
from fsl_mrs_dl.validation.programs.lcmodel import LCModel
from fsl_mrs_dl.validation.run import Truth

CASE = Case(
    id="a",
    truth={"GABA": 0.1},
    estimate={"GABA": 0.1 + 0.2},
    interval68={"GABA": (0.1, 1 / 3)},
    interval95={"GABA": (0.0, 0.7)},
    against={"newton": {"GABA": 2 / 3}},
    flags=("noisy",),
    series="s",
    model="invivo",
    reference=("Cr", "PCr"),
    ratios=(Estimate("GABA", 1 / 7, 0.1, (0.0, 0.2), (0.0, 0.3), "diff", "/Cr+PCr", resolved=False),),
    mm_over_gaba=0.5,
)


def test_a_case_comes_back_as_it_was(tmp_path):
    kept = KeptCases(tmp_path)
    assert kept.get(3) is None
    for case in (CASE, Case("b", {}, {}, refused=True)):
        kept.put(3, case)
        assert kept.get(3) == case
    next(tmp_path.iterdir()).write_text('{"id": "b"', encoding="utf-8")
    assert kept.get(3) is None


def model(fingerprint):
    return SimpleNamespace(folder=SimpleNamespace(fingerprint=fingerprint))


def key(tmp_path, **changed):
    given = {
        "paths": [tmp_path / "a.nii.gz"],
        "truths": [Truth("a", {"GABA": 1.0})],
        "model": model("1"),
        "basis": None,
    }
    return key_of_cases(**{**given, "asked": {"diff_alone": False}, **changed})


def test_another_question_has_another_key(tmp_path):
    (tmp_path / "a.nii.gz").write_bytes(b"1")
    (tmp_path / "basis").mkdir()
    keys = [key(tmp_path), key(tmp_path, truths=[Truth("a", {"GABA": 2.0})]), key(tmp_path, asked={"diff_alone": True})]
    keys += [key(tmp_path, model=model("2")), key(tmp_path, basis=tmp_path / "basis")]
    (tmp_path / "basis" / "NAA.json").write_bytes(b"{}")
    keys.append(key(tmp_path, basis=tmp_path / "basis"))
    assert key(tmp_path) == keys[0]
    (tmp_path / "a.nii.gz").write_bytes(b"2")
    keys.append(key(tmp_path))
    (tmp_path / "a.nii.gz").unlink()  # its reader says so
    keys.append(key(tmp_path))
    assert len(set(keys)) == len(keys)


def test_a_program_is_known_by_its_content(tmp_path):
    binary = tmp_path / "lcmodel"
    binary.write_bytes(b"1")
    old = program_versions({"lcmodel": LCModel(binary)})
    binary.write_bytes(b"2")
    assert old.keys() == {"lcmodel"}
    assert program_versions({"lcmodel": LCModel(binary)}) != old


def stopped_after(case, output):
    with unfinished(output, "k") as folder:
        KeptCases(folder).put(0, case)
        raise KeyboardInterrupt


def test_the_folder_stays_when_interrupted_and_goes_when_done(tmp_path):
    output = tmp_path / "out"
    folder = unfinished_folder(output)
    with pytest.raises(KeyboardInterrupt):
        stopped_after(CASE, output)
    with unfinished(output, "k") as kept:
        assert kept == folder
        assert KeptCases(kept).get(0) == CASE
    assert not folder.exists()
    with pytest.raises(KeyboardInterrupt):
        stopped_after(dataclasses.replace(CASE, id="c"), output)
    with unfinished(output, "another") as kept:
        assert KeptCases(kept).get(0) is None
    with pytest.raises(DataError), unfinished(output, "k"):
        raise DataError("broken")
    assert not folder.exists()


def test_a_folder_of_somebody_elses_stays(tmp_path):
    folder = unfinished_folder(tmp_path / "out")
    folder.mkdir()
    (folder / "mine.txt").write_text("x")
    with pytest.raises(DataError, match="in the way"), unfinished(tmp_path / "out", "k"):
        pass
    assert (folder / "mine.txt").exists()
