# SPDX-License-Identifier: Apache-2.0
"""The header extension of a NIfTI-MRS file, read without the data."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

EXTENSION_CODE = 44
"""Of NIfTI-MRS among the header extensions of NIfTI."""


def read_header(path: Path) -> dict[str, Any] | None:
    """The header extension; None where there is none, or the file cannot be read as NIfTI-MRS.

    Whoever goes on to read the data gets the reason there.
    """
    import nibabel
    from nibabel.filebasedimages import ImageFileError
    from nibabel.spatialimages import HeaderDataError

    try:
        image: Any = nibabel.load(path)
        found = [e for e in image.header.extensions if e.get_code() == EXTENSION_CODE]
        content = json.loads(found[0].text.lstrip("\ufeff").rstrip("\0 \n")) if found else None
    except (ImageFileError, HeaderDataError, AttributeError, OSError, EOFError, ValueError, zlib.error):
        return None
    return content if isinstance(content, dict) else None


def is_edited(header: Mapping[str, Any]) -> bool:
    """Whether a header says that the spectra are edited; a water reference of an edited scan is not counted."""
    if header.get("WaterSuppressed") is False:
        return False
    if any(header.get(f"dim_{number}") == "DIM_EDIT" for number in (5, 6, 7)):
        return True
    entries = [header, *(header.get(f"dim_{number}_header") for number in (5, 6, 7))]
    keys = ("EditCondition", "EditPulse", "EditTarget")
    return any(key in entry for entry in entries if isinstance(entry, Mapping) for key in keys)
