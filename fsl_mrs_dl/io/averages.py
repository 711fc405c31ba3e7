# SPDX-License-Identifier: Apache-2.0
"""Number of transients that the scanner averaged before it wrote a file, from its text header."""

from __future__ import annotations

import re
from pathlib import Path

_HEADER_BYTES = 65536
_ENTRIES = {
    ".rda": re.compile(r"^NumberOfAverages\s*:\s*([\d.]+)", re.M),
    ".spar": re.compile(r"^averages\s*:\s*(\d+)", re.M),
}


def averages_of(path: Path) -> int | None:
    """Transients in each spectrum of a Siemens RDA or Philips SPAR (or the SDAT beside it); None where not told."""
    if path.suffix.lower() == ".sdat":
        path = next((p for p in (path.with_suffix(s) for s in (".SPAR", ".spar")) if p.is_file()), path)
    entry = _ENTRIES.get(path.suffix.lower())
    if entry is None:
        return None
    try:
        with path.open("rb") as stream:
            found = entry.search(stream.read(_HEADER_BYTES).decode("latin-1").replace("\r", ""))
    except OSError:
        return None
    return int(float(found.group(1))) if found else None
