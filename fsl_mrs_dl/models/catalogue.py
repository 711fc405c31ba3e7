# SPDX-License-Identifier: Apache-2.0
"""Available models by name: shipped ones, and those added by a user or a site."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from fsl_mrs_dl.core.errors import ConfigError, ModelError, nearest
from fsl_mrs_dl.core.resources import shipped_models, weights_folder
from fsl_mrs_dl.models.card import CARD_FILE
from fsl_mrs_dl.models.folder import MODEL_FILES, open_model

MODELS_VARIABLE = "FSL_MRS_DL_MODELS"
"""Environment variable: folders of added models, separated as those of PATH are; models are added to the first."""

Origin = Literal["shipped", "added"]


@dataclass(frozen=True)
class KnownModel:
    """A model that has a name.

    Parameters
    ----------
    name : str
        That of its folder.
    path : Path
    origin : {'shipped', 'added'}
    """

    name: str
    path: Path
    origin: Origin


def added_folders() -> tuple[Path, ...]:
    """Folders in which added models are looked for, whether they exist or not.

    Those of the environment variable ``FSL_MRS_DL_MODELS`` where it is set; otherwise ``fsl_mrs_dl/models`` in the
    platform's folder for a user's data (``$XDG_DATA_HOME`` or ``~/.local/share``, ``~/Library/Application Support``,
    ``%APPDATA%``), and none for a user without a home.
    """
    named = os.environ.get(MODELS_VARIABLE, "")
    if named:
        return tuple(Path(part).absolute() for part in named.split(os.pathsep) if part)
    data = _data_home()
    return () if data is None else (data / "fsl_mrs_dl" / "models",)


def known_models() -> dict[str, KnownModel]:
    """Every model by name: shipped ones first, then added ones, each in alphabetical order.

    An added model that has the name of a shipped one, or of one in an earlier folder, is not found by it.
    """
    found = {name: KnownModel(name, weights_folder() / name, "shipped") for name in shipped_models()}
    for folder in added_folders():
        for path in _models_in(folder):
            found.setdefault(path.name, KnownModel(path.name, path, "added"))
    return found


def find_model(name_or_folder: str) -> Path:
    """Folder of a shipped or added model by name, or of any model by its folder.

    A plain name is that of a known model where there is one: a folder of the same name here is ``./NAME``.

    Raises
    ------
    ConfigError
        When there is no such model.
    """
    known = known_models()
    if name_or_folder in known:
        return known[name_or_folder].path
    try:
        if name_or_folder and Path(name_or_folder).is_dir():
            return Path(name_or_folder)
    except (OSError, ValueError):  # a name that no file system takes
        pass
    raise ConfigError(
        f"there is no model '{name_or_folder}'{nearest(name_or_folder, known)}",
        expected=f"a folder, or one of {', '.join(known) or '(none shipped)'}",
        hint="Add a model of your own with: fsl_mrs_dl models add FOLDER",
    )


@dataclass(frozen=True)
class ModelSummary:
    """What tells models apart.

    Parameters
    ----------
    name, path, origin : str
        As of `KnownModel`.
    problem : str
        Why the model cannot be used; empty where it can, and everything below is then empty otherwise.
    samples : tuple of str
        ``brain``, ``solution`` or both; empty where the card does not say.
    architecture : str
    outputs, conditions : tuple of str
    protocol : mapping of str to (float, float)
        Ranges that were trained on, units in the names.
    size_bytes : int
        Of the networks, the members' among them, and the cards.
    digest : str
        See `ModelFolder.digest`.
    known_limits : tuple of str
    """

    name: str
    path: str
    origin: str
    problem: str = ""
    samples: tuple[str, ...] = ()
    architecture: str = ""
    outputs: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()
    protocol: dict[str, tuple[float, float]] = field(default_factory=dict)
    size_bytes: int = 0
    digest: str = ""
    known_limits: tuple[str, ...] = ()


def summary(known: KnownModel) -> ModelSummary:
    """What tells a model from others; of one that is damaged, why."""
    base = ModelSummary(known.name, str(known.path), known.origin)
    try:
        model = open_model(known.path)
    except ModelError as error:
        return replace(base, problem=str(error))
    share = model.card.solution_fraction
    samples = () if share is None else tuple(n for n, has in (("solution", share > 0), ("brain", share < 1)) if has)
    return replace(
        base,
        samples=samples,
        architecture=str(model.card.architecture.get("name", "")),
        outputs=model.outputs,
        conditions=tuple(model.card.calibration),
        protocol=model.card.ranges,
        size_bytes=sum(_size(folder.path) for folder in (model, *model.members)),
        digest=model.digest,
        known_limits=model.card.known_limits,
    )


def _size(folder: Path) -> int:
    return sum((folder / name).stat().st_size for name in MODEL_FILES if (folder / name).is_file())


def _models_in(folder: Path) -> Iterator[Path]:
    try:
        yield from sorted(path.parent for path in folder.glob(f"*/{CARD_FILE}") if not path.parent.name.startswith("."))
    except OSError:  # a folder that may not be read holds no models for this user
        return


def _data_home() -> Path | None:
    try:
        home = Path.home()
    except RuntimeError:
        return None
    if sys.platform == "darwin":
        return home / "Library" / "Application Support"
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA") or home / "AppData" / "Roaming")
    # a relative path is no value of it (XDG Base Directory Specification)
    given = Path(os.environ.get("XDG_DATA_HOME") or "")
    return given if given.is_absolute() else home / ".local" / "share"
