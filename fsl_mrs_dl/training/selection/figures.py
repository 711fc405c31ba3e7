# SPDX-License-Identifier: Apache-2.0
"""Figures of a search: how it went, what matters, and how errors on perturbed and clean spectra go together."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fsl_mrs_dl.core.canvas import new_figure, plain_style, save_figure
from fsl_mrs_dl.training.selection.journal import COMPLETED, FAILED, STOPPED, Trial
from fsl_mrs_dl.training.selection.proposals import Proposer
from fsl_mrs_dl.training.selection.space import Dimension, SelectConfig
from fsl_mrs_dl.training.selection.words import correlation

_COLOURS = {COMPLETED: "#0072B2", STOPPED: "#E69F00", FAILED: "#D55E00"}
_N_LEVELS, _N_DRAWN = 24, 200
"""Values of a parameter at which its dependence is drawn, and points over which the others are averaged."""


@plain_style()
def write_figures(trials: Sequence[Trial], config: SelectConfig, folder: Path) -> list[Path]:
    """Write ``convergence.png``, ``dependence.png`` and ``perturbed_clean.png``; those that the trials suffice for."""
    made = [folder / "convergence.png"]
    _convergence(trials, config, made[0])
    if sum(trial["outcome"] == COMPLETED for trial in trials) > 2:
        made += [folder / "dependence.png", folder / "perturbed_clean.png"]
        _dependence(trials, config, made[1])
        _perturbed_clean(trials, config, made[2])
    return made


def _convergence(trials: Sequence[Trial], config: SelectConfig, path: Path) -> None:
    figure = new_figure(figsize=(8, 3.6), layout="constrained")
    axes = figure.add_subplot()
    order = np.arange(1, len(trials) + 1)
    score = np.array([trial["score"] for trial in trials])
    outcome = np.array([trial["outcome"] for trial in trials])
    for name, colour in _COLOURS.items():
        rows = outcome == name
        if rows.any():
            axes.plot(order[rows], score[rows], "o", ms=4, color=colour, label=f"{name} ({rows.sum()})")
    best = np.minimum.accumulate(np.where(outcome == COMPLETED, score, np.inf))
    axes.plot(order, best, color="0.3", lw=1.2, label="best completed")
    axes.axvline(config.n_random + 0.5, color="0.7", lw=0.8, ls="--")
    axes.autoscale_view()
    _by_ratio(axes.yaxis)
    axes.set_xlabel("trial, in the order in which they ended (left of the line: drawn at random)")
    axes.set_ylabel("error on held-out spectra")
    axes.set_title(f"{config.name}: {config.n_spectra:,} spectra, up to {config.rungs[-1]} epochs")
    axes.legend(fontsize=8)
    save_figure(path, figure, dpi=110)


def _dependence(trials: Sequence[Trial], config: SelectConfig, path: Path) -> None:
    """Partial dependence of the Gaussian process on each parameter, with the completed trials."""
    curves = partial_dependence(trials, config)
    completed = [trial for trial in trials if trial["outcome"] == COMPLETED]
    names, columns = list(config.space), 4
    rows = math.ceil(len(names) / columns)
    figure = new_figure(figsize=(3 * columns, 2.4 * rows), layout="constrained")
    figure.suptitle(f"{config.name}: error by each parameter, averaged over all others (line), and completed trials")
    for index, name in enumerate(names):
        axes = figure.add_subplot(rows, columns, index + 1)
        encoded, error = curves[name]
        axes.plot([trial["point"][index] for trial in completed], [t["score"] for t in completed], ".", color="0.75")
        axes.plot(encoded, error, "-" if len(encoded) > 5 else "o-", ms=3, color="#0072B2")
        _label(axes, config.space[name], name)
    save_figure(path, figure, dpi=110)


def _label(axes: Any, dimension: Dimension, name: str) -> None:
    axes.set_xlabel(name, fontsize=8)
    axes.tick_params(labelsize=6, which="both")
    _by_ratio(axes.yaxis)
    if dimension.choices:
        labels = [_short(choice) for choice in dimension.choices]
        axes.set_xticks(range(len(labels)), labels, fontsize=5 if len(max(labels, key=len)) > 6 else 6)
    elif dimension.log:
        _by_ratio(axes.xaxis)
    elif dimension.whole:
        axes.locator_params(axis="x", integer=True)


def _by_ratio(axis: Any) -> None:
    """A logarithmic axis with plain numbers, also where it spans less than a power of ten."""
    scale, ticks = ("set_xscale", "set_xticks") if axis.axis_name == "x" else ("set_yscale", "set_yticks")
    getattr(axis.axes, scale)("log")
    low, high = axis.get_view_interval()
    decades = math.log10(high / low)
    parts = (1,) if decades > 2 else (1, 2, 5) if decades > 0.7 else (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    values = [part * 10.0**power for power in powers for part in parts if low <= part * 10.0**power <= high]
    getattr(axis.axes, ticks)(values, [f"{value:g}" for value in values])
    getattr(axis.axes, ticks)([], minor=True)


def _short(choice: Any) -> str:
    return "-".join(map(str, choice)) if isinstance(choice, list | tuple) else str(choice)


def partial_dependence(trials: Sequence[Trial], config: SelectConfig) -> dict[str, tuple[list[Any], list[float]]]:
    """Values of each parameter (as points hold them) and the error that the Gaussian process expects there.

    The others are averaged over as `skopt.plots.partial_dependence` does: over points drawn from the whole space.
    """
    from skopt.plots import partial_dependence_1D
    from skopt.utils import normalize_dimensions

    proposer = Proposer(config)
    points, told = [list(t["point"]) for t in trials], [float(t["told"]) for t in trials]
    space = normalize_dimensions(proposer.space.dimensions)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = proposer.process(points, told)
        model.fit(space.transform(points), told)
        samples = space.transform(space.rvs(n_samples=_N_DRAWN, random_state=config.seed))
        curves = {}
        for index, name in enumerate(config.space):
            x, y = partial_dependence_1D(space, model, index, samples, n_points=_N_LEVELS)
            curves[name] = (list(x), [math.exp(value) for value in y])
    return curves


def _perturbed_clean(trials: Sequence[Trial], config: SelectConfig, path: Path) -> None:
    completed = [trial for trial in trials if trial["outcome"] == COMPLETED]
    figure = new_figure(figsize=(4.6, 4.2), layout="constrained")
    axes = figure.add_subplot()
    perturbed, clean = ([trial[key] for trial in completed] for key in ("score", "clean"))
    axes.plot(clean, perturbed, "o", ms=4, color="#0072B2")
    _by_ratio(axes.xaxis)
    _by_ratio(axes.yaxis)
    axes.set_xlabel("error on the same spectra, clean")
    axes.set_ylabel("error on perturbed held-out spectra")
    axes.set_title(f"{config.name}: {len(completed)} completed trials, rank correlation {correlation(trials):.2f}")
    axes.title.set_fontsize(9)
    save_figure(path, figure, dpi=110)
