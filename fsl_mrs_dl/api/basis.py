# SPDX-License-Identifier: Apache-2.0
"""`simulate_basis`: a basis set of a protocol, in memory and as files."""

from __future__ import annotations

import dataclasses
import inspect
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from fsl_mrs_dl import __version__
from fsl_mrs_dl.api.estimates import UnknownNameError
from fsl_mrs_dl.basis.files import ConditionBasis
from fsl_mrs_dl.basis.protocol import Protocol
from fsl_mrs_dl.basis.protocol_file import read_protocol
from fsl_mrs_dl.basis.simulate import Signals, simulate_basis_set
from fsl_mrs_dl.basis.write import write_basis_set, write_compact, write_lcmodel
from fsl_mrs_dl.core.arguments import check_choice, check_number, path_of
from fsl_mrs_dl.core.errors import ConfigError, nearest
from fsl_mrs_dl.core.files import new_output_folder, write_json
from fsl_mrs_dl.core.threads import on_one_thread
from fsl_mrs_dl.io.protocol import protocol_like
from fsl_mrs_dl.metabolites.table import BRAIN
from fsl_mrs_dl.physics.sequences import MegaPress, mega_press
from fsl_mrs_dl.physics.spins import SpinSystem, load_system
from fsl_mrs_dl.reports.manifest import entry_names

_OF_FILE = ("sequence_off", "autophase_ppm", "n_positions")
"""Fields that may stand beside a file of a sequence."""


