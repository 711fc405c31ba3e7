# SPDX-License-Identifier: Apache-2.0
"""A reporting checklist as data: sections of rows of items, each with its unit and where it was found."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

NOT_IN_HEADER = "not in the header"
"""What stands where the header is silent."""


@dataclass(frozen=True)
class Item:
    """One figure or word of a row.

    Parameters
    ----------
    label : str
        What it is; may be empty where the row's title says it.
    value : str, int, float, bool or None
        None, an empty text and numbers that are not finite count as not known.
    unit : str
    source : str
        Where it was found: a header key, ``data`` or ``this run``.
    missing : str
        What is said where the value is not known.
    """

    label: str
    value: str | int | float | bool | None
    unit: str = ""
    source: str = ""
    missing: str = NOT_IN_HEADER

    @property
    def known(self) -> bool:
        """Whether there is a value."""
        if isinstance(self.value, float):
            return math.isfinite(self.value)
        return self.value is not None and self.value != ""

    @property
    def shown(self) -> str:
        """The value with its unit, or what is said in its place."""
        if not self.known:
            return self.missing
        if isinstance(self.value, bool):
            return "yes" if self.value else "no"
        text = f"{self.value:.6g}" if isinstance(self.value, float) else str(self.value)
        return f"{text} {self.unit}" if self.unit else text

    def to_dict(self) -> dict[str, Any]:
        """For JSON; a value that is not known is None."""
        return {
            "label": self.label,
            "value": self.value if self.known else None,
            "unit": self.unit or None,
            "source": self.source if self.known else None,
            "text": self.shown,
        }


@dataclass(frozen=True)
class Row:
    """One point of the checklist, e.g. ``2d``."""

    number: str
    title: str
    items: tuple[Item, ...]

    @property
    def text(self) -> str:
        """All items in one line."""
        return "; ".join(f"{item.label}: {item.shown}" if item.label else item.shown for item in self.items)


@dataclass(frozen=True)
class Section:
    """A numbered group of rows."""

    number: int
    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Checklist:
    """A filled checklist.

    Parameters
    ----------
    name : str
    reference : str
        The publication that asks for it.
    site : Item
        Where the data were measured.
    sections : tuple of Section
    """

    name: str
    reference: str
    site: Item
    sections: tuple[Section, ...]

    def row(self, number: str) -> Row:
        """The row of a number.

        Raises
        ------
        KeyError
            When there is none.
        """
        for section in self.sections:
            for row in section.rows:
                if row.number == number:
                    return row
        raise KeyError(number)

    @property
    def missing(self) -> tuple[str, ...]:
        """What is not known and has to be written by hand: number and label of each item."""
        site = () if self.site.known else ("site",)
        found = [
            f"{row.number} {item.label or row.title}"
            for section in self.sections
            for row in section.rows
            for item in row.items
            if not item.known
        ]
        return (*site, *found)

    def to_dict(self) -> dict[str, Any]:
        """For JSON: sections, rows and items, and the list of what is missing."""
        return {
            "format": f"fsl_mrs_dl {self.name.lower()} 1",
            "reference": self.reference,
            "site": self.site.to_dict(),
            "sections": [
                {
                    "number": section.number,
                    "title": section.title,
                    "rows": [
                        {
                            "number": row.number,
                            "title": row.title,
                            "text": row.text,
                            "items": [item.to_dict() for item in row.items],
                        }
                        for row in section.rows
                    ],
                }
                for section in self.sections
            ],
            "missing": list(self.missing),
        }

    def to_markdown(self) -> str:
        """One table of three columns (number, point, what is reported), the source of the checklist under it."""
        lines = [f"| | {self.name} | Reported |", "|---|---|---|", f"| | Site | {_cell(self.site.shown)} |"]
        for section in self.sections:
            lines.append(f"| **{section.number}** | **{_cell(section.title)}** | |")
            lines += [f"| {row.number} | {_cell(row.title)} | {_cell(row.text)} |" for row in section.rows]
        return "\n".join([*lines, "", _cell(self.reference)]) + "\n"


def _cell(text: str) -> str:
    """Text of a header in one cell: on one line, and without the characters that would be markup."""
    one_line = " ".join(text.split())
    escaped = re.sub(r"([\\|*`\[\]]|(?<!\w)_|_(?!\w))", r"\\\1", one_line.replace("&", "&amp;"))
    return escaped.replace("<", "&lt;")
