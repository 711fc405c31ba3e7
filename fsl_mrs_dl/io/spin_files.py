# SPDX-License-Identifier: Apache-2.0
"""Spin systems of the user, from FSL-MRS's JSON files."""

from __future__ import annotations

from pathlib import Path

from fsl_mrs_dl.core.errors import ConfigError
from fsl_mrs_dl.core.reading import read_json
from fsl_mrs_dl.physics.spins import SpinSystem
from fsl_mrs_dl.physics.spins.user import parse_systems


def read_spin_systems(path: Path) -> dict[str, SpinSystem]:
    """Read a spin-system file; see `fsl_mrs_dl.physics.spins.user.parse_systems`.

    A file with a single system takes its name from the file.

    Raises
    ------
    ConfigError
        When the file cannot be read, or its content is wrong.
    """
    return parse_systems(read_json(path, "file of spin systems", ConfigError), str(path), path.stem)
