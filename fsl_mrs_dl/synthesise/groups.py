# SPDX-License-Identifier: Apache-2.0
"""What switches perturbations off, collected from them: the paper's conditions (arXiv 2602.20289) where all are off.

One protocol, Lorentzian lines of 2 Hz, white noise of up to 0.03 of the FID's highest point, a whole FID, nothing else.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from fsl_mrs_dl.synthesise.perturbation import Group
from fsl_mrs_dl.synthesise.perturbations import registered

_OF_RECIPE = (
    Group("noise_truncation", "", "", {"acquired_s": (1.024, 1.024)}),
    Group("protocols", "+ protocols", "the whole bank in place of its first protocol", {"bank.n_members": 1}),
)
"""Groups of settings that are no perturbation's, with paths into the recipe."""


@functools.cache
def all_groups() -> Mapping[str, Group]:
    """Every group by its name, in the order of the ladder; settings as ``section.setting``."""
    found: dict[str, Group] = {}
    for section, perturbation in registered().items():
        for group in perturbation.groups:
            _join(found, replace(group, off={f"{section}.{key}": value for key, value in group.off.items()}))
    for group in _OF_RECIPE:
        _join(found, group)
    return found


def _join(found: dict[str, Group], group: Group) -> None:
    known = found.get(group.name)
    found[group.name] = group if known is None else replace(known, off={**known.off, **group.off})


def switched_off(on: Collection[str] = ()) -> dict[str, Any]:
    """The recipe's settings, table by table, that switch all groups off but those of `on`."""
    tables: dict[str, Any] = {}
    for name, group in all_groups().items():
        if name in on:
            continue
        for path, value in group.off.items():
            section, _, setting = path.rpartition(".")
            (tables.setdefault(section, {}) if section else tables)[setting] = value
    return tables
