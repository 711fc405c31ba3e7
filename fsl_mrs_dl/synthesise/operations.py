# SPDX-License-Identifier: Apache-2.0
"""What perturbations do to samples: done at once in memory, or noted down to be done on another device.

Perturbations say what is done, with numbers per spectrum. Where the samples are NumPy arrays, the loops of
`fsl_mrs_dl.synthesise.kernels` do it; where they are `Noted`, a plan grows that `fsl_mrs_dl.synthesise.on_device`
carries out with torch. So the physics stands once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.core.errors import ConfigError


@dataclass(frozen=True)
class Samples:
    """Stands in a plan for an array of the device: ``off``, ``on`` or ``response``."""

    name: str


@dataclass(frozen=True)
class Step:
    """One operation of a plan, by its name, with its arguments."""

    operation: str
    arguments: tuple[Any, ...] = ()


class Noted:
    """Samples that are not there yet: what is done to them is noted on a tape.

    Parameters
    ----------
    name : str
    shape : tuple of int
    tape : list of Step
        Grows.
    """

    __array_ufunc__ = None  # NumPy leaves `array * noted` to this class

    def __init__(self, name: str, shape: tuple[int, ...], tape: list[Step]) -> None:
        self.name, self.shape, self.tape = name, shape, tape

    def __len__(self) -> int:
        return self.shape[0]

    def __iadd__(self, other: NDArray) -> Noted:
        return self._note("add", other)

    def __imul__(self, other: NDArray) -> Noted:
        return self._note("multiply", other)

    def __mul__(self, other: NDArray) -> Noted:
        return self._note("multiply", other)

    __rmul__ = __mul__

    def __array__(self, *_: Any, **__: Any) -> NDArray:
        raise ConfigError(
            f"a perturbation reads the samples of '{self.name}', which are on another device",
            expected="operations of fsl_mrs_dl.synthesise.operations, += or *=",
            hint="Train with --device cpu",
        )

    def _note(self, operation: str, other: NDArray) -> Noted:
        self.tape.append(Step(operation, (Samples(self.name), np.asarray(other))))
        return self


def _do(operation: str, *arguments: Any) -> None:
    tape = next((argument.tape for argument in arguments if isinstance(argument, Noted)), None)
    if tape is None:
        # numba, which not everybody has, is imported where it is used
        from fsl_mrs_dl.synthesise import kernels

        getattr(kernels, operation)(*arguments)
        return
    plain = tuple(Samples(a.name) if isinstance(a, Noted) else a for a in arguments)
    tape.append(Step(operation, plain))


def add_lines(off: Any, on: Any, area_off: NDArray, area_on: NDArray, rate: NDArray, gauss: NDArray) -> None:
    """Add Voigt lines; see `fsl_mrs_dl.synthesise.kernels.add_lines`."""
    _do("add_lines", off, on, area_off, area_on, rate, gauss)


def shape_lines(
    off: Any, on: Any, lorentz: NDArray, gauss: NDArray, size: NDArray, away: NDArray, drift: NDArray
) -> None:
    """Multiply by the common line shape; see `fsl_mrs_dl.synthesise.kernels.shape_lines`."""
    _do("shape_lines", off, on, lorentz, gauss, size, away, drift)


def turn(signal: Any, start: NDArray, rate: NDArray) -> None:
    """Multiply by ``start exp(rate k)``; see `fsl_mrs_dl.synthesise.kernels.turn`."""
    _do("turn", signal, start, rate)


def bend(off: Any, on: Any, angle: NDArray, rate: NDArray) -> None:
    """Turn by an eddy current's phase; see `fsl_mrs_dl.synthesise.kernels.bend`."""
    _do("bend", off, on, angle, rate)


def add_packet(signal: Any, height: NDArray, rate: NDArray, centre: NDArray, width: NDArray) -> None:
    """Add a packet; see `fsl_mrs_dl.synthesise.kernels.add_packet`."""
    _do("add_packet", signal, height, rate, centre, width)


def linear_phase(response: Any, slope: NDArray, offset: NDArray) -> Any:
    """``response`` times ``exp(i slope offset)``.

    Parameters
    ----------
    response : array, shape ``(n, n_points)`` or ``(n, 1)``, or Noted
    slope : array, shape ``(n,)``
        Radians per unit of `offset`.
    offset : array, shape ``(n_points,)``
    """
    if isinstance(response, Noted):
        response.tape.append(Step("linear_phase", (Samples(response.name), slope, offset)))
        return response
    angle = np.outer(slope, offset).astype(np.float32)
    factor = np.empty(angle.shape, dtype=np.complex64)
    factor.real, factor.imag = np.cos(angle), np.sin(angle)
    return factor * response
