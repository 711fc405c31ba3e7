# SPDX-License-Identifier: Apache-2.0
"""GABA+ and Glx of a measured brain: the network beside classical fits of the same preprocessed spectra.

``python studies/beside_classical.py RAW.nii.gz docs/beside_classical.png [--lcmodel FILE]``

All fits have the shipped basis of the model's metabolites and macromolecules. FSL-MRS's Newton is asked where FSL-MRS
is installed, LCModel where its binary is found; they fit DIFF and edit_off apart, tCr is that of edit_off. GABA+ is
GABA and the co-edited macromolecules at 3.0 ppm.

The ranges in grey are published ones. GABA+: that of the report (`fsl_mrs_dl.reports.words.published`). Glx: from the
average of white matter, 7.9 mM beside 7.4 mM of creatine (14 adults, 3 T, LCModel: Table 3 of PMC9244865), to that of
grey matter, 8.59 + 2.79 beside 7.57 umol/g (visual cortex at rest, 7 T: Bednarik et al. 2015, J Cereb Blood Flow Metab
35:601, doi 10.1038/jcbfm.2014.233, Table 1); a voxel of both lies between the two.
"""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path

import numpy as np

from fsl_mrs_dl import fit
from fsl_mrs_dl.core.canvas import new_figure, plain_style, save_figure
from fsl_mrs_dl.quantify.signals import basis_signals
from fsl_mrs_dl.reports.words.published import RANGES
from fsl_mrs_dl.validation.programs.lcmodel import LCModel, find_lcmodel
from fsl_mrs_dl.validation.programs.task import Program, tasks

GABA_PLUS = RANGES["GABA+"]
ADULTS = {
    "GABA+": ("272 healthy adults, mean ± 2 SD", GABA_PLUS.low, GABA_PLUS.high),
    "Glx": ("averages of white and of grey matter", 7.9 / 7.4, (8.59 + 2.79) / 7.57),
}
SHOWN = {"GABA+": ("GABA", "MM30"), "Glx": ("Glu", "Gln")}


@plain_style()
def main() -> None:
    """Fit by every method, print and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("raw", type=Path)
    parser.add_argument("figure", type=Path)
    parser.add_argument("--lcmodel", type=Path)
    args = parser.parse_args()
    fitted = fit(args.raw)
    if fitted.refused:
        raise SystemExit(f"{args.raw} was refused")
    spectra, result, ratios = fitted.spectra, fitted.quantification, fitted.ratios
    found: dict[str, dict[str, float]] = {"own fit": dict(result.classical)}
    programs: dict[str, Program] = {}
    if importlib.util.find_spec("fsl_mrs") is not None:
        from fsl_mrs_dl.validation.programs.newton import newton

        programs["FSL-MRS Newton"] = newton
    binary = find_lcmodel(args.lcmodel)
    if binary is not None:
        programs["LCModel"] = LCModel(binary)
    for label, program in programs.items():
        signals = basis_signals(spectra, [e.name for e in result.estimates])
        fitted = {task.condition: dict(program(task)) for task in tasks(spectra, signals)}
        off, diff = fitted.get("edit_off", {}), fitted.get("diff", {})
        creatine = {part: off.get(part, 0.0) for part in ("Cr", "PCr")}
        found |= {f"{label}, DIFF": {**diff, **creatine}, f"{label}, OFF": off}

    figure = new_figure(figsize=(11, 3.8), layout="constrained")
    print(f"{args.raw.name}, model {result.model['name']}")
    for axis, (name, parts) in zip(figure.subplots(1, len(SHOWN)), SHOWN.items(), strict=True):
        e = ratios[name]
        print(f"{name}/tCr: network {e.value:.3f} ({e.interval95[0]:.3f} to {e.interval95[1]:.3f})", end="")
        labels, values = ["network"], [e.value]
        for label, amplitudes in found.items():
            total = sum(amplitudes.get(part, 0.0) for part in ("Cr", "PCr"))
            # co-edited macromolecules are in DIFF alone
            if total > 0 and not (name == "GABA+" and label.endswith("OFF")):
                labels.append(label)
                values.append(sum(amplitudes.get(part, 0.0) for part in parts) / total)
                print(f", {label} {values[-1]:.3f}", end="")
        print()
        place = np.arange(len(labels))
        axis.plot(place[1:], values[1:], "s", color="0.35")
        error = [[e.value - e.interval95[0]], [e.interval95[1] - e.value]]
        axis.errorbar([0], [e.value], yerr=error, fmt="o", color="#0072b2", capsize=4)
        people, low, high = ADULTS[name]
        print(f"  {people}: {low:.2f} to {high:.2f}")
        axis.axhspan(low, high, color="0.88", zorder=0, label=people)
        axis.legend(fontsize=8)
        axis.set_xticks(place, labels, rotation=25, fontsize=8, ha="right")
        axis.set(ylabel=f"{name}/(Cr+PCr)", ylim=(0, 1.25 * max(*values, e.interval95[1])))
    save_figure(args.figure, figure, dpi=90)


if __name__ == "__main__":
    main()
