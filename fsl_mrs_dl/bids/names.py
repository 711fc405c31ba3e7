# SPDX-License-Identifier: Apache-2.0
"""Names of BIDS files: entities, suffix, extension (BIDS 1.10.1, https://bids-specification.readthedocs.io)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_LABEL = "[A-Za-z0-9+]+"  # the plus sign since BIDS 1.10.1
_NAME = re.compile(rf"(?P<entities>sub-{_LABEL}(?:_[a-z]+-{_LABEL})*)_(?P<suffix>[A-Za-z0-9]+)(?P<ext>\.[A-Za-z0-9.]+)")


@dataclass(frozen=True)
class BidsName:
    """A file name taken apart.

    Parameters
    ----------
    entities : mapping of str to str
        In the order of the name, e.g. ``{"sub": "01", "acq": "megapress"}``.
    suffix, extension : str
        E.g. ``svs`` and ``.nii.gz``.
    """

    entities: Mapping[str, str]
    suffix: str
    extension: str

    @classmethod
    def parse(cls, name: str) -> BidsName | None:
        """Take a name apart; None when it is not one of BIDS."""
        match = _NAME.fullmatch(name)
        if match is None:
            return None
        pairs = [part.split("-", 1) for part in match["entities"].split("_")]
        if len({key for key, _ in pairs}) < len(pairs):
            return None
        return cls(dict(pairs), match["suffix"], match["ext"])

    @classmethod
    def of_sidecar(cls, name: str) -> BidsName | None:
        """Take the name of a sidecar apart, which may lack the participant (``acq-mega_svs.json``) or every entity."""
        if not name.endswith(".json"):
            return None
        stem, _, suffix = name.removesuffix(".json").rpartition("_")
        try:
            entities = dict(part.split("-", 1) for part in stem.split("_")) if stem else {}
        except ValueError:
            return None
        return cls(entities, suffix, ".json")

    @property
    def stem(self) -> str:
        """The entities as they stand in names, without suffix."""
        return "_".join(f"{key}-{value}" for key, value in self.entities.items())

    def applies_to(self, other: BidsName) -> bool:
        """Whether a sidecar of this name describes `other` (the inheritance principle)."""
        return self.suffix == other.suffix and all(other.entities.get(k) == v for k, v in self.entities.items())


def contradiction(name: BidsName, folder: Path) -> str | None:
    """Where a name and the folder that it stands in say different things, a sentence about it.

    Parameters
    ----------
    name : BidsName
    folder : Path
        Relative to the dataset: ``sub-X[/ses-Y]/mrs``.
    """
    told = dict(part.split("-", 1) for part in folder.parts if "-" in part)
    for key in ("sub", "ses"):
        own, other = (f"{key}-{source[key]}" if key in source else f"no {key}" for source in (name.entities, told))
        if own != other:
            return f"its name says {own} and its folder {other}"
    return None


def folder_of(root: Path, entities: Mapping[str, str]) -> Path:
    """``sub-X[/ses-Y]/mrs`` below `root`."""
    folder = root / f"sub-{entities['sub']}"
    return (folder / f"ses-{entities['ses']}" if "ses" in entities else folder) / "mrs"
