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

from fsl_mrs_dl.core.errors import ConfigError, nearest
from fsl_mrs_dl.synthesise.groups import all_groups, switched_off
from fsl_mrs_dl.synthesise.perturbation import Group
from fsl_mrs_dl.synthesise.recipe import Recipe

CLEAN = "clean"
"""Name of the lowest rung, on which every group is off."""


GROUPS: Mapping[str, Group] = all_groups()
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
    tables = switched_off(on)
    changed = {
        key: dataclasses.replace(getattr(recipe, key), **value) if isinstance(value, dict) else value
        for key, value in tables.items()
    }
    return dataclasses.replace(recipe, **changed)


def groups_on(recipe: Recipe) -> tuple[str, ...]:
    """The groups of which a recipe has anything, in the ladder's order."""
    others = {name: [other for other in GROUPS if other != name] for name in GROUPS}
    return tuple(name for name in GROUPS if with_groups(recipe, others[name]) != recipe)


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
