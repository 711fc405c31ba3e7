# SPDX-License-Identifier: Apache-2.0
"""Folders in which a scan's files are made before they are moved into place, and what a killed run left of them."""

from __future__ import annotations

import os
import platform
import re
import shutil
import uuid
from pathlib import Path

_NAME = re.compile(r"\.tmp-(?P<host>.+)-(?P<pid>\d+)-[0-9a-f]{12}")


def scratch_folder(output: Path) -> Path:
    """A new name in `output` that tells machine and process; several runs may write into one output."""
    return output / f".tmp-{platform.node() or 'host'}-{os.getpid()}-{uuid.uuid4().hex[:12]}"


def remove_leftovers(output: Path) -> None:
    """Delete the scratch folders of processes of this machine that are gone."""
    for path in output.glob(".tmp-*"):
        match = _NAME.fullmatch(path.name)
        if match is None or match["host"] != (platform.node() or "host") or _is_running(int(match["pid"])):
            continue
        shutil.rmtree(path, ignore_errors=True)


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
