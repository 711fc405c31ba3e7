# SPDX-License-Identifier: Apache-2.0
"""The verdict on a scan, read from its flags: may the values be used, and what is the first thing to look at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from fsl_mrs_dl.core.flag_catalogue import RANKED_CAUTIONS
from fsl_mrs_dl.core.flags import Flag

State = Literal["ok", "look", "refused"]


def _rank(flag: Flag) -> int:
    """The place in `RANKED_CAUTIONS`; one that has none yet stands first, for nobody knows what it spoils."""
    return RANKED_CAUTIONS.index(flag.code) if flag.code in RANKED_CAUTIONS else -1


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

    Refusals go before cautions, cautions by their rank in `RANKED_CAUTIONS`; infos speak against nothing.
    """
    found = tuple(flags)
    refusals = [flag for flag in found if flag.severity == "refused"]
    if refusals:
        return Verdict("refused", refusals[0], len(refusals) - 1)
    cautions = sorted((flag for flag in found if flag.severity == "caution"), key=_rank)
    if cautions:
        return Verdict("look", cautions[0], len(cautions) - 1)
    return Verdict("ok")
