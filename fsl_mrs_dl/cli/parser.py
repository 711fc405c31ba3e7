# SPDX-License-Identifier: Apache-2.0
"""The parser of a command: a mistyped option is named as such, before what is missing for its sake."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from fsl_mrs_dl.core.errors import nearest

_OPTION = re.compile(r"--?[A-Za-z][^\s=]*")
"""How an option begins a word; a negative number does not, and words of quoted arguments have spaces."""


def _path(text: str) -> Path:
    """A path that was given; ``Path("")`` would be the current folder."""
    if not text:
        raise argparse.ArgumentTypeError("expected a file or folder; got an empty text (a variable that is not set?)")
    return Path(text)


class CommandParser(argparse.ArgumentParser):
    """`argparse.ArgumentParser` that says of ``--ouput`` that it is unknown, not that ``--output`` is missing."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.register("type", Path, _path)

    def parse_known_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:  # type: ignore[override]
        """As the original, which looks for what is missing before it looks at what is there."""
        if args is not None:
            for name in self._unknown(args):
                self.error(f"unknown option '{name}'{nearest(name, self._option_string_actions)}")
        return super().parse_known_args(args, namespace)

    def _unknown(self, words: Sequence[str]) -> Iterator[str]:
        """Options among the words that this command does not have, not even shortened."""
        if any(action.nargs == argparse.REMAINDER for action in self._actions):
            return
        known = self._option_string_actions
        for word in words:
            if word == "--":
                return
            name = word.partition("=")[0]
            shortened = name.startswith("--") and any(option.startswith(name) for option in known)
            if " " not in word and _OPTION.fullmatch(name) and name not in known and not shortened:
                yield name
