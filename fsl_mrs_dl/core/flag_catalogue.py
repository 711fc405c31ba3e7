# SPDX-License-Identifier: Apache-2.0
"""The list of flags: all that a new one needs stands here, and reports, tables and pages read it."""

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
        "ON and OFF were told apart by what the scanner or converter wrote, which is the safest way.",
    ),
    "order_from_naa": Entry(
        "info",
        "The header does not say which condition is OFF; NAA at 2.01 ppm decided.",
        "NAA is saturated in ON, so the condition with the larger NAA line is OFF; look at the NAA line in DIFF, which "
        "has to point down.",
    ),
    "order_assumed": Entry(
        "caution",
        "Neither the header nor NAA tells ON from OFF; OFF first was assumed.",
        "If the assumption is wrong, DIFF is upside down and GABA is not to be used: NAA has to point down in DIFF.",
    ),
    "order_contradiction": Entry(
        "caution",
        "The header's order of ON and OFF contradicts NAA at 2.01 ppm; NAA was followed.",
        "The converter may have mislabelled the conditions; the values hold if NAA points down in DIFF.",
    ),
    "header_note": Entry(
        "caution",
        "An entry of a header could not be used.",
        "What it says is then unknown or a default, and is not compared with what the model was trained on; correct "
        "the header or the sidecar.",
    ),
    "not_edited": Entry(
        "caution",
        "Both conditions show the same spectrum: the editing pulse was off, or far from 1.9 ppm, or one file was given "
        "twice.",
        "DIFF holds nothing of GABA then, so no values are given; check the protocol and which files were given as ON "
        "and OFF.",
    ),
    "diff_inverted": Entry(
        "caution",
        "The DIFF spectrum is inverted (NAA upright); its sign was turned.",
        "Some programs write OFF minus ON; turning the sign changes no value.",
    ),
    "diff_only": Entry(
        "caution",
        "Only a DIFF is there: it does not show Cr, and raw amplitudes are those of the file (FSL-MRS halves DIFF).",
        "Ratios are to NAA, not to creatine, and intervals are wider than with both conditions.",
    ),
    "off_only": Entry(
        "caution",
        "Only an edit_off spectrum is there: GABA is estimated from the unedited spectrum.",
        "GABA lies under creatine and macromolecules there, so its value says little.",
    ),
    # preprocessing
    "preprocessed_by_fsl": Entry(
        "info",
        "Coils, alignment, averages and eddy currents: FSL-MRS's own preprocessing.",
        "The average was made by FSL-MRS; its settings belong in the methods of a paper.",
    ),
    "transients_rejected": Entry(
        "info",
        "Transients that differ from the others were left out of the average.",
        "Single transients spoilt by motion or swallowing would bias the average; leaving few out costs little signal.",
    ),
    "many_transients_rejected": Entry(
        "caution",
        "More than a quarter of the transients was left out: motion or instability.",
        "What is left may not be from one voxel position; consider to exclude the scan or measure again.",
    ),
    "transients_scatter": Entry(
        "caution",
        "The scan differs from part to part by more than its noise: intervals were widened to what transients show.",
        "A head that moved or varying water suppression makes a scan less sure than its average looks; values are not "
        "changed, and the widened intervals tell how sure they are.",
    ),
    "drift": Entry(
        "info",
        "The frequency drifted during the measurement and was corrected.",
        "Alignment puts the lines back; the editing pulse moved with the frequency, by too little to change the "
        "editing noticeably.",
    ),
    "large_drift": Entry(
        "caution",
        "The frequency drifted by more than 10 Hz; alignment corrects the lines, not where the editing pulse acted.",
        "The editing pulse acted off its target in part of the scan, so GABA tends to be read too low and more "
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
        "The tail of so strong a water line runs through the whole spectrum and tilts its baseline; look at the "
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
        "The phase of the water reference was taken off the data, which makes lines symmetric.",
    ),
    "reference_coils": Entry(
        "caution",
        "The coils of the water reference are not those of the data (another number, or they respond otherwise): it "
        "served for eddy currents alone, and there are no concentrations by water.",
        "Each coil has a scale of its own, so that data and reference must be combined alike; check that both are of "
        "one scan, and combined both or neither.",
    ),
    "water_unscaled": Entry(
        "info",
        "A DIFF alone has no scale for the water reference (programs write the difference of ON and OFF, or half of "
        "it): there are no concentrations by water.",
        "Ratios are not touched; give OFF and ON for concentrations.",
    ),
    "alignment_failed": Entry(
        "caution",
        "Transients could not be aligned reliably.",
        "Lines may be broader and creatine may be left in DIFF at 3.0 ppm, beside GABA.",
    ),
    # quality
    "broad_lines": Entry(
        "caution",
        "The lines are broader than the model was trained on, or than 0.1 ppm.",
        "Overlapping lines cannot be told apart, and the intervals were not tested for such a width.",
    ),
    "low_snr": Entry(
        "caution",
        "The signal-to-noise ratio is below what the model was trained on.",
        "The intervals were not tested for so much noise; more transients are needed.",
    ),
    "outside_training": Entry(
        "caution",
        "A property of the data lies outside the ranges the model was trained on.",
        "The network has not seen such data, so its intervals are not assured; see the table of training ranges.",
    ),
    "poor_fit": Entry(
        "caution",
        "The spectrum re-made from the estimates does not follow the data.",
        "There is signal that no metabolite of the model explains: look for lipid, water or artefact in the residual.",
    ),
    "scale_uncertain": Entry(
        "caution",
        "The estimates have the right ratios at best: their common scale does not fit the data.",
        "Use ratios, not raw amplitudes or concentrations by water.",
    ),
    "subtraction_artefact": Entry(
        "caution",
        "Around choline at 3.2 ppm, where DIFF should be empty, stands a residue of subtraction or a spurious echo; "
        "the like is to be expected under GABA at 3.0 ppm.",
        "A rest of creatine at 3.0 ppm or choline at 3.2 ppm lies beside GABA and biases it.",
    ),
    "lipid": Entry(
        "caution",
        "Broad signal around 1.3 ppm: lipid from outside the brain, or from the voxel itself.",
        "Lipid overlaps Lac, Ala and the macromolecules at 0.9 to 1.5 ppm; GABA and Glx stand away from it.",
    ),
    "editing_missed": Entry(
        "caution",
        "NAA at 2.0 ppm is left in ON: the editing pulse missed its frequency or was too weak, and GABA is edited less "
        "than the model assumes.",
        "GABA, GABA+ and Glx of DIFF are read too low by the share of the pulse that was lost.",
    ),
    "other_model": Entry(
        "caution",
        "The data look like another kind of sample (brain or solution) than the model was trained on.",
        "A model of the other kind of sample answers for metabolites that are not there, or knows too few; choose one "
        "with --model (inside FSL-MRS: --algo dl:NAME).",
    ),
    "frequency_uncertain": Entry(
        "caution",
        "No clear reference line: the frequency reference is uncertain.",
        "If the frequency is off by more than 0.05 ppm, lines are read as other metabolites.",
    ),
    "classical_disagrees": Entry(
        "caution",
        "The classical fit of the same spectrum disagrees with the network.",
        "One of the two is wrong: compare the curves before using the value.",
    ),
    "model_chosen": Entry(
        "info",
        "No model was named; it was chosen by whether the sample is a brain or a solution.",
        "A small network that knows both compares the whole spectrum; --model (inside FSL-MRS: --algo dl:NAME) decides "
        "otherwise.",
    ),
    "model_guessed": Entry(
        "caution",
        "No model was named, and the spectrum does not tell clearly whether the sample is a brain or a solution; the "
        "other kind's model would answer otherwise.",
        "If the guess is wrong, so are the values: name the model, --model invivo for a brain, --model phantom for a "
        "solution (inside FSL-MRS: --algo dl:NAME).",
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
        "ON and OFF were told apart by the options of the command.",
    ),
    "options_swapped": Entry(
        "caution",
        "The files given as ON and OFF are swapped, as NAA at 2.01 ppm tells; NAA was followed.",
        "Exchange the two files in the command; the values hold if NAA points down in DIFF.",
    ),
    "receiver_clipped": Entry(
        "caution",
        "The receiver was driven beyond its range: the FID is cut off at its largest value, which distorts every line.",
        "Amplitudes are then wrong by tens of percent; measure again with a lower receiver gain.",
    ),
    "clipped_left_out": Entry(
        "info",
        "Transients that the receiver cut off were left out of the average.",
        "The other transients were not cut off; leaving few out costs little signal.",
    ),
    "reference_clipped": Entry(
        "caution",
        "The receiver was driven beyond its range by the water reference: it was not used, and there are no "
        "concentrations by water.",
        "Eddy currents are then not corrected either; measure water again with a lower receiver gain.",
    ),
    "start_corrected": Entry(
        "info",
        "The first point was not taken at the echo; the phase of first order that this makes was corrected.",
        "A late start turns lines by their distance from water; values hold if the start is right.",
    ),
    "first_order_phase": Entry(
        "caution",
        "Lines are turned by their distance from water, and no header says that the first point was not taken at the "
        "echo.",
        "Half a millisecond moves values by several standard deviations: write AcquisitionStartTime into the header, "
        "or drop the points before the echo.",
    ),
    "centre_moved": Entry(
        "caution",
        "All lines stood far from their places and were moved there: the centre is not the one that the header names.",
        "The values hold if NAA, creatine and choline stand at 2.01, 3.03 and 3.21 ppm in the figure.",
    ),
    "other_protocol": Entry(
        "caution",
        "The protocol is not one that the model was trained on, and the values were asked for all the same.",
        "Echo time and editing decide how coupled metabolites look: values and intervals are not those of this "
        "measurement.",
    ),
    "protocol_unknown": Entry(
        "caution",
        "The header does not tell the whole protocol: that of the training spectra was assumed.",
        "Of another echo time or editing the values would be wrong, and nothing would show it; say it in the header "
        "(EchoTime, EditPulse) or the sidecar.",
    ),
    "line_not_followed": Entry(
        "caution",
        "A line of the spectrum re-made from the estimates is larger or smaller than that of the data.",
        "The values that rest on this line are to be taken with care; a line near water may also have been weakened by "
        "its suppression.",
    ),
    "reference_other_scan": Entry(
        "caution",
        "The frequency of the water reference is not that of the data, as of another session or scanner: it was not "
        "used, and there are no concentrations by water.",
        "Eddy currents are then not corrected either; give the reference of the same session, or correct "
        "SpectrometerFrequency in the header.",
    ),
    "protocol_contradicted": Entry(
        "caution",
        "The spectrum does not look as that of the protocol that the network was told, by the basis, the header or the "
        "options.",
        "Values are read as those of that protocol; compare echo time, editing pulses and vendor with the scanner's, "
        "or say nothing of them.",
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
    "header_note",
)
"""Every caution of `CATALOGUE`, the one that can spoil most first; a convention of ours."""
