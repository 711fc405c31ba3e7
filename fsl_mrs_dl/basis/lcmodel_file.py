# SPDX-License-Identifier: Apache-2.0
"""LCModel's ``.BASIS`` files.

Provencher SW (1993) Estimation of metabolite concentrations from localized in vivo proton NMR spectra, Magn Reson Med
30:672-679, doi 10.1002/mrm.1910300604. A file holds the spectra of FIDs padded to twice their length, over the root of
that length, on an axis that falls in ppm from 4.65; namelists between ``$`` signs say what they are.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl import __version__
from fsl_mrs_dl.basis.files import ConditionBasis
from fsl_mrs_dl.core.errors import DataError
from fsl_mrs_dl.core.files import atomic_path

_MAX_BYTES = 512 * 2**20
_MAX_WIDTH_PPM = 0.5
"""Of the lines of a basis: wider than any, and narrow enough to notice hertz."""

_NAMELIST = re.compile(
    r"[$&](SEQPAR|BASIS1|NMUSED|BASIS)\b((?:'[^'\n]*'|[^'])*?)(?:[$&]END\b|/(?=\s|$))", re.IGNORECASE
)
"""As old Fortran writes them ($NAME ... $END) and as new Fortran does (&NAME ... / or &END)."""

_ENTRY = re.compile(r"([A-Za-z]\w*)\s*=\s*('(?:[^']|'')*'|[^,'\s]*)")


def write_lcmodel_basis(
    path: Path, basis: ConditionBasis, *, te_s: float, sequence_name: str = "MEGA", title: str = ""
) -> None:
    """Write a basis for LCModel.

    Parameters
    ----------
    path : Path
        Usually ``NAME.BASIS``.
    basis : ConditionBasis
        One condition. LCModel needs lines of some width: 2 Hz is usual.
    te_s : float
        Echo time in s.
    sequence_name : str
        At most five characters.
    title : str
        Kept in the file, cut to 80 characters.
    """
    short = [_plain(name)[:6] for name in basis.names]
    twice = next((name for name in short if short.count(name) > 1), None)
    if twice is not None:
        raise DataError(
            f"two names are '{twice}' in LCModel's six characters",
            where=path,
            got=", ".join(n for n in basis.names if _plain(n)[:6] == twice),
            hint="Rename one",
        )
    n_points = basis.fids.shape[1]
    # LCModel's time signals are the conjugate of ours
    spectra = np.fft.fft(basis.fids.conj(), 2 * n_points, axis=1) / np.sqrt(2 * n_points)
    title = _plain(title or f"fsl_mrs_dl {__version__}")[:80]
    lines = [
        " $SEQPAR",
        f" FWHMBA = {basis.lw_hz / basis.f0_mhz:.6f},",
        f" HZPPPM = {basis.f0_mhz:.6f},",
        f" ECHOT = {te_s * 1e3:.2f},",
        f" SEQ = '{_plain(sequence_name)[:5]}' $END",
        " $BASIS1",
        f" IDBASI = '{title}',",
        " FMTBAS = '(6E13.5)',",
        f" BADELT = {basis.dwell_s:.9g},",
        f" NDATAB = {2 * n_points} $END",
    ]
    for name, spectrum in zip(basis.names, spectra, strict=True):
        lines += [
            " $NMUSED",
            f" FILERAW = '{_plain(name)}',",
            " XTRASH = 0. $END",
            " $BASIS",
            f" ID = '{_plain(name)[:20]}',",
            f" METABO = '{_plain(name)[:6]}',",
            " CONC = 1.,",
            " TRAMP = 1.,",
            " VOLUME = 1.,",
            " ISHIFT = 0 $END",
        ]
        lines += _numbers(spectrum)
    with atomic_path(path) as scratch:
        scratch.write_text("\n".join(lines) + "\n", encoding="ascii")


def read_lcmodel_basis(path: Path) -> ConditionBasis:
    """Read a ``.BASIS`` file.

    Spectra that were made from padded FIDs are cut to the FID's own length; each is scaled by TRAMP / (VOLUME CONC),
    as LCModel does, and shifted by ISHIFT points.

    Raises
    ------
    DataError
        When the file cannot be read, is encrypted, or is not such a basis.
    """
    header: dict[str, str] = {}
    names: list[str] = []
    spectra: list[NDArray] = []
    for kind, entries, body in _blocks(_text_of(path)):
        if kind in ("SEQPAR", "BASIS1"):
            header |= entries
        if kind == "BASIS":
            n_points = _whole(header, "NDATAB", path, 16, 1 << 20)
            spectra.append(_spectrum(entries, _floats(body, path, names), n_points, len(names) + 1, path))
            names.append(entries.get("METABO", entries.get("ID", "")).strip() or f"basis{len(names) + 1}")
    if not names:
        raise DataError("not an LCModel basis", where=path, expected="$SEQPAR, $BASIS1 and $BASIS namelists")
    dwell_s, f0_mhz = _number(header, "BADELT", path), _number(header, "HZPPPM", path)
    if dwell_s < 0:
        raise DataError("the basis is encrypted", where=path, hint="Ask its maker for an open one")
    if not (1e-7 < dwell_s < 0.1 and 1 < f0_mhz < 2000):
        raise DataError("BADELT or HZPPPM is out of range", where=path, got=f"{dwell_s:g} s, {f0_mhz:g} MHz")
    fids = (np.fft.ifft(np.array(spectra), axis=1) * np.sqrt(len(spectra[0]))).conj()
    half = fids.shape[1] // 2
    if np.linalg.norm(fids[:, half:]) < 1e-3 * np.linalg.norm(fids):
        fids = fids[:, :half]
    width_ppm = _number(header, "FWHMBA", path, 0.0)
    if not 0 <= width_ppm <= _MAX_WIDTH_PPM:
        expected = f"0 to {_MAX_WIDTH_PPM:g} ppm"
        raise DataError("FWHMBA is out of range", where=path, expected=expected, got=f"{width_ppm:g}")
    return ConditionBasis(tuple(names), fids, dwell_s, f0_mhz, width_ppm * f0_mhz)


def _text_of(path: Path) -> str:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise DataError("too large for a basis", where=path, expected=f"< {_MAX_BYTES // 2**20} MB")
        return path.read_bytes().removeprefix(codecs.BOM_UTF8).decode("latin-1")
    except OSError as error:
        raise DataError("the basis cannot be read", where=path, got=error.strerror) from error


def _spectrum(entries: dict[str, str], values: NDArray, n_points: int, number: int, path: Path) -> NDArray:
    """One spectrum of the file, scaled and shifted as its entries say; `number` counts from 1."""
    if len(values) != 2 * n_points:
        raise DataError(
            f"basis spectrum {number} has the wrong length",
            where=path,
            expected=f"{2 * n_points} numbers",
            got=len(values),
        )
    amplitude = _number(entries, "TRAMP", path, 1.0) / (
        _number(entries, "VOLUME", path, 1.0) * _number(entries, "CONC", path, 1.0)
    )
    spectrum = (values[0::2] + 1j * values[1::2]) * amplitude
    return np.roll(spectrum, -_whole(entries, "ISHIFT", path, -(1 << 20), 1 << 20, 0))


def _numbers(spectrum: NDArray) -> list[str]:
    """Real and imaginary parts in Fortran's (6E13.5)."""
    flat = np.stack([spectrum.real, spectrum.imag], axis=1).ravel()
    # C writes 1.23450E-01 where Fortran writes 0.12345E+00; readers take both
    cells = [f"{value:13.5E}" for value in flat]
    return ["".join(cells[i : i + 6]) for i in range(0, len(cells), 6)]


