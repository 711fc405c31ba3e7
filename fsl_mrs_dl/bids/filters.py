# SPDX-License-Identifier: Apache-2.0
"""The filter file of BIDS Apps: which entities scans and references must have."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fsl_mrs_dl.core.errors import ConfigError, nearest
from fsl_mrs_dl.core.reading import read_json_object

_ENTITIES = {
    "subject": "sub",
    "session": "ses",
    "task": "task",
    "acquisition": "acq",
    "nucleus": "nuc",
    "volume": "voi",
    "reconstruction": "rec",
    "run": "run",
    "echo": "echo",
    "inversion": "inv",
}
"""Names as pybids has them: entities as they stand in file names, which are understood too."""


def read_filter_file(path: Path) -> dict[str, dict[str, list[str]]]:
    """``{"svs": {"acquisition": "megapress68", "run": [1, 2]}, "mrsref": {...}}`` as short entities and lists.

    Returns
    -------
    dict
        ``scan`` and ``reference``, each entity: labels.

    Raises
    ------
    ConfigError
        When it is not there, is not JSON, or has a key that means nothing.
    """
    content = read_json_object(path, "filter file", ConfigError, expected='{"svs": {...}, "mrsref": {...}}')
    queries = {"svs": "scan", "mrsref": "reference"}
    found: dict[str, dict[str, list[str]]] = {"scan": {}, "reference": {}}
    for name, entities in content.items():
        if name not in queries or not isinstance(entities, Mapping):
            raise ConfigError(
                f"unknown entry '{name}'{nearest(name, queries)}", where=path, expected="svs or mrsref, each an object"
            )
        for entity, labels in entities.items():
            short = _ENTITIES.get(str(entity), str(entity))
            if short not in _ENTITIES.values():
                raise ConfigError(
                    f"unknown entity '{entity}'{nearest(str(entity), _ENTITIES)}",
                    where=path,
                    expected=", ".join(_ENTITIES),
                )
            found[queries[name]][short] = _labels(labels, entity, path)
    return found


def _labels(value: Any, entity: str, path: Path) -> list[str]:
    values = value if isinstance(value, list) else [value]
    if not values or not all(isinstance(v, str | int) and not isinstance(v, bool) for v in values):
        raise ConfigError(f"'{entity}' is no label", where=path, expected="a text or a list of them", got=value)
    return [str(v) for v in values]
