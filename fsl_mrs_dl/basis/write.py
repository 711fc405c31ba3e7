# SPDX-License-Identifier: Apache-2.0
"""A simulated basis set as files: FSL-MRS's folders, LCModel's files, the compact line list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from fsl_mrs_dl.basis.files import ConditionBasis, LineBasis, save_line_basis, write_fsl_folder
from fsl_mrs_dl.basis.lcmodel_file import write_lcmodel_basis
from fsl_mrs_dl.basis.protocol import UNEDITED, Protocol
from fsl_mrs_dl.basis.simulate import Signals
from fsl_mrs_dl.physics.simulate import SimulatedPair
from fsl_mrs_dl.physics.spins import SpinSystem


def write_basis_set(
    folder: Path, bases: Mapping[str, ConditionBasis], protocol: Protocol, systems: Sequence[SpinSystem]
) -> None:
    """Write FSL-MRS JSON: ``edit_off``, ``edit_on`` and ``diff`` in `folder`, or `folder` itself when unedited."""
    by_name = {system.name: system for system in systems}
    for condition, basis in bases.items():
        target = folder if condition == UNEDITED else folder / condition
        sequence = protocol.sequence_block(condition, basis)
        write_fsl_folder(target, basis, sequence=sequence, systems=by_name, meta={"TE": protocol.te_s})


def write_lcmodel(path: Path, bases: Mapping[str, ConditionBasis], protocol: Protocol) -> list[Path]:
    """Write `path`, of an edited pair for DIFF, and beside it ``_edit_off`` and ``_edit_on``; returns the files."""
    written = []
    for condition, basis in bases.items():
        target = path if condition in (UNEDITED, "diff") else path.with_name(f"{path.stem}_{condition}{path.suffix}")
        name = "MEGA" if condition != UNEDITED else "STEAM" if protocol.is_stimulated_echo else "PRESS"
        write_lcmodel_basis(target, basis, te_s=protocol.te_s, sequence_name=name, title=protocol.name(condition))
        written.append(target)
    return written


def write_compact(path: Path, signals: Signals, protocol: Protocol) -> None:
    """Write the line list of an edited pair."""
    assert protocol.mega is not None
    pairs = {name: SimulatedPair(name, off, signals["edit_on"][name]) for name, off in signals["edit_off"].items()}
    save_line_basis(path, LineBasis(pairs, protocol.mega))
