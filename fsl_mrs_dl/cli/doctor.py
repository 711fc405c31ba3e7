# SPDX-License-Identifier: Apache-2.0
"""Say what is installed, whether fsl_mrs sees --algo dl, whether the weights are whole, and what to do."""

from __future__ import annotations

import argparse

from fsl_mrs_dl.cli.printing import add_json, print_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``doctor``."""
    add_json(parser, "the findings")


def run(args: argparse.Namespace) -> int:
    """Examine; exit code 0 when all that quantifying needs is usable, 1 otherwise."""
    from fsl_mrs_dl.cli.installation import examine

    findings = examine()
    if args.json:
        print_json([vars(finding) for finding in findings])
    else:
        marks = {"ok": "ok  ", "missing": "-   ", "bad": "BAD "}
        for finding in findings:
            print(f"{marks[finding.state]} {finding.name}: {finding.detail}")
            if finding.advice:
                print(f"       {finding.advice}")
    return 1 if any(finding.state == "bad" for finding in findings) else 0
