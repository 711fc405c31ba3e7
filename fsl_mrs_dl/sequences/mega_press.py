# SPDX-License-Identifier: Apache-2.0
"""MEGA-PRESS: what a protocol is described by.

Mescher M, Merkle H, Kirsch J, Garwood M, Gruetter R (1998) Simultaneous in vivo spectral editing and water
suppression, NMR Biomed 11:266-272, doi 10.1002/(SICI)1099-1492(199810)11:6<266::AID-NBM530>3.0.CO;2-J.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from fsl_mrs_dl.config import from_mapping
from fsl_mrs_dl.errors import ConfigError
from fsl_mrs_dl.pulses import ShapedPulse, gaussian_pulse, slr_refocusing


@dataclass(frozen=True)
class MegaPress:
    """A MEGA-PRESS protocol: 90 - refocusing - editing - refocusing - editing - readout.

    Excitation is ideal; the editing pulses are shaped; refocusing is ideal, or a shaped pulse with a slice gradient
    whose profile is averaged over.

    Parameters
    ----------
    f0_mhz : float
        Proton frequency in MHz.
    delays_s : tuple of five float
        Centre to centre: excitation to first refocusing, to first editing, to second refocusing, to second editing,
        to the top of the echo; s. Their sum is the echo time.
    edit_on_ppm, edit_off_ppm : float
        Centres of the editing pulse in the two conditions.
    edit_duration_s : float
        Duration of each editing pulse (Gaussian), s.
    edit_truncation : float
        Amplitude of the Gaussian at its ends relative to the peak.
    refocusing : {'ideal', 'slr'}
        Instantaneous 180 degree rotations, or SLR pulses with slice selection.
    refocusing_duration_s, refocusing_tbw : float
        Duration (s) and time-bandwidth product of the SLR pulse.
    b1_scale : float
        Transmit field relative to nominal, of every shaped pulse.
    transmitter_ppm : float
        Centre of the slice-selective pulses.
    selection : {'crushers', 'phase_cycle'}
        How unwanted coherences are removed: crusher gradients about each pulse (only -1/+1 pass), or the
        phase cycle of FID-A's examples (editing {0, 90} x {0, 90, 180, 270}, refocusing {0, 90} x {0, 90}).
    n_positions : int
        Points across each slice-selective axis (cell centres over `fov_slices` slice widths).
    fov_slices : float
        Extent of the simulated field along a slice axis in slice widths.
    edit_phase_zero_at : {'centre', 'start'}
        Where the editing pulse's frequency ramp passes phase zero.
    """

    f0_mhz: float = 127.73
    delays_s: tuple[float, ...] = (0.005, 0.017, 0.017, 0.017, 0.012)
    edit_on_ppm: float = 1.9
    edit_off_ppm: float = 7.5
    edit_duration_s: float = 0.014
    edit_truncation: float = 0.05
    refocusing: Literal["ideal", "slr"] = "ideal"
    refocusing_duration_s: float = 0.0065
    refocusing_tbw: float = 6.0
    b1_scale: float = 1.0
    transmitter_ppm: float = 3.0
    selection: Literal["crushers", "phase_cycle"] = "crushers"
    n_positions: int = 12
    fov_slices: float = 1.6
    edit_phase_zero_at: Literal["centre", "start"] = "centre"

    def __post_init__(self) -> None:
        if len(self.delays_s) != 5 or min(self.delays_s) <= 0:
            raise ConfigError("delays_s must hold five positive delays", got=self.delays_s)
        if not 0.5 <= self.f0_mhz / 127.7 <= 2.5:
            raise ConfigError("f0_mhz is not a proton frequency of a human scanner", expected="MHz", got=self.f0_mhz)
        positive = (
            "edit_duration_s",
            "refocusing_duration_s",
            "refocusing_tbw",
            "b1_scale",
            "n_positions",
            "fov_slices",
        )
        for name in positive:
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} must be positive", got=getattr(self, name))
        if not 0 < self.edit_truncation < 1:
            raise ConfigError("edit_truncation must lie between 0 and 1", got=self.edit_truncation)
        refocusing_s = self.refocusing_duration_s if self.refocusing == "slr" else 0.0
        half_pulses = [0.0, refocusing_s, self.edit_duration_s, refocusing_s, self.edit_duration_s, 0.0]
        for index, delay in enumerate(self.delays_s):
            needed = (half_pulses[index] + half_pulses[index + 1]) / 2
            if delay < needed:
                raise ConfigError(
                    f"delays_s[{index}] is shorter than the halves of the two pulses it lies between",
                    expected=f">= {needed:.6g} s", got=f"{delay:g} s",
                    hint="Lengthen the delay or shorten the pulses",
                )  # fmt: skip

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], where: str = "sequence") -> MegaPress:
        """Build from a mapping with the fields' names; an unknown key is an error with the nearest name."""
        return from_mapping(cls, values, where)

    @property
    def te_s(self) -> float:
        """Echo time in s."""
        return sum(self.delays_s)

    def editing_pulse(self) -> ShapedPulse:
        """The editing pulse on resonance, B1 scale included."""
        pulse = gaussian_pulse(self.edit_duration_s, truncation=self.edit_truncation)
        return pulse.scaled(self.b1_scale)

    def refocusing_pulse(self) -> ShapedPulse | None:
        """The refocusing pulse, B1 scale included; None when ideal."""
        if self.refocusing == "ideal":
            return None
        try:
            return slr_refocusing(self.refocusing_duration_s, self.refocusing_tbw).scaled(self.b1_scale)
        except ValueError as error:
            raise ConfigError(f"refocusing pulse: {error}", hint="Choose refocusing_tbw of 3 or more") from error

    def edit_offset_hz(self, condition: Literal["edit_on", "edit_off"]) -> float:
        """Offset of the editing pulse from the transmitter in Hz."""
        ppm = self.edit_on_ppm if condition == "edit_on" else self.edit_off_ppm
        return (ppm - self.transmitter_ppm) * self.f0_mhz
