# SPDX-License-Identifier: Apache-2.0
"""The MRSinMRS checklist of a data set, filled from its header and from what the run found.

Lin A, Andronesi O, Bogner W, et al. (2021) Minimum Reporting Standards for in vivo Magnetic Resonance Spectroscopy
(MRSinMRS): Experts' consensus recommendations, NMR Biomed 34:e4484, doi 10.1002/nbm.4484. Numbers and points are
those of its checklist. Keys are those of NIfTI-MRS's header extension and of BIDS sidecars.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fsl_mrs_dl.core.data import EditedSpectra
from fsl_mrs_dl.quantify.result import Quantification
from fsl_mrs_dl.reports.words.checklist import Checklist, Section
from fsl_mrs_dl.reports.words.mrsinmrs_run import analysis, quality
from fsl_mrs_dl.reports.words.mrsinmrs_scan import Header, acquisition, hardware

REFERENCE = (
    "MRSinMRS: Lin et al. 2021, Minimum Reporting Standards for in vivo Magnetic Resonance Spectroscopy, "
    "NMR Biomed 34:e4484, doi 10.1002/nbm.4484"
)


def mrsinmrs(
    quantification: Quantification, spectra: EditedSpectra, options: Mapping[str, Any] | None = None
) -> Checklist:
    """Fill the checklist; what is not known is said to be missing and never guessed.

    Parameters
    ----------
    quantification : Quantification
        Refused: no figure that rests on the network's answer is given.
    spectra : EditedSpectra
        What was quantified, with its header.
    options : mapping, optional
        Arguments of the run (``h2o``, ``tissue``).

    Returns
    -------
    Checklist
    """
    header = Header(spectra.header)
    q, options = quantification, options or {}
    return Checklist(
        name="MRSinMRS",
        reference=REFERENCE,
        site=header.text("", "InstitutionName"),
        sections=(
            Section(1, "Hardware", hardware(header, spectra)),
            Section(2, "Acquisition", acquisition(header, spectra)),
            Section(3, "Data analysis methods and outputs", analysis(header, q, spectra, options)),
            Section(4, "Data quality", quality(q, spectra)),
        ),
    )
