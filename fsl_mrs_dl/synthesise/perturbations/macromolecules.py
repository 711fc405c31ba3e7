# SPDX-License-Identifier: Apache-2.0
"""Macromolecules and lipids of brain spectra, as broad lines in both conditions.

What is known of them: `fsl_mrs_dl.metabolites.macromolecules`. At TE 68 ms the lines' T2, which differ several-fold,
and their couplings leave any mixture of them: each line has its own size here, and a few more stand anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.basis.bank import GABA_PPM, BasisBank
from fsl_mrs_dl.metabolites.macromolecules import (
    BACKGROUND_AREA,
    BACKGROUND_PPM,
    BACKGROUND_WIDTH_HZ,
    GABA_OUTER_HZ,
    LIPID_PPM,
    MM09_DIFF,
    MM30_DIFF_AREA,
    MM30_PPM,
    MM30_WIDTH_HZ,
    WIDTH_FACTOR,
    coedited,
    left_in_diff,
)
from fsl_mrs_dl.synthesise.context import Scene, Stage
from fsl_mrs_dl.synthesise.lines import Lines, side_by_side
from fsl_mrs_dl.synthesise.perturbation import Perturbation
from fsl_mrs_dl.synthesise.signals import log_uniform, within

GRID_PPM = np.arange(0.5, 4.51, 0.05)
"""Where `left_in_diff` is tabulated for each protocol: editing pulses are 0.5 ppm wide and more."""


_COUPLED = np.array(BACKGROUND_PPM) < 3.1
"""Lines that couplings change; those above are the mobile ones."""


@dataclass(frozen=True)
class OfProtocols:
    """What the protocols of a bank make of macromolecules.

    Parameters
    ----------
    left_in_diff : array, shape ``(n_members, len(GRID_PPM))``
        DIFF over edit_off at `GRID_PPM`, see `fsl_mrs_dl.metabolites.macromolecules.left_in_diff`.
    mm30_unit, mm30_left : arrays, shape ``(n_members,)``
        What the co-edited signal is measured by, over `MM30_DIFF_AREA`, and how much of it the editing leaves.
    """

    left_in_diff: NDArray
    mm30_unit: NDArray
    mm30_left: NDArray


class BroadLines(Lines):
    """Lines of tissue: a good scan has them as well."""

    stage = Stage.TISSUE

    def softened(self, factor: NDArray) -> BroadLines:  # noqa: ARG002 -- what a draw makes smaller is so already
        """Themselves."""
        return self


@dataclass(frozen=True)
class MacromoleculeConfig(Perturbation):
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
        How many unforeseen lines there may be, anywhere from 0.8 to 4.1 ppm.
    extra_probability : float
        How often each of them occurs.
    extra_max : float
        Their largest area, relative to a proton at 1 mM; small ones are more frequent than large ones, and one in four
        is negative.
    extra_width_hz : tuple of two float
        Their width.
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
        Its width.
    mobile_t2_s : tuple of two float
        Where the second is not 0: the background lines above 3.1 ppm have the Lorentzian width of a T2 of their own. At
        a long echo time only what relaxes slowly is left, so what is left is narrow.
    mobile_width_factor : tuple of two float
        Their Gaussian widths relative to the table then.
    mobile_ppm : float
        Standard deviation of their places then.
    mobile_diff : float
        Standard deviation of the share of them that editing adds or takes then: the alpha protons of peptides are
        coupled to partners near 2 ppm, as glutamate's are.
    in_range : bool
        Whether MM30 is what stands of that line from 2.8 to 3.2 ppm, by what stands there of GABA's lines, both as wide
        as they are: the area that GABA+ is defined by. All of the line otherwise, its feet too, which a spectrum with a
        baseline hardly tells.
    """

    order = 30

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
    mobile_t2_s: tuple[float, float] = (0.0, 0.0)
    mobile_width_factor: tuple[float, float] = (0.2, 1.2)
    mobile_ppm: float = 0.02
    mobile_diff: float = 0.2
    in_range: bool = False

    def defined(self, drawn: BroadLines, lorentz_hz: NDArray, gauss_hz: NDArray, f0_mhz: NDArray) -> NDArray:
        """What one unit of the drawn MM30 counts by its definition, see `in_range`; shape ``(n,)``.

        Parameters
        ----------
        drawn : BroadLines
        lorentz_hz, gauss_hz : arrays, shape ``(n,)``
            Widths of GABA's lines.
        f0_mhz : array, shape ``(n,)``
        """
        first = len(BACKGROUND_PPM) + self.extra_lines
        columns = (first, first + len(LIPID_PPM) + 2) if self.second_share[1] else (first,)
        broad = drawn.share_within(columns, GABA_PPM, f0_mhz)
        places_ppm = MM30_PPM + np.outer(1 / f0_mhz, GABA_OUTER_HZ)
        narrow = within(places_ppm, lorentz_hz[:, None], gauss_hz[:, None], GABA_PPM, f0_mhz[:, None])
        return broad / narrow.mean(axis=1)

    def of_bank(self, bank: BasisBank) -> OfProtocols:
        """What is the same for all spectra of a protocol."""
        left = np.stack([left_in_diff(protocol, GRID_PPM) for protocol in bank.protocols])
        if not self.member_units:
            return OfProtocols(left, np.ones(bank.n_members), np.ones(bank.n_members))
        return OfProtocols(
            left, bank.gaba_area / MM30_DIFF_AREA, np.array([coedited(protocol) for protocol in bank.protocols])
        )

    def draw(self, scene: Scene, rng: np.random.Generator) -> BroadLines:
        """Broad lines of a batch; spectra whose level is zero have none.

        The level of the background is that of MM09, in units of its line at 0.9 ppm; MM30 is the co-edited signal.
        """
        mm09_mm, mm30_mm = scene.conc_of("MM09"), scene.conc_of("MM30") * scene.of_bank.mm30_unit[scene.member]
        left = scene.of_bank.left_in_diff[scene.member]
        unforeseen = scene.severity * ((mm09_mm > 0) | (mm30_mm > 0))
        lines = side_by_side(
            self._background(mm09_mm, left, rng),
            self._extra(unforeseen, left, rng),
            self._coedited(mm30_mm, rng),
            self._lipid(unforeseen, rng),
        )
        relaxing = np.r_[np.arange(len(BACKGROUND_PPM)), len(BACKGROUND_PPM) + self.extra_lines]
        if self.lorentz_t2_s[1]:
            t2_s = rng.uniform(*self.lorentz_t2_s, size=(scene.n, len(relaxing)))
            lines.lorentz_hz[:, relaxing] = 1 / (np.pi * t2_s)
        if self.mobile_t2_s[1]:
            lines = self._with_mobile(lines, rng)
        if self.second_share[1]:
            lines = self._with_second(lines, relaxing[[0, -1]], rng)
        return BroadLines(lines.area_off, lines.area_on, lines.ppm, lines.lorentz_hz, lines.gauss_hz)

    def _background(self, mm09_mm: NDArray, left: NDArray, rng: np.random.Generator) -> Lines:
        """The lines of the table."""
        shape = n, table = len(mm09_mm), len(BACKGROUND_PPM)
        ppm = np.array(BACKGROUND_PPM) + 0.01 * rng.standard_normal(shape)
        width_hz = np.array(BACKGROUND_WIDTH_HZ) * rng.uniform(*self.width_factor, size=shape)
        level = (mm09_mm / BACKGROUND_AREA[0])[:, None] * np.array(BACKGROUND_AREA)
        off = level * rng.uniform(*self.line_factor, size=shape)
        off *= np.exp(-self.te_s / rng.uniform(*self.t2_s, size=shape))
        off *= np.where(_COUPLED, rng.uniform(*self.coupled, size=shape), 1.0)
        if self.mobile_factor[1]:
            off = np.where(_COUPLED, off, level * rng.uniform(*self.mobile_factor, size=shape))
        diff = off * self._left(left, np.broadcast_to(BACKGROUND_PPM, (n, table)), rng)
        diff[:, 0] = level[:, 0] * rng.uniform(*self.mm09_diff, size=n)
        return _gaussian(off, diff, ppm, width_hz)

    def _extra(self, unforeseen: NDArray, left: NDArray, rng: np.random.Generator) -> Lines:
        """What else may stand there."""
        shape = (len(unforeseen), self.extra_lines)
        ppm, width_hz = rng.uniform(0.8, 4.1, size=shape), log_uniform(self.extra_width_hz, shape, rng)
        off = self.extra_max * rng.uniform(size=shape) ** 3 * (rng.uniform(size=shape) < self.extra_probability)
        off *= np.where(rng.uniform(size=shape) < 0.25, -1.0, 1.0) * unforeseen[:, None]
        return _gaussian(off, off * self._left(left, ppm, rng), ppm, width_hz)

    def _coedited(self, mm30_mm: NDArray, rng: np.random.Generator) -> Lines:
        """The line at 3.0 ppm, in DIFF alone."""
        ppm = MM30_PPM + 0.01 * rng.standard_normal((len(mm30_mm), 1))
        width_hz = rng.uniform(*self.mm30_width_hz, size=ppm.shape)
        return _gaussian(np.zeros(ppm.shape), (MM30_DIFF_AREA * mm30_mm)[:, None], ppm, width_hz)

    def _lipid(self, unforeseen: NDArray, rng: np.random.Generator) -> Lines:
        """Lipid in both conditions, of any phase."""
        shape = n, _ = len(unforeseen), len(LIPID_PPM)
        area = rng.uniform(0, self.lipid_max, size=shape) * (rng.uniform(size=(n, 1)) < self.lipid_probability)
        area = area * unforeseen[:, None] * np.exp(0.6j * rng.standard_normal(shape))
        ppm, width_hz = LIPID_PPM + 0.02 * rng.standard_normal(shape), rng.uniform(15, 40, size=shape)
        return _gaussian(area, area * 0.05 * rng.standard_normal(shape), ppm, width_hz)

    def _with_mobile(self, lines: Lines, rng: np.random.Generator) -> Lines:
        """The background lines above 3.1 ppm as slowly relaxing ones."""
        which = np.flatnonzero(~_COUPLED)
        shape = (len(lines.ppm), len(which))
        ppm, lorentz_hz, gauss_hz, area_on = (
            part.copy() for part in (lines.ppm, lines.lorentz_hz, lines.gauss_hz, lines.area_on)
        )
        ppm[:, which] = np.array(BACKGROUND_PPM)[which] + self.mobile_ppm * rng.standard_normal(shape)
        lorentz_hz[:, which] = 1 / (np.pi * rng.uniform(*self.mobile_t2_s, size=shape))
        gauss_hz[:, which] = np.array(BACKGROUND_WIDTH_HZ)[which] * rng.uniform(*self.mobile_width_factor, size=shape)
        area_on[:, which] += self.mobile_diff * rng.standard_normal(shape) * lines.area_off[:, which]
        return replace(lines, area_on=area_on, ppm=ppm, lorentz_hz=lorentz_hz, gauss_hz=gauss_hz)

    def _with_second(self, lines: Lines, columns: NDArray, rng: np.random.Generator) -> Lines:
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
        return replace(
            lines,
            area_off=split(lines.area_off),
            area_on=split(lines.area_on),
            ppm=np.hstack([first_ppm, first_ppm[:, columns] + away_ppm]),
            lorentz_hz=np.hstack([lines.lorentz_hz, lines.lorentz_hz[:, columns]]),
            gauss_hz=np.hstack([lines.gauss_hz, width_hz]),
        )

    def _left(self, left_in_diff: NDArray, ppm: NDArray, rng: np.random.Generator) -> NDArray:
        """DIFF over edit_off of lines ``(n, n_lines)``, between the points of `GRID_PPM`; couplings blur it."""
        position = (ppm - GRID_PPM[0]) / (GRID_PPM[1] - GRID_PPM[0])
        low = np.clip(position.astype(int), 0, len(GRID_PPM) - 2)
        part, rows = position - low, np.arange(len(ppm))[:, None]
        exact = (1 - part) * left_in_diff[rows, low] + part * left_in_diff[rows, low + 1]
        return exact + self.diff_residue * rng.standard_normal(ppm.shape)


def _gaussian(off: NDArray, diff: NDArray, ppm: NDArray, width_hz: NDArray) -> Lines:
    """Gaussian lines of the areas that edit_off and DIFF show."""
    return Lines(off, off + diff, ppm, np.zeros_like(width_hz), width_hz)
