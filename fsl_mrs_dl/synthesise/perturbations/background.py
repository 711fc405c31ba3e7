# SPDX-License-Identifier: Apache-2.0
"""What lies under the lines and over them: smooth baseline, the tail of removed water, noise."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.basis.bank import CENTRE_PPM
from fsl_mrs_dl.synthesise.signals import GAUSS, log_uniform, rate_of

_PAPER_DWELL_S = 5e-4


@dataclass(frozen=True)
class BackgroundConfig:
    """Ranges of background and noise; zero leaves the signal as it is.

    Parameters
    ----------
    snr : tuple of two float
        Highest line of edit_off (of DIFF where there is no other) over the standard deviation of the noise, both in
        a spectrum without apodisation; log-uniform.
    fid_noise : tuple of two float
        Where the second is not 0, this takes the place of `snr`: standard deviation of the noise of a FID sampled at
        2000 Hz, in each part, over the highest point of the FID of edit_off; uniform (as in arXiv 2602.20289).
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
    fid_noise: tuple[float, float] = (0.0, 0.0)
    baseline_area: float = 0.15
    baseline_width_hz: tuple[float, float] = (40.0, 250.0)
    n_baseline: int = 4
    baseline_difference: float = 0.15
    water_area: float = 0.2
    water_ppm: tuple[float, float] = (4.3, 5.1)
    water_width_hz: tuple[float, float] = (3.0, 40.0)
    echo_probability: float = 0.25
    echo_size: float = 0.03

    def draw_lines(self, size: NDArray, rng: np.random.Generator) -> Lines:
        """Baseline and water of `n` spectra; `size` is the area of all metabolites, shape ``(n,)``."""
        n, count = len(size), self.n_baseline
        ppm = np.hstack([rng.uniform(0.0, 5.0, size=(n, count)), rng.uniform(*self.water_ppm, size=(n, 1))])
        width_hz = np.hstack(
            [log_uniform(self.baseline_width_hz, (n, count), rng), log_uniform(self.water_width_hz, (n, 1), rng)]
        )
        level = self.baseline_area * np.abs(rng.standard_normal((n, 1))) * np.ones((1, count))
        spread = np.hstack([level, self.water_area * np.abs(rng.standard_normal((n, 1)))])
        area = size[:, None] * spread * _complex_normal((n, count + 1), rng)
        difference = self.baseline_difference * np.sqrt(2) * _complex_normal((n, count + 1), rng)
        return Lines(area, area * (1 + difference), ppm, width_hz, np.zeros_like(ppm))

    def draw_echo(self, size: NDArray, rng: np.random.Generator) -> Echo:
        """Spurious echoes of `n` spectra, one in each condition or none."""
        shape = (len(size), 2)
        happens = rng.uniform(size=shape) < self.echo_probability
        # of DIFF's echo, which stands in ON, half the size is expected: the conditions are averaged alike
        height = self.echo_size * size[:, None] * rng.standard_normal(shape) * happens * np.array([1.0, 0.5])
        return Echo(
            height * np.exp(2j * np.pi * rng.uniform(size=shape)),
            rng.uniform(0.6, 4.4, size=shape),
            rng.uniform(0.02, 0.5, size=shape),
            log_uniform((0.003, 0.03), shape, rng),
        )

    def draw_noise(self, n: int, rng: np.random.Generator) -> NoiseLevel:
        """Noise levels of `n` spectra."""
        fid_noise = rng.uniform(*self.fid_noise, size=n) if self.fid_noise[1] else np.zeros(n)
        return NoiseLevel(log_uniform(self.snr, n, rng), fid_noise)


@dataclass(frozen=True)
class NoiseLevel:
    """How strong the noise is, arrays of shape ``(n,)``; see `BackgroundConfig`."""

    snr: NDArray
    fid_noise: NDArray

    def sigma(self, peak: NDArray, top: NDArray, n_acquired: NDArray, dwell_s: NDArray) -> NDArray:
        """Standard deviation of each part of each sample, shape ``(n,)``.

        `peak` is the highest line of the spectrum as a plain sum over samples, `top` the highest point of the FID.
        """
        of_spectrum = peak / self.snr / np.sqrt(n_acquired)
        of_fid = self.fid_noise * top * np.sqrt(_PAPER_DWELL_S / dwell_s)
        return np.where(self.fid_noise > 0, of_fid, of_spectrum)


@dataclass(frozen=True)
class Lines:
    """Voigt lines in both conditions, arrays of shape ``(n, n_lines)``.

    Parameters
    ----------
    area_off, area_on : complex arrays
        In protons times mM.
    ppm, lorentz_hz, gauss_hz : arrays
        Position, and full widths at half maximum.
    """

    area_off: NDArray
    area_on: NDArray
    ppm: NDArray
    lorentz_hz: NDArray
    gauss_hz: NDArray

    def softened(self, factor: NDArray) -> Lines:
        """Lines smaller by `factor` of shape ``(n,)``."""
        each = factor[:, None]
        return replace(self, area_off=each * self.area_off, area_on=each * self.area_on)

    def apply(self, off: NDArray, on: NDArray, f0_mhz: NDArray, dwell_s: NDArray) -> None:
        """Add the lines to ``off`` and ``on``: float32, shape ``(n, 2, n_times)``."""
        from fsl_mrs_dl.synthesise.kernels import add_lines

        rate = rate_of(self.ppm, CENTRE_PPM, self.lorentz_hz, f0_mhz[:, None], dwell_s[:, None])
        area_off, area_on = (area.astype(complex) for area in (self.area_off, self.area_on))
        add_lines(off, on, area_off, area_on, rate, GAUSS * self.gauss_hz * dwell_s[:, None])


@dataclass(frozen=True)
class Echo:
    """Spurious echoes: in OFF and ON alike (first column), and in ON alone; arrays of shape ``(n, 2)``.

    Parameters
    ----------
    height : complex array
    ppm, centre_s, width_s : arrays
    """

    height: NDArray
    ppm: NDArray
    centre_s: NDArray
    width_s: NDArray

    def softened(self, factor: NDArray) -> Echo:
        """Packets smaller by `factor` of shape ``(n,)``."""
        return replace(self, height=factor[:, None] * self.height)

    def apply(self, off: NDArray, on: NDArray, f0_mhz: NDArray, dwell_s: NDArray) -> None:
        """Add the packets to ``off`` and ``on``: float32, shape ``(n, 2, n_times)``."""
        from fsl_mrs_dl.synthesise.kernels import add_packet

        rate = rate_of(self.ppm, CENTRE_PPM, 0.0, f0_mhz[:, None], dwell_s[:, None])
        centre, width = self.centre_s / dwell_s[:, None], self.width_s / dwell_s[:, None]
        for signal, column in ((off, 0), (on, 0), (on, 1)):
            add_packet(signal, self.height[:, column], rate[:, column], centre[:, column], width[:, column])


def _complex_normal(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray:
    """Complex normal numbers of unit mean square."""
    return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)) / np.sqrt(2)
