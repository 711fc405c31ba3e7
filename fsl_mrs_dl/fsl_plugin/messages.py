# SPDX-License-Identifier: Apache-2.0
"""Lines for the user of fsl_mrs and fsl_mrsi, and errors as one line and an exit code."""

from __future__ import annotations

import functools
import logging
import re
import sys
from typing import NoReturn

from fsl_mrs_dl.core.errors import FslMrsDlError

log = logging.getLogger(__name__)

ANY_PROTOCOL_VARIABLE = "FSL_MRS_DL_ANY_PROTOCOL"
"""Set to anything but 0 or nothing: what ``--any-protocol`` is to ``fsl_mrs_dl fit``."""

VENDOR_VARIABLE, DURATION_VARIABLE = "FSL_MRS_DL_VENDOR", "FSL_MRS_DL_EDIT_DURATION"
"""What ``--vendor`` and ``--edit-duration`` are to ``fsl_mrs_dl fit``."""

OPTIONS = {
    "--model NAME|DIR": "--algo dl:NAME",
    "--model NAME": "--algo dl:NAME",
    "--model": "--algo dl:NAME",
    "--any-protocol": f"{ANY_PROTOCOL_VARIABLE}=1",
}
"""Options of ``fsl_mrs_dl fit`` that messages name, and what fsl_mrs has for them."""


def in_words_of_fsl(text: str) -> str:
    """A message of the package with the options that FSL-MRS's programs have."""
    pattern = "|".join(re.escape(option) for option in OPTIONS)
    return re.sub(rf"(?:{pattern})(?![\w-])", lambda found: OPTIONS[found.group()], text)


def tell(message: str) -> None:
    """A line for the user."""
    sys.stderr.write(f"fsl_mrs_dl: {in_words_of_fsl(message)}\n")


@functools.cache
def tell_once(message: str) -> None:
    """`tell`, once in each process: fsl_mrsi fits thousands of voxels."""
    tell(message)


def internal(error: Exception) -> FslMrsDlError:
    """An error that should not be, as one line; with its traceback for who listens to the log."""
    log.debug("internal error", exc_info=error)
    return FslMrsDlError(
        f"internal error, {type(error).__name__}: {error}",
        hint="Report it, please; fsl_mrs_dl doctor tells the versions",
    )


def leave(error: FslMrsDlError, host: str) -> NoReturn:
    """End the program with one line.

    Raises
    ------
    SystemExit
        With the exit code of the error.
    """
    sys.stderr.write(f"{host} --algo dl: error: {in_words_of_fsl(str(error))}\n")
    raise SystemExit(error.exit_code) from None
