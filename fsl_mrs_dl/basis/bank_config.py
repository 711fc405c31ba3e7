# SPDX-License-Identifier: Apache-2.0
"""How the protocols of a basis bank are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import numpy as np

from fsl_mrs_dl.core.config import check_seed
from fsl_mrs_dl.core.errors import ConfigError
from fsl_mrs_dl.physics.sequences import MegaPress, mega_delays, semi_laser_delays

T = TypeVar("T")
Refocusing = Literal["ideal", "slr", "sinc_gaussian", "adiabatic"]
EditShape = Literal["gaussian", "sinc_gaussian"]

_SHORTEST_GAP_S = 2e-4
"""Least time between two pulses that a draw leaves."""

_TRAIN_GAP_S = 5e-4
"""Between the three adiabatic pulses that stand in place of the second refocusing pulse."""


_RANGES = (
    "edit_on_ppm",
    "edit_off_ppm",
    "edit_truncation",
    "b1_scale",
    "refocusing_tbw",
    "refocusing_bandwidth_hz",
    "first_delay_s",
    "edit_lag",
    "te_s",
    "transmitter_ppm",
    "temperature_c",
    "long_te_s",
    "symmetric_off_ppm",
)
"""Fields of `BankConfig` that are a lowest and a highest value."""


@dataclass(frozen=True)
class BankConfig:
    """How the protocols of a bank are drawn; every range is uniform.

    Ranges are those of GABA-edited MEGA-PRESS at 3 T on the three large vendors (Mikkelsen et al. 2017, NeuroImage
    159:32, doi 10.1016/j.neuroimage.2017.07.021; timings and refocusing pulses:
    `fsl_mrs_dl.physics.vendors.VENDORS`),
    widened by what scanners and tissue add.

    Parameters
    ----------
    n_members : int
        Number of protocols.
    seed : int
        Of the draws.
    f0_mhz : tuple of float
        Proton frequencies, taken in turn.
    edit_on_ppm, edit_off_ppm : tuple of two float
        Range of the centre of the editing pulse in ON, and in OFF (drift and temperature included).
    edit_shape : tuple of {'gaussian', 'sinc_gaussian'}
        Families of editing pulses, drawn with equal probability; name one twice to draw it twice as often.
    edit_duration_s : tuple of float
        Durations, drawn with equal probability among those that the timing has room for.
    edit_truncation : tuple of two float
        Amplitude at the ends of Gaussian pulses, relative to the peak.
    b1_scale : tuple of two float
        Transmit field relative to nominal.
    refocusing : tuple of {'ideal', 'slr', 'sinc_gaussian', 'adiabatic'}
        Families of refocusing pulses, drawn with equal probability; adiabatic ones make a semi-LASER.
    refocusing_tbw : tuple of two float
        Time-bandwidth product of the refocusing pulses.
    refocusing_bandwidth_hz : tuple of two float
        Full widths at half maximum of the refocusing profile; the duration follows, and is no longer than the first
        echo leaves room for.
    first_delay_s : tuple of two float
        From excitation to the first refocusing pulse.
    edit_lag : tuple of two float
        Place of the editing pulses between their neighbours, see `fsl_mrs_dl.physics.sequences.mega_delays`.
    te_s : tuple of two float
        Echo time.
    transmitter_ppm : tuple of two float
        Centre of the slice-selective pulses.
    temperature_c : tuple of two float
        Sample temperature, which moves the chemical shifts whose temperature coefficient is known.
    n_positions : int
        Positions across each slice.
    shift_jitter_ppm : float
        Standard deviation of each member's own chemical shifts about the table's (pH, and temperature where no
        coefficient is known).
    long_share : float
        Share of the members that have a long echo time, `long_te_s`, and `long_edit_duration_s`.
    long_te_s : tuple of two float
        Echo time of these members.
    long_edit_duration_s : tuple of float
        Durations of their editing pulses.
    symmetric_share : float
        Share of those that suppress macromolecules by symmetric editing, their OFF pulse in `symmetric_off_ppm` (Henry
        PG et al. 2001, Magn Reson Med 45:517; Edden et al. 2012, Magn Reson Med 68:657, doi 10.1002/mrm.24391).
    symmetric_off_ppm : tuple of two float
        Centre of the OFF pulse of these.
    """

    n_members: int = 64
    seed: int = 1
    f0_mhz: tuple[float, ...] = (127.73, 123.25, 127.76)
    edit_on_ppm: tuple[float, float] = (1.84, 1.96)
    edit_off_ppm: tuple[float, float] = (7.4, 7.6)
    edit_shape: tuple[EditShape, ...] = ("gaussian", "gaussian", "gaussian", "sinc_gaussian")
    edit_duration_s: tuple[float, ...] = (0.014, 0.014, 0.015, 0.016, 0.02)
    edit_truncation: tuple[float, float] = (0.01, 0.10)
    b1_scale: tuple[float, float] = (0.8, 1.15)
    refocusing: tuple[Refocusing, ...] = ("slr",)
    refocusing_tbw: tuple[float, float] = (4.5, 9.5)
    refocusing_bandwidth_hz: tuple[float, float] = (900.0, 2400.0)
    first_delay_s: tuple[float, float] = (0.0045, 0.0078)
    edit_lag: tuple[float, float] = (0.1, 1.0)
    te_s: tuple[float, float] = (0.068, 0.068)
    transmitter_ppm: tuple[float, float] = (2.4, 3.2)
    temperature_c: tuple[float, float] = (37.0, 37.0)
    n_positions: int = 24
    shift_jitter_ppm: float = 0.004
    long_share: float = 0.0
    long_te_s: tuple[float, float] = (0.078, 0.082)
    long_edit_duration_s: tuple[float, ...] = (0.014, 0.02, 0.02, 0.025)
    symmetric_share: float = 0.0
    symmetric_off_ppm: tuple[float, float] = (1.46, 1.54)

    def __post_init__(self) -> None:
        check_seed(self.seed)
        for name in ("f0_mhz", "edit_shape", "edit_duration_s", "refocusing"):
            if not getattr(self, name):
                raise ConfigError(f"{name} of a bank must name at least one")
        for name, least in (("n_members", 1), ("n_positions", 1), ("shift_jitter_ppm", 0)):
            if not getattr(self, name) >= least:
                raise ConfigError(f"{name} must be at least {least}", got=getattr(self, name))
        for name in _RANGES:
            low, high = getattr(self, name)
            if not low <= high:
                raise ConfigError(f"{name} must not fall", expected="low, high", got=(low, high))
        for name in ("long_share", "symmetric_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name} out of range", expected="0 to 1", got=getattr(self, name))
        if not 0 <= self.edit_lag[0] <= self.edit_lag[1] <= 1:
            raise ConfigError("edit_lag must lie between 0 and 1", got=self.edit_lag)
        self._check_editing_fits()

    def _check_editing_fits(self) -> None:
        """Raise `ConfigError` where the shortest echo time has no room for an editing pulse."""
        for lag in self.edit_lag:
            delays_s = mega_delays(self.te_s[0], 2 * self.first_delay_s[1], lag)
            room_s = self._editing_room_s(delays_s, self.refocusing_tbw[1])
            if min(self.edit_duration_s) > room_s:
                raise ConfigError(
                    "no editing pulse of the bank fits its shortest echo time",
                    expected=f"<= {max(0.0, room_s):.4g} s",
                    got=f"{min(self.edit_duration_s):.4g} s",
                    hint="Shorten the pulses or first_delay_s, or lengthen te_s",
                )

    def _editing_room_s(self, delays_s: Sequence[float], tbw: float) -> float:
        """The longest editing pulse beside a refocusing pulse as short as the bank allows.

        A semi-LASER has a pulse and a half, and a gap, on either side of where the second one would stand.
        """
        shortest_s = tbw / self.refocusing_bandwidth_hz[1]
        beside_s = 1.5 * shortest_s + _TRAIN_GAP_S if "adiabatic" in self.refocusing else shortest_s / 2
        return 2 * (min(delays_s[1] - beside_s, delays_s[4]) - _SHORTEST_GAP_S)

    def draw(self) -> list[tuple[MegaPress, float]]:
        """The protocols, each with its temperature in degrees Celsius."""
        rng = np.random.default_rng(self.seed)
        return [self._draw_one(index, rng) for index in range(self.n_members)]

    def _draw_one(self, index: int, rng: np.random.Generator) -> tuple[MegaPress, float]:
        long = bool(self.long_share) and rng.uniform() < self.long_share
        te_s = float(rng.uniform(*(self.long_te_s if long else self.te_s)))
        durations_s = self.long_edit_duration_s if long else self.edit_duration_s
        off_ppm = self.edit_off_ppm
        if long and rng.uniform() < self.symmetric_share:
            off_ppm = self.symmetric_off_ppm
        first_s = float(rng.uniform(*self.first_delay_s))
        lag = float(rng.uniform(*self.edit_lag))
        delays_s = mega_delays(te_s, 2 * first_s, lag)
        tbw = float(rng.uniform(*self.refocusing_tbw))
        # a refocusing pulse as short as the bank allows fits beside every editing pulse that may be drawn
        room_s = self._editing_room_s(delays_s, tbw)
        edit_s = float(rng.choice([duration_s for duration_s in durations_s if duration_s <= room_s]))
        refocusing_s = tbw / float(rng.uniform(*self.refocusing_bandwidth_hz))
        fields: dict[str, Any] = {
            "f0_mhz": self.f0_mhz[index % len(self.f0_mhz)],
            "delays_s": delays_s,
            "edit_on_ppm": float(rng.uniform(*self.edit_on_ppm)),
            "edit_off_ppm": float(rng.uniform(*off_ppm)),
            "edit_shape": _choice(self.edit_shape, rng),
            "edit_duration_s": edit_s,
            "edit_truncation": float(rng.uniform(*self.edit_truncation)),
            "refocusing": _choice(self.refocusing, rng),
            "refocusing_tbw": tbw,
            "b1_scale": float(rng.uniform(*self.b1_scale)),
            "transmitter_ppm": float(rng.uniform(*self.transmitter_ppm)),
            "n_positions": self.n_positions,
        }
        free_s = delays_s[1] - edit_s / 2 - _SHORTEST_GAP_S
        lasting_s = min(refocusing_s, 2 * free_s, 2 * (first_s - _SHORTEST_GAP_S))
        if fields["refocusing"] == "adiabatic":
            lasting_s = min(lasting_s, (free_s - _TRAIN_GAP_S) / 1.5)
            fields["delays_s"] = semi_laser_delays(te_s, 2 * first_s, lag, 2 * (lasting_s + _TRAIN_GAP_S,))
        fields["refocusing_duration_s"] = lasting_s
        return MegaPress(**fields), float(rng.uniform(*self.temperature_c))


def _choice(options: tuple[T, ...], rng: np.random.Generator) -> T:
    """One of the options with equal probability, as it stands (numpy would make its own type of it)."""
    return options[rng.integers(len(options))]
