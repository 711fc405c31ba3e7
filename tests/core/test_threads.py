# SPDX-License-Identifier: Apache-2.0
"""How many threads linear algebra has, in processes that are not ours."""

from __future__ import annotations

import os

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from fsl_mrs_dl.core.errors import DataError
from fsl_mrs_dl.core.threads import on_one_thread

pytestmark = [
    pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one core has one thread"),
    pytest.mark.usefixtures("two_threads"),
]


def blas_threads() -> set[int]:
    """Of every BLAS that is loaded."""
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


@pytest.fixture
def two_threads():
    """As in a notebook, whatever the environment of the tests says."""
    import scipy.linalg  # noqa: F401  (brings a BLAS of its own)

    with threadpool_limits(limits=2, user_api="blas"):
        assert blas_threads() == {2}
        yield


def test_one_while_it_runs_and_as_many_as_before_afterwards():
    seen = on_one_thread(lambda: blas_threads())()
    assert (seen, blas_threads()) == ({1}, {2})


def test_an_error_gives_them_back_too():
    def fail() -> None:
        raise DataError("no")

    with pytest.raises(DataError):
        on_one_thread(fail)()
    assert blas_threads() == {2}


@pytest.mark.parametrize(
    ("module", "inner", "call"),
    [
        ("fsl_mrs_dl.preprocess.load", "read_acquisition", lambda m: m.load("nowhere.nii.gz")),
        ("fsl_mrs_dl.quantify.chain", "check_protocol", lambda m: m.analyse(None)),
        ("fsl_mrs_dl.api.basis", "_systems", lambda m: m.simulate_basis("nowhere.json")),
    ],
)
def test_what_works_on_a_scan_has_one(monkeypatch, module, inner, call):
    import importlib

    seen: list[set[int]] = []

    def look(*_: object, **__: object) -> None:
        seen.append(blas_threads())
        raise DataError("seen")

    part = importlib.import_module(module)
    monkeypatch.setattr(part, inner, look)
    with pytest.raises(DataError, match="seen"):
        call(part)
    assert seen == [{1}]
