# SPDX-License-Identifier: Apache-2.0
"""Known amounts of metabolites added to a measured scan: how much of them does each method find?

``python studies/known_additions.py SCAN.nii.gz docs/known_additions.png [--vendor philips] [--edit-duration 0.014]
[--model NAME|DIR] [--lcmodel FILE] [--csv FILE]``

A measured scan has no truth, but a difference has one: signals of GABA, Glu, Gln, NAA and GSH are simulated for the
scan's protocol, given its line shape, frequency and phase as the fit over the data finds them, and added to OFF and ON
of the preprocessed scan at three levels. Found per unit added is (estimate with - estimate without) / added: 1 where a
method is right about the scale and about this background. Nothing random is drawn.

The levels are in units of the scan's own Cr+PCr (as the network reads it without additions), about half, one and two
times of what a brain has.
"""

from __future__ import annotations

# ruff: noqa: E402 (the variables below are read when numpy is first imported)
import argparse
import os

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

import csv
import importlib.util
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.basis.bank import naa_methyl_area
from fsl_mrs_dl.core.data import EditedSpectra
from fsl_mrs_dl.core.units import time_axis
from fsl_mrs_dl.models.calibrated import LoadedModel, load_model
from fsl_mrs_dl.physics.sequences import MegaPress, mega_press
from fsl_mrs_dl.physics.simulate import simulate_metabolite, voigt_decay
from fsl_mrs_dl.physics.spins import load_system
from fsl_mrs_dl.preprocess.load import load
from fsl_mrs_dl.quantify.quantify import quantify
from fsl_mrs_dl.validation.programs.lcmodel import LCModel, find_lcmodel
from fsl_mrs_dl.validation.programs.task import Program, answers

USUAL = {"GABA": 0.25, "Glu": 1.0, "Gln": 0.4, "NAA": 1.2, "GSH": 0.25}
"""About what a brain has, over Cr+PCr."""

LEVELS = (0.5, 1.0, 2.0)
READ_AS = {"GABA": ("GABA+", "GABA"), "Glu": ("Glu",), "Gln": ("Gln",), "NAA": ("NAA", "tNAA"), "GSH": ("GSH",)}
"""Quantities in which an addition should be found."""

SUMS = {"GABA+": ("GABA", "MM30"), "tNAA": ("NAA", "NAAG")}
Answers = dict[str, dict[str, float]]
"""By method, then by quantity."""


def unit_signals(
    spectra: EditedSpectra, protocol: MegaPress, parameters: Mapping[str, float]
) -> dict[str, tuple[NDArray, NDArray]]:
    """OFF and ON FIDs of one unit of each metabolite, with the scan's line shape, frequency and phase."""
    time_s = time_axis(spectra.n_points, spectra.dwell_s)
    decay = voigt_decay(time_s, parameters["lorentz_hz"], parameters["gauss_hz"])
    shift_hz = parameters["shift_ppm"] * spectra.f0_mhz
    shape = decay * np.exp(1j * (np.deg2rad(parameters["phase_deg"]) + 2 * np.pi * shift_hz * time_s))
    pairs = {name: simulate_metabolite(load_system(name), protocol) for name in USUAL}
    scale = 3.0 / naa_methyl_area(pairs["NAA"].edit_off, protocol.f0_mhz)
    return {
        name: tuple(  # type: ignore[misc]
            scale * shape * lines.fid(spectra.n_points, spectra.dwell_s) for lines in (pair.edit_off, pair.edit_on)
        )
        for name, pair in pairs.items()
    }


def with_addition(spectra: EditedSpectra, off: NDArray, on: NDArray) -> EditedSpectra:
    """The scan with more of a metabolite, in the average and in every average without a group of transients."""
    added = {"edit_off": off, "edit_on": on, "diff": on - off}
    return replace(
        spectra,
        without_group=tuple(with_addition(part, off, on) for part in spectra.without_group),
        **{name: getattr(spectra, name) + added[name] for name in spectra.present},
    )


def ask(spectra: EditedSpectra, model: LoadedModel, programs: Mapping[str, Program]) -> Answers:
    """What every method finds in a scan, in raw units."""
    result = quantify(spectra, model)
    if result.refused:
        raise SystemExit(f"{spectra.source}: refused: {result.flags[0].message}")
    estimates = (*result.estimates, *result.combinations)
    found: Answers = {"network": {e.name: e.value for e in estimates}, "own fit": dict(result.classical)}
    for label, program in programs.items():
        found |= answers(label, program, spectra, [e.name for e in result.estimates])
    return {method: _with_sums(values) for method, values in found.items()}


def _with_sums(values: dict[str, float]) -> dict[str, float]:
    sums = {name: sum(values.get(part, 0.0) for part in parts) for name, parts in SUMS.items()}
    return {**sums, **values}


