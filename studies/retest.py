# SPDX-License-Identifier: Apache-2.0
"""Do two halves of a scan agree as often as the intervals promise?

``python studies/retest.py MODEL BANK RAW.nii.gz docs/retest.png``

- virtual: spectra of the model's own recipe (BANK is the one that it was trained on), each measured twice with noise of
  its own; everything else of the scan is shared;
- real: the transients of RAW, in 60 random halves, each half preprocessed and quantified on its own; and the first half
  of the scan against the second, which is printed.

Two halves agree when they differ by no more than both 95 % (68 %) half widths added in quadrature. Intervals also hold
what both halves share (pulses, line shape, background), so agreement more often than promised is right, and less often
is a fault. The random halves of one scan are not independent of each other.
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

from fsl_mrs_dl import fit
from fsl_mrs_dl.core.canvas import new_figure, plain_style, save_figure
from fsl_mrs_dl.io.nifti import read_acquisition
from fsl_mrs_dl.models.calibrated import LoadedModel, load_model
from fsl_mrs_dl.synthesise.synthesiser import Synthesiser
from fsl_mrs_dl.training.calibrate import with_sums
from fsl_mrs_dl.training.trained_on import trained_on

SEED, STREAM = 20261125, 6
N_VIRTUAL, N_SPLITS = 2000, 60
SHOWN = ("GABA", "GABA+", "Glu", "Gln", "Glx", "GSH", "NAA", "tNAA", "tCr", "tCho")
MODE = "edit_off+diff"

Halves = dict[str, NDArray]
"""By quantity: value and 68 % and 95 % half width of the first half, then of the second; shape ``(n, 6)``."""


def virtual(model: LoadedModel, bank_folder: Path, n: int) -> Halves:
    """Halves of `n` synthesised scans: amplitudes in the units of the input."""
    config, bank = trained_on(model.folder, bank_folder)
    recipe = dataclasses.replace(config.recipe, drop_off=0.0, drop_diff=0.0)
    synthesiser, rng = Synthesiser(recipe, bank), np.random.default_rng((SEED, STREAM))
    factors = model.folder.card.calibration[MODE]["raw"]
    parts: dict[str, list[NDArray]] = {}
    for start in range(0, n, 500):
        drawn = synthesiser.draw(min(500, n - start), rng)
        again = dataclasses.replace(drawn, noise=rng.standard_normal(drawn.noise.shape, dtype=np.float32))
        columns = []
        for half in (drawn, again):
            batch = synthesiser.render(half)
            found = model.predict_batch(batch.channels, batch.present, batch.scale)
            columns.append(with_sums(np.maximum(found.mean, 0), found.sd, model.outputs))
        for i, name in enumerate(columns[0][0]):
            rows = []
            for _, values, spreads in columns:
                rows += [values[:, i], *(factors[name][level] * spreads[:, i] for level in ("68", "95"))]
            parts.setdefault(name, []).append(np.array(rows).T)
    return {name: np.concatenate(rows) for name, rows in parts.items()}


def real(model: LoadedModel, path: Path, n: int) -> tuple[Halves, Halves]:
    """Random halves of the transients of a raw scan, and the first half against the second: ratios to Cr+PCr."""
    rng, n_dynamics = np.random.default_rng((SEED, STREAM, 1)), read_acquisition(path).fids.shape[2]
    random = _halves(model, path, [rng.permutation(n_dynamics) for _ in range(n)])
    return random, _halves(model, path, [np.arange(n_dynamics)])


def _halves(model: LoadedModel, path: Path, orders: list[NDArray]) -> Halves:
    """Both halves of the transients in each of these orders."""
    scan = read_acquisition(path)
    n_dynamics = scan.fids.shape[2]
    rows: dict[str, list[list[float]]] = {}
    for order in orders:
        row: dict[str, list[float]] = {}
        for part in (order[: n_dynamics // 2], order[n_dynamics // 2 :]):
            half = dataclasses.replace(scan, fids=scan.fids[:, :, np.sort(part)])
            found = fit(half, model=model)
            if found.refused:
                raise SystemExit(f"a half of {path} was refused")
            for e in found.ratios.values():
                row.setdefault(e.name, []).extend(
                    [e.value, (e.interval68[1] - e.interval68[0]) / 2, (e.interval95[1] - e.interval95[0]) / 2]
                )
        for name, values in row.items():
            rows.setdefault(name, []).append(values)
    return {name: np.array(values) for name, values in rows.items() if len(values) == len(orders)}


def agreement(halves: NDArray) -> tuple[float, float]:
    """Shares of pairs that agree within the 68 % and the 95 % intervals."""
    difference = np.abs(halves[:, 0] - halves[:, 3])
    return tuple(float((difference <= np.hypot(halves[:, k], halves[:, k + 3])).mean()) for k in (1, 2))  # type: ignore[return-value]


@plain_style()
def draw_figure(sets: dict[str, Halves], target: Path) -> None:
    """One row for each set: the halves of five quantities against each other, and the agreement of all."""
    figure = new_figure(figsize=(14, 3.1 * len(sets)), layout="constrained")
    panels = ("GABA+", "GABA", "Glx", "tNAA")
    grid = figure.subplots(len(sets), len(panels) + 1, squeeze=False)
    for row, (label, halves) in zip(grid, sets.items(), strict=True):
        for axis, name in zip(row, panels, strict=False):
            values = halves[name][:300]
            axis.errorbar(
                values[:, 0],
                values[:, 3],
                xerr=values[:, 2],
                yerr=values[:, 5],
                fmt="o",
                ms=2.5,
                lw=0.3,
                color="#0072b2",
            )
            ends = [min(axis.get_xlim()[0], axis.get_ylim()[0]), max(axis.get_xlim()[1], axis.get_ylim()[1])]
            axis.plot(ends, ends, color="0.4", lw=0.8)
            axis.set(title=f"{name}, {label}", xlabel="one half", ylabel="other half")
        shown = [name for name in SHOWN if name in halves]
        shares = np.array([agreement(halves[name]) for name in shown])
        place = np.arange(len(shown))
        row[-1].bar(place - 0.2, shares[:, 0], 0.4, label="68 %")
        row[-1].bar(place + 0.2, shares[:, 1], 0.4, label="95 %")
        for promised in (0.6827, 0.95):
            row[-1].axhline(promised, color="0.3", lw=0.8, ls="--")
        row[-1].set_xticks(place, shown, rotation=60, fontsize=8)
        row[-1].set(title="pairs that agree", ylim=(0, 1.02))
        row[-1].legend(fontsize=7, loc="lower right")
    save_figure(target, figure, dpi=80)


def main() -> None:
    """Read the arguments, quantify halves, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("bank", type=Path)
    parser.add_argument("raw", type=Path)
    parser.add_argument("figure", type=Path)
    args = parser.parse_args()
    model = load_model(str(args.model))
    random, in_time = real(model, args.raw, N_SPLITS)
    sets = {"virtual": virtual(model, args.bank, N_VIRTUAL), "real, to Cr+PCr": random}
    for label, halves in sets.items():
        print(f"{label}: {len(next(iter(halves.values())))} pairs of halves")
        print(f"{'quantity':9s} {'in 68 %':>8s} {'in 95 %':>8s} {'median':>8s} {'SD of difference / sqrt 2':>26s}")
        for name in SHOWN:
            if name in halves:
                low, high = agreement(halves[name])
                spread = np.std(halves[name][:, 0] - halves[name][:, 3]) / np.sqrt(2)
                print(f"{name:9s} {low:8.3f} {high:8.3f} {np.median(halves[name][:, [0, 3]]):8.3f} {spread:26.4f}")
    print("real, first half of the scan and second half, and their difference in units of both 68 % half widths")
    for name in SHOWN:
        if name in in_time:
            first, half, _, second, other, _ = in_time[name][0]
            both = np.hypot(half, other)
            print(f"{name:9s} {first:8.3f} {second:8.3f} {(first - second) / both if both else 0.0:8.2f}")
    draw_figure(sets, args.figure)


if __name__ == "__main__":
    main()
