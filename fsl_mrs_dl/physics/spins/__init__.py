# SPDX-License-Identifier: Apache-2.0
"""Spin systems of the metabolites: chemical shifts and couplings, each cited in ``systems.json``."""

from fsl_mrs_dl.physics.spins.systems import SpinGroup, SpinSystem, known_metabolites, load_system

__all__ = ["SpinGroup", "SpinSystem", "known_metabolites", "load_system"]
