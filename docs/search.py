# SPDX-License-Identifier: Apache-2.0
"""The index of the page "Search", which works from disk; a hook of mkdocs.

The search of mkdocs itself asks a server for its index. Here the index is a script beside the pages, and
``search.js`` looks through it.
"""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path
from typing import Any

_HEADING = re.compile(r'<h[1-3] id="(?P<anchor>[^"]*)">(?P<title>.*?)</h[1-3]>', re.DOTALL)
_PERMALINK = re.compile(r'<a class="headerlink".*?</a>', re.DOTALL)
_TAG = re.compile(r"<[^>]+>")


def sections(html: str, url: str, page: str) -> list[dict[str, str]]:
    """The sections of a page: address, title and text of each.

    Parameters
    ----------
    html : str
        Content of the page.
    url : str
        Its address, relative to the start of the site.
    page : str
        Its title, which stands before those of its sections.

    Returns
    -------
    list of dict
        With the keys ``url``, ``title`` and ``text``.
    """
    found = list(_HEADING.finditer(html))
    ends = [heading.start() for heading in found[1:]] + [len(html)]
    return [
        {
            "url": f"{url}#{heading['anchor']}",
            "title": " › ".join(dict.fromkeys([page, _plain(heading["title"])])),
            "text": _plain(html[heading.end() : end]),
        }
        for heading, end in zip(found, ends, strict=True)
    ]


def _plain(html: str) -> str:
    return " ".join(unescape(_TAG.sub(" ", _PERMALINK.sub("", html))).split())


def on_config(config: Any) -> Any:
    """Begin an empty index."""
    config.extra["search_sections"] = []
    return config


def on_page_content(html: str, page: Any, config: Any, **_: Any) -> str:
    """Take a page into the index."""
    config.extra["search_sections"] += sections(html, page.url, str(page.title))
    return html


def on_post_build(config: Any) -> None:
    """Write the index."""
    index = json.dumps(config.extra["search_sections"], ensure_ascii=False, separators=(",", ":"))
    Path(config.site_dir, "search_index.js").write_text(f"const SECTIONS = {index};\n", encoding="utf-8")
