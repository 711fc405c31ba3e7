# SPDX-License-Identifier: Apache-2.0
"""The pins of constraints.txt: one for each package on every Python that the package supports."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LINES = [line for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines() if line and line[0] != "#"]


@pytest.mark.parametrize("version", ["3.10", "3.11", "3.12", "3.13", "3.14"])
def test_every_python_has_one_pin_of_each_package(version):
    requirements = pytest.importorskip("packaging.requirements")
    environment = {"python_version": version, "python_full_version": f"{version}.0"}
    pins = [requirements.Requirement(line) for line in LINES]
    names = [pin.name for pin in pins if pin.marker is None or pin.marker.evaluate(environment)]
    assert len(names) == len(set(names))
    assert set(names) == {pin.name for pin in pins}


def test_what_is_installed_without_extras_is_pinned():
    text = (ROOT / "setup.cfg").read_text("utf-8")
    needed = re.search(r"install_requires =\n((?:    .*\n)+)", text)[1]
    names = {re.match(r"\s*([\w-]+)", line)[1] for line in needed.splitlines()} - {"tomli"}
    assert names <= {re.match(r"[\w-]+", line)[0] for line in LINES}
