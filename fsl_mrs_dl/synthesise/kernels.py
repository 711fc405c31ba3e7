# SPDX-License-Identifier: Apache-2.0
"""The inner loops of synthesis, compiled by numba; they hold no interpreter lock, so they run beside training.

Exponentials over equidistant times are geometric sequences. Sixteen neighbouring samples are kept as the lanes of a
vector and advanced together, which costs a few multiplications a sample and no call of a transcendental function.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

LANES = 16
_GONE = 1e-7
"""Lines are followed until they have decayed to this part of their start."""

_compiled = njit(nogil=True, cache=True, fastmath=True)

_inner = njit(nogil=True, fastmath=True, inline="always")
"""Of what another loop calls, and takes in. Left apart, the two are joined differently by the process that compiles
them than by one that reads them from the cache, and the last bits of their spectra differ."""


@_compiled
def add_metabolites(
    off: NDArray, on: NDArray, bank_off: NDArray, bank_on: NDArray, member: NDArray, conc: NDArray, rate: NDArray
) -> None:
    """Add the basis of each spectrum's bank member, weighted, decayed and shifted, to ``off`` and ``on``.

    Parameters
    ----------
    off, on : float32, shape ``(n, 2, n_times)``
        Real and imaginary parts; `n_times` is a multiple of `LANES`.
    bank_off, bank_on : float32, shape ``(n_members, n_metabolites, 2, n_times)``
    member : int, shape ``(n,)``
    conc : float, shape ``(n, n_metabolites)``
        Those that are zero are skipped.
    rate : complex128, shape ``(n, n_metabolites)``
        Exponent per sample of each metabolite's own decay and shift.
    """
    real, imag = np.empty(off.shape[2], np.float32), np.empty(off.shape[2], np.float32)
    for row in range(len(off)):
        basis_off, basis_on = bank_off[member[row]], bank_on[member[row]]
        for index in range(conc.shape[1]):
            if conc[row, index] != 0.0:
                _follow(conc[row, index], rate[row, index], real, imag)
                _add_product(off[row], basis_off[index], real, imag)
                _add_product(on[row], basis_on[index], real, imag)


@_inner
def _follow(amount: float, rate: complex, real: NDArray, imag: NDArray) -> None:
    """``amount exp(rate k)`` into ``real`` and ``imag``: each part from the one before, which is as long."""
    known = min(LANES, len(real))
    for k in range(known):
        value = amount * np.exp(rate * k)
        real[k], imag[k] = value.real, value.imag
    while known < len(real):
        step = np.exp(rate * known)
        sr, si = np.float32(step.real), np.float32(step.imag)
        for k in range(min(known, len(real) - known)):
            a, b = real[k], imag[k]
            real[known + k], imag[known + k] = a * sr - b * si, a * si + b * sr
        known *= 2


@_inner
def _add_product(signal: NDArray, basis: NDArray, real: NDArray, imag: NDArray) -> None:
    """Add ``basis * (real + i imag)`` to ``signal``; both of shape ``(2, n_times)``."""
    total_real, total_imag, basis_real, basis_imag = signal[0], signal[1], basis[0], basis[1]
    for k in range(len(real)):
        a, b = real[k], imag[k]
        total_real[k] += a * basis_real[k] - b * basis_imag[k]
        total_imag[k] += a * basis_imag[k] + b * basis_real[k]


@_compiled
def add_lines(off: NDArray, on: NDArray, area_off: NDArray, area_on: NDArray, rate: NDArray, gauss: NDArray) -> None:
    """Add Voigt lines to ``off`` and ``on``.

    Parameters
    ----------
    off, on : float32, shape ``(n, 2, n_times)``
    area_off, area_on : complex, shape ``(n, n_lines)``
        Lines whose areas are zero are skipped.
    rate : complex128, shape ``(n, n_lines)``
        Exponent per sample: frequency and Lorentzian decay.
    gauss : float, shape ``(n, n_lines)``
        Square root of the Gaussian exponent per squared sample.
    """
    for row in range(len(off)):
        for index in range(rate.shape[1]):
            here, there = area_off[row, index], area_on[row, index]
            if here != 0.0 or there != 0.0:
                _add_line(off[row], on[row], here, there, rate[row, index], gauss[row, index] ** 2)


@_inner
def _add_line(off: NDArray, on: NDArray, here: complex, there: complex, rate: complex, g2: float) -> None:
    """One Voigt line of two areas, until it has decayed; arrays of shape ``(2, n_times)``."""
    zr, zi, fall = np.empty(LANES, np.float32), np.empty(LANES, np.float32), np.empty(LANES, np.float32)
    ar, ai = np.float32(here.real), np.float32(here.imag)
    br, bi = np.float32(there.real), np.float32(there.imag)
    loss = -rate.real
    for lane in range(LANES):
        start = np.exp(rate * lane - g2 * lane * lane)
        zr[lane], zi[lane] = start.real, start.imag
        fall[lane] = math.exp(-g2 * (2 * LANES * lane + LANES * LANES))
    step = np.exp(rate * LANES)
    sr, si = np.float32(step.real), np.float32(step.imag)
    steeper = np.float32(math.exp(-2 * g2 * LANES * LANES))
    for first in range(0, off.shape[1], LANES):
        if loss * first + g2 * first * first > -math.log(_GONE):
            break
        for lane in range(LANES):
            k = first + lane
            a, b = zr[lane], zi[lane]
            off[0, k] += a * ar - b * ai
            off[1, k] += a * ai + b * ar
            on[0, k] += a * br - b * bi
            on[1, k] += a * bi + b * br
            zr[lane] = (a * sr - b * si) * fall[lane]
            zi[lane] = (a * si + b * sr) * fall[lane]
            fall[lane] *= steeper


@_compiled
def shape_lines(
    off: NDArray, on: NDArray, lorentz: NDArray, gauss: NDArray, size: NDArray, away: NDArray, drift: NDArray
) -> None:
    """Multiply by the line shape common to all lines: Voigt, a shoulder, and averaging over a drift.

    Parameters
    ----------
    off, on : float32, shape ``(n, 2, n_times)``
    lorentz, gauss : float, shape ``(n,)``
        Exponent per sample, and square root of the exponent per squared sample.
    size, away : float, shape ``(n,)``
        Relative size of the shoulder, and its distance in radians per sample; the centre of gravity stays.
    drift : float, shape ``(n,)``
        Range of frequencies that were averaged, radians per sample.
    """
    n_times = off.shape[2]
    for row in range(len(off)):
        g2, s = gauss[row] ** 2, size[row]
        value, fall = 1.0, math.exp(-lorentz[row] - g2)
        steeper = math.exp(-2 * g2)
        shoulder, turn = 1.0 + 0.0j, np.exp(1j * away[row])
        centred, back = 1.0 + 0.0j, np.exp(-1j * away[row] * s / (1 + s))
        wave, spin = 1.0 + 0.0j, np.exp(0.5j * drift[row])
        for k in range(n_times):
            factor = value * (1 + s * shoulder) / (1 + s) * centred
            half = 0.5 * drift[row] * k
            if half > 1e-3:
                factor *= wave.imag / half
            fr, fi = np.float32(factor.real), np.float32(factor.imag)
            a, b = off[row, 0, k], off[row, 1, k]
            off[row, 0, k], off[row, 1, k] = a * fr - b * fi, a * fi + b * fr
            a, b = on[row, 0, k], on[row, 1, k]
            on[row, 0, k], on[row, 1, k] = a * fr - b * fi, a * fi + b * fr
            value *= fall
            fall *= steeper
            shoulder *= turn
            centred *= back
            wave *= spin


@_compiled
def turn(signal: NDArray, start: NDArray, rate: NDArray) -> None:
    """Multiply ``signal`` (float32, shape ``(n, 2, n_times)``) by ``start exp(rate k)``, both complex, ``(n,)``."""
    for row in range(len(signal)):
        factor, step = start[row], np.exp(rate[row])
        for k in range(signal.shape[2]):
            fr, fi = np.float32(factor.real), np.float32(factor.imag)
            a, b = signal[row, 0, k], signal[row, 1, k]
            signal[row, 0, k], signal[row, 1, k] = a * fr - b * fi, a * fi + b * fr
            factor *= step


@_compiled
def bend(off: NDArray, on: NDArray, angle: NDArray, rate: NDArray) -> None:
    """Turn both by an eddy current's phase: ``angle`` radians at first, decaying by ``rate`` per sample; ``(n,)``."""
    for row in range(len(off)):
        left, step = angle[row], math.exp(-rate[row])
        for k in range(off.shape[2]):
            if abs(left) < 1e-5:
                break
            fr, fi = np.float32(math.cos(left)), np.float32(math.sin(left))
            a, b = off[row, 0, k], off[row, 1, k]
            off[row, 0, k], off[row, 1, k] = a * fr - b * fi, a * fi + b * fr
            a, b = on[row, 0, k], on[row, 1, k]
            on[row, 0, k], on[row, 1, k] = a * fr - b * fi, a * fi + b * fr
            left *= step


