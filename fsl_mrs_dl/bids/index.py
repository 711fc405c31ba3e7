# SPDX-License-Identifier: Apache-2.0
"""The files of a BIDS dataset, indexed by ancpbids (https://ancpbids.readthedocs.io), and what their sidecars say."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fsl_mrs_dl.bids.names import BidsName
from fsl_mrs_dl.core.errors import DataError

_IMAGES = [".nii.gz", ".nii"]

_FOLDER = re.compile("sub-[^/]+(/ses-[^/]+)?/mrs")

_IGNORED = [
    ".*",
    "derivatives",
    "sourcedata",
    "code",
    "stimuli",
    "phenotype",
    *(
        f"sub-*/{datatype}"
        for datatype in (
            "anat",
            "beh",
            "dwi",
            "eeg",
            "emg",
            "fmap",
            "func",
            "ieeg",
            "meg",
            "micr",
            "motion",
            "nirs",
            "perf",
            "pet",
        )
    ),
]
"""Folders that hold neither spectra nor their sidecars: a large study is indexed without walking through them."""


@dataclass(frozen=True)
class Image:
    """A NIfTI file below ``mrs``.

    Parameters
    ----------
    path : Path
    name : BidsName
    artifact : ancpbids Artifact
        Its node in the index, by whose parents sidecars are found.
    """

    path: Path
    name: BidsName
    artifact: Any

    def metadata(self) -> dict[str, Any]:
        """Its sidecars merged, from the root of the dataset down, the value of the nearest standing.

        ancpbids finds them. It is not asked to merge them: it makes one list of two (``EditCondition`` of a study and
        of a scan), where BIDS has the nearer one stand instead of the other.

        Raises
        ------
        DataError
            When one that applies is not a JSON object.
        """
        merged: dict[str, Any] = {}
        for sidecar in self._sidecars():
            content = sidecar.load_contents()
            if not isinstance(content, dict):
                raise DataError(
                    "the sidecar is not JSON, or not a JSON object",
                    where=sidecar.get_absolute_path(),
                    expected='{"EchoTime": 0.068, ...}',
                )
            merged |= content
        return merged

    def _sidecars(self) -> list[Any]:
        """Those that apply by the inheritance principle: the fewer entities, and the farther, the earlier."""
        found, folder, distance = [], self.artifact.get_parent(), 0
        while folder is not None:
            for file in folder.files:
                name = BidsName.of_sidecar(file.name)
                if name is not None and name.applies_to(self.name):
                    found.append((-distance, len(name.entities), file.name, file))
            folder, distance = folder.get_parent(), distance + 1
        return [file for *_, file in sorted(found, key=lambda item: item[:3])]


def _without_loops(base: str) -> Any:
    """The file system as ancpbids sees it, without links to folders that lead back to one that they lie in.

    ancpbids follows links; two such loops in one dataset would be walked in every order.
    """
    from ancpbids.vfs import LocalVfs

    class WithoutLoops(LocalVfs):
        def listdir(self, path: str) -> list[str]:
            folder = Path(path)
            above = {os.path.realpath(p) for p in (folder, *folder.parents) if str(p).startswith(base)}
            return [name for name in os.listdir(path) if not self._leads_back(folder / name, above)]

        @staticmethod
        def _leads_back(path: Path, above: set[str]) -> bool:
            return path.is_symlink() and os.path.realpath(path) in above

    return WithoutLoops()


def index_images(root: Path) -> list[Image]:
    """The images below ``sub-*/[ses-*/]mrs``, of any suffix (HBCD's water references are called ``ref``), by name.

    Raises
    ------
    DataError
        When a folder cannot be read.
    """
    from ancpbids import DatasetOptions, load_dataset

    # a pickled index in the dataset would be run as code
    options = DatasetOptions(ignore=_IGNORED, ignore_pickle_file=True)
    base = os.path.abspath(root)  # without "..", which ancpbids takes out of its paths
    try:
        dataset = load_dataset(base, options, vfs=_without_loops(base))
    except OSError as error:
        raise DataError("the dataset cannot be read", where=error.filename or root, got=error.strerror) from error
    artifacts: list[Any] = dataset.query(extension=_IMAGES, scope="raw")
    images = []
    for artifact in artifacts:
        path = root / Path(artifact.get_absolute_path()).relative_to(base)
        # ancpbids reads run-01 as run-1 and takes names that BIDS does not: the name is taken apart here
        name = BidsName.parse(path.name)
        if name is None or "desc" in name.entities:  # a desc label is that of a derivative
            continue
        if _FOLDER.fullmatch(path.relative_to(root).parent.as_posix()):
            images.append(Image(path, name, artifact))
    return sorted(images, key=lambda image: image.name.stem)
