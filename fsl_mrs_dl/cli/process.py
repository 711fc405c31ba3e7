# SPDX-License-Identifier: Apache-2.0
"""Settings of our processes, made before heavy imports; workers and other children inherit them."""

from __future__ import annotations

import atexit
import gc
import logging
import os
import shutil
import sys
import tempfile
from pathlib import Path

from fsl_mrs_dl.core.inference import TELEMETRY_OFF


def prepare_process() -> None:
    """One thread, no telemetry, any character in the output, and nothing left in the user's home."""
    # one thread per process: labs run many subjects side by side on shared machines, and training has its own
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal that is not UTF-8, a file name that is not
            stream.reconfigure(errors="backslashreplace")
    # what is imported stays: it need not be looked through after every 700 new objects
    gc.set_threshold(50_000)
    # nor at the end, when all of it goes with the process
    atexit.register(gc.freeze)
    os.environ.update(TELEMETRY_OFF)
    os.environ["MPLBACKEND"] = "Agg"
    os.environ["MATPLOTLIBRC"] = os.devnull
    # of a home that cannot be written, of fonts and settings: nothing that the user has asked for
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    if "MPLCONFIGDIR" not in os.environ and not _has_font_list():
        _borrow_font_folder()


def _has_font_list() -> bool:
    """Whether matplotlib has been used in this home, so that its list of fonts is read and need not be written."""
    try:
        home = Path.home()
    except RuntimeError:
        return False
    cache = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "matplotlib"
    folder = home / ".matplotlib" if sys.platform == "darwin" else cache
    return os.access(folder, os.R_OK | os.W_OK) and any(folder.glob("fontlist-*.json"))


def _borrow_font_folder() -> None:
    """Let matplotlib write its list of fonts, of those that it brings along, to a folder that goes with the process."""
    try:
        folder = tempfile.mkdtemp(prefix="fsl_mrs_dl_fonts_")
    except OSError:
        return
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ.update(MPLCONFIGDIR=folder, MPL_IGNORE_SYSTEM_FONTS="1")
