# SPDX-License-Identifier: Apache-2.0
"""Writers of LCModel-style result files (.table, .csv, .coord, .print), for the tools that read those.

The layout follows what LCModel 6.3 writes (Provencher 1993, Magn Reson Med 30:672, doi 10.1002/mrm.1910300604), column
by column, with the choices that every known reader accepts: a background block always, one title line, curves with the
background added, ppm descending, ten values a line. The content is not LCModel's: the first line names this program,
and the %SD column is the standard deviation of the estimate, not a Cramer-Rao bound; the title and the
input section say so.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl import __version__
from fsl_mrs_dl.core.errors import DataError

MAX_ROWS = 98
"""Rows that the two-digit counter of the .coord file (rows + header) can announce."""

MAX_POINTS = 9999
"""Points on the ppm axis that the four-digit counter of the .coord file can announce."""

MAX_CSV_METABOLITES = 84
"""Metabolites on a line of the .csv file."""

PERCENT_SD_CAP = 999

SNR_CAP = 999
"""With four digits the number touches its ``=``, and readers that split at blanks (suspect) lose it."""

SD_NOTE = "%SD = SD of the network, not a CRLB"
_ROW_WIDTH = 75
_INPUT_WIDTH = 74
_BANNER_WIDTH, _SET_WIDTH = 121, 123
_TITLE_WIDTH = 120


@dataclass(frozen=True)
class Row:
    """One line of the concentration table.

    Parameters
    ----------
    name : str
        Metabolite (cut at 6 characters), or a sum with its parts joined by ``+`` (up to 52).
    value : float
        Concentration, in whatever unit the caller has. Not finite: written as 0 with 999 %.
    percent_sd : float
        Relative standard deviation in per cent, written as an integer capped at 999.
    ratio : float or None
        Value over the reference; None is written as 0.
    """

    name: str
    value: float
    percent_sd: float
    ratio: float | None = None


@dataclass(frozen=True)
class Misc:
    """The miscellaneous section: line width (ppm), S/N, shift of the data (ppm), phases (deg, deg/ppm)."""

    fwhm_ppm: float = 0.0
    snr: float = 0.0
    shift_ppm: float = 0.0
    phase0_deg: float = 0.0
    phase1_deg_per_ppm: float = 0.0


@dataclass(frozen=True)
class Curves:
    """Real spectra on one ppm axis (any order), shape ``(n,)`` each; `components` are without the background."""

    ppm: NDArray
    data: NDArray
    fit: NDArray
    background: NDArray
    components: Mapping[str, NDArray] = field(default_factory=dict)


@dataclass(frozen=True)
class Diagnostic:
    """One message of the diagnostics section: a level, a source of at most 6 characters and a number.

    Messages that are alike share a line, which says how many there are.
    """

    level: Literal["info", "warning", "FATAL"]
    source: str
    number: int


def write_table(
    path: Path,
    *,
    title: str,
    rows: Sequence[Row],
    reference: str,
    misc: Misc,
    diagnostics: Sequence[Diagnostic] = (),
    inputs: Sequence[str] = (),
) -> None:
    """Write a .table file: concentrations, miscellaneous values, diagnostics, input.

    Parameters
    ----------
    path : Path
    title : str
        One line about the data; the note about %SD is added.
    rows : sequence of Row
    reference : str
        Name of the reference, e.g. ``Cr+PCr``; empty where there is none (ratios are then 0).
    misc : Misc
    diagnostics : sequence of Diagnostic
    inputs : sequence of str
        Lines of the input section (``name = value``), cut at 73 characters.

    Raises
    ------
    DataError
        More than 98 rows, or two names that are the same after cutting.
    """
    table = _table_lines(path, rows, reference)
    misc_lines = _misc_lines(misc)
    diagnosis = _diagnostic_lines(diagnostics)
    changes = _input_lines(inputs)
    lines = [
        f" {_program()}",
        f" {_title(title)}",
        "",
        f"$$CONC{len(table):3d} lines in following concentration table = NCONC+1",
        *table,
        "",
        f"$$MISC{len(misc_lines):3d} lines in following misc. output table",
        *misc_lines,
        "",
        f"$$DIAG{len(diagnosis):3d} lines in following diagnostic table:",
        *(diagnosis or [""]),  # LCModel leaves an empty line where there is none
        "",
        f"$$INPU{len(changes):3d} lines in following table of input changes:",
        *changes,
    ]
    _write(path, lines)


def write_csv(path: Path, *, rows: Sequence[Row], reference: str) -> None:
    """Write a .csv file: one header line, one line for the only voxel, row 1 and column 1.

    Raises
    ------
    DataError
        More than 84 metabolites.
    """
    if len(rows) > MAX_CSV_METABOLITES:
        raise DataError("too many metabolites for a .csv file", where=path, expected="84 at most", got=len(rows))
    header = ["Row", " Col"]
    values = ["  1", "   1"]
    for entry in rows:
        name = entry.name[:13]
        header += [f" {name}", f" {name} %SD", f" {name}/{reference}"]
        conc, sd, ratio = _numbers(entry)
        values += [f" {conc}", f" {sd}", f" {ratio}"]
    _write(path, [",".join(header), ",".join(values)])


def write_coord(
    path: Path,
    *,
    title: str,
    rows: Sequence[Row],
    reference: str,
    misc: Misc,
    curves: Curves,
    diagnostics: Sequence[Diagnostic] = (),
    inputs: Sequence[str] = (),
) -> None:
    """Write a .coord file: the table and the curves of one spectrum. Parameters as in `write_table`.

    Curves of metabolites are written with the background added, for names that have a row with a value above 0.

    Raises
    ------
    DataError
        As `write_table`; also for curves of unequal length or more than 9999 points.
    """
    order = np.argsort(np.asarray(curves.ppm, dtype=float))[::-1]
    n_points = len(order)
    if n_points > MAX_POINTS:
        raise DataError("too many points for a .coord file", where=path, expected="9999 at most", got=n_points)

    def arranged(curve: NDArray, what: str) -> NDArray:
        real = np.real(np.asarray(curve))
        if real.shape != (n_points,):
            raise DataError(f"curve '{what}' has another length than the ppm axis", where=path, got=real.shape)
        return np.nan_to_num(real, nan=0.0, posinf=0.0, neginf=0.0)[order].astype(float)

    table = _table_lines(path, rows, reference)
    background = arranged(curves.background, "background")
    lines = [
        f" {_program()}",
        f" {_title(title)}",
        f" {len(table):2d} lines in following concentration table = NCONC+1",
        *table,
    ]
    misc_lines = _misc_lines(misc)
    lines += [f" {len(misc_lines):3d} lines in following misc. output table", *misc_lines]
    ppm = np.asarray(curves.ppm, dtype=float)[order]
    lines += [f" {n_points:4d} points on ppm-axis = NY", *_block(ppm, "{:13.6f}")]
    lines += [" NY phased data points follow", *_block(arranged(curves.data, "data"), "{:13.5E}")]
    lines += [" NY points of the fit to the data follow", *_block(arranged(curves.fit, "fit"), "{:13.5E}")]
    lines += [" NY background values follow", *_block(background, "{:13.3E}")]
    for row in rows:
        if row.name in curves.components and math.isfinite(row.value) and row.value > 0:
            lines.append(f" {row.name[:6]:<6s}   Conc. ={row.value:9.2E}")
            lines += _block(arranged(curves.components[row.name], row.name) + background, "{:13.5E}")
    diagnosis = _diagnostic_lines(diagnostics)
    lines += [f" {len(diagnosis):3d} lines in following diagnostic table:", *(diagnosis or [""])]
    changes = _input_lines(inputs)
    lines += [f" {len(changes):3d} lines in following table of input changes:", *changes]
    _write(path, lines)


def write_print(
    path: Path,
    *,
    title: str,
    rows: Sequence[Row],
    reference: str,
    misc: Misc,
    diagnostics: Sequence[Diagnostic] = (),
    inputs: Sequence[str] = (),
    quantities: Mapping[str, str] | None = None,
    history: Sequence[str] = (),
) -> None:
    """Write a .print file: the summary of a run, with LCModel's headings and layout where the content is the same.

    LCModel's sections about its own algorithm (namelist, bases, iterations, starting values, correlations, shift and
    broadening of each metabolite) are left out, for there is nothing of the kind. `quantities` (name: value) stands
    where it prints other quantities, and `history` are lines about the steps taken. Other parameters as in
    `write_table`.
    """
    table = _table_lines(path, rows, reference)
    banner, data_set = f" {_program()}".ljust(_BANNER_WIDTH), f" {_title(title)}".ljust(_SET_WIDTH)
    gap = [""] * 3
    lines = [
        *gap,
        f"          {_program()}".ljust(_BANNER_WIDTH + 9),
        "",
        data_set,
        *gap,
        f"{'':10s}Input changes to Control Variables",
        *(f" {line}" for line in _input_lines(inputs)),
        *gap,
        f"{'':11s}Other quantities",
        *(f" {key} = {_clean(str(text))}" for key, text in (quantities or {}).items()),
        "",
        f" Data set ID = {_clean(title)[:20]:<20s}",
        *gap,
    ]
    if history:
        lines += [f"{'':11s}Processing", *(f" {_clean(text)}" for text in history), *gap]
    lines += [banner, data_set, "", *table, *gap, *_misc_lines(misc), *gap, ""]
    lines += [" Summary of diagnostics", *_diagnostic_lines(diagnostics), ""]
    _write(path, lines)


def format_row(row: Row) -> str:
    """One row of the table, 75 characters: concentration in 2-9, %SD in 10-14, ratio in 15-22, name from 24."""
    conc, sd, ratio = _numbers(row)
    width = 52 if "+" in row.name.strip("+") else 6
    return f" {conc}{sd}%{ratio} {_clean(row.name)[:width]}".ljust(_ROW_WIDTH)


def format_header(reference: str) -> str:
    """The header row of the table, 75 characters; the name of the reference is cut at 6."""
    relative = f" /{reference[:6]:<6s}" if len(reference) > 4 else f"   /{reference:<4s}"
    return f"    Conc.  %SD{relative}  Metabolite".ljust(_ROW_WIDTH)


def _numbers(row: Row) -> tuple[str, str, str]:
    """Concentration (8 characters), %SD (4) and ratio (8) of a row; what is not finite becomes 0 with 999 %."""
    usable = math.isfinite(row.value) and row.value > 0
    value = row.value if usable else 0.0
    ratio = row.ratio if usable and row.ratio is not None and math.isfinite(row.ratio) else 0.0
    percent = row.percent_sd if usable and math.isfinite(row.percent_sd) else PERCENT_SD_CAP
    percent = min(PERCENT_SD_CAP, max(0, round(percent)))
    return _eight(value, 2), f"{percent:4d}", _eight(ratio, 1)


def _eight(value: float, decimals: int) -> str:
    """A number in 8 characters: fixed with 3 decimals, or with an exponent outside .0995 to 999.999."""
    if abs(value) < 1e-99:
        return f"{0.0:8.3f}"
    if 0.0995 <= value <= 999.999:
        return f"{value:8.3f}"
    return f"{min(value, 9.9e99):8.{decimals}E}"


def _table_lines(path: Path, rows: Sequence[Row], reference: str) -> list[str]:
    if len(rows) > MAX_ROWS:
        expected = f"{MAX_ROWS} at most"
        raise DataError("too many rows for an LCModel table", where=path, expected=expected, got=len(rows))
    lines = [format_row(row) for row in rows]
    names = [line[23:].rstrip() for line in lines]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"two metabolites have the same name in LCModel's 6 characters: {', '.join(twice)}", where=path)
    return [format_header(reference), *lines]


def _misc_lines(misc: Misc) -> list[str]:
    def bounded(value: float, low: float, high: float) -> float:
        return min(high, max(low, value)) if math.isfinite(value) else 0.0

    # -120 deg would touch its colon, 240 deg is the same and does not
    phase_deg = (round(bounded(misc.phase0_deg, -1e6, 1e6)) + 99) % 360 - 99
    lines = [
        f"  FWHM ={bounded(misc.fwhm_ppm, 0, 9.999):6.3f} ppm    S/N ={round(bounded(misc.snr, 0, SNR_CAP)):4d}",
        f"  Data shift ={bounded(misc.shift_ppm, -9.999, 9.999) + 0.0:6.3f} ppm",
        f"  Ph:{phase_deg:4d} deg{bounded(misc.phase1_deg_per_ppm, -9999, 9999) + 0.0:10.1f} deg/ppm",
    ]
    return [line.ljust(_ROW_WIDTH) for line in lines]


def _diagnostic_lines(diagnostics: Sequence[Diagnostic]) -> list[str]:
    counts = Counter((d.level, d.source[:6], d.number) for d in diagnostics)
    plural = {"info": "info's", "warning": "warnings"}
    return [
        f"{n:4d} {level if n == 1 else plural.get(level, level):<9s} {source:<6s}{number:3d}".ljust(_INPUT_WIDTH)
        for (level, source, number), n in counts.items()
    ]


def _input_lines(inputs: Sequence[str]) -> list[str]:
    note = "percent_sd = 'standard deviation predicted by the network, not a CRLB'"
    return [f" {_clean(text)[: _INPUT_WIDTH - 1]}".ljust(_INPUT_WIDTH) for text in (note, *inputs)][:999]


def _block(values: NDArray, number: str) -> list[str]:
    """Values, ten to a line of 1X,10(13 characters)."""
    # 1E-100 and smaller need a third digit in the exponent, which would join two columns
    clipped = np.where(np.abs(values) < 1e-99, 0.0, np.clip(values, -9e99, 9e99))
    texts = [number.format(v) for v in clipped]
    return [" " + "".join(texts[i : i + 10]) for i in range(0, len(texts), 10)]


def _program() -> str:
    return f"fsl_mrs_dl (Version {__version__})  Deep-learning estimates"


def _title(title: str) -> str:
    return f"{_clean(title)[: _TITLE_WIDTH - len(SD_NOTE) - 4]}  [{SD_NOTE}]"


def _clean(text: str) -> str:
    """One printable ASCII line; ``$`` starts a section for readers and is left out."""
    flat = " ".join(text.split()).replace("$", "")
    return flat.encode("ascii", "replace").decode()


def _write(path: Path, lines: Sequence[str]) -> None:
    from fsl_mrs_dl.core.files import write_text

    write_text(Path(path), "\n".join(lines) + "\n")
