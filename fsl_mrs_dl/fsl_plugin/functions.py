# SPDX-License-Identifier: Apache-2.0
"""The role of each function of FSL-MRS's basis: held at outputs of the network, or fitted beside them.

Metabolites whose lines lie on each other share a sum (Cr and PCr, GPC and PCh, NAA and NAAG). Where the basis has one
function for a pair of which the network knows both, that function fits both lines and carries the sum. Where the
network knows one of a pair of functions, its output was trained on the lines of both, and the other function has no
value of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.metabolites.sums import COMBINATIONS
from fsl_mrs_dl.models.inputs import PpmGrid

CARRIERS: Mapping[str, tuple[str, ...]] = {
    "Cr": ("PCr",),
    "PCr": ("Cr",),
    "GPC": ("PCh",),
    "PCh": ("GPC",),
    "NAA": ("NAAG",),
}
"""Functions that carry others that the basis does not have. NAAG stands for itself: it is the small one of its pair."""

SHARED_SUMS = ("tCr", "tNAA", "tCho", "GABA+")
"""Sums whose parts' lines lie on each other."""

SHOWS = 0.05
"""Norm of a function in the fitted range, relative to the largest one's, from which on the spectrum shows it. In DIFF
at 3 T, Asp and PCr reach 0.03 and 0.014, Lac 0.11; the others below 0.012 or above 0.2 (shipped bases, 6 Hz)."""

SAME_UNIT = 0.15
"""How far the area of MM30 over that of GABA may lie from 1 for a function in the network's unit."""

_WIDTH_HZ = 6.0


@dataclass(frozen=True)
class Functions:
    """The functions of a basis, by where their amplitude comes from.

    Parameters
    ----------
    stands_for : mapping of str to tuple of str
        Outputs of the network whose sum a function carries.
    covered : mapping of str to str
        Functions without a value, and the one that the network gives for both.
    unseen : tuple of str
        Functions that the network does not know and the fitted spectrum does not show.
    fitted : tuple of str
        All others: fitted beside what the network gives.
    """

    stands_for: Mapping[str, tuple[str, ...]]
    covered: Mapping[str, str] = field(default_factory=dict)
    unseen: tuple[str, ...] = ()
    fitted: tuple[str, ...] = ()

    @property
    def known(self) -> tuple[str, ...]:
        """Functions whose amplitude the network gives."""
        return tuple(self.stands_for)

    @property
    def carriers(self) -> dict[str, tuple[str, ...]]:
        """Functions that carry more than themselves."""
        return {name: parts for name, parts in self.stands_for.items() if parts != (name,)}


def sort_functions(
    names: Sequence[str], outputs: Collection[str], shown: Mapping[str, float] | None = None, *, mm30: bool = False
) -> Functions:
    """Sort the functions of a basis.

    Parameters
    ----------
    names : sequence of str
    outputs : collection of str
        Of the network.
    shown : mapping of str to float, optional
        `relative_norms` of the functions; without it, all count as shown.
    mm30 : bool
        Whether MM30 is in the network's unit, see `in_unit_of_gaba`. Other macromolecules are another signal in every
        basis, and are fitted.
    """
    stands_for = {name: parts for name in names if (parts := _carried(name, names, outputs, mm30=mm30))}
    covered, unseen, fitted = {}, [], []
    for name in names:
        if name in stands_for:
            continue
        partner = next((p for p in _partners(name) if p in stands_for and name not in outputs), None)
        if partner is not None:
            covered[name] = partner
        elif shown is not None and shown[name] < SHOWS:
            unseen.append(name)
        else:
            fitted.append(name)
    return Functions(stands_for, covered, tuple(unseen), tuple(fitted))


def _carried(name: str, names: Sequence[str], outputs: Collection[str], *, mm30: bool) -> tuple[str, ...]:
    """Outputs that a function carries; none where it is to be fitted."""
    if name.upper().startswith("MM"):
        return ("MM30",) if name == "MM30" and mm30 and "MM30" in outputs else ()
    if name in outputs:
        own: tuple[str, ...] = (name,)
    else:
        # a function that was made for a sum
        own = tuple(part for part in COMBINATIONS.get(name, ()) if part in outputs)
    missing = (part for part in CARRIERS.get(name, ()) if part in outputs and part not in names)
    return (*own, *missing)


def _partners(name: str) -> tuple[str, ...]:
    """The others of the shared sum that a name belongs to."""
    return tuple(part for total in SHARED_SUMS if name in COMBINATIONS[total] for part in COMBINATIONS[total])


def relative_norms(
    names: Sequence[str], fids: NDArray, dwell_s: float, f0_mhz: float, ppmlim: tuple[float, float]
) -> dict[str, float]:
    """Norm of each function in the fitted range at 6 Hz, relative to the largest one's.

    Parameters
    ----------
    names : sequence of str
    fids : complex array, shape ``(n_names, n_points)``
        In the sign of `fsl_mrs_dl.core.units`, per unit of concentration.
    dwell_s, f0_mhz : float
    ppmlim : tuple of float
        Range of the fit, ppm.
    """
    spectra = _spectra(fids, dwell_s, f0_mhz, min(ppmlim), max(ppmlim))
    norms = np.linalg.norm(spectra, axis=1)
    largest = float(norms.max()) or 1.0
    return {name: float(norm) / largest for name, norm in zip(names, norms, strict=True)}


def in_unit_of_gaba(names: Sequence[str], fids: NDArray, dwell_s: float, f0_mhz: float) -> bool:
    """Whether a DIFF basis has GABA and MM30 of equal area from 2.8 to 3.2 ppm, as the network counts them.

    Parameters as of `relative_norms`.
    """
    if not {"GABA", "MM30"} <= set(names):
        return False
    pair = np.stack([fids[list(names).index(name)] for name in ("GABA", "MM30")])
    gaba, mm30 = _spectra(pair, dwell_s, f0_mhz, 2.8, 3.2).real.sum(axis=1)
    return bool(gaba != 0 and abs(mm30 / gaba - 1) < SAME_UNIT)


def _spectra(fids: NDArray, dwell_s: float, f0_mhz: float, low_ppm: float, high_ppm: float) -> NDArray:
    grid = PpmGrid(low_ppm, high_ppm, 512)
    decay = np.exp(-np.pi * _WIDTH_HZ * np.arange(fids.shape[1]) * dwell_s)
    return grid.evaluate(fids * decay, dwell_s, f0_mhz)
