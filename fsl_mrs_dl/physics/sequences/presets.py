# SPDX-License-Identifier: Apache-2.0
"""MEGA-PRESS and MEGA-semi-LASER from what a user knows: echo time, vendor, field, voxel, pulses.

Waveforms are our own: linear-phase SLR pulses of the vendor's duration and bandwidth, and a Gaussian of 14 ms for
editing, whose inversion profile is 90 Hz wide (MRSCloud's pulse for Philips and GE: 88 Hz).
"""

from __future__ import annotations

from typing import Any

from fsl_mrs_dl.core.arguments import check_choice, check_number
from fsl_mrs_dl.core.errors import ConfigError
from fsl_mrs_dl.physics.pulses import ShapedPulse, properties
from fsl_mrs_dl.physics.sequences.mega_press import TE_RANGE_S, MegaPress, Waveform
from fsl_mrs_dl.physics.vendors import VENDORS, Vendor

MM_SUPPRESSED_OFF_PPM = 1.5
"""OFF pulse of symmetric editing: as far from the macromolecule's partner at 1.7 ppm as the ON pulse at 1.9 ppm, so
that the macromolecule cancels in DIFF (Henry PG et al. 2001, Magn Reson Med 45:517-520)."""


LONG_ECHO_S, LONG_EDIT_S = 0.078, 0.020
"""From this echo time on there is room for editing pulses of 20 ms, which symmetric editing at TE 80 ms needs (Edden et
al. 2012, Magn Reson Med 68:657-661, doi 10.1002/mrm.24391)."""


def mega_delays(te_s: float, first_echo_s: float, edit_lag: float = 0.5) -> tuple[float, float, float, float, float]:
    """Delays of MEGA-PRESS from the echo time.

    Refocusing pulses stand half an echo time apart, and so do the editing pulses.

    Parameters
    ----------
    te_s, first_echo_s : float
        Echo time, and twice the time from excitation to the first refocusing pulse, s.
    edit_lag : float
        Where the editing pulses stand. 0: at a quarter and three quarters of the echo time. 1: the first of them half
        way between the refocusing pulses. 0.5, in the middle of both, is MRSCloud's choice.

    Returns
    -------
    delays_s : tuple of five float
        As `MegaPress` takes them, centre to centre.

    Raises
    ------
    ConfigError
        When the echo time is too short for the first echo.

    Examples
    --------
    >>> [round(1e3 * delay, 3) for delay in mega_delays(0.068, 0.010, 1.0)]
    [5.0, 17.0, 17.0, 17.0, 12.0]
    """
    first_s = first_echo_s / 2
    early = te_s / 4 - (1 - edit_lag) * first_s
    delays_s = (first_s, early, te_s / 4 + (1 - edit_lag) * first_s, early, te_s / 4 - edit_lag * first_s)
    if not first_s > 0 or min(delays_s) <= 0:
        raise ConfigError(
            "the echo time is too short for its first echo",
            expected=f"TE above {2e3 * first_echo_s:.4g} ms",
            got=f"{1e3 * te_s:.4g} ms",
        )
    return delays_s


SEMI_LASER_FIRST_ECHO_S, SEMI_LASER_EDIT_LAG = 0.0101376, 0.86053
"""Of MRSCloud's MEGA-semi-LASER of Philips at TE 80 ms (doi 10.1002/mrm.29370, functions/sim_signals_sLASER.m)."""

SEMI_LASER_TRAIN_S = (0.0046125, 0.0066806)
"""From the second to the third and to the fourth refocusing pulse there, centre to centre."""

SEMI_LASER_DURATION_S, SEMI_LASER_BANDWIDTH_HZ = 0.0045, 8000.0
"""Of its refocusing pulses: those are gradient modulated, which lowers their peak; ours, of constant gradient, have the
same width."""


SEMI_LASER_POSITIONS = 48
"""Across each slice, whose edges are steeper than those of PRESS."""


def semi_laser_delays(
    te_s: float,
    first_echo_s: float = SEMI_LASER_FIRST_ECHO_S,
    edit_lag: float = SEMI_LASER_EDIT_LAG,
    train_s: tuple[float, float] = SEMI_LASER_TRAIN_S,
) -> tuple[float, ...]:
    """Delays of MEGA-semi-LASER from the echo time.

    The second, third and fourth refocusing pulse refocus like one that stands as far after the second as the fourth
    after the third; this one takes the place of MEGA-PRESS's second, see `mega_delays`.

    Parameters
    ----------
    te_s, first_echo_s, edit_lag : float
        As of `mega_delays`.
    train_s : tuple of two float
        Second to third and third to fourth refocusing pulse, centre to centre, s.

    Returns
    -------
    delays_s : tuple of seven float
        As `MegaPress` takes them with adiabatic refocusing.

    Raises
    ------
    ConfigError
        When the echo time is too short.
    """
    first_s, early_s, late_s, second_s, last_s = mega_delays(te_s, first_echo_s, edit_lag)
    before_s, after_s = train_s
    delays_s = (first_s, early_s, late_s - after_s, before_s, after_s, second_s - before_s, last_s)
    if min(delays_s) <= 0:
        raise ConfigError("the echo time is too short for four refocusing pulses", got=f"{1e3 * te_s:.4g} ms")
    return delays_s


