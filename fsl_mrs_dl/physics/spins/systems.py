# SPDX-License-Identifier: Apache-2.0
"""The table of spin systems, ``systems.json``, as frozen objects."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass, replace
from importlib import resources
from typing import Any

import numpy as np

from fsl_mrs_dl.core.errors import ConfigError, nearest
from fsl_mrs_dl.physics.spins.temperature import moved_ppm


@dataclass(frozen=True)
class SpinGroup:
    """Protons coupled among themselves and with no other group of the molecule.

    Parameters
    ----------
    shifts_ppm : tuple of float
        Chemical shift of each spin.
    couplings : tuple of (int, int, float)
        Scalar couplings: indices of two spins and J in Hz.
    multiplicity : float
        Number of equivalent copies, e.g. 3 for a CH3 singlet given as one spin, 0.36 for an anomer.
    phosphorus_j_hz : tuple of float
        Coupling of each spin to a 31P nucleus, Hz; empty where there is none.
    name : str
        Which part of the molecule.
    """

    shifts_ppm: tuple[float, ...]
    couplings: tuple[tuple[int, int, float], ...] = ()
    multiplicity: float = 1.0
    phosphorus_j_hz: tuple[float, ...] = ()
    name: str = ""

    @property
    def n_spins(self) -> int:
        """Number of coupled spins."""
        return len(self.shifts_ppm)


@dataclass(frozen=True)
class SpinSystem:
    """A molecule: its name in FSL-MRS's spelling, its groups of spins and the keys of their sources."""

    name: str
    groups: tuple[SpinGroup, ...]
    sources: tuple[str, ...] = ()

    def jittered(self, sd_ppm: float, rng: np.random.Generator) -> SpinSystem:
        """A copy whose chemically distinct shifts are moved, each by a normal deviate of `sd_ppm`.

        Spins with one shift stay together; temperature and pH move shifts by some 0.001 ppm per kelvin (Wermter et
        al. 2017, MAGMA 30:579).
        """
        groups = []
        for group in self.groups:
            moves = {shift: sd_ppm * rng.standard_normal() for shift in dict.fromkeys(group.shifts_ppm)}
            groups.append(replace(group, shifts_ppm=tuple(s + moves[s] for s in group.shifts_ppm)))
        return replace(self, groups=tuple(groups))

    def at_temperature(self, temperature_c: float) -> SpinSystem:
        """A copy at another temperature than the 37 degrees Celsius of the table.

        Shifts are relative to DSS; those without a known coefficient stay (`fsl_mrs_dl.physics.spins.temperature`).
        """
        groups = tuple(
            replace(g, shifts_ppm=tuple(moved_ppm(self.name, s, temperature_c) for s in g.shifts_ppm))
            for g in self.groups
        )
        return replace(self, groups=groups)

    @property
    def n_protons(self) -> float:
        """Protons, the amplitude of a fully refocused signal at its top."""
        return sum(group.n_spins * group.multiplicity for group in self.groups)


@functools.cache
def _table() -> dict[str, Any]:
    return json.loads(resources.files("fsl_mrs_dl.physics.spins").joinpath("systems.json").read_text("utf-8"))


def known_metabolites() -> tuple[str, ...]:
    """Names of the molecules in the table."""
    return tuple(_table()["metabolites"])


def load_system(name: str) -> SpinSystem:
    """The spin system of a metabolite.

    Parameters
    ----------
    name : str
        FSL-MRS's name, e.g. ``GABA``.

    Raises
    ------
    ConfigError
        When the table does not hold `name`.
    """
    table = _table()["metabolites"]
    if name not in table:
        raise ConfigError(f"unknown metabolite '{name}'{nearest(name, table)}", expected=f"one of {', '.join(table)}")
    entry = table[name]
    groups = tuple(
        SpinGroup(
            shifts_ppm=tuple(group["shifts_ppm"]),
            couplings=tuple((int(i), int(j), float(value)) for i, j, value in group["j_hz"]),
            multiplicity=float(group["multiplicity"]),
            phosphorus_j_hz=tuple(group.get("phosphorus_j_hz", ())),
            name=group["name"],
        )
        for group in entry["groups"]
    )
    return SpinSystem(name=name, groups=groups, sources=tuple(entry["source"]))
