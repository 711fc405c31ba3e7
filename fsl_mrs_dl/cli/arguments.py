# SPDX-License-Identifier: Apache-2.0
"""Arguments that several commands take alike."""

from __future__ import annotations


def split_words(text: str, option: str) -> list[str]:
    """The words of another program's arguments, which were given as one quoted text.

    Raises
    ------
    ConfigError
        When a quotation in it does not end.
    """
    import shlex

    from fsl_mrs_dl.core.errors import ConfigError

    try:
        return shlex.split(text)
    except ValueError as error:
        raise ConfigError(f"{option} is no list of arguments", expected="every quotation closed", got=text) from error
