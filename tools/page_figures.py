# SPDX-License-Identifier: Apache-2.0
"""Sizes, load times and findings of axe-core of pages, from disk in a headless Chromium without a network.

``python tools/page_figures.py`` makes the report of the example (with plotly where it is there, and without) and the
page of a made-up study of 200 scans, and measures them; pages that are named are measured beside them. Load times are
medians of repeated loads, from the start of the navigation to the end of the load event. Needs what the browser tests
need (CONTRIBUTING.md); without axe-core its column stays empty.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fsl_mrs_dl.reports.html.group import render_group
from fsl_mrs_dl.reports.html.repeated import retests
from fsl_mrs_dl.reports.scan_table import scan_table_description
from tests.browser_helpers import OWN, Browser, axe_file, start
from tests.study_helpers import study

ROOT = Path(__file__).resolve().parents[1]
LOADED_MS = "const t = performance.getEntriesByType('navigation')[0]; return t.loadEventEnd - t.startTime"
HIDDEN = "import sys; sys.modules['plotly.offline'] = None; from fsl_mrs_dl.cli.main import main; main()"
"""The program as if plotly were not there."""


def made_pages(folder: Path) -> dict[str, Path]:
    """The example's report with plotly and without, and a study's page, by what they are."""
    data = ["--data", "examples/megapress_raw.nii.gz", "--h2o", "examples/water_reference.nii.gz", "--report"]
    made = {}
    for title, program in (("report", ["-m", "fsl_mrs_dl"]), ("report without plotly", ["-c", HIDDEN])):
        output = folder / title.replace(" ", "_")
        command = [sys.executable, *program, "fit", *data, "--output", str(output)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, check=True)
        made[title] = output / "report.html"
    scans = study(n=100)
    made["study of 200 scans"] = folder / "group.html"
    made["study of 200 scans"].write_text(render_group(scans, retests(scans), scan_table_description(scans)), "utf-8")
    return made


def measure(browser: Browser, page: Path, axe: str | None, repeats: int) -> list[str]:
    """Cells of a row: size, load time, elements, requests, findings."""
    times_ms = []
    for _ in range(repeats):
        browser.open(page)
        asked = [address for address in browser.requests() if not address.startswith(OWN)]
        times_ms.append(float(browser.run(LOADED_MS)))
    size_mb, elements = page.stat().st_size / 1e6, browser.run("return document.querySelectorAll('*').length")
    wide = browser.open(page, width=375, height=812).run("return document.documentElement.scrollWidth") > 375
    found = "" if axe is None else str(len(browser.open(page).axe(axe)))
    return [
        f"{size_mb:.2f}",
        f"{statistics.median(times_ms) / 1e3:.2f}",
        str(elements),
        str(len(asked)),
        "no" if wide else "yes",
        found,
    ]


def main() -> None:
    """Read the arguments and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", nargs="*", type=Path, help="further pages")
    parser.add_argument("--repeats", type=int, default=5, metavar="N", help="loads of each page (default 5)")
    args = parser.parse_args()
    path = axe_file()
    axe = path.read_text(encoding="utf-8") if path.is_file() else None
    with tempfile.TemporaryDirectory() as scratch:
        driver = start(Path(scratch))
        browser = Browser(driver, Path(scratch) / "downloads")
        pages = {**made_pages(Path(scratch)), **{page.name: page.resolve() for page in args.pages}}
        print("| page | MB | loaded, s | elements | requests | fits a phone | serious findings of axe |")
        print("|---|---|---|---|---|---|---|")
        for title, page in pages.items():
            print(f"| {title} | {' | '.join(measure(browser, page, axe, args.repeats))} |", flush=True)
        driver.quit()


if __name__ == "__main__":
    main()
