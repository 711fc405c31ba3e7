# SPDX-License-Identifier: Apache-2.0
"""How the package reaches a laboratory: the recipes say what setup.cfg says, and the pages what the recipes do."""

import json
import os
import re
import subprocess
from configparser import ConfigParser
from pathlib import Path

import pytest

import fsl_mrs_dl
from tests.helpers import load_script

ROOT = Path(__file__).resolve().parents[1]
CONDA_NAMES = {"matplotlib": "matplotlib-base", "torch": "pytorch"}
"""Packages that conda-forge has under another name than PyPI."""


def conda(requirements):
    """Requirements of setup.cfg as a conda recipe writes them."""
    rows = [line.partition(";")[0].strip() for line in requirements.splitlines() if line.strip()]
    split = [re.fullmatch(r"([\w.-]+)(.*)", row).groups() for row in rows]
    return sorted(f"{CONDA_NAMES.get(name, name)} {bound}" for name, bound in split)


@pytest.fixture(scope="module")
def setup():
    config = ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    return config


@pytest.fixture(scope="module")
def recipe():
    yaml = pytest.importorskip("yaml", reason="PyYAML (of mkdocs) is not installed")
    return yaml.safe_load((ROOT / "tools/conda/recipe.yaml").read_text("utf-8"))


def test_the_conda_recipe_needs_what_setup_cfg_needs(setup, recipe):
    assert recipe["context"]["version"] == fsl_mrs_dl.__version__
    outputs = {output["package"]["name"]: output["requirements"] for output in recipe["outputs"]}
    package = outputs.pop("fsl_mrs_dl")
    python = f"python {setup['options']['python_requires']}"
    assert sorted(package["run"]) == sorted([python, *conda(setup["options"]["install_requires"])])
    assert python in package["host"]
    extras = {name: text for name, text in setup["options.extras_require"].items() if name not in ("dev", "docs")}
    assert set(outputs) == {f"fsl_mrs_dl-{name}" for name in extras}
    for name, text in extras.items():
        own, *others = outputs[f"fsl_mrs_dl-{name}"]["run"]
        assert own == '${{ pin_subpackage("fsl_mrs_dl", exact=True) }}'
        assert sorted(others) == conda(text), name


def test_the_conda_recipe_is_rendered():
    rattler_build = pytest.importorskip("rattler_build", reason="py-rattler-build is not installed")
    recipe = rattler_build.Stage0Recipe.from_file(ROOT / "tools/conda/recipe.yaml")
    names = [variant.recipe.package.name for variant in recipe.render()]
    assert names[0] == "fsl_mrs_dl"
    assert len(names) == 7


@pytest.mark.parametrize("name", ["Dockerfile", "Apptainer.def"])
def test_an_image_has_the_script_and_the_bids_app(name):
    text = (ROOT / "tools/container" / name).read_text("utf-8")
    assert "sh /source/tools/container/install.sh /source /opt/fsl_mrs_dl" in text
    assert re.search(r'ENTRYPOINT \["fsl_mrs_dl", "bids"\]|exec fsl_mrs_dl bids "\$@"', text)
    assert "PATH=/opt/fsl_mrs_dl/bin:$PATH" in text


@pytest.mark.parametrize("arguments", [(), ("nowhere", "PREFIX")])
def test_the_script_says_what_is_wrong_and_makes_nothing(tmp_path, arguments):
    script = ROOT / "tools/container/install.sh"
    environment = {"PATH": os.environ["PATH"], "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        ["sh", str(script), *arguments], cwd=tmp_path, capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert ("usage" if not arguments else "nowhere is no checkout") in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_script_copies_all_that_a_wheel_is_built_from():
    script = (ROOT / "tools/container/install.sh").read_text("utf-8")
    copied = re.search(r"for name in (.*?); do", script, re.DOTALL)[1].replace("\\\n", " ").split()
    needed = re.findall(r"^(?:graft|include) (.+)$", (ROOT / "MANIFEST.in").read_text("utf-8"), re.MULTILINE)
    tops = {name.split("/")[0] for line in needed for name in line.split()}
    assert tops | {"fsl_mrs_dl", "setup.py", "setup.cfg", "pyproject.toml", "README.md", "MANIFEST.in"} == set(copied)


def test_the_page_shows_every_extra(setup):
    page = (ROOT / "docs/install.md").read_text("utf-8")
    listed = set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))
    assert listed == set(setup["options.extras_require"]) - {"dev", "docs"}


SECTIONS = '<h1 id="a">A &amp; b<a class="headerlink" href="#a">#</a></h1><p>One <b>two</b></p><h2 id="c">C</h2> three'


def test_the_search_of_the_pages_knows_every_section(tmp_path):
    search = load_script("docs/search.py")
    assert search.sections(SECTIONS, "x.html", "A & b") == [
        {"url": "x.html#a", "title": "A & b", "text": "One two"},
        {"url": "x.html#c", "title": "A & b › C", "text": "three"},
    ]

    class Config:
        extra: dict = {}  # noqa: RUF012 - as mkdocs has it
        site_dir = str(tmp_path)

    class Page:
        url, title = "x.html", "Page"

    search.on_config(Config)
    assert search.on_page_content(SECTIONS, Page, Config, files=None) == SECTIONS
    search.on_post_build(Config)
    text = (tmp_path / "search_index.js").read_text("utf-8")
    assert json.loads(text.removeprefix("const SECTIONS = ").rstrip(";\n"))[1]["title"] == "Page › C"
