# SPDX-License-Identifier: Apache-2.0
"""Locks: only one run at a time may resume in a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fsl_mrs_dl.core.errors import ConfigError, DataError

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]


@contextmanager
def alone_in(folder: Path, what: str) -> Iterator[None]:
    """Hold an existing folder for as long as a run writes into it; nothing is left there, however the run ends.

    Two runs would take each other's checkpoints for their own. The lock holds among processes of one machine: file
    systems that clusters share have none for folders, and let both pass.

    Parameters
    ----------
    folder : Path
    what : str
        What runs, for the error: ``training``.

    Raises
    ------
    ConfigError
        When another run holds the folder.
    DataError
        When the folder cannot be read.
    """
    if fcntl is None:
        yield
        return
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError as exc:
        raise DataError("the folder cannot be read", where=folder, got=exc.strerror) from None
    try:
        _lock(handle, folder, what)
        yield
    finally:
        # processes that were forked from this one have the handle too
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_UN)
        os.close(handle)


def _lock(handle: int, folder: Path, what: str) -> None:
    with suppress(OSError):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(
                f"another {what} runs in this folder",
                where=folder,
                hint="Wait for it or end it; the same command then goes on from what it left",
            ) from None
