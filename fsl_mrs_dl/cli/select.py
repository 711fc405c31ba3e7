# SPDX-License-Identifier: Apache-2.0
"""Choose architecture and training parameters by Bayesian optimisation. Run again to go on with a search."""

from __future__ import annotations

import argparse
from pathlib import Path

INTERRUPTED = "the same command goes on after the trials that are done"
"""What is said when the command is stopped."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``select``."""
    parser.add_argument("config", type=Path, metavar="CONFIG.toml", help="the configuration of the search")
    parser.add_argument("--output", type=Path, required=True, help="folder of the data set and the trials")


def run(args: argparse.Namespace) -> None:
    """Search."""
    import importlib.util

    from fsl_mrs_dl.core.errors import ConfigError, MissingExtraError

    for package, extra in (("torch", "train"), ("numba", "train"), ("skopt", "tune")):
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError("scikit-optimize" if package == "skopt" else package, extra)
    if args.output.exists() and not args.output.is_dir():
        raise ConfigError("--output is a file; a folder was expected", where=args.output)
    from fsl_mrs_dl.training.selection import read_selection, select, write_plot

    config = read_selection(args.config)
    search = select(config, args.output)
    write_plot(search.trials, config, args.output / "search.png")
    print(f"best of {len(search.trials)} trials: {search.best['score']:.4f}")
    for name, value in search.best["values"].items():
        print(f"  {name} = {value}")
    print(f"written to {args.output}")
