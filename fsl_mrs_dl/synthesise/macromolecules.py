# SPDX-License-Identifier: Apache-2.0
"""Macromolecules and lipids of brain spectra, as broad lines in both conditions.

The ON pulse at 1.9 ppm does to each line what it does to uncoupled protons there: the lines from 1.4 to 2.3 ppm are
wiped from ON and stand negative in DIFF. The lines at 0.9 and 3.0 ppm are coupled to partners that the pulse touches,
and appear in DIFF (co-editing): Rothman et al. 1993, PNAS 90:5662; Behar et al. 1994, Magn Reson Med 32:294. Positions
and widths: Cudalbu et al. 2021, NMR Biomed 34:e4393, doi 10.1002/nbm.4393.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.sequences import MegaPress
from fsl_mrs_dl.simulate import voigt_decay
from fsl_mrs_dl.synthesise.bank import CENTRE_PPM
from fsl_mrs_dl.synthesise.signals import geometric, rate_of

MM30_PPM, MM09_PPM = 3.00, 0.91
MM30_DIFF_AREA = 1.6
"""Area of one unit of MM30 in DIFF: that of GABA's lines at 3.0 ppm in DIFF with slice profile (0.535 of Cr's three
protons, `benchmarks/simulate.py`), so that GABA+ = GABA + MM30 adds like to like."""

BACKGROUND_PPM = (0.91, 1.21, 1.43, 1.67, 2.04, 2.26, 2.56, 2.70, 3.01, 3.21, 3.75, 3.86, 4.03)
BACKGROUND_AREA = (3.0, 1.2, 1.5, 1.0, 3.0, 1.2, 0.5, 0.4, 1.3, 0.9, 1.0, 0.8, 0.5)
BACKGROUND_WIDTH_HZ = (21.0, 19.0, 16.0, 18.0, 28.0, 20.0, 12.0, 12.0, 15.0, 14.0, 12.0, 15.0, 14.0)
LIPID_PPM = (0.89, 1.30)


@dataclass(frozen=True)
class MacromoleculeConfig:
    """Ranges of the broad signals of a brain.

    Parameters
    ----------
    width_factor : tuple of two float
        Widths relative to the table.
    line_spread : float
        Relative spread of each background line about the common level.
    mm30_width_hz : tuple of two float
        Gaussian width of the co-edited line at 3.0 ppm.
    mm09_diff : tuple of two float
        Fraction of the line at 0.9 ppm that survives in DIFF.
    diff_residue : float
        Standard deviation about the fraction of every other background line that its protocol leaves in DIFF
        (couplings of these lines).
    lipid_probability, lipid_max : float
        How often, and how large (area relative to a proton at 1 mM), lipid stands in both conditions.
    """

    width_factor: tuple[float, float] = (0.8, 1.5)
    line_spread: float = 0.35
    mm30_width_hz: tuple[float, float] = (10.0, 26.0)
    mm09_diff: tuple[float, float] = (0.15, 0.75)
    diff_residue: float = 0.05
    lipid_probability: float = 0.25
    lipid_max: float = 20.0

    def add(
        self,
        off: NDArray,
        diff: NDArray,
        time_s: NDArray,
        f0_mhz: NDArray,
        mm09_mm: NDArray,
        mm30_mm: NDArray,
        left_in_diff: NDArray,
        rng: np.random.Generator,
    ) -> None:
        """Add the broad signals to ``off`` and ``diff`` in place.

        Parameters
        ----------
        off, diff : complex arrays, shape ``(n, n_times)``
            Of brains only.
        time_s : array, shape ``(n, n_times)``
        f0_mhz, mm09_mm, mm30_mm : arrays, shape ``(n,)``
            Level of the background in units of its line at 0.9 ppm, and the co-edited signal.
        left_in_diff : array, shape ``(n, len(BACKGROUND_PPM))``
            See `left_in_diff`, of each spectrum's protocol.
        """
        n = len(off)
        for index, (ppm, area, width_hz) in enumerate(
            zip(BACKGROUND_PPM, BACKGROUND_AREA, BACKGROUND_WIDTH_HZ, strict=True)
        ):
            width = width_hz * rng.uniform(*self.width_factor, size=n)
            spread = np.clip(1 + self.line_spread * rng.standard_normal(n), 0, None) if index else np.ones(n)
            line = _line(time_s, f0_mhz, ppm + 0.01 * rng.standard_normal(n), width)
            line *= (mm09_mm / 3 * area * spread)[:, None].astype(np.float32)
            off += line
            fraction: NDArray = left_in_diff[:, index] + self.diff_residue * rng.standard_normal(n)
            if index == 0:
                fraction = rng.uniform(*self.mm09_diff, size=n)
            diff += line * fraction[:, None].astype(np.float32)
        mm30 = _line(time_s, f0_mhz, MM30_PPM + 0.01 * rng.standard_normal(n), rng.uniform(*self.mm30_width_hz, size=n))
        diff += mm30 * (MM30_DIFF_AREA * mm30_mm)[:, None].astype(np.float32)
        with_lipid = rng.uniform(size=n) < self.lipid_probability
        for ppm in LIPID_PPM:
            amount = np.where(with_lipid, rng.uniform(0, self.lipid_max, size=n), 0.0)
            line = _line(time_s, f0_mhz, ppm + 0.02 * rng.standard_normal(n), rng.uniform(15, 40, size=n))
            line *= (amount * np.exp(0.6j * rng.standard_normal(n)))[:, None].astype(np.complex64)
            off += line
            diff += line * (0.05 * rng.standard_normal(n))[:, None].astype(np.float32)


def left_in_diff(sequence: MegaPress) -> NDArray:
    """DIFF over edit_off of every line of `BACKGROUND_PPM`, were its protons uncoupled; between -1 and 0 or so."""
    ppm = np.array(BACKGROUND_PPM)
    return sequence.survival("edit_on", ppm) / sequence.survival("edit_off", ppm) - 1


def _line(time_s: NDArray, f0_mhz: NDArray, ppm: NDArray, gauss_hz: NDArray) -> NDArray:
    """Gaussian lines of area 1 in the bank's frame, shape of `time_s`."""
    carrier = geometric(rate_of(ppm, CENTRE_PPM, 0.0, f0_mhz, time_s[:, 1]), time_s.shape[1])
    return carrier * voigt_decay(time_s, 0.0, gauss_hz[:, None].astype(np.float32))
