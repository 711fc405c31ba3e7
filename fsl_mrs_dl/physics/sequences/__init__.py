# SPDX-License-Identifier: Apache-2.0
"""Pulse sequences as plain descriptions."""

from fsl_mrs_dl.physics.sequences.experiment import Block, Experiment, IdealPulse
from fsl_mrs_dl.physics.sequences.mega_press import MegaPress, Waveform
from fsl_mrs_dl.physics.sequences.presets import (
    MM_SUPPRESSED_OFF_PPM,
    SEMI_LASER_POSITIONS,
    mega_delays,
    mega_press,
    semi_laser_delays,
)

__all__ = [
    "MM_SUPPRESSED_OFF_PPM",
    "SEMI_LASER_POSITIONS",
    "Block",
    "Experiment",
    "IdealPulse",
    "MegaPress",
    "Waveform",
    "mega_delays",
    "mega_press",
    "semi_laser_delays",
]
