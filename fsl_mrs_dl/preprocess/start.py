# SPDX-License-Identifier: Apache-2.0
"""Correction of FIDs whose acquisition did not start at the echo.

A start `s` after the echo turns a line at frequency `f` by ``2 pi f s``, a phase of first order. Undoing that phase
alone leaves the first points empty and bends the baseline, so the missing points are taken from a model of the FID
(damped oscillations); points before the echo are dropped.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from fsl_mrs_dl.core.constants import CHO_PPM, CR_CH2_PPM, CR_CH3_PPM, NAA_PPM
from fsl_mrs_dl.core.flags import Flag
from fsl_mrs_dl.core.units import ppm_to_hz
from fsl_mrs_dl.preprocess.conditions import SIGNIFICANT, common_offset, weighted
from fsl_mrs_dl.preprocess.water import hlsvd, oscillations

SAME_S = 1e-6
"""A start nearer to the echo than this is none: it turns no line by a degree."""

USUAL_S = (-0.8e-3, 1.1e-3)
"""Starts that the phases of NAA, Cr and choline speak of where the first point was taken at the echo: neighbours turn
them too. Over 102 virtual and measured edit_off -0.34 to 0.68 ms; a shift by whole points is found to 0.04 ms."""

SEARCH_S = np.arange(-6e-3, 6.01e-3, 2e-5)
LONGER_TAU_S = 0.02

MAX_GROWTH = 1.0
"""Going back in time, a component may grow by exp(MAX_GROWTH): one that decays faster is noise."""


def to_echo(rows: NDArray, dwell_s: float, start_s: float) -> NDArray:
    """FIDs as they would be had their first point been taken at the echo.

    Parameters
    ----------
    rows : complex array, shape ``(n_rows, n_points)``
        Of the same lines, as the average of a scan and of parts of it; the first is modelled, the others take its
        frequencies.
    dwell_s : float
    start_s : float
        Time of the first point after the echo (negative: before it), s.

    Returns
    -------
    complex array, shape ``(n_rows, n_points)``
        With zeros at the end where points before the echo were dropped.

    Raises
    ------
    DataError
        As `fsl_mrs_dl.preprocess.water.hlsvd`.
    """
    rows = np.asarray(rows)
    before = int(np.ceil(max(-start_s - SAME_S, 0.0) / dwell_s))
    if before:
        rows = np.pad(rows[:, before:], ((0, 0), (0, before)))
    late_s = start_s + before * dwell_s
    if late_s < SAME_S:
        return rows
    n_points = rows.shape[-1]
    parts = hlsvd(rows[0], dwell_s)
    basis = oscillations(parts.freq_hz, parts.damping_hz, n_points, dwell_s)
    amplitudes = np.linalg.lstsq(basis, rows.T, rcond=1e-10)[0]
    back = np.exp(np.clip(parts.damping_hz * late_s, None, MAX_GROWTH) - 2j * np.pi * parts.freq_hz * late_s)
    return (basis @ (back[:, None] * amplitudes)).T + _delayed(rows - (basis @ amplitudes).T, dwell_s, late_s)


def _delayed(rows: NDArray, dwell_s: float, by_s: float) -> NDArray:
    """Signals moved to later times by any fraction of the sampling interval; zeros come in at the start."""
    n_points = rows.shape[-1]
    size = fft.next_fast_len(2 * n_points)
    turn = np.exp(-2j * np.pi * np.fft.fftfreq(size, dwell_s) * by_s)
    return fft.ifft(fft.fft(rows, size, axis=-1) * turn, axis=-1)[:, :n_points]


def start_flags(off: NDArray, dwell_s: float, f0_mhz: float) -> list[Flag]:
    """A caution where the lines of an edit_off ``(n_points,)`` are turned as by a start that no header tells.

    The phases of NAA, both Cr lines and choline are compared with those of one start after the other. Half a
    millisecond is within what neighbouring lines do to them: less than `USUAL_S` is left to the fit of everything
    known (`fsl_mrs_dl.quantify.first_point`).
    """
    spectra = weighted(off[np.newaxis], dwell_s, f0_mhz, LONGER_TAU_S)
    lines_ppm = np.array([NAA_PPM, CR_CH3_PPM, CR_CH2_PPM, CHO_PPM])
    places = common_offset(spectra) + np.linspace(-0.05, 0.05, 101)
    values = np.stack([spectra.at(0, line + places) for line in lines_ppm])
    best = int(np.argmax(np.abs(values).sum(axis=0)))
    lines = values[:, best]
    if np.abs(lines[:3]).min() < SIGNIFICANT * spectra.noise[0]:
        return []
    freq_hz = np.asarray(ppm_to_hz(lines_ppm + places[best], f0_mhz))
    together = np.abs(np.exp(-2j * np.pi * SEARCH_S[:, None] * freq_hz) @ lines)
    start_s = float(SEARCH_S[np.argmax(together)])
    if USUAL_S[0] <= start_s <= USUAL_S[1]:
        return []
    return [Flag("first_order_phase", f"as by a start of {1e3 * start_s:+.1f} ms")]
