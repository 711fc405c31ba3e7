# SPDX-License-Identifier: Apache-2.0
"""The list of outputs: all that it feeds follows when an output is added."""

from pathlib import Path

import pytest

from fsl_mrs_dl.bids import participant
from fsl_mrs_dl.core.errors import DataError
from fsl_mrs_dl.core.files import OUR_FILES, new_output_folder, write_text
from fsl_mrs_dl.reports import manifest
from fsl_mrs_dl.reports.manifest import Output, Run, write_folder
from tests.helpers import docs_generated
from tests.report_helpers import full, refused, spectra

ROOT = Path(__file__).resolve().parents[2]


def write_wide(folder, run):
    """One column per metabolite: docs/extend.md shows it."""
    ratios = {e.name: f"{e.value:.6g}" for e in run.quantification.ratios()}
    write_text(folder / "wide.csv", ",".join(ratios) + "\n" + ",".join(ratios.values()) + "\n")


@pytest.fixture
def with_wide(monkeypatch):
    """An output more."""
    wide = Output({"wide.csv": "desc-dl_wide.csv"}, "one column per metabolite", write_wide)
    monkeypatch.setattr(manifest, "OUTPUTS", (*manifest.OUTPUTS, wide))


def write(q, folder):
    with new_output_folder(folder, overwrite=True, names=manifest.entry_names()) as scratch:
        write_folder(scratch, Run(q, spectra(q)))


@pytest.mark.usefixtures("with_wide")
def test_an_output_that_is_added_is_written_and_survives_overwriting(tmp_path):
    write(full(), tmp_path / "o")
    first = (tmp_path / "o" / "wide.csv").read_text()
    assert first.splitlines()[0].startswith("GABA,")
    write(full(), tmp_path / "o")
    assert (tmp_path / "o" / "wide.csv").read_text() == first
    write(refused(), tmp_path / "o")
    assert (tmp_path / "o" / "wide.csv").read_text() == "\n\n"


def test_without_its_entry_the_same_file_is_the_users_and_stays(tmp_path):
    write(full(), tmp_path / "o")
    (tmp_path / "o" / "wide.csv").write_text("mine")
    with pytest.raises(DataError, match=r"wide\.csv"):
        write(full(), tmp_path / "o")
    assert (tmp_path / "o" / "wide.csv").read_text() == "mine"


@pytest.mark.usefixtures("with_wide")
def test_derivatives_and_docs_have_the_added_output():
    assert participant.bids_names()["wide.csv"] == "desc-dl_wide.csv"
    generated = docs_generated()
    generated.OUTPUTS = manifest.OUTPUTS
    assert "| `wide.csv` | one column per metabolite |" in generated.outputs()


def test_names_are_listed_once_and_one_of_them_marks_the_folder():
    names = [name for output in manifest.OUTPUTS for name in output.files]
    assert len(names) == len(set(names))
    assert set(manifest.entry_names()) & set(OUR_FILES) == {"quantities.json"}
    kept = list(manifest.bids_names().values())
    assert len(kept) == len(set(kept))


def test_the_readmes_table_is_that_of_the_list():
    assert docs_generated().outputs() in (ROOT / "README.md").read_text(encoding="utf-8")
