# SPDX-License-Identifier: Apache-2.0
"""FSL-MRS's sequence files: JSON descriptions of pulses, gradients, delays and coherence filters.

The fields are those of the page "Sequence description parameters" of FSL-MRS's user documentation (Clarke et al. 2021,
Magn Reson Med 85:2950, doi 10.1002/mrm.28630). One file describes one condition; an edited experiment takes two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.core.constants import GAMMA_H_MHZ_PER_T
from fsl_mrs_dl.core.errors import ConfigError, nearest
from fsl_mrs_dl.physics.pulses import ShapedPulse
from fsl_mrs_dl.physics.sequences import Block, Experiment, IdealPulse

_REQUIRED = (
    "B0",
    "Rx_Points",
    "Rx_SW",
    "Rx_LW",
    "x",
    "y",
    "z",
    "resolution",
    "CoherenceFilter",
    "RF",
    "delays",
    "rephaseAreas",
)
_OPTIONAL = ("sequenceName", "description", "Nucleus", "centralShift", "Rx_Phase", "RFUnits", "GradUnits", "spaceUnits")
_FROM_A_BASIS = ("method", "metab")
"""Fields that FSL-MRS adds when it writes the sequence into a basis file; they change nothing."""

_RF_REQUIRED = ("time", "amp", "phase", "grad")
_RF_OPTIONAL = ("frequencyOffset", "phaseOffset", "ampScale")

_HZ_PER_T = GAMMA_H_MHZ_PER_T * 1e6
_RF_HZ = {"hz": 1.0, "t": _HZ_PER_T, "mt": _HZ_PER_T * 1e-3, "ut": _HZ_PER_T * 1e-6}
_GRADIENT_HZ = {"hz": 1.0, "t": _HZ_PER_T, "mt": _HZ_PER_T * 1e-3}
_METRES = {"m": 1.0, "cm": 1e-2, "mm": 1e-3}

_MAX_POSITIONS = 4096
_MAX_STEPS = 100_000


@dataclass(frozen=True)
class FslSequence:
    """A sequence file: what is played, and how its signal is sampled.

    Parameters
    ----------
    experiment : Experiment
    n_points : int
    dwell_s, lw_hz : float
        Sampling interval and Lorentzian width of the basis.
    name : str
    source : mapping
        The file as it was read, to be written into basis files.
    """

    experiment: Experiment
    n_points: int
    dwell_s: float
    lw_hz: float
    name: str
    source: Mapping[str, Any]


def is_fsl_sequence(values: Mapping[str, Any]) -> bool:
    """Whether a mapping is a sequence of FSL-MRS's kind rather than one of `MegaPress`'s fields."""
    return "RF" in values or "CoherenceFilter" in values


def parse_fsl_sequence(values: Any, where: str) -> FslSequence:
    """A sequence from the content of its file.

    Raises
    ------
    ConfigError
        When a field is unknown, missing, or of the wrong size, unit or kind.
    """
    if not isinstance(values, Mapping):
        raise ConfigError("a sequence is a JSON object", where=where, got=type(values).__name__)
    values = _known(values, (*_REQUIRED, *_OPTIONAL, *_FROM_A_BASIS), _REQUIRED, where)
    if values.get("Nucleus", "1H") != "1H":
        raise ConfigError("only protons are simulated", where=where, expected="Nucleus 1H", got=values["Nucleus"])
    experiment = Experiment(
        _blocks(values, where),
        GAMMA_H_MHZ_PER_T * _number(values, "B0", where, 0.01, 30.0),
        _number(values, "centralShift", where, -100.0, 100.0, 0.0),
        _positions(values, _unit(values, "spaceUnits", "m", _METRES, where), where),
        # FSL-MRS turns the FID of its files, our complex conjugate, by minus this phase
        receiver_phase_deg=float(np.rad2deg(_number(values, "Rx_Phase", where, -1e3, 1e3, 0.0))),
    )
    return FslSequence(
        experiment,
        int(_number(values, "Rx_Points", where, 16, 1 << 20)),
        1.0 / _number(values, "Rx_SW", where, 10.0, 1e6),
        _number(values, "Rx_LW", where, 0.0, 1e3),
        str(values.get("sequenceName", "")),
        dict(values),
    )


def _blocks(values: Mapping[str, Any], where: str) -> tuple[Block, ...]:
    """Pulses with what is played after each."""
    pulses = values["RF"]
    if isinstance(pulses, Mapping):
        pulses = [pulses]
    if not isinstance(pulses, list) or not pulses:
        raise ConfigError("RF must be a list of blocks", where=where, got=type(pulses).__name__)
    n = len(pulses)
    rf_hz = _unit(values, "RFUnits", "Hz", _RF_HZ, where)
    gradient_hz = _unit(values, "GradUnits", "T", _GRADIENT_HZ, where)
    delays_s = _delays(values, n, where)
    areas = _numbers(values, "rephaseAreas", (n, 3), where) * gradient_hz
    orders = _orders(values["CoherenceFilter"], n, where)
    blocks = []
    for index, pulse in enumerate(pulses):
        place = f"{where}, RF[{index}]"
        if not isinstance(pulse, Mapping):
            raise ConfigError("a block of RF is a JSON object", where=place, got=type(pulse).__name__)
        known = _known(pulse, (*_RF_REQUIRED, *_RF_OPTIONAL), _RF_REQUIRED, place)
        gradient = _three(_numbers(known, "grad", (3,), place) * gradient_hz)
        made = _pulse(known, rf_hz, place)
        blocks.append(Block(made, delays_s[index], gradient, _three(areas[index]), keep_order=orders[index]))
    return tuple(blocks)


def _three(values: NDArray) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in values)
    return x, y, z


def _delays(values: Mapping[str, Any], n: int, where: str) -> list[float]:
    delays_s = _numbers(values, "delays", (n,), where)
    if delays_s.sum() > 10:
        raise ConfigError(
            "the delays are out of range",
            where=where,
            expected="seconds, 10 s in all at most",
            got=f"{delays_s.sum():g} s",
        )
    for index, delay_s in enumerate(delays_s):
        if delay_s < 0:
            raise ConfigError(f"delays[{index}] is negative", where=where, got=delay_s)
    return [float(delay_s) for delay_s in delays_s]


def describe_as_fsl(
    experiment: Experiment, name: str, *, n_points: int = 4096, dwell_s: float = 5e-4, lw_hz: float = 2.0
) -> dict[str, Any]:
    """A sequence file's content for an experiment; `parse_fsl_sequence` is its inverse but for the scale.

    Phase cycles have no place in it.

    Raises
    ------
    ConfigError
        When a pulse is cycled or the positions are not evenly spaced.
    """
    rf = [_described_pulse(block) for block in experiment.blocks]
    steps = [_ends(positions_m) for positions_m in experiment.positions_m]
    return {
        "sequenceName": name,
        "description": f"{name}, written by fsl_mrs_dl",
        "B0": experiment.f0_mhz / GAMMA_H_MHZ_PER_T,
        "Nucleus": "1H",
        "centralShift": experiment.transmitter_ppm,
        "Rx_Points": n_points,
        "Rx_SW": 1.0 / dwell_s,
        "Rx_LW": lw_hz,
        "Rx_Phase": float(np.deg2rad(experiment.receiver_phase_deg)),
        "x": steps[0],
        "y": steps[1],
        "z": steps[2],
        "resolution": [len(p) for p in experiment.positions_m],
        "CoherenceFilter": [block.keep_order for block in experiment.blocks],
        "RFUnits": "Hz",
        "GradUnits": "Hz",
        "spaceUnits": "m",
        "RF": rf,
        "delays": [block.delay_s for block in experiment.blocks],
        "rephaseAreas": [list(block.moment_per_m) for block in experiment.blocks],
    }


def _described_pulse(block: Block) -> dict[str, Any]:
    """An entry of RF."""
    if len(block.phases_deg) > 1:
        raise ConfigError("FSL-MRS's sequence files have no phase cycles", hint="Choose selection 'crushers'")
    pulse = block.pulse
    w1_hz: NDArray
    if isinstance(pulse, IdealPulse):
        # as good as instantaneous: a nanosecond
        time_s, w1_hz = 1e-9, np.array([pulse.flip_deg / 360 / 1e-9 * np.exp(1j * np.deg2rad(pulse.phase_deg))])
    else:
        time_s, w1_hz = pulse.duration_s, pulse.w1_hz
    return {
        "time": time_s,
        "frequencyOffset": 0.0,
        "phaseOffset": 0.0,
        "amp": np.abs(w1_hz).tolist(),
        "phase": (np.angle(w1_hz) + np.deg2rad(block.phases_deg[0])).tolist(),
        "grad": list(block.gradient_hz_per_m),
        "ampScale": 1.0,
    }


def _ends(positions_m: NDArray) -> list[float]:
    """The ends of evenly spaced positions."""
    steps = np.diff(positions_m)
    if len(steps) and not np.allclose(steps, steps[0], rtol=1e-6):
        raise ConfigError("FSL-MRS's sequence files need evenly spaced positions")
    return [float(positions_m[0]), float(positions_m[-1])]


def _known(values: Mapping[str, Any], known: Sequence[str], required: Sequence[str], where: str) -> dict[str, Any]:
    """The fields under their names of record; the documentation writes RX_ where files have Rx_."""
    doubled = [key for key in values if key.startswith("RX_") and "Rx_" + key[3:] in values]
    if doubled:
        raise ConfigError(
            f"'{doubled[0]}' and 'Rx_{doubled[0][3:]}' are the same field", where=where, hint="Leave one out"
        )
    renamed = {("Rx_" + key[3:] if key.startswith("RX_") else key): value for key, value in values.items()}
    for key in renamed:
        if key not in known:
            raise ConfigError(f"unknown field '{key}'{nearest(key, known)}", where=where)
    for key in required:
        if key not in renamed:
            raise ConfigError(f"the field '{key}' is missing", where=where)
    return renamed


def _pulse(pulse: Mapping[str, Any], rf_hz: float, where: str) -> ShapedPulse:
    duration_s = _number(pulse, "time", where, 1e-12, 10.0)
    amplitude, phase = (_numbers(pulse, key, None, where) for key in ("amp", "phase"))
    if len(amplitude) != len(phase) or not 1 <= len(amplitude) <= _MAX_STEPS:
        raise ConfigError(
            "amp and phase must have the same length",
            where=where,
            expected=f"1 to {_MAX_STEPS} points each",
            got=f"{len(amplitude)} and {len(phase)}",
        )
    scale = rf_hz * _number(pulse, "ampScale", where, -1e6, 1e6, 1.0)
    phase = phase + _number(pulse, "phaseOffset", where, -1e3, 1e3, 0.0)
    made = ShapedPulse(scale * amplitude * np.exp(1j * phase), duration_s)
    return made.shifted(_number(pulse, "frequencyOffset", where, -1e6, 1e6, 0.0))


def _positions(values: Mapping[str, Any], metres: float, where: str) -> tuple[NDArray, NDArray, NDArray]:
    resolution = _numbers(values, "resolution", (3,), where)
    if np.any(resolution != np.rint(resolution)) or resolution.min() < 1 or resolution.max() > _MAX_POSITIONS:
        raise ConfigError(
            "resolution must be three whole numbers",
            where=where,
            expected=f"1 to {_MAX_POSITIONS}",
            got=resolution.tolist(),
        )
    axes = []
    for axis, n in zip("xyz", resolution, strict=True):
        low, high = _numbers(values, axis, (2,), where) * metres
        # a single position is the middle, not the edge, of its range
        axes.append(np.linspace(low, high, int(n)) if n > 1 else np.array([(low + high) / 2]))
    return axes[0], axes[1], axes[2]


def _orders(value: Any, n: int, where: str) -> list[int | None]:
    if not isinstance(value, list):
        value = [value]
    if len(value) != n:
        raise ConfigError("CoherenceFilter needs one entry per block", where=where, expected=n, got=len(value))
    orders: list[int | None] = []
    for entry in value:
        if entry is None or entry == "None":
            orders.append(None)
        elif isinstance(entry, int | float) and not isinstance(entry, bool) and abs(entry) < 10 and entry % 1 == 0:
            orders.append(int(entry))
        else:
            raise ConfigError("CoherenceFilter holds whole numbers or null", where=where, got=entry)
    if orders[-1] not in (-1, None):
        raise ConfigError("CoherenceFilter must end on -1, the order that is detected", where=where, got=orders[-1])
    return orders


def _unit(values: Mapping[str, Any], key: str, default: str, table: Mapping[str, float], where: str) -> float:
    given = values.get(key, default)
    if not isinstance(given, str) or given.lower() not in table:
        raise ConfigError(f"{key} is not a known unit", where=where, expected=", ".join(table), got=given)
    return table[given.lower()]


def _number(
    values: Mapping[str, Any], key: str, where: str, low: float, high: float, default: float | None = None
) -> float:
    value = values.get(key, default)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise ConfigError(f"{key} must be a number from {low:g} to {high:g}", where=where, got=value)
    return float(value)


def _numbers(values: Mapping[str, Any], key: str, shape: tuple[int, ...] | None, where: str) -> NDArray:
    """A field as an array; a single number stands for a list of one, a single row for a table of one."""
    try:
        array = np.array(values[key], dtype=float)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{key} must hold numbers", where=where, got=str(values[key])[:60]) from error
    if shape is None:
        array = np.atleast_1d(array)
        fits = array.ndim == 1
    else:
        fits = array.size == int(np.prod(shape)) and (array.shape == shape or shape[0] == 1)
    if not fits:
        raise ConfigError(f"{key} has the wrong size", where=where, expected=shape or "a list", got=array.shape)
    if not np.isfinite(array).all():
        raise ConfigError(f"{key} must hold finite numbers", where=where)
    return array.reshape(shape) if shape else array
