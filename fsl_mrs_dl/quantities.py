# SPDX-License-Identifier: Apache-2.0
"""What is reported beside single metabolites: sums, ratios to a reference, and what the network was shown."""

from __future__ import annotations

COMBINATIONS: dict[str, tuple[str, ...]] = {
    "Glx": ("Glu", "Gln"),
    "tCr": ("Cr", "PCr"),
    "tNAA": ("NAA", "NAAG"),
    "tCho": ("GPC", "PCh"),
    "GABA+": ("GABA", "MM30"),
}
"""Sums that are reported when the model estimates at least two of their parts."""

MODES: dict[str, tuple[float, float]] = {"edit_off+diff": (1, 1), "diff": (0, 1), "edit_off": (1, 0)}
"""Name of what is shown to the network, and the presence of (edit_off, diff)."""

REFERENCES: dict[str, tuple[str, ...]] = {
    "edit_off+diff": ("Cr", "PCr"),
    "edit_off": ("Cr", "PCr"),
    "diff": ("NAA",),
}
"""Metabolites whose sum ratios are taken to, by mode; Cr does not show in DIFF."""

REFERENCE_MIN_SD = 2.0
"""A reference that is not this many standard deviations above zero gives no ratios."""


def parts_of(name: str) -> tuple[str, ...]:
    """The metabolites that a name of an estimate or sum stands for."""
    return COMBINATIONS.get(name) or tuple(name.split("+"))
