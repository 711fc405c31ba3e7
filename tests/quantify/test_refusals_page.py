# SPDX-License-Identifier: Apache-2.0
"""The page "When it refuses, and why": nothing that can be said is missing, and each picture is of what is said."""

import re
import sys
from pathlib import Path

import pytest

from fsl_mrs_dl.core.flag_catalogue import CATALOGUE
from fsl_mrs_dl.quantify import protocol, refusal

pytest.importorskip("onnxruntime")

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "refusals.md").read_text("utf-8")
CAUTIONS = [code for code, entry in CATALOGUE.items() if entry.severity == "caution"]
REASONS = {"refused": refusal.REASONS, "protocol": protocol.REASONS}
LARGEST_BYTES = 600_000


@pytest.fixture(scope="module")
def study():
    sys.path.insert(0, str(ROOT / "studies"))
    try:
        import refusals
    finally:
        sys.path.remove(str(ROOT / "studies"))
    return refusals


def rows(page):
    """First cell of each row of a table, by the heading that it stands under and the sheet above it."""
    found = {}
    group = ""
    for line in page.splitlines():
        picture = re.search(r"\]\(refusals_(\w+)\.png\)", line)
        group = picture[1] if picture else group
        cell = re.match(r"\| `(\w+)` \| ([^|]+) \| ([^|]+) \|$", line)
        if cell:
            found.setdefault(group, []).append(cell[1])
    return found


def test_each_caution_and_each_reason_has_a_row_and_a_spectrum(study):
    of_page = rows(PAGE)
    of_study = {group: [case.code for case in cases] for group, cases in study.GROUPS.items()}
    assert {group: sorted(codes) for group, codes in of_page.items()} == {
        group: sorted(codes) for group, codes in of_study.items()
    }
    for group, reasons in REASONS.items():
        assert sorted(of_study.pop(group)) == sorted(reasons)
    assert sorted(code for codes in of_study.values() for code in codes) == sorted(CAUTIONS)


def test_the_sheets_are_there_and_small(study):
    sheets = [ROOT / "docs" / f"refusals_{group}.png" for group in study.GROUPS]
    assert all(sheet.read_bytes().startswith(b"\x89PNG") for sheet in sheets)
    assert sum(sheet.stat().st_size for sheet in sheets) < LARGEST_BYTES


def cases(study, *wanted):
    return [(group, case) for group, found in study.GROUPS.items() for case in found if case.code in wanted]


def test_a_spectrum_raises_what_stands_below_it(study):
    for group, case in cases(study, "diff_inverted", "target", "single_line"):
        said = study.words(case, group, study.answer(case))
        assert said.startswith("Refused: ") == (group in REASONS)


@pytest.mark.slow
def test_every_spectrum_raises_what_stands_below_it(study):
    for group, found in study.GROUPS.items():
        for case in found:
            assert study.words(case, group, study.answer(case))


@pytest.mark.slow
def test_the_sheets_are_the_same_each_time(study):
    once, again = (study.sheet("protocol", study.GROUPS["protocol"]) for _ in range(2))
    assert once == again


def test_another_answer_ends_the_script(study):
    (group, case), *_ = cases(study, "diff_only")
    found = study.answer(case)
    wrong = study.Case("lipid", case.make)
    with pytest.raises(SystemExit, match="not what the program says"):
        study.words(wrong, group, found)
    with pytest.raises(SystemExit, match="not what the program says"):
        study.words(study.Case("single_line", case.make), "refused", found)
