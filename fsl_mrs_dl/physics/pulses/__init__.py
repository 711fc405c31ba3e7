# SPDX-License-Identifier: Apache-2.0
"""Radio-frequency pulses of our own design, and what they do."""

from fsl_mrs_dl.physics.pulses.adiabatic import hyperbolic_secant_pulse
from fsl_mrs_dl.physics.pulses.properties import PulseProperties, profile, properties, rephasing_fraction
from fsl_mrs_dl.physics.pulses.shape import ShapedPulse, step_spinors
from fsl_mrs_dl.physics.pulses.shapes import dual_band, gaussian_pulse, hard_pulse, sinc_gaussian_pulse
from fsl_mrs_dl.physics.pulses.slr import slr_pulse, slr_refocusing

__all__ = [
    "PulseProperties",
    "ShapedPulse",
    "dual_band",
    "gaussian_pulse",
    "hard_pulse",
    "hyperbolic_secant_pulse",
    "profile",
    "properties",
    "rephasing_fraction",
    "sinc_gaussian_pulse",
    "slr_pulse",
    "slr_refocusing",
    "step_spinors",
]
