# SPDX-License-Identifier: Apache-2.0
"""What `fsl_mrs_dl validate` writes: validation.json, validation.csv, validation.png and the table on the console."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fsl_mrs_dl.core.canvas import new_figure, plain_style, save_figure
from fsl_mrs_dl.core.files import write_json, write_text
from fsl_mrs_dl.models.estimate import Estimate
from fsl_mrs_dl.validation.metrics import Interval, Pair, evaluate_groups, evaluate_pairs, normalise, ordered
from fsl_mrs_dl.validation.programs import one_gaussian
from fsl_mrs_dl.validation.ratios import evaluate_ratios, pair_ratios, ratios_of, true_ratios

REFUSED_SHARE_TO_SAY_FIRST = 0.05
RATIOS_ONLY = (one_gaussian.NAME,)
"""Methods that give a ratio and nothing that could be max-normalised."""

_FIGURE_METABOLITES = 12


@dataclass(frozen=True)
class Case:
    """One data set of a validation.

    Parameters
    ----------
    id : str
    truth, estimate : mapping of str to float
        Known concentrations; raw amplitudes of the network (empty when refused).
    interval68, interval95 : mapping of str to (float, float)
        In the unit of `estimate`.
    against : mapping of str to mapping of str to float
        Estimates of other methods, by method; a method that failed here is left out.
    flags : tuple of str
        Codes.
    series : str or None
        The group that the data set belongs to.
    refused : bool
    model : str
        Name of the model that answered.
    reference : tuple of str
        Metabolites whose sum ratios are taken to.
    ratios : tuple of Estimate
        The network's ratios to it, with intervals of their own.
    mm_over_gaba : float or None
        What makes the true GABA+ of the true GABA.
    """

    id: str
    truth: Mapping[str, float]
    estimate: Mapping[str, float]
    interval68: Mapping[str, Interval] = field(default_factory=dict)
    interval95: Mapping[str, Interval] = field(default_factory=dict)
    against: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    series: str | None = None
    refused: bool = False
    model: str = ""
    reference: tuple[str, ...] = ()
    ratios: tuple[Estimate, ...] = ()
    mm_over_gaba: float | None = None

    def pairs(self) -> dict[str, Pair]:
        """The network's estimates beside the truth, max-normalised."""
        return normalise(self.truth, self.estimate, self.interval68, self.interval95)

    def pairs_against(self, method: str) -> dict[str, Pair]:
        """The estimates of `method` beside the truth; empty where it has none."""
        values = self.against.get(method)
        return normalise(self.truth, values) if values else {}

    def ratio_pairs(self) -> dict[str, Pair]:
        """The network's ratios to the reference beside the true ones."""
        answer = answers_of(self.ratios)
        return pair_ratios(self._true_ratios(), *answer.values())

    def ratio_pairs_against(self, method: str) -> dict[str, Pair]:
        """The ratios of `method` beside the true ones; empty where it has none."""
        return pair_ratios(self._true_ratios(), ratios_of(self.against.get(method, {}), self.reference))

    def _true_ratios(self) -> dict[str, float]:
        return true_ratios(self.truth, self.reference, self.mm_over_gaba)


def answers_of(estimates: Sequence[Estimate]) -> dict[str, Any]:
    """The fields of a `Case` that hold a network's answer."""
    return {
        "estimate": {e.name: e.value for e in estimates},
        "interval68": {e.name: e.interval68 for e in estimates},
        "interval95": {e.name: e.interval95 for e in estimates},
    }


def build_result(cases: Sequence[Case], model: str) -> dict[str, Any]:
    """The content of validation.json.

    Refused data sets count in ``refused`` and are left out of every error, the other methods' too, so that all are
    judged on the same spectra. ``note`` stands first where more than 5 % are refused.
    """
    used = [case for case in cases if not case.refused]
    pairs = [case.pairs() for case in used]
    refused = len(cases) - len(used)
    result: dict[str, Any] = {}
    if cases and refused / len(cases) > REFUSED_SHARE_TO_SAY_FIRST:
        result["note"] = (
            f"{refused} of {len(cases)} data sets ({100 * refused / len(cases):.0f} %) were refused; "
            "the errors are those of the others only."
        )
    methods = [name for name in _methods(cases) if name not in RATIOS_ONLY]
    result |= {
        "model": model,
        "n": len(cases),
        "refused": refused,
        "metric": "truth and estimate each divided by their largest value over Cr (Cr+PCr), GABA, Gln, Glu, NAA",
        "metabolites": evaluate_pairs(pairs),
        "groups": evaluate_groups(pairs, [case.series for case in used]),
        "against": {name: evaluate_pairs([case.pairs_against(name) for case in used]) for name in methods},
        "ratios": _ratios(used, _methods(cases)),
    }
    return result


