# SPDX-License-Identifier: Apache-2.0
"""Figures that look the same everywhere: an Agg canvas and matplotlib's defaults, without the user's settings.

Neither MPLBACKEND (that of Jupyter names a module that may not be installed here) nor a ``matplotlibrc`` (TeX, another
format, huge letters) reaches them, and nothing of matplotlib's state in the process is changed.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from fsl_mrs_dl.core.files import atomic_path

_PNG_LEVEL = 1
"""Of zlib, for pictures."""


@contextmanager
def plain_style() -> Iterator[None]:
    """Matplotlib's own defaults within the block; also a decorator, ``@plain_style()``, of functions that draw."""
    matplotlib = _import_matplotlib()
    defaults = {key: value for key, value in dict.items(matplotlib.rcParamsDefault) if key != "backend"}
    with matplotlib.rc_context():
        # as rcdefaults does, but that reads all of matplotlib's style sheets before
        dict.update(matplotlib.rcParams, defaults)
        matplotlib.rcParams["text.parse_math"] = False  # names of files and models may have dollar signs
        yield


def new_figure(**settings: Any) -> Any:
    """An empty figure on an Agg canvas.

    Parameters
    ----------
    **settings
        As `matplotlib.figure.Figure` takes them.

    Returns
    -------
    matplotlib.figure.Figure
        Draw into it within `plain_style`, which settles each text and line as it is made.
    """
    _import_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(**settings)
    FigureCanvasAgg(figure)
    return figure


@plain_style()
def save_figure(path: Path, figure: Any, *, dpi: float, **settings: Any) -> None:
    """Write a figure whole or not at all, in the format that the ending of `path` names (PNG without one).

    Parameters
    ----------
    path : Path
    figure : matplotlib.figure.Figure
    dpi : float
        Dots per inch.
    **settings
        As `Figure.savefig` takes them.

    Raises
    ------
    DataError
        As `fsl_mrs_dl.core.files.atomic_path`.
    """
    kind = path.suffix[1:].lower() or "png"
    with atomic_path(path) as scratch, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)  # shown as a box
        if kind == "png":
            # figures are mostly of one colour: the usual level takes half as long again for a file 1/10 smaller
            settings = {"pil_kwargs": {"compress_level": _PNG_LEVEL}, **settings}
        figure.savefig(scratch, format=kind, dpi=dpi, **settings)


def printable(text: str) -> str:
    r"""Text without what no font and no encoding has: bytes of a file name that are not UTF-8, as ``\udce9``."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _import_matplotlib() -> Any:
    """Matplotlib; its first import does not fail for an MPLBACKEND that is not installed."""
    if "matplotlib" in sys.modules:
        return sys.modules["matplotlib"]
    backend = os.environ.pop("MPLBACKEND", None)
    try:
        import matplotlib
    finally:
        if backend is not None:
            os.environ["MPLBACKEND"] = backend
    if backend:  # what the import does with it: for figures of the user's own in this process
        with suppress(ValueError):
            matplotlib.rcParams["backend"] = backend
    return matplotlib
