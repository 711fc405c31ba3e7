# SPDX-License-Identifier: Apache-2.0
"""A pulse as a figure: its waveform, and what it does against offset."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fsl_mrs_dl.core.canvas import new_figure, plain_style, save_figure
from fsl_mrs_dl.physics.pulses import PulseProperties, ShapedPulse, profile


@plain_style()
def plot_pulse(path: Path, pulse: ShapedPulse, found: PulseProperties, f0_mhz: float | None = None) -> None:
    """Draw waveform and profile into `path` (PNG, or what its ending names).

    Parameters
    ----------
    path : Path
    pulse : ShapedPulse
    found : PulseProperties
        Of the pulse: its purpose names the profile, its bandwidth sets the range.
    f0_mhz : float, optional
        For a second axis in ppm.

    Raises
    ------
    DataError
        When the figure cannot be written.
    """
    figure = new_figure(figsize=(9, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    edges_ms = np.linspace(0, 1e3 * pulse.duration_s, pulse.n_steps + 1)
    left.stairs(np.abs(pulse.w1_hz), edges_ms, color="C0")
    left.set(xlabel="time (ms)", ylabel="amplitude (Hz)")
    phase = left.twinx()
    phase.stairs(np.rad2deg(np.angle(pulse.w1_hz)), edges_ms, color="C1", linewidth=0.8)
    phase.set(ylabel="phase (degrees)", ylim=(-190, 190))
    half_hz = 1.5 * found.bandwidth_hz
    offset_hz = found.centre_hz + np.linspace(-half_hz, half_hz, 801)
    right.plot(offset_hz, profile(pulse, offset_hz, found.purpose), color="C0", label=found.purpose)  # type: ignore[arg-type]
    right.plot(offset_hz, pulse.inversion_profile(offset_hz), color="0.6", linewidth=0.8, label="Mz")
    right.axvspan(
        found.centre_hz - found.bandwidth_hz / 2, found.centre_hz + found.bandwidth_hz / 2, color="0.93", zorder=0
    )
    right.set(xlabel="offset (Hz)", ylim=(-1.05, 1.05))
    right.legend(frameon=False, loc="lower right")
    if f0_mhz is not None:
        top = right.secondary_xaxis("top", functions=(lambda hz: hz / f0_mhz, lambda ppm: ppm * f0_mhz))
        top.set_xlabel("offset (ppm)")
    figure.suptitle(f"{pulse.name}: {found.bandwidth_hz:.0f} Hz, peak {found.peak_b1_ut:.2f} uT", fontsize=10)
    save_figure(path, figure, dpi=120)
