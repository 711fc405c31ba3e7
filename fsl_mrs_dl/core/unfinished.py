# SPDX-License-Identifier: Apache-2.0
"""Folders in which an interrupted command keeps its finished work."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from pathlib import Path
from typing import Any

from fsl_mrs_dl.core.errors import DataError
from fsl_mrs_dl.core.files import write_json
from fsl_mrs_dl.core.storage import cannot_write

log = logging.getLogger(__name__)


def unfinished_folder(output: Path) -> Path:
    """Where an interrupted command keeps what it has done towards `output`."""
    return output.with_name(output.name + ".partial")


def key_of(record: Any) -> str:
    """SHA-256 of what the work is made from, given as JSON has it."""
    return hashlib.sha256(json.dumps(record, sort_keys=True, default=str).encode()).hexdigest()


def claim(folder: Path, key: str, *, stamp: str, what: str) -> bool:
    """Make `folder` hold unfinished work of this key only.

    Parameters
    ----------
    folder : Path
        Made when missing. Work of another key is dropped.
    key : str
        Of `key_of`.
    stamp : str
        Name of the file in it that holds the key: only a folder that has one is ours.
    what : str
        What the work is called in messages: ``simulation``.

    Returns
    -------
    bool
        Whether there was such work.

    Raises
    ------
    DataError
        When something else has this name, or nothing can be written there.
    """
    if folder.exists():
        try:
            same = json.loads((folder / stamp).read_text("utf-8")).get("sha256") == key
        except (OSError, ValueError, AttributeError) as error:
            raise DataError(
                "a folder of this name is in the way",
                where=folder,
                expected=f"nothing, or an interrupted {what}",
                got=type(error).__name__,
                hint="Move it away",
            ) from error
        if same:
            return True
        log.info("%s holds another %s, which was dropped", folder, what)
        shutil.rmtree(folder)
    try:
        folder.mkdir()
    except OSError as error:
        raise cannot_write(folder, error) from error
    write_json(folder / stamp, {"sha256": key})
    return False
