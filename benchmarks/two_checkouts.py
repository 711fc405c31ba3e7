# SPDX-License-Identifier: Apache-2.0
"""Whether ``fit`` takes as long in one checkout as in another: processor and wall time of pairs of runs.

``python benchmarks/two_checkouts.py OLD NEW [-n 10] [ARGUMENTS OF fsl_mrs_dl ...]`` prints, and asserts nothing. Both
run in this Python environment, with their own weights, one thread, and compiled modules; the two runs of a pair follow
each other, in turn the one or the other first. Processor time (user and system, of the process) is the figure to look
at where the machine has other work.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

FIT = ("fit", "--data", "examples/megapress_raw.nii.gz", "--h2o", "examples/water_reference.nii.gz")

PROGRAM = """
import sys
sys.meta_path[:] = [finder for finder in sys.meta_path if "_EditableFinder" not in str(finder)]
from fsl_mrs_dl.cli.main import main
sys.exit(main())
"""


def seconds(tree: Path, arguments: Sequence[str]) -> tuple[float, float]:
    """Processor and wall time of a run of `tree`; an error of it ends the benchmark."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    threads = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}
    with tempfile.TemporaryDirectory() as scratch, open(Path(scratch, "said"), "w+", encoding="utf-8") as said:
        more = ["--output", str(Path(scratch, "out"))] if arguments[0] == "fit" else []
        start = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *arguments, *more],
            cwd=tree,
            env={**environment, **threads, "PYTHONPATH": str(tree)},
            stdout=said,
            stderr=said,
        )
        _, status, used = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - start
        if status:
            said.seek(0)
            raise SystemExit(f"{tree}: {said.read()}")
    return used.ru_utime + used.ru_stime, wall_s


def main() -> None:
    """Run the pairs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("-n", type=int, default=10, help="pairs")
    args, arguments = parser.parse_known_args()
    trees = (args.old.resolve(), args.new.resolve())
    for tree in trees:
        seconds(tree, arguments or FIT)  # compiles
    pairs = []
    for number in range(args.n):
        found = {tree: seconds(tree, arguments or FIT) for tree in (trees if number % 2 else trees[::-1])}
        pairs.append([found[tree] for tree in trees])
    for kind, name in enumerate(("processor", "wall")):
        old, new = ([pair[side][kind] for pair in pairs] for side in (0, 1))
        ratios = sorted(b / a for a, b in zip(old, new, strict=True))
        print(
            f"{name} time, s: old median {statistics.median(old):.2f}, least {min(old):.2f}; "
            f"new median {statistics.median(new):.2f}, least {min(new):.2f}; "
            f"new/old of {args.n} pairs: median {statistics.median(ratios):.3f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
        )


if __name__ == "__main__":
    main()
