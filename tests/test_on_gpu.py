# SPDX-License-Identifier: Apache-2.0
"""Jobs on a machine that is lent for minutes: each to its end or limit, and what they made in one archive."""

import io
import os
import signal
import subprocess
import sys
import tarfile
import time

import pytest

from fsl_mrs_dl.cli.main import build_parser
from fsl_mrs_dl.core.reading import read_toml
from tests.helpers import ROOT

JOBS = """
[[job]]
name = "ends"
command = "echo made > made.txt; echo said"
keep = ["*.txt"]
[[job]]
name = "long"
command = 'trap "echo interrupted >> made_long.txt; exit 130" INT; for i in $(seq 600); do sleep 0.1; done'
limit_s = 1
[[job]]
name = "fails"
command = "exit 3"
"""


def start(folder, text, **more):
    (folder / "jobs.toml").write_text(text)
    command = [sys.executable, str(ROOT / "tools/on_gpu.py"), "jobs.toml", "--output", "out"]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)


def content(folder):
    whole = b"".join(path.read_bytes() for path in sorted((folder / "out").iterdir()))
    with tarfile.open(fileobj=io.BytesIO(whole), mode="r:xz") as archive:
        return {member.name: archive.extractfile(member).read().decode() for member in archive.getmembers()}


def test_jobs_end_are_interrupted_once_or_fail_and_are_packed(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "results.tar.xz.01").write_bytes(b"of a larger archive that lay there")
    process = start(tmp_path, JOBS)
    said, told = process.communicate(timeout=60)
    assert process.returncode == 1, told
    assert "failed: fails;" in told
    assert "ends: exit 0" in said
    assert "fails: exit 3" in said
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["results.tar.xz.00"]
    found = content(tmp_path)
    assert found["made.txt"] == "made\n"
    assert found["made_long.txt"] == "interrupted\n", "one interrupt, and not one after the other"
    assert found["logs/ends.log"] == "said\n"


def test_ctrl_c_ends_all_jobs_and_packs_what_they_have(tmp_path):
    process = start(tmp_path, '[[job]]\nname = "a"\ncommand = "echo $$ > a.txt; exec sleep 600"\nkeep = ["a.txt"]\n')
    until = time.monotonic() + 60
    while not ((tmp_path / "a.txt").exists() and (tmp_path / "a.txt").read_text()) and time.monotonic() < until:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130, told
    assert "Traceback" not in told
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "a.txt").read_text()), 0)
    assert "a.txt" in content(tmp_path)


@pytest.mark.parametrize("path", sorted(ROOT.glob("tools/gpu_*.toml")), ids=lambda path: path.stem)
def test_the_job_files_name_what_is_there(path):
    jobs = read_toml(path, "job file")["job"]
    assert jobs
    for job in jobs:
        assert set(job) <= {"name", "command", "limit_s", "keep"}
        assert job["keep"]
        program, *arguments = job["command"].split()
        if program == "fsl_mrs_dl":
            build_parser().parse_args(arguments)
            continue
        assert program == "bash"
        assert subprocess.run(["bash", "-n", ROOT / arguments[0]], check=False).returncode == 0
