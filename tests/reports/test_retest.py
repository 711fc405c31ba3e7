# SPDX-License-Identifier: Apache-2.0
"""Test-retest figures against the papers' own examples, closed forms and pingouin."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from fsl_mrs_dl.core.errors import ConfigError
from fsl_mrs_dl.reports.retest import icc_2_1, limits_of_agreement, repeatability

SHROUT_FLEISS = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
"""Table 2 of Shrout and Fleiss 1979: six targets, four judges."""


def made(n=40, k=2, between=1.0, within=0.4, seed=1):
    rng = np.random.default_rng(seed)
    return 10 + between * rng.standard_normal((n, 1)) + within * rng.standard_normal((n, k)) + 0.1 * np.arange(k)


def test_icc_of_shrout_and_fleiss():
    found = icc_2_1(SHROUT_FLEISS)
    # by hand: MSR 56.2083/5, MSC 97.4583/3, MSE 15.2917/15
    rows, columns, error = 56.208333 / 5, 97.458333 / 3, 15.291667 / 15
    assert found.value == pytest.approx((rows - error) / (rows + 3 * error + 4 * (columns - error) / 6), rel=1e-6)
    assert round(found.value, 2) == 0.29
    assert (round(found.low, 2), round(found.high, 2)) == (0.02, 0.76)


def test_icc_of_what_was_drawn_is_the_share_of_variance_between_subjects():
    found = icc_2_1(made(n=4000, k=3) - 0.1 * np.arange(3))
    assert found.value == pytest.approx(1 / (1 + 0.16), abs=0.01)
    assert found.low < 1 / 1.16 < found.high


def test_the_interval_of_icc_holds_the_truth_as_often_as_it_says():
    inside = 0
    for seed in range(400):
        rng = np.random.default_rng(seed)
        # sessions differ at random too, as the model has it
        table = rng.standard_normal((15, 1)) + 0.5 * rng.standard_normal((15, 4)) + 0.3 * rng.standard_normal(4)
        found = icc_2_1(table)
        inside += found.low <= 1 / (1 + 0.25 + 0.09) <= found.high
    assert stats.binomtest(inside, 400, 0.95).pvalue > 1e-3


def test_icc_at_its_ends():
    same = np.repeat(np.arange(5.0)[:, None], 2, axis=1)
    assert icc_2_1(same).value == icc_2_1(same).low == icc_2_1(same).high == 1
    assert np.isnan(icc_2_1(np.ones((4, 2))).value), "nothing varies"
    assert np.isnan(icc_2_1([[1.0, 2.0]]).value), "one subject"
    # agreement, not consistency: a constant difference between repeats lowers it
    assert icc_2_1(same + np.array([0.0, 3.0])).value < 0.5


def test_within_subject_figures_of_two_repeats_have_a_closed_form():
    table = made()
    d = table[:, 1] - table[:, 0]
    found = repeatability(table)
    assert found.sd == pytest.approx(np.sqrt(np.mean(d**2) / 2))
    assert found.cv_percent == pytest.approx(100 * found.sd / table.mean())
    assert found.smallest_change == pytest.approx(1.96 * np.sqrt(2) * found.sd)
    assert np.isnan(repeatability(-table).cv_percent)


def test_limits_of_agreement_of_bland_and_altman():
    # peak expiratory flow of 17 people with a large and a mini meter: Bland and Altman 1986, Table 1
    large = [494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427]
    mini = [512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451]
    found = limits_of_agreement(mini, large)
    assert found.bias == pytest.approx(-2.1, abs=0.05)
    assert found.sd == pytest.approx(38.8, abs=0.05)
    assert found.limits == pytest.approx((-78.1, 73.9), abs=0.1)  # they have 2 in place of 1.96
    assert found.bias95 == pytest.approx((-22.0, 17.8), abs=0.1)


@pytest.mark.parametrize("values", [[1.0, 2.0], [[1.0], [2.0]], [[1.0, np.nan], [2.0, 3.0]], np.zeros((0, 2))])
def test_incomplete_tables_are_refused(values):
    for function in (icc_2_1, repeatability):
        with pytest.raises(ConfigError, match="complete table"):
            function(values)


@pytest.mark.parametrize(("n", "k", "within"), [(20, 2, 0.4), (12, 3, 1.5), (6, 5, 0.2)])
def test_icc_is_that_of_pingouin(n, k, within):
    pingouin = pytest.importorskip("pingouin", reason="pingouin is not installed: pip install '.[dev]'")
    pandas = pytest.importorskip("pandas")
    table = made(n, k, within=within, seed=n)
    long = pandas.DataFrame(
        [(i, j, table[i, j]) for i in range(n) for j in range(k)], columns=["subject", "repeat", "value"]
    )
    theirs = pingouin.intraclass_corr(long, targets="subject", raters="repeat", ratings="value")
    row = theirs[theirs.Type.isin(["ICC2", "ICC(A,1)"])].iloc[0]
    interval = row[next(name for name in ("CI95%", "CI95") if name in theirs.columns)]
    found = icc_2_1(table)
    assert found.value == pytest.approx(float(row.ICC), abs=1e-9)
    # pingouin rounds the ends of the interval
    assert (found.low, found.high) == pytest.approx(tuple(map(float, interval)), abs=0.0051)


def test_mean_squares_are_those_of_statsmodels():
    formula = pytest.importorskip("statsmodels.formula.api", reason="statsmodels is not installed (pingouin brings it)")
    anova = pytest.importorskip("statsmodels.stats.anova")
    pandas = pytest.importorskip("pandas")
    table = made(14, 3, seed=9)
    long = pandas.DataFrame(
        [(str(i), str(j), table[i, j]) for i in range(14) for j in range(3)], columns=["subject", "repeat", "value"]
    )
    found = anova.anova_lm(formula.ols("value ~ C(subject) + C(repeat)", long).fit())
    rows, columns, error = found["mean_sq"]
    expected = (rows - error) / (rows + 2 * error + 3 * (columns - error) / 14)
    assert icc_2_1(table).value == pytest.approx(expected, abs=1e-9)
