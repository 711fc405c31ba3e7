# SPDX-License-Identifier: Apache-2.0
"""Imperfections of scanner and processing: frequency, phase, ON/OFF mismatch, eddy currents, drift."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.basis.bank import CENTRE_PPM
from fsl_mrs_dl.synthesise.context import Scene, Signals, Stage
from fsl_mrs_dl.synthesise.operations import bend, linear_phase, turn
from fsl_mrs_dl.synthesise.perturbation import Drawn, Group, Perturbation
from fsl_mrs_dl.synthesise.signals import log_uniform

NAAG_DISTANCE_PPM = 0.034
"""From NAA's to NAAG's acetyl protons (Govindaraju et al. 2000, NMR Biomed 13:129, Table 1)."""


@dataclass(frozen=True)
class InstrumentConfig(Perturbation):
    """Standard deviations of the errors that remain after referencing; zero leaves the signal as it is.

    Parameters
    ----------
    shift_ppm, phase_deg : float
        Error of the common frequency and zero-order phase reference.
    naag_pull : tuple of two float
        How far NAAG draws the frequency reference along, as a share of its distance from NAA times its share of both:
        the reference takes the two for one line. Uniform.
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

    order = 20
    groups = (
        Group(
            "frequency_phase",
            "+ frequency, phase",
            "errors of frequency, phase and start of sampling",
            {"shift_ppm": 0.0, "phase_deg": 0.0, "delay_s": 0.0, "naag_pull": (0.0, 0.0)},
        ),
        Group(
            "mismatch_drift",
            "+ ON/OFF mismatch, drift",
            "ON differs from OFF; drift within a condition",
            {"mismatch_hz": 0.0, "mismatch_deg": 0.0, "mismatch_amplitude": 0.0, "drift_hz": 0.0},
        ),
        Group("eddy", "+ eddy currents", "eddy currents that remain", {"eddy_deg": 0.0}),
    )

    shift_ppm: float = 0.0025
    phase_deg: float = 3.5
    naag_pull: tuple[float, float] = (0.0, 0.0)
    outlier_fraction: float = 0.1
    outlier_factor: float = 5.0
    delay_s: float = 2e-5
    mismatch_hz: float = 0.25
    mismatch_deg: float = 2.0
    mismatch_amplitude: float = 0.01
    drift_hz: float = 1.0
    eddy_deg: float = 12.0
    eddy_s: tuple[float, float] = (0.005, 0.12)

    def draw(self, scene: Scene, rng: np.random.Generator) -> InstrumentErrors:
        """Errors of a batch; NAAG's share of NAA + NAAG is how far it pulls."""
        n, naag = scene.n, scene.conc_of("NAAG")
        naag_share = naag / np.maximum(naag + scene.conc_of("NAA"), 1e-9)
        worse = np.where(rng.uniform(size=n) < self.outlier_fraction, self.outlier_factor, 1.0)
        pulled_ppm = np.zeros(n)
        if self.naag_pull[1]:
            pulled_ppm = -NAAG_DISTANCE_PPM * naag_share * rng.uniform(*self.naag_pull, size=n)
        return InstrumentErrors(
            shift_ppm=self.shift_ppm * worse * rng.standard_normal(n) + pulled_ppm,
            phase_rad=np.deg2rad(self.phase_deg) * worse * rng.standard_normal(n),
            eddy_rad=np.deg2rad(self.eddy_deg) * rng.standard_normal(n),
            eddy_s=log_uniform(self.eddy_s, n, rng),
            mismatch_hz=self.mismatch_hz * rng.standard_normal(n),
            mismatch_rad=np.deg2rad(self.mismatch_deg) * rng.standard_normal(n),
            mismatch_amplitude=1 + self.mismatch_amplitude * rng.standard_normal(n),
            drift_hz=rng.uniform(0, self.drift_hz, size=n),
            delay_s=self.delay_s * rng.standard_normal(n),
        )


@dataclass(frozen=True)
class InstrumentErrors(Drawn):
    """Drawn errors, arrays of shape ``(n,)``; the names are those of `InstrumentConfig`, angles are in radians."""

    shift_ppm: NDArray
    phase_rad: NDArray
    eddy_rad: NDArray
    eddy_s: NDArray
    mismatch_hz: NDArray
    mismatch_rad: NDArray
    mismatch_amplitude: NDArray
    drift_hz: NDArray
    delay_s: NDArray

    def softened(self, factor: NDArray) -> InstrumentErrors:
        """Errors smaller by `factor` of shape ``(n,)``; not the frequency, which NAAG and pH pull in good scans too."""
        smaller = ("phase_rad", "eddy_rad", "mismatch_hz", "mismatch_rad", "drift_hz", "delay_s")
        errors = {name: factor * getattr(self, name) for name in smaller}
        return replace(self, mismatch_amplitude=1 + factor * (self.mismatch_amplitude - 1), **errors)

    def steps(self) -> Mapping[Stage, Callable[[Signals], None]]:
        """From the drift while a condition is measured to the phase of the spectra."""
        return {
            Stage.SIGNALS: self.apply_drift,
            Stage.CONDITIONS: self.apply_mismatch,
            Stage.COMMON: self.apply,
            Stage.SPECTRA: self.apply_late_start,
        }

    def apply_drift(self, signals: Signals) -> None:
        """Say over which range of frequencies the lines are averaged."""
        signals.drift_hz = self.drift_hz

    def apply_mismatch(self, signals: Signals) -> None:
        """Let ON differ from OFF."""
        start = self.mismatch_amplitude * np.exp(1j * self.mismatch_rad)
        turn(signals.on, start, 2j * np.pi * self.mismatch_hz * signals.dwell_s)

    def apply(self, signals: Signals) -> None:
        """Shift, turn and bend both; the reference aligns what it sees, the eddy current's phase bends about it."""
        for signal in (signals.off, signals.on):
            turn(signal, np.exp(1j * self.phase_rad), 2j * np.pi * self.shift_ppm * signals.f0_mhz * signals.dwell_s)
        bend(signals.off, signals.on, self.eddy_rad, signals.dwell_s / self.eddy_s)

    def apply_late_start(self, signals: Signals) -> None:
        """First-order phase, as a factor over the spectra; 1 at `CENTRE_PPM`."""
        slope = 2 * np.pi * signals.f0_mhz * self.delay_s
        signals.response = linear_phase(signals.response, slope, signals.ppm - CENTRE_PPM)
