# SPDX-License-Identifier: Apache-2.0
"""The methods paragraph for a paper: only what is on record of this run, with the papers behind each step."""

from __future__ import annotations

from dataclasses import dataclass, field

from fsl_mrs_dl.core.data import EditedSpectra
from fsl_mrs_dl.quantify.result import Quantification
from fsl_mrs_dl.reports import tables
from fsl_mrs_dl.reports.words.mrsinmrs_scan import by_fsl, transients

PAPERS = {
    "mega": "Mescher M, Merkle H, Kirsch J, Garwood M, Gruetter R (1998) Simultaneous in vivo spectral editing and "
    "water suppression. NMR Biomed 11:266-272",
    "format": "Clarke WT, Bell TK, Emir UE, et al. (2022) NIfTI-MRS: A standard data format for magnetic resonance "
    "spectroscopy. Magn Reson Med 88:2358-2370, doi 10.1002/mrm.29418",
    "fsl_mrs": "Clarke WT, Stagg CJ, Jbabdi S (2021) FSL-MRS: An end-to-end spectroscopy analysis package. Magn Reson "
    "Med 85:2950-2964, doi 10.1002/mrm.28630",
    "coils": "Rodgers CT, Robson MD (2010) Receive array magnetic resonance spectroscopy: whitened singular value "
    "decomposition (WSVD) gives optimal Bayesian solution. Magn Reson Med 63:881-891, doi 10.1002/mrm.22230",
    "align": "Near J, Edden R, Evans CJ, et al. (2015) Frequency and phase drift correction of magnetic resonance "
    "spectroscopy data by spectral registration in the time domain. Magn Reson Med 73:44-50, doi 10.1002/mrm.25094",
    "robust": "Mikkelsen M, Tapper S, Near J, et al. (2020) Correcting frequency and phase offsets in MRS data using "
    "robust spectral registration. NMR Biomed 33:e4368, doi 10.1002/nbm.4368",
    "eddy": "Klose U (1990) In vivo proton spectroscopy in presence of eddy currents. Magn Reson Med 14:26-30, doi "
    "10.1002/mrm.1910140104",
    "water": "Barkhuijsen H, de Beer R, van Ormondt D (1987) Improved algorithm for noniterative time-domain model "
    "fitting to exponentially damped magnetic resonance signals. J Magn Reson 73:553-557, doi "
    "10.1016/0022-2364(87)90023-0",
    "intervals": "Lei J, G'Sell M, Rinaldo A, Tibshirani RJ, Wasserman L (2018) Distribution-free predictive inference "
    "for regression. J Am Stat Assoc 113:1094-1111, doi 10.1080/01621459.2017.1307116",
    "jackknife": "Efron B, Stein C (1981) The jackknife estimate of variance. Ann Stat 9:586-596, doi "
    "10.1214/aos/1176345462",
    "varpro": "Golub GH, Pereyra V (1973) The differentiation of pseudo-inverses and nonlinear least squares problems "
    "whose variables separate. SIAM J Numer Anal 10:413-432, doi 10.1137/0710036",
    "tissue": "Gasparovic C, Song T, Devier D, et al. (2006) Use of tissue water as a concentration reference for "
    "proton spectroscopic imaging. Magn Reson Med 55:1219-1226, doi 10.1002/mrm.20901",
    "consensus": "Near J, Harris AD, Juchem C, et al. (2021) Preprocessing, analysis and quantification in "
    "single-voxel magnetic resonance spectroscopy: experts' consensus recommendations. NMR Biomed 34:e4257, doi "
    "10.1002/nbm.4257",
}
"""Papers by step."""


@dataclass
class Methods:
    """Sentences, and the papers that they cite in the order of first use."""

    sentences: list[str] = field(default_factory=list)
    cited: list[str] = field(default_factory=list)

    def cite(self, *keys: str) -> str:
        """The numbers of these papers, `` [1, 2]``."""
        self.cited += [key for key in dict.fromkeys(keys) if key not in self.cited]
        return f" [{', '.join(str(self.cited.index(key) + 1) for key in keys)}]"

    @property
    def text(self) -> str:
        """The paragraph."""
        return " ".join(self.sentences)

    @property
    def references(self) -> list[str]:
        """The papers, numbered from 1 in the text."""
        return [PAPERS[key] for key in self.cited]


