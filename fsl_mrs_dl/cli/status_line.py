# SPDX-License-Identifier: Apache-2.0
"""A progress line at the bottom of a terminal; nothing if the output is not a terminal."""

from __future__ import annotations

import sys
from typing import TextIO

from fsl_mrs_dl.core.progress import Pace

_ERASE = "\r\x1b[K"


class StatusLine:
    """The last line of a terminal, written over again and again.

    Parameters
    ----------
    total : int
        Parts of the task.
    stream : text stream or None
        Where it is written if that is a terminal; None for standard error.
    """

    def __init__(self, total: int, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._pace = Pace(total)
        self._total = total
        self._on = self._stream.isatty() and total > 1

    def show(self, done: int) -> None:
        """Say that `done` parts are done."""
        if self._on and done < self._total:
            self._write(f"{_ERASE}{done} of {self._total}" + (f", {self._pace.after(done)}" if done else ""))

    def clear(self) -> None:
        """Make room for a line of output."""
        if self._on:
            self._write(_ERASE)

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
