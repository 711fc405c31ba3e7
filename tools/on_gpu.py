#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run several long commands beside each other on a machine that is lent for minutes, and pack what they made.

    python3 tools/on_gpu.py JOBS.toml --output OUT --limit 560

JOBS.toml holds tables ``[[job]]``: ``name``, ``command`` (of a shell, in the repository's root), ``limit_s`` (where it
is less than the limit of all), ``keep`` (patterns of files). A job that is still running at its limit is interrupted,
as by Ctrl-C: what the package's commands leave then can be gone on with. In OUT then lie ``results.tar.xz.00`` and so
on, parts of 15 MiB, which ``cat OUT/results.tar.xz.* | tar xJ`` unpacks: the files kept, and the log of each job.
Nothing but the standard library is needed.
"""

from __future__ import annotations

import argparse
import glob
import lzma
import os
import signal
import subprocess
import tarfile
import time
from dataclasses import dataclass
from pathlib import Path

import tomllib

PART_BYTES = 15 * 2**20
GRACE_S = 12.0
"""What an interrupted job has to end in."""


@dataclass(frozen=True)
class Job:
    """A command, and what is kept of it."""

    name: str
    command: str
    limit_s: float = 1e9
    keep: tuple[str, ...] = ()


class Running:
    """A job that was started."""

    def __init__(self, job: Job, folder: Path, limit_s: float) -> None:
        self.job, self.log = job, folder / f"{job.name}.log"
        self.end = time.monotonic() + min(job.limit_s, limit_s)
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                ["bash", "-c", job.command], stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )

    def is_over(self) -> bool:
        """Whether it has ended; interrupts it at its limit, and stops it where it does not heed that."""
        if self.process.poll() is not None:
            return True
        late = time.monotonic() - self.end
        if late > GRACE_S:
            self._send(signal.SIGKILL)
        elif late > 0:
            self._send(signal.SIGINT)
        return False

    def _send(self, number: int) -> None:
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            return


def run(jobs: list[Job], folder: Path, limit_s: float) -> None:
    """Run all jobs to their end or limit."""
    started = time.monotonic()
    running = [Running(job, folder, limit_s) for job in jobs]
    while running:
        time.sleep(0.5)
        over = [job for job in running if job.is_over()]
        for job in over:
            print(f"{job.job.name}: exit {job.process.returncode} after {time.monotonic() - started:.0f} s", flush=True)
        running = [job for job in running if job not in over]


def pack(jobs: list[Job], logs: Path, output: Path) -> None:
    """Write the files kept and the logs as parts of one archive."""
    archive = logs / "results.tar.xz"
    with lzma.open(archive, "wb", preset=0) as packed, tarfile.open(fileobj=packed, mode="w") as tar:
        for log in sorted(logs.glob("*.log")):
            tar.add(log, f"logs/{log.name}")
        patterns = [pattern for job in jobs for pattern in job.keep]
        kept = {path for pattern in patterns for path in glob.glob(pattern, recursive=True)}
        for path in filter(os.path.isfile, sorted(kept)):
            tar.add(path)
    with archive.open("rb") as whole:
        for number in range(100):
            part = whole.read(PART_BYTES)
            if not part:
                break
            (output / f"results.tar.xz.{number:02d}").write_bytes(part)


def main() -> None:
    """Run the jobs of a file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("jobs", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--limit", type=float, default=560.0, help="seconds for all of it but packing")
    args = parser.parse_args()
    tables = tomllib.loads(args.jobs.read_text("utf-8"))["job"]
    jobs = [Job(**{**table, "keep": tuple(table.get("keep", ()))}) for table in tables]
    logs = Path("runs/on_gpu")
    logs.mkdir(parents=True, exist_ok=True)
    args.output.mkdir(parents=True, exist_ok=True)
    run(jobs, logs, args.limit)
    pack(jobs, logs, args.output)
    for job in jobs:
        print(f"--- {job.name}")
        print("\n".join((logs / f"{job.name}.log").read_text("utf-8", "replace").splitlines()[-25:]))


if __name__ == "__main__":
    main()
