# SPDX-License-Identifier: Apache-2.0
"""Any sequence of pulses, delays and gradients, as the simulator plays it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.core.errors import ConfigError
from fsl_mrs_dl.physics.pulses import ShapedPulse

NO_GRADIENT = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class IdealPulse:
    """An instantaneous rotation of every spin.

    Parameters
    ----------
    flip_deg : float
        Angle of rotation.
    phase_deg : float
        Direction of its axis in the transverse plane: 0 is x, 90 is y.
    """

    flip_deg: float
    phase_deg: float = 0.0

    @property
    def duration_s(self) -> float:
        """Zero: it takes no time."""
        return 0.0


@dataclass(frozen=True, eq=False)
class Block:
    """A pulse and what follows until the next one.

    Parameters
    ----------
    pulse : ShapedPulse or IdealPulse
    delay_s : float
        Free evolution from the end of the pulse to the start of the next, or to the first point of the FID.
    gradient_hz_per_m : tuple of three float
        Gradient along x, y, z while the pulse plays: gamma G / 2 pi.
    moment_per_m : tuple of three float
        Gradient area in the delay, gamma / 2 pi times the integral of G: cycles per metre. It rephases a slice, or
        spoils.
    keep_order : int, optional
        Only this coherence order survives the block, as if crushed by gradients. The signal is read from order -1.
    phases_deg : tuple of float
        Phase cycle of the pulse; scans are averaged.
    receiver : tuple of float
        Weight of each scan of the cycle, e.g. ``(1, -1)``.
    """

    pulse: ShapedPulse | IdealPulse
    delay_s: float
    gradient_hz_per_m: tuple[float, float, float] = NO_GRADIENT
    moment_per_m: tuple[float, float, float] = NO_GRADIENT
    keep_order: int | None = None
    phases_deg: tuple[float, ...] = (0.0,)
    receiver: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        if not self.delay_s >= 0:
            raise ConfigError("a delay of the sequence is negative", expected=">= 0 s", got=f"{self.delay_s:g} s")
        if len(self.phases_deg) != len(self.receiver) or not self.phases_deg:
            raise ConfigError(
                "a phase cycle needs one receiver weight per phase", got=f"{self.phases_deg}, {self.receiver}"
            )

    def uses(self, axis: int) -> bool:
        """Whether a gradient plays along `axis` (0, 1, 2)."""
        return bool(self.gradient_hz_per_m[axis] or self.moment_per_m[axis])


def one_position() -> tuple[NDArray, NDArray, NDArray]:
    """Positions of an experiment without space: the origin."""
    return (np.zeros(1), np.zeros(1), np.zeros(1))


@dataclass(frozen=True, eq=False)
class Experiment:
    """One condition of a sequence at one field.

    Parameters
    ----------
    blocks : tuple of Block
        Played in order on the equilibrium state Fz. Blocks that two conditions share are one object, which lets the
        simulator play them once.
    f0_mhz : float
        Proton frequency, MHz.
    transmitter_ppm : float
        Chemical shift on resonance for a pulse without frequency offset.
    positions_m : tuple of three arrays
        Positions along x, y, z over whose product the signal is averaged, m.
    scale : float
        The averaged signal is multiplied by it, e.g. by the field of view in slice widths.
    receiver_phase_deg : float
        The signal is multiplied by ``exp(i phase)``.
    """

    blocks: tuple[Block, ...]
    f0_mhz: float
    transmitter_ppm: float
    positions_m: tuple[NDArray, NDArray, NDArray] = field(default_factory=one_position)
    scale: float = 1.0
    receiver_phase_deg: float = 0.0

    def __post_init__(self) -> None:
        if not self.blocks:
            raise ConfigError("a sequence needs at least one pulse")
        if any(p.ndim != 1 or len(p) == 0 or not np.isfinite(p).all() for p in self.positions_m):
            raise ConfigError("positions_m must be three non-empty lists of finite numbers")

    def span(self, axis: int) -> tuple[int, int] | None:
        """First and last block with a gradient along `axis`; None when there is none."""
        used = [index for index, block in enumerate(self.blocks) if block.uses(axis)]
        return (used[0], used[-1]) if used else None
