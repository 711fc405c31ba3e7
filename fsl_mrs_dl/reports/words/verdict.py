# SPDX-License-Identifier: Apache-2.0
"""The verdict on a scan, read from its flags: may the values be used, and what is the first thing to look at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from fsl_mrs_dl.core.flags import Flag

State = Literal["ok", "look", "refused"]

CAUTIONS: tuple[str, ...] = (
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
"""Every caution of `fsl_mrs_dl.core.flags.CATALOGUE`, the one that can spoil most first; a convention of ours."""


def _rank(flag: Flag) -> int:
    """The place in `CAUTIONS`; one that has none yet stands first, for nobody knows what it spoils."""
    return CAUTIONS.index(flag.code) if flag.code in CAUTIONS else -1


@dataclass(frozen=True)
class Verdict:
    """What a report says first.

    Parameters
    ----------
    state : {'ok', 'look', 'refused'}
        The gravest severity among the flags: none but infos, a caution, a refusal.
    reason : Flag or None
        The flag that matters most; None where nothing speaks against the values.
    more : int
        Further flags of the same severity.
    """

    state: State
    reason: Flag | None = None
    more: int = 0


def verdict(flags: Iterable[Flag]) -> Verdict:
    """The verdict that `flags` amount to.

    Refusals go before cautions, cautions by their rank in `CAUTIONS`; infos speak against nothing.
    """
    found = tuple(flags)
    refusals = [flag for flag in found if flag.severity == "refused"]
    if refusals:
        return Verdict("refused", refusals[0], len(refusals) - 1)
    cautions = sorted((flag for flag in found if flag.severity == "caution"), key=_rank)
    if cautions:
        return Verdict("look", cautions[0], len(cautions) - 1)
    return Verdict("ok")
