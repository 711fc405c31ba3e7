# SPDX-License-Identifier: Apache-2.0
"""Quantify one MEGA-PRESS data set: raw data, an averaged OFF/ON pair, or a DIFF alone (NIfTI-MRS)."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from fsl_mrs_dl.cli.arguments import add_any_protocol, add_told_protocol
from fsl_mrs_dl.cli.printing import add_json, print_json

if TYPE_CHECKING:
    from fsl_mrs_dl.api.result import Fit

NOT_OPTIONS = ("run", "command", "verbose", "quiet", "json")
"""What is parsed besides the arguments of a run."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``fit``."""
    parser.add_argument("--data", type=Path, metavar="FILE", help="raw data, averaged pair, or DIFF (NIfTI-MRS)")
    parser.add_argument("--data-off", type=Path, metavar="FILE", help="OFF condition, if OFF and ON are separate files")
    parser.add_argument("--data-on", type=Path, metavar="FILE", help="ON condition")
    parser.add_argument(
        "--split-by-naa",
        action="store_true",
        help="ON and OFF are mixed among the transients without labels: separate them by NAA, which is missing in ON",
    )
    parser.add_argument("--h2o", type=Path, metavar="FILE", help="unsuppressed water reference")
    parser.add_argument(
        "--tissue",
        type=Path,
        metavar="FILE",
        help='fractions {"GM", "WM", "CSF"} (JSON, or FSL-MRS\'s quantification_info.csv) of the voxel, to correct for',
    )
    parser.add_argument(
        "--preproc",
        choices=("own", "fsl"),
        default="own",
        help="own preprocessing (default), or fsl: FSL-MRS's fsl_mrs_preproc_edit, if installed (needs --h2o)",
    )
    parser.add_argument("--basis", type=Path, metavar="DIR", help="FSL-MRS basis for the fits beside the network")
    parser.add_argument(
        "--model", metavar="NAME|DIR", help="model (default: chosen by the kind of sample, brain or solution)"
    )
    add_told_protocol(parser)
    add_any_protocol(parser)
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder to create")
    parser.add_argument("--report", action="store_true", help="also write report.html")
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier output")
    add_json(parser, "the content of quantities.json")


def run(args: argparse.Namespace) -> None:
    """Quantify."""
    import shlex
    import sys

    from fsl_mrs_dl.api.functions import fit, open_model
    from fsl_mrs_dl.cli.arguments import inputs_of, told_options
    from fsl_mrs_dl.core.files import new_output_folder
    from fsl_mrs_dl.reports.manifest import entry_names

    said = told_options(args)
    model = None if args.model is None else open_model(args.model)
    with new_output_folder(
        args.output, overwrite=args.overwrite, inputs=inputs_of(args), names=entry_names()
    ) as folder:
        named = {"data": args.data, "data_off": args.data_off, "data_on": args.data_on, "h2o": args.h2o}
        if args.preproc == "fsl":
            from fsl_mrs_dl.preprocess.by_fsl import preprocess_by_fsl

            named = {"data": preprocess_by_fsl(args.data, args.h2o, data_off=args.data_off)}
        found = fit(
            **named,
            by_naa=args.split_by_naa,
            tissue=args.tissue,
            model=model,
            basis=args.basis,
            protocol=said,
            any_protocol=args.any_protocol,
        )
        options = {
            key: str(value) if isinstance(value, Path) else value
            for key, value in vars(args).items()
            if key not in NOT_OPTIONS
        }
        reproduce = shlex.join(["fsl_mrs_dl", *sys.argv[1:]])
        found.write_into(folder, report=args.report, options=options, reproduce=reproduce)
    if args.json:
        print_json({**found.to_dict(), "reproduce": reproduce})
    else:
        _show(found, args.output)


def _show(found: Fit, output: Path) -> None:
    """The lines for somebody at a terminal."""
    from fsl_mrs_dl.metabolites.table import HEADLINE

    if found.refused:
        print(f"refused: {found.reason}. See {output / 'fit_summary.png'}")
        return
    print(f"model {found.quantification.model['name']}")
    for name in HEADLINE:
        if name in found.ratios:
            e = found.ratios[name]
            low, high = e.interval95
            print(f"{name:6s} {e.unit:8s} {e.value:7.3f}   95 % interval {low:.3f} to {high:.3f}")
    if "GABA+" in found.concentrations:
        e = found.concentrations["GABA+"]
        print(f"GABA+  {e.unit:8s} {e.value:7.3f}   by water")
    for flag in found.flags:
        if flag.severity == "caution":
            print(f"caution: {flag.sentence}")
    print(f"written to {output}")
