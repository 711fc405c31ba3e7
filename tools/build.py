# SPDX-License-Identifier: Apache-2.0
"""Wheel and source distribution of the commit that is checked out, the same bytes every time: ``build.py FOLDER``.

Built with `build <https://build.pypa.io>`_ from the files of the commit alone, with the time of the commit, whatever
the umask. Prints name, size and SHA-256 of each, and fails where one is larger than `LARGEST_BYTES`.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LARGEST_BYTES = 40_000_000


def git(*arguments: str) -> bytes:
    """Output of a command of git in this repository."""
    return subprocess.run(["git", "-C", str(ROOT), *arguments], check=True, capture_output=True).stdout


def repack(path: Path, seconds: int) -> None:
    """Give every file of a ``.tar.gz`` one time, one owner and plain permissions, in the order of names."""
    packed = io.BytesIO()
    with tarfile.open(path) as source, tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as target:
        for member in sorted(source.getmembers(), key=lambda member: member.name):
            content = source.extractfile(member) if member.isfile() else None
            member.mtime, member.uid, member.gid, member.uname, member.gname = seconds, 0, 0, "", ""
            member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            member.pax_headers = {}
            target.addfile(member, content)
    path.write_bytes(gzip.compress(packed.getvalue(), mtime=seconds))


def main(folder: Path) -> int:
    """Build into `folder`; 1 where a file is too large."""
    os.umask(0o022)
    seconds = int(git("log", "-1", "--format=%ct"))
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(seconds)}
    with tempfile.TemporaryDirectory() as scratch:
        with tarfile.open(fileobj=io.BytesIO(git("archive", "HEAD"))) as commit:
            commit.extractall(scratch, filter="data")
        command = [sys.executable, "-m", "build", "--outdir", str(folder), scratch]
        # of a source distribution the wheel is built, as whoever installs from one does
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.stderr.write(done.stdout[-2000:] + done.stderr[-2000:])
            return 1
    for path in sorted(folder.glob("*.tar.gz")):
        repack(path, seconds)
    files = sorted([*folder.glob("*.whl"), *folder.glob("*.tar.gz")])
    for path in files:
        content = path.read_bytes()
        print(f"{path.name} {len(content) / 1e6:.1f} MB sha256 {hashlib.sha256(content).hexdigest()}")
    return int(any(path.stat().st_size > LARGEST_BYTES for path in files))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    sys.exit(main(folder))
