# SPDX-License-Identifier: Apache-2.0
"""A model on disk: ``model.onnx``, ``model.safetensors`` and ``card.json``, whose hashes are checked on loading."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fsl_mrs_dl.config import from_mapping
from fsl_mrs_dl.errors import ModelError
from fsl_mrs_dl.prepare import PpmGrid

CARD_VERSION = 1
_NEEDED = ("card_version", "name", "outputs", "grid", "ranges", "calibration", "files")


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        for block in iter(lambda: stream.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


@dataclass(frozen=True)
class ModelFolder:
    """A model folder whose card was read and whose network file has the card's hash.

    Parameters
    ----------
    path : Path
    card : mapping
        The content of ``card.json``.
    """

    path: Path
    card: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Name of the model."""
        return str(self.card["name"])

    @property
    def outputs(self) -> tuple[str, ...]:
        """Quantities that the network estimates, in order."""
        return tuple(self.card["outputs"])

    @property
    def grid(self) -> PpmGrid:
        """The ppm grid of its input."""
        return from_mapping(PpmGrid, self.card["grid"], f"{self.path / 'card.json'}, grid")

    @property
    def onnx(self) -> Path:
        """The network for inference."""
        return self.path / "model.onnx"

    @property
    def digest(self) -> str:
        """SHA-256 of ``model.onnx``."""
        return str(self.card["files"]["model.onnx"])


def open_model(path: Path) -> ModelFolder:
    """Read a model folder and check it.

    Raises
    ------
    ModelError
        When a file is missing, the card is broken or of another version, or a hash does not hold.
    """
    card_path = path / "card.json"
    if not card_path.is_file():
        raise ModelError("no model here", where=path, expected="a folder with card.json and model.onnx",
                         hint="List the shipped models with: fsl_mrs_dl models")  # fmt: skip
    try:
        card = json.loads(card_path.read_text("utf-8"))
        missing = [key for key in _NEEDED if key not in dict(card)]
    except (ValueError, TypeError) as error:
        raise ModelError("the model card cannot be read", where=card_path, got=error) from error
    if not missing and not (isinstance(card["files"], dict) and "model.onnx" in card["files"]):
        missing = ["files of model.onnx"]
    if missing:
        raise ModelError("the model card is incomplete", where=card_path, expected=", ".join(missing))
    if card["card_version"] != CARD_VERSION:
        raise ModelError(
            "the model card has another version", where=card_path, expected=CARD_VERSION, got=card["card_version"],
            hint="Install the version of fsl_mrs_dl that wrote the model",
        )  # fmt: skip
    folder = ModelFolder(path, card)
    for name, expected in card["files"].items():
        file = path / name
        if not file.is_file():
            if name == "model.onnx":
                raise ModelError("a file of the model is missing", where=file)
            continue
        got = sha256(file)
        if got != expected:
            raise ModelError(
                "the file does not have the SHA-256 of the model card: it was altered or is corrupted",
                where=file, expected=expected[:16] + "...", got=got[:16] + "...", hint="Install the model again",
            )  # fmt: skip
    return folder
