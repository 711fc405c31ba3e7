# SPDX-License-Identifier: Apache-2.0
"""The program in a process of its own whose imports are there already.

Half of the time of a short command goes into importing numpy, scipy, nibabel and matplotlib. Here one process imports
them, and each call of the program is a fork of it: with a working directory, an environment and streams of its own, and
an exit code. What a test says of the imports themselves, of threads or of signals, it says of a real subprocess.
"""

from __future__ import annotations

import atexit
import functools
import json
import logging
import os
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

SETTLED = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""What is read when numpy is imported."""


def run_program(*arguments, cwd=None, env=None):
    """Run ``python -m fsl_mrs_dl`` with these arguments; gives what `subprocess.run` gives, with text.

    `env` is the whole environment, that of this process otherwise.
    """
    words = list(map(str, arguments))
    with tempfile.TemporaryDirectory() as scratch:
        streams = [Path(scratch, name) for name in ("out", "err")]
        given = {"arguments": words, "cwd": str(cwd or Path.cwd()), "env": dict(os.environ if env is None else env)}
        server = _server()
        server.stdin.write(json.dumps({**given, "streams": list(map(str, streams))}) + "\n")
        server.stdin.flush()
        code = int(server.stdout.readline())
        texts = [stream.read_text("utf-8") for stream in streams]
    return subprocess.CompletedProcess(["fsl_mrs_dl", *words], code, *texts)


@functools.cache
def _server():
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **dict.fromkeys(SETTLED, "1")}
    server = subprocess.Popen(
        [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    )
    atexit.register(server.stdin.close)  # it ends then
    return server


def _serve():
    """Fork for each line on stdin, and answer with the exit code."""
    from fsl_mrs_dl.cli.process import prepare_process

    prepare_process()
    import nibabel
    import nifti_mrs.create_nmrs
    import nifti_mrs.nifti_mrs
    import scipy.fft
    import scipy.linalg
    import scipy.optimize

    from fsl_mrs_dl.core.canvas import new_figure

    new_figure()
    _ = nibabel, nifti_mrs, scipy  # imported, and that is all
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _call(json.loads(line))
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        sys.stdout.write(f"{code}\n")
        sys.stdout.flush()


def _call(given):
    """What a fresh process would do; never comes back."""
    code = 70
    try:
        for number, path in zip((0, 1, 2), (os.devnull, *given["streams"]), strict=True):
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            os.dup2(handle, number)
            os.close(handle)
        os.chdir(given["cwd"])
        os.environ.clear()
        os.environ.update(given["env"])
        sys.argv = ["fsl_mrs_dl", *given["arguments"]]
        atexit._clear()  # what is registered here is the server's
        from fsl_mrs_dl.cli.main import main

        try:
            code = main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        atexit._run_exitfuncs()
        logging.shutdown()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve()
