# SPDX-License-Identifier: Apache-2.0
"""Basis sets on disk: FSL-MRS's JSON folders, and the compact line lists that the package ships."""

from __future__ import annotations

import dataclasses
import json
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl import __version__
from fsl_mrs_dl.basis.fsl_sequence import describe_as_fsl
from fsl_mrs_dl.core.constants import GAMMA_H_MHZ_PER_T
from fsl_mrs_dl.core.data import CONDITIONS
from fsl_mrs_dl.core.errors import DataError
from fsl_mrs_dl.core.files import atomic_path, write_json
from fsl_mrs_dl.core.reading import read_json
from fsl_mrs_dl.physics.sequences import Experiment, MegaPress
from fsl_mrs_dl.physics.simulate import LineList, SimulatedPair
from fsl_mrs_dl.physics.spins import SpinSystem, load_system
from fsl_mrs_dl.physics.spins.user import to_fsl

SMALLEST = 1e-4
"""Transitions below this part of a proton are left out of a compact basis."""

_SAMPLING = ((1e-6, 0.05), (1.0, 2000.0), (0.0, 1000.0))
"""What the dwell time (s), the frequency (MHz) and the width (Hz) of a basis can be: enough to notice other units."""


@dataclass(frozen=True)
class ConditionBasis:
    """Basis signals of one condition.

    Parameters
    ----------
    names : tuple of str
    fids : complex array, shape ``(n_metabolites, n_points)``
        In the sign convention of `fsl_mrs_dl.core.units`.
    dwell_s, f0_mhz, lw_hz : float
        Sampling interval, field, Lorentzian width that the signals already have.
    """

    names: tuple[str, ...]
    fids: NDArray
    dwell_s: float
    f0_mhz: float
    lw_hz: float


@dataclass(frozen=True)
class LineBasis:
    """A simulated basis as line lists: exact at any sampling.

    Parameters
    ----------
    pairs : mapping of str to SimulatedPair
    sequence : MegaPress
    """

    pairs: Mapping[str, SimulatedPair]
    sequence: MegaPress

    @property
    def names(self) -> tuple[str, ...]:
        """Metabolites."""
        return tuple(self.pairs)

    def condition(
        self, condition: str, n_points: int, dwell_s: float, f0_mhz: float | None = None, lw_hz: float = 0.0
    ) -> ConditionBasis:
        """Signals of a condition (``edit_off``, ``edit_on`` or ``diff``) on a sampling grid.

        Another `f0_mhz` than the basis was simulated at rescales its frequencies, which is right for chemical shifts
        and wrong for couplings by the relative difference of the fields: meant for differences below 1 %.
        """
        f0_mhz = f0_mhz or self.sequence.f0_mhz
        ratio = f0_mhz / self.sequence.f0_mhz
        fids = []
        for pair in self.pairs.values():
            lines: LineList = getattr(pair, condition)
            fids.append(LineList(lines.shift_hz * ratio, lines.amplitude).fid(n_points, dwell_s, lorentz_hz=lw_hz))
        return ConditionBasis(self.names, np.array(fids), dwell_s, f0_mhz, lw_hz)


def write_fsl_basis(
    folder: Path, basis: LineBasis, *, n_points: int = 4096, dwell_s: float = 5e-4, lw_hz: float = 2.0
) -> None:
    """Write FSL-MRS JSON folders ``edit_off``, ``edit_on`` and ``diff`` into `folder`.

    ``diff = edit_on - edit_off``. Each file holds the sequence that it was made with in FSL-MRS's form.
    """
    experiments = dict(zip(("edit_off", "edit_on"), basis.sequence.experiments(), strict=True))
    systems = {name: load_system(name) for name in basis.names}
    for condition in CONDITIONS:
        signals = basis.condition(condition, n_points, dwell_s, lw_hz=lw_hz)
        name = f"{basis.sequence.name} {condition}"
        sequence = describe(experiments.get(condition), name, signals)
        write_fsl_folder(folder / condition, signals, sequence=sequence, systems=systems)


def describe(experiment: Experiment | None, name: str, signals: ConditionBasis) -> dict[str, Any]:
    """The ``seq`` block of basis files: what FSL-MRS needs to play the sequence again, as far as it can.

    It has no words for phase cycles and for the difference of two conditions (`experiment` None): those get the
    sampling only.
    """
    sampling = {"n_points": signals.fids.shape[1], "dwell_s": signals.dwell_s, "lw_hz": signals.lw_hz}
    if experiment is not None and all(len(block.phases_deg) == 1 for block in experiment.blocks):
        return describe_as_fsl(experiment, name, **sampling)
    return {
        "sequenceName": name,
        "Nucleus": "1H",
        "B0": signals.f0_mhz / GAMMA_H_MHZ_PER_T,
        "Rx_Points": sampling["n_points"],
        "Rx_SW": 1.0 / signals.dwell_s,
        "Rx_LW": signals.lw_hz,
        "Rx_Phase": 0.0,
    }


