# SPDX-License-Identifier: Apache-2.0
"""What the project's own files say, against the package and against each other."""

import re
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest

import fsl_mrs_dl

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def packages():
    """Rooms at the top of the package."""
    return {path.parent.name for path in (ROOT / "fsl_mrs_dl").glob("*/__init__.py")}


def test_the_changelog_has_a_section_for_this_version():
    headings = re.findall(r"^## (.+)$", read("CHANGELOG.md"), flags=re.MULTILINE)
    assert headings[0] == f"Unreleased ({fsl_mrs_dl.__version__})" or headings[0].startswith(fsl_mrs_dl.__version__)


def test_the_citation_names_this_version_and_the_paper():
    yaml = pytest.importorskip("yaml", reason="PyYAML (of mkdocs) is not installed")
    citation = yaml.safe_load(read("CITATION.cff"))
    assert citation["version"] == fsl_mrs_dl.__version__
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()
    (paper,) = citation["references"]
    assert paper["identifiers"][0]["value"] == "arXiv:2602.20289"
    assert [author["family-names"] for author in paper["authors"]] == ["Ma", "Shermer", "Karakuş", "Langbein"]


def test_the_hooks_run_what_ci_runs():
    yaml = pytest.importorskip("yaml", reason="PyYAML (of mkdocs) is not installed")
    hooks = [hook for repo in yaml.safe_load(read(".pre-commit-config.yaml"))["repos"] for hook in repo["hooks"]]
    ci = read(".ci/run")
    for hook in hooks:
        assert " ".join(hook["entry"].split()[:2]).replace(" --force-exclude", "") in ci, hook["id"]


def test_contributing_lists_every_room_in_the_order_of_imports():
    layers = tomllib.loads(read("pyproject.toml"))["tool"]["importlinter"]["contracts"][0]["layers"]
    height = {
        name.strip().removeprefix("fsl_mrs_dl."): len(layers) - number
        for number, layer in enumerate(layers)
        for name in layer.split("|")
    }
    assert set(height) == packages()
    table = read("CONTRIBUTING.md").split("| room |")[1].split("\n\n")[0]
    listed = [name for row in table.splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1])]
    assert set(listed) == packages()
    assert sorted(listed, key=height.__getitem__) == listed


def test_every_package_is_installed():
    config = ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    named = set(config["options"]["packages"].split())
    found = {".".join(path.parent.relative_to(ROOT).parts) for path in (ROOT / "fsl_mrs_dl").rglob("__init__.py")}
    assert named - {"fsl_mrs_dl._shipped_basis", "fsl_mrs_dl._shipped_weights"} == found
    for python in ("3.10", "3.14"):
        assert f"Python :: {python}\n" in config["metadata"]["classifiers"] + "\n"
