# SPDX-License-Identifier: Apache-2.0
"""Print the lowest versions that setup.cfg allows as constraints for pip: ``python tools/lowest.py > lowest.txt``."""

from __future__ import annotations

import argparse
import re
from configparser import ConfigParser
from pathlib import Path

SETUP = Path(__file__).resolve().parents[1] / "setup.cfg"


def lowest(path: Path = SETUP) -> list[str]:
    """``name==version`` of each package that is always needed, its lowest version allowed.

    Raises
    ------
    ValueError
        When one of them has no lower bound.
    """
    config = ConfigParser()
    config.read(path, encoding="utf-8")
    found = []
    for line in config["options"]["install_requires"].split("\n"):
        requirement, _, marker = line.partition(";")
        if not requirement.strip() or marker:
            continue
        bound = re.fullmatch(r"([\w.-]+)\s*>=\s*([\w.]+)(,.*)?", requirement.strip())
        if bound is None:
            raise ValueError(f"{requirement.strip()}: no lowest version")
        found.append(f"{bound[1]}=={bound[2]}")
    return found


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    print("\n".join(lowest()))