def methods(q: Quantification, spectra: EditedSpectra) -> Methods:
    """Write the paragraph.

    Parameters
    ----------
    q : Quantification
        Refused: the refusal is all that is said of the analysis.
    spectra : EditedSpectra
        With its history: a step that is not there is not mentioned.
    """
    m = Methods()
    versions = tables.versions()
    facts = [f"{spectra.f0_mhz:.2f} MHz"]
    facts += [f"{k} {1e3 * v:.0f} ms" for k, v in (("TE", spectra.te_s), ("TR", spectra.tr_s)) if v]
    names = {"edit_off": "edit-OFF", "edit_on": "edit-ON", "diff": "difference (DIFF)"}
    m.sentences.append(
        f"GABA-edited MEGA-PRESS{m.cite('mega')} spectra ({', '.join(names[c] for c in spectra.present)}; "
        f"{', '.join(facts)}) in NIfTI-MRS format{m.cite('format')} were analysed with fsl_mrs_dl "
        f"{versions['fsl_mrs_dl']} (Python {versions['python']}, NumPy {versions.get('numpy', '?')}, SciPy "
        f"{versions.get('scipy', '?')}, ONNX Runtime {versions.get('onnxruntime', '?')})."
    )
    steps = _steps(spectra, m)
    if steps:
        m.sentences.append(f"Preprocessing: {'; '.join(steps)}.")
    if q.refused:
        m.sentences.append("The data were refused as unusable for the model; no concentrations are reported.")
        return m
    m.sentences += _analysis(q, m)
    return m


def _steps(spectra: EditedSpectra, m: Methods) -> list[str]:
    steps = []
    if by_fsl(spectra):
        steps.append(f"coil combination, alignment and averaging by FSL-MRS's fsl_mrs_preproc_edit{m.cite('fsl_mrs')}")
    n_coils = spectra.history.n_coils
    if n_coils > 1:
        steps.append(
            f"signals of {n_coils} coils were combined by whitened singular value decomposition{m.cite('coils')}"
        )
    several = {name: found for name, found in transients(spectra).items() if found[0] > 1}
    if several:
        left_out = sum(len(out) for _, out in several.values())
        total = sum(n for n, _ in several.values())
        steps.append(
            f"{total} transients were aligned in frequency and phase by spectral registration to a robust "
            f"target{m.cite('align', 'robust')}, {left_out or 'none'} of them left out as "
            f"outlier{'s' if left_out != 1 else ''}, and averaged with weights"
        )
    if spectra.history.aligned:
        steps.append("edit-ON was aligned to edit-OFF")
    if spectra.history.eddy_corrected:
        steps.append(f"eddy currents were corrected with the water reference{m.cite('eddy')}")
    if spectra.history.water_removed:
        steps.append(f"residual water was removed by HSVD{m.cite('water')}")
    reference = spectra.history.reference
    if reference:
        steps.append(f"frequency and phase were referenced on {names_of(reference.condition)}")
    return steps


def names_of(condition: str) -> str:
    """The condition in words."""
    return {"edit_off": "edit-OFF", "edit_on": "edit-ON", "diff": "DIFF"}.get(condition, condition)


def _analysis(q: Quantification, m: Methods) -> list[str]:
    model = q.model
    version = f", version {model['version']}" if model.get("version") else ""
    training = model.get("training") or {}
    spectra = f"trained on {training['spectra']:,} synthesised spectra" if training.get("spectra") else ""
    if spectra and model.get("staged"):
        spectra += " in its last stage"
    made = ", ".join(part for part in (spectra, f"basis {model['basis']}" if model.get("basis") else "") if part)
    relative = ""
    if q.reference_estimate is not None:
        relative = f" and are given relative to {q.reference_name}"
    intervals = m.cite("intervals")
    groups = q.history.transient_groups
    widened = ""
    if groups:
        widened = f", widened to the jackknife over {groups} groups of transients where that is larger"
        widened += m.cite("jackknife")
    sentences = [
        f"Metabolite amplitudes were estimated by the neural network '{model.get('name', '?')}'{version} (SHA-256 "
        f"{str(model.get('hash', '?'))[:12]}{'; ' + made if made else ''}){relative}.",
        "Intervals are those of the network, calibrated by split conformal prediction on simulated spectra"
        f"{intervals}{widened}; they are not Cramér-Rao bounds.",
        "The spectrum reconstructed from the estimates was compared with the data, with frequency, phase, line shape "
        f"and a spline baseline fitted by variable projection{m.cite('varpro')}.",
    ]
    if q.absolute and q.water.get("corrected"):
        sentences.append(
            "Concentrations by the water reference were corrected for tissue fractions and relaxation"
            f"{m.cite('tissue', 'consensus')}."
        )
    elif q.absolute:
        sentences.append(
            "Values by the water reference are in institutional units, not corrected for tissue or relaxation."
        )
    return sentences