def _ratios(used: Sequence[Case], methods: Sequence[str]) -> dict[str, Any]:
    """Errors of ratios to the reference."""
    return {
        "reference": ", ".join(sorted({"+".join(case.reference) for case in used if case.reference})),
        "metabolites": evaluate_ratios([case.ratio_pairs() for case in used]),
        "against": {name: evaluate_ratios([case.ratio_pairs_against(name) for case in used]) for name in methods},
    }


def _methods(cases: Sequence[Case]) -> list[str]:
    """Other methods, in the order of their first answer."""
    return list(dict.fromkeys(name for case in cases for name in case.against))


def write_outputs(folder: Path, cases: Sequence[Case], model: str) -> dict[str, Any]:
    """Write validation.json, validation.csv and validation.png into an existing folder; return the result.

    Raises
    ------
    DataError
        When the folder cannot be written to.
    """
    folder = Path(folder)
    result = build_result(cases, model)
    write_json(folder / "validation.json", result)
    write_text(folder / "validation.csv", csv_text(cases))
    save_figure(folder / "validation.png", draw(cases, result), dpi=150)
    return result


def csv_text(cases: Sequence[Case]) -> str:
    """The content of validation.csv: one row per data set and metabolite, max-normalised values.

    A refused data set has one row without values, so that it is not lost from sight.
    """
    methods = [name for name in _methods(cases) if name not in RATIOS_ONLY]
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    head = ["id", "series", "metabolite", "truth", "estimate", "lo68", "hi68", "lo95", "hi95"]
    writer.writerow([*head, *methods, "flags"])
    for case in cases:
        if case.refused:
            rows = [[""] * (len(head) - 2 + len(methods))]
        else:
            rows = _rows_of(case.pairs(), [case.pairs_against(method) for method in methods])
        writer.writerows([case.id, case.series or "", *row, " ".join(case.flags)] for row in rows)
    return stream.getvalue()


def _rows_of(pairs: Mapping[str, Pair], others: Sequence[Mapping[str, Pair]]) -> list[list[str]]:
    """Metabolite, truth, estimate, interval ends and the other methods' estimates, a row per metabolite."""
    rows = []
    for name in ordered({*pairs, *(n for other in others for n in other)}):
        answers = [found.get(name) for found in (pairs, *others)]
        truth = next(pair.truth for pair in answers if pair)
        values = [_cell(pair.estimate) if pair else "" for pair in answers]
        rows.append([name, _cell(truth), values[0], *_ends(answers[0]), *values[1:]])
    return rows


def _ends(pair: Pair | None) -> list[str]:
    """Ends of the 68 % and the 95 % interval; empty where there is none."""
    if pair is None:
        return [""] * 4
    return [_cell(end) for interval in (pair.interval68, pair.interval95) for end in (interval or ("", ""))]


def text_table(result: Mapping[str, Any]) -> str:
    """The result as a table for the console, refusals first where there are many."""
    lines = [f"NOTE: {result['note']}", ""] if "note" in result else []
    lines.append(f"Model {result['model']}: {result['n']} data sets, {result['refused']} refused")
    lines.append("Errors of max-normalised concentrations (constant: best constant guess)")
    methods = list(result.get("against", {}))
    head = f"{'metabolite':<10} {'n':>4} {'MAE':>7} {'+-SE':>7} {'slope':>6} {'interc':>7} {'R2':>6}"
    head += f" {'constant':>8} {'in 68 %':>7} {'in 95 %':>7}"
    head += "".join(f" {('MAE ' + m)[:14]:>14}" for m in methods)
    lines += ["", head, "-" * len(head)]
    for name, s in result["metabolites"].items():
        line = f"{name:<10} {s['n']:>4d} {_num(s['mae'], 7, 4)} {_num(s['mae_se'], 7, 4)} {_num(s['slope'], 6, 3)}"
        line += f" {_num(s['intercept'], 7, 3)} {_num(s['r2'], 6, 3)} {_num(s['mae_constant'], 8, 4)}"
        line += f" {_num(s['coverage68'], 7, 2)} {_num(s['coverage95'], 7, 2)}"
        for method in methods:
            line += " " + _num(result["against"][method].get(name, {}).get("mae"), 14, 4)
        lines.append(line)
    return "\n".join([*lines, *ratio_table(result["ratios"])]) + "\n"


def ratio_table(ratios: Mapping[str, Any]) -> list[str]:
    """Lines of the table of ratios; none where there are no ratios."""
    if not ratios["metabolites"]:
        return []
    methods = list(ratios["against"])
    head = f"{'metabolite':<10} {'n':>4} {'bias %':>7} {'error %':>7} {'slope':>6} {'R2':>6} {'constant %':>10}"
    head += f" {'in 68 %':>7} {'in 95 %':>7}" + "".join(f" {('% ' + m)[:14]:>14}" for m in methods)
    lines = ["", f"Ratios to {ratios['reference']}: mean absolute errors in percent of the truth, bias the median", ""]
    lines += [head, "-" * len(head)]
    for name, s in ratios["metabolites"].items():
        line = f"{name:<10} {s['n']:>4d} {_num(s['bias_percent'], 7, 1)} {_num(s['mape_percent'], 7, 1)}"
        line += f" {_num(s['slope'], 6, 3)} {_num(s['r2'], 6, 3)} {_num(s['mape_constant_percent'], 10, 1)}"
        line += f" {_num(s['coverage68'], 7, 2)} {_num(s['coverage95'], 7, 2)}"
        for method in methods:
            line += " " + _num(ratios["against"][method].get(name, {}).get("mape_percent"), 14, 1)
        lines.append(line)
    return lines


