# SPDX-License-Identifier: Apache-2.0
"""Reported sums and references of ratios, and the conditions that a network was shown."""

from __future__ import annotations

from collections.abc import Collection

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

REFERENCES: dict[str, tuple[str, ...]] = {"edit_off+diff": ("Cr", "PCr"), "edit_off": ("Cr", "PCr"), "diff": ("NAA",)}
"""Metabolites whose sum ratios are taken to, by mode; Cr does not show in DIFF."""

SECOND_REFERENCE: tuple[str, ...] = ("NAA", "NAAG")
"""Metabolites whose sum is the second reference, in every mode; of those that a model knows."""

DEFINITIONS: dict[str, str] = {
    "GABA": "GABA alone: the co-edited macromolecule at 3.0 ppm is estimated apart, as MM30",
    "GABA+": "GABA and the co-edited macromolecule at 3.0 ppm (GABA + MM30)",
    "Glx": "Glu + Gln",
    "tNAA": "NAA + NAAG",
    "tCr": "Cr + PCr",
    "tCho": "GPC + PCh",
    "GSH": "glutathione",
    "MM30": "the co-edited macromolecule at 3.0 ppm, in protons of GABA's edited signal",
    "MM09": "macromolecules: the line at 0.9 ppm and those that go with it",
}
"""What the names of quantities stand for, where they are not plain metabolites."""

GABA_WITHOUT_MM = "GABA of a model that knows no macromolecules: in a brain it would hold the co-edited one"

REFERENCE_MIN_SD = 2.0
"""A reference that is not this many standard deviations above zero gives no ratios."""


def parts_of(name: str) -> tuple[str, ...]:
    """The metabolites that a name of an estimate or sum stands for."""
    return COMBINATIONS.get(name) or tuple(name.split("+"))


def short_name(parts: tuple[str, ...]) -> str:
    """Name of a sum of metabolites: its short one (``tNAA``) where it has one, else ``A+B``."""
    return next((name for name, known in COMBINATIONS.items() if known == tuple(parts)), "+".join(parts))


def label(name: str, sub_spectrum: str) -> str:
    """A name that says which spectra the value came from: Glx of DIFF is another thing than Glx of edit_off."""
    return f"{name} ({sub_spectrum})"


def definition(name: str, outputs: Collection[str]) -> str:
    """What a name stands for in the answer of a model with these outputs; empty for a plain metabolite."""
    if name == "GABA" and "MM30" not in outputs:
        return GABA_WITHOUT_MM
    return DEFINITIONS.get(name, "")
