# SPDX-License-Identifier: Apache-2.0
"""Commands of the pages on installing, studies, clusters and models, typed as they are printed.

Those of the tutorial and of the page on training are run by ``test_docs.py``, those of the API by
``api/test_pages.py``.
"""

import json
import re
import shutil
import zipfile

import pytest

from tests.bids_helpers import make_dataset
from tests.helpers import EXAMPLE, ROOT
from tests.page_helpers import bash_of, run_page

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


def add_model(folder, name):
    """A model of somebody's own: a shipped one under another name."""
    shutil.copytree(ROOT / "weights" / "invivo", folder)
    card = json.loads((folder / "card.json").read_text("utf-8"))
    (folder / "card.json").write_text(json.dumps({**card, "name": name}), encoding="utf-8")


@pytest.fixture
def place(tmp_path):
    """A folder with everything under the names that the pages use."""
    make_dataset(tmp_path / "STUDY", participants=("01",))
    (tmp_path / "BIDS_DIR").symlink_to("STUDY")
    (tmp_path / "ENV").mkdir()
    (tmp_path / "ENV" / "bin").symlink_to("../bin")
    (tmp_path / "mega.nii.gz").symlink_to(EXAMPLE / "megapress_raw.nii.gz")
    add_model(tmp_path / "RUN", "te68")
    add_model(tmp_path / "te80", "te80")
    with zipfile.ZipFile(tmp_path / "te80.zip", "w") as archive:
        for path in (tmp_path / "te80").iterdir():
            archive.write(path, f"te80/{path.name}")
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
