# SPDX-License-Identifier: Apache-2.0
"""Density-matrix simulation of the edited experiment."""

from fsl_mrs_dl.simulate.lines import LineList, voigt_decay
from fsl_mrs_dl.simulate.mega import SimulatedPair, simulate_metabolite

__all__ = ["LineList", "SimulatedPair", "simulate_metabolite", "voigt_decay"]
