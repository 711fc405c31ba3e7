# SPDX-License-Identifier: Apache-2.0
"""How well a measurement repeats: within-subject variation, intraclass correlation, limits of agreement.

Every function takes complete tables, subjects by repeats. The formulas are those of

- Shrout and Fleiss 1979, Psychol Bull 86:420, doi 10.1037/0033-2909.86.2.420, and McGraw and Wong 1996, Psychol Methods
  1:30, doi 10.1037/1082-989X.1.1.30: ICC(2,1), in McGraw and Wong's notation ICC(A,1), with its interval;
- Bland and Altman 1986, Lancet 327:307, doi 10.1016/S0140-6736(86)90837-8: limits of agreement;
- Bland and Altman 1999, Stat Methods Med Res 8:135, doi 10.1177/096228029900800204: within-subject standard deviation
  and repeatability.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from fsl_mrs_dl.core.errors import ConfigError

LEVEL = 0.95
"""Of all intervals and limits."""

_Z = 1.96
"""Normal quantile of the limits of agreement, as Bland and Altman have it."""


@dataclass(frozen=True)
class IntraclassCorrelation:
    """ICC(2,1), two-way random effects, absolute agreement, single measurement, and its 95 % interval.

    Not finite where nothing varies, or with fewer than two subjects.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Agreement:
    """Limits of agreement of two measurements of each subject.

    Parameters
    ----------
    means, differences : array, shape ``(n,)``
        Of the two; second minus first.
    bias : float
        Mean difference.
    sd : float
        Standard deviation of the differences.
    bias95 : tuple of float
        95 % interval of the bias (Student's t).
    limits : tuple of float
        Bias ± 1.96 standard deviations.
    """

    means: NDArray
    differences: NDArray
    bias: float
    sd: float
    bias95: tuple[float, float]
    limits: tuple[float, float]


@dataclass(frozen=True)
class Repeatability:
    """What differs within subjects.

    Parameters
    ----------
    sd : float
        Within-subject standard deviation: the root of the mean variance within subjects.
    cv_percent : float
        The same in percent of the mean of all; not finite where that is not positive.
    smallest_change : float
        Repeatability coefficient, ``1.96 sqrt(2) sd``: 95 % of the differences of two measurements of one subject are
        smaller.
    """

    sd: float
    cv_percent: float
    smallest_change: float


def _table(values: ArrayLike) -> NDArray:
    table = np.asarray(values, float)
    if table.ndim != 2 or table.shape[1] < 2 or table.shape[0] < 1 or not np.isfinite(table).all():
        raise ConfigError(
            "not a complete table of repeated measurements",
            expected="one row per subject, two columns or more, every value finite",
            got=f"shape {table.shape}",
        )
    return table


def icc_2_1(values: ArrayLike) -> IntraclassCorrelation:
    """ICC(2,1) of a complete table.

    Parameters
    ----------
    values : array_like, shape ``(n_subjects, n_repeats)``

    Raises
    ------
    ConfigError
        When a value is missing, or there are fewer than two repeats.

    Notes
    -----
    With the mean squares of rows, columns and error of the two-way analysis of variance, ICC(2,1) is
    ``(MSR - MSE) / (MSR + (k - 1) MSE + k (MSC - MSE) / n)``. The interval is that of McGraw and Wong 1996, Table 7,
    with Satterthwaite's degrees of freedom.
    """
    table = _table(values)
    n, k = table.shape
    nothing = IntraclassCorrelation(math.nan, math.nan, math.nan)
    if n < 2:
        return nothing
    rows, columns, error = _mean_squares(table)
    denominator = rows + (k - 1) * error + k * (columns - error) / n
    if not denominator > 0:
        return nothing
    icc = (rows - error) / denominator
    if not error > 0 and not columns > 0:
        return IntraclassCorrelation(icc, icc, icc)  # every repeat is the same
    low, high = _interval(icc, rows, columns, error, n, k)
    return IntraclassCorrelation(float(icc), low, high)


def _mean_squares(table: NDArray) -> tuple[float, float, float]:
    """Of rows, columns and error in the two-way layout without repetition."""
    n, k = table.shape
    grand = table.mean()
    by_row, by_column = table.mean(axis=1), table.mean(axis=0)
    rest = table - by_row[:, None] - by_column[None, :] + grand
    rows = k * np.sum((by_row - grand) ** 2) / (n - 1)
    columns = n * np.sum((by_column - grand) ** 2) / (k - 1)
    return float(rows), float(columns), float(np.sum(rest**2) / ((n - 1) * (k - 1)))


def _interval(icc: float, rows: float, columns: float, error: float, n: int, k: int) -> tuple[float, float]:
    if not icc < 1:
        return icc, icc
    a = k * icc / (n * (1 - icc))
    b = 1 + k * icc * (n - 1) / (n * (1 - icc))
    freedom = (a * columns + b * error) ** 2 / ((a * columns) ** 2 / (k - 1) + (b * error) ** 2 / ((n - 1) * (k - 1)))
    tail = (1 + LEVEL) / 2
    upper, lower = stats.f.ppf(tail, n - 1, freedom), stats.f.ppf(tail, freedom, n - 1)
    shared = k * columns + (k * n - k - n) * error
    low = n * (rows - upper * error) / (upper * shared + n * rows)
    high = n * (lower * rows - error) / (shared + n * lower * rows)
    return float(low), float(high)


def repeatability(values: ArrayLike) -> Repeatability:
    """Within-subject standard deviation, coefficient of variation and repeatability coefficient of a complete table."""
    table = _table(values)
    sd = float(np.sqrt(np.mean(np.var(table, axis=1, ddof=1))))
    mean = float(table.mean())
    return Repeatability(sd, 100 * sd / mean if mean > 0 else math.nan, _Z * math.sqrt(2) * sd)


def limits_of_agreement(first: ArrayLike, second: ArrayLike) -> Agreement:
    """Bland and Altman's limits for two measurements of each subject, each of shape ``(n,)``."""
    pair = _table(np.column_stack([np.asarray(first, float), np.asarray(second, float)]))
    n = len(pair)
    differences = pair[:, 1] - pair[:, 0]
    bias = float(differences.mean())
    sd = float(differences.std(ddof=1)) if n > 1 else math.nan
    t = float(stats.t.ppf((1 + LEVEL) / 2, n - 1)) if n > 1 else math.nan
    half = t * sd / math.sqrt(n)
    return Agreement(
        means=pair.mean(axis=1),
        differences=differences,
        bias=bias,
        sd=sd,
        bias95=(bias - half, bias + half),
        limits=(bias - _Z * sd, bias + _Z * sd),
    )
