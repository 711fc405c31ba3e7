# SPDX-License-Identifier: Apache-2.0
"""Try an installed package where no checkout is: ``PYTHON smoke.py EXAMPLES`` in an empty folder.

All commands' help, ``fit`` and the API on the shipped example, the same numbers from both, a report, and an output
that is replaced. Needs the standard library only; the first thing that is wrong ends it with exit code 1.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import sysconfig
from pathlib import Path

TRUE_GABA = 1.9 / 8.2
"""Of ``examples/truth.json``, over Cr + PCr."""


def run(*arguments: object) -> str:
    """Output of the console command; raises where it fails."""
    command = [str(Path(sysconfig.get_path("scripts")) / "fsl_mrs_dl"), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: exit code {done.returncode}\n{done.stderr}")
    return done.stdout


def check(true: bool, what: str) -> None:
    """End with `what` unless `true`."""
    if not true:
        raise SystemExit(f"smoke test: {what}")


def main(examples: Path) -> None:
    """Try everything."""
    import fsl_mrs_dl
    from fsl_mrs_dl.cli.main import COMMANDS

    home = Path(fsl_mrs_dl.__file__).resolve().parent
    check(home.is_relative_to(Path(sysconfig.get_path("purelib")).resolve()), f"{home} is not what was installed")
    check(fsl_mrs_dl.__version__ in run("--version"), "the command has another version")
    for command in COMMANDS:
        check(f"fsl_mrs_dl {command}" in run(command, "--help"), f"{command} has no help")

    data, water = examples / "megapress_raw.nii.gz", examples / "water_reference.nii.gz"
    arguments = ("fit", "--data", data, "--h2o", water, "--output", "out", "--report")
    run(*arguments)
    run(*arguments, "--overwrite")
    content = json.loads(Path("out/quantities.json").read_text(encoding="utf-8"))
    check(not content["refused"], "the example was refused")
    gaba = content["metabolites"]["GABA"]
    check(gaba["interval95"][0] <= TRUE_GABA <= gaba["interval95"][1], f"GABA is {gaba['value']:.3f}")
    check(Path("out/report.html").read_text(encoding="utf-8").rstrip().endswith("</html>"), "the report is not whole")

    fit = fsl_mrs_dl.fit(data, h2o=water)
    check(abs(fit.ratios["GABA"].value - gaba["value"]) < 1e-9, "the API gives another number than the command")
    print(f"smoke test: {home}, Python {sys.version.split()[0]}: GABA/tCr {gaba['value']:.3f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("examples", type=Path)
    main(parser.parse_args().examples.resolve())
