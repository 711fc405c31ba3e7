# SPDX-License-Identifier: Apache-2.0
"""Linear algebra on one thread, also within other programs' processes, and whatever those want of small numbers."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

import numpy as np
from threadpoolctl import threadpool_limits

_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")


_held = threading.Lock()
"""Held by the one that limits the BLAS. Of two that overlap in two threads, the second would find one thread, and leave
the process with that."""


@contextmanager
def _one_thread() -> Iterator[None]:
    if not _held.acquire(blocking=False):
        yield
        return
    try:
        with threadpool_limits(limits=1, user_api="blas"):
            yield
    finally:
        _held.release()


def on_one_thread(function: Callable[_Given, _Result]) -> Callable[_Given, _Result]:
    """Let the BLAS use one thread while `function` runs, and as many as before afterwards.

    The matrices of one scan are small: more threads wait for each other longer than they work, and round otherwise than
    one does, so that a notebook would not show the digits of the command line. The libraries that are loaded when
    `function` begins are limited, for all threads of the process; where calls overlap, as long as the first one runs.

    Numbers too small to be told from zero are zero meanwhile, also where the caller has NumPy raise errors for them.
    """

    @functools.wraps(function)
    def limited(*args: _Given.args, **kwargs: _Given.kwargs) -> _Result:
        with _one_thread(), np.errstate(divide="warn", over="warn", under="ignore", invalid="warn"):
            return function(*args, **kwargs)

    return limited
