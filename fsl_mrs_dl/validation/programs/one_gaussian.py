# SPDX-License-Identifier: Apache-2.0
"""GABA+ as most laboratories measure it: one Gaussian under the line at 3.0 ppm of DIFF, and creatine's line of OFF.

The model of Edden et al. 2014, J Magn Reson Imaging 40:1445, doi 10.1002/jmri.24478: a Gaussian on a straight line from
2.79 to 3.55 ppm in DIFF, and two Lorentzian lines (creatine, choline) on a straight line in OFF.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import curve_fit

from fsl_mrs_dl.core.constants import CHO_PPM, CR_CH3_PPM, GABA_H4_PPM
from fsl_mrs_dl.core.data import EditedSpectra
from fsl_mrs_dl.metabolites.macromolecules import MM30_DIFF_AREA
from fsl_mrs_dl.models.inputs import PpmGrid

NAME = "one_gaussian"

GABA_WINDOW_PPM = (2.79, 3.55)
CR_CHO_WINDOW_PPM = (2.72, 3.40)
CR_PROTONS = 3.0


def one_gaussian(spectra: EditedSpectra) -> dict[str, float]:
    """Amplitudes of GABA+ and of creatine, in the units of the basis (so that their ratio is one of concentrations).

    Parameters
    ----------
    spectra : EditedSpectra
        Referenced and phased; both conditions.

    Returns
    -------
    dict of str to float
        ``GABA+`` and ``Cr`` (which stands for Cr+PCr); empty where a condition is missing or a fit does not converge.
    """
    if spectra.edit_off is None or spectra.diff is None:
        return {}
    grid = PpmGrid()
    off, diff = (grid.evaluate(fid, spectra.dwell_s, spectra.f0_mhz).real for fid in (spectra.edit_off, spectra.diff))
    # of unit size, so that any scale of the data converges alike
    unit = float(np.abs(off).max())
    if not unit > 0:
        return {}
    # twice the area under the real part is where the FID starts: the amplitude
    per_ppm = 2 * unit * spectra.f0_mhz
    try:
        creatine = per_ppm * _creatine_area(grid.ppm, off / unit)
        gaba = per_ppm * _gaba_area(grid.ppm, diff / unit)
    except RuntimeError:  # scipy's word for a fit that does not converge
        return {}
    if not (creatine > 0 and gaba > 0):
        return {}
    return {"GABA+": gaba / MM30_DIFF_AREA, "Cr": creatine / CR_PROTONS}


def _gaba_area(ppm: NDArray, spectrum: NDArray) -> float:
    def model(x: NDArray, height: float, centre: float, sd: float, level: float, slope: float) -> NDArray:
        return height * np.exp(-((x - centre) ** 2) / (2 * sd**2)) + level + slope * (x - GABA_H4_PPM)

    inside = _inside(ppm, GABA_WINDOW_PPM)
    top = float(spectrum[_inside(ppm, (2.95, 3.1))].max())
    height, _, sd, *_ = _fitted(model, ppm[inside], spectrum[inside], [top, GABA_H4_PPM, 0.06, 0.0, 0.0])
    return float(height * abs(sd) * np.sqrt(2 * np.pi))


def _creatine_area(ppm: NDArray, spectrum: NDArray) -> float:
    def model(
        x: NDArray, cr: float, cho: float, shift: float, half_width: float, level: float, slope: float
    ) -> NDArray:
        lines = sum(
            height * half_width**2 / ((x - place - shift) ** 2 + half_width**2)
            for height, place in ((cr, CR_CH3_PPM), (cho, CHO_PPM))
        )
        return lines + level + slope * (x - CR_CH3_PPM)

    inside = _inside(ppm, CR_CHO_WINDOW_PPM)
    top = float(spectrum[_inside(ppm, (2.95, 3.1))].max())
    height, _, _, half_width, *_ = _fitted(model, ppm[inside], spectrum[inside], [top, 0.8 * top, 0.0, 0.02, 0.0, 0.0])
    return float(np.pi * height * abs(half_width))


def _fitted(model: Callable[..., NDArray], ppm: NDArray, spectrum: NDArray, start: list[float]) -> NDArray:
    """Parameters by least squares; `spectrum` is of unit size."""
    found, _ = curve_fit(model, ppm, spectrum, p0=start, maxfev=4000)
    return np.asarray(found)


def _inside(ppm: NDArray, window_ppm: tuple[float, float]) -> NDArray:
    return (ppm >= window_ppm[0]) & (ppm <= window_ppm[1])
