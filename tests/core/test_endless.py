# SPDX-License-Identifier: Apache-2.0
"""Results made ahead in processes: in order, and with an end that is said."""

import itertools
import os
import signal

import pytest

from fsl_mrs_dl.core.errors import DataError, FslMrsDlError
from fsl_mrs_dl.core.workers import endless


def squared(index):
    """For processes."""
    if index == 12:
        raise DataError("twelve")
    if index == 32:
        os.kill(os.getpid(), signal.SIGKILL)
    return index**2


def test_endless_results_come_in_order_and_stop_with_an_error():
    made = endless(squared, 3, 2)
    assert list(itertools.islice(made, 9)) == [n**2 for n in range(3, 12)]
    with pytest.raises(DataError, match="twelve"):
        next(made)


def test_a_process_that_is_gone_is_said():
    made = endless(squared, 31, 2)
    assert next(made) == 31**2
    with pytest.raises(FslMrsDlError, match="is gone"):
        next(made)
