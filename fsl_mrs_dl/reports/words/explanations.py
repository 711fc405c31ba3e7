# SPDX-License-Identifier: Apache-2.0
"""What each flag means for the numbers, in one sentence: the table that all reports take their explanations from."""

from __future__ import annotations

from fsl_mrs_dl.core.flags import Flag

EXPLANATIONS: dict[str, str] = {
    "order_from_header": "ON and OFF were told apart by what the scanner or converter wrote, which is the safest way.",
    "order_from_options": "ON and OFF were told apart by the options of the command.",
    "options_swapped": "Exchange the two files in the command; the values hold if NAA points down in DIFF.",
    "order_from_naa": "NAA is saturated in ON, so the condition with the larger NAA line is OFF; look at the NAA line "
    "in DIFF, which has to point down.",
    "order_assumed": "If the assumption is wrong, DIFF is upside down and GABA is not to be used: NAA has to point "
    "down in DIFF.",
    "order_contradiction": "The converter may have mislabelled the conditions; the values hold if NAA points down in "
    "DIFF.",
    "header_note": "What it says is then unknown or a default, and is not compared with what the model was trained on; "
    "correct the header or the sidecar.",
    "diff_inverted": "Some programs write OFF minus ON; turning the sign changes no value.",
    "diff_only": "Ratios are to NAA, not to creatine, and intervals are wider than with both conditions.",
    "off_only": "GABA lies under creatine and macromolecules there, so its value says little.",
    "preprocessed_by_fsl": "The average was made by FSL-MRS; its settings belong in the methods of a paper.",
    "receiver_clipped": "Amplitudes are then wrong by tens of percent; measure again with a lower receiver gain.",
    "clipped_left_out": "The other transients were not cut off; leaving few out costs little signal.",
    "reference_clipped": "Eddy currents are then not corrected either; measure water again with a lower receiver gain.",
    "transients_rejected": "Single transients spoilt by motion or swallowing would bias the average; leaving few out "
    "costs little signal.",
    "many_transients_rejected": "What is left may not be from one voxel position; consider to exclude the scan or "
    "measure again.",
    "transients_scatter": "A head that moved or varying water suppression makes a scan less sure than its average "
    "looks; values are not changed, and the widened intervals tell how sure they are.",
    "drift": "Alignment puts the lines back; the editing pulse moved with the frequency, by too little to change the "
    "editing noticeably.",
    "large_drift": "The editing pulse acted off its target in part of the scan, so GABA tends to be read too low and "
    "more macromolecule is edited.",
    "start_corrected": "A late start turns lines by their distance from water; values hold if the start is right.",
    "first_order_phase": "Half a millisecond moves values by several standard deviations: write AcquisitionStartTime "
    "into the header, or drop the points before the echo.",
    "centre_moved": "The values hold if NAA, creatine and choline stand at 2.01, 3.03 and 3.21 ppm in the figure.",
    "water_removed": "The tail of the water line was modelled and subtracted; metabolites above 4.2 ppm are not used.",
    "eddy_current_uncorrected": "Lines may be distorted or asymmetric; give a water reference of the same voxel and "
    "scan.",
    "eddy_current_corrected": "The phase of the water reference was taken off the data, which makes lines symmetric.",
    "reference_coils": "Each coil has a scale of its own, so that data and reference must be combined alike; check "
    "that both are of one scan, and combined both or neither.",
    "reference_other_scan": "Eddy currents are then not corrected either; give the reference of the same session, or "
    "correct SpectrometerFrequency in the header.",
    "water_unscaled": "Ratios are not touched; give OFF and ON for concentrations.",
    "alignment_failed": "Lines may be broader and creatine may be left in DIFF at 3.0 ppm, beside GABA.",
    "model_chosen": "A small network that knows both compares the whole spectrum; --model (inside FSL-MRS: --algo "
    "dl:NAME) decides otherwise.",
    "model_guessed": "If the guess is wrong, so are the values: name the model, --model invivo for a brain, --model "
    "phantom for a solution (inside FSL-MRS: --algo dl:NAME).",
    "lipid": "Lipid overlaps Lac, Ala and the macromolecules at 0.9 to 1.5 ppm; GABA and Glx stand away from it.",
    "editing_missed": "GABA, GABA+ and Glx of DIFF are read too low by the share of the pulse that was lost.",
    "not_edited": "DIFF holds nothing of GABA then, so no values are given; check the protocol and which files were "
    "given as ON and OFF.",
    "water_suppression_poor": "The tail of so strong a water line runs through the whole spectrum and tilts its "
    "baseline; look at the residual, and check water suppression before the next scan.",
    "other_model": "A model of the other kind of sample answers for metabolites that are not there, or knows too few; "
    "choose one with --model (inside FSL-MRS: --algo dl:NAME).",
    "broad_lines": "Overlapping lines cannot be told apart, and the intervals were not tested for such a width.",
    "low_snr": "The intervals were not tested for so much noise; more transients are needed.",
    "outside_training": "The network has not seen such data, so its intervals are not assured; see the table of "
    "training ranges.",
    "other_protocol": "Echo time and editing decide how coupled metabolites look: values and intervals are not "
    "those of this measurement.",
    "protocol_contradicted": "Values are read as those of that protocol; compare echo time, editing pulses and vendor "
    "with the scanner's, or say nothing of them.",
    "protocol_unknown": "Of another echo time or editing the values would be wrong, and nothing would show it; say it "
    "in the header (EchoTime, EditPulse) or the sidecar.",
    "poor_fit": "There is signal that no metabolite of the model explains: look for lipid, water or artefact in the "
    "residual.",
    "line_not_followed": "The values that rest on this line are to be taken with care; a line near water may also have "
    "been weakened by its suppression.",
    "scale_uncertain": "Use ratios, not raw amplitudes or concentrations by water.",
    "subtraction_artefact": "A rest of creatine at 3.0 ppm or choline at 3.2 ppm lies beside GABA and biases it.",
    "frequency_uncertain": "If the frequency is off by more than 0.05 ppm, lines are read as other metabolites.",
    "classical_disagrees": "One of the two is wrong: compare the curves before using the value.",
    "refused": "Any number would be a guess; the reason is given, and the report shows the data.",
}
"""Code of `fsl_mrs_dl.core.flags.CATALOGUE`: sentence."""


def explained(flag: Flag) -> dict[str, str]:
    """`Flag.to_dict` with ``meaning``, the explanation."""
    return {**flag.to_dict(), "meaning": EXPLANATIONS.get(flag.code, "")}
