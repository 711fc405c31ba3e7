# SPDX-License-Identifier: Apache-2.0
"""Choose architecture and training parameters by Bayesian optimisation. Run again to go on with a search."""

from __future__ import annotations

import argparse
from pathlib import Path

from fsl_mrs_dl.cli.printing import add_json, print_json

INTERRUPTED = "the same command goes on after the trials that are done"
"""What is said when the command is stopped."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``select``."""
    parser.add_argument("config", type=Path, metavar="CONFIG.toml", help="the configuration of the search")
    parser.add_argument("--output", type=Path, required=True, help="folder of the data sets and the trials")
    parser.add_argument(
        "--trials", type=int, metavar="N", help="trials to complete (default: that of the configuration)"
    )
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes that train trials (default 1)")
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="where trials are trained (default: auto)"
    )
    add_json(parser, "the best trial, and how many ended how,")


def run(args: argparse.Namespace) -> None:
    """Search."""
    import dataclasses
    import importlib.util

    from fsl_mrs_dl.core.errors import ConfigError, MissingExtraError

    for package, extra in (("torch", "train"), ("numba", "train"), ("skopt", "tune")):
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError("scikit-optimize" if package == "skopt" else package, extra)
    if args.output.exists() and not args.output.is_dir():
        raise ConfigError("--output is a file; a folder was expected", where=args.output)
    for name, value in (("--workers", args.workers), ("--trials", args.trials)):
        if value is not None and value < 1:
            raise ConfigError(f"{name} is out of range", expected="1 or more", got=value)
    from fsl_mrs_dl.training.devices import chosen_device
    from fsl_mrs_dl.training.selection.figures import write_figures
    from fsl_mrs_dl.training.selection.run import select
    from fsl_mrs_dl.training.selection.space import read_selection
    from fsl_mrs_dl.training.selection.words import summary, summary_record

    config = read_selection(args.config)
    if args.trials:
        config = dataclasses.replace(config, n_trials=args.trials)
    search = select(config, args.output, workers=args.workers, device=chosen_device(args.device))
    write_figures(search.trials, config, args.output)
    if args.json:
        print_json({"output": str(args.output), **summary_record(search.trials)})
        return
    print(summary(search.trials, config.space))
    print(f"written to {args.output}")
