# SPDX-License-Identifier: Apache-2.0
"""Vendors' sequences, by name. Nothing slow is imported here, for the options of commands offer the names.

Timings and refocusing pulses, by duration and bandwidth, are those of MRSCloud (Hui SCN, Saleh MG, Zöllner HJ, et al.
(2022) MRSCloud: a cloud-based MRS tool for basis set simulation, Magn Reson Med 88:1994-2004, doi 10.1002/mrm.29370;
https://github.com/shui5/MRSCloud, functions/sim_signals.m and load_parameters).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Vendor:
    """What one vendor's MEGA-PRESS is like.

    Parameters
    ----------
    f0_mhz : float
        Proton frequency of its 3 T scanners.
    first_echo_s : float
        Twice the time from excitation to the first refocusing pulse.
    edit_lag : float
        See `fsl_mrs_dl.physics.sequences.mega_delays`.
    refocusing_duration_s, refocusing_bandwidth_hz : float
        Of the refocusing pulses; full width at half maximum.
    edit_shape : {'gaussian', 'sinc_gaussian'}
    edit_duration_s : float
        At TE 68 ms; see `fsl_mrs_dl.physics.sequences.presets.LONG_ECHO_S`.
    source : str
    """

    f0_mhz: float
    first_echo_s: float
    edit_lag: float
    refocusing_duration_s: float
    refocusing_bandwidth_hz: float
    edit_shape: str
    edit_duration_s: float
    source: str


_CLOUD = "MRSCloud, doi 10.1002/mrm.29370"
VENDORS: Mapping[str, Vendor] = MappingProxyType(
    {
        "siemens": Vendor(123.25, 0.0155, 0.5, 0.0044, 1310.0, "gaussian", 0.014, _CLOUD),
        "philips": Vendor(127.75, 0.0140, 0.5, 0.00689, 1354.0, "gaussian", 0.014, _CLOUD),
        "ge": Vendor(127.75, 0.0147, 0.5, 0.0052, 1110.0, "gaussian", 0.014, _CLOUD),
        "universal": Vendor(127.75, 0.0131, 0.5, 0.0070, 1342.0, "gaussian", 0.014, _CLOUD),
        # the timing of FID-A's example, which the bases of the paper use, and the widths of its pulses
        "fida": Vendor(123.25, 0.0100, 1.0, 0.0050, 1150.0, "gaussian", 0.020, "FID-A, run_simMegaPressShaped"),
    }
)
"""Presets by name."""
