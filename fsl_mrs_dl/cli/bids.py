# SPDX-License-Identifier: Apache-2.0
"""BIDS App: quantify every edited scan of a dataset (participant), then put all of them into one table (group).

Exit codes: 0 done, 3 some scans failed and the rest are complete, 16 not a BIDS dataset, 17 unknown analysis level, 66
nothing to be quantified.
"""

from __future__ import annotations

import argparse
import functools
from pathlib import Path
from typing import Any


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``bids``."""
    parser.add_argument("bids_dir", type=Path, help="dataset")
    parser.add_argument("output_dir", type=Path, help="derivative dataset, e.g. BIDS_DIR/derivatives/fsl_mrs_dl")
    parser.add_argument("analysis_level", help="participant or group")
    for name, text in (("participant", "participants"), ("session", "sessions"), ("acquisition", "acq labels"),
                       ("task", "tasks"), ("run", "runs")):  # fmt: skip
        parser.add_argument(
            f"--{name}-label", f"--{name}_label", nargs="+", default=[], metavar="L", dest=f"{name}_label",
            help=f"only these {text}",
        )  # fmt: skip
    parser.add_argument("--reference-suffix", nargs="+", metavar="S", help="of water references (default: mrsref ref)")
    parser.add_argument("--model", metavar="NAME|DIR", help="model (default: the shipped one)")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="scans at once (default 1)")
    parser.add_argument("--skip-existing", action="store_true", help="keep results of the same input and model")
    parser.add_argument("--dry-run", action="store_true", help="list scans and references, and stop")


def run(args: argparse.Namespace) -> int:
    """Run one level."""
    import sys

    from fsl_mrs_dl.bids.dataset import REFERENCE_SUFFIXES, Filters, check_dataset, find_scans
    from fsl_mrs_dl.bids.derivative import write_root
    from fsl_mrs_dl.bids.group import write_group
    from fsl_mrs_dl.bids.scratch import remove_leftovers
    from fsl_mrs_dl.errors import ConfigError

    if args.analysis_level not in ("participant", "group"):
        print(
            f"fsl_mrs_dl bids: error: unknown analysis level '{args.analysis_level}'; expected participant or group",
            file=sys.stderr,
        )
        return 17
    if not 1 <= args.workers <= 1024:
        raise ConfigError("--workers is out of range", expected="1 to 1024", got=args.workers)
    check_dataset(args.bids_dir)
    if args.analysis_level == "group":
        write_group(args.output_dir)
        print(f"written to {args.output_dir / 'group_desc-dl_mrsquant.tsv'}")
        return 0
    filters = Filters(
        args.participant_label, args.session_label, args.acquisition_label, args.task_label, args.run_label
    )
    scans = find_scans(args.bids_dir, filters, reference_suffixes=args.reference_suffix or REFERENCE_SUFFIXES)
    if args.dry_run:
        for scan in scans:
            print(f"{scan.path}\t{scan.reference or '-'}\t{'; '.join(scan.notes)}")
        return 0
    _model(args.model)  # a wrong name is an error before anything is written
    write_root(args.output_dir, args.bids_dir)
    remove_leftovers(args.output_dir)
    counts = {"done": 0, "refused": 0, "kept": 0, "failed": 0}
    for number, outcome in enumerate(_outcomes(scans, args), start=1):
        counts[outcome.state] += 1
        text = f": {outcome.message}" if outcome.message else ""
        stream = sys.stderr if outcome.state == "failed" else sys.stdout
        print(f"{number}/{len(scans)} {outcome.stem} {outcome.state}{text}", file=stream, flush=True)
    print(", ".join(f"{n} {state}" for state, n in counts.items() if n))
    if counts["failed"] == len(scans):
        return 1
    return 3 if counts["failed"] else 0


def _outcomes(scans: list[Any], args: argparse.Namespace) -> Any:
    """Outcomes as they come, in one process or several; a session of the network is made once in each."""
    if args.workers == 1 or len(scans) == 1:
        for scan in scans:
            yield _one(scan, args.bids_dir, args.output_dir, args.model, args.skip_existing)
        return
    import multiprocessing
    import os
    from concurrent.futures import ProcessPoolExecutor, as_completed

    from fsl_mrs_dl.synthesise.workers import end_with

    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(args.workers, mp_context=context, initializer=end_with, initargs=(os.getpid(),)) as pool:
        common = (args.bids_dir, args.output_dir, args.model, args.skip_existing)
        futures = [pool.submit(_one, scan, *common) for scan in scans]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:
            for future in futures:
                future.cancel()


@functools.cache
def _model(name: str | None) -> Any:
    """The model, loaded once in each process."""
    from fsl_mrs_dl.quantify.model import load_model

    return load_model(name)


def _one(scan: Any, root: Path, output: Path, model: str | None, skip_existing: bool) -> Any:
    from fsl_mrs_dl.bids.participant import process

    return process(scan, root, output, _model(model), skip_existing=skip_existing)
