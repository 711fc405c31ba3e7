# SPDX-License-Identifier: Apache-2.0
"""A BIDS dataset: its edited scans, what their sidecars say, and the water reference of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fsl_mrs_dl.bids.index import Image, index_images, misnamed_scans
from fsl_mrs_dl.bids.names import BidsName
from fsl_mrs_dl.bids.reference import REFERENCE_SUFFIXES, like_reference, named_reference
from fsl_mrs_dl.core.errors import DataError, nearest
from fsl_mrs_dl.core.reading import read_json_object
from fsl_mrs_dl.io.header import is_edited, read_header


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
    misplaced : bool
        Whether its name is not that of its place: results under that name belong to another scan.
    """

    path: Path
    name: BidsName
    metadata: Mapping[str, Any]
    reference: Path | None = None
    reference_metadata: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    problem: str | None = None
    misplaced: bool = False


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
    if not path.is_file():
        raise NotBidsError("not a BIDS dataset", where=root, expected="a dataset_description.json there")
    content = read_json_object(path, "description of the dataset", NotBidsError)
    if not isinstance(content.get("BIDSVersion"), str):
        raise NotBidsError("not a BIDS dataset", where=path, expected='a BIDSVersion such as "1.10.0"')


def find_scans(
    root: Path, filters: Filters | None = None, *, reference_suffixes: Sequence[str] = REFERENCE_SUFFIXES
) -> list[Scan]:
    """The edited scans of a dataset, sorted by name.

    A scan is edited when its sidecars, its acq label or its header say so (EditTarget, EditPulse, EditCondition;
    ``mega``; DIM_EDIT). One that cannot be used, for a broken sidecar, a name that contradicts its folder or that two
    images have, is among them, with its `problem`: the others go on without it.

    Parameters
    ----------
    root : Path
    filters : Filters, optional
    reference_suffixes : sequence of str
        Suffixes of water references, the first preferred.

    Raises
    ------
    NoInputError
        When there is none, or a participant who is asked for is not in the dataset.
    """
    filters = filters or Filters()
    images = index_images(root)
    placed = [image for image in images if image.problem is None]
    scans = []
    for namesakes in _by_name(image for image in images if image.name.suffix == "svs" and filters.takes(image.name)):
        try:
            scan = _scan(root, namesakes, placed, filters, reference_suffixes)
        except DataError as error:
            scan = Scan(namesakes[0].path, namesakes[0].name, {}, problem=str(error))
        if scan is not None:
            scans.append(scan)
    scans += [scan for scan in map(_misnamed, misnamed_scans(root)) if filters.takes(scan.name)]
    if not scans:
        raise NoInputError(
            "no edited spectroscopy was found",
            where=root,
            expected="sub-*/[ses-*/]mrs/*_svs.nii.gz of MEGA-PRESS",
            hint="Check --participant-label and the other filters",
        )
    _check_participants(root, filters.participant)
    return scans


def _check_participants(root: Path, labels: Sequence[str]) -> None:
    """Raise `NoInputError` for a participant who is asked for beside others, and is not in the dataset."""
    known = sorted(path.name.removeprefix("sub-") for path in root.glob("sub-*") if path.is_dir())
    missing = [label for label in labels if label.removeprefix("sub-") not in known]
    if missing:
        raise NoInputError(
            f"no participant '{missing[0]}'{nearest(missing[0], known)}",
            where=root,
            expected=f"labels of {', '.join(known[:10])}{' ...' if len(known) > 10 else ''}",
            got=", ".join(missing),
            hint="Check --participant-label",
        )


def _by_name(images: Iterable[Image]) -> list[list[Image]]:
    """Images that would have the same results: one each, more where two images have one name."""
    groups: dict[str, list[Image]] = {}
    for image in images:
        groups.setdefault(image.name.stem if image.problem is None else str(image.path), []).append(image)
    return list(groups.values())


def _misnamed(path: Path) -> Scan:
    """A scan whose name says nothing: its participant is told from its folder."""
    label = next(part for part in path.parts[::-1] if part.startswith("sub-")).removeprefix("sub-")
    stem = path.name.partition(".")[0]
    problem = DataError(
        "the name is not valid in BIDS",
        where=path,
        expected="sub-LABEL[_ses-LABEL][_KEY-LABEL...]_svs.nii.gz, labels of letters, digits and +",
        hint="Rename it",
    )
    return Scan(path, BidsName({"sub": label}, stem, ".nii"), {}, problem=str(problem), misplaced=True)


def _scan(
    root: Path, namesakes: Sequence[Image], images: Sequence[Image], filters: Filters, suffixes: Sequence[str]
) -> Scan | None:
    """A scan with its sidecars and its reference; None when it is not edited."""
    image = namesakes[0]
    metadata = image.metadata()
    if not any(_is_edited(one, metadata) for one in namesakes):
        return None
    if image.problem is not None:
        hint = "Correct one of them"
        problem = str(DataError("the scan is in the wrong folder", where=image.path, got=image.problem, hint=hint))
        return Scan(image.path, image.name, metadata, problem=problem, misplaced=True)
    if len(namesakes) > 1:
        raise DataError(
            "two images have the same name, and their results would too",
            where=image.path,
            got=" and ".join(one.path.name for one in namesakes),
            hint="Keep one of them",
        )
    reference, notes = _reference(root, image.name, metadata, images, filters, suffixes)
    if reference is None:
        return Scan(image.path, image.name, metadata, notes=notes)
    return Scan(image.path, image.name, metadata, reference.path, reference.metadata(), notes)


def _is_edited(image: Image, metadata: Mapping[str, Any]) -> bool:
    if any(key in metadata for key in ("EditTarget", "EditPulse", "EditCondition")):
        return True
    if "mega" in image.name.entities.get("acq", "").lower():
        return True
    return is_edited(read_header(image.path) or {})


def _reference(
    root: Path,
    name: BidsName,
    metadata: Mapping[str, Any],
    images: Sequence[Image],
    filters: Filters,
    suffixes: Sequence[str],
) -> tuple[Image | None, tuple[str, ...]]:
    """The water reference of a scan: the one that its sidecar names, else one of like name."""
    if metadata.get("ReferenceSignal") not in (None, "", [], "n/a"):
        return named_reference(root, name, metadata["ReferenceSignal"], images)
    allowed = [other for other in images if filters.takes_reference(other.name)]
    return like_reference(name, allowed, suffixes)
