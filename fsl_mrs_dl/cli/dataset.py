# SPDX-License-Identifier: Apache-2.0
"""Synthesise a data set of training spectra from the recipe of a training configuration."""

from __future__ import annotations

import argparse
from pathlib import Path

INTERRUPTED = "the same command goes on with the spectra that are there"
"""What is said when the command is stopped."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``dataset``."""
    parser.add_argument("config", type=Path, metavar="CONFIG.toml", help="a training configuration; its recipe is used")
    parser.add_argument("--n", type=int, default=10_000, metavar="N", help="number of spectra (default: 10000)")
    parser.add_argument("--seed", type=int, metavar="SEED", help="seed (default: that of the configuration)")
    parser.add_argument("--bank", type=Path, metavar="DIR", help="basis bank (default: simulated beside the output)")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="number of processes (default 1)")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder to create")
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier output")


def run(args: argparse.Namespace) -> None:
    """Write a data set."""
    from fsl_mrs_dl.cli.arguments import inputs_of
    from fsl_mrs_dl.core.config import check_seed
    from fsl_mrs_dl.core.errors import ConfigError
    from fsl_mrs_dl.core.files import check_inputs_kept, check_replaceable
    from fsl_mrs_dl.synthesise.synthesiser import Synthesiser
    from fsl_mrs_dl.training.config import read_config
    from fsl_mrs_dl.training.dataset import write_dataset
    from fsl_mrs_dl.training.run import bank_of_recipe

    config = read_config(args.config)
    for name, value in (("--n", args.n), ("--workers", args.workers)):
        if value < 1:
            raise ConfigError(f"{name} is out of range", expected="1 or more", got=value)
    seed = config.seed if args.seed is None else args.seed
    check_seed(seed, "--seed")
    check_inputs_kept(args.output, inputs_of(args))
    check_replaceable(args.output, args.overwrite)  # before the bank is simulated, which takes minutes
    folder = args.bank or args.output.with_name(args.output.name + "_bank")
    synthesiser = Synthesiser(config.recipe, bank_of_recipe(config.recipe, folder, args.workers))
    write_dataset(synthesiser, args.n, seed, args.output, overwrite=args.overwrite, workers=args.workers)
    print(f"{args.n} spectra written to {args.output}")
