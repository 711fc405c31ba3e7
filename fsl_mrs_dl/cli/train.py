# SPDX-License-Identifier: Apache-2.0
"""Train a network on synthesised spectra and write a model folder. Run again to resume an interrupted training.

CONFIG.toml holds the whole training: with stages it trains one after the other, with members it makes an ensemble of
trained models. --like, or --vendor and --te, makes a configuration for one protocol instead, goes on from a shipped
model, and ends with a validation on protocols that were not trained on.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fsl_mrs_dl.cli.arguments import PROTOCOL_FIELDS, add_semi_laser, given
from fsl_mrs_dl.cli.printing import add_json, print_json
from fsl_mrs_dl.physics.vendors import VENDORS

if TYPE_CHECKING:
    from fsl_mrs_dl.training.run import Machine

N_VALIDATION = 2000
"""Spectra of other protocols that a model of one's own is validated on."""

_PROTOCOL = (
    ("--te", "S", "echo time in s (default: of --like, else 0.068)"),
    ("--f0", "MHZ", "proton frequency in MHz (default: of --like, else all of 3 T)"),
    ("--edit-on", "PPM", "editing pulse of edit_on (default: of --like, else 1.9)"),
    ("--edit-off", "PPM", "editing pulse of edit_off (default: of --like, else 7.5)"),
    ("--edit-duration", "S", "duration of an editing pulse in s (default: of --like, else any)"),
)

INTERRUPTED = "the same command goes on from the last checkpoint"
"""What is said when the command is stopped."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``train``."""
    parser.add_argument("config", type=Path, nargs="?", metavar="CONFIG.toml", help="the training configuration")
    parser.add_argument("--output", type=Path, required=True, help="folder of the model and its checkpoints")
    parser.add_argument("--device", default="auto", help="auto (a GPU if there is one), cpu or cuda")
    help_workers = (
        "processes that simulate the bank, and draw the spectra where a GPU makes them (default: threads of the "
        "configuration; with a GPU, all cores but two)"
    )
    parser.add_argument("--workers", type=int, metavar="N", help=help_workers)
    add_json(parser, "limits and the result of the validation (of a CONFIG.toml there is none)")
    own = parser.add_argument_group("a model for your own protocol")
    own.add_argument(
        "--like", type=Path, metavar="FILE", help="NIfTI-MRS file or BIDS sidecar to take the protocol from"
    )
    own.add_argument("--vendor", choices=sorted(VENDORS), help="timing and refocusing pulses (default: any)")
    for option, unit, text in _PROTOCOL:
        own.add_argument(option, type=float, metavar=unit, help=text)
    add_semi_laser(own)
    own.add_argument("--kind", metavar="KIND", help="kind of sample: brain or phantom")
    own.add_argument("--steps", type=int, metavar="N", help="training steps (default 3000)")
    own.add_argument("--members", type=int, metavar="N", help="number of protocols to simulate (default 96)")


def run(args: argparse.Namespace) -> None:
    """Train."""
    from fsl_mrs_dl.core.errors import ConfigError

    options = ("like", "kind", "steps", "members", *PROTOCOL_FIELDS)
    asked = [f"--{name.replace('_', '-')}" for name in options if getattr(args, name) is not None]
    fields = given(args, PROTOCOL_FIELDS)
    if args.config is not None and asked:
        raise ConfigError(
            "a configuration holds the whole training, and options of a protocol make one: give one of them",
            got=f"{args.config} and {', '.join(asked)}",
        )
    if args.config is None and args.like is None and not fields:
        raise ConfigError("nothing to train", expected="CONFIG.toml, or --like FILE, or --vendor and --te")
    _check(args.output)
    machine = _machine(args)
    if args.config is not None:
        _train_file(args.config, args.output, machine)
        if args.json:
            from fsl_mrs_dl.models.folder import open_model

            limits = open_model(args.output).card.known_limits
            print_json({"model": str(args.output), "validation": None, "limits": list(limits)})
    else:
        _train_like(args, fields, machine)


def _machine(args: argparse.Namespace) -> Machine:
    from fsl_mrs_dl.core.errors import ConfigError
    from fsl_mrs_dl.training.devices import chosen_device
    from fsl_mrs_dl.training.run import Machine

    if args.workers is not None and args.workers < 1:
        raise ConfigError("--workers must be at least 1", got=args.workers)
    return Machine(chosen_device(args.device), args.workers or 0)


