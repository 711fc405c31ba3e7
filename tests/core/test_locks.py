# SPDX-License-Identifier: Apache-2.0
"""One run in a folder: the second is turned away, and a run that ends, or is killed, leaves nothing."""

import os
import signal
import subprocess
import sys

import pytest

from fsl_mrs_dl.core import locks
from fsl_mrs_dl.core.errors import ConfigError
from fsl_mrs_dl.core.locks import alone_in

HOLDS = """
import sys, time
from pathlib import Path
from fsl_mrs_dl.core.locks import alone_in
with alone_in(Path(sys.argv[1]), "training"):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.mark.skipif(locks.fcntl is None, reason="no locks on this system")
def test_a_second_run_is_turned_away_until_the_first_is_gone(tmp_path):
    with subprocess.Popen([sys.executable, "-c", HOLDS, str(tmp_path)], stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout.readline() == "held\n"
        with pytest.raises(ConfigError, match="another training runs in this folder"), alone_in(tmp_path, "training"):
            pytest.fail("two runs in one folder")
        os.kill(first.pid, signal.SIGKILL)
    with alone_in(tmp_path, "training"):
        assert list(tmp_path.iterdir()) == []
    with pytest.raises(ZeroDivisionError), alone_in(tmp_path, "training"):
        raise ZeroDivisionError
    with alone_in(tmp_path, "training"):
        pass


@pytest.mark.skipif(locks.fcntl is None, reason="no locks on this system")
def test_a_file_system_without_locks_is_no_obstacle(tmp_path, monkeypatch):
    def unknown(*_):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(locks.fcntl, "flock", unknown)
    with alone_in(tmp_path, "search"):
        pass
    monkeypatch.setattr(locks, "fcntl", None)
    with alone_in(tmp_path, "search"):
        pass