def mega_press(
    te_s: float = 0.068,
    *,
    vendor: str = "universal",
    f0_mhz: float | None = None,
    voxel_mm: tuple[float, float, float] = (30.0, 30.0, 30.0),
    edit_on_ppm: float = 1.9,
    edit_off_ppm: float = 7.5,
    edit_duration_s: float | None = None,
    edit_pulse: ShapedPulse | None = None,
    refocusing_pulse: ShapedPulse | None = None,
    semi_laser: bool = False,
    **others: Any,
) -> MegaPress:
    """A protocol from what is known of it; what is not given is the vendor's.

    Parameters
    ----------
    te_s : float
        Echo time, s.
    vendor : str
        A name of `VENDORS`: timing, refocusing pulses, shape of the editing pulses, and field but for `f0_mhz`.
    f0_mhz : float, optional
        Proton frequency, MHz.
    voxel_mm : tuple of three float
        Slice thickness of excitation, first and second refocusing pulse.
    edit_on_ppm, edit_off_ppm : float
        Centres of the editing pulse.
    edit_duration_s : float, optional
        Of each editing pulse; the vendor's otherwise, and `LONG_EDIT_S` from `LONG_ECHO_S` on.
    edit_pulse, refocusing_pulse : ShapedPulse, optional
        Waveforms on resonance, as `fsl_mrs_dl.io.read_pulse` gives them, in place of designed ones.
    semi_laser : bool
        Refocus by two pairs of adiabatic pulses at the times of `semi_laser_delays`, not the vendor's; GE's order of
        pulses is not known here.
    **others
        Further fields of `MegaPress`; they win over the vendor's.

    Raises
    ------
    ConfigError
        For an unknown vendor or field, pulses that do not fit into the echo time or do not go with `semi_laser`.
    """
    preset = _preset(vendor, te_s, edit_duration_s)
    localised = (_semi_laser if semi_laser else _press)(vendor, te_s, refocusing_pulse)
    fields: dict[str, Any] = {
        "f0_mhz": preset.f0_mhz if f0_mhz is None else f0_mhz,
        "edit_on_ppm": edit_on_ppm,
        "edit_off_ppm": edit_off_ppm,
        "edit_shape": preset.edit_shape,
        "edit_duration_s": _edit_duration_s(preset, te_s) if edit_duration_s is None else edit_duration_s,
        "voxel_mm": voxel_mm,
        **localised,
    }
    if edit_pulse is not None:
        _check_duration(edit_pulse, edit_duration_s)
        fields |= _waveform("edit", "edit_shape", edit_pulse)
    return MegaPress.from_dict({**fields, **others}, "mega_press")


def _press(vendor: str, te_s: float, refocusing_pulse: ShapedPulse | None) -> dict[str, Any]:
    """Fields of `MegaPress` for a vendor's timing and refocusing pulses, or those of a file."""
    preset = VENDORS[vendor]
    fields = {
        "delays_s": mega_delays(te_s, preset.first_echo_s, preset.edit_lag),
        "refocusing": "slr",
        "refocusing_duration_s": preset.refocusing_duration_s,
        "refocusing_tbw": preset.refocusing_duration_s * preset.refocusing_bandwidth_hz,
    }
    if refocusing_pulse is None:
        return fields
    tbw = properties(refocusing_pulse).bandwidth_hz * refocusing_pulse.duration_s
    return {**fields, **_waveform("refocusing", "refocusing", refocusing_pulse), "refocusing_tbw": tbw}


def _semi_laser(vendor: str, te_s: float, refocusing_pulse: ShapedPulse | None) -> dict[str, Any]:
    """Fields of `MegaPress` for a semi-LASER."""
    if vendor == "ge":
        raise ConfigError(
            "the order of pulses in GE's semi-LASER is not simulated", hint="Take another vendor, or a --sequence file"
        )
    if refocusing_pulse is not None:
        raise ConfigError(
            "a refocusing pulse of a file does not go with semi-LASER", hint="Its adiabatic pulses are designed here"
        )
    return {
        "delays_s": semi_laser_delays(te_s),
        "refocusing": "adiabatic",
        "refocusing_duration_s": SEMI_LASER_DURATION_S,
        "refocusing_tbw": SEMI_LASER_DURATION_S * SEMI_LASER_BANDWIDTH_HZ,
        "n_positions": SEMI_LASER_POSITIONS,
    }


def _preset(vendor: str, te_s: float, edit_duration_s: float | None) -> Vendor:
    """The vendor's settings, where what goes with them makes sense."""
    check_choice(vendor, "vendor", VENDORS)
    check_number(te_s, "te_s", *TE_RANGE_S, unit="s", hint="Times are in seconds")
    if edit_duration_s is not None:
        check_number(edit_duration_s, "edit_duration_s", 0, te_s, unit="s", hint="Times are in seconds")
    return VENDORS[vendor]


def _check_duration(edit_pulse: ShapedPulse, edit_duration_s: float | None) -> None:
    if edit_duration_s is not None and abs(edit_duration_s - edit_pulse.duration_s) > 1e-9:
        raise ConfigError(
            "the editing pulse's file has another duration",
            expected=f"{edit_duration_s:g} s",
            got=f"{edit_pulse.duration_s:g} s",
        )


def _edit_duration_s(preset: Vendor, te_s: float) -> float:
    return max(LONG_EDIT_S, preset.edit_duration_s) if te_s >= LONG_ECHO_S else preset.edit_duration_s


def _waveform(name: str, family: str, pulse: ShapedPulse) -> dict[str, Any]:
    waveform = Waveform.of(pulse)
    return {family: "waveform", f"{name}_waveform": waveform, f"{name}_duration_s": waveform.duration_s}
