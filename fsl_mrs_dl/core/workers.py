# SPDX-License-Identifier: Apache-2.0
"""Independent jobs in several processes, each leaving its own file."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Protocol, TypeVar


class Job(Protocol):
    """What can be run elsewhere: picklable, and done when its file is there."""

    def run(self) -> None:
        """Do the work."""


J = TypeVar("J", bound=Job)


def run_jobs(jobs: Sequence[J], workers: int) -> Iterator[J]:
    """Run jobs in `workers` processes, yielding each when it is done.

    A stop in between, by an error or an interrupt, keeps what is done and starts nothing more.
    """
    if workers <= 1 or len(jobs) <= 1:
        for job in jobs:
            job.run()
            yield job
        return
    # imported by those who need them: a fit does not
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor, as_completed

    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=end_with, initargs=(os.getpid(),)) as pool:
        futures = {pool.submit(job.run): job for job in jobs}
        try:
            for future in as_completed(futures):
                future.result()
                yield futures[future]
        finally:
            for future in futures:
                future.cancel()


def end_with(parent: int) -> None:
    """In a worker: end when the process `parent` is gone, however it went."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
