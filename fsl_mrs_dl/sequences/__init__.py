# SPDX-License-Identifier: Apache-2.0
"""Pulse sequences as plain descriptions."""

from fsl_mrs_dl.sequences.experiment import Block, Experiment, IdealPulse
from fsl_mrs_dl.sequences.mega_press import MegaPress, Waveform

__all__ = ["Block", "Experiment", "IdealPulse", "MegaPress", "Waveform"]
