# SPDX-License-Identifier: Apache-2.0
"""Which FSL-MRS program is calling, and with which model."""

from __future__ import annotations

import os
import sys
from typing import Any

HOSTS = ("fsl_mrs", "fsl_mrsi")

MARK = "_fsl_mrs_dl"
"""Attribute of a wrapped function of FSL-MRS."""


def model_asked_for(method: object) -> str | None:
    """``""`` for the method ``dl``, the name for ``dl:NAME``, None for every other method."""
    if not isinstance(method, str):
        return None
    head, _, name = method.partition(":")
    return name if head.lower() == "dl" else None


def host_and_options() -> tuple[str, Any]:
    """``fsl_mrs`` or ``fsl_mrsi`` and its parsed arguments, where one of them is among the callers; else ``""``."""
    frame = sys._getframe(1)
    while frame is not None:
        host = os.path.splitext(os.path.basename(frame.f_code.co_filename))[0]
        options = frame.f_locals.get("args") if host in HOSTS else None
        if hasattr(options, "algo") and hasattr(options, "data"):
            return host, options
        frame = frame.f_back  # type: ignore[assignment]
    return "", None
