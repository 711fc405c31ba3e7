# SPDX-License-Identifier: Apache-2.0
"""The configuration and bank that a model was trained on, for studies and tools."""

from __future__ import annotations

from pathlib import Path

from fsl_mrs_dl.basis.bank import BasisBank
from fsl_mrs_dl.core.config import from_mapping
from fsl_mrs_dl.models.folder import ModelFolder
from fsl_mrs_dl.training.banks import read_bank
from fsl_mrs_dl.training.config import TrainConfig


def trained_on(model: ModelFolder, bank_folder: Path) -> tuple[TrainConfig, BasisBank]:
    """The configuration of a model's training, and its bank, which has to be that of the card (SHA-256)."""
    config = from_mapping(TrainConfig, model.card.config, str(model.path))
    bank = read_bank(config.recipe, bank_folder)
    if bank.digest != model.card.bank_sha256:
        raise SystemExit(f"{bank_folder} is not the bank of {model.path}")
    return config, bank
