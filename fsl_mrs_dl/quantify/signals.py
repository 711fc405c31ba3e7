# SPDX-License-Identifier: Apache-2.0
"""Basis signals for the fits beside the network: on the data's own sampling, broad macromolecules included."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.basis.bank import naa_methyl_area
from fsl_mrs_dl.basis.files import ConditionBasis, LineBasis, load_line_basis, read_fsl_basis
from fsl_mrs_dl.core.constants import NAA_PPM
from fsl_mrs_dl.core.data import EditedSpectra
from fsl_mrs_dl.core.errors import DataError
from fsl_mrs_dl.core.resources import basis_folder
from fsl_mrs_dl.core.units import ppm_to_hz, time_axis
from fsl_mrs_dl.metabolites.macromolecules import macromolecule_fid
from fsl_mrs_dl.models.inputs import PpmGrid
from fsl_mrs_dl.physics.sequences import MegaPress

BROAD_NAMES = ("MM09", "MM30")
"""Quantities whose signals are made here and never taken from a basis, where the same names mean other lines."""

_MIDDLE_PPM = 2.8
"""Middle of the shifts of a basis."""


@dataclass(frozen=True)
class BasisSignals:
    """Time signals of every quantity in the conditions of a data set.

    Parameters
    ----------
    names : tuple of str
    fids : mapping of str to complex array, shape ``(n_names, n_points)``
        For each condition present among ``edit_off`` and ``diff``.
    source : str
        Where they came from.
    lw_hz : float
        Width that the signals already have.
    """

    names: tuple[str, ...]
    fids: dict[str, NDArray]
    source: str
    lw_hz: float = 0.0


def basis_signals(spectra: EditedSpectra, names: Sequence[str], basis: Path | None = None) -> BasisSignals:
    """Signals for the conditions of `spectra`.

    Parameters
    ----------
    spectra : EditedSpectra
    names : sequence of str
        Quantities wanted; those without a signal are left out.
    basis : Path, optional
        FSL-MRS JSON folders ``edit_off`` and ``diff`` (or ``edit_on``) in one folder, or one folder for a single
        condition. The shipped basis nearest in field otherwise.

    Raises
    ------
    DataError
        When the basis does not suit the data.
    """
    conditions: list[str] = [name for name in ("edit_off", "diff") if name in spectra.present]
    found = _of_shipped(spectra, names, conditions) if basis is None else _of_user(spectra, names, conditions, basis)
    # what the editing pulse leaves of macromolecules; a basis folder does not tell its pulse
    protocol = found.protocol or MegaPress(f0_mhz=spectra.f0_mhz)
    time_s = time_axis(spectra.n_points, spectra.dwell_s)
    broad = [name for name in BROAD_NAMES if name in names]
    fids = {}
    for condition in conditions:
        rows = [macromolecule_fid(name, condition, time_s, spectra.f0_mhz, protocol) for name in broad]
        fids[condition] = np.vstack([found.fids[condition], *rows])
    return BasisSignals((*found.names, *broad), fids, found.source, found.lw_hz)


@dataclass(frozen=True)
class _Simulated:
    """Signals of simulated metabolites by condition, in the scale of the training spectra; `protocol` where known."""

    names: tuple[str, ...]
    fids: dict[str, NDArray]
    source: str
    lw_hz: float = 0.0
    protocol: MegaPress | None = None


def _of_shipped(spectra: EditedSpectra, names: Sequence[str], conditions: Sequence[str]) -> _Simulated:
    lines, source = _shipped(spectra)
    simulated = tuple(name for name in names if name in lines.pairs)
    # in the scale of the training spectra: three protons of NAA's methyl group in edit_off
    scale = 3.0 / naa_methyl_area(lines.pairs["NAA"].edit_off, lines.sequence.f0_mhz)
    chosen = LineBasis({name: lines.pairs[name] for name in simulated}, lines.sequence)
    n_points, dwell_s, f0_mhz = spectra.n_points, spectra.dwell_s, spectra.f0_mhz
    fids = {c: scale * chosen.condition(c, n_points, dwell_s, f0_mhz).fids for c in conditions}
    return _Simulated(simulated, fids, source, protocol=lines.sequence)


def _of_user(spectra: EditedSpectra, names: Sequence[str], conditions: Sequence[str], basis: Path) -> _Simulated:
    stored = {c: _named(_stored(basis, c, spectra, len(conditions)), names, basis) for c in conditions}
    there = set.intersection(*(set(own.names) for own in stored.values())) - set(BROAD_NAMES)
    simulated = tuple(name for name in names if name in there)
    if not simulated:
        raise DataError("the basis has none of the model's metabolites", where=basis, expected=", ".join(names))
    if "GABA" in names and "GABA" not in simulated:
        raise DataError(
            "the basis has no GABA, which is what the data are edited for", where=basis, got=", ".join(simulated)
        )
    empty = [n for n in simulated if not any(own.fids[own.names.index(n)].any() for own in stored.values())]
    if empty:
        raise DataError("basis signals are all zero", where=basis, got=", ".join(empty))
    scale, centre_hz = _scale_to_naa(stored), float(ppm_to_hz(_MIDDLE_PPM, spectra.f0_mhz))
    fids = {}
    for condition, own in stored.items():
        # a basis of a slightly other field: played faster or slower, which is right for its shifts
        own_dwell_s = own.dwell_s * own.f0_mhz / spectra.f0_mhz
        resampled = _resample(own.fids, own_dwell_s, spectra.n_points, spectra.dwell_s, centre_hz)
        fids[condition] = scale * resampled[[own.names.index(name) for name in simulated]]
    return _Simulated(simulated, fids, str(basis), lw_hz=max(own.lw_hz for own in stored.values()))


def _named(stored: ConditionBasis, names: Sequence[str], basis: Path) -> ConditionBasis:
    """A basis by the names that are wanted: NAA for naa, where there is no other NAA.

    Raises
    ------
    DataError
        When two of its signals have one name.
    """
    twice = next((name for name in stored.names if stored.names.count(name) > 1), None)
    if twice is not None:
        raise DataError(
            f"two files of the basis are called {twice} (basis_name)", where=basis, hint="Remove one of them"
        )
    wanted = {name.casefold(): name for name in names if name not in stored.names}
    found = [wanted.get(name.casefold(), name) for name in stored.names]
    # GLU and glu beside each other stay what they are
    own = tuple(new if found.count(new) == 1 else old for old, new in zip(stored.names, found, strict=True))
    return replace(stored, names=own)


def _shipped(spectra: EditedSpectra) -> tuple[LineBasis, str]:
    """The shipped basis nearest in field, echo time and OFF pulse; a header's silence means TE 68 ms and 7.5 ppm."""
    files = sorted(basis_folder().glob("*/lines.npz"))
    if not files:
        raise DataError("no basis is installed", where=basis_folder(), hint="Install the package again")
    bases = [(_loaded(file), file.parent.name) for file in files]
    te_s = 0.068 if spectra.te_s is None else spectra.te_s
    off_ppm = spectra.edit_pulse.get("OFF", {}).get("shift_ppm", 7.5)

    def distance(basis: LineBasis) -> float:
        # one unit each: a megahertz, two milliseconds of echo time, a ppm of the OFF pulse
        sequence = basis.sequence
        return (
            abs(sequence.f0_mhz - spectra.f0_mhz)
            + abs(sequence.te_s - te_s) / 0.002
            + min(abs(sequence.edit_off_ppm - off_ppm), 3.0)
        )

    return min(bases, key=lambda item: distance(item[0]))


