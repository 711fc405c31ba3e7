# SPDX-License-Identifier: Apache-2.0
"""How chemical shifts move with temperature, relative to DSS, at pH 7.

Metabolites: Wermter FC et al. (2026) 1H NMR chemical shifts and J-coupling constants dependence on temperature and pH,
NMR Biomed 39:e70239, doi 10.1002/nbm.70239, Supporting Information Table S1, as transcribed in MRSandbox 0.1.3
(database/shifts.py, MIT licence): the mean slope of the fitted functions between 20 and 37 degrees Celsius. Left out
are two protons of Gln whose functions are misprinted there. The linear coefficient of GABA's CH2 at 3.01 ppm is taken
with the other sign than printed: only so does the function give that shift at 37 degrees (3.015, not 2.955 ppm).

Water: 7.83 - T / 96.9 ppm, T in kelvin (Cavanagh J et al. (2007) Protein NMR Spectroscopy, 2nd ed., Academic Press).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

TABLE_TEMPERATURE_C = 37.0
"""Temperature of the shifts in ``systems.json``, degrees Celsius."""

PPM_PER_K: Mapping[str, tuple[tuple[float, float], ...]] = MappingProxyType(
    {
        "Ala": ((3.775, 2.2e-4), (1.467, 7e-5)),
        "Asp": ((3.891, 1.8e-4), (2.801, -1.1e-4), (2.653, -6.1e-4)),
        "Cr": ((3.027, 2.1e-4), (3.913, -4.4e-4), (6.649, -4.94e-3)),
        "GABA": ((2.284, -4e-5), (1.888, -3e-5), (3.013, 7.1e-4)),
        "Gln": ((3.753, -3.5e-4), (2.129, 1.6e-4), (2.432, 4.8e-4), (2.454, 1.4e-4), (6.816, -5.42e-3)),
        "Glu": ((3.743, -1.9e-4), (2.038, -3.3e-4), (2.120, 2.5e-4), (2.338, 4.5e-4), (2.352, 1.3e-4)),
        "Gly": ((3.548, -2e-5),),
        "H2O": ((4.65, -1 / 96.9),),
        "Ins": ((3.522, -9e-5), (4.054, 3.0e-4), (3.614, 2.9e-4), (3.269, 2.6e-4)),
        "Lac": ((4.097, -5.0e-4), (1.314, -1.7e-4)),
        "NAA": ((2.008, -4e-5), (4.382, 1.1e-4), (2.673, -6.6e-4), (2.486, -2e-5), (7.821, -8.23e-3)),
        "PCr": ((3.029, -5e-5), (3.930, -7.4e-4), (6.581, -3.89e-3), (7.296, -4.14e-3)),
        "Tau": ((3.421, 1.9e-4), (3.246, -2.3e-4)),
    }
)
"""Molecule: shift in the table (ppm) and how it moves (ppm per kelvin). Others are not known to us."""

SAME_PPM = 0.006
"""A spin within this of a shift of `PPM_PER_K` is that one."""


def moved_ppm(molecule: str, shift_ppm: float, temperature_c: float) -> float:
    """A shift of the table at another temperature; as it is where no coefficient is known.

    Parameters
    ----------
    molecule : str
    shift_ppm : float
        At `TABLE_TEMPERATURE_C`.
    temperature_c : float
    """
    for place_ppm, slope in PPM_PER_K.get(molecule, ()):
        if abs(shift_ppm - place_ppm) < SAME_PPM:
            return shift_ppm + slope * (temperature_c - TABLE_TEMPERATURE_C)
    return shift_ppm
