# SPDX-License-Identifier: Apache-2.0
"""Compare estimates with known concentrations: errors, slope, R2, constant predictor, coverage, classical fit."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``validate``."""
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of <id>.nii.gz")
    parser.add_argument("--truth", type=Path, required=True, metavar="TRUTH.json", help="known concentrations")
    parser.add_argument("--truth-key", metavar="KEY", help="key of the truth (default: visible_mm, else conc_mm)")
    parser.add_argument("--model", metavar="NAME|DIR", help="model (default: the shipped one)")
    parser.add_argument("--basis", type=Path, metavar="DIR", help="FSL-MRS basis for the classical fit")
    parser.add_argument(
        "--against", nargs="+", choices=("newton", "lcmodel"), default=[], metavar="PROGRAM",
        help="classical programs on the same spectra: newton (FSL-MRS, where installed), lcmodel (its binary)",
    )  # fmt: skip
    parser.add_argument("--lcmodel", type=Path, metavar="FILE", help="LCModel's binary (default: $LCMODEL, PATH)")
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
    programs = _programs(args)
    with new_output_folder(args.output, overwrite=args.overwrite) as folder:
        cases = run_cases(args.data, truth, model, basis=args.basis, programs=programs)
        result = write_outputs(folder, cases, model.folder.name)
    print(text_table(result))
    print(f"written to {args.output}")


def _programs(args: argparse.Namespace) -> dict[str, Any]:
    """Programs by name; one that is asked for and missing is an error."""
    import sys

    from fsl_mrs_dl.errors import DataError
    from fsl_mrs_dl.fsl_plugin.compat import has_fsl_mrs
    from fsl_mrs_dl.fsl_plugin.newton import newton
    from fsl_mrs_dl.validation.lcmodel import LCModel, find_lcmodel

    found: dict[str, Any] = {}
    if "newton" in args.against:
        if not has_fsl_mrs():
            raise DataError(
                "FSL-MRS is not installed in this environment", where="--against newton", got=sys.executable
            )
        found["newton"] = newton
    if "lcmodel" in args.against:
        binary = find_lcmodel(args.lcmodel)
        if binary is None:
            raise DataError("no lcmodel binary was found", where="--against lcmodel",
                            hint="Name it: --lcmodel FILE, or set LCMODEL")  # fmt: skip
        found["lcmodel"] = LCModel(binary)
    return found
