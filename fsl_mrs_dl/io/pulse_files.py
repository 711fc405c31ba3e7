# SPDX-License-Identifier: Apache-2.0
"""Pulse waveforms from files: Siemens ``.pta``, Varian and Agilent ``.RF``, Bruker shapes, plain tables.

Files hold shapes: amplitudes relative to each other, and phases. How long the pulse is and how strong, the protocol
tells. A plain table written here holds both, and gives the same pulse back.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.core.errors import DataError
from fsl_mrs_dl.core.files import write_text
from fsl_mrs_dl.physics.pulses import ShapedPulse, step_spinors

_MAX_STEPS = 100_000
_MAX_BYTES = 32 * 2**20
_HEADER = re.compile(r"#\s*(duration_s|amplitude_unit|name):\s*(.*)")


@dataclass(frozen=True)
class _Shape:
    """What a file holds: complex shape, and what else it says."""

    shape: NDArray
    duration_s: float | None = None
    in_hz: bool = False
    name: str = ""


def read_pulse(
    path: Path,
    *,
    duration_s: float | None = None,
    flip_deg: float = 180.0,
    b1_max_hz: float | None = None,
    conjugate: bool = False,
) -> ShapedPulse:
    """Read a pulse; the format is recognised by its content.

    Parameters
    ----------
    path : Path
        Siemens ``.pta`` (amplitude, phase in rad), Varian ``.RF`` (phase in degrees, amplitude, length), Bruker shape
        (amplitude, phase in degrees), or a table of amplitude, phase in degrees and relative length of each step,
        of which the last two may be missing.
    duration_s : float, optional
        Duration in s; needed unless the file has it (our own tables do).
    flip_deg : float
        Rotation on resonance that the pulse is scaled to. For pulses whose phase is modulated, the rotation from z.
    b1_max_hz : float, optional
        Nutation frequency at the peak, gamma B1 / 2 pi; in place of `flip_deg`.
    conjugate : bool
        Turn the sense of the phase. Here a rising phase moves a pulse to a higher chemical shift; scanners differ, so
        that a pulse off its centre or with a sweep may need it.

    Raises
    ------
    DataError
        When the file is not a pulse, is damaged, or its duration is not known.
    """
    content = _parse(_text(path), path)
    shape = content.shape.conj() if conjugate else content.shape
    known_s = content.duration_s
    if duration_s is not None and known_s is not None and abs(duration_s - known_s) > 1e-9:
        raise DataError(
            "the pulse has another duration", where=path, expected=f"{duration_s:g} s", got=f"{known_s:g} s"
        )
    duration_s = duration_s if duration_s is not None else known_s
    if duration_s is None:
        raise DataError("the file does not say how long the pulse is", where=path, hint="Give its duration in s")
    if not 1e-6 <= duration_s <= 1.0:
        raise DataError("the duration of the pulse is out of range", where=path, expected="1e-6 to 1 s", got=duration_s)
    name = content.name or path.stem
    if content.in_hz and b1_max_hz is None:
        return ShapedPulse(shape, duration_s, name)
    shape = shape / np.abs(shape).max()
    if b1_max_hz is None:
        b1_max_hz = _peak_for_flip(shape, duration_s, flip_deg, path)
    return ShapedPulse(shape * b1_max_hz, duration_s, name)


def write_pulse(path: Path, pulse: ShapedPulse) -> None:
    """Write a table of nutation frequency (Hz) and phase (degrees), from which `read_pulse` restores the pulse."""
    lines = [
        f"# name: {' '.join(pulse.name.split())}",
        f"# duration_s: {float(pulse.duration_s)!r}",
        "# amplitude_unit: Hz",
        "# amplitude phase_deg",
    ]
    for value in pulse.w1_hz:
        lines.append(f"{float(np.abs(value))!r} {float(np.rad2deg(np.angle(value)))!r}")
    write_text(path, "\n".join(lines) + "\n")


def _text(path: Path) -> str:
    try:
        if path.is_dir():
            raise DataError("is a folder", where=path, expected="a pulse file")
        if path.stat().st_size > _MAX_BYTES:
            raise DataError("too large for a pulse", where=path, expected=f"< {_MAX_BYTES // 2**20} MB")
        raw = path.read_bytes().removeprefix(codecs.BOM_UTF8)
    except OSError as error:
        raise DataError("the pulse cannot be read", where=path, got=error.strerror) from error
    if b"\0" in raw:
        raise DataError("not a pulse file", where=path, expected="text", got="a binary file")
    if not raw.strip():
        raise DataError("the pulse file is empty", where=path)
    return raw.decode("latin-1")


def _parse(text: str, path: Path) -> _Shape:
    if re.search(r"^##\s*XYPOINTS|^##\s*XYDATA", text, re.MULTILINE | re.IGNORECASE):
        return _bruker(text, path)
    if re.search(r"^\s*(PULSENAME|AMPINT|REFGRAD)\s*:", text, re.MULTILINE | re.IGNORECASE):
        return _siemens(text, path)
    if path.suffix.upper() == ".RF":
        return _varian(text, path)
    return _table(text, path)


def _siemens(text: str, path: Path) -> _Shape:
    rows, name = [], ""
    for number, line in enumerate(text.splitlines(), start=1):
        key, colon, value = line.partition(":")
        if colon and not key.strip()[:1].isdigit():
            name = value.split(";")[0].strip() if key.strip().upper() == "PULSENAME" else name
            continue
        line = line.split(";")[0].strip()
        if line:
            rows.append(_row(line, (2,), number, path))
    values = _stack(rows, path)
    return _Shape(_complex(values[:, 0], np.rad2deg(values[:, 1]), path), name=name)


def _varian(text: str, path: Path) -> _Shape:
    rows = _rows(text, (2, 3, 4), path)
    values = _stack([row[:3] if len(row) > 2 else [*row, 1.0] for row in rows], path)
    return _Shape(_repeat(_complex(values[:, 1], values[:, 0], path), values[:, 2], path))


def _bruker(text: str, path: Path) -> _Shape:
    title = re.search(r"^##\s*TITLE\s*=\s*(.*)$", text, re.MULTILINE | re.IGNORECASE)
    declared = re.search(r"^##\s*NPOINTS\s*=\s*(\d+)", text, re.MULTILINE | re.IGNORECASE)
    start = re.search(r"^##\s*(XYPOINTS|XYDATA)[^\n]*\n", text, re.MULTILINE | re.IGNORECASE)
    if start is None:
        raise DataError("the pulse file has no points", where=path, expected="rows after ##XYPOINTS")
    rows = []
    first = text[: start.end()].count("\n") + 1
    for number, line in enumerate(text[start.end() :].splitlines(), start=first):
        if line.startswith("##"):
            break
        line = line.split("$$")[0].strip()
        if line:
            rows.append(_row(line, (2,), number, path))
    values = _stack(rows, path)
    if declared is not None and int(declared.group(1)) != len(values):
        raise DataError(
            "the number of points is not what the header says",
            where=path,
            expected=int(declared.group(1)),
            got=len(values),
        )
    return _Shape(_complex(values[:, 0], values[:, 1], path), name=title.group(1).strip() if title else "")


def _table(text: str, path: Path) -> _Shape:
    header = {match.group(1): match.group(2).strip() for match in _HEADER.finditer(text)}
    rows = _rows(text, (1, 2, 3), path)
    if len({len(row) for row in rows}) > 1:
        raise DataError("the rows of the table differ in length", where=path)
    values = _stack(rows, path)
    phase_deg = values[:, 1] if values.shape[1] > 1 else np.zeros(len(values))
    shape = _complex(values[:, 0], phase_deg, path)
    if values.shape[1] == 3:
        shape = _repeat(shape, values[:, 2], path)
    duration_s = None
    if "duration_s" in header:
        try:
            duration_s = float(header["duration_s"])
        except ValueError as error:
            raise DataError("duration_s is not a number", where=path, got=header["duration_s"]) from error
    return _Shape(shape, duration_s, header.get("amplitude_unit", "").lower() == "hz", header.get("name", ""))


def _rows(text: str, lengths: tuple[int, ...], path: Path) -> list[list[float]]:
    rows = []
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.split("#")[0].strip()
        if line:
            rows.append(_row(line, lengths, number, path))
    return rows


def _row(line: str, lengths: tuple[int, ...], number: int, path: Path) -> list[float]:
    cells = line.replace(",", " ").replace(";", " ").split()
    try:
        values = [float(cell) for cell in cells]
    except ValueError as error:
        raise DataError(
            f"line {number} is not numbers", where=path, expected="amplitude and phase of a step", got=repr(line[:40])
        ) from error
    if len(values) not in lengths:
        expected = " or ".join(str(n) for n in lengths)
        hint = "Pulses whose gradient is modulated are not supported" if len(values) > 3 else None
        raise DataError(
            f"line {number} has the wrong length", where=path, expected=expected, got=len(values), hint=hint
        )
    return values


def _stack(rows: list[list[float]], path: Path) -> NDArray:
    if not 1 <= len(rows) <= _MAX_STEPS:
        raise DataError("wrong number of steps", where=path, expected=f"1 to {_MAX_STEPS}", got=len(rows))
    values = np.array(rows)
    if not np.isfinite(values).all():
        raise DataError("the pulse holds values that are not finite", where=path)
    return values


def _complex(amplitude: NDArray, phase_deg: NDArray, path: Path) -> NDArray:
    if not np.abs(amplitude).max() > 0:
        raise DataError("every amplitude of the pulse is zero", where=path)
    return amplitude * np.exp(1j * np.deg2rad(phase_deg))


def _repeat(shape: NDArray, lengths: NDArray, path: Path) -> NDArray:
    """Steps repeated by their relative length; a step of length 0 is left out."""
    positive = lengths[lengths > 0]
    counts = lengths / positive.min() if len(positive) else np.zeros(0)
    if len(positive) == 0 or lengths.min() < 0 or np.abs(counts - np.rint(counts)).max() > 1e-6:
        raise DataError("the lengths of the steps are not multiples of the shortest", where=path)
    if counts.sum() > _MAX_STEPS:
        raise DataError("too many steps", where=path, expected=f"<= {_MAX_STEPS}", got=int(counts.sum()))
    return np.repeat(shape, np.rint(counts).astype(int))


def _peak_for_flip(shape: NDArray, duration_s: float, flip_deg: float, path: Path) -> float:
    """Peak nutation frequency that turns the magnetisation on resonance by `flip_deg` from z."""
    if not 0 < flip_deg <= 360:
        raise DataError("the flip angle is out of range", where=path, expected="0 to 360 degrees", got=flip_deg)
    turned = shape * np.exp(-1j * np.angle(shape[np.argmax(np.abs(shape))]))
    if np.abs(turned.imag).max() < 1e-6:
        mean = turned.real.mean()
        if abs(mean) < 0.02 * np.abs(shape).mean():
            raise DataError(
                "the pulse does nothing on resonance, so its flip angle there does not tell its strength",
                where=path,
                hint="Give its peak nutation frequency in Hz instead",
            )
        return float(flip_deg / 360 / abs(mean) / duration_s)
    # modulated phase: the smallest field that reaches the angle, or, of an adiabatic sweep, comes near enough
    peaks = np.linspace(0.05, 60, 2400) / duration_s
    wanted = np.deg2rad(min(flip_deg, 360 - flip_deg))
    angle = _rotation(shape, duration_s, peaks)
    reached = np.flatnonzero(angle >= wanted - np.deg2rad(2.0))
    if len(reached) == 0:
        raise DataError(
            "the pulse does not reach its flip angle on resonance",
            where=path,
            expected=f"{flip_deg:g} degrees",
            got=f"{np.rad2deg(angle.max()):.1f} degrees",
            hint="Give its peak nutation frequency in Hz instead",
        )
    return _refined(shape, duration_s, wanted, peaks, angle, int(reached[0]))


def _rotation(shape: NDArray, duration_s: float, peaks: NDArray) -> NDArray:
    """Angle from z on resonance for each peak nutation frequency, rad; shape of `peaks`."""
    alpha, beta = step_spinors(shape[:, None] * peaks, np.zeros((1, 1)), duration_s / len(shape))
    a, b = alpha[0], beta[0]
    for step_a, step_b in zip(alpha[1:], beta[1:], strict=True):
        a, b = step_a * a - np.conj(step_b) * b, step_b * a + np.conj(step_a) * b
    return np.arccos(np.clip(np.abs(a) ** 2 - np.abs(b) ** 2, -1, 1))


def _refined(shape: NDArray, duration_s: float, wanted: float, peaks: NDArray, angle: NDArray, index: int) -> float:
    """The crossing of `wanted` after `index`, or the nearest approach where there is none."""
    from scipy.optimize import brentq, minimize_scalar

    def miss(peak: float) -> float:
        return float(_rotation(shape, duration_s, np.array([peak]))[0] - wanted)

    beyond = np.flatnonzero(angle[index:] >= wanted)
    stop = index + int(beyond[0]) if len(beyond) else index
    if stop > 0 and angle[stop] >= wanted > angle[stop - 1] and stop - index < 40:
        return float(brentq(miss, peaks[stop - 1], peaks[stop], xtol=1e-9))
    low, high = peaks[max(index - 1, 0)], peaks[min(index + 40, len(peaks) - 1)]
    return float(minimize_scalar(lambda peak: abs(miss(peak)), bounds=(low, high), method="bounded").x)
