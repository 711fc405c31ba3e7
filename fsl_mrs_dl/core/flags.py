# SPDX-License-Identifier: Apache-2.0
"""Flags: what the program noticed about the data, in a code for machines and a sentence for people."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

from fsl_mrs_dl.core.errors import ConfigError, nearest

Severity = Literal["info", "caution", "refused"]

CATALOGUE: dict[str, tuple[Severity, str]] = {
    # reading and the order of conditions
    "order_from_header": ("info", "The order of ON and OFF was taken from the header."),
    "order_from_naa": ("info", "The header does not say which condition is OFF; NAA at 2.01 ppm decided."),
    "order_assumed": ("caution", "Neither the header nor NAA tells ON from OFF; OFF first was assumed."),
    "order_contradiction": (
        "caution",
        "The header's order of ON and OFF contradicts NAA at 2.01 ppm; NAA was followed.",
    ),
    "header_note": ("caution", "An entry of a header could not be used."),
    "not_edited": (
        "caution",
        "Both conditions show the same spectrum: the editing pulse was off, or far from 1.9 ppm, or one file was given "
        "twice.",
    ),
    "diff_inverted": ("caution", "The DIFF spectrum is inverted (NAA upright); its sign was turned."),
    "diff_only": (
        "caution",
        "Only a DIFF is there: it does not show Cr, and raw amplitudes are those of the file (FSL-MRS halves DIFF).",
    ),
    "off_only": ("caution", "Only an edit_off spectrum is there: GABA is estimated from the unedited spectrum."),
    # preprocessing
    "preprocessed_by_fsl": ("info", "Coils, alignment, averages and eddy currents: FSL-MRS's own preprocessing."),
    "transients_rejected": ("info", "Transients that differ from the others were left out of the average."),
    "many_transients_rejected": (
        "caution",
        "More than a quarter of the transients was left out: motion or instability.",
    ),
    "transients_scatter": (
        "caution",
        "The scan differs from part to part by more than its noise: intervals were widened to what transients show.",
    ),
    "drift": ("info", "The frequency drifted during the measurement and was corrected."),
    "large_drift": (
        "caution",
        "The frequency drifted by more than 10 Hz; alignment corrects the lines, not where the editing pulse acted.",
    ),
    "water_removed": ("info", "Residual water was removed."),
    "water_suppression_poor": (
        "caution",
        "The residual water was so strong that its removal may have disturbed the lines: check water suppression.",
    ),
    "eddy_current_uncorrected": ("caution", "The reference could not be used to correct eddy currents."),
    "eddy_current_corrected": ("info", "Eddy currents were corrected with the reference."),
    "reference_coils": (
        "caution",
        "The coils of the water reference are not those of the data (another number, or they respond otherwise): it "
        "served for eddy currents alone, and there are no concentrations by water.",
    ),
    "water_unscaled": (
        "info",
        "A DIFF alone has no scale for the water reference (programs write the difference of ON and OFF, or half of "
        "it): there are no concentrations by water.",
    ),
    "alignment_failed": ("caution", "Transients could not be aligned reliably."),
    # quality
    "broad_lines": ("caution", "The lines are broader than the model was trained on, or than 0.1 ppm."),
    "low_snr": ("caution", "The signal-to-noise ratio is below what the model was trained on."),
    "outside_training": ("caution", "A property of the data lies outside the ranges the model was trained on."),
    "poor_fit": ("caution", "The spectrum re-made from the estimates does not follow the data."),
    "scale_uncertain": (
        "caution",
        "The estimates have the right ratios at best: their common scale does not fit the data.",
    ),
    "subtraction_artefact": (
        "caution",
        "Around choline at 3.2 ppm, where DIFF should be empty, stands a residue of subtraction or a spurious echo; "
        "the like is to be expected under GABA at 3.0 ppm.",
    ),
    "lipid": ("caution", "Broad signal around 1.3 ppm: lipid from outside the brain, or from the voxel itself."),
    "editing_missed": (
        "caution",
        "NAA at 2.0 ppm is left in ON: the editing pulse missed its frequency or was too weak, and GABA is edited less "
        "than the model assumes.",
    ),
    "other_model": (
        "caution",
        "The data look like another kind of sample (brain or solution) than the model was trained on.",
    ),
    "frequency_uncertain": ("caution", "No clear reference line: the frequency reference is uncertain."),
    "classical_disagrees": ("caution", "The classical fit of the same spectrum disagrees with the network."),
    "model_chosen": ("info", "No model was named; it was chosen by whether the sample is a brain or a solution."),
    "model_guessed": (
        "caution",
        "No model was named, and the spectrum does not tell clearly whether the sample is a brain or a solution; the "
        "other kind's model would answer otherwise.",
    ),
    # the answer
    "refused": ("refused", "The data are not usable for this model; no values are given."),
    # added later: LCModel's tables number a flag by its place here, so that new ones stand last
    "order_from_options": ("info", "ON and OFF are the files that were given as such."),
    "options_swapped": (
        "caution",
        "The files given as ON and OFF are swapped, as NAA at 2.01 ppm tells; NAA was followed.",
    ),
    "receiver_clipped": (
        "caution",
        "The receiver was driven beyond its range: the FID is cut off at its largest value, which distorts every line.",
    ),
    "clipped_left_out": ("info", "Transients that the receiver cut off were left out of the average."),
    "reference_clipped": (
        "caution",
        "The receiver was driven beyond its range by the water reference: it was not used, and there are no "
        "concentrations by water.",
    ),
    "start_corrected": (
        "info",
        "The first point was not taken at the echo; the phase of first order that this makes was corrected.",
    ),
    "first_order_phase": (
        "caution",
        "Lines are turned by their distance from water, and no header says that the first point was not taken at the "
        "echo.",
    ),
    "centre_moved": (
        "caution",
        "All lines stood far from their places and were moved there: the centre is not the one that the header names.",
    ),
    "other_protocol": (
        "caution",
        "The protocol is not one that the model was trained on, and the values were asked for all the same.",
    ),
    "protocol_unknown": (
        "caution",
        "The header does not tell the whole protocol: that of the training spectra was assumed.",
    ),
    "line_not_followed": (
        "caution",
        "A line of the spectrum re-made from the estimates is larger or smaller than that of the data.",
    ),
    "reference_other_scan": (
        "caution",
        "The frequency of the water reference is not that of the data, as of another session or scanner: it was not "
        "used, and there are no concentrations by water.",
    ),
    "protocol_contradicted": (
        "caution",
        "The spectrum does not look as that of the protocol that the network was told, by the basis, the header or the "
        "options.",
    ),
}
"""Code: (severity, sentence). Every flag that the program can raise stands here."""


@dataclass(frozen=True)
class Flag:
    """One thing noticed.

    Parameters
    ----------
    code : str
        A key of `CATALOGUE`.
    detail : str
        Figures of this case, e.g. ``"13.8 Hz"``; may be empty.

    Raises
    ------
    ConfigError
        When the code is not in the catalogue.
    """

    code: str
    detail: str = ""

    def __post_init__(self) -> None:
        if self.code not in CATALOGUE:
            raise ConfigError(f"unknown flag '{self.code}'{nearest(self.code, CATALOGUE)}")

    @property
    def severity(self) -> Severity:
        """'info', 'caution' or 'refused'."""
        return CATALOGUE[self.code][0]

    @property
    def sentence(self) -> str:
        """The explanation with the figures of this case."""
        text = CATALOGUE[self.code][1]
        return f"{text} ({self.detail})" if self.detail else text

    def to_dict(self) -> dict[str, str]:
        """Code, severity, detail and sentence, for JSON."""
        return {**asdict(self), "severity": self.severity, "sentence": self.sentence}
