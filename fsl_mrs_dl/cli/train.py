# SPDX-License-Identifier: Apache-2.0
"""Train a network on synthesised spectra and write a model folder. Run again to resume an interrupted training."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``train``."""
    parser.add_argument("config", type=Path, metavar="CONFIG.toml", help="the training configuration")
    parser.add_argument("--output", type=Path, required=True, help="folder of the model and its checkpoints")
    parser.add_argument("--threads", type=int, default=2, help="processor threads (default 2)")


def run(args: argparse.Namespace) -> None:
    """Train."""
    from fsl_mrs_dl.training.config import read_config

    config = read_config(args.config)
    try:
        import torch  # noqa: F401
    except ImportError as error:
        from fsl_mrs_dl.errors import MissingExtraError

        raise MissingExtraError("torch", "train") from error
    from fsl_mrs_dl.training.run import train

    train(config, args.output)