@dataclass(frozen=True, eq=False)
class BasisSet(Mapping[str, ConditionBasis]):
    """A simulated basis set: maps each condition (``edit_off``, ``edit_on``, ``diff``) to its `ConditionBasis`.

    Parameters
    ----------
    bases : mapping of str to ConditionBasis
        Names, FIDs (complex, shape ``(n_metabolites, n_points)``) and sampling of each condition.
    protocol : Protocol
        What was simulated: sequence and sampling.
    systems : tuple of SpinSystem
        The molecules, in the order of the FIDs.
    signals : mapping
        The lines (frequencies and amplitudes) of each metabolite, from which FIDs of any sampling can be made.
    macromolecules : {"separate", "tied"}, optional
        How macromolecules were added; None if they were not.
    """

    bases: Mapping[str, ConditionBasis]
    protocol: Protocol
    systems: tuple[SpinSystem, ...]
    signals: Signals
    macromolecules: Literal["separate", "tied"] | None = None

    def __getitem__(self, condition: str) -> ConditionBasis:
        if condition not in self.bases:
            what = f"'{condition}' is no condition of the basis"
            raise UnknownNameError(what, expected=f"one of {', '.join(self.bases)}")
        return self.bases[condition]

    def __iter__(self) -> Iterator[str]:
        return iter(self.bases)

    def __len__(self) -> int:
        return len(self.bases)

    def __repr__(self) -> str:
        names = ", ".join(system.name for system in self.systems)
        return f"<BasisSet of {', '.join(self.bases)}: {names}>"

    def write(self, folder: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Write FSL-MRS's JSON files, complete or not at all; returns the folder.

        Raises
        ------
        DataError
            When the folder exists and is no output of this program, or when it cannot be written.
        """
        target = path_of(folder, "folder")
        with new_output_folder(target, overwrite=overwrite, names=entry_names()) as scratch:
            self.write_into(scratch)
        return target

    def write_into(self, folder: Path) -> None:
        """Write the files of `write` into an existing folder."""
        write_basis_set(folder, self.bases, self.protocol, self.systems)
        settings = {
            "sequence": self.protocol.description,
            "metabolites": [system.name for system in self.systems],
            "macromolecules": self.macromolecules,
            "version": __version__,
        }
        # FSL-MRS takes every .json in the folder of an unedited basis for a metabolite
        write_json(folder / ("simulation.json" if len(self.bases) > 1 else "simulation.txt"), settings)

    def write_lcmodel(self, path: str | os.PathLike[str]) -> list[Path]:
        """Write LCModel's ``.BASIS`` (for an edited pair DIFF, with OFF and ON beside it); returns the files."""
        return write_lcmodel(path_of(path, "path"), self.bases, self.protocol)

    def write_compact(self, path: str | os.PathLike[str]) -> None:
        """Write the line list of an edited pair (``.npz``), as the package ships its own.

        Raises
        ------
        ConfigError
            When the protocol is a sequence file of FSL-MRS.
        """
        check_compact(self.protocol)
        write_compact(path_of(path, "path"), self.signals, self.protocol)


def check_compact(protocol: Protocol) -> None:
    """Raise `ConfigError` if the protocol has no compact form."""
    if protocol.mega is None:
        raise ConfigError("compact= holds two conditions of MEGA-PRESS", hint="Leave it out with FSL-MRS's sequences")


@on_one_thread
def simulate_basis(
    sequence: str | os.PathLike[str] | MegaPress | Protocol | None = None,
    *,
    like: str | os.PathLike[str] | None = None,
    metabolites: Sequence[str | SpinSystem] | None = None,
    macromolecules: Literal["separate", "tied"] | None = None,
    n_points: int | None = None,
    dwell_s: float | None = None,
    lw_hz: float | None = None,
    workers: int = 1,
    keep: str | os.PathLike[str] | None = None,
    **fields: Any,
) -> BasisSet:
    """Simulate a basis set with density matrices, shaped pulses and slice profiles.

    Parameters
    ----------
    sequence : path-like, MegaPress or Protocol, optional
        A JSON file with a sequence (the fields of `MegaPress`, or a sequence file of FSL-MRS), or the object. Without
        it, `like` and `fields` describe the protocol.
    like : path-like, optional
        NIfTI-MRS file or BIDS sidecar from which to take timing, field and editing pulses; `fields` override them.
    metabolites : sequence of str or SpinSystem, optional
        All brain metabolites by default.
    macromolecules : {"separate", "tied"}, optional
        Add FSL-MRS's default macromolecules, with the co-edited line at 3.0 ppm as MM30 or tied to MM09.
    n_points, dwell_s, lw_hz : int and float, optional
        Points of each FID (default 4096), sampling interval in s (0.0005), Lorentzian line width in Hz (2).
    workers : int
        Number of processes; the result does not depend on it.
    keep : path-like, optional
        Folder for finished metabolites, from which an interrupted run resumes; remove it at the end.
    **fields
        Arguments of `fsl_mrs_dl.physics.sequences.mega_press` (``vendor``, ``te_s``, ``edit_on_ppm`` ...); for
        FSL-MRS's sequence files ``sequence_off`` and ``autophase_ppm``.

    Returns
    -------
    BasisSet

    Raises
    ------
    ConfigError, DataError
        An unknown metabolite, vendor or field, a value out of range, a protocol given twice; an unreadable file.
    """
    check_number(workers, "workers", 1, 1024, whole=True)
    if macromolecules is not None:
        check_choice(macromolecules, "macromolecules", ("separate", "tied"))
    systems = _systems(metabolites)
    sampling = {"n_points": n_points, "dwell_s": dwell_s, "lw_hz": lw_hz}
    protocol = sequence if isinstance(sequence, Protocol) else make_protocol(sequence, like, sampling, fields)
    with tempfile.TemporaryDirectory(prefix="fsl_mrs_dl_") as scratch:
        folder = Path(scratch) / "basis" if keep is None else path_of(keep, "keep")
        signals = simulate_basis_set(systems, protocol.experiments, protocol.description, folder, workers=workers)
    bases = protocol.bases(signals, macromolecules=macromolecules)
    return BasisSet(bases, protocol, systems, signals, macromolecules)


def _systems(metabolites: Sequence[str | SpinSystem] | None) -> tuple[SpinSystem, ...]:
    given = BRAIN if metabolites is None else metabolites
    # an array or a column of a table will do, too
    wanted = [] if isinstance(given, str) or not isinstance(given, Iterable) else list(given)
    if not wanted or not all(isinstance(name, str | SpinSystem) for name in wanted):
        raise ConfigError("metabolites= is no list of names", expected='["GABA", "Glu"]', got=repr(given)[:80])
    return tuple(load_system(str(name)) if isinstance(name, str) else name for name in wanted)


def make_protocol(
    sequence: str | os.PathLike[str] | MegaPress | None,
    like: str | os.PathLike[str] | None,
    sampling: Mapping[str, Any],
    fields: Mapping[str, Any],
) -> Protocol:
    """The protocol that arguments of `simulate_basis` describe; raises as it does."""
    if sequence is None:
        return _described(like, sampling, fields)
    of_file = {name: fields[name] for name in _OF_FILE if name in fields}
    others = [*(["like"] if like is not None else []), *(name for name in fields if name not in of_file)]
    if others:
        raise ConfigError(
            "the protocol is given twice",
            expected="sequence=, or like=, vendor=, te_s= and the like",
            got=f"sequence= and {others[0]}=",
        )
    if isinstance(sequence, MegaPress):
        if of_file:
            raise ConfigError(f"{next(iter(of_file))}= belongs to a file of a sequence", got="a MegaPress object")
        return Protocol.of_mega_press(sequence, **sampling)
    off = of_file.pop("sequence_off", None)
    path_off = None if off is None else path_of(off, "sequence_off")
    return read_protocol(path_of(sequence, "sequence"), path_off, **of_file, **sampling)


def _described(like: str | os.PathLike[str] | None, sampling: Mapping[str, Any], fields: Mapping[str, Any]) -> Protocol:
    """The protocol of MEGA-PRESS that a data set and fields describe."""
    if "sequence_off" in fields:
        raise ConfigError("sequence_off= needs sequence=", hint="Give FSL-MRS's file of the edit_on condition too")
    if "autophase_ppm" in fields:
        raise ConfigError("autophase_ppm= belongs to FSL-MRS's sequences", hint="Ours have phase 0 already")
    known = [
        *(name for name in inspect.signature(mega_press).parameters if name != "others"),
        *(field.name for field in dataclasses.fields(MegaPress)),
    ]
    for name in fields:
        if name not in known:
            expected = f"arguments of it or of mega_press: {', '.join(dict.fromkeys(known))}"
            raise ConfigError(f"simulate_basis has no argument {name}={nearest(name, known)}", expected=expected)
    told = {} if like is None else protocol_like(path_of(like, "like"))
    return Protocol.of_mega_press(mega_press(**{**told, **fields}), **sampling)
