# SPDX-License-Identifier: Apache-2.0
"""Results made in processes: in order, and with an end that is said and leaves none of them."""

import itertools
import multiprocessing
import os
import signal
import subprocess
import sys
import time

import pytest

from fsl_mrs_dl.core import workers
from fsl_mrs_dl.core.errors import DataError, FslMrsDlError
from fsl_mrs_dl.core.workers import endless, run_calls


def squared(index):
    """For processes."""
    if index == 12:
        raise DataError("twelve")
    if index == 32:
        os.kill(os.getpid(), signal.SIGKILL)
    return index**2


def test_endless_results_come_in_order_and_stop_with_an_error():
    made = endless(squared, 3, 2)
    assert list(itertools.islice(made, 9)) == [n**2 for n in range(3, 12)]
    with pytest.raises(DataError, match="twelve"):
        next(made)


def test_a_process_that_is_gone_is_said():
    made = endless(squared, 31, 2)
    assert next(made) == 31**2
    with pytest.raises(FslMrsDlError, match="is gone"):
        next(made)


def test_a_killed_worker_of_a_pool_is_said():
    with pytest.raises(FslMrsDlError, match=r"worker process is gone.*fewer --workers"):
        list(run_calls([(squared, (32,)), (squared, (1,))], 2))


def waits(parent):
    """A worker whose main thread a signal does not wake: the system gives it to another thread."""
    workers.TIDYING_S = 0.2
    workers._end_with(parent)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    os.read(os.pipe()[0], 1)


@pytest.mark.skipif(sys.platform != "linux", reason="what a process blocks is read from Linux's /proc")
def test_a_worker_that_waits_ends_when_it_is_told_to():
    process = multiprocessing.get_context("spawn").Process(target=waits, args=(os.getpid(),))
    process.start()
    # not before it has begun to wait
    until = time.monotonic() + 60
    while process.is_alive() and time.monotonic() < until:
        time.sleep(0.5)
        if begun(process.pid):
            process.terminate()
    try:
        assert process.exitcode == 130
    finally:
        process.kill()


def begun(pid):
    """Whether a process leaves SIGTERM to its other threads."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        blocked = next(line for line in status if line.startswith("SigBlk:"))
    return bool(int(blocked.split()[1], 16) >> (signal.SIGTERM - 1) & 1)


def tidies(parent, begun, done):
    """A worker that takes its time to tidy up."""
    workers._end_with(parent)
    begun.touch()
    try:
        time.sleep(60)
    finally:
        begun.unlink()
        time.sleep(1.0)
        done.touch()


def test_a_second_signal_does_not_reach_into_what_the_first_one_tidies_up(tmp_path):
    begun, done = tmp_path / "begun", tmp_path / "done"
    process = multiprocessing.get_context("spawn").Process(target=tidies, args=(os.getpid(), begun, done))
    process.start()
    wait_until(begun.exists)
    os.kill(process.pid, signal.SIGINT)
    wait_until(lambda: not begun.exists())
    process.terminate()
    process.join(60)
    assert (process.exitcode, done.exists()) == (130, True)


def wait_until(true, most_s=60):
    """Wait for something to become true."""
    until = time.monotonic() + most_s
    while not true() and time.monotonic() < until:
        time.sleep(0.02)


PROGRAM = """
import sys
import numpy as np
from fsl_mrs_dl.core.workers import endless
from fsl_mrs_dl.training.source import ahead

def large(index):
    return np.full(1_000_000, index)

if __name__ == "__main__":
    try:
        for number, _ in enumerate(ahead(endless(large, 0, 2), 10**6)):
            if number == 5:
                print("going", flush=True)
    except KeyboardInterrupt:
        sys.exit(130)
"""


@pytest.mark.parametrize("everybody", [True, False], ids=["Ctrl-C", "the parent alone"])
def test_an_interrupt_leaves_no_process_and_no_traceback(tmp_path, everybody):
    # as a training on a GPU does it: processes draw, a thread takes, and what is drawn does not fit into a pipe
    pytest.importorskip("torch", reason="training needs torch")
    (tmp_path / "program.py").write_text(PROGRAM)
    process = subprocess.Popen(
        [sys.executable, tmp_path / "program.py"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout.readline() == "going\n"
        (os.killpg if everybody else os.kill)(process.pid, signal.SIGINT)
        _, told = process.communicate(timeout=60)
        assert (process.returncode, told) == (130, "")
        until = time.monotonic() + 10
        while lives(process.pid) and time.monotonic() < until:
            time.sleep(0.1)
        assert not lives(process.pid)
    finally:
        if lives(process.pid):
            os.killpg(process.pid, signal.SIGKILL)


def lives(group):
    """Whether any process of a group is there."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
