# SPDX-License-Identifier: Apache-2.0
"""What is wider than the page, blocks of code and some tables, can be scrolled with the keyboard; a hook of mkdocs."""

from __future__ import annotations

import re
from typing import Any

_TABLE = re.compile(r"<table(?=>\s*<thead>(?P<head>.*?)</thead>)", re.DOTALL)
_WIDE = 9
"""Columns of a table that may not fit into the page."""


def on_page_content(html: str, **_: Any) -> str:
    """Let the keyboard reach what scrolls."""
    html = _TABLE.sub(lambda table: _focusable(table[0], table["head"].count("<th") >= _WIDE), html)
    return html.replace("<pre><code", '<pre><code tabindex="0"')


def _focusable(tag: str, wide: bool) -> str:
    return f'{tag} tabindex="0"' if wide else tag