@plain_style()
def draw(cases: Sequence[Case], result: Mapping[str, Any]) -> Any:
    """Figure of estimate over truth per metabolite, with 95 % bars, the identity and other methods in grey."""
    used = [case for case in cases if not case.refused]
    pairs = [case.pairs() for case in used]
    others = {method: [case.pairs_against(method) for case in used] for method in result["against"]}
    names = list(result["metabolites"])[:_FIGURE_METABOLITES]
    columns = min(3, max(1, len(names)))
    rows = max(1, math.ceil(len(names) / columns))
    figure = new_figure(figsize=(4.2 * columns, 4.0 * rows + 0.6), layout="constrained")
    title = f"{result['model']}: {result['n']} data sets, {result['refused']} refused"
    figure.suptitle(f"{result['note']}\n{title}" if "note" in result else title, fontsize=10)
    for index, name in enumerate(names):
        axes = figure.add_subplot(rows, columns, index + 1)
        beside = {}
        for method, found in others.items():
            error = _num(result["against"][method].get(name, {}).get("mae"), 0, 3)
            beside[f"{method} (MAE {error})"] = _of(name, found)
        _scatter(axes, _of(name, pairs), beside)
        _label(axes, name, result["metabolites"][name])
    if not names:
        figure.text(0.5, 0.5, "No data set could be evaluated", ha="center", va="center", fontsize=12)
    return figure


def _label(axes: Any, name: str, s: Mapping[str, Any]) -> None:
    """Title, figures, legend and axis labels of one metabolite's panel."""
    axes.set_title(f"{name}  (n = {s['n']})", fontsize=10, loc="left", fontweight="bold")
    axes.text(
        0.03,
        0.97,
        f"MAE {_num(s['mae'], 0, 3)} ± {_num(s['mae_se'], 0, 3)}\nconstant guess {_num(s['mae_constant'], 0, 3)}\n"
        f"slope {_num(s['slope'], 0, 2)}   R² {_num(s['r2'], 0, 2)}",
        transform=axes.transAxes,
        va="top",
        fontsize=8,
        bbox={"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 1.5},
    )
    axes.legend(loc="lower right", fontsize=7, frameon=False)
    axes.set_xlabel("truth (max-normalised)", fontsize=8)
    axes.set_ylabel("estimate (max-normalised)", fontsize=8)
    axes.tick_params(labelsize=7)


def _of(name: str, found: Sequence[Mapping[str, Pair]]) -> list[Pair]:
    """One metabolite's pairs of the data sets that have it."""
    return [pairs[name] for pairs in found if name in pairs]


def _scatter(axes: Any, pairs: Sequence[Pair], beside: Mapping[str, Sequence[Pair]]) -> None:
    """The network's pairs with bars, those of the other methods by their labels, and the identity."""
    shown = list(pairs)
    for (label, others), marker in zip(beside.items(), "x+1234" * len(beside), strict=False):
        axes.plot([p.truth for p in others], [p.estimate for p in others], marker, color="0.6", ms=5, label=label)
        shown += others
    truth = np.array([p.truth for p in pairs])
    guess = np.array([p.estimate for p in pairs])
    ends = np.array([p.interval95 or (p.estimate, p.estimate) for p in pairs]).reshape(-1, 2)
    bars = np.clip(np.abs(ends - guess[:, None]), 0, None).T
    axes.errorbar(
        truth, guess, yerr=bars, fmt="o", ms=4, color="#0072B2", ecolor="#0072B266", elinewidth=1, label="network, 95 %"
    )
    drawn = [*(p.truth for p in shown), *(p.estimate for p in shown), *ends[:, 1]]
    top = 1.08 * max([0.05, *(value for value in drawn if math.isfinite(value))])
    axes.plot([0, top], [0, top], color="0.2", lw=0.8, ls="--", zorder=0)
    axes.set_xlim(-0.03 * top, top)
    axes.set_ylim(-0.03 * top, top)
    axes.set_aspect("equal")


def _cell(value: float | str) -> str:
    if isinstance(value, str):
        return value
    return f"{value:.6g}" if math.isfinite(value) else ""


def _num(value: float | None, width: int, decimals: int) -> str:
    return f"{'-' if value is None else format(value, f'.{decimals}f'):>{max(1, width)}}"