def protocol_of(spectra: EditedSpectra, args: argparse.Namespace) -> MegaPress:
    """The scan's protocol: echo time and field from its header, the rest as the user says."""
    duration = {} if args.edit_duration is None else {"edit_duration_s": args.edit_duration}
    return mega_press(spectra.te_s or 0.068, vendor=args.vendor, f0_mhz=spectra.f0_mhz, **duration)


def table(spectra: EditedSpectra, args: argparse.Namespace) -> list[dict[str, object]]:
    """One row for each addition, quantity and method."""
    model = load_model(args.model)
    programs = programs_of(args.lcmodel)
    without = ask(spectra, model, programs)
    signals = unit_signals(spectra, protocol_of(spectra, args), quantify(spectra, model).fit_parameters)
    creatine = without["network"]["tCr"]
    rows: list[dict[str, object]] = []
    for name, usual in USUAL.items():
        off, on = signals[name]
        for level in LEVELS:
            amount = level * usual * creatine
            with_more = ask(with_addition(spectra, amount * off, amount * on), model, programs)
            rows += [
                {
                    "added": name,
                    "level": level,
                    "amount_over_tcr": level * usual,
                    "read_as": quantity,
                    "method": method,
                    "found_per_unit": (values.get(quantity, 0.0) - without[method].get(quantity, 0.0)) / amount,
                }
                for quantity in READ_AS[name]
                for method, values in with_more.items()
                if method in without
            ]
    return rows


def programs_of(lcmodel: Path | None) -> dict[str, Program]:
    """Classical programs that are installed."""
    programs: dict[str, Program] = {}
    if importlib.util.find_spec("fsl_mrs") is not None:
        from fsl_mrs_dl.validation.programs.newton import newton

        programs["newton"] = newton
    binary = find_lcmodel(lcmodel)
    if binary is not None:
        programs["lcmodel"] = LCModel(binary)
    return programs


def draw(rows: list[dict[str, object]], target: Path) -> None:
    """One panel for each quantity: found per unit added against the level, one line for each method."""
    from fsl_mrs_dl.core.canvas import new_figure, save_figure

    panels = list(dict.fromkeys((str(row["added"]), str(row["read_as"])) for row in rows))
    methods = list(dict.fromkeys(str(row["method"]) for row in rows))
    figure = new_figure(figsize=(2.6 * len(panels), 3.2), layout="constrained")
    for axis, (added, quantity) in zip(figure.subplots(1, len(panels), sharey=True), panels, strict=True):
        axis.axhspan(0.93, 1.07, color="0.9", zorder=0)
        for method, marker in zip(methods, "os^vD+x*", strict=False):
            chosen = [row for row in rows if (row["added"], row["read_as"], row["method"]) == (added, quantity, method)]
            network = method == "network"
            style = {"color": "#0072b2" if network else "0.45", "lw": 2 if network else 0.8, "marker": marker}
            axis.plot(
                [row["amount_over_tcr"] for row in chosen],
                [row["found_per_unit"] for row in chosen],
                label=method,
                **style,
            )
        axis.set(title=f"{added} added, read as {quantity}", xlabel="added, over Cr+PCr", ylim=(0, 2))
        axis.title.set_fontsize(8)
    figure.axes[0].set_ylabel("found per unit added")
    figure.axes[-1].legend(fontsize=7)
    save_figure(target, figure, dpi=90)


def main() -> None:
    """Read the arguments, add, ask, print and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scan", type=Path)
    parser.add_argument("figure", type=Path)
    parser.add_argument("--vendor", default="philips")
    parser.add_argument("--edit-duration", type=float)
    parser.add_argument("--model")
    parser.add_argument("--lcmodel", type=Path)
    parser.add_argument("--csv", type=Path)
    args = parser.parse_args()
    rows = table(load(args.scan).spectra, args)
    methods = list(dict.fromkeys(str(row["method"]) for row in rows))
    print(f"{args.scan.name}: found per unit added, at {', '.join(map(str, LEVELS))} times the usual amount")
    print(f"{'added':6s} {'read as':8s} " + " ".join(f"{method:>16s}" for method in methods))
    for added, quantities in READ_AS.items():
        for quantity in quantities:
            cells = []
            for method in methods:
                of = [
                    r["found_per_unit"]
                    for r in rows
                    if (r["added"], r["read_as"], r["method"]) == (added, quantity, method)
                ]
                cells.append(" ".join(f"{value:.2f}" for value in of))
            print(f"{added:6s} {quantity:8s} " + " ".join(f"{cell:>16s}" for cell in cells))
    if args.csv:
        with args.csv.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    draw(rows, args.figure)


if __name__ == "__main__":
    main()
