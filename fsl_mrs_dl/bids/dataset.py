# SPDX-License-Identifier: Apache-2.0
"""A BIDS dataset: its edited scans, what their sidecars say, and the water reference of each."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fsl_mrs_dl.bids.index import Image, index_images
from fsl_mrs_dl.bids.names import BidsName
from fsl_mrs_dl.core.errors import DataError

REFERENCE_SUFFIXES = ("mrsref", "ref")
"""Of unsuppressed water: BIDS's own, and that of HBCD."""


class NotBidsError(DataError):
    """The folder is not a BIDS dataset (exit code 16)."""

    exit_code = 16


class NoInputError(DataError):
    """Nothing to be quantified was found (exit code 66)."""

    exit_code = 66


@dataclass(frozen=True)
class Scan:
    """An edited scan.

    Parameters
    ----------
    path : Path
        Its image.
    name : BidsName
    metadata : mapping
        Its sidecars merged, the nearest last.
    reference : Path or None
        Unsuppressed water.
    reference_metadata : mapping
    notes : tuple of str
        What was noticed while pairing.
    problem : str or None
        Why it cannot be quantified: a broken sidecar, a reference that is not there.
    """

    path: Path
    name: BidsName
    metadata: Mapping[str, Any]
    reference: Path | None = None
    reference_metadata: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    problem: str | None = None


@dataclass(frozen=True)
class Filters:
    """Which scans are wanted; empty means all. Labels come with or without their entity's name.

    `scan` and `reference` are what a filter file says of entities, ``{"acq": ["megapress68"]}``, for either.
    """

    participant: Sequence[str] = ()
    session: Sequence[str] = ()
    acquisition: Sequence[str] = ()
    task: Sequence[str] = ()
    run: Sequence[str] = ()
    scan: Mapping[str, Sequence[str]] = field(default_factory=dict)
    reference: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def takes(self, name: BidsName) -> bool:
        """Whether a scan is wanted."""
        wanted = {
            "sub": self.participant,
            "ses": self.session,
            "acq": self.acquisition,
            "task": self.task,
            "run": self.run,
        }
        return _matches(name, wanted) and _matches(name, self.scan)

    def takes_reference(self, name: BidsName) -> bool:
        """Whether a water reference may be taken."""
        return _matches(name, self.reference)


def _matches(name: BidsName, wanted: Mapping[str, Sequence[str]]) -> bool:
    return all(
        not labels or name.entities.get(key) in {label.removeprefix(f"{key}-") for label in labels}
        for key, labels in wanted.items()
    )


def check_dataset(root: Path) -> None:
    """Make sure that `root` is a BIDS dataset.

    Raises
    ------
    NotBidsError
        When its ``dataset_description.json`` is missing or broken.
    """
    path = root / "dataset_description.json"
    try:
        content = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise NotBidsError(
            "not a BIDS dataset", where=root, expected="a dataset_description.json there", got=error.strerror
        ) from error
    except ValueError as error:
        raise NotBidsError(
            "not a BIDS dataset", where=path, expected="JSON", got=" ".join(str(error).split()) or "nothing"
        ) from error
    if not isinstance(content, dict) or not isinstance(content.get("BIDSVersion"), str):
        raise NotBidsError("not a BIDS dataset", where=path, expected='a BIDSVersion such as "1.10.0"')


def find_scans(
    root: Path, filters: Filters | None = None, *, reference_suffixes: Sequence[str] = REFERENCE_SUFFIXES
) -> list[Scan]:
    """The edited scans of a dataset, sorted by name.

    A scan is edited when its sidecars or its acq label say so (EditTarget, EditPulse, EditCondition; ``mega``). One
    whose sidecar is broken is among them, with its `problem`: the others go on without it.

    Parameters
    ----------
    root : Path
    filters : Filters, optional
    reference_suffixes : sequence of str
        Suffixes of water references, the first preferred.

    Raises
    ------
    NoInputError
        When there is none.
    """
    filters = filters or Filters()
    images = index_images(root)
    scans = []
    for image in images:
        if image.name.suffix == "svs" and filters.takes(image.name):
            try:
                scan = _scan(root, image, images, filters, reference_suffixes)
            except DataError as error:
                scan = Scan(image.path, image.name, {}, problem=str(error))
            if scan is not None:
                scans.append(scan)
    if not scans:
        raise NoInputError(
            "no edited spectroscopy was found",
            where=root,
            expected="sub-*/[ses-*/]mrs/*_svs.nii.gz of MEGA-PRESS",
            hint="Check --participant-label and the other filters",
        )
    return scans


def _scan(root: Path, image: Image, images: Sequence[Image], filters: Filters, suffixes: Sequence[str]) -> Scan | None:
    """A scan with its sidecars and its reference; None when it is not edited."""
    metadata = image.metadata()
    if not _is_edited(image.name, metadata):
        return None
    named = metadata.get("ReferenceSignal")
    if isinstance(named, list):
        named = named[0] if named else None
    reference: Image | None
    notes: tuple[str, ...] = ()
    if isinstance(named, str):
        reference = _named_reference(root, image.name, named, images)
    else:
        allowed = [other for other in images if filters.takes_reference(other.name)]
        reference, notes = _like_reference(image.name, allowed, suffixes)
    if reference is None:
        return Scan(image.path, image.name, metadata, notes=notes)
    return Scan(image.path, image.name, metadata, reference.path, reference.metadata(), notes)


def _is_edited(name: BidsName, metadata: Mapping[str, Any]) -> bool:
    if any(key in metadata for key in ("EditTarget", "EditPulse", "EditCondition")):
        return True
    return "mega" in name.entities.get("acq", "").lower()


def _named_reference(root: Path, name: BidsName, named: str, images: Sequence[Image]) -> Image:
    """The water reference that a sidecar names."""
    path = root / named.removeprefix("bids::").removeprefix("bids:raw:")
    for image in images:
        if image.path == path:
            return image
    raise DataError("the ReferenceSignal of a sidecar is not there", where=path, expected=f"for {name.stem}")


def _like_reference(
    name: BidsName, images: Sequence[Image], suffixes: Sequence[str]
) -> tuple[Image | None, tuple[str, ...]]:
    """The water reference of the same entities, or the only one of the same acquisition."""
    for suffix in suffixes:
        same = [image for image in images if image.name.suffix == suffix and image.name.entities == name.entities]
        if same:
            return same[0], ()
    keys = ("sub", "ses", "acq")
    for suffix in suffixes:
        like = [
            image
            for image in images
            if image.name.suffix == suffix and all(image.name.entities.get(k) == name.entities.get(k) for k in keys)
        ]
        if len(like) == 1:
            return like[0], (f"the water reference {like[0].path.name} was taken for its acq label",)
        if like:
            return None, (f"{len(like)} water references could belong to it; none was used",)
    return None, ("no water reference",)
