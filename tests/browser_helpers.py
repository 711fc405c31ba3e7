# SPDX-License-Identifier: Apache-2.0
"""A headless Chromium that reaches no network, and what it saw of a page."""

from __future__ import annotations

import base64
import json
import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)
PHONE = {"width": 375, "height": 812}
BLOCKED = ("http://*", "https://*", "ws://*", "wss://*", "ftp://*")
OWN = ("file:", "data:", "blob:", "about:")
"""Schemes that need no network."""


def axe_file() -> Path:
    """Where axe-core, which is not part of this repository, is looked for."""
    named = os.environ.get("FSL_MRS_DL_AXE")
    return Path(named) if named else ROOT / "node_modules" / "axe-core" / "axe.min.js"


def axe_script() -> str:
    """The source of axe-core; skips where it is not found."""
    path = axe_file()
    if not path.is_file():
        pytest.skip(f"no axe-core at {path}: npm install axe-core, and name its axe.min.js in FSL_MRS_DL_AXE")
    return path.read_text(encoding="utf-8")


def start(folder: Path):
    """A selenium driver; skips where selenium, Chromium or its driver is missing."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed: pip install '.[dev]'")
    binary = shutil.which("chromium") or shutil.which("google-chrome")
    program = shutil.which("chromedriver")
    if binary is None or program is None:
        pytest.skip("no browser: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for flag in (*FLAGS, f"--user-data-dir={folder / 'profile'}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(program))
    driver.set_script_timeout(300)
    driver.set_page_load_timeout(300)
    driver.execute_cdp_cmd("Network.enable", {})
    driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": list(BLOCKED)})
    return driver


class Browser:
    """A page in a window of a size, in light or dark."""

    def __init__(self, driver, downloads: Path):
        self.driver, self.downloads = driver, downloads
        downloads.mkdir(exist_ok=True)
        behaviour = {"behavior": "allow", "downloadPath": str(downloads)}
        driver.execute_cdp_cmd("Browser.setDownloadBehavior", behaviour)

    def open(self, path: Path, *, width=1200, height=900, dark=False):
        """Load a file; what was logged before is forgotten."""
        for kind in ("browser", "performance"):
            self.driver.get_log(kind)
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
        self.driver.get(path.as_uri())
        return self

    def run(self, script, *arguments):
        """The value of a piece of JavaScript."""
        return self.driver.execute_script(script, *arguments)

    def find(self, selector):
        """The first element of a CSS selector."""
        return self.driver.find_element("css selector", selector)

    def all(self, selector):
        """All elements of a CSS selector."""
        return self.driver.find_elements("css selector", selector)

    def shown(self, selector):
        """Those that can be seen."""
        return [element for element in self.all(selector) if element.is_displayed()]

    def hover(self, element):
        """Point at an element."""
        from selenium.webdriver import ActionChains

        self.run("arguments[0].scrollIntoView({block: 'center'})", element)
        ActionChains(self.driver).move_to_element(element).perform()

    def choose(self, selector, value):
        """Choose the option of a select by its value."""
        from selenium.webdriver.support.ui import Select

        Select(self.find(selector)).select_by_value(value)

    def requests(self):
        """Addresses that the page asked for since it was opened."""
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        return [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]

    def complaints(self):
        """What stands in the console."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def check(self):
        """No address but this machine's own, and nothing in the console."""
        assert [address for address in self.requests() if not address.startswith(OWN)] == []
        assert self.complaints() == []

    def screenshot(self, path: Path):
        """The whole page as PNG."""
        size = self.run("const e = document.documentElement; return [e.scrollWidth, e.scrollHeight]")
        clip = {"x": 0, "y": 0, "width": size[0], "height": size[1], "scale": 1}
        found = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip})
        path.write_bytes(base64.b64decode(found["data"]))
        assert path.stat().st_size > 10_000

    def pdf(self) -> bytes:
        """The page as it is printed."""
        return base64.b64decode(self.driver.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})["data"])

    def downloaded(self, name, click):
        """What is saved under `name` when an element is clicked."""
        from selenium.webdriver.support.ui import WebDriverWait

        path = self.downloads / name
        path.unlink(missing_ok=True)
        self.run("arguments[0].scrollIntoView({block: 'center'}); arguments[0].click()", click)
        WebDriverWait(self.driver, 60).until(lambda _: path.exists() and path.stat().st_size)
        return path.read_text(encoding="utf-8")

    def axe(self, script):
        """Findings of axe-core that are serious or critical, with everything unfolded."""
        self.run("document.querySelectorAll('details').forEach(d => { d.open = true; })")
        self.run(script)
        found = self.driver.execute_async_script(
            "const done = arguments[arguments.length - 1];"
            "const failed = e => done([{id: String(e), impact: 'critical', nodes: []}]);"
            "axe.run(document).then(r => done(r.violations), failed)"
        )
        return [
            (one["impact"], one["id"], [node["html"][:120] for node in one["nodes"][:3]])
            for one in found
            if one["impact"] in ("serious", "critical")
        ]