def write_fsl_folder(
    folder: Path,
    basis: ConditionBasis,
    *,
    sequence: Mapping[str, Any],
    systems: Mapping[str, SpinSystem],
    meta: Mapping[str, Any] | None = None,
) -> None:
    """Write one condition as a folder of FSL-MRS JSON files, one per basis function.

    The files hold the complex conjugate of the signals, as FSL-MRS's reader expects.

    Parameters
    ----------
    folder : Path
        Made when missing.
    basis : ConditionBasis
    sequence : mapping
        ``seq`` block, see `describe`.
    systems : mapping of str to SpinSystem
        Spin system of each basis function; those without one (macromolecules) are marked ``MM``.
    meta : mapping, optional
        Added to the ``meta`` block.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, fid in zip(basis.names, basis.fids, strict=True):
        content: dict[str, Any] = {
            "basis": {
                "basis_re": fid.real.tolist(),
                "basis_im": (-fid.imag).tolist(),
                "basis_dwell": basis.dwell_s,
                "basis_centre": basis.f0_mhz,
                "basis_width": basis.lw_hz,
                "basis_name": name,
                "basis_nucleus": "1H",
            },
            "seq": sequence,
        }
        sources: list[str] = []
        if name in systems:
            content["spinSys"], sources = to_fsl(systems[name]), list(systems[name].sources)
        else:
            content["MM"] = True
        content["meta"] = {"SimVersion": f"fsl_mrs_dl {__version__}", "sources": sources, **(meta or {})}
        write_json(folder / f"{name}.json", content)


def read_fsl_basis(folder: Path, names: Sequence[str] = ()) -> ConditionBasis:
    """Read an FSL-MRS JSON folder.

    Parameters
    ----------
    folder : Path
    names : sequence of str, optional
        The functions that are needed: other files are left unread, where each of these has one by its name.

    Raises
    ------
    DataError
        When the folder holds no basis, a file is broken, or the files differ in sampling.
    """
    # macOS puts ._NAME.json beside a file on other disks
    files = sorted(file for file in folder.glob("*.json") if not file.name.startswith("."))
    if not files:
        raise DataError("no FSL-MRS basis here", where=folder, expected="a folder of JSON files, one per metabolite")
    needed = [file for file in files if file.stem in names]
    files = needed if names and len(needed) == len(names) else files
    found, fids, sampling = [], [], None
    for file in files:
        name, fid, this = _read_signal(file)
        if sampling is not None and this != sampling:
            raise DataError(
                "sampling differs from the other files of the basis", where=file, expected=sampling, got=this
            )
        sampling = this
        found.append(name)
        fids.append(fid)
    assert sampling is not None
    return ConditionBasis(tuple(found), np.array(fids), sampling[1], sampling[2], sampling[3])


def _read_signal(file: Path) -> tuple[str, NDArray, tuple[int, float, float, float]]:
    """Name, FID and sampling (points, dwell time, field, width) of a file of FSL-MRS's basis."""
    try:
        entry: dict[str, Any] = read_json(file, "basis")["basis"]
        fid = np.array(entry["basis_re"], dtype=float) - 1j * np.array(entry["basis_im"], dtype=float)
        sampling = (len(fid), float(entry["basis_dwell"]), float(entry["basis_centre"]), float(entry["basis_width"]))
        name = str(entry["basis_name"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError("not a basis file of FSL-MRS", where=file, got=f"{type(error).__name__} {error}") from error
    if fid.ndim != 1 or not np.isfinite(fid).all():
        raise DataError("the basis signal is not a finite FID", where=file)
    _check_sampling(sampling, file)
    return name, fid, sampling


def _check_sampling(sampling: tuple[int, float, float, float], file: Path) -> None:
    """Raise a DataError where dwell time, frequency or width of a basis are impossible."""
    for name, value, (low, high), unit in zip(
        ("basis_dwell", "basis_centre", "basis_width"), sampling[1:], _SAMPLING, ("s", "MHz", "Hz"), strict=True
    ):
        if not low <= value <= high:
            raise DataError(
                f"{name} is impossible", where=file, expected=f"{low:g} to {high:g} {unit}", got=f"{value:g}"
            )


def save_line_basis(path: Path, basis: LineBasis) -> None:
    """Write a compact ``.npz``; transitions below `SMALLEST` of a proton are left out."""
    arrays: dict[str, Any] = {
        "names": np.array(basis.names),
        "sequence": np.array(json.dumps(dataclasses.asdict(basis.sequence))),
    }
    for condition in ("edit_off", "edit_on"):
        parts = []
        for pair in basis.pairs.values():
            lines: LineList = getattr(pair, condition)
            keep = np.abs(lines.amplitude) > SMALLEST
            parts.append((lines.shift_hz[keep], lines.amplitude[keep].astype(np.complex64)))
        arrays[f"{condition}_count"] = np.array([len(p[0]) for p in parts])
        arrays[f"{condition}_shift_hz"] = np.concatenate([p[0] for p in parts])
        arrays[f"{condition}_amplitude"] = np.concatenate([p[1] for p in parts])
    with atomic_path(path) as scratch, scratch.open("wb") as stream:
        np.savez_compressed(stream, **arrays)


def load_line_basis(path: Path) -> LineBasis:
    """Read what `save_line_basis` wrote.

    Raises
    ------
    DataError
        When the file is missing or not such a basis.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            names = [str(name) for name in stored["names"]]
            sequence = MegaPress.from_dict(json.loads(str(stored["sequence"])), str(path))
            split: dict[str, Sequence[LineList]] = {}
            for condition in ("edit_off", "edit_on"):
                ends = np.cumsum(stored[f"{condition}_count"])[:-1]
                split[condition] = [
                    LineList(shift, amplitude.astype(complex))
                    for shift, amplitude in zip(
                        np.split(stored[f"{condition}_shift_hz"], ends),
                        np.split(stored[f"{condition}_amplitude"], ends),
                        strict=True,
                    )
                ]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError("not a basis of fsl_mrs_dl", where=path, got=f"{type(error).__name__} {error}") from error
    pairs = {
        name: SimulatedPair(name, off, on)
        for name, off, on in zip(names, split["edit_off"], split["edit_on"], strict=True)
    }
    return LineBasis(pairs, sequence)
