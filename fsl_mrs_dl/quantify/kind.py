# SPDX-License-Identifier: Apache-2.0
"""Brain or solution: the kind of sample, its probability, and whether a model was trained on it."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from fsl_mrs_dl.core.data import EditedSpectra
from fsl_mrs_dl.core.flags import Flag
from fsl_mrs_dl.models.card import Card
from fsl_mrs_dl.models.inputs import NetworkInput
from fsl_mrs_dl.quantify.kind_network import brain_probability

SURE = 0.95
"""Probability from which on the spectrum decides alone. Between this and the same of the other kind, what header or
names tell is preferred, and said to be so."""

_FINEST = 0.001
"""Probabilities nearer to 0 and 1 are not told apart in words."""

PHANTOM_WORDS = re.compile(r"phantom|fantom|braino|(?<![a-z])solution", re.IGNORECASE)
"""In names of files, folders, protocols or participants: no brain."""

TELLING_ENTRIES = (
    "BodyPartExamined",
    "BodyPart",
    "PatientName",
    "ProtocolName",
    "SeriesDescription",
    "StudyDescription",
    "SubjectID",
)
"""Entries of headers and sidecars that may tell. PatientPosition does not: a phantom lies head first, too."""

BRAIN_PARTS = ("BRAIN", "HEAD", "CEREBRUM")
"""Values of BodyPartExamined that stand for a brain."""

PARTS_OF_PATH = 4
"""How many parts of the file's path, from its end, are looked at."""


@dataclass(frozen=True)
class Sample:
    """What was measured.

    Parameters
    ----------
    probability : float
        That it is a brain and not a solution, from the spectrum alone.
    told : str
        ``brain`` or ``solution`` where header or names tell, else empty.
    told_by : str
        What tells.
    """

    probability: float
    told: str = ""
    told_by: str = ""

    @property
    def clear(self) -> bool:
        """Whether the spectrum decides."""
        return max(self.probability, 1 - self.probability) >= SURE

    @property
    def kind(self) -> str:
        """``brain`` or ``solution``: as the spectrum says where it is clear, else as was told, else the likelier."""
        likely = "brain" if self.probability >= 0.5 else "solution"
        return likely if self.clear else self.told or likely

    @property
    def sentence(self) -> str:
        """The figures behind it."""
        text = f"probability of a brain {_percent(self.probability)}"
        return f"{text}; {self.told_by} says {self.told}" if self.told else text


def _percent(share: float) -> str:
    """A share in percent, no finer than a classifier knows it."""
    if share < _FINEST:
        return f"below {100 * _FINEST:g} %"
    return f"above {100 * (1 - _FINEST):g} %" if share > 1 - _FINEST else f"{100 * share:.3g} %"


def tell_sample(spectra: EditedSpectra, data: NetworkInput) -> Sample:
    """What the spectrum, and beside it header and names, say of the sample."""
    return Sample(brain_probability(data), *told_kind(spectra))


def told_kind(spectra: EditedSpectra) -> tuple[str, str]:
    """What header or names tell, and which of them; two empty texts where they tell nothing."""
    entries = {name: _text(spectra.header, name) for name in TELLING_ENTRIES}
    for name, text in entries.items():
        if PHANTOM_WORDS.search(text):
            return "solution", f"{name} {text!r}"
    for part in reversed(spectra.source.parts[-PARTS_OF_PATH:]):
        if PHANTOM_WORDS.search(part):
            return "solution", f"the name {part!r}"
    for name in ("BodyPartExamined", "BodyPart"):
        if entries[name].upper() in BRAIN_PARTS:
            return "brain", f"{name} {entries[name]!r}"
    return "", ""


def _text(header: Mapping[str, Any], name: str) -> str:
    """An entry as text; NIfTI-MRS has some entries as an object with a Value, or as a list."""
    value = header.get(name, "")
    if isinstance(value, Mapping):
        value = value.get("Value", "")
    if isinstance(value, (list, tuple)):
        value = " ".join(str(part) for part in value)
    return str(value)


def kinds_of_model(outputs: Collection[str], solution_fraction: float | None = None) -> frozenset[str]:
    """What a model was trained on: ``brain``, ``solution`` or both.

    Parameters
    ----------
    outputs : collection of str
        What it estimates.
    solution_fraction : float, optional
        Share of its training spectra that were solutions, where its card says so.
    """
    can_be_brain = {"GPC", "PCh", "Ins"} <= set(outputs)
    if solution_fraction is None:
        return frozenset({"brain"}) if can_be_brain else frozenset({"solution"})
    kinds = {"solution"} if solution_fraction > 0 else set()
    # a network that does not know choline was never shown a brain, whatever the recipe calls it
    return frozenset(kinds | {"brain"}) if solution_fraction < 1 and can_be_brain else frozenset(kinds or {"solution"})


def kind_flags(sample: Sample, card: Card) -> list[Flag]:
    """A caution where the sample is of a kind that the model was not trained on."""
    if not (sample.clear or sample.told) or sample.kind in kinds_of_model(card.outputs, card.solution_fraction):
        return []
    other = "brains" if sample.kind == "brain" else "solutions"
    return [Flag("other_model", f"{sample.sentence}; choose a model of {other}")]
