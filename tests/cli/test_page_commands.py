# SPDX-License-Identifier: Apache-2.0
"""Commands of the pages on installing, studies, clusters and models, typed as they are printed.

Those of the tutorial and of the page on training are run by ``test_docs.py``, those of the API by
``api/test_pages.py``, all others by ``test_command_pages.py``.
"""

import json
import re

import pytest

from tests.helpers import EXAMPLE
from tests.page_helpers import bash_of, run_page
from tests.place_helpers import add_studies

PAGES = ("index.md", "bids.md", "install.md", "models.md")

NOT_HERE = {
    r"python3 -m venv|\S*pip (install|wheel) ": "installs from an index; .ci/run, .ci/wheel and .ci/container do it",
    r"conda ": "conda is not here; tests/test_environment_file.py and test_distribution.py read the files",
    r"\$FSLDIR/": "FSL is not here; tests/fsl_plugin uses a real FSL-MRS where there is one",
    r"cd FOLDER|docker |apptainer ": "no engine is here; .ci/container runs the script that both recipes call",
    r".*--submit": "needs a queue; tests/bids/test_bids_submit.py submits to a stand-in and, where it is, to SLURM",
}
"""How a command begins that cannot run in a test of a minute, and where else it is tested."""

MACHINES = "apt-get install -y --no-install-recommends slurm-wlm munge"
"""First line of the block that sets a queue up, with root's rights: it changes the machine."""


def lines_of(page):
    """Commands of a page without comments and without what stands in brackets, a line each."""
    text = bash_of(page)
    if MACHINES in text:
        start = text.index(MACHINES)
        text = text[:start] + text[text.index("sinfo", start) :].partition("\n")[2]
    lines = text.replace("\\\n", " ").splitlines()
    return [re.sub(r"\s*\[[^]]*\]", "", line.partition(" #")[0]).strip() for line in lines if line.strip()]


def runs_here(line):
    return not any(re.match(start, line) for start in NOT_HERE)


def test_nothing_is_left_out_for_a_reason_that_no_longer_holds():
    lines = [line for page in PAGES for line in lines_of(page)]
    for start in NOT_HERE:
        assert any(re.match(start, line) for line in lines), start
    for line in filter(runs_here, lines):
        assert re.match(r"(\S*/)?fsl_mrs_dl [a-z]", line), line


@pytest.fixture
def place(tmp_path):
    """A folder with everything under the names that the pages use."""
    add_studies(tmp_path)
    (tmp_path / "mega.nii.gz").symlink_to(EXAMPLE / "megapress_raw.nii.gz")
    return tmp_path


@pytest.mark.slow
def test_commands_run_as_they_are_printed(place, monkeypatch):
    monkeypatch.setenv("FSL_MRS_DL_MODELS", str(place / "models"))
    # what two pages have is run once, and `fit` of two pages writes into one folder
    lines = list(dict.fromkeys(line for page in PAGES for line in lines_of(page) if runs_here(line)))
    script = "\n".join("rm -rf out\n" + line if " fit " in line else line for line in lines)
    done = run_page(place, script)
    assert done.returncode == 0, done.stderr + done.stdout
    assert "/Cr+PCr" in done.stdout
    table = (place / "OUT" / "group_desc-dl_mrsquant.tsv").read_text("utf-8")
    assert "sub-01\tses-pre\tsub-01_ses-pre_acq-megapress68" in table
    assert json.loads((place / "out" / "quantities.json").read_text("utf-8"))["model"]["name"] == "te80"
    assert sorted(path.name for path in (place / "models").iterdir()) == ["te68", "te80"]
