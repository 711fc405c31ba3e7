#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run several long commands beside each other on a machine that is lent for minutes, and pack what they made.

    python3 tools/on_gpu.py JOBS.toml --output OUT --limit 560

JOBS.toml holds tables ``[[job]]``: ``name``, ``command`` (of a shell, in the repository's root), ``limit_s`` (where it
is less than the limit of all), ``keep`` (patterns of files). Programs beside the Python that runs this are found first.
A job that is still running at its limit is interrupted, as by Ctrl-C: what the package's commands leave then can be
gone on with. In OUT then lie ``results.tar.xz.00`` and so on, parts of 15 MiB, which ``cat OUT/results.tar.xz.* | tar
xJ`` unpacks: the files kept, and the log of each job. Ctrl-C ends all jobs at once, and packs what they have. The exit
code is 1 where a job failed by itself.
"""

from __future__ import annotations

import argparse
import glob
import lzma
import os
import signal
import subprocess
import sys
import tarfile
import time
from dataclasses import dataclass
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

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
        self.end, self.interrupted = time.monotonic() + min(job.limit_s, limit_s), False
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                ["bash", "-c", job.command],
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, "PATH": path},
            )

    @property
    def failed(self) -> bool:
        """Whether it ended with an error that no interrupt brought about."""
        return self.process.returncode != 0 and not self.interrupted

    def is_over(self) -> bool:
        """Whether it has ended; interrupts it at its limit, and stops it where it does not heed that."""
        ended, late = self.process.poll() is not None, time.monotonic() - self.end
        if ended and not (self.interrupted and self._has_left_some() and late < GRACE_S):
            return True
        if late > 0 and not self.interrupted:
            # once: a second one would disturb what tidies up after the first
            self.interrupted = True
            self._send(signal.SIGINT)
        elif late > GRACE_S:
            self._send(signal.SIGKILL)
        return False

    def _has_left_some(self) -> bool:
        """Whether processes that it started are still tidying up."""
        try:
            os.killpg(self.process.pid, 0)
        except OSError:
            return False
        return True

    def _send(self, number: int) -> None:
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            return


def run(jobs: list[Job], folder: Path, limit_s: float) -> tuple[list[Running], bool]:
    """Run all jobs to their end or limit; gives them, and whether this program was interrupted meanwhile."""
    started = time.monotonic()
    running = [Running(job, folder, limit_s) for job in jobs]
    try:
        _wait(running, started)
    except KeyboardInterrupt:
        for job in running:
            job.end = min(job.end, time.monotonic())
        _wait(running, started)
        return running, True
    return running, False


def _wait(running: list[Running], started: float) -> None:
    """Wait for jobs, and say of each how it ended."""
    left = [job for job in running if job.process.returncode is None]
    while left:
        time.sleep(0.5)
        over = [job for job in left if job.is_over()]
        for job in over:
            print(f"{job.job.name}: exit {job.process.returncode} after {time.monotonic() - started:.0f} s", flush=True)
        left = [job for job in left if job not in over]


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
    for left in range(number, 100):
        # of a larger archive that lay there
        (output / f"results.tar.xz.{left:02d}").unlink(missing_ok=True)


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
    signal.signal(signal.SIGTERM, _interrupt)
    over, stopped = run(jobs, logs, args.limit)
    pack(jobs, logs, args.output)
    for job in jobs:
        print(f"--- {job.name}")
        print("\n".join((logs / f"{job.name}.log").read_text("utf-8", "replace").splitlines()[-25:]))
    if stopped:
        raise SystemExit(130)
    failed = [job.job.name for job in over if job.failed]
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}; the logs above, and those of the archive, say why")


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
