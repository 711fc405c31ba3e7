# SPDX-License-Identifier: Apache-2.0
"""Simulation-based calibration: do a model's spreads keep their promise, at every level and not at two only?

``python studies/calibration.py weights/invivo BANK docs/calibration_invivo.png``: BANK is the folder of the bank
that the model was trained on. Spectra are drawn from the model's own recipe with random numbers that nothing else uses.
For each quantity the rank of the truth in the predicted normal distribution (calibrated spread) has to be uniform: a
hump says too wide, a valley too narrow, a slope biased (Talts et al. 2018, arXiv 1804.06788; Cook et al. 2006, J Comput
Graph Stat 15:675, doi 10.1198/106186006X136976). The shaded band holds 99 % of what chance does. The coverage curve is
that of the normal distribution; dots are the intervals that are reported.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom, norm

from fsl_mrs_dl.core.canvas import new_figure, plain_style, save_figure
from fsl_mrs_dl.metabolites.sums import MODES
from fsl_mrs_dl.models.calibrated import LoadedModel, load_model
from fsl_mrs_dl.synthesise.synthesiser import SynthesisedBatch, Synthesiser
from fsl_mrs_dl.training.calibrate import with_sums
from fsl_mrs_dl.training.trained_on import trained_on

STREAM = 5
"""Stream of random numbers: none of those of training, calibration and validation."""

SHOWN = ("GABA", "GABA+", "Glu", "Gln", "Glx", "GSH", "NAA", "tNAA", "Cr", "tCr")
N_BINS = 20
LEVELS = np.linspace(0.02, 0.98, 49)


def draw_batches(model: LoadedModel, bank: Path, n: int, seed: int) -> list[SynthesisedBatch]:
    """`n` spectra of the model's recipe."""
    config, members = trained_on(model.folder, bank)
    synthesiser, rng = Synthesiser(config.recipe, members), np.random.default_rng((seed, STREAM))
    return [synthesiser.batch(min(1000, n - start), rng) for start in range(0, n, 1000)]


def standardised(
    model: LoadedModel, batches: list[SynthesisedBatch], mode: str
) -> dict[str, tuple[NDArray, NDArray, NDArray]]:
    """By quantity: error over calibrated spread (before the estimate is cut at zero), and hits of both intervals."""
    factors = model.folder.card.calibration[mode]["raw"]
    parts: dict[str, list[tuple[NDArray, NDArray, NDArray]]] = {}
    for batch in batches:
        rows = (batch.present == MODES[mode]).all(axis=1)
        told = None if batch.protocol is None else batch.protocol[rows]
        found = model.predict_batch(batch.channels[rows], batch.present[rows], np.ones(rows.sum()), told)
        names, values, spreads = with_sums(found.mean, found.sd, model.outputs, found.sum_sd)
        _, reported, _ = with_sums(np.maximum(found.mean, 0), found.sd, model.outputs)
        _, truths, _ = with_sums(batch.target[rows], found.sd, model.outputs)
        for i, name in enumerate(names):
            error = truths[:, i] - values[:, i]
            off = np.abs(truths[:, i] - reported[:, i])
            hits = [off <= factors[name][level] * spreads[:, i] for level in ("68", "95")]
            parts.setdefault(name, []).append((error / (factors[name]["68"] * spreads[:, i]), hits[0], hits[1]))
    return {name: tuple(np.concatenate(column) for column in zip(*p, strict=True)) for name, p in parts.items()}  # type: ignore[misc]


@plain_style()
def draw_figure(found: dict[str, tuple[NDArray, NDArray, NDArray]], title: str, target: Path) -> None:
    """A histogram of ranks per quantity, the coverage curves, and the table on the console."""
    shown = [name for name in SHOWN if name in found]
    n = len(next(iter(found.values()))[0])
    low, high = binom.interval(0.99, n, 1 / N_BINS)
    figure = new_figure(figsize=(13, 7.5), layout="constrained")
    figure.suptitle(f"{title}: {n} simulated spectra", fontsize=11)
    axes = figure.subplots(3, 4).ravel()
    curve = axes[-1]
    print(
        f"{title}: {n} spectra\n{'quantity':9s} {'mean z':>7s} {'sd z':>6s} {'in 68 %':>8s} {'in 95 %':>8s} "
        f"{'bins out':>8s} {'largest gap':>11s}"
    )
    for axis, name in zip(axes, shown, strict=False):
        z, hit68, hit95 = found[name]
        ranks = norm.cdf(z)
        counts = np.histogram(ranks, N_BINS, (0, 1))[0]
        axis.axhspan(low, high, color="0.85")
        axis.stairs(counts, np.linspace(0, 1, N_BINS + 1))
        axis.set(title=name, xlim=(0, 1), ylim=(0, max(2.2 * n / N_BINS, counts.max())))
        axis.tick_params(labelsize=7)
        covered = np.array([(np.abs(z) <= norm.ppf(0.5 + level / 2)).mean() for level in LEVELS])
        line = curve.plot(LEVELS, covered - LEVELS, lw=1, label=name)[0]
        curve.plot([0.6827, 0.95], [hit68.mean() - 0.6827, hit95.mean() - 0.95], "o", ms=3, color=line.get_color())
        outside = int(((counts < low) | (counts > high)).sum())
        print(
            f"{name:9s} {z.mean():7.3f} {z.std():6.3f} {hit68.mean():8.3f} {hit95.mean():8.3f} {outside:8d} "
            f"{np.abs(covered - LEVELS).max():11.3f}"
        )
    for axis in axes[len(shown) : -1]:
        axis.set_axis_off()
    curve.axhline(0, color="0.5", lw=0.8)
    curve.set(title="covered - promised", xlabel="promised", ylim=(-0.15, 0.15))
    curve.legend(fontsize=6, ncols=2)
    save_figure(target, figure, dpi=90)


def main() -> None:
    """Read the arguments, draw spectra, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("bank", type=Path)
    parser.add_argument("figure", type=Path)
    parser.add_argument("--mode", choices=list(MODES), default="edit_off+diff")
    parser.add_argument("--spectra", type=int, default=8000, help="drawn, of which those of the mode are used")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    model = load_model(str(args.model))
    batches = draw_batches(model, args.bank, args.spectra, args.seed)
    found = standardised(model, batches, args.mode)
    draw_figure(found, f"{model.folder.name}, {args.mode}", args.figure)


if __name__ == "__main__":
    main()
