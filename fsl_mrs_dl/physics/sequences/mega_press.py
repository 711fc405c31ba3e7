# SPDX-License-Identifier: Apache-2.0
"""MEGA-PRESS, and MEGA editing with semi-LASER: what a protocol is described by.

Mescher M, Merkle H, Kirsch J, Garwood M, Gruetter R (1998) Simultaneous in vivo spectral editing and water
suppression, NMR Biomed 11:266-272, doi 10.1002/(SICI)1099-1492(199810)11:6<266::AID-NBM530>3.0.CO;2-J.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.core.config import from_mapping
from fsl_mrs_dl.core.errors import ConfigError
from fsl_mrs_dl.physics import pulses
from fsl_mrs_dl.physics.pulses import ShapedPulse
from fsl_mrs_dl.physics.sequences.experiment import Block, Experiment, IdealPulse
from fsl_mrs_dl.physics.sequences.selective import selective_pulse

Condition = Literal["edit_off", "edit_on"]
CONDITIONS: tuple[Condition, Condition] = ("edit_off", "edit_on")

_Role = tuple[Literal["refocusing", "editing"], int, int]
"""A pulse after excitation: what for, along which axis (editing pulses along none: -1), coherence order after it."""

_PRESS: tuple[_Role, ...] = (("refocusing", 1, 1), ("editing", -1, 1), ("refocusing", 2, -1), ("editing", -1, -1))
_SEMI_LASER: tuple[_Role, ...] = (
    ("refocusing", 1, 1),
    ("editing", -1, 1),
    ("refocusing", 1, -1),
    ("refocusing", 2, 1),
    ("refocusing", 2, -1),
    ("editing", -1, -1),
)

TE_RANGE_S = (5e-3, 1.0)
"""Echo times that a protocol may have; what lies beyond was meant in another unit."""


@dataclass(frozen=True)
class Waveform:
    """A pulse as numbers, for shapes that come from a file.

    Parameters
    ----------
    amplitude_hz : tuple of float
        Nutation frequency of each step, Hz.
    phase_deg : tuple of float
        Phase of each step; a rising phase moves the pulse to a higher chemical shift.
    duration_s : float
    name : str
    """

    amplitude_hz: tuple[float, ...]
    phase_deg: tuple[float, ...]
    duration_s: float
    name: str = ""

    def __post_init__(self) -> None:
        if len(self.amplitude_hz) != len(self.phase_deg) or not self.amplitude_hz:
            raise ConfigError(
                "a waveform needs one phase per amplitude", got=f"{len(self.amplitude_hz)} and {len(self.phase_deg)}"
            )
        if not self.duration_s > 0:
            raise ConfigError("the duration of a waveform must be positive", got=self.duration_s)

    @classmethod
    def of(cls, pulse: ShapedPulse) -> Waveform:
        """The waveform of a pulse."""
        return cls(
            tuple(np.abs(pulse.w1_hz).tolist()),
            tuple(np.rad2deg(np.angle(pulse.w1_hz)).tolist()),
            pulse.duration_s,
            pulse.name,
        )

    def pulse(self) -> ShapedPulse:
        """The pulse."""
        w1_hz = np.array(self.amplitude_hz) * np.exp(1j * np.deg2rad(self.phase_deg))
        return ShapedPulse(w1_hz, self.duration_s, self.name)


@dataclass(frozen=True)
class MegaPress:
    """A MEGA-PRESS protocol: 90 - refocusing - editing - refocusing - editing - readout.

    The editing pulses are shaped. Excitation and refocusing are ideal, or shaped pulses with slice gradients (x, y, z
    in this order) whose profiles are averaged over. With adiabatic refocusing it is MEGA-semi-LASER (Andreychenko et
    al. 2012, Magn Reson Med 68:1018-1025, doi 10.1002/mrm.24131): two pulses along y, of which the second stands with
    two along z in place of the second refocusing pulse, as in Hui et al. 2022 (doi 10.1002/mrm.29370).

    Parameters
    ----------
    f0_mhz : float
        Proton frequency in MHz.
    delays_s : tuple of five float, of seven with adiabatic refocusing
        Centre to centre: excitation to first refocusing, to first editing, to second refocusing (with adiabatic
        refocusing: to second, third, fourth), to second editing, to the top of the echo; s. Their sum is the echo
        time.
    edit_on_ppm, edit_off_ppm : float
        Centres of the editing pulse in the two conditions.
    edit_duration_s : float
        Duration of each editing pulse, s.
    edit_truncation : float
        Amplitude of the Gaussian at its ends relative to the peak.
    edit_shape : {'gaussian', 'sinc_gaussian', 'waveform'}
        Shape of the editing pulses; 'waveform' takes `edit_waveform`.
    edit_waveform : Waveform, optional
        Editing pulse on resonance.
    refocusing : {'ideal', 'slr', 'sinc_gaussian', 'waveform', 'adiabatic'}
        Instantaneous 180 degree rotations, or shaped pulses with slice selection: linear-phase SLR pulses, Gaussian
        windowed sincs, `refocusing_waveform`, or pairs of adiabatic full passages. (Other pulses whose phase is not
        linear across their band would dephase the voxel, since each axis has one of them only.)
    refocusing_duration_s, refocusing_tbw : float
        Duration (s), and its product with the full width at half maximum of the refocusing profile (that of the
        waveform with 'waveform').
    refocusing_waveform : Waveform, optional
    excitation : {'ideal', 'slr'}
        An instantaneous 90 degree rotation, or a linear-phase SLR pulse with slice selection.
    excitation_duration_s, excitation_tbw : float
        The same of the excitation profile.
    voxel_mm : tuple of three float
        Slice thickness of excitation, first and second refocusing pulse. The signal per slice does not depend on it.
    b1_scale : float
        Transmit field relative to nominal, of every shaped pulse.
    transmitter_ppm : float
        Centre of the slice-selective pulses.
    selection : {'crushers', 'phase_cycle'}
        How unwanted coherences are removed: crusher gradients about each pulse (only -1/+1 pass), or the
        phase cycle of FID-A's examples (editing {0, 90} x {0, 90, 180, 270}, refocusing {0, 90} x {0, 90}).
    edit_crushers : bool
        With 'phase_cycle': crushers about the editing pulses besides. With 'crushers' they change nothing, since
        those of the refocusing pulses leave no other way.
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
    edit_shape: Literal["gaussian", "sinc_gaussian", "waveform"] = "gaussian"
    edit_waveform: Waveform | None = None
    refocusing: Literal["ideal", "slr", "sinc_gaussian", "waveform", "adiabatic"] = "ideal"
    refocusing_duration_s: float = 0.0065
    refocusing_tbw: float = 6.0
    refocusing_waveform: Waveform | None = None
    excitation: Literal["ideal", "slr"] = "ideal"
    excitation_duration_s: float = 0.0025
    excitation_tbw: float = 6.0
    voxel_mm: tuple[float, float, float] = (30.0, 30.0, 30.0)
    b1_scale: float = 1.0
    transmitter_ppm: float = 3.0
    selection: Literal["crushers", "phase_cycle"] = "crushers"
    edit_crushers: bool = False
    n_positions: int = 24
    fov_slices: float = 1.8
    edit_phase_zero_at: Literal["centre", "start"] = "centre"

    def __post_init__(self) -> None:
        n_delays = len(self._roles) + 1
        if len(self.delays_s) != n_delays or min(self.delays_s) <= 0:
            number = {5: "five", 7: "seven"}[n_delays]
            raise ConfigError(
                f"delays_s must hold {number} positive delays with {self.refocusing} refocusing", got=self.delays_s
            )
        if not 0.5 <= self.f0_mhz / 127.7 <= 2.5:
            raise ConfigError("f0_mhz is not a proton frequency of a human scanner", expected="MHz", got=self.f0_mhz)
        positive = (
            "edit_duration_s",
            "refocusing_duration_s",
            "refocusing_tbw",
            "excitation_duration_s",
            "excitation_tbw",
            "b1_scale",
            "n_positions",
            "fov_slices",
        )
        for name in positive:
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} must be positive", got=getattr(self, name))
        low, high = TE_RANGE_S
        if not low <= self.te_s <= high:
            raise ConfigError(
                "the echo time, the sum of delays_s, is out of range",
                expected=f"{low:g} to {high:g} s",
                got=f"{self.te_s:g} s",
                hint="Times are in seconds",
            )
        for name in ("edit_on_ppm", "edit_off_ppm", "transmitter_ppm"):
            if not -10 <= getattr(self, name) <= 20:
                raise ConfigError(
                    f"{name} is out of range",
                    expected="-10 to 20 ppm",
                    got=getattr(self, name),
                    hint="Chemical shifts on the scale of the spectrum, not offsets in Hz",
                )
        if min(self.voxel_mm) <= 0:
            raise ConfigError("voxel_mm must hold three positive lengths", got=self.voxel_mm)
        if not 0 < self.edit_truncation < 1:
            raise ConfigError("edit_truncation must lie between 0 and 1", got=self.edit_truncation)
        self._check_waveform("edit", "edit_shape")
        self._check_waveform("refocusing", "refocusing")
        self._check_delays()

    def _check_waveform(self, pulse: str, family: str) -> None:
        """A waveform is given where the pulse is to be one, and lasts as long as the pulse."""
        waveform: Waveform | None = getattr(self, f"{pulse}_waveform")
        duration_s = getattr(self, f"{pulse}_duration_s")
        if (getattr(self, family) == "waveform") != (waveform is not None):
            raise ConfigError(f"{pulse}_waveform belongs to {family} 'waveform'", hint="Give both or neither")
        if waveform is not None and abs(waveform.duration_s - duration_s) > 1e-9:
            raise ConfigError(
                f"{pulse}_duration_s is not that of {pulse}_waveform", expected=waveform.duration_s, got=duration_s
            )

    def _check_delays(self) -> None:
        """The pulses fit between their centres."""
        halves = (*self._half_durations_s, 0.0)
        for index, delay in enumerate(self.delays_s):
            needed = halves[index] + halves[index + 1]
            if delay < needed:
                raise ConfigError(
                    f"delays_s[{index}] is shorter than the halves of the two pulses it lies between",
                    expected=f">= {needed:.6g} s",
                    got=f"{delay:g} s",
                    hint="Lengthen the delay or shorten the pulses",
                )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], where: str = "sequence") -> MegaPress:
        """Build from a mapping with the fields' names; an unknown key is an error with the nearest name."""
        return from_mapping(cls, values, where)

    @property
    def name(self) -> str:
        """What to call it: ``MEGA-PRESS`` or ``MEGA-sLASER``."""
        return "MEGA-sLASER" if self.refocusing == "adiabatic" else "MEGA-PRESS"

    @property
    def te_s(self) -> float:
        """Echo time in s."""
        return sum(self.delays_s)

    def editing_pulse(self) -> ShapedPulse:
        """The editing pulse on resonance, B1 scale included."""
        if self.edit_waveform is not None:
            pulse = self.edit_waveform.pulse()
        elif self.edit_shape == "sinc_gaussian":
            pulse = pulses.sinc_gaussian_pulse(self.edit_duration_s)
        else:
            pulse = pulses.gaussian_pulse(self.edit_duration_s, truncation=self.edit_truncation)
        return pulse.scaled(self.b1_scale)

    def refocusing_pulse(self) -> ShapedPulse | None:
        """The refocusing pulse, B1 scale included; None when ideal."""
        if self.refocusing == "ideal":
            return None
        if self.refocusing_waveform is not None:
            return self.refocusing_waveform.pulse().scaled(self.b1_scale)
        return selective_pulse(self.refocusing, self.refocusing_duration_s, self.refocusing_tbw).scaled(self.b1_scale)

    def excitation_pulse(self) -> ShapedPulse | None:
        """The excitation pulse about y, B1 scale included; None when ideal."""
        if self.excitation == "ideal":
            return None
        pulse = selective_pulse("excitation", self.excitation_duration_s, self.excitation_tbw)
        return replace(pulse, w1_hz=1j * pulse.w1_hz).scaled(self.b1_scale)

    def edit_offset_hz(self, condition: Condition) -> float:
        """Offset of the editing pulse from the transmitter in Hz."""
        ppm = self.edit_on_ppm if condition == "edit_on" else self.edit_off_ppm
        return (ppm - self.transmitter_ppm) * self.f0_mhz

    def survival(self, condition: Condition, shift_ppm: NDArray) -> NDArray:
        """What the two editing pulses leave of the signal of uncoupled protons; shape of `shift_ppm`, 0 to 1.

        Between crushers a pulse with Cayley-Klein parameter alpha multiplies order +1 by alpha squared and order -1
        by its conjugate; the two pulses, one on each side of the second refocusing pulse, leave ``|alpha|^4``.
        """
        offset_hz = (np.asarray(shift_ppm, dtype=float) - self.transmitter_ppm) * self.f0_mhz
        pulse = self.editing_pulse().shifted(self.edit_offset_hz(condition))
        return np.abs(pulse.spinor(offset_hz.ravel())[0]).reshape(offset_hz.shape) ** 4

    @property
    def _roles(self) -> tuple[_Role, ...]:
        """The pulses after excitation."""
        return _SEMI_LASER if self.refocusing == "adiabatic" else _PRESS

    @property
    def _half_durations_s(self) -> tuple[float, ...]:
        """Time from the centre to the end of each pulse; of excitation, from its effective centre."""
        excitation_s = 0.0 if self.excitation == "ideal" else self._rephasing * self.excitation_duration_s
        refocusing_s = 0.0 if self.refocusing == "ideal" else self.refocusing_duration_s / 2
        half_s = {"refocusing": refocusing_s, "editing": self.edit_duration_s / 2}
        return (excitation_s, *(half_s[role] for role, _, _ in self._roles))

    @property
    def _rephasing(self) -> float:
        """Share of the excitation's gradient area that rephases its slice."""
        if self.excitation == "ideal":
            return 0.5
        bandwidth_hz = self.excitation_tbw / self.excitation_duration_s
        pulse = selective_pulse("excitation", self.excitation_duration_s, self.excitation_tbw)
        return pulses.rephasing_fraction(pulse, -0.4 * bandwidth_hz, 0.4 * bandwidth_hz)

    def experiments(self) -> tuple[Experiment, Experiment]:
        """What the simulator plays for edit_off and edit_on; they share the blocks up to the first editing pulse."""
        halves = (*self._half_durations_s, 0.0)
        free_s = [delay - halves[i] - halves[i + 1] for i, delay in enumerate(self.delays_s)]
        crushed = self.selection == "crushers"
        # FID-A's cycle {0, 90} with the receiver turned keeps what changes its order by 2
        refocus: dict[str, Any] = {} if crushed else {"phases_deg": (0.0, 90.0), "receiver": (1.0, -1.0)}
        excitation, refocusing = self.excitation_pulse(), self.refocusing_pulse()

        first = self._excitation_block(excitation, free_s[0], keep_order=-1 if crushed else None)
        # conditions share these blocks
        shared = {
            index: self._refocusing_block(
                refocusing, axis, free_s[index], keep_order=order if crushed else None, **refocus
            )
            for index, (role, axis, order) in enumerate(self._roles, start=1)
            if role == "refocusing"
        }
        selective = [pulse for pulse in (excitation, refocusing, refocusing) if pulse is not None]
        cells = (np.arange(self.n_positions) + 0.5) / self.n_positions - 0.5
        x, y, z = (cells * self.fov_slices * thickness_mm * 1e-3 for thickness_mm in self.voxel_mm)
        experiments = [
            Experiment(
                (first, *(blocks[index] for index in sorted(blocks))),
                self.f0_mhz,
                self.transmitter_ppm,
                (x, y, z),
                # mean over the field times its extent in slices = integral over position per slice width
                scale=self.fov_slices ** len(selective),
            )
            for blocks in ({**shared, **self._editing_blocks(condition, free_s)} for condition in CONDITIONS)
        ]
        return experiments[0], experiments[1]

    def _editing_blocks(self, condition: Condition, free_s: list[float]) -> dict[int, Block]:
        """The two editing pulses of a condition, by their place in the sequence."""
        pulse = self.editing_pulse().shifted(self.edit_offset_hz(condition), self.edit_phase_zero_at)
        crushed = self.selection == "crushers"
        cycles = ((0.0,), (0.0,)) if crushed else ((0.0, 90.0), (0.0, 90.0, 180.0, 270.0))
        places = [(i, order) for i, (role, _, order) in enumerate(self._roles, start=1) if role == "editing"]
        return {
            index: Block(
                pulse,
                free_s[index],
                keep_order=order if crushed or self.edit_crushers else None,
                phases_deg=phases,
                receiver=(1.0,) * len(phases),
            )
            for (index, order), phases in zip(places, cycles, strict=True)
        }

    def _excitation_block(self, pulse: ShapedPulse | None, delay_s: float, **selection: Any) -> Block:
        if pulse is None:
            return Block(IdealPulse(90.0, 90.0), delay_s, **selection)
        gradient = self.excitation_tbw / self.excitation_duration_s / (self.voxel_mm[0] * 1e-3)
        return Block(
            pulse,
            delay_s,
            (gradient, 0.0, 0.0),
            (-gradient * self.excitation_duration_s * self._rephasing, 0.0, 0.0),
            **selection,
        )

    def _refocusing_block(self, pulse: ShapedPulse | None, axis: int, delay_s: float, **selection: Any) -> Block:
        if pulse is None:
            return Block(IdealPulse(180.0), delay_s, **selection)
        gradient = [0.0, 0.0, 0.0]
        gradient[axis] = self.refocusing_tbw / self.refocusing_duration_s / (self.voxel_mm[axis] * 1e-3)
        return Block(pulse, delay_s, (gradient[0], gradient[1], gradient[2]), **selection)
