# SPDX-License-Identifier: Apache-2.0
"""Train a network on synthesised spectra and write a model folder. Run again to resume an interrupted training."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``train``."""
    parser.add_argument("config", type=Path, metavar="CONFIG.toml", help="the training configuration")
    parser.add_argument("--output", type=Path, required=True, help="folder of the model and its checkpoints")


def run(args: argparse.Namespace) -> None:
    """Train."""
    import importlib.util

    from fsl_mrs_dl.errors import ConfigError, MissingExtraError
    from fsl_mrs_dl.training.config import read_config

    config = read_config(args.config)
    for package in ("torch", "onnx"):
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError(package, "train")
    if args.output.exists() and not args.output.is_dir():
        raise ConfigError("--output is a file; a folder was expected", where=args.output)
    from fsl_mrs_dl.training.run import train

    train(config, args.output)
