# SPDX-License-Identifier: Apache-2.0
"""Compare estimates with known concentrations: errors, slope, R2, constant predictor, coverage, classical fit."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fsl_mrs_dl.cli.arguments import add_any_protocol
from fsl_mrs_dl.cli.printing import add_json, print_json

INTERRUPTED = "the same command goes on after the data sets that are done"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``validate``."""
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder of <id>.nii.gz")
    parser.add_argument("--truth", type=Path, metavar="TRUTH.json", help="known concentrations")
    parser.add_argument(
        "--simulated",
        type=Path,
        metavar="CONFIG.toml",
        help="instead of --data and --truth: spectra synthesised from the recipe of a training configuration",
    )
    parser.add_argument(
        "--n", type=int, default=5000, metavar="N", help="number of synthesised spectra (default: 5000)"
    )
    parser.add_argument("--truth-key", metavar="KEY", help="key of the truth (default: visible_mm, else conc_mm)")
    parser.add_argument(
        "--model", metavar="NAME|DIR", help="model (default: chosen by the kind of sample, brain or solution)"
    )
    parser.add_argument("--basis", type=Path, metavar="DIR", help="FSL-MRS basis for the classical fit")
    parser.add_argument(
        "--against",
        nargs="+",
        choices=("newton", "lcmodel"),
        default=[],
        metavar="PROGRAM",
        help="classical programs on the same spectra: newton (FSL-MRS, if installed), lcmodel (needs its binary)",
    )
    parser.add_argument("--lcmodel", type=Path, metavar="FILE", help="LCModel's binary (default: $LCMODEL, PATH)")
    parser.add_argument("--diff-alone", action="store_true", help="give every method DIFF only")
    add_any_protocol(parser)
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder to create")
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier output")
    add_json(parser, "the content of validation.json")


def run(args: argparse.Namespace) -> None:
    """Validate."""
    from fsl_mrs_dl.cli.arguments import inputs_of
    from fsl_mrs_dl.core.files import new_output_folder
    from fsl_mrs_dl.models.calibrated import load_model
    from fsl_mrs_dl.reports.manifest import entry_names
    from fsl_mrs_dl.validation.kept import unfinished
    from fsl_mrs_dl.validation.outputs import text_table, write_outputs

    _check(args)
    model = load_model(args.model) if args.model is not None or args.simulated else None
    key, cases_of = _simulated(args, model) if args.simulated else _measured(args, model)
    with (
        new_output_folder(args.output, overwrite=args.overwrite, inputs=inputs_of(args), names=entry_names()) as folder,
        unfinished(args.output, key) as partial,
    ):
        cases = cases_of(partial)
        result = write_outputs(folder, cases, ", ".join(sorted({case.model for case in cases})))
    if args.json:
        print_json(result)
        return
    print(text_table(result))
    print(f"written to {args.output}")


def _check(args: argparse.Namespace) -> None:
    from fsl_mrs_dl.core.errors import ConfigError

    given = [args.data is not None, args.truth is not None]
    if args.simulated and any(given):
        raise ConfigError("--simulated takes the place of --data and --truth")
    if args.simulated and (args.against or args.basis or args.truth_key or args.diff_alone or args.any_protocol):
        raise ConfigError(
            "--against, --basis, --truth-key, --diff-alone and --any-protocol are for --data",
            where="validate --simulated",
        )
    if not args.simulated and not all(given):
        raise ConfigError("nothing to validate on", expected="--data and --truth, or --simulated")
    if args.n < 1:
        raise ConfigError("at least one spectrum is needed", where="--n", got=args.n)


def _measured(args: argparse.Namespace, model: Any) -> tuple[str, Callable[[Path], list[Any]]]:
    """What the answers depend on, and what quantifies the files; it keeps what is done in the folder it is given."""
    from fsl_mrs_dl.quantify.signals import check_basis_folder
    from fsl_mrs_dl.validation.kept import KeptCases, key_of_cases, program_versions
    from fsl_mrs_dl.validation.run import files_of, read_truth, run_cases

    if args.basis is not None:
        check_basis_folder(args.basis)
    truth = read_truth(args.truth, args.truth_key)
    programs = _programs(args)
    how = {"diff_alone": args.diff_alone, "any_protocol": args.any_protocol}
    asked = {**how, "programs": program_versions(programs)}
    key = key_of_cases(files_of(args.data, truth), truth, model, args.basis, asked)

    def cases(partial: Path) -> list[Any]:
        kept = KeptCases(partial)
        return run_cases(args.data, truth, model, basis=args.basis, programs=programs, kept=kept, **how)

    return key, cases


def _simulated(args: argparse.Namespace, model: Any) -> tuple[str, Callable[[Path], list[Any]]]:
    """What the bank depends on, and what draws and quantifies spectra; the bank is made in the folder it is given."""
    import dataclasses
    import importlib.util

    from fsl_mrs_dl import __version__
    from fsl_mrs_dl.core.errors import MissingExtraError
    from fsl_mrs_dl.core.unfinished import key_of
    from fsl_mrs_dl.synthesise.synthesiser import Synthesiser
    from fsl_mrs_dl.training.config import read_config
    from fsl_mrs_dl.training.run import bank_of_recipe
    from fsl_mrs_dl.validation.simulated import run_simulated

    config = read_config(args.simulated)
    if importlib.util.find_spec("numba") is None:
        raise MissingExtraError("numba", "train")

    def cases(partial: Path) -> list[Any]:
        # of what there is to do, simulating the bank takes nearly all the time
        bank = bank_of_recipe(config.recipe, partial / "bank")
        return run_simulated(Synthesiser(config.recipe, bank), model, args.n, config.seed)

    return key_of({"recipe": dataclasses.asdict(config.recipe), "fsl_mrs_dl": __version__}), cases


def _programs(args: argparse.Namespace) -> dict[str, Any]:
    """Programs by name; one that is asked for and missing is an error."""
    import sys

    from fsl_mrs_dl.core.errors import DataError
    from fsl_mrs_dl.fsl_plugin.compat import has_fsl_mrs
    from fsl_mrs_dl.validation.programs.lcmodel import LCModel, find_lcmodel
    from fsl_mrs_dl.validation.programs.newton import newton

    found: dict[str, Any] = {}
    if "newton" in args.against:
        if not has_fsl_mrs():
            raise DataError(
                "FSL-MRS is not installed in this environment", where="--against newton", got=sys.executable
            )
        found["newton"] = newton
    if "lcmodel" in args.against:
        binary = find_lcmodel(args.lcmodel)
        if binary is None:
            raise DataError(
                "no lcmodel binary was found", where="--against lcmodel", hint="Name it: --lcmodel FILE, or set LCMODEL"
            )
        found["lcmodel"] = LCModel(binary)
    return found
