# SPDX-License-Identifier: Apache-2.0
"""A BIDS run that is killed at any moment ends, once repeated, with the bytes of one that was not."""

import os
import random
import subprocess
import sys
import time

import pytest

from fsl_mrs_dl.bids.scratch import remove_leftovers, scratch_folder
from tests.test_bids import call, digests, make_dataset


def test_leftovers_of_dead_processes_go_and_those_of_others_stay(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", "pass"])
    dead.wait()
    own = scratch_folder(tmp_path)
    gone = tmp_path / own.name.replace(f"-{os.getpid()}-", f"-{dead.pid}-")
    elsewhere = tmp_path / f".tmp-another-machine-{dead.pid}-0123456789ab"
    for folder in (own, gone, elsewhere):
        (folder / "fit").mkdir(parents=True)
    remove_leftovers(tmp_path)
    assert own.exists()
    assert elsewhere.exists()
    assert not gone.exists()


@pytest.mark.slow
def test_killed_at_twenty_random_moments_a_batch_ends_with_the_same_bytes(tmp_path):
    root = make_dataset(tmp_path / "raw", participants=("01", "02", "03"), sessions=("a", "b"))
    whole = tmp_path / "whole"
    started = time.monotonic()
    assert call(root, whole, "participant", "--workers", "2").returncode == 0
    took_s = time.monotonic() - started
    expected = digests(whole)
    moments = random.Random(7)
    killed = 0
    for number in range(20):
        out = tmp_path / f"out{number}"
        run = subprocess.Popen(
            [sys.executable, "-m", "fsl_mrs_dl", "bids", str(root), str(out), "participant", "--workers", "2"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        time.sleep(moments.uniform(0.3, 0.95) * took_s)
        killed += run.poll() is None
        # the main process alone: its workers have to notice
        run.kill()
        run.wait()
        for _ in range(100):
            try:
                os.killpg(run.pid, 0)
            except ProcessLookupError:
                break
            time.sleep(0.1)
        else:
            raise AssertionError("a worker outlived its parent")
        again = call(root, out, "participant", "--workers", "2", "--skip-existing")
        assert again.returncode == 0, again.stderr
        # a file of the dataset's root may have been cut off while it was made, under its scratch name
        found = {name: digest for name, digest in digests(out).items() if not name.startswith(".tmp-")}
        assert found == expected, number
    assert killed >= 15
