# SPDX-License-Identifier: Apache-2.0
"""Independent jobs in several processes, which end when their parent ends."""

from __future__ import annotations

import itertools
import os
import select
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from queue import Empty
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from fsl_mrs_dl.core.errors import FslMrsDlError

if TYPE_CHECKING:
    from concurrent.futures import Future

_AHEAD = 2
"""Results that a process has ready."""

_PATIENCE_S = 5.0
"""How long a process that was told to end is waited for; it ends with this one at the latest."""


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
    for index, _ in run_calls([(job.run, ()) for job in jobs], workers):
        yield jobs[index]


def run_calls(calls: Sequence[tuple[Callable[..., Any], tuple[Any, ...]]], workers: int) -> Iterator[tuple[int, Any]]:
    """Call functions in `workers` processes, yielding place and result of each when it is done.

    Parameters
    ----------
    calls : sequence of (function, arguments)
        Picklable.
    workers : int

    Raises
    ------
    FslMrsDlError
        When a process is gone. What a function raises is raised here.
    """
    # imported by those who need them: a fit does not
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor, as_completed

    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_end_with, initargs=(os.getpid(),)) as pool:
        with _interrupts_held():
            futures = {pool.submit(function, *given): index for index, (function, given) in enumerate(calls)}
        try:
            for future in as_completed(futures):
                yield futures[future], _result(future)
        finally:
            for future in futures:
                future.cancel()


def _result(future: Future[Any]) -> Any:
    from concurrent.futures.process import BrokenProcessPool

    try:
        return future.result()
    except BrokenProcessPool as error:
        raise FslMrsDlError(
            "a worker process is gone, which most often was killed for want of memory",
            hint="Run the command again, with fewer --workers",
        ) from error


def endless(function: Callable[[int], Any], first: int, workers: int) -> Iterator[Any]:
    """``function(first)``, ``function(first + 1)`` and so on without end, in this order, made ahead in processes.

    Parameters
    ----------
    function : callable
        Picklable.
    first, workers : int

    Raises
    ------
    FslMrsDlError
        When a process is gone. What the function raises is raised here.
    """
    import multiprocessing

    context = multiprocessing.get_context("spawn")
    queues = [context.Queue(_AHEAD) for _ in range(workers)]
    makers = [
        context.Process(target=_make, args=(os.getpid(), function, first + k, workers, queue), daemon=True)
        for k, queue in enumerate(queues)
    ]
    with _interrupts_held():
        for maker in makers:
            maker.start()
    try:
        while True:
            for maker, queue in zip(makers, queues, strict=True):
                made = _taken(maker, queue)
                if isinstance(made, BaseException):
                    raise made
                yield made
    finally:
        for maker in makers:
            maker.terminate()
        for maker in makers:
            maker.join(_PATIENCE_S)


def _make(parent: int, function: Callable[[int], Any], first: int, step: int, queue: Any) -> None:
    """In a process: put the results of every `step`-th index."""
    _end_with(parent)
    try:
        for index in itertools.count(first, step):
            queue.put(function(index))
    except Exception as error:
        queue.put(error)
    except SystemExit:
        # told to end: what was not taken yet need not be
        queue.cancel_join_thread()
        raise


def _taken(maker: Any, queue: Any) -> Any:
    while True:
        try:
            return queue.get(timeout=1.0)
        except Empty:
            if not maker.is_alive():
                raise FslMrsDlError(
                    "a process that makes training spectra is gone",
                    got=f"exit code {maker.exitcode}",
                    hint="Run the command again, with fewer --workers where memory is short",
                ) from None


@contextmanager
def companions(work: Callable[..., None], given: tuple[Any, ...], workers: int) -> Iterator[list[Any]]:
    """Processes that stay for many tasks: each calls ``work(connection, *given)``, with a pipe to this one.

    They end when `work` returns, which it does when the pipe is closed, with this process, and at once and without a
    word where this block ends by an exception.

    Parameters
    ----------
    work : function
        Picklable.
    given : tuple
        Picklable.
    workers : int

    Yields
    ------
    list of multiprocessing.connection.Connection
        The ends of this process.
    """
    import multiprocessing

    context = multiprocessing.get_context("spawn")
    processes, ends = [], []
    try:
        with _interrupts_held():
            for _ in range(workers):
                here, there = context.Pipe()
                process = context.Process(target=_accompany, args=(os.getpid(), work, there, given), daemon=True)
                process.start()
                there.close()
                processes.append(process)
                ends.append(here)
        yield ends
        for end in ends:
            end.close()
        for process in processes:
            process.join()
    finally:
        for process in processes:
            if process.is_alive():
                process.terminate()
        for process in processes:
            process.join()


def _accompany(parent: int, work: Callable[..., None], connection: Any, given: tuple[Any, ...]) -> None:
    _end_with(parent)
    # the pipe is gone when the parent is done with it, or is itself gone
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        work(connection, *given)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Let an interrupt wait; workers that are started meanwhile begin so, until they know what to do with one."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


TIDYING_S = 10.0
"""How long a worker has to tidy up when it is told to end."""


def _end_with(parent: int) -> None:
    """In a worker: end when the process `parent` is gone, however it went, and on an interrupt without a word."""
    # the system's own handler writes here, whatever the main thread is at
    told, teller = os.pipe()
    os.set_blocking(teller, False)
    signal.set_wakeup_fd(teller, warn_on_full_buffer=False)

    def watch() -> None:
        while os.getppid() == parent:
            if select.select([told], [], [], 1.0)[0]:
                # a signal that came just before the main thread began to wait for its pool does not wake it
                time.sleep(TIDYING_S)
                os._exit(130)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    # one that came while it started
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    # later ones: what is under way is tidied up as the exception goes through it; what to say is the parent's
    signal.signal(signal.SIGINT, _leave)
    signal.signal(signal.SIGTERM, _leave)


def _leave(*_: object) -> None:
    # a pool tells its workers to end when one of them is gone: that must not reach into what another tidies up
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    # without a word, too, where the pool's pipes are gone before everything is tidied up
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    raise SystemExit(130)
