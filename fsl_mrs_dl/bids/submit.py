# SPDX-License-Identifier: Apache-2.0
"""Participants as one array job and the group after them, through fsl_sub: SLURM, SGE, or its shell on one machine.

fsl_sub (https://git.fmrib.ox.ac.uk/fsl/fsl_sub) is called as a program, so that the one that comes with FSL serves,
with the configuration that is there already.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fsl_mrs_dl.core.errors import ConfigError, DataError, MissingExtraError
from fsl_mrs_dl.core.files import write_text
from fsl_mrs_dl.core.storage import cannot_write

NAME = "fsl_mrs_dl"
"""Name of the jobs, and of their logs (``NAME.oJOB`` and ``NAME.eJOB`` with the number of the task)."""


@dataclass(frozen=True)
class Submitted:
    """What became of a submission.

    Parameters
    ----------
    queued : bool
        Whether a queue has the jobs; otherwise they ran here, one after the other or side by side, and are over.
    jobs : tuple of str
        Numbers of the array job and of the group's.
    failed, group_failed : bool
        Whether a participant's task, or the group's, that ran here failed.
    messages : tuple of str
        What the jobs that ran here had to say on stderr.
    """

    queued: bool
    jobs: tuple[str, ...] = ()
    failed: bool = False
    group_failed: bool = False
    messages: tuple[str, ...] = ()


def log_folder(output: Path) -> Path:
    """A new folder for the tasks and logs of a submission.

    Raises
    ------
    ConfigError
        When there is white space in its path, which the job scripts of fsl_sub cannot quote.
    DataError
        When it cannot be made.
    """
    folder = output.resolve() / "logs" / f"{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}"
    if any(character.isspace() for character in str(folder)):
        raise ConfigError(
            "fsl_sub cannot work below a folder with white space in its name",
            where=output,
            hint="Choose another output, or leave --submit out",
        )
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise cannot_write(folder, error) from error
    return folder


def submit(tasks: Sequence[Sequence[str]], group: Sequence[str], folder: Path, more: Sequence[str] = ()) -> Submitted:
    """Hand over an array of tasks, and the group level to be run when all of them have ended, well or not.

    Parameters
    ----------
    tasks : sequence of command lines
    group : command line
    folder : Path
        Of `log_folder`.
    more : sequence of str
        Further arguments of fsl_sub (queue, memory in GB, minutes: ``-q``, ``-R``, ``-T``).

    Raises
    ------
    DataError
        When fsl_sub does not take them; its last line is quoted.
    MissingExtraError
        When there is no fsl_sub.
    """
    program = fsl_sub_program()
    queued = _run([program, "--has_queues"], folder).returncode == 0
    write_text(folder / "participants.txt", "".join(f"{shlex.join(task)}\n" for task in tasks))
    common = ["-l", str(folder), "-N", NAME, *more]
    array = _run([program, "-t", "participants.txt", *common], folder)
    if not queued:
        # fsl_sub's shell: everything has run when it returns, and a task that failed is its failure
        after = _run([program, *common[:3], f"{NAME}_group", *group], folder)
        messages = tuple(line for log in sorted(folder.glob(f"{NAME}*.e*")) for line in _lines(log.read_text("utf-8")))
        if not messages and array.returncode:
            messages = tuple(_lines(array.stderr)[-1:])
        return Submitted(False, (), bool(array.returncode), bool(after.returncode), messages)
    job = _number(array)
    return Submitted(
        True, (job, _number(_run([program, "-j", job, *common[:3], f"{NAME}_group", *more, *group], folder)))
    )


def fsl_sub_program() -> str:
    """Path of fsl_sub.

    Raises
    ------
    MissingExtraError
        When there is none.
    """
    beside = Path(sys.executable).with_name("fsl_sub")
    found = str(beside) if beside.exists() else shutil.which("fsl_sub")
    if found is None:
        raise MissingExtraError("fsl_sub", "cluster")
    return found


def _run(command: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    # in the folder, because the job scripts that some plug-ins write name the task file as it is given
    return subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, cwd=folder)


def _number(done: subprocess.CompletedProcess[str]) -> str:
    words = done.stdout.split()
    if done.returncode or not words:
        lines = _lines(done.stderr)
        raise DataError(
            "fsl_sub did not take the jobs",
            where="--submit",
            got=lines[-1] if lines else "no message",
            hint="Try: echo echo hello > t; fsl_sub -t t",
        )
    return words[-1]


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]
