# SPDX-License-Identifier: Apache-2.0
"""Published values of healthy adults, of the same reference as those of the report, to read a value beside."""

from __future__ import annotations

from dataclasses import dataclass

from fsl_mrs_dl.core.data import EditedSpectra
from fsl_mrs_dl.metabolites.macromolecules import MM30_DIFF_AREA
from fsl_mrs_dl.quantify.protocol import acts_on_metabolites
from fsl_mrs_dl.quantify.result import Quantification


@dataclass(frozen=True)
class PublishedRange:
    """Where published values lie.

    Parameters
    ----------
    metabolite : str
    low, high : float
        Ratio to Cr+PCr.
    what : str
        Of whom, and what the ends are.
    note : str
        How it compares with the values here.
    source : str
        Authors, year, journal, DOI.
    """

    metabolite: str
    low: float
    high: float
    what: str
    note: str
    source: str


_CREATINE_CH3_AREA = 3.0
_AREA_RATIO = 2 / (MM30_DIFF_AREA / _CREATINE_CH3_AREA)
"""From GABA+ in half of DIFF over creatine's methyl line, as Gannet has it, to a ratio of concentrations: of equal
concentrations the areas of GABA at 3.0 ppm in DIFF and of that line are `MM30_DIFF_AREA` and 3."""

_GABA_PLUS, _GABA_PLUS_SD = 0.116, 0.014
_GLX, _GLX_SD = 1.329, 0.552

RANGES: dict[str, PublishedRange] = {
    row.metabolite: row
    for row in (
        PublishedRange(
            "GABA+",
            _AREA_RATIO * (_GABA_PLUS - 2 * _GABA_PLUS_SD),
            _AREA_RATIO * (_GABA_PLUS + 2 * _GABA_PLUS_SD),
            "272 healthy adults at 24 sites, mean ± 2 SD",
            f"Published as a ratio of areas, {_GABA_PLUS:g} ± {_GABA_PLUS_SD:g}; times {_AREA_RATIO:.3g} it is one of "
            "concentrations, by the areas of the lines in this program's basis.",
            "Mikkelsen et al. 2017, NeuroImage 159:32-45, doi 10.1016/j.neuroimage.2017.07.021",
        ),
        PublishedRange(
            "Glx",
            _GLX - _GLX_SD,
            _GLX + _GLX_SD,
            "116 published means of healthy adults, mean ± SD between them",
            "Of every sequence, echo time and field strength together, not corrected for relaxation: no more than "
            "the order of magnitude.",
            "Gudmundson et al. 2023, Anal Biochem 676:115227, doi 10.1016/j.ab.2023.115227, results of its database",
        ),
    )
}
"""By metabolite. Nothing stands here whose figures could not be looked up."""

_TESLA_3_MHZ = (115.0, 135.0)
_ECHO_S = (0.060, 0.076)


def published_range(metabolite: str, quantification: Quantification, spectra: EditedSpectra) -> PublishedRange | None:
    """What was published of a metabolite for measurements like this one; None where nothing compares.

    Parameters
    ----------
    metabolite : str
    quantification : Quantification
        Only of a brain, for which the co-edited macromolecule is among the estimates, and relative to Cr+PCr.
    spectra : EditedSpectra
        At 3 T; of GABA+ at an echo time near 68 ms and with macromolecules edited along, not suppressed.
    """
    brain = any(e.name == "MM30" for e in quantification.estimates)
    if not brain or quantification.reference != ("Cr", "PCr") or quantification.reference_estimate is None:
        return None
    if not _TESLA_3_MHZ[0] < spectra.f0_mhz < _TESLA_3_MHZ[1]:
        return None
    if metabolite == "GABA+" and not _edited_like_published(spectra):
        return None
    return RANGES.get(metabolite)


def _edited_like_published(spectra: EditedSpectra) -> bool:
    if spectra.te_s is None or not _ECHO_S[0] <= spectra.te_s <= _ECHO_S[1]:
        return False
    # pulses on both sides of the macromolecule's partner at 1.7 ppm suppress it
    shifts = [pulse["shift_ppm"] for pulse in spectra.edit_pulse.values() if "shift_ppm" in pulse]
    return sum(acts_on_metabolites(shift) for shift in shifts) < 2
