# SPDX-License-Identifier: Apache-2.0
"""How many threads linear algebra has, in processes that are not ours."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from fsl_mrs_dl.core.errors import DataError
from fsl_mrs_dl.core.threads import on_one_thread

pytestmark = [
    pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one core has one thread"),
    pytest.mark.usefixtures("two_threads"),
]


def blas_threads() -> set[int]:
    """Of every BLAS that is loaded."""
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


@pytest.fixture
def two_threads():
    """As in a notebook, whatever the environment of the tests says."""
    import scipy.linalg  # noqa: F401  (brings a BLAS of its own)

    with threadpool_limits(limits=2, user_api="blas"):
        assert blas_threads() == {2}
        yield


def test_one_while_it_runs_and_as_many_as_before_afterwards():
    seen = on_one_thread(lambda: blas_threads())()
    assert (seen, blas_threads()) == ({1}, {2})


def test_an_error_gives_them_back_too():
    def fail() -> None:
        raise DataError("no")

    with pytest.raises(DataError):
        on_one_thread(fail)()
    assert blas_threads() == {2}


@pytest.mark.parametrize(
    ("module", "inner", "call"),
    [
        ("fsl_mrs_dl.preprocess.load", "read_acquisition", lambda m: m.load("nowhere.nii.gz")),
        ("fsl_mrs_dl.quantify.chain", "check_protocol", lambda m: m.analyse(None)),
        ("fsl_mrs_dl.api.basis", "_systems", lambda m: m.simulate_basis("nowhere.json")),
    ],
)
def test_what_works_on_a_scan_has_one(monkeypatch, module, inner, call):
    import importlib

    seen: list[set[int]] = []

    def look(*_: object, **__: object) -> None:
        seen.append(blas_threads())
        raise DataError("seen")

    part = importlib.import_module(module)
    monkeypatch.setattr(part, inner, look)
    with pytest.raises(DataError, match="seen"):
        call(part)
    assert seen == [{1}]


OVERLAPPING = """
import threading
from concurrent.futures import ThreadPoolExecutor
import scipy.linalg
from threadpoolctl import threadpool_info
from fsl_mrs_dl.core.threads import on_one_thread

def threads():
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}

first_in, second_in, first_out = (threading.Event() for _ in range(3))

@on_one_thread
def first():
    first_in.set()
    second_in.wait(20)
    return threads()

@on_one_thread
def second():
    second_in.set()
    first_out.wait(20)

before = threads()
with ThreadPoolExecutor(2) as pool:
    early = pool.submit(first)
    first_in.wait(20)
    late = pool.submit(second)
    seen = early.result(20)
    first_out.set()
    late.result(20)
print(before, seen, threads())
"""


def test_calls_that_overlap_leave_the_process_as_it_was():
    """In a process of its own: a limit that the tests hold would keep other threads from any."""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "2", "OMP_NUM_THREADS": "2"}
    done = subprocess.run(
        [sys.executable, "-c", OVERLAPPING], env=environment, capture_output=True, text=True, check=True
    )
    before, seen, after = done.stdout.split()
    assert seen == "{1}"
    assert after == before != "{1}"


def test_underflow_is_zero_whatever_the_caller_wants():
    tiny = on_one_thread(lambda: np.exp(np.array([-1e4]))[0])
    with np.errstate(all="raise"):
        assert tiny() == 0
        with pytest.raises(FloatingPointError):
            np.exp(np.array([-1e4]))
