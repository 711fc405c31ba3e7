# SPDX-License-Identifier: Apache-2.0
"""Say what is installed, whether fsl_mrs sees --algo dl, whether the weights are whole, and what to do."""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``doctor``."""
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")


def run(args: argparse.Namespace) -> int:
    """Examine; exit code 0 when all that quantifying needs is usable, 1 otherwise."""
    import json

    from fsl_mrs_dl.cli.installation import examine

    findings = examine()
    if args.json:
        print(json.dumps([vars(finding) for finding in findings], indent=1))
    else:
        marks = {"ok": "ok  ", "missing": "-   ", "bad": "BAD "}
        for finding in findings:
            print(f"{marks[finding.state]} {finding.name}: {finding.detail}")
            if finding.advice:
                print(f"       {finding.advice}")
    return 1 if any(finding.state == "bad" for finding in findings) else 0
