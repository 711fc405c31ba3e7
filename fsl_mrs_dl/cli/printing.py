# SPDX-License-Identifier: Apache-2.0
"""``--json``: the result of a command, for scripts."""

from __future__ import annotations

import argparse
from typing import Any


def add_json(parser: argparse.ArgumentParser, what: str) -> None:
    """Let a command print `what` as JSON, instead of text."""
    parser.add_argument("--json", action="store_true", help=f"print {what} as JSON")


def print_json(content: Any) -> None:
    """Print content of the types that JSON has; NaN, which it does not have, is an error."""
    import json

    print(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False))
