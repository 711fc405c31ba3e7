# SPDX-License-Identifier: Apache-2.0
"""The pages on Python: every block runs, and prints what stands below it."""

import doctest
import re

import pytest

from tests.helpers import ROOT


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder that holds the examples, as a clone does."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def blocks(page, language):
    text = (ROOT / "docs" / page).read_text("utf-8")
    found = re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert found
    return found


def test_the_page_of_the_api_prints_what_it_says(folder):
    examples = doctest.DocTestParser().get_doctest("\n".join(blocks("api.md", "pycon")), {}, "api.md", "api.md", 0)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    told = []
    runner.run(examples, out=told.append)
    assert not runner.summarize(verbose=False).failed, "".join(told)
    assert (folder / "basis_siemens" / "diff").is_dir()


def test_the_worked_example_runs_from_files_to_figure(folder, monkeypatch, capsys):
    pd = pytest.importorskip("pandas", reason="pandas is not installed")
    monkeypatch.setenv("MPLBACKEND", "Agg")
    names = {}
    exec("\n".join(blocks("worked_example.md", "python")), names)
    assert "GABA+" in capsys.readouterr().out
    table = pd.read_csv("study.csv")
    assert sorted(table.scan.unique()) == ["scan-1", "scan-2", "scan-3"]
    written = names["fits"]["scan-2"].ratios["GABA+"]
    row = table[(table.scan == "scan-2") & (table.metabolite == "GABA+") & (table.unit == "/Cr+PCr")].iloc[0]
    assert row.value == pytest.approx(written.value, abs=1e-12)
    for name in ("gaba.png", "scan-3.png", "scan-1_out/report.html"):
        assert (folder / name).stat().st_size > 1000
