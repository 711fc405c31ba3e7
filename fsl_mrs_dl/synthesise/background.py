# SPDX-License-Identifier: Apache-2.0
"""What lies under the lines and over them: smooth baseline, the tail of removed water, noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.synthesise.bank import CENTRE_PPM
from fsl_mrs_dl.synthesise.signals import geometric, log_uniform, rate_of


@dataclass(frozen=True)
class BackgroundConfig:
    """Ranges of background and noise; zero leaves the signal as it is.

    Parameters
    ----------
    snr : tuple of two float
        Highest line of edit_off (of DIFF where there is no other) over the standard deviation of the noise, both in
        a spectrum without apodisation; log-uniform.
    baseline_area : float
        Standard deviation of the area of each smooth component, relative to the area of the largest metabolite.
    baseline_width_hz : tuple of two float
        Width of the components.
    n_baseline : int
        Number of components, at random places from 0 to 5 ppm.
    baseline_difference : float
        How much of each component differs between ON and OFF.
    water_area : float
        Standard deviation of the area of what removal left of the water line, relative to the largest metabolite.
    water_ppm : tuple of two float
    water_width_hz : tuple of two float
    echo_probability, echo_size : float
        How often a spurious echo (a short packet somewhere in the FID) occurs, and the standard deviation of its
        height relative to the start of the FID.
    """

    snr: tuple[float, float] = (15.0, 10000.0)
    baseline_area: float = 0.15
    baseline_width_hz: tuple[float, float] = (40.0, 250.0)
    n_baseline: int = 4
    baseline_difference: float = 0.15
    water_area: float = 0.2
    water_ppm: tuple[float, float] = (4.3, 5.1)
    water_width_hz: tuple[float, float] = (3.0, 40.0)
    echo_probability: float = 0.25
    echo_size: float = 0.03

    def components(
        self, time_s: NDArray, f0_mhz: NDArray, size: NDArray, rng: np.random.Generator
    ) -> tuple[NDArray, NDArray]:
        """Background of OFF, and its difference ON minus OFF; complex64, shape of `time_s` ``(n, n_times)``.

        Parameters
        ----------
        size : array, shape ``(n,)``
            Area of the largest metabolite.
        """
        n = len(time_s)
        off = np.zeros(time_s.shape, dtype=np.complex64)
        diff = np.zeros_like(off)
        level = np.abs(rng.standard_normal(n))
        for index in range(self.n_baseline + 1):
            is_water = index == self.n_baseline
            ppm = rng.uniform(*(self.water_ppm if is_water else (0.0, 5.0)), size=n)
            width_hz = log_uniform(self.water_width_hz if is_water else self.baseline_width_hz, n, rng)
            spread = self.water_area * np.abs(rng.standard_normal(n)) if is_water else self.baseline_area * level
            area = size * spread * (rng.standard_normal(n) + 1j * rng.standard_normal(n)) / np.sqrt(2)
            line = geometric(rate_of(ppm, CENTRE_PPM, width_hz, f0_mhz, time_s[:, 1]), time_s.shape[1])
            line *= area[:, None].astype(np.complex64)
            off += line
            own = self.baseline_difference * (rng.standard_normal(n) + 1j * rng.standard_normal(n))
            diff += line * own[:, None].astype(np.complex64)
        for signal, share in ((off, 1.0), (diff, 0.5)):
            signal += self._echo(time_s, f0_mhz, share * size, rng)
        return off, diff

    def _echo(self, time_s: NDArray, f0_mhz: NDArray, size: NDArray, rng: np.random.Generator) -> NDArray:
        n = len(time_s)
        height = self.echo_size * size * rng.standard_normal(n) * (rng.uniform(size=n) < self.echo_probability)
        ppm, centre_s = rng.uniform(0.6, 4.4, size=n), rng.uniform(0.02, 0.5, size=n)
        spread_s = log_uniform((0.003, 0.03), n, rng)
        position = ((time_s - centre_s[:, None]) / spread_s[:, None]).astype(np.float32)
        carrier = geometric(rate_of(ppm, CENTRE_PPM, 0.0, f0_mhz, time_s[:, 1]), time_s.shape[1])
        phase = np.exp(2j * np.pi * rng.uniform(size=n))
        return (height * phase)[:, None].astype(np.complex64) * carrier * np.exp(-(position**2))

    def noise(self, shape: tuple[int, int], rng: np.random.Generator) -> NDArray:
        """White complex noise of unit standard deviation in each part: complex64."""
        parts = rng.standard_normal((*shape, 2), dtype=np.float32)
        return parts.view(np.complex64)[..., 0]

    def draw_snr(self, n: int, rng: np.random.Generator) -> NDArray:
        """Signal-to-noise ratios, shape ``(n,)``."""
        return log_uniform(self.snr, n, rng)
