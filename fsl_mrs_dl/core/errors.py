# SPDX-License-Identifier: Apache-2.0
"""The errors a user meets: each is one line that says what, where, expected, got and what to do next."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


class FslMrsDlError(Exception):
    """Base of every error that is reported as one line, without a traceback.

    Parameters
    ----------
    what : str
        What went wrong.
    where : str or path-like, optional
        The file, folder, option or header key concerned.
    expected, got : optional
        What was expected there and what was found.
    hint : str, optional
        The next step for the user.
    """

    exit_code = 1

    def __init__(
        self, what: str, *, where: object = None, expected: object = None, got: object = None, hint: str | None = None
    ) -> None:
        self.what, self.where, self.expected, self.got, self.hint = what, where, expected, got, hint
        parts = [f"{where}: {what}" if where is not None else what]
        if expected is not None:
            parts.append(f"expected {expected}")
        if got is not None:
            parts.append(f"got {got}")
        line = "; ".join(parts)
        if hint:
            line += f". {hint}"
        super().__init__(" ".join(line.split()))


class DataError(FslMrsDlError):
    """The input data cannot be used (exit code 1)."""


class ConfigError(FslMrsDlError):
    """A configuration, sequence or argument is wrong (exit code 2)."""

    exit_code = 2


class ModelError(FslMrsDlError):
    """A model folder is incomplete, altered or does not suit the data (exit code 1)."""


class MissingExtraError(FslMrsDlError):
    """An optional part is not installed (exit code 1)."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(
            f"the package '{package}' is needed for this and is not installed",
            hint=f"Install it with: pip install 'fsl_mrs_dl[{extra}]'",
        )


@contextmanager
def located(where: object) -> Iterator[None]:
    """Say where, in errors of computations that know no files."""
    try:
        yield
    except FslMrsDlError as error:
        if error.where is not None:
            raise
        raise type(error)(error.what, where=where, expected=error.expected, got=error.got, hint=error.hint) from error


def nearest(name: str, known: Iterable[str]) -> str:
    """Return `` (did you mean 'x'?)`` for the member of `known` closest to `name`, or an empty string."""
    names = {entry.lower(): entry for entry in known}
    match = difflib.get_close_matches(str(name).lower(), list(names), n=1, cutoff=0.5)
    return f" (did you mean '{names[match[0]]}'?)" if match else ""
