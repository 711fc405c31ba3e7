# SPDX-License-Identifier: Apache-2.0
"""Alignment of ON to OFF in frequency and phase, by the lines that editing leaves alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from fsl_mrs_dl.core.constants import GABA_H4_PPM, GLX_H2_PPM, NAA_PPM
from fsl_mrs_dl.core.units import ppm_axis, ppm_to_hz, time_axis
from fsl_mrs_dl.preprocess.align import SEARCH_HZ, apply_alignment, band_limited, register

GABA_J_HZ = 7.3
"""Coupling of GABA H4 to H3, Hz: the edited line is a pseudo-doublet 2 J apart with some centre line.
Near et al. 2013, Magn Reson Med 70:1183, doi 10.1002/mrm.24547."""

TEMPLATE_HZ = 5.0
"""Width of the edited lines that take part, Hz."""

MIN_GAIN = 0.02
"""A correction is worth applying when it lowers the squared misfit by twice this share of it."""

WATER_SIMILARITY = 0.995
"""Correlation of the residual water of ON and OFF from which on it tells their difference."""

WATER_SD_HZ, WATER_SD_RAD = 0.15, 0.05
"""Trust in what residual water says: on virtual and real pairs it agrees with Cr to about this."""

MISFIT_FACTOR = 3.0
"""The residue around Cr is mostly misfit, not white noise: its points count as this much less certain."""

MIN_AMPLITUDE = 0.5
"""The amplitude of ON that matches it best to OFF is at least this: less means a phase that is wrong by half a turn."""

WORSE = 1.3
"""A residue grown by this factor is not what the prior's uncertainty does."""

PAIR_REGIONS_PPM = ((2.87, 3.33), (3.84, 4.02))
"""Where ON and OFF must agree: Cr and Cho, and Cr's other line. NAA, GABA at 2.3 and Glx are edited."""


@dataclass(frozen=True)
class PairAlignment:
    """ON relative to OFF: shift in Hz, phase in rad, and the residue of Cr and Cho before and after (relative)."""

    shift_hz: float
    phase_rad: float
    residue_before: float
    residue_after: float
    applied: bool


def water_difference(water_off: NDArray, water_on: NDArray, dwell_s: float) -> tuple[float, float] | None:
    """Shift (Hz) and phase (rad) of ON relative to OFF from their residual water, shape ``(n,)``.

    None where there is no water, or where its shape differs between the two (correlation below
    `WATER_SIMILARITY`: water suppression was not the same).
    """
    if not (np.any(water_off) and np.any(water_on)):
        return None
    shift, phase, similarity = register(water_on[None], water_off, dwell_s, np.zeros(1))
    return (float(shift[0]), float(phase[0])) if similarity[0] > WATER_SIMILARITY else None


def align_pair(
    off: NDArray, on: NDArray, dwell_s: float, f0_mhz: float, *, water: tuple[float, float] | None = None
) -> PairAlignment:
    """Frequency and phase of ON relative to OFF, from the lines that editing leaves alone (Cr, Cho, water).

    Least squares on the subtraction residue around 3.03, 3.21 and 3.91 ppm. The edited GABA line below Cr and
    the tails of Glx and NAA, complex amplitudes free, and a common amplitude of ON take part as unknowns, so that
    they cannot pose as a shift or a phase.
    What the residual water says enters as a prior: it decides where Cr is small beside GABA and Glx. It is left out
    where it would make the residue clearly larger.

    Parameters
    ----------
    off, on : complex array, shape ``(n,)``
        Averages, residual water out, at their places within about 0.05 ppm.
    dwell_s, f0_mhz : float
        Sampling interval in s, spectrometer frequency in MHz.
    water : (shift_hz, phase_rad), optional
        The same quantities as found on the residual water (`water_difference`).

    Returns
    -------
    PairAlignment
        Undo with ``apply_alignment(on, dwell_s, shift_hz, phase_rad)``.

    Notes
    -----
    Evans et al. 2013, J Magn Reson Imaging 38:809, doi 10.1002/jmri.23923 (subtraction artefacts of Cr and Cho);
    Mikkelsen et al. 2018, Magn Reson Med 80:21, doi 10.1002/mrm.27027.
    """
    found = _aligned(_Residue(off, on, dwell_s, f0_mhz, water))
    if found.residue_after > WORSE * found.residue_before and water is not None:
        # water's phase may differ between the conditions: what makes the residue clearly larger is not believed
        return _aligned(_Residue(off, on, dwell_s, f0_mhz, None))
    return found


