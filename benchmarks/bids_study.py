# SPDX-License-Identifier: Apache-2.0
"""A study of 24 participants in two sessions through the BIDS App: time with one and two workers, memory, validator.

``python benchmarks/bids_study.py`` prints, and asserts nothing. The study is made here, by the maker of the tests'
data. Every process uses one thread.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.bids_helpers import VALIDATOR, digests, make_dataset  # noqa: E402 - found by the line above

N_PARTICIPANTS = 24


def bids(*arguments: object) -> float:
    """Wall seconds of ``fsl_mrs_dl bids``; an error ends the benchmark."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "fsl_mrs_dl", "bids", *map(str, arguments)],
        text=True,
        capture_output=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return time.perf_counter() - start


def validator_errors(folder: Path) -> int | None:
    """Errors that the BIDS validator finds; None where it is not installed."""
    if not Path(VALIDATOR).exists():
        return None
    done = subprocess.run([VALIDATOR, str(folder), "--json"], capture_output=True, text=True, check=False)
    return sum(issue["severity"] == "error" for issue in json.loads(done.stdout)["issues"]["issues"])


def main() -> None:
    """Make the study and run it."""
    with tempfile.TemporaryDirectory() as scratch:
        participants = [f"{number:02d}" for number in range(1, N_PARTICIPANTS + 1)]
        raw = make_dataset(Path(scratch) / "raw", participants=participants, sessions=("pre", "post"))
        bids(raw, Path(scratch) / "warm", "participant", "--participant-label", "01")
        seconds = {}
        for workers in (1, 2):
            out = Path(scratch) / f"out{workers}"
            seconds[workers] = bids(raw, out, "participant", "--workers", workers)
        group = bids(raw, Path(scratch) / "out1", "group")
        n_scans = 2 * N_PARTICIPANTS
        each, ratio = seconds[1] / n_scans, seconds[1] / seconds[2]
        print(f"{n_scans} scans: {seconds[1]:.1f} s with one worker ({each:.2f} s each)")
        print(f"{seconds[2]:.1f} s with two, {ratio:.2f} times as fast; group {group:.1f} s")
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        print(f"peak memory of a process: {peak:.0f} MB")
        for name in ("raw", "out1"):
            print(f"validator, {name}: {validator_errors(Path(scratch) / name)} errors")
        bids(raw, Path(scratch) / "out2", "group")
        same = digests(Path(scratch) / "out1") == digests(Path(scratch) / "out2")
        print(f"the two outputs are {'the same, byte for byte' if same else 'DIFFERENT'}")
        shutil.rmtree(raw)


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    main()
