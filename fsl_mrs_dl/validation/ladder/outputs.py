# SPDX-License-Identifier: Apache-2.0
"""What `fsl_mrs_dl ladder` writes: ladder.json, ladder.csv, ladder.png, and the table on the console."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fsl_mrs_dl.core.canvas import new_figure, plain_style, save_figure
from fsl_mrs_dl.core.files import write_json, write_text
from fsl_mrs_dl.metabolites.sums import COMBINATIONS
from fsl_mrs_dl.validation.metrics import KEYS, MAJOR
from fsl_mrs_dl.validation.run import CLASSICAL

OWN, HELD_OUT, MEASURED = "own", "held_out", "measured"
"""The sets: spectra as the rung was trained on; simulated with everything on, other protocols; those of a folder."""

TITLES = {
    OWN: "the rung's own simulation",
    HELD_OUT: "held-out simulation, everything on",
    MEASURED: "measured, known concentrations",
}
_SHORT = {HELD_OUT: "simulation", MEASURED: "measured"}
_COLOURS = {OWN: "#999999", HELD_OUT: "#0072B2", MEASURED: "#D55E00"}
_CONSTANT = "constant guess"
_NETWORK = "network"


def write_outputs(folder: Path, result: Mapping[str, Any]) -> None:
    """Write ladder.json, ladder.csv and ladder.png into an existing folder, each whole or not at all.

    Parameters
    ----------
    folder : Path
    result : mapping
        As `fsl_mrs_dl.validation.ladder.run.run_ladder` returns it, with one rung at least.

    Raises
    ------
    DataError
        When the folder cannot be written to.
    """
    write_json(folder / "ladder.json", result)
    write_text(folder / "ladder.csv", csv_text(result))
    save_figure(folder / "ladder.png", draw(result), dpi=130)


def csv_text(result: Mapping[str, Any]) -> str:
    """The content of ladder.csv: one row per rung, set, method and metabolite."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["rung", "set", "method", "metabolite", *KEYS])
    for rung in result["rungs"]:
        for name, judged in rung["sets"].items():
            writer.writerows([rung["folder"], name, *row] for row in _rows(judged))
    return stream.getvalue()


def _rows(judged: Mapping[str, Any]) -> Iterator[list[str]]:
    """Method, metabolite and `KEYS` of one set."""
    for method, scores in {_NETWORK: judged["metabolites"], **judged["against"]}.items():
        for metabolite, s in scores.items():
            yield [method, metabolite, *("" if s[key] is None else f"{s[key]:.6g}" for key in KEYS)]


def text_table(result: Mapping[str, Any]) -> str:
    """The ladder as a table per set; ``gain`` is by how much the mean error fell from the rung before."""
    lines = ["Mean absolute error, slope and R2 of max-normalised concentrations"]
    for name in result["rungs"][-1]["sets"]:
        names = _shown(result)
        judged = [rung["sets"][name] for rung in result["rungs"]]
        lines += ["", f"{TITLES[name]} ({judged[-1]['n']} spectra)"]
        head = f"{'':<26}" + "".join(f"{metabolite:^20}" for metabolite in names) + f"{'mean':>7}{'gain':>8}"
        lines += [head, "-" * len(head)]
        before = None
        for rung, one in zip(result["rungs"], judged, strict=True):
            mean = _mean(one["metabolites"], names)
            line = f"{rung['title']:<26}" + _cells(one["metabolites"], names) + _num(mean, 7, 4)
            lines.append(line + (f"{before - mean:+8.4f}" if before is not None and mean is not None else ""))
            before = mean
        if name == OWN:
            continue
        for title, scores in _beside(judged[-1]).items():
            lines.append(f"{title:<26}" + _cells(scores, names) + _num(_mean(scores, names), 7, 4))
    return "\n".join(lines) + "\n"


@plain_style()
def draw(result: Mapping[str, Any]) -> Any:
    """Figure: mean absolute error over the rungs, one panel per metabolite and one for their mean."""
    names = _shown(result)
    panels = [*((name, [name]) for name in names), ("mean", names)]
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    figure = new_figure(figsize=(4.4 * columns, 3.1 * rows + 1.2), layout="constrained")
    titles = [rung["title"] for rung in result["rungs"]]
    for index, (title, members) in enumerate(panels):
        axes = figure.add_subplot(rows, columns, index + 1)
        for name in result["rungs"][-1]["sets"]:
            _draw_set(axes, name, [rung["sets"][name] for rung in result["rungs"]], members)
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.yaxis.set_minor_formatter(lambda value, _: f"{value:g}" if f"{value:e}"[0] in "25" else "")
        axes.set_title(title, fontsize=10, loc="left", fontweight="bold")
        axes.set_ylabel("MAE (max-normalised)", fontsize=8)
        last_row = index + columns >= len(panels)
        axes.set_xticks(range(len(titles)), titles if last_row else [], rotation=40, ha="right", fontsize=7)
        axes.tick_params(axis="y", which="both", labelsize=7)
        axes.grid(axis="y", which="both", lw=0.3, color="0.85")
    handles, labels = figure.axes[-1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, fontsize=7, frameon=False)
    return figure


def _draw_set(axes: Any, name: str, judged: list[Mapping[str, Any]], members: list[str]) -> None:
    """Mean error of `members` over the rungs on one set, and the levels of what needs no network."""
    error = [_mean(one["metabolites"], members) for one in judged]
    values = np.array([np.nan if e is None else e for e in error])
    axes.plot(values, "o-", ms=4, lw=1.2, color=_COLOURS[name], label=TITLES[name])
    if name == OWN:
        return
    for (label, scores), style in zip(_beside(judged[-1]).items(), (":", "--"), strict=False):
        level = _mean(scores, members)
        if level is not None:
            axes.axhline(level, color=_COLOURS[name], lw=0.9, ls=style, label=f"{label}, {_SHORT[name]}")


def _shown(result: Mapping[str, Any]) -> list[str]:
    """Metabolites of tables and figure: the major ones, without sums of what stands beside them."""
    scores = result["rungs"][-1]["sets"][HELD_OUT]["metabolites"]
    return [name for name in MAJOR if name in scores and name not in COMBINATIONS]


def _beside(judged: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Constant predictor and classical fit, as scores by metabolite."""
    constant = {name: {"mae": s["mae_constant"]} for name, s in judged["metabolites"].items()}
    return {_CONSTANT: constant, "classical fit": judged["against"][CLASSICAL]}


def _mean(scores: Mapping[str, Any], names: list[str]) -> float | None:
    """Mean of the errors of those of `names` that have one."""
    errors = [scores[name]["mae"] for name in names if name in scores and scores[name]["mae"] is not None]
    return float(np.mean(errors)) if errors else None


def _cells(scores: Mapping[str, Any], names: list[str]) -> str:
    cells = ""
    for name in names:
        s = scores.get(name, {})
        cells += f"{_num(s.get('mae'), 7, 3)}{_num(s.get('slope'), 6, 2)}{_num(s.get('r2'), 6, 2)} "
    return cells


def _num(value: float | None, width: int, decimals: int) -> str:
    return f"{'' if value is None else format(value, f'.{decimals}f'):>{width}}"