@dataclass(frozen=True)
class _Residue:
    """What subtraction leaves of Cr and Cho; the fields are the arguments of `align_pair`."""

    off: NDArray
    on: NDArray
    dwell_s: float
    f0_mhz: float
    water: tuple[float, float] | None

    def off_prior(self, shift_hz: float, phase_rad: float) -> NDArray:
        """Distance to what water says, phase then shift, in standard deviations."""
        if self.water is None:
            return np.zeros(2)
        phase_error = np.angle(np.exp(1j * (phase_rad - self.water[1])))
        return np.array([phase_error / WATER_SD_RAD, (shift_hz - self.water[0]) / WATER_SD_HZ])

    def at(self, shift_hz: float, phase_rad: float) -> float:
        """Relative residue there."""
        return self.fit(shift_hz, phase_rad)[0]

    def fit(self, shift_hz: float, phase_rad: float) -> tuple[float, float, float]:
        """Relative residue there, and the Gauss-Newton step in shift and phase."""
        moved = apply_alignment(self.on, self.dwell_s, shift_hz, phase_rad)
        s_off, s_on, ramp, *edited = _pair_design(self.off, moved, self.dwell_s, self.f0_mhz)
        columns = [-1j * s_on, -2j * np.pi * ramp, s_on, *edited, *(1j * line for line in edited)]
        matrix, data = np.stack([_real(x) for x in columns], axis=1), _real(s_off - s_on)
        scale = np.linalg.norm(matrix, axis=0)
        scale[scale == 0] = 1.0
        plain = matrix[:, 2:] / scale[2:]
        solved = np.linalg.lstsq(plain, data, rcond=1e-9)[0]
        if 1.0 + solved[0] / scale[2] < MIN_AMPLITUDE:
            # ON upside down would pass for a match
            plain = plain[:, 1:]
            solved = np.linalg.lstsq(plain, data, rcond=1e-9)[0]
        size = float(np.linalg.norm(data - plain @ solved))
        per_point = MISFIT_FACTOR * size / np.sqrt(data.size)
        if self.water is not None:
            rows = np.zeros((2, matrix.shape[1]))
            rows[0, 0], rows[1, 1] = per_point / WATER_SD_RAD, per_point / WATER_SD_HZ
            matrix = np.vstack([matrix, rows])
            data = np.concatenate([data, -per_point * self.off_prior(shift_hz, phase_rad)])
        step = np.linalg.lstsq(matrix / scale, data, rcond=1e-9)[0] / scale
        return size / max(float(np.linalg.norm(_real(s_off))), 1e-300), float(step[1]), float(step[0])

    def start(self) -> tuple[float, float]:
        """Where the residue is smallest: as it is, where water says, or where the lines between 2.85 and 4.05 do."""
        band = [band_limited(x, self.dwell_s, self.f0_mhz, (2.85, 4.05)) for x in (self.off, self.on)]
        coarse_hz, coarse_rad, _ = register(band[1][None], band[0], self.dwell_s, np.zeros(1))
        places = [(0.0, 0.0), self.water, (float(coarse_hz[0]), float(coarse_rad[0]))]
        return min((place for place in places if place is not None), key=lambda place: self.at(*place))

    def descended(self, shift_hz: float, phase_rad: float) -> tuple[float, float]:
        """Shift and phase after steps from there."""
        for _ in range(10):
            _, step_hz, step_rad = self.fit(shift_hz, phase_rad)
            shift_hz += float(np.clip(step_hz, -3.0, 3.0))
            phase_rad += float(np.clip(step_rad, -0.5, 0.5))
            if abs(step_hz) < 1e-4 and abs(step_rad) < 1e-4:
                break
        return shift_hz, phase_rad


def _aligned(residue: _Residue) -> PairAlignment:
    before = residue.at(0.0, 0.0)
    shift, phase = residue.descended(*residue.start())
    after = residue.at(shift, phase)
    # squared misfit in units of its spread at the end, plus the prior's share
    s_off, *_ = _pair_design(residue.off, residue.on, residue.dwell_s, residue.f0_mhz)
    n_data = 2 * s_off.size / MISFIT_FACTOR**2
    cost_before = n_data * (before / max(after, 1e-300)) ** 2 + float(np.sum(residue.off_prior(0.0, 0.0) ** 2))
    cost_after = n_data + float(np.sum(residue.off_prior(shift, phase) ** 2))
    gains = cost_after < (1.0 - 2.0 * MIN_GAIN) * cost_before
    applied = gains and abs(shift) < SEARCH_HZ and not after > WORSE * before
    return PairAlignment(shift, float(np.angle(np.exp(1j * phase))), before, after, bool(applied))


def _real(x: NDArray) -> NDArray:
    return np.concatenate([x.real, x.imag])


def _pair_design(off: NDArray, on: NDArray, dwell_s: float, f0_mhz: float) -> tuple:
    """Spectra of OFF, ON, t ON and of the edited lines (GABA twice, tails of Glx and NAA) in `PAIR_REGIONS_PPM`."""
    n = off.size
    size = fft.next_fast_len(2 * n)
    axis = np.fft.ifftshift(ppm_axis(size, dwell_s, f0_mhz))
    inside = np.zeros(size, bool)
    for low, high in PAIR_REGIONS_PPM:
        inside |= (axis > low) & (axis < high)
    t = time_axis(n, dwell_s)
    damp = np.exp(-np.pi * 2.0 * t)
    gaba, glx, naa = (
        np.exp(2j * np.pi * ppm_to_hz(ppm, f0_mhz) * t - np.pi * TEMPLATE_HZ * t)
        for ppm in (GABA_H4_PPM, GLX_H2_PPM, NAA_PPM)
    )
    stack = np.stack([off, on, on * t, gaba * np.cos(2 * np.pi * GABA_J_HZ * t), gaba, glx, naa])
    stack[:, 0] *= 0.5
    return tuple(fft.fft(stack * damp, size, axis=-1)[:, inside])
