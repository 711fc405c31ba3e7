# SPDX-License-Identifier: Apache-2.0
"""The site of these pages from disk, in a headless Chromium without a network: search, a phone's width, axe-core."""

import os
import subprocess
import sys

import pytest

from tests.browser_helpers import PHONE, axe_script
from tests.helpers import ROOT

PAGES = ("index.html", "search.html", "models.html", "commands/fit.html", "api.html")
"""Among them prose, wide tables and wide blocks of code."""


@pytest.fixture(scope="module")
def site(browser, tmp_path_factory):
    """Opens a page of the site by its name; that there is a browser is known before it is built."""
    pytest.importorskip("mkdocs", reason="mkdocs is not installed: pip install '.[docs]'")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-d", str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    return lambda name, **window: browser.open(folder / name, **window)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_loads_from_disk_and_fits_a_phone(browser, site, name):
    assert site(name, **PHONE).run("return document.documentElement.scrollWidth") <= PHONE["width"]
    browser.check()


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_serious(site, name):
    script = axe_script()
    assert site(name).axe(script) == []


def test_the_search_finds_sections_without_a_server(browser, site):
    site("search.html")
    browser.find("#query").send_keys("water reference")
    titles = [link.text for link in browser.all("#results a")]
    assert any("trust" in title for title in titles)
    assert browser.find("#count").text == f"{len(titles)} sections"
    browser.run("document.querySelector('#results a').click()")
    assert "#" in browser.run("return location.href")
    browser.check()
    browser.find("h1")
