# SPDX-License-Identifier: Apache-2.0
"""What scanner and processing leave behind: errors of frequency and phase, ON/OFF mismatch, eddy currents, drift."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.synthesise.signals import log_uniform


@dataclass(frozen=True)
class InstrumentConfig:
    """Standard deviations of the errors that remain after referencing; zero leaves the signal as it is.

    Parameters
    ----------
    shift_ppm, phase_deg : float
        Error of the common frequency and zero-order phase reference.
    outlier_fraction, outlier_factor : float
        Fraction of spectra whose reference is worse, by this factor.
    delay_s : float
        Late start of sampling: first-order phase.
    mismatch_hz, mismatch_deg, mismatch_amplitude : float
        Difference of ON from OFF in frequency, phase, relative amplitude (drift between the conditions).
    drift_hz : float
        Largest range of frequencies that were averaged within a condition.
    eddy_deg : float
        Initial phase of the eddy current that remains, common to both conditions.
    eddy_s : tuple of two float
        Its decay time.
    """

    shift_ppm: float = 0.0025
    phase_deg: float = 3.5
    outlier_fraction: float = 0.1
    outlier_factor: float = 5.0
    delay_s: float = 2e-5
    mismatch_hz: float = 0.25
    mismatch_deg: float = 2.0
    mismatch_amplitude: float = 0.01
    drift_hz: float = 1.0
    eddy_deg: float = 12.0
    eddy_s: tuple[float, float] = (0.005, 0.12)

    def common_factor(self, time_s: NDArray, f0_mhz: NDArray, rng: np.random.Generator) -> NDArray:
        """Factor over time for both conditions: complex64, shape of `time_s` ``(n, n_times)``."""
        n = len(time_s)
        worse = np.where(rng.uniform(size=n) < self.outlier_fraction, self.outlier_factor, 1.0)
        shift_hz = self.shift_ppm * worse * rng.standard_normal(n) * f0_mhz
        phase = np.deg2rad(self.phase_deg) * worse * rng.standard_normal(n)
        # the reference aligns what it sees; the eddy current's phase bends the line about it
        eddy = np.deg2rad(self.eddy_deg) * rng.standard_normal(n)
        eddy_s = log_uniform(self.eddy_s, n, rng)
        angle = (
            phase[:, None]
            + (2 * np.pi * shift_hz)[:, None] * time_s
            + eddy[:, None] * np.exp(-time_s / eddy_s[:, None])
        )
        return np.exp(1j * angle.astype(np.float32))

    def mismatch_factor(self, time_s: NDArray, rng: np.random.Generator) -> NDArray:
        """Factor over time for ON relative to OFF: complex64, shape of `time_s`."""
        n = len(time_s)
        shift_hz = self.mismatch_hz * rng.standard_normal(n)
        phase = np.deg2rad(self.mismatch_deg) * rng.standard_normal(n)
        size = 1 + self.mismatch_amplitude * rng.standard_normal(n)
        angle = phase[:, None] + (2 * np.pi * shift_hz)[:, None] * time_s
        return (size[:, None] * np.exp(1j * angle.astype(np.float32))).astype(np.complex64)

    def drift_factor(self, time_s: NDArray, rng: np.random.Generator) -> NDArray:
        """Loss of coherence by averaging over a drift: float32, shape of `time_s`."""
        drift_hz = rng.uniform(0, self.drift_hz, size=len(time_s))
        return np.sinc(drift_hz[:, None] * time_s).astype(np.float32)

    def delay_s_drawn(self, n: int, rng: np.random.Generator) -> NDArray:
        """Late starts in s, shape ``(n,)``."""
        return self.delay_s * rng.standard_normal(n)
