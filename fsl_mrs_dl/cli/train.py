# SPDX-License-Identifier: Apache-2.0
"""Train a network on synthesised spectra and write a model folder. Run again to resume an interrupted training.

A configuration with stages trains one after the other; one that names members makes an ensemble of trained models."""

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

    from fsl_mrs_dl.core.config import from_mapping
    from fsl_mrs_dl.core.errors import ConfigError, MissingExtraError
    from fsl_mrs_dl.training.config import read_toml, stages_of

    content = read_toml(args.config)
    is_ensemble = "members" in content
    stages = () if is_ensemble else stages_of(content, str(args.config))
    for package in ("torch", "onnx"):
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError(package, "train")
    if args.output.exists() and not args.output.is_dir():
        raise ConfigError("--output is a file; a folder was expected", where=args.output)
    if is_ensemble:
        from fsl_mrs_dl.training.ensemble import EnsembleConfig, make_ensemble

        make_ensemble(from_mapping(EnsembleConfig, content, str(args.config)), args.output)
        return
    from fsl_mrs_dl.training.run import train_stages

    train_stages(stages, args.output)
