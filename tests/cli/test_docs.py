# SPDX-License-Identifier: Apache-2.0
"""The pages in docs/: none is missing or forgotten, and what they print can be run."""

import inspect
import re
import shlex
from pathlib import Path

import pytest
import yaml

import fsl_mrs_dl
from fsl_mrs_dl.cli.main import COMMANDS, build_parser
from fsl_mrs_dl.core.flag_catalogue import CATALOGUE
from tests.helpers import docs_generated
from tests.page_helpers import bash_of, commands_of, run_page

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def generated():
    return docs_generated()


def named_in_nav(entry):
    if isinstance(entry, str):
        return [entry]
    children = entry.values() if isinstance(entry, dict) else entry
    return [name for child in children for name in named_in_nav(child)]


def test_the_nav_names_every_page_once():
    nav = named_in_nav(yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))["nav"])
    pages = [str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md")]
    assert sorted(nav) == sorted(pages)


def test_each_command_has_its_page_with_purpose_and_options():
    assert {path.stem for path in (DOCS / "commands").glob("*.md")} == set(COMMANDS)
    for name in COMMANDS:
        text = (DOCS / "commands" / f"{name}.md").read_text("utf-8")
        for part in (f"# {name}\n", f"<!-- purpose: {name} -->", f"<!-- options: {name} -->", f"fsl_mrs_dl {name}"):
            assert part in text, name


def test_options_are_those_of_the_parser(generated):
    for name, parser in generated.commands().items():
        table = generated.options(name)
        for action in parser._actions:
            for option in action.option_strings or [action.metavar or (action.choices or [action.dest])[0]]:
                is_spelling = option.startswith("-") and "_" in option
                assert (f"`{option}" in table) == (option not in ("-h", "--help") and not is_spelling), (name, option)


def test_a_bar_in_a_table_is_no_border(generated):
    row = next(line for line in generated.options("fit").splitlines() if "--model" in line)
    assert row.startswith("| `--model NAME|DIR` | model")
    assert generated._table(("a",), [("x|y",)]).endswith("| x\\|y |")


def test_fields_come_with_default_and_meaning(generated):
    table = generated.fields("fsl_mrs_dl.synthesise.perturbations.instrument.InstrumentConfig")
    assert "| `mismatch_amplitude` | 0.01 | Difference of ON from OFF in frequency, phase, relative amplitude" in table
    assert "| `eddy_s` | 0.005, 0.12 | Its decay time. |" in table


def test_every_setting_on_the_pages_is_explained(generated):
    silent = []
    for page in sorted(DOCS.rglob("*.md")):
        text = generated.filled(page.read_text("utf-8"))
        silent += [(page.name, field) for field in re.findall(r"^\| `([^|]+)` \| [^|]* \|  \|$", text, re.MULTILINE)]
    assert silent == []


def test_trust_explains_every_flag(generated):
    page = generated.filled((DOCS / "trust.md").read_text("utf-8"))
    for code in CATALOGUE:
        assert f"| `{code}` |" in page
    assert "<!--" not in page


def test_the_reference_has_every_name_of_the_api_with_its_parameters(generated):
    page = generated.filled((DOCS / "api.md").read_text("utf-8"))
    for name in fsl_mrs_dl.__all__:
        assert name == "__version__" or f"### `{name}`" in page, name
    for parameter in inspect.signature(fsl_mrs_dl.fit).parameters:
        assert re.search(rf"^\| `[^`]*\b{parameter}\b[^`]*` \| .+ \| .+ \|$", page, re.MULTILINE), parameter
    for attribute in ("`ratios`", "`write(folder, *, report=False, overwrite=False)`"):
        assert f"| {attribute} |" in page


def test_an_unknown_directive_is_an_error(generated):
    with pytest.raises(KeyError):
        generated.filled("<!-- optoins: fit -->")


PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]


def test_every_command_of_the_pages_is_one_that_the_program_takes():
    parser, seen = build_parser(), 0
    for page in PAGES:
        for command in commands_of(page):
            words = [word.split("|")[0] for word in shlex.split(command)[1:]]
            try:
                parser.parse_args([re.sub(r"^(N|S|MHZ|PPM)$", "1", word) for word in words])
            except SystemExit:
                pytest.fail(f"{page.name}: {command}")
            seen += 1
    assert seen > 50


@pytest.mark.slow
def test_the_tutorial_runs_as_it_is_printed(tmp_path):
    pytest.importorskip("spec2nii", reason="spec2nii is not installed: pip install 'fsl_mrs_dl[convert]'")
    done = run_page(tmp_path, bash_of("tutorial.md"))
    assert done.returncode == 0, done.stderr
    assert "16 DIM_DYN, 2 DIM_EDIT (ON, OFF)" in done.stdout
    table = (tmp_path / "study/derivatives/fsl_mrs_dl/group_desc-dl_mrsquant.tsv").read_text()
    assert "\tGABA\t" in table


SMALL = {
    "n_steps = 3000": "n_steps = 12\nwarmup_steps = 2\nvalidate_every = 6\ncheckpoint_every = 6\nbatch_size = 32\n"
    "n_validation = 200\nn_calibration = 1000",
    "n_members = 256": "n_members = 2\nn_positions = 4",
}
"""What makes the page's training a matter of a minute, in the way that the page says."""


@pytest.mark.slow
def test_the_page_on_training_runs_with_small_settings(tmp_path):
    pytest.importorskip("torch", reason="training needs torch")
    page = (DOCS / "train.md").read_text("utf-8")
    own = next(
        block for block in re.findall(r"^```toml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL) if "te80" in block
    )
    for given, small in SMALL.items():
        assert given in own
        own = own.replace(given, small)
    (tmp_path / "own.toml").write_text(own, encoding="utf-8")
    (tmp_path / "other.toml").write_text(own.replace("seed = 80", "seed = 81"), encoding="utf-8")
    (tmp_path / "mega.nii.gz").symlink_to(ROOT / "examples" / "megapress_raw.nii.gz")
    wanted = ("train own.toml", "dataset own.toml", "validate --simulated")
    script = [c for c in commands_of(DOCS / "train.md") if c.removeprefix("fsl_mrs_dl ").startswith(wanted)]
    assert len(script) == 3
    text = "\n".join(script).replace("--n 200000", "--n 200").replace("--n 2000", "--n 200")
    done = run_page(tmp_path, text + "\nfsl_mrs_dl models RUN\n")
    assert done.returncode == 0, done.stderr
    assert "in 95 %" in done.stdout
    assert "TE 79.5 to 80.5 ms" in done.stdout
    assert (tmp_path / "DATA" / "dataset.json").exists()
