# SPDX-License-Identifier: Apache-2.0
"""The rungs of the ladder: one recipe with groups of its perturbations switched off.

The lowest rung is the simulation of the paper (arXiv 2602.20289): one protocol, Lorentzian lines of 2 Hz, white noise
of up to 0.03 of the FID's highest point, a whole FID, nothing else. Concentrations and the macromolecules of brains
are what is sought, not what disturbs: they are the recipe's on every rung.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fsl_mrs_dl.core.errors import ConfigError, nearest
from fsl_mrs_dl.synthesise.recipe import Recipe

CLEAN = "clean"
"""Name of the lowest rung, on which every group is off."""


@dataclass(frozen=True)
class Group:
    """Perturbations that are switched on together.

    Parameters
    ----------
    title : str
        What stands in tables and figures.
    off : mapping of str to value
        Settings of the recipe, as ``part.setting``, with the value that switches them off.
    """

    title: str
    off: Mapping[str, Any]


GROUPS: dict[str, Group] = {
    "line_width": Group("+ line width", {"line_shape.width_hz": (2.0, 2.0), "line_shape.brain_width_hz": (2.0, 2.0)}),
    "line_shape": Group(
        "+ line shape",
        {
            "line_shape.gauss_share": (0.0, 0.0),
            "line_shape.own_lorentz_hz": (0.0, 0.0),
            "line_shape.measured_share": 0.0,
            "line_shape.own_shift_ppm": 0.0,
            "line_shape.naag_distance_ppm": 0.0,
            "line_shape.asymmetry": 0.0,
        },
    ),
    "frequency_phase": Group(
        "+ frequency, phase",
        {
            "instrument.shift_ppm": 0.0,
            "instrument.phase_deg": 0.0,
            "instrument.delay_s": 0.0,
            "instrument.naag_pull": (0.0, 0.0),
        },
    ),
    "mismatch_drift": Group(
        "+ ON/OFF mismatch, drift",
        {
            "instrument.mismatch_hz": 0.0,
            "instrument.mismatch_deg": 0.0,
            "instrument.mismatch_amplitude": 0.0,
            "instrument.drift_hz": 0.0,
        },
    ),
    "eddy": Group("+ eddy currents", {"instrument.eddy_deg": 0.0}),
    "background": Group(
        "+ water, baseline, echoes",
        {"background.baseline_area": 0.0, "background.water_area": 0.0, "background.echo_probability": 0.0},
    ),
    "noise_truncation": Group(
        "+ noise, truncation", {"background.fid_noise": (0.0, 0.03), "acquired_s": (1.024, 1.024)}
    ),
    "protocols": Group("+ protocols", {"bank.n_members": 1}),
}
"""Every group, in the order in which they are added unless a configuration says otherwise."""


@dataclass(frozen=True)
class Rung:
    """One training of the ladder.

    Parameters
    ----------
    number : int
        From 0, the lowest.
    name : str
        `CLEAN`, or the group that was added last.
    on : tuple of str
        Groups that are on.
    recipe : Recipe
    """

    number: int
    name: str
    on: tuple[str, ...]
    recipe: Recipe

    @property
    def title(self) -> str:
        """What stands in tables and figures."""
        return GROUPS[self.name].title if self.on else CLEAN

    @property
    def folder(self) -> str:
        """Name of the folder of its model."""
        return f"{self.number:02d}-{self.name}"


def with_groups(recipe: Recipe, on: Collection[str]) -> Recipe:
    """`recipe` with the perturbations of all groups but those named switched off; with all of them it is unchanged."""
    top: dict[str, Any] = {}
    parts: dict[str, dict[str, Any]] = {}
    for name, group in GROUPS.items():
        if name in on:
            continue
        for path, value in group.off.items():
            part, _, setting = path.rpartition(".")
            (parts.setdefault(part, {}) if part else top)[setting] = value
    changed = {part: dataclasses.replace(getattr(recipe, part), **values) for part, values in parts.items()}
    return dataclasses.replace(recipe, **top, **changed)


def rungs(recipe: Recipe, groups: Sequence[str]) -> tuple[Rung, ...]:
    """The ladder of a recipe: all groups off, then one more of `groups` on each rung.

    Raises
    ------
    ConfigError
        When a group is unknown or named twice.
    """
    check_groups(groups)
    steps = [tuple(groups[:n]) for n in range(len(groups) + 1)]
    return tuple(Rung(n, on[-1] if on else CLEAN, on, with_groups(recipe, on)) for n, on in enumerate(steps))


def check_groups(groups: Sequence[str]) -> None:
    """Raise ConfigError when a group is unknown or named twice."""
    for index, name in enumerate(groups):
        if name not in GROUPS:
            raise ConfigError(
                f"unknown group '{name}'{nearest(name, GROUPS)}",
                where="groups",
                expected=f"some of {', '.join(GROUPS)}",
            )
        if name in groups[:index]:
            raise ConfigError(f"the group '{name}' is named twice", where="groups")
