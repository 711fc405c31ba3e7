# SPDX-License-Identifier: Apache-2.0
"""fit_summary.png: data, re-made spectrum and residual of each panel, with the main values beside them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.core.canvas import new_figure, plain_style, printable, save_figure
from fsl_mrs_dl.core.constants import CHO_PPM, CR_CH3_PPM, GABA_H4_PPM, GLX_H2_PPM, NAA_PPM
from fsl_mrs_dl.metabolites.table import HEADLINE
from fsl_mrs_dl.models.estimate import Estimate
from fsl_mrs_dl.quantify.result import Panel, Quantification
from fsl_mrs_dl.reports.tables import all_estimates

PPM_WINDOW = (0.5, 4.2)
"""Range of chemical shift that is shown, ppm."""

PANEL_TITLES = {"diff": "DIFF (edit_on − edit_off)", "edit_off": "edit_off", "edit_on": "edit_on"}
PEAKS = {
    "diff": {"Glx": GLX_H2_PPM, "GABA": GABA_H4_PPM, "NAA": NAA_PPM},
    "edit_off": {"Glx": GLX_H2_PPM, "Cho": CHO_PPM, "Cr": CR_CH3_PPM, "NAA": NAA_PPM},
    "edit_on": {"Glx": GLX_H2_PPM, "Cho": CHO_PPM, "Cr": CR_CH3_PPM},
}
COLOURS = {"data": "#3a3a3a", "fit": "#D55E00", "baseline": "#7f7f7f", "residual": "#0072B2"}
"""Okabe and Ito's palette (jfly.uni-koeln.de/color), told apart with every kind of colour vision and in grey."""

REFUSED_COLOUR = "#B00020"


def headline(quantification: Quantification) -> list[Estimate]:
    """The values of `HEADLINE` that are there, relative to the reference where there is one."""
    ratios = {e.name: e for e in quantification.ratios()}
    found = {e.name: ratios.get(e.name, e) for e in all_estimates(quantification) if not e.flag}
    return [found[name] for name in HEADLINE if name in found]


def visible(panel: Panel) -> NDArray:
    """Mask of the points of `panel` that lie in `PPM_WINDOW`; all points where none does."""
    ppm = np.asarray(panel.ppm)
    mask = (ppm >= PPM_WINDOW[0]) & (ppm <= PPM_WINDOW[1])
    return mask if mask.any() else np.ones(len(ppm), bool)


def real(curve: NDArray) -> NDArray:
    """The real part, with zeros where it is not finite (a refused fit)."""
    return np.nan_to_num(np.real(np.asarray(curve)), nan=0.0, posinf=0.0, neginf=0.0).astype(float)


def display_floor(panel: Panel, ppm: NDArray, curves: list[NDArray]) -> float:
    """Lowest value that is shown: in DIFF the inverted NAA line is cut, or GABA and Glx could not be seen beside it."""
    lowest = min(float(c.min()) for c in curves)
    edited = (ppm > 2.2) & (ppm < 4.1)
    if panel.name != "diff" or not edited.any():
        return lowest
    return max(lowest, -1.5 * max(float(np.abs(c[edited]).max()) for c in curves))


def label_place(values: NDArray, level: float) -> tuple[float, int]:
    """Where the name of a peak stands: at its top (1), or at the bottom (-1) of one that is mainly below `level`."""
    low, high = float(np.min(values)), float(np.max(values))
    return (low, -1) if level - low > high - level else (high, 1)


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
    save_figure(path, draw_summary(quantification, title), dpi=150, pil_kwargs={"compress_level": 1})


def _draw_panel(axes: Any, panel: Panel, *, refused: bool, last: bool) -> None:
    mask = visible(panel)
    ppm = np.asarray(panel.ppm)[mask]
    data, fit, baseline = (real(curve)[mask] for curve in (panel.data, panel.fit, panel.baseline))
    axes.plot(ppm, data, color=COLOURS["data"], lw=0.9, label="data")
    bottom = display_floor(panel, ppm, [data] if refused else [data, fit])
    top = float(data.max())
    if not refused:
        axes.plot(ppm, fit, color=COLOURS["fit"], lw=1.3, alpha=0.9, label="re-made from the estimates")
        axes.plot(ppm, baseline, color=COLOURS["baseline"], lw=0.9, ls="--", label="baseline")
        residual = data - fit
        top = max(top, float(fit.max()))
        offset = top + 0.08 * (top - bottom) - float(residual.min())
        axes.plot(ppm, residual + offset, color=COLOURS["residual"], lw=0.8, label="residual (offset)")
        axes.axhline(offset, color=COLOURS["residual"], lw=0.5, ls=":")
        top = max(top, float(residual.max()) + offset)
    span = (top - bottom) or 1.0
    for name, shift_ppm, place, up in _peak_labels(panel.name, ppm, data, bottom):
        va = "bottom" if up > 0 else "top"
        axes.text(shift_ppm, place + 0.02 * up * span, name, ha="center", va=va, fontsize=8.5, color="0.15")
    axes.set_xlim(ppm.max(), ppm.min())
    axes.set_ylim(bottom - 0.09 * span, top + 0.12 * span)
    axes.set_yticks([])
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    axes.set_title(PANEL_TITLES.get(panel.name, panel.name), loc="left", fontsize=10, fontweight="bold")
    axes.tick_params(labelsize=8.5)
    if last:
        axes.set_xlabel("chemical shift / ppm", fontsize=9)
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=4, fontsize=7.5, frameon=False, borderpad=0)


def _peak_labels(panel: str, ppm: NDArray, data: NDArray, bottom: float) -> Iterator[tuple[str, float, float, int]]:
    """Name, chemical shift, height and side of each peak's label that lies in the window."""
    for name, shift_ppm in PEAKS.get(panel, {}).items():
        if not ppm.min() <= shift_ppm <= ppm.max():
            continue
        near = np.abs(ppm - shift_ppm) < 0.06
        place, up = label_place(data[near] if near.any() else data, float(np.median(data)))
        cut = place < bottom
        yield f"{name} (cut off)" if cut else name, shift_ppm, bottom if cut else place, up


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
