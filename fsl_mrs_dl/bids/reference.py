# SPDX-License-Identifier: Apache-2.0
"""The water reference of a scan: by its sidecar's ReferenceSignal, else by its name; never of another participant."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from fsl_mrs_dl.bids.index import Image
from fsl_mrs_dl.bids.names import BidsName
from fsl_mrs_dl.core.errors import DataError

REFERENCE_SUFFIXES = ("mrsref", "ref")
"""Of unsuppressed water: BIDS's own, and that of HBCD."""

NONE_THERE = "no water reference"
"""What is noted of a scan without one."""

_SAME = {"sub": "participant", "nuc": "nucleus", "voi": "voxel"}
"""Entities in which a reference may never differ from its scan: what each stands for."""


def named_reference(root: Path, name: BidsName, signal: Any, images: Sequence[Image]) -> tuple[Image, tuple[str, ...]]:
    """The water reference that a sidecar names, the first of several, and what is to be said of it.

    Parameters
    ----------
    root : Path
        The dataset.
    name : BidsName
        Of the scan.
    signal : str or list of str
        ReferenceSignal: BIDS URIs, or paths relative to the dataset or to the participant.
    images : sequence of Image

    Raises
    ------
    DataError
        When it is not a path, is not there, or is that of another participant, nucleus or voxel.
    """
    entries = signal if isinstance(signal, list) else [signal]
    if not all(isinstance(entry, str) and entry for entry in entries):
        raise DataError("ReferenceSignal is no path", where=name.stem, expected="a BIDS URI or several", got=signal)
    places = [_find(root, name, entry, images) for entry in entries]
    first = places[0]
    for key, what in _SAME.items():
        own, other = name.entities.get(key), first.name.entities.get(key)
        if own != other and None not in (own, other):
            raise DataError(
                f"the ReferenceSignal of a sidecar is of another {what}",
                where=first.path,
                expected=f"{key}-{own}",
                got=f"{key}-{other}",
            )
    if len(places) == 1:
        return first, ()
    rest = ", ".join(place.path.name for place in places[1:])
    return first, (f"of {len(places)} water references in ReferenceSignal {first.path.name} was used, not {rest}",)


def _find(root: Path, name: BidsName, entry: str, images: Sequence[Image]) -> Image:
    relative = entry.removeprefix("bids::").removeprefix("bids:raw:")
    folders = (root, root / f"sub-{name.entities['sub']}")
    wanted = {os.path.normpath(folder / path) for folder in folders for path in (relative, unquote(relative))}
    for image in images:
        if os.path.normpath(image.path) in wanted:
            return image
    raise DataError("the ReferenceSignal of a sidecar is not there", where=root / relative, expected=f"for {name.stem}")


def like_reference(
    name: BidsName, images: Sequence[Image], suffixes: Sequence[str]
) -> tuple[Image | None, tuple[str, ...]]:
    """The water reference of the same entities, or the only one of the same session and acquisition.

    Parameters
    ----------
    name : BidsName
        Of the scan.
    images : sequence of Image
    suffixes : sequence of str
        Of water references, the first preferred.
    """
    same = _of_first_suffix(images, suffixes, lambda other: other.entities == name.entities)
    if same:
        return (same[0], ()) if len(same) == 1 else (None, (_ambiguous(same),))
    like = _of_first_suffix(images, suffixes, lambda other: _may_belong(name, other))
    if len(like) == 1:
        return like[0], (f"the water reference {like[0].path.name} was taken for its acq label",)
    return None, (_ambiguous(like) if like else NONE_THERE,)


def _of_first_suffix(
    images: Sequence[Image], suffixes: Sequence[str], belongs: Callable[[BidsName], bool]
) -> list[Image]:
    """Those that belong, of the first suffix that any of them has."""
    for suffix in suffixes:
        found = [image for image in images if image.name.suffix == suffix and belongs(image.name)]
        if found:
            return found
    return []


def _ambiguous(images: Sequence[Image]) -> str:
    return f"{len(images)} water references could belong to it; none was used"


def _may_belong(scan: BidsName, reference: BidsName) -> bool:
    """Session and acq label must be the same; nucleus and voxel as far as both names have them."""
    if any(scan.entities.get(key) != reference.entities.get(key) for key in ("sub", "ses", "acq")):
        return False
    both = [key for key in _SAME if key in scan.entities and key in reference.entities]
    return all(scan.entities[key] == reference.entities[key] for key in both)
