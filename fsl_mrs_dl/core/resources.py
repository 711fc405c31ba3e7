# SPDX-License-Identifier: Apache-2.0
"""Location of the shipped bases and weights: package data of an installation, or folders of the checkout."""

from __future__ import annotations

from importlib import resources
from pathlib import Path


def _folder(package: str, checkout_name: str) -> Path:
    try:
        return Path(str(resources.files(f"fsl_mrs_dl.{package}")))
    except ModuleNotFoundError:
        # running from a checkout that is not installed
        return Path(__file__).resolve().parents[2] / checkout_name


def weights_folder() -> Path:
    """Folder of the shipped models, one sub-folder each."""
    return _folder("_shipped_weights", "weights")


def basis_folder() -> Path:
    """Folder of the shipped bases, one sub-folder each."""
    return _folder("_shipped_basis", "basis")


def shipped_models() -> tuple[str, ...]:
    """Names of the shipped models."""
    return tuple(sorted(path.parent.name for path in weights_folder().glob("*/card.json")))
