# SPDX-License-Identifier: Apache-2.0
"""Quantify one MEGA-PRESS data set: raw data, an averaged OFF/ON pair, or a DIFF alone (NIfTI-MRS)."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``fit``."""
    parser.add_argument("--data", type=Path, metavar="FILE", help="raw data, averaged pair, or DIFF (NIfTI-MRS)")
    parser.add_argument("--data-off", type=Path, metavar="FILE", help="OFF condition, when the two are separate files")
    parser.add_argument("--data-on", type=Path, metavar="FILE", help="ON condition")
    parser.add_argument("--h2o", type=Path, metavar="FILE", help="unsuppressed water reference")
    parser.add_argument(
        "--tissue",
        type=Path,
        metavar="FILE",
        help='fractions {"GM", "WM", "CSF"} (JSON, or FSL-MRS\'s quantification_info.csv) to correct for',
    )
    parser.add_argument(
        "--preproc",
        choices=("own", "fsl"),
        default="own",
        help="fsl: raw data by FSL-MRS's fsl_mrs_preproc_edit, where it is installed (needs --h2o)",
    )
    parser.add_argument("--basis", type=Path, metavar="DIR", help="FSL-MRS basis for the fits beside the network")
    parser.add_argument("--model", metavar="NAME|DIR", help="model (default: chosen by the kind of sample)")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder to create")
    parser.add_argument("--report", action="store_true", help="write report.html too")
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier output")


def run(args: argparse.Namespace) -> None:
    """Quantify."""
    import shlex
    import sys

    from fsl_mrs_dl.cli.arguments import inputs_of
    from fsl_mrs_dl.core.files import new_output_folder
    from fsl_mrs_dl.models.calibrated import load_model
    from fsl_mrs_dl.preprocess.load import load
    from fsl_mrs_dl.quantify.absolute import read_tissue, with_water
    from fsl_mrs_dl.quantify.quantify import quantify
    from fsl_mrs_dl.reports.folder import write_folder

    model = None if args.model is None else load_model(args.model)
    with new_output_folder(args.output, overwrite=args.overwrite, inputs=inputs_of(args)) as folder:
        tissue = read_tissue(args.tissue) if args.tissue is not None else None
        if args.preproc == "fsl":
            from fsl_mrs_dl.fsl_plugin.preprocess import preprocess_by_fsl

            data = preprocess_by_fsl(args.data, args.h2o, data_off=args.data_off)
        else:
            data = load(args.data, data_off=args.data_off, data_on=args.data_on, reference=args.h2o)
        spectra = data.spectra
        result = with_water(quantify(spectra, model, basis=args.basis), data, tissue)
        options = {
            key: str(value) if isinstance(value, Path) else value
            for key, value in vars(args).items()
            if key not in ("run", "command", "verbose")
        }
        reproduce = shlex.join(["fsl_mrs_dl", *sys.argv[1:]])
        write_folder(
            result,
            folder,
            spectra=spectra,
            options=options,
            report=args.report,
            reproduce=reproduce,
            unaligned=data.unaligned,
        )

    if result.refused:
        reason = next(flag.detail for flag in result.flags if flag.severity == "refused")
        print(f"refused: {reason}. See {args.output / 'fit_summary.png'}")
        return
    print(f"model {result.model['name']}")
    ratios = {e.name: e for e in result.ratios()}
    for name in ("GABA", "GABA+", "Glx", "Glu", "Gln", "NAA"):
        if name in ratios:
            e = ratios[name]
            print(
                f"{name:6s} {e.unit:8s} {e.value:7.3f}   95 % interval {e.interval95[0]:.3f} to {e.interval95[1]:.3f}"
            )
    for unit, label in (("mmol_per_kg", "mmol/kg"), ("institutional", "i.u.")):
        if "GABA+" in result.absolute and unit in result.absolute["GABA+"]:
            print(f"GABA+  {label:8s} {result.absolute['GABA+'][unit]['value']:7.3f}   by water")
    for flag in result.flags:
        if flag.severity == "caution":
            print(f"caution: {flag.sentence}")
    print(f"written to {args.output}")
