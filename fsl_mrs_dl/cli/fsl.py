# SPDX-License-Identifier: Apache-2.0
"""Run a program of FSL-MRS with --algo dl registered, where the environment forbids .pth files."""

from __future__ import annotations

import argparse

PROGRAMS = (
    "fsl_mrs",
    "fsl_mrsi",
    "fsl_mrs_preproc",
    "fsl_mrs_preproc_edit",
    "fsl_mrs_proc",
    "fsl_mrs_summarise",
    "fsl_dynmrs",
    "merge_mrs_reports",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``fsl``."""
    parser.add_argument("program", metavar="PROGRAM", help="fsl_mrs, fsl_mrsi or another program of FSL-MRS")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, metavar="...", help="its arguments, as it takes them")


def run(args: argparse.Namespace) -> int:
    """Register the back end and run FSL-MRS's own ``main``."""
    import importlib
    import os
    import sys

    from fsl_mrs_dl.core.errors import ConfigError, DataError, nearest
    from fsl_mrs_dl.fsl_plugin.start import register

    if args.program not in PROGRAMS:
        raise ConfigError(
            f"there is no program '{args.program}'{nearest(args.program, PROGRAMS)}",
            expected=f"one of {', '.join(PROGRAMS)}",
        )
    try:
        importlib.import_module("fsl_mrs")
    except ImportError as error:
        raise DataError(
            "FSL-MRS is not installed in this environment",
            where=sys.executable,
            hint="Install fsl_mrs_dl where FSL-MRS is, see docs/fsl_mrs.md",
        ) from error
    # whoever asks for it here wants it; workers of fsl_mrsi are processes of their own
    os.environ.pop("FSL_MRS_DL_DISABLE", None)
    os.environ["DASK_DISTRIBUTED__WORKER__PRELOAD"] = '["fsl_mrs_dl.fsl_plugin.dask_preload"]'
    register()
    main = importlib.import_module(f"fsl_mrs.scripts.{args.program}").main
    saved, sys.argv = sys.argv, [args.program, *args.arguments]
    try:
        return int(main() or 0)
    except SystemExit as leaving:
        if isinstance(leaving.code, str):
            print(leaving.code, file=sys.stderr)
            return 1
        return int(leaving.code or 0)
    finally:
        sys.argv = saved
