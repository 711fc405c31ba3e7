# SPDX-License-Identifier: Apache-2.0
"""Macromolecules and lipids of brain spectra, as broad lines in both conditions.

What is known of them: `fsl_mrs_dl.metabolites.macromolecules`. At TE 68 ms the lines' T2, which differ several-fold,
and their couplings leave any mixture of them: each line has its own size here, and a few more stand anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.metabolites.macromolecules import (
    BACKGROUND_AREA,
    BACKGROUND_PPM,
    BACKGROUND_WIDTH_HZ,
    LIPID_PPM,
    MM09_DIFF,
    MM30_DIFF_AREA,
    MM30_PPM,
    MM30_WIDTH_HZ,
    WIDTH_FACTOR,
)
from fsl_mrs_dl.synthesise.perturbations.background import Lines
from fsl_mrs_dl.synthesise.signals import log_uniform

GRID_PPM = np.arange(0.5, 4.51, 0.05)
"""Where `left_in_diff` is tabulated for each protocol: editing pulses are 0.5 ppm wide and more."""


@dataclass(frozen=True)
class MacromoleculeConfig:
    """Ranges of the broad signals of a brain.

    Parameters
    ----------
    width_factor : tuple of two float
        Widths relative to the table.
    line_factor : tuple of two float
        Size of each background line by the table's, times the common level, before relaxation.
    t2_s : tuple of two float
        T2 of each background line, drawn for each apart: tens of ms at 3 T (Landheer et al. 2020, Magn Reson Med
        84:2327, doi 10.1002/mrm.28282), widened at both ends.
    te_s : float
        The echo time over which they decay.
    coupled : tuple of two float
        By what couplings multiply the lines below 3.1 ppm in edit_off: about cos(pi J TE) with J of 6 to 8 Hz.
    mobile_factor : tuple of two float
        Where the second is not 0: size of the background lines above 3.1 ppm by the table's, after relaxation. Mobile
        groups there decay slowly, and amino acids' alpha protons add to them.
    mm30_width_hz : tuple of two float
        Gaussian width of the co-edited line at 3.0 ppm.
    mm09_diff : tuple of two float
        What DIFF shows of the line at 0.9 ppm, by its size before any modulation.
    diff_residue : float
        Standard deviation about the fraction of every other background line that its protocol leaves in DIFF
        (couplings of these lines).
    extra_lines : int
    extra_probability, extra_max : float
        How many more lines may stand anywhere from 0.8 to 4.1 ppm, how often each does, and their largest area
        (relative to a proton at 1 mM); small ones are more frequent than large ones, and one in four is negative.
    extra_width_hz : tuple of two float
    lipid_probability, lipid_max : float
        How often, and how large (area relative to a proton at 1 mM), lipid stands in both conditions.
    member_units : bool
        Whether the unit of MM30 is the area of GABA's lines in DIFF of each protocol (`MM30_DIFF_AREA` otherwise), and
        symmetric editing suppresses it as far as its pulses do (`coedited`).
    lorentz_t2_s : tuple of two float
        Where the second is not 0: T2 that gives each background line and the one at 3.0 ppm a Lorentzian width beside
        the Gaussian one, which is the spread of their shifts. 20 to 40 ms (Cudalbu et al. 2021): 8 to 16 Hz.
    second_share : tuple of two float
        Where the second is not 0: share of the area of the lines at 3.0 and 0.9 ppm that stands in a second Gaussian
        each, which gives them shoulders and feet as in spectra with nulled metabolites.
    second_ppm : float
        Standard deviation of its distance.
    second_width_hz : tuple of two float
    """

    width_factor: tuple[float, float] = WIDTH_FACTOR
    line_factor: tuple[float, float] = (0.0, 2.5)
    t2_s: tuple[float, float] = (0.008, 0.09)
    te_s: float = 0.068
    coupled: tuple[float, float] = (-0.2, 0.5)
    mobile_factor: tuple[float, float] = (0.0, 0.0)
    mm30_width_hz: tuple[float, float] = MM30_WIDTH_HZ
    mm09_diff: tuple[float, float] = MM09_DIFF
    diff_residue: float = 0.05
    extra_lines: int = 2
    extra_probability: float = 0.4
    extra_max: float = 16.0
    extra_width_hz: tuple[float, float] = (10.0, 40.0)
    lipid_probability: float = 0.25
    lipid_max: float = 20.0
    member_units: bool = False
    lorentz_t2_s: tuple[float, float] = (0.0, 0.0)
    second_share: tuple[float, float] = (0.0, 0.0)
    second_ppm: float = 0.06
    second_width_hz: tuple[float, float] = (10.0, 45.0)

    def draw(
        self, mm09_mm: NDArray, mm30_mm: NDArray, left_in_diff: NDArray, unforeseen: NDArray, rng: np.random.Generator
    ) -> Lines:
        """Broad lines of spectra; those whose level is zero have none.

        Parameters
        ----------
        mm09_mm, mm30_mm : arrays, shape ``(n,)``
            Level of the background in units of its line at 0.9 ppm, and the co-edited signal.
        left_in_diff : array, shape ``(n, len(GRID_PPM))``
            See `left_in_diff`, of each spectrum's protocol at `GRID_PPM`.
        unforeseen : array, shape ``(n,)``
            Factor on the lines that may stand anywhere, and on lipid.
        """
        n, table = len(mm09_mm), len(BACKGROUND_PPM)
        is_brain = (mm09_mm > 0) | (mm30_mm > 0)

        # the background
        ppm = np.array(BACKGROUND_PPM) + 0.01 * rng.standard_normal((n, table))
        width_hz = np.array(BACKGROUND_WIDTH_HZ) * rng.uniform(*self.width_factor, size=(n, table))
        level = (mm09_mm / BACKGROUND_AREA[0])[:, None] * np.array(BACKGROUND_AREA)
        off = level * rng.uniform(*self.line_factor, size=(n, table))
        off *= np.exp(-self.te_s / rng.uniform(*self.t2_s, size=(n, table)))
        off *= np.where(np.array(BACKGROUND_PPM) < 3.1, rng.uniform(*self.coupled, size=(n, table)), 1.0)
        if self.mobile_factor[1]:
            mobile = level * rng.uniform(*self.mobile_factor, size=(n, table))
            off = np.where(np.array(BACKGROUND_PPM) < 3.1, off, mobile)
        diff = off * self._left(left_in_diff, np.broadcast_to(BACKGROUND_PPM, (n, table)), rng)
        diff[:, 0] = level[:, 0] * rng.uniform(*self.mm09_diff, size=n)

        # what else may stand there
        shape = (n, self.extra_lines)
        extra_ppm, extra_hz = rng.uniform(0.8, 4.1, size=shape), log_uniform(self.extra_width_hz, shape, rng)
        extra = self.extra_max * rng.uniform(size=shape) ** 3 * (rng.uniform(size=shape) < self.extra_probability)
        extra *= np.where(rng.uniform(size=shape) < 0.25, -1.0, 1.0) * (is_brain * unforeseen)[:, None]
        extra_diff = extra * self._left(left_in_diff, extra_ppm, rng)

        # the co-edited line, in DIFF alone
        mm30_ppm = MM30_PPM + 0.01 * rng.standard_normal((n, 1))
        mm30_hz = rng.uniform(*self.mm30_width_hz, size=(n, 1))
        mm30 = (MM30_DIFF_AREA * mm30_mm)[:, None]

        shape = (n, len(LIPID_PPM))
        lipid = rng.uniform(0, self.lipid_max, size=shape) * (rng.uniform(size=(n, 1)) < self.lipid_probability)
        lipid = lipid * (is_brain * unforeseen)[:, None] * np.exp(0.6j * rng.standard_normal(shape))
        lipid_ppm, lipid_hz = LIPID_PPM + 0.02 * rng.standard_normal(shape), rng.uniform(15, 40, size=shape)
        lipid_diff = lipid * 0.05 * rng.standard_normal(shape)

        gauss_hz = np.hstack([width_hz, extra_hz, mm30_hz, lipid_hz])
        area_off = np.hstack([off, extra, np.zeros((n, 1)), lipid])
        lines = Lines(
            area_off,
            area_off + np.hstack([diff, extra_diff, mm30, lipid_diff]),
            np.hstack([ppm, extra_ppm, mm30_ppm, lipid_ppm]),
            np.zeros_like(gauss_hz),
            gauss_hz,
        )
        if self.lorentz_t2_s[1]:
            relaxing = np.r_[np.arange(table), table + self.extra_lines]
            t2_s = rng.uniform(*self.lorentz_t2_s, size=(n, len(relaxing)))
            lines.lorentz_hz[:, relaxing] = 1 / (np.pi * t2_s)
        if not self.second_share[1]:
            return lines
        return self._with_second(lines, [0, table + self.extra_lines], rng)

    def _with_second(self, lines: Lines, columns: list[int], rng: np.random.Generator) -> Lines:
        """Part of the area of some lines in a second Gaussian beside each; the area stays."""
        shape = (len(lines.ppm), len(columns))
        share = rng.uniform(*self.second_share, size=shape)
        away_ppm = self.second_ppm * rng.standard_normal(shape)
        width_hz = log_uniform(self.second_width_hz, shape, rng)

        def split(area: NDArray) -> NDArray:
            second, first = area[:, columns] * share, area.copy()
            first[:, columns] -= second
            return np.hstack([first, second])

        # the centre of gravity stays where it was
        first_ppm = lines.ppm.copy()
        first_ppm[:, columns] -= share * away_ppm
        return Lines(
            split(lines.area_off),
            split(lines.area_on),
            np.hstack([first_ppm, first_ppm[:, columns] + away_ppm]),
            np.hstack([lines.lorentz_hz, lines.lorentz_hz[:, columns]]),
            np.hstack([lines.gauss_hz, width_hz]),
        )

    def _left(self, left_in_diff: NDArray, ppm: NDArray, rng: np.random.Generator) -> NDArray:
        """DIFF over edit_off of lines ``(n, n_lines)``, between the points of `GRID_PPM`; couplings blur it."""
        position = (ppm - GRID_PPM[0]) / (GRID_PPM[1] - GRID_PPM[0])
        low = np.clip(position.astype(int), 0, len(GRID_PPM) - 2)
        part, rows = position - low, np.arange(len(ppm))[:, None]
        exact = (1 - part) * left_in_diff[rows, low] + part * left_in_diff[rows, low + 1]
        return exact + self.diff_residue * rng.standard_normal(ppm.shape)
