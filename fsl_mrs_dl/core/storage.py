# SPDX-License-Identifier: Apache-2.0
"""Recognition of storage errors (full disk, quota, read-only or failing disk), whichever library raised them."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fsl_mrs_dl.core.errors import DataError

STORAGE_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO})

_OF_RUST = re.compile(r"\(os error (\d+)\)")
"""How libraries written in Rust (safetensors) word the number that the operating system gave."""


def storage_error(exc: BaseException) -> OSError | None:
    """`exc` as an error of the operating system where it is about storage, else None.

    Parameters
    ----------
    exc : BaseException
        Any; libraries that are not written in Python wrap what the system said in an error of their own.
    """
    if isinstance(exc, OSError):
        return exc if exc.errno in STORAGE_ERRNOS else None
    told = _OF_RUST.search(str(exc))
    if told and int(told[1]) in STORAGE_ERRNOS:
        return OSError(int(told[1]), os.strerror(int(told[1])))
    return None


def cannot_write(path: Path, exc: OSError) -> DataError:
    """What the user is told when `exc` stood in the way of writing to `path`."""
    reason = os.strerror(exc.errno) if exc.errno else str(exc)
    return DataError(f"cannot write here: {reason[:1].lower()}{reason[1:]}", where=path)


@contextmanager
def writing_to(path: Path) -> Iterator[None]:
    """Say of a storage error in the block that `path` cannot be written.

    Raises
    ------
    DataError
        In place of an error of storage; other errors pass.
    """
    try:
        yield
    except Exception as exc:
        found = storage_error(exc)
        if found is None:
            raise
        raise cannot_write(path, found) from exc
