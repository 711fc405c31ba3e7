# SPDX-License-Identifier: Apache-2.0
"""Accepted data sources (a file, a `nifti_mrs.NIFTI_MRS`, a nibabel image), converted to one kind of image.

The array in a NIfTI-MRS file is the conjugate of what `nifti_mrs` hands out. `stored_image` is the one place where an
object of `nifti_mrs` is turned back, and `fsl_mrs_dl.io.nifti` the one that turns what is stored into the sign of
`fsl_mrs_dl.core.units`.
"""

from __future__ import annotations

import gzip
import math
import os
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from fsl_mrs_dl.core.errors import DataError

if TYPE_CHECKING:
    from nibabel.nifti1 import Nifti1Image
    from nifti_mrs.nifti_mrs import NIFTI_MRS

    Source: TypeAlias = str | os.PathLike[str] | NIFTI_MRS | Nifti1Image

MRS_EXTENSION = 44
"""Code of the header extension of NIfTI-MRS."""

_HEADER_SIZES = tuple(np.array(size, dtype=kind).tobytes() for size in (348, 540) for kind in ("<i4", ">i4"))
"""What the first four bytes of NIfTI-1 and NIfTI-2 say, in either order of bytes."""


def open_image(source: Source) -> tuple[Any, Path]:
    """The image of a source, values not read yet, and the path that messages and reports call it by.

    Parameters
    ----------
    source : path-like, nifti_mrs.NIFTI_MRS or nibabel.Nifti1Image
        An object in memory is not changed. It is called by the file that it was read from while it holds the same.

    Returns
    -------
    image : nibabel.Nifti1Image
        With the array as a file stores it.
    path : Path

    Raises
    ------
    DataError
        When the file cannot be read, or the object is something else.
    """
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        try:
            return _open_file(path), path
        except DataError:
            raise
        except Exception as exc:  # a header of wrong codes makes nibabel raise almost anything
            raise damaged(path) from exc
    import nibabel
    from nifti_mrs.nifti_mrs import NIFTI_MRS

    if isinstance(source, NIFTI_MRS):
        unchanged = source.image.saveState and source.image.dataSource
        return stored_image(source), Path(source.image.dataSource if unchanged else "NIFTI_MRS object")
    if isinstance(source, nibabel.Nifti1Image):
        name = source.get_filename() if nibabel.is_proxy(source.dataobj) else None
        return source, Path(name or "nibabel image")
    raise DataError(
        "no data that can be read",
        expected="a path, a nifti_mrs.NIFTI_MRS or a nibabel NIfTI image",
        got=f"{type(source).__module__}.{type(source).__qualname__}",
    )


def stored_image(opened: NIFTI_MRS) -> Nifti1Image:
    """The image that `opened` would be saved as: values conjugated back, its header extension as it stands now."""
    import nibabel

    header = opened.header.copy()
    kept = [extension for extension in header.extensions if extension.get_code() != MRS_EXTENSION]
    header.extensions.clear()
    content = nibabel.nifti1.Nifti1Extension(MRS_EXTENSION, opened.hdr_ext.to_json().encode())
    header.extensions.extend([*kept, content])
    values = np.conj(np.asarray(opened[:]))
    header.set_data_dtype(values.dtype)
    kind = nibabel.Nifti2Image if isinstance(header, nibabel.Nifti2Header) else nibabel.Nifti1Image
    return kind(values, opened.voxToWorldMat, header)


def damaged(path: Path) -> DataError:
    """The error of a file that ends early or does not hold what its header says."""
    return DataError("the file is truncated or damaged", where=path, hint="Copy or convert it again")


def compressed(path: Path) -> bool | None:
    """Whether a NIfTI file is compressed, by what it begins with; None where it begins like none."""
    with path.open("rb") as stream:
        if stream.read(4) in _HEADER_SIZES:
            return False
    try:
        with gzip.open(path) as stream:
            return True if stream.read(4) in _HEADER_SIZES else None
    except (OSError, EOFError, zlib.error):
        return None


def _check_ending(path: Path) -> None:
    """Raise a DataError where a file is compressed and its name says that it is not, or the other way round.

    Browsers that unpack what they download, and copies under another name, make such files.
    """
    found, name = compressed(path), path.name
    if found is True and name.endswith(".nii"):
        what = "the file is compressed, and its name does not say so"
        raise DataError(what, where=path, hint=f"Rename it to {name}.gz")
    if found is False and name.endswith(".gz"):
        what = "the file is not compressed, though its name says so"
        raise DataError(what, where=path, hint=f"Rename it to {name.removesuffix('.gz')}")


def _open_file(path: Path) -> Any:
    import nibabel
    from nibabel.filebasedimages import ImageFileError
    from nibabel.spatialimages import HeaderDataError

    try:
        if path.is_dir():
            raise DataError("is a folder", where=path, expected="a NIfTI-MRS file (.nii or .nii.gz)")
        if path.stat().st_size == 0:
            raise DataError("the file is empty", where=path, hint="Copy or convert it again")
        if not path.name.endswith((".nii", ".nii.gz")):
            raise DataError(
                "not a NIfTI-MRS file",
                where=path,
                expected="a name ending in .nii or .nii.gz",
                hint="Convert the scanner's data: fsl_mrs_dl convert",
            )
        _check_ending(path)
        n_bytes = path.stat().st_size
        if path.name.endswith(".gz"):
            with gzip.open(path) as stream:  # to the end, where the checksum stands, which nibabel never reads
                n_bytes = sum(len(block) for block in iter(lambda: stream.read(1 << 20), b""))
        image = nibabel.load(path)
    except FileNotFoundError:
        raise DataError("no such file", where=path) from None
    except PermissionError:
        raise DataError("the file may not be read (permission denied)", where=path) from None
    except (EOFError, zlib.error) as exc:
        raise damaged(path) from exc
    except (ImageFileError, HeaderDataError, OSError, ValueError) as exc:
        raise DataError("not a NIfTI file, or a damaged one", where=path, hint="Copy or convert it again") from exc
    if not isinstance(image, nibabel.Nifti1Image):
        raise DataError("not a NIfTI-MRS file", where=path, got=type(image).__name__)
    # before nibabel sets aside the memory that a damaged header may ask for
    needed = int(image.header["vox_offset"]) + math.prod(int(n) for n in image.shape) * image.get_data_dtype().itemsize
    if needed > n_bytes:
        raise damaged(path)
    return image
