# SPDX-License-Identifier: Apache-2.0
"""What the program says of a collection of data sets: model chosen, flags, and the figures behind the thresholds.

``python studies/flag_scan.py FOLDER [FOLDER ...]``: folders of ``*.nii.gz``. Each data set is quantified without a
named model, and again with the model of the other kind of sample; with ``--diff-alone`` as if it had DIFF only.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from pathlib import Path

from fsl_mrs_dl.models.calibrated import load_model
from fsl_mrs_dl.preprocess.load import load
from fsl_mrs_dl.quantify.model_choice import MODEL_OF
from fsl_mrs_dl.quantify.quantify import quantify
from fsl_mrs_dl.quantify.result import Quantification
from fsl_mrs_dl.validation.run import diff_of

FIGURES = ("residual_ratio", "residual_ratio_known", "lipid_ratio", "diff_residue", "naa_left_in_on", "water_ratio")


def farthest(result: Quantification) -> float:
    """Largest distance from the training spectra over its limit."""
    return max((c.value / c.high for c in result.range_checks if c.name.startswith("distance_of_")), default=0.0)


def main() -> None:
    """Scan and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--diff-alone", action="store_true")
    args = parser.parse_args()
    models = {name: load_model(name) for name in MODEL_OF.values()}
    ranges: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for folder in args.folders:
        flags: Counter[str] = Counter()
        crossed: Counter[str] = Counter()
        for path in sorted(folder.glob("*.nii.gz")):
            spectra = load(path).spectra
            if args.diff_alone:
                spectra = diff_of(spectra)
            result = quantify(spectra)
            chosen = str(result.model["name"])
            codes = {flag.code for flag in result.flags if flag.severity != "info"}
            flags.update([chosen, *codes])
            if result.refused:
                reason = next(flag.detail for flag in result.flags if flag.code == "refused")
                print(f"{path.name}: refused, {reason}; {farthest(result):.1f} of the limit of distance")
                continue
            other = quantify(spectra, next(model for name, model in models.items() if name != chosen))
            crossed["other_model"] += any(flag.code == "other_model" for flag in other.flags)
            crossed["outside"] += farthest(other) > 1
            values = {"distance / limit": farthest(result), **result.fit_parameters}
            for name, value in values.items():
                if name.startswith(("brain_probability", "distance")) or name in FIGURES:
                    ranges[chosen][name].append(value)
        print(f"{folder.name}: {dict(flags)}; shown to the other model: {dict(crossed)}")
    for model, found in ranges.items():
        print(f"\nnot refused, answered by {model}: lowest and highest")
        for name, numbers in found.items():
            print(f"  {name:24s} {min(numbers):8.4f} {max(numbers):8.4f}   ({len(numbers)})")


if __name__ == "__main__":
    main()
