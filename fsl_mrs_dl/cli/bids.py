# SPDX-License-Identifier: Apache-2.0
"""BIDS App: quantify every edited scan of a dataset (participant), then put all of them into one table (group).

Exit codes: 0 done, 3 some scans failed and the rest are complete, 16 not a BIDS dataset, 17 unknown analysis level, 66
nothing to be quantified.
"""

from __future__ import annotations

import argparse
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fsl_mrs_dl.cli.arguments import add_any_protocol, add_told_protocol, told_options
from fsl_mrs_dl.cli.printing import add_json, print_json


def interrupted(args: argparse.Namespace) -> str:
    """What is said after Ctrl-C."""
    if args.analysis_level == "group":
        return "its files are whole, and the same command, which takes seconds, makes them anew"
    return "scans that are done stay, and with --skip-existing the same command goes on after them"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``bids``."""
    parser.add_argument("bids_dir", type=Path, help="dataset")
    parser.add_argument("output_dir", type=Path, help="derivative dataset, e.g. BIDS_DIR/derivatives/fsl_mrs_dl")
    parser.add_argument("analysis_level", help="participant or group")
    for name, text in (
        ("participant", "participants"),
        ("session", "sessions"),
        ("acquisition", "acq labels"),
        ("task", "tasks"),
        ("run", "runs"),
    ):
        parser.add_argument(
            f"--{name}-label",
            f"--{name}_label",
            nargs="+",
            default=[],
            metavar="L",
            dest=f"{name}_label",
            help=f"only these {text}",
        )
    parser.add_argument(
        "--bids-filter-file",
        "--bids_filter_file",
        type=Path,
        metavar="JSON",
        help='entities that scans and references must have, {"svs": {"acquisition": "megapress68"}, "mrsref": {...}}',
    )
    parser.add_argument(
        "--reference-suffix", nargs="+", metavar="S", help="suffixes of water references (default: mrsref ref)"
    )
    parser.add_argument(
        "--model", metavar="NAME|DIR", help="model (default: chosen by the kind of sample, brain or solution)"
    )
    parser.add_argument(
        "--workers", type=int, default=1, metavar="N", help="number of scans to process at once (default 1)"
    )
    parser.add_argument(
        "--n-threads",
        "--n_threads",
        type=int,
        metavar="N",
        help="accepted for compatibility with BIDS Apps, no effect: each scan uses one thread, see --workers",
    )
    parser.add_argument("--basis", type=Path, metavar="DIR", help="FSL-MRS basis for the fits beside the network")
    add_told_protocol(parser)
    add_any_protocol(parser)
    parser.add_argument(
        "--skip-existing", action="store_true", help="keep existing results of the same input and model"
    )
    parser.add_argument("--dry-run", action="store_true", help="list scans and their water references, and stop")
    parser.add_argument(
        "--skip-bids-validator",
        "--skip_bids_validator",
        action="store_true",
        help="accepted for compatibility with BIDS Apps, no effect: the validator is never run",
    )
    add_json(parser, "what became of each scan, or what is found, submitted or written,")
    _add_cluster(parser)


def _add_cluster(parser: argparse.ArgumentParser) -> None:
    cluster = parser.add_argument_group("cluster")
    cluster.add_argument(
        "--submit",
        action="store_true",
        help="submit one task per participant, then the group level, through fsl_sub (SLURM, SGE, or this machine)",
    )
    cluster.add_argument(
        "--fsl-sub",
        default="",
        metavar="ARGS",
        help="arguments of fsl_sub as one quoted text, e.g. '-q short -R 2 -T 30'",
    )


def _check(args: argparse.Namespace) -> None:
    from fsl_mrs_dl.core.errors import ConfigError

    for name, value in (("--workers", args.workers), ("--n-threads", args.n_threads)):
        if value is not None and not 1 <= value <= 1024:
            raise ConfigError(f"{name} is out of range", expected="1 to 1024", got=value)
    if args.submit and args.analysis_level == "group":
        raise ConfigError("--submit belongs to the participant level", hint="It has the group level run after it")


def run(args: argparse.Namespace) -> int:
    """Run one level."""
    import sys

    if args.analysis_level not in ("participant", "group"):
        print(
            f"fsl_mrs_dl bids: error: unknown analysis level '{args.analysis_level}'; expected participant or group",
            file=sys.stderr,
        )
        return 17
    _check(args)

    from fsl_mrs_dl.bids.dataset import REFERENCE_SUFFIXES, Filters, check_dataset, find_scans
    from fsl_mrs_dl.bids.derivative import check_root, write_root
    from fsl_mrs_dl.bids.filters import read_filter_file
    from fsl_mrs_dl.bids.group import write_group
    from fsl_mrs_dl.bids.scratch import remove_leftovers
    from fsl_mrs_dl.cli.arguments import split_words

    check_dataset(args.bids_dir)
    if args.analysis_level == "group":
        write_group(args.output_dir, args.bids_dir)
        table = str(args.output_dir / "group_desc-dl_mrsquant.tsv")
        if args.json:
            print_json({"table": table})
        else:
            print(f"written to {table}")
        return 0
    filters = Filters(
        args.participant_label,
        args.session_label,
        args.acquisition_label,
        args.task_label,
        args.run_label,
        **(read_filter_file(args.bids_filter_file) if args.bids_filter_file is not None else {}),
    )
    scans = find_scans(args.bids_dir, filters, reference_suffixes=args.reference_suffix or REFERENCE_SUFFIXES)
    # a wrong name or a wrong option is an error before anything is written
    _model(args.model)
    _asked(args)
    split_words(args.fsl_sub, "--fsl-sub")
    if args.submit:
        from fsl_mrs_dl.bids.submit import fsl_sub_program

        fsl_sub_program()
    if args.dry_run:
        check_root(args.output_dir, args.bids_dir)
        return _list(scans, args.json)
    write_root(args.output_dir, args.bids_dir)
    remove_leftovers(args.output_dir)
    if args.submit:
        return _submit(scans, args)
    return _process(scans, args)


def _list(scans: list[Any], as_json: bool) -> int:
    """What there is of each scan, a line for each: its file, its reference, and what there is to say of it."""
    if as_json:
        print_json([_described(scan) for scan in scans])
        return 0
    for scan in scans:
        print(f"{scan.path}\t{scan.reference or '-'}\t{'; '.join((scan.problem or '', *scan.notes)).strip('; ')}")
    return 0


def _described(scan: Any) -> dict[str, Any]:
    """A scan that was found, for `print_json`."""
    reference = None if scan.reference is None else str(scan.reference)
    return {"scan": str(scan.path), "reference": reference, "problem": scan.problem, "notes": list(scan.notes)}


def _process(scans: list[Any], args: argparse.Namespace) -> int:
    """Quantify the scans, a line for each; the exit code."""
    from fsl_mrs_dl.cli.status_line import StatusLine

    ended: list[Any] = []
    status = StatusLine(0 if args.quiet else len(scans))
    status.show(0)
    try:
        for outcome in _outcomes(scans, args):
            ended.append(outcome)
            status.clear()
            _say(outcome, f"{len(ended)}/{len(scans)}", args)
            status.show(len(ended))
    finally:
        status.clear()  # what is said of an interruption has a line of its own
    counts = {state: sum(outcome.state == state for outcome in ended) for state in _STATES}
    if args.json:
        entries = [{"scan": o.stem, "state": o.state, "message": o.message} for o in ended]
        print_json({"scans": entries, "counts": counts})
    else:
        print(", ".join(f"{n} {state}" for state, n in counts.items() if n))
    if counts["failed"] == len(scans):
        return 1
    return 3 if counts["failed"] else 0


_STATES = ("done", "refused", "kept", "failed")


def _say(outcome: Any, number: str, args: argparse.Namespace) -> None:
    """The line of a scan that has ended; with ``--json`` standard output is for the script alone."""
    import sys

    failed = outcome.state == "failed"
    if args.json and args.quiet and not failed:
        return
    text = f": {outcome.message}" if outcome.message else ""
    stream = sys.stderr if failed or args.json else sys.stdout
    print(f"{number} {outcome.stem} {outcome.state}{text}", file=stream, flush=True)


def _submit(scans: list[Any], args: argparse.Namespace) -> int:
    """Participants as tasks of one array job, the group after them."""
    import sys

    from fsl_mrs_dl.bids.submit import log_folder, submit
    from fsl_mrs_dl.cli.arguments import split_words

    program = [sys.executable, "-m", "fsl_mrs_dl", "bids", str(args.bids_dir.resolve()), str(args.output_dir.resolve())]
    participants = sorted({scan.name.entities["sub"] for scan in scans})
    options = _task_options(args)
    folder = log_folder(args.output_dir)
    tasks = [[*program, "participant", "--participant-label", label, *options] for label in participants]
    done = submit(tasks, [*program, "group"], folder, split_words(args.fsl_sub, "--fsl-sub"))
    for message in done.messages:
        print(message, file=sys.stderr)
    if args.json:
        print_json({"participants": participants, "jobs": list(done.jobs) if done.queued else [], "logs": str(folder)})
    elif done.queued:
        print(f"{len(tasks)} participants: job {done.jobs[0]}; group: job {done.jobs[1]}; logs in {folder}")
    else:
        print(f"{len(tasks)} participants have run here, and the group; logs in {folder}")
    if done.queued:
        return 0
    if done.group_failed:
        return 1
    return 3 if done.failed else 0


def _task_options(args: argparse.Namespace) -> list[str]:
    """The options of this call that its tasks need, with paths that hold wherever a task runs."""
    options: list[str] = []
    for name in ("session_label", "acquisition_label", "task_label", "run_label", "reference_suffix"):
        if getattr(args, name):
            options += [f"--{name.replace('_', '-')}", *getattr(args, name)]
    if args.bids_filter_file is not None:
        options += ["--bids-filter-file", str(args.bids_filter_file.resolve())]
    if args.model is not None:
        from fsl_mrs_dl.models.calibrated import find_model

        options += ["--model", str(find_model(args.model).resolve())]
    if args.basis is not None:
        options += ["--basis", str(args.basis.resolve())]
    for name in ("vendor", "edit_duration"):
        if getattr(args, name) is not None:
            options += [f"--{name.replace('_', '-')}", str(getattr(args, name))]
    if args.workers != 1:
        options += ["--workers", str(args.workers)]
    switches = ("skip_existing", "any_protocol")
    return [*options, *(f"--{name.replace('_', '-')}" for name in switches if getattr(args, name))]


def _outcomes(scans: Sequence[Any], args: argparse.Namespace) -> Any:
    """Outcomes as they come, in one process or several; a session of the network is made once in each."""
    common = (args.bids_dir, args.output_dir, args.model, args.skip_existing, _asked(args))
    if args.workers == 1 or len(scans) == 1:
        for scan in scans:
            yield _one(scan, *common)
        return
    from fsl_mrs_dl.core.workers import run_calls

    for _, outcome in run_calls([(_one, (scan, *common)) for scan in scans], args.workers):
        yield outcome


@functools.cache
def _model(name: str | None) -> Any:
    """The model that was named, loaded once in each process."""
    from fsl_mrs_dl.models.calibrated import load_model

    return None if name is None else load_model(name)


def _asked(args: argparse.Namespace) -> dict[str, Any]:
    """What every scan is quantified with, beside the model."""
    from fsl_mrs_dl.quantify.signals import check_basis_folder

    if args.basis is not None:
        check_basis_folder(args.basis)
    return {"basis": args.basis, "protocol": told_options(args), "any_protocol": args.any_protocol}


def _one(scan: Any, root: Path, output: Path, model: str | None, skip_existing: bool, asked: Mapping[str, Any]) -> Any:
    from fsl_mrs_dl.bids.participant import process

    return process(scan, root, output, _model(model), skip_existing=skip_existing, **asked)
