# SPDX-License-Identifier: Apache-2.0
"""The catalogue of flags, from which reports, tables and pages take severity, sentence and meaning."""

from __future__ import annotations

from typing import Literal, NamedTuple

Severity = Literal["info", "caution", "refused"]


class Entry(NamedTuple):
    """What the program says of a flag: how grave it is, what was noticed, and what that means for the numbers."""

    severity: Severity
    sentence: str
    meaning: str


CATALOGUE: dict[str, Entry] = {
    # reading and the order of conditions
    "order_from_header": Entry(
        "info",
        "The order of ON and OFF was taken from the header.",
        "ON and OFF were identified by what the scanner or converter wrote, which is the safest way.",
    ),
    "order_from_naa": Entry(
        "info",
        "The header does not say which condition is OFF; NAA at 2.01 ppm decided.",
        "NAA is saturated in ON, so the condition with the larger NAA line is OFF; check that NAA points down in DIFF.",
    ),
    "order_assumed": Entry(
        "caution",
        "Neither the header nor NAA distinguishes ON from OFF; OFF was assumed to come first.",
        "If the assumption is wrong, DIFF is upside down and GABA must not be used: check that NAA points down in "
        "DIFF.",
    ),
    "order_contradiction": Entry(
        "caution",
        "The header's order of ON and OFF contradicts NAA at 2.01 ppm; NAA was followed.",
        "The converter may have mislabelled the conditions; the values hold if NAA points down in DIFF.",
    ),
    "header_note": Entry(
        "caution",
        "A header entry could not be used.",
        "It is treated as unknown or replaced by a default, and is not compared with the model's training; correct "
        "the header or the sidecar.",
    ),
    "not_edited": Entry(
        "caution",
        "Both conditions show the same spectrum: the editing pulse was off, or far from 1.9 ppm, or one file was "
        "given twice.",
        "DIFF then contains no GABA, so no values are given; check the protocol, and which files were given as ON "
        "and OFF.",
    ),
    "diff_inverted": Entry(
        "caution",
        "The DIFF spectrum was inverted (NAA upright); its sign was changed.",
        "Some programs write OFF minus ON; changing the sign changes no value.",
    ),
    "diff_only": Entry(
        "caution",
        "Only a DIFF was given: it does not show Cr, and raw amplitudes are on the scale of the file (FSL-MRS "
        "halves DIFF).",
        "Ratios are to NAA, not to creatine, and intervals are wider than with both conditions.",
    ),
    "off_only": Entry(
        "caution",
        "Only an edit_off spectrum was given: GABA is estimated from the unedited spectrum.",
        "GABA is hidden under creatine and macromolecules there, so its value says little.",
    ),
    # preprocessing
    "preprocessed_by_fsl": Entry(
        "info",
        "FSL-MRS's own preprocessing combined coils, aligned, averaged and corrected eddy currents.",
        "The average was made by FSL-MRS; its settings belong in the methods of a paper.",
    ),
    "transients_rejected": Entry(
        "info",
        "Transients that differ from the others were left out of the average.",
        "Single transients spoilt by motion or swallowing would bias the average; leaving out a few costs little "
        "signal.",
    ),
    "many_transients_rejected": Entry(
        "caution",
        "More than a quarter of the transients was left out: motion or instability.",
        "The rest may not be from one voxel position; consider excluding the scan or measuring again.",
    ),
    "transients_scatter": Entry(
        "caution",
        "Parts of the scan differ by more than noise; the intervals were widened to match.",
        "After motion or with varying water suppression, a scan is less precise than its average looks; values are "
        "not changed, and the widened intervals show how precise they are.",
    ),
    "drift": Entry(
        "info",
        "The frequency drifted during the measurement and was corrected.",
        "Alignment moves the lines back; the editing pulse was off its target by too little to change the editing "
        "noticeably.",
    ),
    "large_drift": Entry(
        "caution",
        "The frequency drifted by more than 10 Hz; alignment corrects the lines, not where the editing pulse acted.",
        "The editing pulse was off its target in part of the scan, so GABA tends to be too low, and more "
        "macromolecule is edited.",
    ),
    "water_removed": Entry(
        "info",
        "Residual water was removed.",
        "The tail of the water line was modelled and subtracted; metabolites above 4.2 ppm are not used.",
    ),
    "water_suppression_poor": Entry(
        "caution",
        "The residual water was so strong that its removal may have disturbed the lines: check water suppression.",
        "The tail of such a strong water line runs through the whole spectrum and tilts its baseline; look at the "
        "residual, and check water suppression before the next scan.",
    ),
    "eddy_current_uncorrected": Entry(
        "caution",
        "The reference could not be used to correct eddy currents.",
        "Lines may be distorted or asymmetric; give a water reference of the same voxel and scan.",
    ),
    "eddy_current_corrected": Entry(
        "info",
        "Eddy currents were corrected with the reference.",
        "The phase of the water reference was subtracted from the data, which makes lines symmetric.",
    ),
    "reference_coils": Entry(
        "caution",
        "The coils of the water reference differ from those of the data (in number or response): it was used for "
        "eddy currents only, and there are no concentrations by water.",
        "Each coil has its own scale, so data and reference must be combined in the same way; check that both are "
        "from one scan, and either both combined or neither.",
    ),
    "water_unscaled": Entry(
        "info",
        "A DIFF alone has no scale for the water reference (programs write the difference of ON and OFF, or half of"
        " it): there are no concentrations by water.",
        "Ratios are not affected; give OFF and ON for concentrations.",
    ),
    "alignment_failed": Entry(
        "caution",
        "Transients could not be aligned reliably.",
        "Lines may be broader, and creatine may remain in DIFF at 3.0 ppm, beside GABA.",
    ),
    # quality
    "broad_lines": Entry(
        "caution",
        "The lines are broader than the model was trained on, or than 0.1 ppm.",
        "Overlapping lines cannot be separated, and the intervals were not tested for such a width.",
    ),
    "low_snr": Entry(
        "caution",
        "The signal-to-noise ratio is below what the model was trained on.",
        "The intervals were not tested for so much noise; more transients are needed.",
    ),
    "outside_training": Entry(
        "caution",
        "A property of the data lies outside the ranges the model was trained on.",
        "The network has not seen such data, so its intervals may not hold; see the table of training ranges.",
    ),
    "poor_fit": Entry(
        "caution",
        "The spectrum reconstructed from the estimates does not follow the data.",
        "There is signal that no metabolite of the model explains: look for lipid, water or artefact in the residual.",
    ),
    "scale_uncertain": Entry(
        "caution",
        "Only the ratios of the estimates can be right: their common scale does not fit the data.",
        "Use ratios, not raw amplitudes or concentrations by water.",
    ),
    "subtraction_artefact": Entry(
        "caution",
        "DIFF has a subtraction residue or a spurious echo around choline at 3.2 ppm, where it should be empty; "
        "expect the same under GABA at 3.0 ppm.",
        "Creatine that remains at 3.0 ppm, or choline at 3.2 ppm, lies beside GABA and biases it.",
    ),
    "lipid": Entry(
        "caution",
        "Broad signal around 1.3 ppm: lipid from outside the brain, or from the voxel itself.",
        "Lipid overlaps Lac, Ala and the macromolecules at 0.9 to 1.5 ppm, but not GABA and Glx.",
    ),
    "editing_missed": Entry(
        "caution",
        "NAA at 2.0 ppm is left in ON: the editing pulse missed its frequency or was too weak, and GABA is edited "
        "less than the model assumes.",
        "GABA, GABA+ and Glx from DIFF are too low by the share of editing that was lost.",
    ),
    "other_model": Entry(
        "caution",
        "The data look like another kind of sample (brain or solution) than the model was trained on.",
        "A model for the other kind of sample reports metabolites that are not there, or misses some; choose one "
        "with --model (inside FSL-MRS: --algo dl:NAME).",
    ),
    "frequency_uncertain": Entry(
        "caution",
        "No clear reference line: the frequency reference is uncertain.",
        "If the frequency is off by more than 0.05 ppm, lines are mistaken for other metabolites.",
    ),
    "classical_disagrees": Entry(
        "caution",
        "The classical fit of the same spectrum disagrees with the network.",
        "One of the two is wrong: compare the curves before using the value.",
    ),
    "model_chosen": Entry(
        "info",
        "No model was named; it was chosen by whether the sample is a brain or a solution.",
        "A small network recognised the kind of sample from the whole spectrum; --model (inside FSL-MRS: --algo "
        "dl:NAME) overrides its choice.",
    ),
    "model_guessed": Entry(
        "caution",
        "No model was named, and the spectrum does not show clearly whether the sample is a brain or a solution; "
        "the model for the other kind would give other values.",
        "If the guess is wrong, so are the values: name the model, --model invivo for a brain, --model phantom for "
        "a solution (inside FSL-MRS: --algo dl:NAME).",
    ),
    # the answer
    "refused": Entry(
        "refused",
        "The data are not usable for this model; no values are given.",
        "Any number would be a guess; the reason is given, and the report shows the data.",
    ),
    # added later
    "order_from_options": Entry(
        "info",
        "ON and OFF are the files that were given as such.",
        "ON and OFF were identified by the options of the command.",
    ),
    "options_swapped": Entry(
        "caution",
        "The files given as ON and OFF are swapped, according to NAA at 2.01 ppm; NAA was followed.",
        "Swap the two files in the command; the values hold if NAA points down in DIFF.",
    ),
    "receiver_clipped": Entry(
        "caution",
        "The receiver was overloaded: the FID is clipped at its largest value, which distorts every line.",
        "Amplitudes are then wrong by tens of percent; measure again with a lower receiver gain.",
    ),
    "clipped_left_out": Entry(
        "info",
        "Clipped transients, in which the receiver was overloaded, were left out of the average.",
        "The other transients were not clipped; leaving out a few costs little signal.",
    ),
    "reference_clipped": Entry(
        "caution",
        "The water reference overloaded the receiver: it was not used, and there are no concentrations by water.",
        "Eddy currents are then not corrected either; measure water again with a lower receiver gain.",
    ),
    "start_corrected": Entry(
        "info",
        "Acquisition did not start at the echo; the resulting first-order phase was corrected.",
        "A late start makes the phase of a line depend on its distance from water; values hold if the start in the "
        "header is right.",
    ),
    "first_order_phase": Entry(
        "caution",
        "The phase of lines depends on their distance from water, although no header says that acquisition did not "
        "start at the echo.",
        "Half a millisecond moves values by several standard deviations: write AcquisitionStartTime into the "
        "header, or drop the points before the echo.",
    ),
    "centre_moved": Entry(
        "caution",
        "All lines were far from their positions and were moved there: the centre is not the one in the header.",
        "The values hold if NAA, creatine and choline are at 2.01, 3.03 and 3.21 ppm in the figure.",
    ),
    "other_protocol": Entry(
        "caution",
        "The model was not trained on this protocol, and values were requested all the same.",
        "Echo time and editing determine the shape of coupled metabolites: values and intervals are not valid for "
        "this measurement.",
    ),
    "protocol_unknown": Entry(
        "caution",
        "The header does not give the whole protocol: that of the training spectra was assumed.",
        "With another echo time or editing the values would be wrong, and nothing would show it; give it in the "
        "header (EchoTime, EditPulse) or the sidecar.",
    ),
    "line_not_followed": Entry(
        "caution",
        "A line of the spectrum reconstructed from the estimates is larger or smaller than that of the data.",
        "Be careful with values that depend on this line; a line near water may also have been weakened by water "
        "suppression.",
    ),
    "reference_other_scan": Entry(
        "caution",
        "The frequency of the water reference differs from that of the data, as if it were from another session or "
        "scanner: it was not used, and there are no concentrations by water.",
        "Eddy currents are then not corrected either; give the reference of the same session, or correct "
        "SpectrometerFrequency in the header.",
    ),
    "protocol_contradicted": Entry(
        "caution",
        "The spectrum does not match the protocol that the network was given by the basis, the header or the options.",
        "The values assume that protocol; compare echo time, editing pulses and vendor with the scanner's protocol,"
        " or do not give them.",
    ),
    "reference_scale": Entry(
        "caution",
        "By the water reference, concentrations would be impossible: it has another scale than the data, and there are "
        "no concentrations by water.",
        "Ratios are not affected; data and reference must have been measured with the same receiver gain, or scaled by "
        "it, and be converted in the same way.",
    ),
}
"""By code. Every flag that the program can raise stands here. A new one goes to the end, for LCModel's tables number
flags by their place."""

RANKED_CAUTIONS: tuple[str, ...] = (
    # the values may be those of something else
    "not_edited",
    "order_assumed",
    "order_contradiction",
    "options_swapped",
    "receiver_clipped",
    "other_model",
    "other_protocol",
    "protocol_contradicted",
    "model_guessed",
    "centre_moved",
    "frequency_uncertain",
    "scale_uncertain",
    # a bias of GABA is to be expected
    "editing_missed",
    "subtraction_artefact",
    "large_drift",
    "alignment_failed",
    "first_order_phase",
    "many_transients_rejected",
    "water_suppression_poor",
    "lipid",
    "poor_fit",
    "line_not_followed",
    "classical_disagrees",
    # the intervals were not tested for such data
    "outside_training",
    "low_snr",
    "broad_lines",
    "transients_scatter",
    "protocol_unknown",
    # less is told than with complete data
    "off_only",
    "diff_only",
    "diff_inverted",
    "eddy_current_uncorrected",
    "reference_clipped",
    "reference_coils",
    "reference_other_scan",
    "reference_scale",
    "header_note",
)
"""Every caution of `CATALOGUE`, the one that can spoil most first; a convention of ours."""
