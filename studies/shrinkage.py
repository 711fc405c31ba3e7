# SPDX-License-Identifier: Apache-2.0
"""How far do estimates follow the truth, and where do they stay behind?

``python studies/shrinkage.py MODEL BANK docs/shrinkage.png``

Spectra of the model's own recipe, in which one metabolite at a time is set to concentrations from nothing to half as
much again as the highest that was trained on; all else is drawn as in training. A network that answers with its prior
has slope 0 here, an unbiased one slope 1.
"""

from __future__ import annotations

# ruff: noqa: E402 (the variables below are read when numpy is first imported)
import argparse
import os

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_variable] = "1"

import dataclasses
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.core.canvas import new_figure, plain_style, save_figure
from fsl_mrs_dl.models.calibrated import LoadedModel, load_model
from fsl_mrs_dl.synthesise.synthesiser import Synthesiser
from fsl_mrs_dl.training.trained_on import trained_on

SEED, STREAM = 20261125, 7
N_LEVELS, N_EACH, BEYOND = 13, 200, 1.5
SHOWN = ("GABA", "Glu", "Gln", "GSH", "NAA", "NAAG", "Cr", "PCr", "Ins", "MM30")


def sweep(model: LoadedModel, bank_folder: Path) -> dict[str, tuple[NDArray, NDArray, tuple[float, float]]]:
    """By metabolite: levels in mM, estimates in mM ``(n_levels, n_each)``, and the range that was trained on."""
    config, bank = trained_on(model.folder, bank_folder)
    recipe = dataclasses.replace(config.recipe, drop_off=0.0, drop_diff=0.0)
    synthesiser = Synthesiser(recipe, bank)
    concentrations = recipe.concentrations
    found = {}
    for name in (n for n in SHOWN if n in recipe.metabolites):
        trained = (
            (0.0, concentrations.solution_max_mm)
            if concentrations.solution_fraction == 1
            else concentrations.brain_mm[name]
        )
        levels = np.linspace(0, BEYOND * trained[1], N_LEVELS)
        # the same spectra at every level, but for that metabolite
        drawn = synthesiser.draw(N_EACH, np.random.default_rng((SEED, STREAM)))
        estimates = []
        for level in levels:
            conc_mm = drawn.conc_mm.copy()
            conc_mm[:, recipe.outputs.index(name)] = level
            batch = synthesiser.render(dataclasses.replace(drawn, conc_mm=conc_mm))
            answer = model.predict_batch(batch.channels, batch.present, batch.scale)
            estimates.append(np.maximum(answer.mean[:, model.outputs.index(name)], 0))
        found[name] = (levels, np.array(estimates), trained)
    return found


def slope(levels: NDArray, estimates: NDArray, inside: NDArray) -> float:
    """Of the mean estimate over the levels in `inside`."""
    return float(np.polyfit(levels[inside], estimates.mean(axis=1)[inside], 1)[0])


@plain_style()
def main() -> None:
    """Read the arguments, sweep, print and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("bank", type=Path)
    parser.add_argument("figure", type=Path)
    args = parser.parse_args()
    found = sweep(load_model(str(args.model)), args.bank)
    figure = new_figure(figsize=(14, 6), layout="constrained")
    axes = figure.subplots(2, 5).ravel()
    print(f"{'':6s} {'trained, mM':>12s} {'slope inside':>12s} {'beyond':>7s} {'at lowest':>10s} {'at highest':>10s}")
    for axis, (name, (levels, estimates, (low, high))) in zip(axes, found.items(), strict=False):
        inside = (levels >= low) & (levels <= high)
        bias = estimates.mean(axis=1) - levels
        first, last = np.flatnonzero(inside)[[0, -1]]
        print(
            f"{name:6s} {f'{low:g} to {high:g}':>12s} {slope(levels, estimates, inside):12.3f} "
            f"{slope(levels, estimates, levels >= high):7.3f} {bias[first]:+10.2f} {bias[last]:+10.2f}"
        )
        middle = np.quantile(estimates, [0.05, 0.5, 0.95], axis=1)
        axis.axvspan(low, high, color="0.92")
        axis.fill_between(levels, middle[0], middle[2], alpha=0.3)
        axis.plot(levels, estimates.mean(axis=1))
        axis.plot(levels, levels, color="0.3", lw=0.8, ls="--")
        axis.set(title=name, xlabel="true, mM", ylabel="estimated, mM", xlim=(0, levels[-1]))
    for axis in axes[len(found) :]:
        axis.set_axis_off()
    save_figure(args.figure, figure, dpi=80)


if __name__ == "__main__":
    main()
