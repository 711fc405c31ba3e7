# SPDX-License-Identifier: Apache-2.0
"""Train one network again and again, perturbations added one group at a time, and show what each of them buys."""

from __future__ import annotations

import argparse
from pathlib import Path

from fsl_mrs_dl.cli.printing import add_json, print_json

INTERRUPTED = "the same command goes on with the rungs that are there"
"""What is said when the command is stopped."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``ladder``."""
    parser.add_argument("config", type=Path, metavar="CONFIG.toml", help="the configuration of the ladder")
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="folder of <id>.nii.gz on which every rung is tested, too"
    )
    parser.add_argument("--truth", type=Path, metavar="TRUTH.json", help="known concentrations of --data")
    parser.add_argument("--truth-key", metavar="KEY", help="key of the truth (default: visible_mm, else conc_mm)")
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder of the models and the result; run again to go on with what is there",
    )
    add_json(parser, "the content of ladder.json")


def run(args: argparse.Namespace) -> None:
    """Climb the ladder."""
    import importlib.util

    from fsl_mrs_dl.core.errors import ConfigError, MissingExtraError
    from fsl_mrs_dl.validation.ladder.config import read_ladder
    from fsl_mrs_dl.validation.run import read_truth

    if (args.data is None) != (args.truth is None):
        raise ConfigError("--data and --truth are needed together", where="ladder")
    config = read_ladder(args.config)
    truths = read_truth(args.truth, args.truth_key) if args.truth else []
    for package in ("torch", "onnx", "numba"):
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError(package, "train")
    if args.output.exists() and not args.output.is_dir():
        raise ConfigError("--output is a file; a folder was expected", where=args.output)
    from fsl_mrs_dl.validation.ladder.outputs import text_table
    from fsl_mrs_dl.validation.ladder.run import run_ladder

    result = run_ladder(config, args.output, args.data, truths)
    if args.json:
        print_json(result)
        return
    print(text_table(result))
    print(f"written to {args.output}")
