# SPDX-License-Identifier: Apache-2.0
"""Test-retest of a study: rows of the table, and Bland and Altman's drawing of the first two repeats."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fsl_mrs_dl.reports.drawing import Axis, nice_ticks, px
from fsl_mrs_dl.reports.figures import format_value
from fsl_mrs_dl.reports.retest import (
    Agreement,
    IntraclassCorrelation,
    Repeatability,
    icc_2_1,
    limits_of_agreement,
    repeatability,
)
from fsl_mrs_dl.reports.study import Quantity, Repeats, Scan, quantities, repeats

WIDTH, HEIGHT, LEFT, RIGHT = 700.0, 240.0, 70.0, 560.0

COLUMNS: dict[str, dict[str, str]] = {
    "series": {"Description": "Entities of the scans beside participant, session and run"},
    "metabolite": {"Description": "Name as in FSL-MRS; sums: Glx, tNAA, tCho, GABA+"},
    "unit": {"Description": "Unit of the values, as in group_desc-dl_mrsquant.tsv"},
    "kind": {"Description": "What was repeated", "Levels": "sessions (runs averaged) or runs (of one session)"},
    "repeats": {"Description": "Labels of the repeats"},
    "n": {"Description": "Participants who have every repeat; the others are left out"},
    "n_repeats": {"Description": "Number of repeats"},
    "mean": {"Description": "Mean of all", "Units": "that of the row"},
    "within_sd": {
        "Description": "Within-subject standard deviation: root of the mean variance within participants "
        "(Bland and Altman 1999, doi 10.1177/096228029900800204)",
        "Units": "that of the row",
    },
    "within_cv_percent": {"Description": "The same over the mean of all", "Units": "percent"},
    "smallest_change": {
        "Description": "1.96 sqrt(2) within_sd: 95 % of the differences of two measurements of one participant are "
        "smaller",
        "Units": "that of the row",
    },
    "icc": {
        "Description": "ICC(2,1): two-way random effects, absolute agreement, single measurement (Shrout and Fleiss "
        "1979, doi 10.1037/0033-2909.86.2.420)"
    },
    "icc_lo95": {"Description": "Lower end of its 95 % interval (McGraw and Wong 1996, doi 10.1037/1082-989X.1.1.30)"},
    "icc_hi95": {"Description": "Upper end of its 95 % interval"},
    "bias": {
        "Description": "Mean of the second repeat minus the first (Bland and Altman 1986, doi "
        "10.1016/S0140-6736(86)90837-8)",
        "Units": "that of the row",
    },
    "bias_lo95": {"Description": "Lower end of its 95 % interval", "Units": "that of the row"},
    "bias_hi95": {"Description": "Upper end of its 95 % interval", "Units": "that of the row"},
    "agreement_low": {"Description": "Lower limit of agreement, bias - 1.96 SD", "Units": "that of the row"},
    "agreement_high": {"Description": "Upper limit of agreement, bias + 1.96 SD", "Units": "that of the row"},
}
"""Columns of ``group_desc-dl_retest.tsv``, with what its JSON says of them."""


@dataclass(frozen=True)
class Retest:
    """One quantity that was measured more than once, and its figures."""

    quantity: Quantity
    repeats: Repeats
    icc: IntraclassCorrelation
    within: Repeatability
    agreement: Agreement

    def row(self) -> list[str]:
        """Cells of `COLUMNS`; ``n/a`` where a figure does not exist."""
        q, r, a = self.quantity, self.repeats, self.agreement
        figures = (
            *(float(r.table.mean()), self.within.sd, self.within.cv_percent, self.within.smallest_change),
            *(self.icc.value, self.icc.low, self.icc.high, a.bias, *a.bias95, *a.limits),
        )
        words = [q.series or "n/a", q.metabolite, q.unit, r.kind, " ".join(r.labels)]
        numbers = [f"{v:.10g}" if math.isfinite(v) else "n/a" for v in figures]
        return [*words, str(len(r.participants)), str(len(r.labels)), *numbers]


def retests(scans: Sequence[Scan]) -> list[Retest]:
    """Everything of a study that was measured more than once, in the order of its quantities."""
    return [
        Retest(
            quantity,
            found,
            icc_2_1(found.table),
            repeatability(found.table),
            limits_of_agreement(found.table[:, 0], found.table[:, 1]),
        )
        for quantity in quantities(scans)
        for found in repeats(scans, quantity)
    ]


def retest_view(retest: Retest, scans: Sequence[Scan]) -> dict[str, Any]:
    """A row of the table in words, and the drawing."""
    a, icc, within = retest.agreement, retest.icc, retest.within
    return {
        "quantity": retest.quantity,
        "title": retest.quantity.title,
        "kind": retest.repeats.kind,
        "labels": " ".join(retest.repeats.labels),
        "pair": f"{retest.repeats.labels[1]} − {retest.repeats.labels[0]}",
        "n": len(retest.repeats.participants),
        "cv": _figure(within.cv_percent, f"{within.cv_percent:.1f}"),
        "change": format_value(within.smallest_change),
        "icc": _figure(icc.value, f"{icc.value:.2f} ({icc.low:.2f} – {icc.high:.2f})".replace("-", "−")),
        "bias": f"{_signed(a.bias, a.sd)} ({_signed(a.bias95[0], a.sd)} – {_signed(a.bias95[1], a.sd)})",
        "limits": f"{_signed(a.limits[0], a.sd)} – {_signed(a.limits[1], a.sd)}",
        "drawing": _bland_altman(retest, scans),
    }


def _figure(value: float, text: str) -> str:
    return text if math.isfinite(value) else "–"


def _signed(value: float, sd: float) -> str:
    """A difference with its sign, to the second digit of the standard deviation of differences."""
    if not sd > 0:
        return format_value(value).replace("-", "−")
    decimals = max(0, 1 - math.floor(math.log10(sd)))
    return f"{value:+.{decimals}f}".replace("-", "−")


def _bland_altman(retest: Retest, scans: Sequence[Scan]) -> dict[str, Any]:
    a = retest.agreement
    places = {(scan.participant, scan.session): place for place, scan in enumerate(scans)}
    first = retest.repeats.labels[0]
    lines = (a.bias, *a.limits)
    reach = 1.15 * max(float(abs(a.differences).max()), *(abs(v) for v in lines), 1e-12)
    pad = 0.05 * float(a.means.max() - a.means.min()) or 1.0
    x = Axis(float(a.means.min()) - pad, float(a.means.max()) + pad, LEFT, RIGHT)
    y = Axis(-reach, reach, HEIGHT - 40, 8)
    names = ("bias", "−1.96 SD", "+1.96 SD")
    return {
        "points": [
            {"x": px(x(mean)), "y": px(y(difference)), "scan": places.get((who, first), -1), "who": who}
            for who, mean, difference in zip(retest.repeats.participants, a.means, a.differences, strict=True)
        ],
        "lines": [
            {"y": px(y(value)), "name": name, "value": _signed(value, a.sd)}
            for name, value in zip(names, lines, strict=True)
        ],
        "zero": px(y(0.0)),
        "left": px(LEFT),
        "right": px(RIGHT),
        "axis_y": px(HEIGHT - 40),
        "height": px(HEIGHT),
        "width": px(WIDTH),
        "ticks": [{"x": px(x(t)), "label": f"{t:g}"} for t in nice_ticks(x.v0, x.v1, 6)],
        "levels": [{"y": px(y(t)), "label": f"{t:g}"} for t in nice_ticks(-reach, reach, 5)],
        "label": f"Bland-Altman drawing of {retest.quantity.title}: {len(a.means)} participants, "
        f"bias {_signed(a.bias, a.sd)}, limits {_signed(a.limits[0], a.sd)} to {_signed(a.limits[1], a.sd)}",
    }
