# SPDX-License-Identifier: Apache-2.0
"""Ranges and limits of a card are those of its recipe's bank."""

import pytest

from fsl_mrs_dl.basis.bank_config import BankConfig
from fsl_mrs_dl.synthesise.recipe import Recipe
from fsl_mrs_dl.training.limits import known_limits, training_ranges


def test_long_echo_times_and_symmetric_editing_stand_in_the_card():
    short = Recipe(bank=BankConfig(te_s=(0.067, 0.069)))
    long = Recipe(bank=BankConfig(te_s=(0.067, 0.069), long_share=0.2, symmetric_share=0.5))
    assert training_ranges(short)["te_s"] == pytest.approx((0.065, 0.071))
    assert training_ranges(long)["te_s"] == training_ranges(short)["te_s"], "the minority is flagged"
    assert training_ranges(long)["edit_duration_s"] == (0.014, 0.025)
    assert "TE 67.0 to 69.0 ms" in known_limits(short)[0]
    assert "TE 67.0 to 69.0 or 78.0 to 82.0 ms" in known_limits(long)[0]
    assert "1.46 to 1.54 too" in known_limits(long)[0]


def test_a_bank_has_the_shares_that_are_asked_for_and_the_same_members_without():
    plain, none = (BankConfig(n_members=30, seed=3, **extra).draw() for extra in ({}, {"long_te_s": (0.079, 0.08)}))
    assert plain == none
    mixed = BankConfig(n_members=300, seed=3, long_share=0.3, symmetric_share=0.5).draw()
    long = [protocol for protocol, _ in mixed if protocol.te_s > 0.075]
    assert 0.2 < len(long) / 300 < 0.4
    symmetric = [protocol for protocol in long if protocol.edit_off_ppm < 2]
    assert 0.3 < len(symmetric) / len(long) < 0.7
    assert all(protocol.edit_off_ppm > 7 for protocol, _ in mixed if protocol.te_s < 0.075)
    assert max(protocol.edit_duration_s for protocol in long) == 0.025
