# SPDX-License-Identifier: Apache-2.0
"""Contact sheets of spectra that cause each caution and each refusal: the pictures of docs/refusals.md.

``python studies/refusals.py docs`` simulates every case of `refusal_cases.py`, takes it through the pipeline as a file
of a user's, and writes one sheet for each group with the spectrum that was quantified and the words that came out of
it. A case that does not raise what it stands for ends the script. Takes some two minutes on one core.
"""

from __future__ import annotations

import argparse
import io
import re
import sys
import tempfile
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from refusal_cases import GROUPS, Case, scan_file

from fsl_mrs_dl.core.canvas import new_figure, plain_style
from fsl_mrs_dl.core.files import atomic_path
from fsl_mrs_dl.models.calibrated import load_model
from fsl_mrs_dl.preprocess.load import load
from fsl_mrs_dl.quantify import protocol, refusal
from fsl_mrs_dl.quantify.chain import analyse
from fsl_mrs_dl.quantify.result import Quantification

REASONS = {"refused": refusal.REASONS, "protocol": protocol.REASONS}
"""Groups whose cases are reasons of a refusal; those of the others are flags."""

COLUMNS, WIDTH_IN, HEIGHT_IN, DPI = 3, 3.5, 2.3, 96
WORDS_PER_LINE = 58
MOST_LINES = 6
SHOWN_PPM = (4.3, 0.5)
GAP = 0.15
"""Between two curves, of the height of the highest."""

NAMES = {"edit_off": "OFF", "diff": "DIFF"}
COLOURS = 16
"""Of a sheet: enough for grey levels of letters and two curves, and a third of the size."""


def answer(case: Case) -> Quantification:
    """What the program says of a case."""
    scan = case.make()
    with tempfile.TemporaryDirectory() as folder:
        data = load(**scan_file(scan, Path(folder)))
    return analyse(data, load_model(scan.model) if scan.model else None, any_protocol=scan.any_protocol)


def words(case: Case, group: str, found: Quantification) -> str:
    """The program's own sentence about a case.

    Raises
    ------
    SystemExit
        When the program says something else.
    """
    if group not in REASONS:
        said = [flag.sentence for flag in found.flags if flag.code == case.code]
    else:
        wanted = pattern(REASONS[group][case.code])
        refused = [flag.detail for flag in found.flags if flag.severity == "refused"]
        said = [f"Refused: {reason}." for reason in refused if re.search(wanted, reason)]
    if not said:
        raise SystemExit(f"{group}, {case.code}: not what the program says ({[flag.code for flag in found.flags]})")
    return said[0]


def pattern(template: str) -> str:
    """Regular expression of a reason: its words, with anything for its figures."""
    return "".join(".*" if part.startswith("{") else re.escape(part) for part in re.split(r"(\{[^}]*\})", template))


def draw(axis: Any, case: Case, said: str, found: Quantification) -> None:
    """One panel: edit_off above DIFF, as far as they are there, without the baseline of any fit."""
    top = 0.0
    for panel in reversed(found.panels):
        ppm, data = np.asarray(panel.ppm), np.asarray(panel.data).real
        inside = (ppm >= min(SHOWN_PPM)) & (ppm <= max(SHOWN_PPM))
        curve = data[inside] / (np.abs(data[inside]).max() or 1.0)
        base = top - float(curve.min()) + GAP
        axis.plot(ppm[inside], curve + base, lw=0.8, color="black")
        # beside the axes, where no curve runs
        place = {"ha": "right", "va": "center", "rotation": "vertical"}
        middle = base + float(curve.max() + curve.min()) / 2
        axis.text(max(SHOWN_PPM) + 0.04, middle, NAMES.get(panel.name, panel.name), fontsize=6, color="0.4", **place)
        top = base + float(curve.max())
    lines = textwrap.wrap(said, WORDS_PER_LINE)
    if len(lines) > MOST_LINES:
        lines = [*lines[: MOST_LINES - 1], lines[MOST_LINES - 1] + " ..."]
    axis.set(xlim=SHOWN_PPM, yticks=[], xticks=[4, 3, 2, 1], ylim=(0.0, top + GAP))
    axis.tick_params(labelsize=6, length=2)
    axis.set_title(case.code, fontsize=8, loc="left", family="monospace", fontweight="bold")
    axis.text(0.0, -0.16, "\n".join(lines), transform=axis.transAxes, fontsize=6, va="top")
    for side in ("left", "right", "top"):
        axis.spines[side].set_visible(False)


@plain_style()
def sheet(group: str, cases: Sequence[Case]) -> bytes:
    """PNG of a group."""
    from PIL import Image

    rows = -(-len(cases) // COLUMNS)
    figure = new_figure(figsize=(COLUMNS * WIDTH_IN, rows * HEIGHT_IN))
    figure.subplots_adjust(left=0.03, right=0.98, top=1 - 0.25 / (rows * HEIGHT_IN), bottom=0.75 / (rows * HEIGHT_IN))
    figure.subplots_adjust(hspace=0.95, wspace=0.1)
    axes = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
    for axis in axes[len(cases) :]:
        axis.set_visible(False)
    for axis, case in zip(axes, cases, strict=False):
        found = answer(case)
        draw(axis, case, words(case, group, found), found)
    drawn, small = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", dpi=DPI)
    Image.open(drawn).convert("L").quantize(COLOURS).save(small, format="png", optimize=True)
    return small.getvalue()


def main() -> None:
    """Read the arguments and write the sheets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where refusals_GROUP.png are written")
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=", ".join(GROUPS))
    args = parser.parse_args()
    for group in args.groups or GROUPS:
        content = sheet(group, GROUPS[group])
        with atomic_path(args.folder / f"refusals_{group}.png") as scratch:
            scratch.write_bytes(content)
        print(f"{group}: {len(GROUPS[group])} spectra, {len(content) / 1e3:.0f} kB", flush=True)


if __name__ == "__main__":
    main()
