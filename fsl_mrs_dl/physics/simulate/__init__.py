# SPDX-License-Identifier: Apache-2.0
"""Density-matrix simulation of the edited experiment."""

from fsl_mrs_dl.physics.simulate.engine import simulate
from fsl_mrs_dl.physics.simulate.lines import LineList, add, voigt_decay
from fsl_mrs_dl.physics.simulate.mega import SimulatedPair, simulate_metabolite
from fsl_mrs_dl.physics.simulate.propagate import Numerics

__all__ = ["LineList", "Numerics", "SimulatedPair", "add", "simulate", "simulate_metabolite", "voigt_decay"]
