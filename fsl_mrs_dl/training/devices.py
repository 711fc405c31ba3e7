# SPDX-License-Identifier: Apache-2.0
"""Choice of the training device."""

from __future__ import annotations

import os

from fsl_mrs_dl.core.errors import ConfigError, nearest

DEVICES = ("auto", "cpu", "cuda")


def chosen_device(wanted: str = "auto") -> str:
    """The device that is meant: a GPU where ``auto`` finds one.

    Parameters
    ----------
    wanted : str
        One of `DEVICES`.

    Returns
    -------
    str
        ``cpu`` or ``cuda``.

    Raises
    ------
    ConfigError
        For an unknown device, and for ``cuda`` where torch sees no GPU.
    """
    import torch

    if wanted not in DEVICES:
        raise ConfigError(f"unknown device '{wanted}'{nearest(wanted, DEVICES)}", expected=", ".join(DEVICES))
    there = torch.cuda.is_available()
    if wanted == "cuda" and not there:
        raise ConfigError(
            "torch sees no GPU",
            where="--device cuda",
            got=f"torch {torch.__version__}",
            hint="Use --device cpu, or install a build of torch for the machine's driver",
        )
    return "cuda" if there and wanted != "cpu" else "cpu"


def free_cores() -> int:
    """Processes that may draw spectra beside the one that trains."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, usable - 2)
