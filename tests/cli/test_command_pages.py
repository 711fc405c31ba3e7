# SPDX-License-Identifier: Apache-2.0
"""Every command that a page prints is typed by a test, or is in a list here with the reason why it is not.

These are the commands of README and of the pages on each command, on converting, on other programs, on FSL-MRS, on the
simulator, the ladder and the selection; the others have tests of their own (`TYPED_ELSEWHERE`).
"""

import re

import pytest

from tests.helpers import ROOT
from tests.page_helpers import DOCS, blocks_of, run_page
from tests.place_helpers import add_small_configurations, make_place

TYPED_ELSEWHERE = {
    "tutorial.md": "cli/test_docs.py",
    "train.md": "cli/test_docs.py",
    **dict.fromkeys(("index.md", "bids.md", "install.md", "models.md"), "cli/test_page_commands.py"),
    **dict.fromkeys(("api.md", "worked_example.md"), "api/test_pages.py"),
    "extend.md": "test_extend.py",
}
PAGES = [
    ROOT / "README.md",
    *(p for p in sorted(DOCS.rglob("*.md")) if str(p.relative_to(DOCS)) not in TYPED_ELSEWHERE),
]

NOT_HERE = {
    r"python3 -m venv|\S*pip (install|uninstall) ": "installs from an index; .ci/run and .ci/wheel do it",
    r"\.venv/bin/pytest ": "these tests",
    r"python (studies|tools|benchmarks)/": "needs hours, a GPU or data beside the project; makes the pages' figures",
    r"fsl_mrs_summarise ": "serves a page until it is stopped; fsl_plugin/test_with_fsl_mrs.py asks it for one",
    r".*--submit": "needs a queue; bids/test_bids_submit.py submits to a stand-in and, where it is, to SLURM",
    r".*--against newton lcmodel": "needs LCModel; validation/test_against.py has a stand-in",
    r"mkdir CNN YAE|cp docs/selection/...\.json|.*put (CNN|YAE)$": "a search; training/test_selection.py reads it",
    r"fsl_mrs_dl train --like ": "takes an hour; training/test_like.py does it in few steps",
}
"""How a command begins that cannot run in a test of a minute, and where else it is tested."""

OF_FSL_MRS = r"fsl_mrs(_preproc_edit)? |fsl_mrs_dl fsl |--"
OF_TRAINING = r"fsl_mrs_dl (dataset|select|train|ladder|validate|simulate bank) "
NAMED = {
    r"--data DIR --truth truth.json": "--data phantoms --truth phantoms/truth.json",
    r"\bFILE\b": "mega_act.SDAT",
    r"\bOFF_FILE\b": "off.rda",
    r"\bON_FILE\b": "on.rda",
    r"--n \d+": "--n 200",
}
"""What stands for a file of the reader's, and how many spectra are enough here."""


def printed(page):
    """Blocks of commands, and commands that stand in a table."""
    text = page.read_text("utf-8")
    yield from (content for language, content in blocks_of(text) if language in ("", "bash"))
    yield from re.findall(r"^\|[^|]*\| `(fsl_mrs_dl [^`]*)`", text, re.MULTILINE)


def commands_of(block):
    """Commands of a block, one a line, without comments."""
    for line in block.replace("\\\n", " ").splitlines():
        for part in re.split(r"; | && ", line.partition(" #")[0]):
            if part.strip():
                yield " ".join(part.split())


def spelt_out(command):
    """A command without what stands in brackets, then with each alternative of it."""
    optional = re.findall(r"\s*\[([^]]*)\]", command)
    bare = re.sub(r"\s*\[[^]]*\]", "", command)
    yield bare
    for option in optional:
        first, _, others = option.partition("|")
        start, _, value = first.rpartition(" ")
        values = [value, *filter(None, others.split("|"))] if others else [value]
        yield from (f"{bare} {f'{start} {word}'.strip()}" for word in values)


def all_commands():
    for page in PAGES:
        for block in printed(page):
            for command in commands_of(block):
                yield from spelt_out(command)


def with_names(command):
    for name, here in NAMED.items():
        command = re.sub(name, here, command)
    return command


COMMANDS = list(dict.fromkeys(map(with_names, all_commands())))
"""What several pages have is run once."""


def starts(command, patterns):
    return any(re.match(start, command) for start in patterns)