@_compiled
def add_packet(signal: NDArray, height: NDArray, rate: NDArray, centre: NDArray, width: NDArray) -> None:
    """Add a packet ``height exp(rate k) exp(-((k - centre) / width)^2)`` to ``signal``, shape ``(n, 2, n_times)``."""
    for row in range(len(signal)):
        if height[row] == 0.0:
            continue
        first = max(0, int(centre[row] - 4 * width[row]))
        last = min(signal.shape[2], int(centre[row] + 4 * width[row]) + 1)
        value, step = height[row] * np.exp(rate[row] * first), np.exp(rate[row])
        for k in range(first, last):
            size = math.exp(-(((k - centre[row]) / width[row]) ** 2))
            signal[row, 0, k] += np.float32(value.real * size)
            signal[row, 1, k] += np.float32(value.imag * size)
            value *= step


@_compiled
def receive(signal: NDArray, noise: NDArray, sigma: NDArray, n_acquired: NDArray, out: NDArray) -> None:
    """The first ``n_acquired`` samples with noise of standard deviation ``sigma``, into the complex64 array ``out``.

    Parameters
    ----------
    signal, noise : float32, shape ``(n, 2, n_times)``
    sigma : float, shape ``(n,)``
    n_acquired : int, shape ``(n,)``
    out : complex64, shape ``(n, n_times)``
        Zero after the samples acquired.
    """
    for row in range(len(signal)):
        s = np.float32(sigma[row])
        for k in range(n_acquired[row]):
            out[row, k] = complex(signal[row, 0, k] + s * noise[row, 0, k], signal[row, 1, k] + s * noise[row, 1, k])
        for k in range(n_acquired[row], out.shape[1]):
            out[row, k] = 0.0
