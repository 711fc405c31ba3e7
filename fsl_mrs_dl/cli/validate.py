# SPDX-License-Identifier: Apache-2.0
"""Compare estimates with known concentrations: errors, slope, R2, constant predictor, coverage, classical fit."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``validate``."""
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of <id>.nii.gz")
    parser.add_argument("--truth", type=Path, required=True, metavar="TRUTH.json", help="known concentrations")
    parser.add_argument("--truth-key", metavar="KEY", help="key of the truth (default: visible_mm, else conc_mm)")
    parser.add_argument("--model", metavar="NAME|DIR", help="model (default: the shipped one)")
    parser.add_argument("--basis", type=Path, metavar="DIR", help="FSL-MRS basis for the classical fit")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder to create")
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier output")


def run(args: argparse.Namespace) -> None:
    """Validate."""
    from fsl_mrs_dl.io.atomic import new_output_folder
    from fsl_mrs_dl.quantify.model import load_model
    from fsl_mrs_dl.validation.outputs import text_table, write_outputs
    from fsl_mrs_dl.validation.run import read_truth, run_cases

    truth = read_truth(args.truth, args.truth_key)
    model = load_model(args.model)
    with new_output_folder(args.output, overwrite=args.overwrite) as folder:
        cases = run_cases(args.data, truth, model, basis=args.basis)
        result = write_outputs(folder, cases, model.folder.name)
    print(text_table(result))
    print(f"written to {args.output}")
