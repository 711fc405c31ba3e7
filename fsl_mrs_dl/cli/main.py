# SPDX-License-Identifier: Apache-2.0
"""The console script: sub-commands, exit codes, errors as one line. Heavy imports come after parsing."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import logging
import os
import signal
import sys
import threading
import traceback
from collections.abc import Collection, Iterator, Sequence

from fsl_mrs_dl import __version__
from fsl_mrs_dl.cli.options import as_options, option_names
from fsl_mrs_dl.cli.parser import CommandParser
from fsl_mrs_dl.cli.process import prepare_process
from fsl_mrs_dl.core.errors import FslMrsDlError

COMMANDS = {
    "fit": "quantify one data set",
    "convert": "convert a scanner's own file to NIfTI-MRS (spec2nii)",
    "preproc": "preprocess raw data as fsl_mrs_preproc_edit does",
    "simulate": "simulate a basis set, or a bank of them",
    "pulse": "show what a radio-frequency pulse does",
    "dataset": "synthesise a data set of training spectra",
    "select": "choose architecture and training parameters by Bayesian optimisation",
    "train": "train a network from a configuration",
    "ladder": "train with perturbations added one group at a time, and compare",
    "validate": "compare estimates with known concentrations",
    "bids": "quantify a BIDS dataset (BIDS App)",
    "models": "list models, show a model's card, or add a model",
    "fsl": "run a program of FSL-MRS with --algo dl registered",
    "doctor": "say what is installed and whether fsl_mrs sees --algo dl",
}
"""Sub-command: what it does. Each is the module of the same name in `fsl_mrs_dl.cli`."""

LONG = ("simulate", "dataset", "select", "train", "ladder", "validate")
"""Commands that log their progress without being asked."""


def build_parser(complete: Collection[str] = tuple(COMMANDS)) -> argparse.ArgumentParser:
    """The parser of all sub-commands; of those that are not in `complete` it has names and purposes only."""
    parser = argparse.ArgumentParser(
        prog="fsl_mrs_dl", description="Deep-learning quantification of GABA-edited MEGA-PRESS spectra."
    )
    parser.add_argument("--version", action="version", version=f"fsl_mrs_dl {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=CommandParser)
    for name, summary in COMMANDS.items():
        if name not in complete:
            commands.add_parser(name, help=summary)
            continue
        module = importlib.import_module(f"fsl_mrs_dl.cli.{name}")
        sub = commands.add_parser(name, help=summary, description=module.__doc__)
        module.add_arguments(sub)
        how_much = sub.add_mutually_exclusive_group()
        how_much.add_argument("--verbose", action="store_true", help="log what is done; show tracebacks")
        how_much.add_argument("--quiet", action="store_true", help="print nothing but errors (and what --json prints)")
        sub.set_defaults(run=module.run, parser=sub)
    return parser


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; returns the exit code (0 done, 1 data error, 2 bad arguments)."""
    words = sys.argv[1:] if argv is None else argv
    try:
        # the modules of the other commands need not be imported
        args = build_parser(words).parse_args(words)
    except KeyboardInterrupt:
        print("fsl_mrs_dl: interrupted", file=sys.stderr)
        return 130
    options = option_names(vars(args).pop("parser"))
    prepare_process()
    # what a scheduler sends: as an interrupt, it lets workers end and scratch folders go
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _interrupt)
    logging.basicConfig(level=_level(args), format="%(message)s", stream=sys.stderr)
    try:
        with _silence(args):
            return int(args.run(args) or 0)
    except FslMrsDlError as error:
        if args.verbose:
            traceback.print_exc()
        print(f"fsl_mrs_dl {args.command}: error: {as_options(str(error), options)}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print(f"fsl_mrs_dl {args.command}: interrupted; {_what_next(args)}", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return 0
    except Exception as error:
        if args.verbose:
            traceback.print_exc()
        print(f"fsl_mrs_dl {args.command}: error: {_unexpected(error)}", file=sys.stderr)
        return 1


def _unexpected(error: Exception) -> str:
    """The line for an error that is not ours: of the storage, or a mistake in the program."""
    from fsl_mrs_dl.core.storage import storage_error

    storage = storage_error(error)
    if storage is not None:
        where = f"{storage.filename}: " if storage.filename else ""
        return f"{where}cannot read or write: {str(storage.strerror).lower()}"
    said = " ".join(str(error).split())
    return f"internal error, {type(error).__name__}: {said}. Run again with --verbose and report the traceback"


def _what_next(args: argparse.Namespace) -> str:
    """What an interrupted command leaves, as its module says it."""
    module = importlib.import_module(f"fsl_mrs_dl.cli.{args.command}")
    if hasattr(module, "interrupted"):
        return str(module.interrupted(args))
    return getattr(module, "INTERRUPTED", "the same command starts over")


def _level(args: argparse.Namespace) -> int:
    if args.quiet:
        return logging.ERROR
    return logging.INFO if args.verbose or args.command in LONG else logging.WARNING


@contextlib.contextmanager
def _silence(args: argparse.Namespace) -> Iterator[None]:
    """Drop what a command prints, where that was asked for; what a script reads stays."""
    if not args.quiet or getattr(args, "json", False):
        yield
        return
    with open(os.devnull, "w", encoding="utf-8") as nowhere, contextlib.redirect_stdout(nowhere):
        yield
