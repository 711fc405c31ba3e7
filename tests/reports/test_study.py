# SPDX-License-Identifier: Apache-2.0
"""A study as data: quantities, outliers, groupings, what was repeated, the table of scans."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fsl_mrs_dl.reports.html.repeated import COLUMNS, retests
from fsl_mrs_dl.reports.scan_table import scan_table, scan_table_description
from fsl_mrs_dl.reports.study import (
    Figures,
    Grouping,
    Quantity,
    Value,
    far_from_others,
    groupings,
    measured,
    quantities,
    repeats,
)
from tests.study_helpers import GABA, scan, study


def of(*numbers):
    return {f"scan{place}": Value(v, v, v) for place, v in enumerate(numbers)}


def test_quantities_are_ratios_first_and_in_the_order_of_the_reader():
    one = scan(1, Glx=1.0, GABA=0.2, Ala=0.1)
    more = {("GABA", "i.u."): Value(2, 1, 3), ("GABA", "raw"): Value(7, 6, 8)}
    one = replace(one, values={**one.values, **more})
    assert [q.title for q in quantities([one])] == ["GABA /Cr+PCr", "Glx /Cr+PCr", "GABA i.u."]
    apart = [scan(1, series="voi-a", GABA=0.2), scan(1, series="voi-b", GABA=0.3)]
    assert [(q.series, q.metabolite) for q in quantities(apart)] == [("voi-a", "GABA"), ("voi-b", "GABA")]
    assert list(measured(apart, Quantity("voi-b", "/Cr+PCr", "GABA"))) == ["sub-01_voi-b"]


def test_far_values_are_found_and_only_with_enough_scans():
    assert far_from_others(of(0.24, 0.25, 0.26, 0.245, 0.255, 2.0)) == {"scan5"}
    assert far_from_others(of(0.24, 0.25, 0.26, 0.245, 0.255, 0.25)) == set()
    assert far_from_others(of(0.24, 0.25, 0.26, 2.0)) == set(), "too few to tell"
    assert far_from_others(of(1, 1, 1, 1, 5)) == set(), "half of them are the same"


def test_figures_have_closed_forms():
    f = Figures.of([Value(1.0, 0.5, 1.5), Value(3.0, 2.0, 5.0)])
    assert (f.n, f.median, f.mean, f.quartiles) == (2, 2.0, 2.0, (1.5, 2.5))
    assert f.sd == pytest.approx(np.sqrt(2))
    assert f.cv_percent == pytest.approx(50 * np.sqrt(2))
    assert f.interval_width == 2.0
    assert np.isnan(Figures.of([Value(1.0, 0.5, 1.5)]).sd)


def test_groupings_are_columns_that_tell_scans_apart():
    found = {g.name: g for g in groupings(study())}
    assert set(found) == {"session", "site", "sex", "age"}
    assert found["session"] == Grouping("session", ("ses-1", "ses-2"))
    assert found["age"].numeric
    few = [scan(k, GABA=1.0, columns={"dose": str(d), "same": "x"}) for k, d in enumerate((10, 9, 100, 9))]
    assert groupings(few) == [Grouping("dose", ("9", "10", "100"))]
    many = [scan(k, GABA=1.0, columns={"code": f"c{k}"}) for k in range(40)]
    assert groupings(many) == []


def test_sessions_are_repeats_and_incomplete_participants_are_left_out():
    scans = [scan(1, "a", GABA=1.0), scan(1, "b", GABA=2.0), scan(2, "a", GABA=3.0), scan(2, "b", GABA=4.0)]
    scans += [scan(3, "a", GABA=5.0), scan(3, "c", GABA=9.0), scan(4, "a", GABA=6.0)]
    (found,) = repeats(scans, GABA)
    assert (found.kind, found.labels, found.participants) == ("sessions", ("ses-a", "ses-b"), ("sub-01", "sub-02"))
    np.testing.assert_array_equal(found.table, [[1, 2], [3, 4]])
    assert repeats(scans[:2], GABA) == [], "one participant tells nothing"


def test_runs_of_a_session_are_averaged_between_sessions_and_compared_within_one():
    scans = [
        scan(subject, session, run=run, GABA=10 * subject + session + 0.1 * run)
        for subject in (1, 2)
        for session in (1, 2)
        for run in (1, 2)
    ]
    sessions, runs = repeats(scans, GABA)
    np.testing.assert_allclose(sessions.table, [[11.15, 12.15], [21.15, 22.15]])
    assert (runs.kind, runs.labels) == ("runs", ("run-1", "run-2"))
    np.testing.assert_allclose(runs.table, [[11.1, 11.2], [21.1, 21.2]])


def test_rows_of_the_retest_table_follow_its_columns():
    found = retests(study())
    assert [r.quantity.metabolite for r in found] == ["GABA", "Glx"]
    row = dict(zip(COLUMNS, found[0].row(), strict=True))
    assert (row["n"], row["n_repeats"], row["repeats"]) == ("11", "2", "ses-1 ses-2")
    table = found[0].repeats.table
    assert float(row["bias"]) == pytest.approx(np.mean(table[:, 1] - table[:, 0]))
    assert float(row["within_cv_percent"]) == pytest.approx(
        100 * np.sqrt(np.mean(np.diff(table, axis=1) ** 2) / 2) / table.mean()
    )
    constant = [scan(k, s, GABA=1.0) for k in (1, 2) for s in (1, 2)]
    assert dict(zip(COLUMNS, retests(constant)[0].row(), strict=True))["icc"] == "n/a"


def test_the_table_of_scans_has_a_description_of_each_of_its_columns():
    scans = study()
    head, *rows = scan_table(scans)
    described = scan_table_description(scans)
    assert set(head) == set(described)
    assert all("Description" in column for column in described.values())
    assert {len(row) for row in rows} == {len(head)}
    by_name = {row[head.index("scan")]: dict(zip(head, row, strict=True)) for row in rows}
    refused = by_name["sub-03_ses-2"]
    assert (refused["verdict"], refused["GABA /Cr+PCr"], refused["cautions"]) == ("refused", "n/a", "low_snr")
    assert by_name["sub-05_ses-1"]["far"] == "GABA /Cr+PCr, Glx /Cr+PCr"
    assert by_name["sub-07_ses-1"]["verdict"] == "look"
    assert by_name["sub-01_ses-1"]["verdict"] == "ok"
    twice = [scan(1, GABA=1.0, flags=("outside_training", "low_snr", "outside_training"))]
    head, row = scan_table(twice)
    assert row[head.index("cautions")] == "outside_training, low_snr"
    tabbed = [scan(1, GABA=1.0, columns={"note": "a\tb\nc", "scan": "mine"})]
    head, row = scan_table(tabbed)
    assert row[head.index("note")] == "a b c"
    assert head.count("scan") == 1