@functools.lru_cache(maxsize=8)
def _loaded(file: Path) -> LineBasis:
    """A shipped basis, read once: every fit of a data set asks for it."""
    return load_line_basis(file)


def check_basis_folder(basis: Path) -> None:
    """Make sure that there is a folder, before the first of many data sets is read.

    Raises
    ------
    DataError
        When there is none.
    """
    if not basis.is_dir():
        what = "is a file; a basis is a folder" if basis.exists() else "there is no such folder"
        raise DataError(
            what, where=basis, expected="FSL-MRS's JSON files", hint="fsl_mrs_dl simulate --output BASIS makes them"
        )


def _stored(basis: Path, condition: str, spectra: EditedSpectra, n_conditions: int) -> ConditionBasis:
    """One condition of the user's basis, checked against the data."""
    check_basis_folder(basis)
    folder = basis / condition if (basis / condition).is_dir() else basis
    if condition == "diff" and folder == basis and (basis / "edit_on").is_dir():
        folder, stored = basis / "edit_on", _difference(basis)
    elif folder == basis and n_conditions > 1:
        raise DataError(
            "the basis does not have both conditions of the data",
            where=basis,
            expected="sub-folders edit_off and diff, or edit_off and edit_on",
            got=", ".join(sorted(path.name for path in basis.iterdir() if path.is_dir())) or "no sub-folders",
        )
    else:
        stored = read_fsl_basis(folder)
    if abs(stored.f0_mhz - spectra.f0_mhz) > 0.01 * spectra.f0_mhz:
        raise DataError(
            "the basis is for another field",
            where=folder,
            expected=f"{spectra.f0_mhz:.2f} MHz",
            got=f"{stored.f0_mhz:.2f} MHz",
        )
    needed_s = min(spectra.n_points * spectra.dwell_s, PpmGrid().max_time_s)
    have_s = stored.fids.shape[1] * stored.dwell_s
    if have_s < 0.98 * needed_s:
        raise DataError(
            "the basis signals are shorter than the data",
            where=folder,
            expected=f"{needed_s:.3f} s",
            got=f"{have_s:.3f} s",
            hint="Simulate the basis with more points",
        )
    return stored


