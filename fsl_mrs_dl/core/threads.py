# SPDX-License-Identifier: Apache-2.0
"""Linear algebra on one thread, also within other programs' processes."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from threadpoolctl import threadpool_limits

_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")


def on_one_thread(function: Callable[_Given, _Result]) -> Callable[_Given, _Result]:
    """Let the BLAS use one thread while `function` runs, and as many as before afterwards.

    The matrices of one scan are small: more threads wait for each other longer than they work, and round otherwise than
    one does, so that a notebook would not show the digits of the command line. The libraries that are loaded when
    `function` begins are limited, for all threads of the process.
    """

    @functools.wraps(function)
    def limited(*args: _Given.args, **kwargs: _Given.kwargs) -> _Result:
        with threadpool_limits(limits=1, user_api="blas"):
            return function(*args, **kwargs)

    return limited
