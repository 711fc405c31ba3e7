# SPDX-License-Identifier: Apache-2.0
"""A command of ours that is interrupted, as by Ctrl-C, and what it has to say then."""

import os
import re
import signal
import subprocess
import sys
import threading
import time


def interrupted(*arguments, after, cwd):
    """Run a command, interrupt it and its workers when a line matches `after`, or when it is true; code and lines."""
    process = subprocess.Popen(
        [sys.executable, "-m", "fsl_mrs_dl", *map(str, arguments)],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    guard = threading.Timer(300, process.kill)
    guard.start()
    lines = []
    if callable(after):
        while process.poll() is None and not after():
            time.sleep(0.01)
    else:
        for line in process.stdout:
            lines.append(line.rstrip())
            if re.search(after, line):
                break
    os.killpg(process.pid, signal.SIGINT)
    lines += [line.rstrip() for line in process.stdout]
    guard.cancel()
    return process.wait(), lines


def check(code, lines, command, text):
    assert code == 130, lines
    assert lines[-1] == f"fsl_mrs_dl {command}: interrupted; {text}", lines
    assert "Traceback" not in "\n".join(lines)


def leftovers(folder):
    return [path for path in folder.rglob("*") if ".tmp-" in path.name]
