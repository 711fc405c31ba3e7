# SPDX-License-Identifier: Apache-2.0
"""Radio-frequency pulses of our own design."""

from fsl_mrs_dl.pulses.gaussian import gaussian_pulse
from fsl_mrs_dl.pulses.shape import ShapedPulse, step_spinors
from fsl_mrs_dl.pulses.slr import slr_refocusing

__all__ = ["ShapedPulse", "gaussian_pulse", "slr_refocusing", "step_spinors"]
