# SPDX-License-Identifier: Apache-2.0
"""How large each prominent line of the data is beside the one that is reconstructed from the estimates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from fsl_mrs_dl.core.flags import Flag
from fsl_mrs_dl.models.inputs import PpmGrid
from fsl_mrs_dl.quantify.overlay import Overlay


@dataclass(frozen=True)
class Line:
    """A line, whose it is, the spectra in which it stands clear (the first that is there is taken), and its range."""

    name: str
    owners: tuple[str, ...]
    conditions: tuple[str, ...]
    low_ppm: float
    high_ppm: float
    near_water: str = ""
    """Label of the group whose size the picture lets move, where it is one."""


LINES = (
    Line("Cr 3.03", ("Cr", "PCr"), ("edit_off",), 2.95, 3.10),
    Line("Cr 3.92", ("Cr", "PCr"), ("edit_off",), 3.86, 3.98, "Cr+PCr"),
    Line("Cho 3.20", ("GPC", "PCh"), ("edit_off",), 3.15, 3.27),
    Line("NAA 2.01", ("NAA", "NAAG"), ("edit_off", "diff"), 1.93, 2.09),
    Line("Glx 3.75", ("Glu", "Gln", "GSH"), ("diff", "edit_off"), 3.68, 3.84, "Glu+Gln"),
    Line("GABA 3.0", ("GABA", "MM30"), ("diff",), 2.88, 3.14),
    Line("MM 0.9", ("MM09",), ("diff",), 0.75, 1.05),
)
"""Lines of an edited brain spectrum; those of a solution are among them."""

FOLLOWED = (0.9, 1.1)
"""Between these a line of the data over the reconstructed one counts as followed."""

FOLLOWED_NEAR_WATER = (0.6, 1.2)
"""The same of groups near water, which suppression and a shorter T2 weaken in life."""

SURE_SD = 3.0
"""A line counts as not followed where its deviation is this many standard deviations of the noise, too."""

LEAST_SNR = 5.0
"""Height of a reconstructed line over the noise, from which on it is judged."""

LEAST_SHARE = 0.6
"""Share of the reconstructed signal in a line's range that must come from its owners, not from neighbours' feet."""


@dataclass(frozen=True)
class Agreement:
    """A line of the data over what the estimates give, with the standard deviation that the noise gives it.

    Of a group near water the ratio holds the weakening that the picture allows it.
    """

    name: str
    ratio: float
    sd: float
    allowed: tuple[float, float] = FOLLOWED

    @property
    def followed(self) -> bool:
        """Whether the reconstructed line follows the data, as far as the noise lets one tell."""
        low, high = self.allowed
        return low <= self.ratio <= high or abs(self.ratio - 1) < SURE_SD * self.sd


def line_agreement(
    drawn: Overlay, grid: PpmGrid, noise: Mapping[str, float], shared_points: float
) -> tuple[Agreement, ...]:
    """The lines of `LINES` that are there.

    The ratio is the projection of the data (without the baseline) on the reconstructed spectrum, both real, over the
    line's range.

    Parameters
    ----------
    drawn : Overlay
    grid : PpmGrid
    noise : mapping of str to float
        Standard deviation of the noise of each condition on the grid, of its real part.
    shared_points : float
        How many neighbouring points of the grid share their noise: one over acquisition time and step.
    """
    found = []
    for line in LINES:
        condition = next((c for c in line.conditions if c in drawn.data), None)
        if condition is None:
            continue
        inside = (grid.ppm >= line.low_ppm) & (grid.ppm <= line.high_ppm)
        remade = drawn.components[condition].sum(axis=0)[inside].real
        data = (drawn.data[condition] - drawn.baseline[condition])[inside].real
        if not np.abs(remade).max() > LEAST_SNR * noise[condition]:
            continue
        power = float(remade @ remade)
        own = [i for i, name in enumerate(drawn.names) if name in line.owners]
        if float(drawn.components[condition][own].sum(axis=0)[inside].real @ remade) < LEAST_SHARE * power:
            continue
        sd = noise[condition] * np.sqrt(max(1.0, shared_points) / power)
        size = drawn.sizes.get(f"{line.near_water}, {condition}", 1.0)
        allowed = FOLLOWED_NEAR_WATER if line.near_water else FOLLOWED
        found.append(Agreement(line.name, size * float(remade @ data) / power, size * float(sd), allowed))
    return tuple(found)


def agreement_flags(lines: tuple[Agreement, ...]) -> list[Flag]:
    """A caution that names the lines that the reconstructed spectrum does not follow; nothing where it follows all."""
    off = [line for line in lines if not line.followed]
    said = [f"{line.name}: the data have {line.ratio:.2f} of the reconstructed line" for line in off]
    return [Flag("line_not_followed", "; ".join(said))] if said else []