HERE = [command for command in COMMANDS if not starts(command, NOT_HERE)]
TRAINING = [command for command in HERE if re.match(OF_TRAINING, command)]
PLAIN = [command for command in HERE if not starts(command, (OF_FSL_MRS, OF_TRAINING))]


def test_every_page_with_commands_is_typed_by_some_test():
    for page, file in TYPED_ELSEWHERE.items():
        assert page in (ROOT / "tests" / file).read_text("utf-8"), page
    with_commands = {path for path in DOCS.rglob("*.md") if "```bash" in path.read_text("utf-8")}
    assert with_commands <= {*PAGES, *(DOCS / name for name in TYPED_ELSEWHERE)}


def test_nothing_is_left_out_for_a_reason_that_no_longer_holds():
    for start in (*NOT_HERE, OF_FSL_MRS, OF_TRAINING):
        assert any(re.match(start, command) for command in COMMANDS), start
    for command in PLAIN:
        assert re.match(r"(\S*/)?fsl_mrs_dl [a-z]", command), command


def test_what_is_optional_is_spelt_out():
    assert list(spelt_out("a FILE [--order x|y] [--anon]")) == [
        "a FILE",
        "a FILE --order x",
        "a FILE --order y",
        "a FILE --anon",
    ]
    assert len(PLAIN) > 25


BEFORE = {
    r"fsl_mrs_dl bids BIDS_DIR OUT group": "fsl_mrs_dl bids BIDS_DIR OUT participant",
    r"fsl_mrs_dl train ": "rm -r RUN",
    r"fsl_mrs_dl convert ": "rm mega.nii.gz",
}
"""What the page's reader has done before, or has not."""


def typed(place, command, before=""):
    """Run a command as it is printed in a folder that has what it names; gives what it said."""
    done = run_page(place, f"{before}\n{command}")
    assert done.returncode == 0, done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    return done.stdout


def before(command):
    return next((done for start, done in BEFORE.items() if re.match(start, command)), "")


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("FSL_MRS_DL_MODELS", str(tmp_path / "models"))
    return make_place(tmp_path)


def written(command):
    return re.findall(r"--(?:output|lcmodel|plot) (\S+)", command)


@pytest.mark.slow
@pytest.mark.parametrize("command", PLAIN)
def test_a_command_runs_as_it_is_printed(place, command):
    if " convert " in command:
        pytest.importorskip("spec2nii", reason="spec2nii is not installed: pip install 'fsl_mrs_dl[convert]'")
    said = typed(place, command, before(command))
    assert said
    assert all((place / name).exists() for name in written(command)), said


@pytest.mark.slow
@pytest.mark.parametrize("command", TRAINING)
def test_a_command_of_training_runs_with_few_steps(place, command):
    for package in ("torch", "skopt", "tomli_w"):
        pytest.importorskip(package, reason="training and searching need the extras train and tune")
    add_small_configurations(place)
    typed(place, command, before(command))
    assert all((place / name).exists() for name in written(command))


@pytest.mark.slow
@pytest.mark.with_fsl_mrs
def test_the_page_on_fsl_mrs_runs_as_it_is_printed(place):
    pd = pytest.importorskip("pandas")
    pytest.importorskip("fsl_mrs", reason="FSL-MRS IS NOT INSTALLED: its page was not typed")
    first, *others = [c for block in printed(DOCS / "fsl_mrs.md") for c in commands_of(block)]
    others = [c for c in others if not starts(c, (*NOT_HERE, "--"))]
    # the page shows the aim before the way; each command writes OUT, and is kept apart
    script = [others.pop(0), first, "mv OUT OUT_0"]
    for number, command in enumerate(others, start=1):
        script += [command, f"mv OUT OUT_{number}"] if " --output OUT " in command else [command]
    done = run_page(place, "\n".join(script), ("fsl_mrs", "fsl_mrs_preproc_edit"))
    assert done.returncode == 0, done.stderr + done.stdout
    assert len(list(place.glob("OUT_*"))) == 3
    # of the raw example, as the page says
    found = pd.read_csv(place / "OUT_2" / "summary.csv", index_col=0)
    told = (DOCS / "fsl_mrs.md").read_text("utf-8")
    for name, digits in (("GABA", 3), ("Glu", 2)):
        value, sd = found.loc[name, ["/Cr+PCr", "/Cr+PCr CRLB"]]
        assert f"{value:.{digits}f} ± {sd:.{digits}f}" in told, name
