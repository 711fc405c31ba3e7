# SPDX-License-Identifier: Apache-2.0
"""LCModel's tables number flags: readers of them keep what a number meant."""

from fsl_mrs_dl.core.flag_catalogue import CATALOGUE

FIRST = [
    "order_from_header",
    "order_from_naa",
    "order_assumed",
    "order_contradiction",
    "header_note",
    "not_edited",
    "diff_inverted",
    "diff_only",
    "off_only",
    "preprocessed_by_fsl",
    "transients_rejected",
    "many_transients_rejected",
    "transients_scatter",
    "drift",
    "large_drift",
    "water_removed",
    "water_suppression_poor",
    "eddy_current_uncorrected",
    "eddy_current_corrected",
    "reference_coils",
    "water_unscaled",
    "alignment_failed",
    "broad_lines",
    "low_snr",
    "outside_training",
    "poor_fit",
    "scale_uncertain",
    "subtraction_artefact",
    "lipid",
    "editing_missed",
    "other_model",
    "frequency_uncertain",
    "classical_disagrees",
    "model_chosen",
    "model_guessed",
    "refused",
]


def test_numbers_of_flags_stay():
    assert list(CATALOGUE)[: len(FIRST)] == FIRST
