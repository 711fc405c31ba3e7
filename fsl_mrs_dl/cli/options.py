# SPDX-License-Identifier: Apache-2.0
"""Names of Python arguments in error messages, translated to the options of the command line.

The library writes ``data_off=``, ``order='on-off'`` or ``overwrite=True``; somebody at the command line reads
``--data-off``, ``--order on-off`` and ``--overwrite``.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping

ALIASES: Mapping[str, str] = {
    "anonymise": "anon",
    "by_naa": "split_by_naa",
    "form": "format",
    "macromolecules": "mm",
    "te_s": "te",
    "f0_mhz": "f0",
    "edit_on_ppm": "edit_on",
    "edit_off_ppm": "edit_off",
    "edit_duration_s": "edit_duration",
    "autophase_ppm": "autophase",
    "n_points": "points",
    "n_positions": "positions",
    "dwell_s": "dwell",
    "lw_hz": "linewidth",
}
"""Argument of Python: destination of the option of another name that sets it."""

_NAMED = re.compile(r"""\b(?P<name>[a-z][a-z0-9_]*)=(?:'(?P<text>[^']*)'|(?P<flag>True)\b)?(?![=\w])""")


def option_names(parser: argparse.ArgumentParser) -> dict[str, str]:
    """Option, or name of the positional, for each argument of Python that a command takes."""
    names = {}
    for action in parser._actions:
        shown = action.option_strings[-1] if action.option_strings else action.metavar or action.dest
        names[action.dest] = shown if isinstance(shown, str) else action.dest
    # the long option comes first where there are two spellings of it (--n-threads, --n_threads)
    for action in parser._actions:
        long = [option for option in action.option_strings if option.startswith("--")]
        if long:
            names[action.dest] = long[0]
    return names | {name: names[dest] for name, dest in ALIASES.items() if dest in names and name not in names}


def as_options(message: str, names: Mapping[str, str]) -> str:
    """A message of the library for somebody at the command line.

    Parameters
    ----------
    message : str
    names : mapping
        Of `option_names`; what is not in it stays as it is.
    """

    def option(match: re.Match[str]) -> str:
        name = names.get(match["name"])
        if name is None:
            return match[0]
        return f"{name} {match['text']}" if match["text"] is not None else name

    return _NAMED.sub(option, message)
