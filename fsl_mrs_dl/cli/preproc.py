# SPDX-License-Identifier: Apache-2.0
"""Preprocess raw MEGA-PRESS data and write diff, edit_0 (OFF), edit_1 (ON) and wref as fsl_mrs_preproc_edit does."""

from __future__ import annotations

import argparse
from pathlib import Path

from fsl_mrs_dl.cli.printing import add_json, print_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``preproc``."""
    parser.add_argument("--data", type=Path, required=True, metavar="RAW", help="raw data (NIfTI-MRS)")
    parser.add_argument(
        "--split-by-naa",
        action="store_true",
        help="ON and OFF are mixed among the transients without labels: separate them by NAA, which is missing in ON",
    )
    parser.add_argument("--reference", type=Path, metavar="WREF", help="unsuppressed water reference")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder to create")
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier output")
    add_json(parser, "what was noticed")


def run(args: argparse.Namespace) -> None:
    """Preprocess."""
    from fsl_mrs_dl.cli.arguments import inputs_of
    from fsl_mrs_dl.core.files import new_output_folder
    from fsl_mrs_dl.preprocess.load import load
    from fsl_mrs_dl.preprocess.outputs import write_preprocessed
    from fsl_mrs_dl.quantify.model_choice import chosen_among
    from fsl_mrs_dl.quantify.scatter import scatter_record
    from fsl_mrs_dl.reports.manifest import entry_names

    with new_output_folder(
        args.output, overwrite=args.overwrite, inputs=inputs_of(args), names=entry_names()
    ) as folder:
        result = load(args.data, h2o=args.reference, by_naa=args.split_by_naa)
        write_preprocessed(result, folder, header=scatter_record(result.spectra, chosen_among()))
    if args.json:
        print_json({"output": str(args.output), "flags": [flag.to_dict() for flag in result.spectra.flags]})
        return
    for flag in result.spectra.flags:
        print(f"{flag.severity}: {flag.sentence}")
    print(f"written to {args.output}")
