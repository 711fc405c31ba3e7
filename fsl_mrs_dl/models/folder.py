# SPDX-License-Identifier: Apache-2.0
"""A model on disk: ``model.onnx``, ``model.safetensors`` and ``card.json``, whose hashes are checked on loading.

An ensemble is a card alone: it names the model folders beside it whose answers are averaged, and their hashes.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from fsl_mrs_dl.core.errors import ModelError
from fsl_mrs_dl.models.card import CARD_FILE, Card, read_card
from fsl_mrs_dl.models.inputs import PpmGrid

MODEL_FILES = (CARD_FILE, "model.onnx", "model.safetensors")
"""All that a model's folder needs to hold."""

ANSWERING = ("outputs", "grid", "ranges", "calibration", "files", "members", "inputs")
"""Parts of a card that decide what a model answers, intervals and flags with it."""

ANSWERING_IF_THERE = ("protocol",)
"""The same of parts that not every card has."""


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
    card : Card
    members : tuple of ModelFolder
        Of an ensemble; empty otherwise.
    """

    path: Path
    card: Card
    members: tuple[ModelFolder, ...] = ()

    @property
    def name(self) -> str:
        """Name of the model."""
        return self.card.name

    @property
    def outputs(self) -> tuple[str, ...]:
        """Quantities that the network estimates, in order."""
        return self.card.outputs

    @property
    def grid(self) -> PpmGrid:
        """The ppm grid of its input."""
        return self.card.grid

    @property
    def networks(self) -> tuple[Path, ...]:
        """The networks for inference: its own, or those of the members."""
        return tuple(member.path / "model.onnx" for member in self.members) or (self.path / "model.onnx",)

    @property
    def digest(self) -> str:
        """SHA-256 of ``model.onnx``; of an ensemble, of its members' digests one after the other."""
        if self.members:
            return hashlib.sha256("".join(member.digest for member in self.members).encode()).hexdigest()
        return self.card.files["model.onnx"]

    @property
    def staged(self) -> bool:
        """Whether training went on from an earlier one: the card's figures of training are those of the last alone."""
        return any(folder.card.staged for folder in (self, *self.members))

    @property
    def fingerprint(self) -> str:
        """SHA-256 of everything that its answers depend on: the networks, their calibration and ranges."""
        deciding = {key: self.card.as_written(key) for key in ANSWERING}
        deciding |= {key: self.card.content[key] for key in ANSWERING_IF_THERE if key in self.card.content}
        parts = [deciding, self.digest]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def open_model(path: Path) -> ModelFolder:
    """Read a model folder and check it.

    Raises
    ------
    ModelError
        When a file is missing, the card is broken or of another version, or a hash does not hold.
    """
    return _open(path, inside="")


def _open(path: Path, inside: str) -> ModelFolder:
    """Open a model folder, as a member of the ensemble `inside` where that is given: a member is no ensemble itself."""
    card_path = path / CARD_FILE
    if not card_path.is_file():
        raise ModelError(
            "no model here",
            where=path,
            expected="a folder with card.json and model.onnx",
            hint="List the models with: fsl_mrs_dl models",
        )
    card = read_card(card_path)
    if card.members:
        if inside:
            raise ModelError(
                f"a member of the ensemble {inside} is an ensemble itself", where=path, expected="a single model"
            )
        return ModelFolder(path, card, tuple(_open_member(path, card, *item) for item in card.members.items()))
    for name, expected in card.files.items():
        file = path / name
        if not file.is_file():
            if name == "model.onnx":
                raise ModelError("a file of the model is missing", where=file)
            continue
        got = sha256(file)
        if got != expected:
            raise ModelError(
                "the file does not have the SHA-256 of the model card: it was altered or is corrupted",
                where=file,
                expected=expected[:16] + "...",
                got=got[:16] + "...",
                hint="Install the model again",
            )
    return ModelFolder(path, card)


def _open_member(path: Path, card: Card, name: str, digest: str) -> ModelFolder:
    """A member of the ensemble in `path`, a folder beside it."""
    member = _open(path.resolve().parent / name, inside=card.name)
    if member.digest != digest:
        raise ModelError(
            "a member of the ensemble is not the model that it was made from",
            where=member.path,
            expected=f"{digest[:16]}...",
            got=f"{member.digest[:16]}...",
            hint="Install the model again",
        )
    for key in ("outputs", "grid"):
        wanted, got = getattr(card, key), getattr(member.card, key)
        if got != wanted:
            raise ModelError(f"a member of the ensemble has other {key}", where=member.path, expected=wanted, got=got)
    return member
