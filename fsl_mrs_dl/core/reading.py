# SPDX-License-Identifier: Apache-2.0
"""Reading text, JSON and TOML written by people, also with the byte order mark of editors and Excel."""

from __future__ import annotations

import codecs
import json
import os
import sys
from pathlib import Path
from typing import Any

from fsl_mrs_dl.core.errors import DataError, FslMrsDlError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
"""What a file may begin with: how the rest of it is encoded."""


def decode(content: bytes) -> str:
    r"""Text of UTF-8, or of what its byte order mark says, without the mark and with ``\n`` line ends.

    Raises
    ------
    UnicodeDecodeError
        When it is neither.
    """
    encoding = next((name for mark, name in _MARKS.items() if content.startswith(mark)), "utf-8")
    return content.decode(encoding).replace("\r\n", "\n").replace("\r", "\n")


def read_text(path: str | os.PathLike, what: str) -> str:
    """Read a text file that somebody wrote by hand or with another program.

    Parameters
    ----------
    path : path-like
    what : str
        What it should be, for the message: ``"sidecar"``.

    Returns
    -------
    str
        As `decode` gives it.

    Raises
    ------
    DataError
        Where it cannot be read, or is not text.
    """
    return _decoded(_content(path, what, DataError), path, what, DataError)


def _content(path: str | os.PathLike, what: str, error: type[FslMrsDlError]) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as reason:
        raise error(f"the {what} cannot be read", where=path, got=reason.strerror) from reason


def _decoded(content: bytes, path: str | os.PathLike, what: str, error: type[FslMrsDlError]) -> str:
    try:
        return decode(content)
    except UnicodeDecodeError as reason:
        raise error(
            f"the {what} is not text",
            where=path,
            expected="UTF-8",
            got=f"byte {reason.object[reason.start]:#04x} at {reason.start}",
            hint="Save it as UTF-8",
        ) from reason


def _standard_text(path: str | os.PathLike, what: str, error: type[FslMrsDlError], language: str) -> str:
    """Text that the standard of its language wants as UTF-8, as RFC 8259 does of JSON: others would not read it."""
    content = _content(path, what, error)
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise error(
            f"the {what} is UTF-16 text",
            where=path,
            expected=f"UTF-8, as {language} has to be",
            hint="Save it as UTF-8 (PowerShell: Out-File -Encoding utf8)",
        )
    return _decoded(content, path, what, error)


def read_json(path: str | os.PathLike, what: str, error: type[FslMrsDlError] = DataError) -> Any:
    """Read a JSON file; parameters and errors as `read_text`, and UTF-8 only."""
    text = _standard_text(path, what, error, "JSON")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as reason:
        got = reason if text.strip() else "an empty file"
        raise error(f"the {what} is not JSON", where=path, got=got) from reason


def read_json_object(
    path: str | os.PathLike, what: str, error: type[FslMrsDlError] = DataError, *, expected: str = "{...}"
) -> dict[str, Any]:
    """Read a JSON file that holds an object, such as `expected`; parameters and errors as `read_text`."""
    content = read_json(path, what, error)
    if not isinstance(content, dict):
        raise error(f"the {what} is not a JSON object", where=path, expected=expected, got=type(content).__name__)
    return content


def read_toml(path: str | os.PathLike, what: str, error: type[FslMrsDlError] = DataError) -> dict[str, Any]:
    """Read a TOML file; parameters and errors as `read_text`."""
    text = _standard_text(path, what, error, "TOML")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as reason:
        raise error(f"the {what} is not TOML", where=path, got=reason) from reason
