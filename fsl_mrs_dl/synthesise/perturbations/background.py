# SPDX-License-Identifier: Apache-2.0
"""Background signals: smooth baseline, the tail of removed water, noise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.basis.bank import CENTRE_PPM
from fsl_mrs_dl.synthesise.context import Scene, Signals, Stage
from fsl_mrs_dl.synthesise.lines import Lines
from fsl_mrs_dl.synthesise.operations import add_packet
from fsl_mrs_dl.synthesise.perturbation import Drawn, Group, Perturbation
from fsl_mrs_dl.synthesise.signals import log_uniform, rate_of

_PAPER_DWELL_S = 5e-4


@dataclass(frozen=True)
class BackgroundConfig(Perturbation):
    """Ranges of background and noise; zero leaves the signal as it is.

    Parameters
    ----------
    snr : tuple of two float
        Highest line of edit_off (of DIFF where there is no other) over the standard deviation of the noise, both in
        a spectrum without apodisation; log-uniform.
    usual_snr : tuple of two float
        SNR of usual scans; log-uniform.
    usual_share : float
        Share of the spectra whose SNR is drawn from `usual_snr`, that of most scans, in place of `snr`.
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
        Place of that rest.
    water_width_hz : tuple of two float
        Its width.
    echo_probability, echo_size : float
        How often a spurious echo (a short packet somewhere in the FID) occurs, and the standard deviation of its
        height relative to the start of the FID.
    """

    order = 40
    groups = (
        Group(
            "background",
            "+ water, baseline, echoes",
            "water, baseline, echoes",
            {"baseline_area": 0.0, "water_area": 0.0, "echo_probability": 0.0},
        ),
        Group(
            "noise_truncation",
            "+ noise, truncation",
            "the recipe's noise and lengths of the FID in place of the paper's",
            {"fid_noise": (0.0, 0.03)},
        ),
    )

    snr: tuple[float, float] = (15.0, 10000.0)
    usual_snr: tuple[float, float] = (30.0, 400.0)
    usual_share: float = 0.0
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

    def draw(self, scene: Scene, rng: np.random.Generator) -> Background:
        """Baseline, water, echoes and noise levels."""
        return Background(
            lines=self.draw_lines(scene.size, rng),
            echo=self.draw_echo(scene.size, rng),
            noise_level=self.draw_noise(scene.n, rng),
        )

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
        snr = log_uniform(self.snr, n, rng)
        if self.usual_share:
            usual = rng.uniform(size=n) < self.usual_share
            snr = np.where(usual, log_uniform(self.usual_snr, n, rng), snr)
        return NoiseLevel(snr, fid_noise)


@dataclass(frozen=True)
class Background(Drawn):
    """What was drawn: lines and packets to add, and how strong the noise is."""

    lines: Lines
    echo: Echo
    noise_level: NoiseLevel

    def softened(self, factor: NDArray) -> Background:
        """Less baseline, water and echoes; noise stays as it is."""
        return replace(self, lines=self.lines.softened(factor), echo=self.echo.softened(factor))

    def apply(self, signals: Signals) -> None:
        """Add lines and packets."""
        self.lines.apply(signals)
        self.echo.apply(signals)

    def steps(self) -> Mapping[Stage, Callable[[Signals], None]]:
        """Noise is no part of the signal."""
        return {Stage.ADDED: self.apply, Stage.NOISE: self.noise_level.apply}


@dataclass(frozen=True)
class NoiseLevel(Drawn):
    """How strong the noise is, arrays of shape ``(n,)``; see `BackgroundConfig`."""

    stage = Stage.NOISE

    snr: NDArray
    fid_noise: NDArray

    def apply(self, signals: Signals) -> None:
        """Say how strong it is."""
        signals.sigma = self.sigma(signals.peak, signals.top, signals.n_acquired, signals.dwell_s)

    def sigma(self, peak: NDArray, top: NDArray, n_acquired: NDArray, dwell_s: NDArray) -> NDArray:
        """Standard deviation of each part of each sample, shape ``(n,)``.

        `peak` is the highest line of the spectrum as a plain sum over samples, `top` the highest point of the FID.
        """
        of_spectrum = peak / self.snr / np.sqrt(n_acquired)
        of_fid = self.fid_noise * top * np.sqrt(_PAPER_DWELL_S / dwell_s)
        return np.where(self.fid_noise > 0, of_fid, of_spectrum)


@dataclass(frozen=True)
class Echo(Drawn):
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

    def apply(self, signals: Signals) -> None:
        """Add the packets to both conditions."""
        dwell_s = signals.dwell_s[:, None]
        rate = rate_of(self.ppm, CENTRE_PPM, 0.0, signals.f0_mhz[:, None], dwell_s)
        centre, width = self.centre_s / dwell_s, self.width_s / dwell_s
        for signal, column in ((signals.off, 0), (signals.on, 0), (signals.on, 1)):
            add_packet(signal, self.height[:, column], rate[:, column], centre[:, column], width[:, column])


def _complex_normal(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray:
    """Complex normal numbers of unit mean square."""
    return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)) / np.sqrt(2)
