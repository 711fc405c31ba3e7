# SPDX-License-Identifier: Apache-2.0
"""What is known of the macromolecules of brain spectra: positions, sizes, widths, and what editing does to them.

The ON pulse at 1.9 ppm does to each line what it does to uncoupled protons there: the lines from 1.4 to 2.3 ppm are
wiped from ON and stand negative in DIFF. The lines at 0.9 and 3.0 ppm are coupled to partners that the pulse touches,
and appear in DIFF (co-editing): Rothman et al. 1993, PNAS 90:5662; Behar et al. 1994, Magn Reson Med 32:294. Positions
and widths: Cudalbu et al. 2021, NMR Biomed 34:e4393, doi 10.1002/nbm.4393.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.core.units import ppm_to_hz
from fsl_mrs_dl.physics.sequences import MegaPress
from fsl_mrs_dl.physics.simulate import voigt_decay

MM30_PPM = 3.00
MM30_DIFF_AREA = 1.6
"""Area of one unit of MM30 in DIFF: that of GABA's lines at 3.0 ppm in DIFF with slice profile (0.535 of Cr's three
protons, `benchmarks/simulate.py`), so that GABA+ = GABA + MM30 adds like to like."""

GABA_OUTER_HZ = (-7.3, 7.3)
"""Where DIFF shows GABA's lines at 3.0 ppm, from `MM30_PPM` on: the outer ones of a triplet (Kaiser et al. 2008, J Magn
Reson 192:24, doi 10.1016/j.jmr.2008.02.012)."""

BACKGROUND_PPM = (0.91, 1.21, 1.43, 1.67, 2.04, 2.26, 2.56, 2.70, 3.01, 3.21, 3.75, 3.86, 4.03)
BACKGROUND_AREA = (3.0, 1.2, 1.5, 1.0, 3.0, 1.2, 0.5, 0.4, 1.3, 0.9, 1.0, 0.8, 0.5)
BACKGROUND_WIDTH_HZ = (21.0, 19.0, 16.0, 18.0, 28.0, 20.0, 12.0, 12.0, 15.0, 14.0, 12.0, 15.0, 14.0)
LIPID_PPM = (0.89, 1.30)
PARTNER_PPM = 1.72
"""Protons that the co-edited macromolecule at 3.0 ppm is coupled to (Behar et al. 1994)."""

_LEAST_OFF = 0.2
WIDTH_FACTOR = (0.8, 1.5)
"""Range of the background's widths relative to the table."""

MM30_WIDTH_HZ = (10.0, 26.0)
"""Range of the Gaussian width of the co-edited line at 3.0 ppm."""

MM09_DIFF = (0.15, 0.75)
"""Range of what DIFF shows of the line at 0.9 ppm, by its size before any modulation."""


def left_in_diff(sequence: MegaPress, ppm: NDArray) -> NDArray:
    """DIFF over edit_off of lines at `ppm`, were their protons uncoupled; between -1 and 0 or so; shape of `ppm`.

    Where symmetric editing wipes a line from edit_off it is at most `1 / _LEAST_OFF` larger in edit_on.
    """
    off = np.maximum(sequence.survival("edit_off", ppm), _LEAST_OFF)
    return sequence.survival("edit_on", ppm) / off - 1


def coedited(sequence: MegaPress) -> float:
    """How much of the line at 3.0 ppm is left in DIFF by what it would be were edit_off not edited; 0 to 1.

    Its partner stands at `PARTNER_PPM`: what the ON pulse does to it the OFF pulse of symmetric editing does too.
    """
    off, on = (float(sequence.survival(c, np.array([PARTNER_PPM]))[0]) for c in ("edit_off", "edit_on"))
    return float(np.clip((off - on) / max(1 - on, 0.05), 0.0, 1.0))


def macromolecule_fid(name: str, condition: str, time_s: NDArray, f0_mhz: float, protocol: MegaPress) -> NDArray:
    """One unit of a macromolecule at the middle of its training range.

    Parameters
    ----------
    name : {'MM30', 'MM09'}
    condition : {'edit_off', 'diff'}
    time_s : array, shape ``(n_points,)``
    f0_mhz : float
    protocol : MegaPress
        What its editing pulses do to the lines decides their part in DIFF.

    Returns
    -------
    complex array, shape ``(n_points,)``
    """
    signal = np.zeros(len(time_s), dtype=complex)
    if name == "MM30":
        if condition == "diff":
            lines = [(MM30_PPM, MM30_DIFF_AREA, float(np.mean(MM30_WIDTH_HZ)))]
        else:
            lines = []
    else:
        lines = [
            (ppm, area / 3, width_hz * float(np.mean(WIDTH_FACTOR)))
            for ppm, area, width_hz in zip(BACKGROUND_PPM, BACKGROUND_AREA, BACKGROUND_WIDTH_HZ, strict=True)
        ]
        if condition == "diff":
            left = left_in_diff(protocol, np.array(BACKGROUND_PPM))
            # the line at 0.9 ppm is co-edited; the others are what the ON pulse wipes out
            left[0] = np.mean(MM09_DIFF)
            lines = [(ppm, area * float(part), width) for (ppm, area, width), part in zip(lines, left, strict=True)]
    for ppm, area, width_hz in lines:
        carrier = np.exp(2j * np.pi * ppm_to_hz(ppm, f0_mhz) * time_s)
        signal += area * carrier * voigt_decay(time_s, 0.0, width_hz)
    return signal
