# SPDX-License-Identifier: Apache-2.0
"""All thresholds of `quantify`: when a result has a caution, and when data are refused.

Where the literature has no threshold, `studies/flag_curves.py` made the curve of error against figure from which it
was read (`docs/flags.md`).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """When an answer is given with caution, and when it is refused.

    Parameters
    ----------
    poor_fit, refuse_fit : float
        Share of the signal's power left over by the spectrum reconstructed from the estimates (caution), and by a free
        fit of all known metabolites (refusal). The largest of 69 usable data sets are 0.034 and 0.035, see
        `docs/flags.md`; a failed acquisition has 0.32 and 0.18.
    refuse_both : tuple of float
        Refused is also what the free fit and the estimates both fail to follow: shares of the former and the latter.
    refuse_one_line : float
        Height of the second highest line over the highest of a spectrum that comes alone, below which nothing tells
        what the single line is. DIFFs of 42 solutions have at least 0.056, of brains more.
    refuse_main_line : float
        Height of the highest line of NAA, creatine, glutamate and GABA over the highest of all. A pure solution of
        choline has 0.001.
    refuse_shift_ppm : float
        How far from their places the lines of a spectrum that comes alone may be found: the search ends at 0.4 ppm.
    scale : float
        How far the common factor that fits the network's answer best may lie from 1.
    refuse_snr : float
        Signal-to-noise ratio of the highest line; the highest of some hundred points of noise alone lies near 4.
    refuse_width_factor : float
        Line width over the widest that was trained on.
    visible : float
        Norm of a quantity's signal per unit, relative to the best visible one, below which it is called not visible.
    disagree_sd : float
        Difference of network and classical fit in standard deviations of the network (and 20 % of the value).
    lipid : float
        Height of what the fit leaves around 1.3 ppm, relative to the highest fitted line.
    residue : float
        Root mean square of what the fit leaves of DIFF around choline, relative to the highest fitted line.
    naa_left : float
        Share of NAA's line that is left in ON. A 14 ms pulse at 1.9 ppm leaves nothing; 0.10 is left when it acts
        0.16 ppm too low, and GABA is then edited 15 % less. A pulse that acts too high leaves none either: not seen.
    water : float
        Height of the residual water line over that of the highest metabolite line, before it is removed.
    width_ppm : float
        Line width in ppm: 0.1 is the limit of the consensus of Wilson et al. 2019, Magn Reson Med 82:527 (doi
        10.1002/mrm.27742); GABA+ is off by more than 5 % from 9.7 Hz on in Gannet (Zoellner et al. 2021, NMR
        Biomed 34:e4410, doi 10.1002/nbm.4410).
    """

    poor_fit: float = 0.06
    refuse_fit: float = 0.10
    refuse_both: tuple[float, float] = (0.04, 0.25)
    refuse_one_line: float = 0.03
    refuse_main_line: float = 0.05
    refuse_shift_ppm: float = 0.395
    scale: float = 0.15
    refuse_snr: float = 5.0
    refuse_width_factor: float = 1.8
    visible: float = 0.02
    disagree_sd: float = 4.0
    lipid: float = 0.20
    residue: float = 0.03
    naa_left: float = 0.10
    water: float = 100.0
    width_ppm: float = 0.1


LIMITS = Limits()
"""Those that hold."""
