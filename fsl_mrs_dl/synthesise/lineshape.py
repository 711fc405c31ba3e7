# SPDX-License-Identifier: Apache-2.0
"""Line shapes that keep the area: Voigt lines common to all, each metabolite's own T2 and shift, asymmetric shim."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.simulate import voigt_decay
from fsl_mrs_dl.synthesise.signals import geometric, log_uniform


@dataclass(frozen=True)
class LineShapeConfig:
    """Ranges of line shapes; zero ranges leave the signal as it is.

    Parameters
    ----------
    width_hz, brain_width_hz : tuple of two float
        Full width at half maximum common to all lines, of solutions and of brains, drawn log-uniformly.
    gauss_share : tuple of two float
        Share of the width that is Gaussian, the rest is Lorentzian.
    own_lorentz_hz : tuple of two float
        Extra Lorentzian width of each metabolite, 1 / (pi T2) for T2 from 0.13 to 1 s (Wyss et al. 2018, Magn
        Reson Med 80:452, doi 10.1002/mrm.27067).
    own_shift_ppm : float
        Standard deviation of each metabolite's own shift (temperature, pH).
    asymmetry : float
        Standard deviation of the relative size of a second, shifted component of the field distribution.
    asymmetry_hz : tuple of two float
        How far away it is.
    """

    width_hz: tuple[float, float] = (0.3, 12.0)
    brain_width_hz: tuple[float, float] = (1.5, 13.0)
    gauss_share: tuple[float, float] = (0.0, 1.0)
    own_lorentz_hz: tuple[float, float] = (0.3, 2.5)
    own_shift_ppm: float = 0.002
    asymmetry: float = 0.1
    asymmetry_hz: tuple[float, float] = (1.0, 6.0)

    def own_factors(
        self, shape: tuple[int, int], n_times: int, dwell_s: NDArray, f0_mhz: NDArray, rng: np.random.Generator
    ) -> NDArray:
        """Each metabolite's decay and shift over time: complex64, shape ``(n, n_metabolites, n_times)``."""
        lorentz_hz = rng.uniform(*self.own_lorentz_hz, size=shape)
        shift_hz = self.own_shift_ppm * rng.standard_normal(shape) * f0_mhz[:, None]
        rate = (2j * np.pi * shift_hz - np.pi * lorentz_hz) * dwell_s[:, None]
        return geometric(rate, n_times)

    def common_decay(self, time_s: NDArray, is_brain: NDArray, rng: np.random.Generator) -> NDArray:
        """The decay common to all lines.

        Parameters
        ----------
        time_s : array, shape ``(n, n_times)``
        is_brain : bool array, shape ``(n,)``

        Returns
        -------
        decay : complex array, shape ``(n, n_times)``; 1 at time 0
        """
        n = len(time_s)
        width_hz = np.where(is_brain, log_uniform(self.brain_width_hz, n, rng), log_uniform(self.width_hz, n, rng))
        share = rng.uniform(*self.gauss_share, size=n)
        lorentz_hz, gauss_hz = (1 - share) * width_hz, share * width_hz
        decay = voigt_decay(time_s, lorentz_hz[:, None].astype(np.float32), gauss_hz[:, None].astype(np.float32))
        size = np.abs(self.asymmetry * rng.standard_normal(n))[:, None]
        # a shoulder cannot lie further away than the line is wide by much: scaled with the width
        away_hz = np.sign(rng.standard_normal(n)) * np.minimum(rng.uniform(*self.asymmetry_hz, size=n), width_hz)
        dwell_s, n_times = time_s[:, 1], time_s.shape[1]
        shoulder = geometric(2j * np.pi * away_hz * dwell_s, n_times)
        # the centre of gravity stays where the line was
        centred = geometric(-2j * np.pi * size[:, 0] * away_hz / (1 + size[:, 0]) * dwell_s, n_times)
        shape = (1 + size.astype(np.float32) * shoulder) / (1 + size).astype(np.float32)
        return decay * shape * centred
