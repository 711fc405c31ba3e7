# SPDX-License-Identifier: Apache-2.0
"""The files of a BIDS dataset, indexed by ancpbids (https://ancpbids.readthedocs.io), and what their sidecars say."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fsl_mrs_dl.bids.names import BidsName, contradiction
from fsl_mrs_dl.core.errors import DataError
from fsl_mrs_dl.core.reading import decode, read_json_object

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
    problem : str or None
        What is wrong with its name.
    """

    path: Path
    name: BidsName
    artifact: Any
    problem: str | None = None

    def metadata(self) -> dict[str, Any]:
        """Its sidecars merged, from the root of the dataset down, the value of the nearest standing.

        ancpbids finds them. It is not asked to merge them: it makes one list of two (``EditCondition`` of a study and
        of a scan), where BIDS has the nearer one stand instead of the other.

        Raises
        ------
        DataError
            When one that applies cannot be read, or is not a JSON object.
        """
        merged: dict[str, Any] = {}
        for sidecar in self._sidecars():
            path = Path(sidecar.get_absolute_path())
            merged |= read_json_object(path, "sidecar", expected='{"EchoTime": 0.068, ...}')
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


def _file_system(base: str) -> Any:
    """The file system as ancpbids sees it: without byte order marks, and without links that lead back.

    ancpbids follows links to folders; two that lead to one that they lie in would be walked in every order.
    """
    from ancpbids.vfs import LocalVfs

    class FileSystem(LocalVfs):
        def read_text(self, path: str, encoding: str = "utf-8") -> str:  # noqa: ARG002 - always as the file says
            return decode(self.read_bytes(path))

        def listdir(self, path: str) -> list[str]:
            folder = Path(path)
            above = {os.path.realpath(p) for p in (folder, *folder.parents) if str(p).startswith(base)}
            return [name for name in os.listdir(path) if not self._leads_back(folder / name, above)]

        @staticmethod
        def _leads_back(path: Path, above: set[str]) -> bool:
            return path.is_symlink() and os.path.realpath(path) in above

    return FileSystem()


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
        dataset = load_dataset(base, options, vfs=_file_system(base))
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
        folder = path.relative_to(root).parent
        if _FOLDER.fullmatch(folder.as_posix()):
            images.append(Image(path, name, artifact, contradiction(name, folder)))
    return sorted(images, key=lambda image: (image.name.stem, image.path.name))


def misnamed_scans(root: Path) -> list[Path]:
    """Images of spectra in the folders ``mrs`` whose names are none of BIDS: no index has them."""
    found = []
    for pattern in ("sub-*/mrs/*", "sub-*/ses-*/mrs/*"):
        for path in root.glob(pattern):
            name = path.name.lower()
            if name.startswith(".") or "_svs." not in name or not name.endswith((".nii", ".nii.gz")):
                continue
            parsed = BidsName.parse(path.name)
            if parsed is None or parsed.extension not in _IMAGES:
                found.append(path)
    return sorted(found)
