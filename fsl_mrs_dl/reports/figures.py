# SPDX-License-Identifier: Apache-2.0
"""fit_summary.png: data, reconstructed spectrum and residual of each panel, with the main values beside them."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fsl_mrs_dl.core.canvas import new_figure, plain_style, printable, save_figure
from fsl_mrs_dl.metabolites.table import HEADLINE
from fsl_mrs_dl.models.estimate import Estimate
from fsl_mrs_dl.quantify.result import Panel, Quantification
from fsl_mrs_dl.reports.curves import LABELS, PANEL_TITLES, panel_curves
from fsl_mrs_dl.reports.tables import all_estimates

COLOURS = {"data": "#3a3a3a", "fit": "#D55E00", "baseline": "#7f7f7f", "residual": "#0072B2"}
"""Okabe and Ito's palette (jfly.uni-koeln.de/color), told apart with every kind of colour vision and in grey."""

REFUSED_COLOUR = "#B00020"


def headline(quantification: Quantification) -> list[Estimate]:
    """The values of `HEADLINE` that are there, relative to the reference where there is one."""
    ratios = {e.name: e for e in quantification.ratios()}
    found = {e.name: ratios.get(e.name, e) for e in all_estimates(quantification) if not e.flag}
    return [found[name] for name in HEADLINE if name in found]


def refusal(quantification: Quantification) -> str:
    """The sentences of the refusal; empty where there is none."""
    return " ".join(flag.sentence for flag in quantification.flags if flag.severity == "refused")


def format_value(value: float) -> str:
    """Three significant digits, without an exponent where that is readable."""
    if value == 0:
        return "0"
    if not 1e-3 <= abs(value) < 1e4:
        return f"{value:.3g}"
    return f"{value:.{max(0, 2 - int(np.floor(np.log10(abs(value)))))}f}"


_LINE_HEIGHT = 0.175
"""Of the text beside the panels, inches: the figure grows with the cautions."""


@plain_style()
def draw_summary(quantification: Quantification, title: str = "") -> Any:
    """Draw the figure: one row per panel, ppm descending, the residual offset above.

    Parameters
    ----------
    quantification : Quantification
        Refused: the data alone are drawn under a banner with the reason.
    title : str

    Returns
    -------
    matplotlib.figure.Figure
        With an Agg canvas; nothing of matplotlib's global state is touched.
    """
    panels = quantification.panels
    values = _value_lines(quantification)
    width, height = 10.5, 1.6 + max(3.4 * max(1, len(panels)), _LINE_HEIGHT * len(values))  # inches, as all below
    figure = new_figure(figsize=(width, height))
    reason = refusal(quantification)
    lines = textwrap.wrap(f"REFUSED: {reason}", 100) if reason else [printable(title)] if title else []
    style: dict[str, Any] = {"fontsize": 11, "y": 1 - 0.15 / height}
    if reason:
        box = {"facecolor": REFUSED_COLOUR, "edgecolor": "none", "pad": 5}
        style |= {"color": "white", "fontweight": "bold", "bbox": box}
    figure.suptitle("\n".join(lines), **style)
    if not panels:
        figure.text(0.5, 0.4, "No spectrum to show", ha="center", va="center")
        return figure
    # placed by hand: matplotlib's layout engine draws everything once more, a tenth of a whole `fit`
    grid = figure.add_gridspec(
        len(panels),
        2,
        width_ratios=(3.4, 1),
        left=0.15 / width,
        right=1 - 0.15 / width,
        bottom=0.55 / height,
        top=1 - (0.6 + 0.2 * len(lines)) / height,
        wspace=0.04,
        hspace=0.22,
    )
    for row, panel in enumerate(panels):
        _draw_panel(figure.add_subplot(grid[row, 0]), panel, refused=bool(reason), last=row == len(panels) - 1)
    _draw_values(figure.add_subplot(grid[:, 1]), values, refused=bool(reason))
    return figure


def save_fit_summary(path: Path, quantification: Quantification, title: str = "") -> None:
    """Write `draw_summary` to `path` as PNG, 150 dots per inch."""
    save_figure(path, draw_summary(quantification, title), dpi=150)


_STYLES: dict[str, dict[str, Any]] = {
    "data": {"lw": 0.9},
    "fit": {"lw": 1.3, "alpha": 0.9},
    "baseline": {"lw": 0.9, "ls": "--"},
    "residual": {"lw": 0.8},
}


def _draw_panel(axes: Any, panel: Panel, *, refused: bool, last: bool) -> None:
    curves = panel_curves(panel, refused=refused)
    for name, style in _STYLES.items():
        if name in curves.shown:
            axes.plot(curves.ppm, curves.shown[name], color=COLOURS[name], label=LABELS[name], **style)
    if "residual" in curves.shown:
        axes.axhline(curves.offset, color=COLOURS["residual"], lw=0.5, ls=":")
    span = (curves.top - curves.low) or 1.0
    for peak in curves.peaks:
        place, va = (0.02, "bottom") if peak.up else (-0.02, "top")
        axes.text(peak.shift_ppm, peak.value + place * span, peak.name, ha="center", va=va, fontsize=8.5, color="0.15")
    axes.set_xlim(curves.ppm[0], curves.ppm[-1])
    axes.set_ylim(curves.low - 0.09 * span, curves.top + 0.12 * span)
    axes.set_yticks([])
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    axes.set_title(PANEL_TITLES.get(panel.name, panel.name), loc="left", fontsize=10, fontweight="bold")
    axes.tick_params(labelsize=8.5)
    if last:
        axes.set_xlabel("chemical shift / ppm", fontsize=9)
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=4, fontsize=7.5, frameon=False, borderpad=0)


def _value_lines(quantification: Quantification) -> list[str]:
    """What stands beside the panels: values with intervals, cautions, the model; the font has one width."""
    values = headline(quantification)
    if not values:
        return ["No values are given." if quantification.refused else "No estimates."]
    lines = [f"Relative to {quantification.reference_name}" if values[0].unit != "raw" else "Raw amplitudes"]
    lines += ["value [95 % interval]", ""]
    for e in values:
        low, high = e.interval95
        lines.append(f"{e.name:<6}{format_value(e.value):>7}  [{format_value(low)}, {format_value(high)}]")
    cautions = [flag for flag in quantification.flags if flag.severity == "caution"]
    if cautions:
        lines += ["", "Cautions:"]
        for flag in cautions:
            lines += textwrap.wrap(printable(flag.sentence), 31, initial_indent="- ", subsequent_indent="  ")
    return [*lines, "", *textwrap.wrap(f"model {quantification.model.get('name', '?')}", 31)]


def _draw_values(axes: Any, lines: Sequence[str], *, refused: bool) -> None:
    axes.set_axis_off()
    if len(lines) == 1:
        colour = REFUSED_COLOUR if refused else "0.15"
        axes.text(0.0, 0.98, lines[0], va="top", fontsize=10, color=colour)
        return
    axes.text(0.0, 0.98, "\n".join(lines), va="top", fontsize=8.5, family="DejaVu Sans Mono", linespacing=1.4)
