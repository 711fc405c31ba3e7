# SPDX-License-Identifier: Apache-2.0
"""The paper (arXiv 2602.20289) again: its training and ours, fixed and streamed spectra, selected and plain networks.

``python studies/paper.py train OUT --workers 4``, then ``python studies/paper.py report OUT``. Either can be
interrupted; the same command goes on, and rows that are done stay. `train` makes the banks and data sets (100,000
spectra twice), trains every row and judges it on simulated spectra: its own kind, and ours with protocols that neither
training nor selection had. `report` shows ``../shared/data/phantom_dev`` to the networks, whose weights `train` left,
and writes ``paper.json``, ``paper.md`` and ``paper.png``; what classical programs answered there stands in the card of
the shipped model. Beside it stand the figures that the paper published of its own phantoms, which are other ones.

Every training sees the same number of spectra (`--epochs` times 100,000). Default architectures have the package's
settings, selected ones those of the best trial of the logs in ``docs/selection``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from paper_rows import ROOT, Plan, Row, banks_and_data, is_done, rows_of, try_row

from fsl_mrs_dl.core.workers import run_calls


def main() -> None:
    """Train, or report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    train = commands.add_parser("train")
    train.add_argument("folder", type=Path)
    train.add_argument("--epochs", type=float, default=10, help="times 100,000 spectra that each training sees")
    train.add_argument("--n", type=int, default=100_000, help="spectra of the fixed sets")
    train.add_argument("--test", type=int, default=3000, help="spectra of each set that is judged on")
    train.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    train.add_argument("--workers", type=int, default=1, help="trainings at a time")
    train.add_argument("--makers", type=int, default=1, help="processes that make spectra")
    train.add_argument("--only", nargs="*", default=[], metavar="PART", help="rows with one of these in their name")
    train.add_argument("--without", nargs="*", default=[], metavar="PART", help="not those with one of these")
    train.add_argument(
        "--cnn", type=Path, default=ROOT / "docs" / "selection" / "cnn.json", help="log of the selection"
    )
    train.add_argument(
        "--yae", type=Path, default=ROOT / "docs" / "selection" / "yae.json", help="log of the selection"
    )
    train.add_argument("--members", type=int, default=0, help="protocols of the bank, fewer to try things out")
    train.add_argument("--data-only", action="store_true", help="make banks and data sets, and train nothing")
    judge = commands.add_parser("report")
    judge.add_argument("folder", type=Path)
    judge.add_argument("--phantoms", type=Path, default=ROOT.parent / "shared" / "data" / "phantom_dev")
    args = parser.parse_args()
    try:
        _run(args)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on", file=sys.stderr)
        raise SystemExit(130) from None


def _run(args: argparse.Namespace) -> None:
    if args.command == "train":
        _train(args)
        return
    from paper_report import report

    report(args.folder, args.phantoms)


def _train(args: argparse.Namespace) -> None:
    from fsl_mrs_dl.training.devices import chosen_device, free_cores

    plan = Plan(
        folder=args.folder.resolve(),
        n_spectra=args.n,
        n_test=args.test,
        n_seen=int(args.epochs * args.n),
        logs={"selected_cnn": str(args.cnn), "selected_yae": str(args.yae)},
        device=chosen_device(args.device),
        drawers=max(1, free_cores() // args.workers),
        n_members=args.members,
    )
    plan.folder.mkdir(parents=True, exist_ok=True)
    banks_and_data(plan, args.makers)
    if args.data_only:
        return
    rows = [row for row in rows_of(args.only, args.without) if not is_done(row, plan)]
    failed = 0
    for index, trouble in _tried(rows, plan, args.workers):
        print(f"{rows[index].name} {trouble or 'done'}", flush=True)
        failed += bool(trouble)
    if failed:
        raise SystemExit(f"{failed} of {len(rows)} rows failed; the same command tries them again")


def _tried(rows: list[Row], plan: Plan, workers: int) -> Iterator[tuple[int, str]]:
    """Train rows, each whatever became of the others; gives the place of each and what went wrong."""
    if workers == 1:
        for index, row in enumerate(rows):
            yield index, try_row(row, plan)
        return
    yield from run_calls([(try_row, (row, plan)) for row in rows], workers)


if __name__ == "__main__":
    main()
