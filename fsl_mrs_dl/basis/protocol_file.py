# SPDX-License-Identifier: Apache-2.0
"""A protocol from a file: the fields of `MegaPress`, or a sequence of FSL-MRS (two for an edited pair)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fsl_mrs_dl.basis.fsl_sequence import is_fsl_sequence, parse_fsl_sequence
from fsl_mrs_dl.basis.protocol import Protocol
from fsl_mrs_dl.core.errors import ConfigError
from fsl_mrs_dl.core.reading import read_json
from fsl_mrs_dl.physics.sequences import MegaPress


def read_protocol(
    sequence: Path,
    sequence_off: Path | None = None,
    *,
    autophase_ppm: float | None = None,
    n_positions: int | None = None,
    **sampling: Any,
) -> Protocol:
    """Read a protocol.

    Parameters
    ----------
    sequence : Path
        JSON: fields of `MegaPress`, or a sequence of FSL-MRS.
    sequence_off : Path, optional
        FSL-MRS's file of the edit_off condition; `sequence` is then that of edit_on.
    autophase_ppm : float, optional
        As `Protocol.of_fsl`.
    n_positions : int, optional
        Positions across each slice, in place of the file's; of `MegaPress` only.
    **sampling
        ``n_points``, ``dwell_s``, ``lw_hz``; None takes the file's, or the default.

    Raises
    ------
    ConfigError
        When a file cannot be read or understood, or what is given does not belong to its kind.
    """
    values = read_json(sequence, "sequence", ConfigError)
    if not isinstance(values, dict):
        raise ConfigError("a sequence is a JSON object", where=sequence, got=type(values).__name__)
    if is_fsl_sequence(values):
        if n_positions is not None:
            raise ConfigError("n_positions= does not belong to FSL-MRS's sequences", hint="Change 'resolution' there")
        on = parse_fsl_sequence(values, str(sequence))
        off = (
            None
            if sequence_off is None
            else parse_fsl_sequence(read_json(sequence_off, "sequence", ConfigError), str(sequence_off))
        )
        return Protocol.of_fsl(on, off, autophase_ppm=autophase_ppm, **sampling)
    if sequence_off is not None or autophase_ppm is not None:
        name = "sequence_off=" if sequence_off is not None else "autophase_ppm="
        raise ConfigError(f"{name} belongs to FSL-MRS's sequences", where=sequence, got="fields of MegaPress")
    if n_positions is not None:
        values = {**values, "n_positions": n_positions}
    return Protocol.of_mega_press(MegaPress.from_dict(values, str(sequence)), **sampling)
