# SPDX-License-Identifier: Apache-2.0
"""docs/environment.yml, which the developers cannot solve (no conda here): that what it names is what is needed."""

from pathlib import Path

import pytest

yaml = pytest.importorskip("yaml", reason="PyYAML, which mkdocs brings, is not installed")

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / "docs" / "environment.yml"


@pytest.fixture(scope="module")
def environment():
    return yaml.safe_load(FILE.read_text("utf-8"))


def test_it_names_fsl_mrs_from_the_channels_that_have_it(environment):
    assert environment["name"] == "fsl_mrs"
    # FSL's own channel first: conda-forge has other builds of some of its packages
    assert "fslconda/public" in environment["channels"][0]
    assert environment["channels"][1:] == ["conda-forge"]
    packages = [entry for entry in environment["dependencies"] if isinstance(entry, str)]
    names = {package.replace("<", "=").split("=")[0] for package in packages}
    assert names == {"python", "fsl_mrs", "setuptools", "pip"}
    assert environment["variables"] == {"FSLOUTPUTTYPE": "NIFTI_GZ"}


def test_pip_installs_this_clone(environment):
    """conda runs pip in the folder of the file, with what stands there as requirements."""
    (pip,) = (entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    (path,) = pip
    clone = (FILE.parent / path).resolve()
    assert clone == ROOT
    assert "name = fsl_mrs_dl" in (clone / "setup.cfg").read_text("utf-8")


def test_the_docs_say_the_rest():
    page = (ROOT / "docs" / "fsl_mrs.md").read_text("utf-8")
    assert "conda env create -f docs/environment.yml" in page
    assert 'conda env config vars set FSLDIR="$CONDA_PREFIX"' in page
    # a user installation is one that python -I does not see
    assert page.count("-m pip install --no-user FOLDER") == 3
    assert "`$FSLDIR/bin/fsl_mrs_dl`" in page
