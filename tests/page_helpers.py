# SPDX-License-Identifier: Apache-2.0
"""Commands that stand in the documentation, and a shell in which they are typed."""

import os
import re
import subprocess
import sys

from tests.helpers import ROOT

DOCS = ROOT / "docs"


def bash_of(page):
    blocks = re.findall(r"^```bash\n(.*?)^```$", (DOCS / page).read_text("utf-8"), re.MULTILINE | re.DOTALL)
    return "".join(blocks)


def blocks_of(text):
    """Language and content of each block of code of a page."""
    language, content = None, []
    for line in text.splitlines():
        if not line.startswith("```"):
            content.append(line)
        elif language is None:
            language, content = line[3:], []
        else:
            yield language, "\n".join(content)
            language = None


def commands_of(page):
    """Commands of ours in the blocks of a page, one a line, with what stands in brackets as if it were given."""
    for block in re.findall(r"^```(?:bash|text)?\n(.*?)^```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            for part in re.split(r"; | && | \| ", line.split(" #")[0]):
                words = re.sub(r"[\[\]]", " ", part).strip()
                if re.match(r"(\S*/)?fsl_mrs_dl [a-z]", words):
                    yield words


def run_page(folder, script, programs_of_fsl=()):
    """Run a script as in a shell in which the program is installed, beside the examples.

    Programs of FSL-MRS have the back end, whether or not the .pth is installed.
    """
    programs = folder / "bin"
    programs.mkdir()
    of_fsl = ((name, f"-m fsl_mrs_dl fsl {name}") for name in programs_of_fsl)
    for name, module in (("fsl_mrs_dl", "-m fsl_mrs_dl"), ("python", ""), *of_fsl):
        path = programs / name
        path.write_text(f'#!/bin/sh\nexec "{sys.executable}" {module} "$@"\n')
        path.chmod(0o755)
    (folder / "examples").symlink_to(ROOT / "examples")
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
        "PATH": f"{programs}:{os.environ['PATH']}",
    }
    return subprocess.run(
        ["bash", "-euc", script], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
