# SPDX-License-Identifier: Apache-2.0
"""Ranges and limits of a card are those of its recipe's bank."""

import shutil

import pytest

from fsl_mrs_dl.basis.bank_config import BankConfig
from fsl_mrs_dl.models.folder import open_model
from fsl_mrs_dl.synthesise.recipe import Recipe
from fsl_mrs_dl.training.limits import add_limits, known_limits, limits_of_errors, limits_of_validation, training_ranges


def test_long_echo_times_and_symmetric_editing_stand_in_the_card():
    short = Recipe(bank=BankConfig(te_s=(0.067, 0.069)))
    long = Recipe(bank=BankConfig(te_s=(0.067, 0.069), long_share=0.2, symmetric_share=0.5))
    assert training_ranges(short)["te_s"] == pytest.approx((0.065, 0.071))
    assert training_ranges(long)["te_s"] == training_ranges(short)["te_s"], "the minority is flagged"
    assert training_ranges(long)["edit_duration_s"] == (0.014, 0.025)
    assert "TE 67.0 to 69.0 ms" in known_limits(short)[0]
    assert "TE 67.0 to 69.0 or 78.0 to 82.0 ms" in known_limits(long)[0]
    assert "at the longer TE also 1.46 to 1.54" in known_limits(long)[0]


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


def test_what_is_told_no_better_than_by_a_constant_is_a_limit():
    good, poor = ({"mae_mm": mae, "mae_constant_mm": 1.0} for mae in (0.2, 0.97))
    assert limits_of_errors({"brain": {"NAA": good}, "solution": {"NAA": good}}) == ()
    (limit,) = limits_of_errors({"brain": {"NAA": good, "Lac": poor, "Ala": poor}})
    assert limit == "hardly better than a constant guess on simulated spectra of a brain: Lac, Ala"


def test_intervals_that_hold_badly_on_other_protocols_are_a_limit():
    def scores(mae, coverage95):
        return {"mae": mae, "mae_constant": 0.2, "coverage95": coverage95}

    assert limits_of_validation({"GABA": scores(0.02, 0.94), "NAA": scores(0.02, None)}) == ()
    errors, intervals = limits_of_validation({"GABA": scores(0.02, 0.81), "NAA": scores(0.21, 0.95)})
    assert errors.endswith("protocols that were not trained on: NAA")
    assert intervals.endswith("they hold GABA 81 %")


def test_a_model_that_hardly_learned_says_so_in_a_warning_and_its_card(tiny_config, tiny_model, tmp_path, caplog):
    from dataclasses import replace

    from fsl_mrs_dl.training.config import read_config
    from fsl_mrs_dl.training.run import train

    config = read_config(tiny_config)
    shutil.copytree(tiny_model / "bank", tmp_path / "bank")
    train(replace(config, optimiser=replace(config.optimiser, n_steps=1, warmup_steps=0)), tmp_path)
    known = [limit for limit in open_model(tmp_path).card.known_limits if "constant guess" in limit]
    assert known
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == [
        f"warning: {limit}" for limit in known
    ]
    add_limits(tmp_path, ["one more", known[0]])
    assert open_model(tmp_path).card.known_limits[-1] == "one more"
    assert open_model(tmp_path).card.known_limits.count(known[0]) == 1