def _difference(basis: Path) -> ConditionBasis:
    """DIFF of a basis that holds OFF and ON."""
    off, on = (read_fsl_basis(basis / name) for name in ("edit_off", "edit_on"))
    if (off.fids.shape, off.names, off.dwell_s, off.f0_mhz) != (on.fids.shape, on.names, on.dwell_s, on.f0_mhz):
        raise DataError("edit_off and edit_on of the basis differ in their metabolites or sampling", where=basis)
    return replace(on, fids=on.fids - off.fids)


def _scale_to_naa(stored: Mapping[str, ConditionBasis]) -> float:
    """Factor that gives NAA's methyl line the area 3, the scale of training spectra; 1 for a basis without NAA.

    In DIFF that line has lost what the ON pulse leaves of it, which is little.
    """
    condition = "edit_off" if "edit_off" in stored else "diff"
    basis = stored[condition]
    if "NAA" not in basis.names:
        return 1.0
    time_s = time_axis(basis.fids.shape[1], basis.dwell_s)
    shape = np.exp(2j * np.pi * ppm_to_hz(NAA_PPM, basis.f0_mhz) * time_s - np.pi * basis.lw_hz * time_s)
    early = time_s < 0.1
    # the other lines of NAA are hundreds of hertz away: over 0.1 s they average out
    window = np.hanning(2 * early.sum())[early.sum() :]
    fid = basis.fids[basis.names.index("NAA")][early]
    area = abs(np.vdot(shape[early] * window, fid) / np.vdot(shape[early] * window, shape[early]))
    return 3.0 / float(area)


def _resample(fids: NDArray, dwell_s: float, n_points: int, wanted_s: float, centre_hz: float) -> NDArray:
    """Signals at other sampling times, by a cubic through the FID where the intervals differ.

    The cubic sees the signals in a frame at `centre_hz`, where their frequencies are lowest and it errs least.
    """
    if abs(dwell_s - wanted_s) < 1e-9 * wanted_s:
        out = np.zeros((len(fids), n_points), dtype=complex)
        n = min(n_points, fids.shape[1])
        out[:, :n] = fids[:, :n]
        return out
    from scipy.interpolate import CubicSpline

    times = np.arange(n_points) * wanted_s
    stored = np.arange(fids.shape[1]) * dwell_s
    slow = CubicSpline(stored, fids * np.exp(-2j * np.pi * centre_hz * stored), axis=1)
    out = slow(np.minimum(times, stored[-1])) * np.exp(2j * np.pi * centre_hz * times)
    out[:, times > stored[-1]] = 0
    return out
