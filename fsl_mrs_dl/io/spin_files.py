# SPDX-License-Identifier: Apache-2.0
"""Spin systems of the user, from FSL-MRS's JSON files."""

from __future__ import annotations

import json
from pathlib import Path

from fsl_mrs_dl.core.errors import ConfigError
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
    try:
        values = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError("the spin systems cannot be read", where=path, got=error.strerror) from error
    except ValueError as error:
        raise ConfigError("the file of spin systems is not JSON", where=path, got=error) from error
    return parse_systems(values, str(path), path.stem)
