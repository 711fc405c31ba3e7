# SPDX-License-Identifier: Apache-2.0
"""A shaped radio-frequency pulse and what it does to an uncoupled spin."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ShapedPulse:
    """A pulse of equal steps.

    Parameters
    ----------
    w1_hz : complex array, shape ``(n_steps,)``
        Nutation frequency gamma B1 / 2 pi of each step in Hz; its phase is the transmitter's phase in rad, in the
        sense that a rising phase moves the pulse to a higher chemical shift.
    duration_s : float
        Whole duration in s.
    name : str
        For reports.
    """

    w1_hz: NDArray
    duration_s: float
    name: str = ""

    @property
    def n_steps(self) -> int:
        """Number of steps."""
        return len(self.w1_hz)

    @property
    def step_s(self) -> float:
        """Duration of a step in s."""
        return self.duration_s / self.n_steps

    def scaled(self, b1_scale: float) -> ShapedPulse:
        """The pulse with its amplitude multiplied by `b1_scale` (transmit field error)."""
        return replace(self, w1_hz=self.w1_hz * b1_scale)

    def shifted(self, offset_hz: float, phase_zero_at: Literal["start", "centre"] = "centre") -> ShapedPulse:
        """The pulse moved in frequency by a phase ramp.

        Parameters
        ----------
        offset_hz : float
            Distance to the transmitter's frequency; positive moves to a higher chemical shift.
        phase_zero_at : {'start', 'centre'}
            Where the ramp passes zero: 'centre' of the pulse (step centres are used), or the 'start' of the first
            step (FID-A's choice).
        """
        steps = np.arange(self.n_steps)
        time_s = steps * self.step_s if phase_zero_at == "start" else (steps + 0.5) * self.step_s - self.duration_s / 2
        return replace(self, w1_hz=self.w1_hz * np.exp(2j * np.pi * offset_hz * time_s))

    def spinor(self, offset_hz: NDArray) -> tuple[NDArray, NDArray]:
        """Cayley-Klein parameters ``(alpha, beta)`` of the whole pulse at each offset.

        Parameters
        ----------
        offset_hz : array, shape ``(n,)``
            Larmor offset of the spin from the transmitter, Hz.

        Returns
        -------
        alpha, beta : complex arrays, shape ``(n,)``
            ``U = [[alpha, -conj(beta)], [beta, conj(alpha)]]``.
        """
        alpha, beta = step_spinors(self.w1_hz[:, None], np.asarray(offset_hz, dtype=float)[None, :], self.step_s)
        total_a, total_b = alpha[0], beta[0]
        for a, b in zip(alpha[1:], beta[1:], strict=True):
            total_a, total_b = a * total_a - np.conj(b) * total_b, b * total_a + np.conj(a) * total_b
        return total_a, total_b

    def inversion_profile(self, offset_hz: NDArray) -> NDArray:
        """Longitudinal magnetisation after the pulse, from +1: ``|alpha|^2 - |beta|^2``; shape as `offset_hz`."""
        alpha, beta = self.spinor(offset_hz)
        return np.abs(alpha) ** 2 - np.abs(beta) ** 2


def step_spinors(w1_hz: NDArray, offset_hz: NDArray, step_s: float) -> tuple[NDArray, NDArray]:
    """Cayley-Klein parameters of constant steps, exact, broadcast over both arguments.

    The Hamiltonian is ``2 pi (offset Iz + w1 cos(phase) Ix + w1 sin(phase) Iy)``.
    """
    w1_hz, offset_hz = np.broadcast_arrays(w1_hz, offset_hz)
    effective_hz = np.sqrt(np.abs(w1_hz) ** 2 + offset_hz**2)
    half = np.pi * effective_hz * step_s
    # sin(x)/x times pi dt, finite where the effective field vanishes
    ratio = np.sinc(effective_hz * step_s) * np.pi * step_s
    alpha = np.cos(half) - 1j * ratio * offset_hz
    beta = -1j * ratio * w1_hz
    return alpha, beta