def _check(output: Path) -> None:
    import importlib.util

    from fsl_mrs_dl.core.errors import ConfigError, MissingExtraError

    for package in ("torch", "onnx", "numba", "tomli_w"):
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError(package, "train")
    if output.exists() and not output.is_dir():
        raise ConfigError("--output is a file; a folder was expected", where=output)


def _train_file(config: Path, output: Path, machine: Machine) -> None:
    from fsl_mrs_dl.core.config import from_mapping
    from fsl_mrs_dl.training.config import read_toml, stages_of

    content = read_toml(config)
    if "members" in content:
        from fsl_mrs_dl.training.ensemble import EnsembleConfig, make_ensemble

        make_ensemble(from_mapping(EnsembleConfig, content, str(config)), output)
        return
    stages = stages_of(content, str(config))
    from fsl_mrs_dl.training.run import train_stages

    train_stages(stages, output, machine=machine)


def _train_like(args: argparse.Namespace, fields: dict[str, Any], machine: Machine) -> None:
    """Train a model for one protocol, and say how good it is."""
    from fsl_mrs_dl.core.errors import ConfigError
    from fsl_mrs_dl.core.locks import alone_in
    from fsl_mrs_dl.io.protocol import protocol_like
    from fsl_mrs_dl.training.like import CONFIG_FILE, STARTS, config_like, describe, write_config
    from fsl_mrs_dl.training.run import check_folder, train

    if args.kind is None:
        raise ConfigError("what is measured must be said", where="--kind", expected=" or ".join(STARTS))
    told = {} if args.like is None else protocol_like(args.like)
    # whose scanner it is does not tell the timing: each vendor has had several sequences
    told.pop("vendor", None)
    sizes = given(args, {"steps": "n_steps", "members": "n_members"})
    config = config_like({**told, **fields}, args.kind, name=args.output.name, **sizes)
    if not args.json:
        print(describe(config))
    check_folder(args.output)
    write_config(config, args.output / CONFIG_FILE)
    train(config, args.output, machine=machine)
    with alone_in(args.output, "training"):
        _validate(config, args.output, args.json)


def _validate(config: Any, output: Path, as_json: bool) -> None:
    """Errors on protocols that were not trained on: printed, in ``validation/``, and what is poor also in the card.

    Beside them those of the model that training started from, on the same spectra: what training for it was good for.
    """
    import logging
    from dataclasses import replace

    from fsl_mrs_dl.core.files import new_output_folder
    from fsl_mrs_dl.models.calibrated import load_model
    from fsl_mrs_dl.models.folder import open_model
    from fsl_mrs_dl.synthesise.synthesiser import Synthesiser
    from fsl_mrs_dl.training.banks import bank_of_recipe
    from fsl_mrs_dl.training.like import held_out
    from fsl_mrs_dl.training.limits import add_limits, limits_of_validation
    from fsl_mrs_dl.validation.outputs import text_table, write_outputs
    from fsl_mrs_dl.validation.simulated import run_simulated

    other = held_out(config)
    bank = bank_of_recipe(other.recipe, output / "bank_held_out", config.optimiser.threads)
    synthesiser, start = Synthesiser(other.recipe, bank), Path(config.start)
    own, before = (
        run_simulated(synthesiser, load_model(str(folder)), N_VALIDATION, other.seed) for folder in (output, start)
    )
    cases = [replace(case, against={start.name: old.estimate}) for case, old in zip(own, before, strict=True)]
    with new_output_folder(output / "validation", overwrite=True) as folder:
        result = write_outputs(folder, cases, config.name)
    limits = limits_of_validation(result["metabolites"])
    add_limits(output, limits)
    if as_json:
        print_json({"model": str(output), "validation": result, "limits": list(open_model(output).card.known_limits)})
        return
    print(text_table(result))
    print(f"last column: {start.name}, from which it was trained, on the same spectra\n")
    for limit in limits:
        logging.getLogger(__name__).warning("warning: %s", limit)
    print(f"the model lies in {output}: fsl_mrs_dl fit --model {output} ...; its limits: fsl_mrs_dl models {output}")