def _blocks(text: str) -> Iterator[tuple[str, dict[str, str], str]]:
    """Namelists in order: kind, entries, and the text up to the next one."""
    found = list(_NAMELIST.finditer(text))
    for index, match in enumerate(found):
        stop = found[index + 1].start() if index + 1 < len(found) else len(text)
        entries = {key.upper(): value.strip("'") for key, value in _ENTRY.findall(match.group(2)) if value}
        yield match.group(1).upper(), entries, text[match.end() : stop]


def _floats(body: str, path: Path, names: list[str]) -> NDArray:
    # numbers may touch where a minus sign fills their field, and Fortran may write D exponents, or leave out the E of
    # one of three digits; DOS ended files with Control-Z
    separated = re.sub(r"(?<=\d)-(?=\d*\.)", " -", body.replace("D", "E").replace("d", "e").replace("\x1a", " "))
    separated = re.sub(r"(?<=[\d.])([+-]\d{3})(?![\d.])", r"E\1", separated)
    try:
        values = np.array(separated.split(), dtype=float)
    except ValueError as error:
        raise DataError(f"basis spectrum {len(names) + 1} is not numbers", where=path, got=error) from error
    if not np.isfinite(values).all():
        raise DataError(f"basis spectrum {len(names) + 1} holds values that are not finite", where=path)
    return values


def _number(entries: dict[str, str], key: str, path: Path, default: float | None = None) -> float:
    value = entries.get(key)
    if value is None:
        if default is None:
            raise DataError(f"{key} is missing", where=path)
        return default
    try:
        number = float(value.upper().replace("D", "E"))
    except ValueError as error:
        raise DataError(f"{key} is not a number", where=path, got=value) from error
    if not np.isfinite(number) or (key in ("VOLUME", "CONC", "TRAMP") and number == 0):
        raise DataError(f"{key} is not usable", where=path, got=value)
    return number


def _whole(entries: dict[str, str], key: str, path: Path, low: int, high: int, default: float | None = None) -> int:
    number = _number(entries, key, path, default)
    if number != int(number) or not low <= number <= high:
        raise DataError(f"{key} is out of range", where=path, expected=f"{low} to {high}", got=number)
    return int(number)


def _plain(text: str) -> str:
    """ASCII without the characters that namelists are made of."""
    return re.sub(r"[^ -~]|[$']", "_", text)
