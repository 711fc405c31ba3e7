# SPDX-License-Identifier: Apache-2.0
"""The two conditions of MEGA-PRESS for a metabolite."""

from __future__ import annotations

from dataclasses import dataclass

from fsl_mrs_dl.physics.sequences import MegaPress
from fsl_mrs_dl.physics.simulate.engine import simulate
from fsl_mrs_dl.physics.simulate.lines import LineList, add
from fsl_mrs_dl.physics.simulate.propagate import Numerics
from fsl_mrs_dl.physics.spins import SpinSystem


@dataclass(frozen=True)
class SimulatedPair:
    """Signals of one metabolite in both conditions."""

    name: str
    edit_off: LineList
    edit_on: LineList

    @property
    def diff(self) -> LineList:
        """``edit_on - edit_off``."""
        return add([self.edit_on, self.edit_off.scaled(-1.0)])


def simulate_metabolite(system: SpinSystem, sequence: MegaPress, numerics: Numerics | None = None) -> SimulatedPair:
    """Simulate both conditions for a metabolite.

    Parameters
    ----------
    system : SpinSystem
    sequence : MegaPress
    numerics : Numerics, optional

    Returns
    -------
    SimulatedPair
        A fully refocused proton has amplitude 1 and phase 0 at the top of the echo.
    """
    off, on = simulate(system, sequence.experiments(), numerics)
    return SimulatedPair(system.name, off, on)
