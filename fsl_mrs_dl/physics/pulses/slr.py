# SPDX-License-Identifier: Apache-2.0
"""Selective pulses by the Shinnar-Le Roux transform: excitation, refocusing, inversion; linear or minimum phase.

Pauly J, Le Roux P, Nishimura D, Macovski A (1991), Parameter relations for the Shinnar-Le Roux selective excitation
pulse design algorithm, IEEE Trans Med Imaging 10:53-65, doi 10.1109/42.75611.
"""

from __future__ import annotations

import warnings
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from fsl_mrs_dl.physics.pulses.shape import ShapedPulse

Kind = Literal["excitation", "refocusing", "inversion"]
Phase = Literal["linear", "minimum"]


def slr_pulse(
    duration_s: float,
    time_bandwidth: float,
    kind: Kind = "refocusing",
    phase: Phase = "linear",
    *,
    n_steps: int = 128,
    passband_ripple: float = 0.01,
    stopband_ripple: float = 0.01,
) -> ShapedPulse:
    """A slice-selective pulse about x.

    Parameters
    ----------
    duration_s : float
        Duration in s.
    time_bandwidth : float
        Duration times the width of the slice (middle of the transition bands), usually 3 to 8.
    kind : {'excitation', 'refocusing', 'inversion'}
        90 degrees from z; 180 degrees of a crushed spin echo; 180 degrees from z to -z.
    phase : {'linear', 'minimum'}
        Symmetric pulses whose profile has a linear phase, or pulses of minimum phase with sharper transitions.
    n_steps : int
        Steps of the waveform.
    passband_ripple, stopband_ripple : float
        Ripple of the magnetisation (transverse, refocused or longitudinal) inside and outside the slice.

    Raises
    ------
    ValueError
        When the duration is not positive, or the time-bandwidth product too small for the ripples.
    """
    if not duration_s > 0:
        raise ValueError(f"duration_s must be positive, got {duration_s}")
    # Pauly 1991, Table I: ripples of the magnetisation expressed as ripples of beta, and the height of beta
    delta_pass, delta_stop, height = {
        "excitation": (np.sqrt(passband_ripple / 2), stopband_ripple / np.sqrt(2), np.sqrt(0.5)),
        "refocusing": (passband_ripple / 4, np.sqrt(stopband_ripple), 1.0),
        "inversion": (passband_ripple / 8, np.sqrt(stopband_ripple / 2), 1.0),
    }[kind]
    design = _linear_phase_taps if phase == "linear" else _minimum_phase_taps
    try:
        taps = design(n_steps, time_bandwidth, delta_pass, delta_stop)
    except _TooNarrowError:
        raise ValueError(
            f"time_bandwidth {time_bandwidth} is too small for ripples of {passband_ripple} and {stopband_ripple}"
        ) from None
    profile = np.abs(np.fft.fft(taps, 16 * n_steps))
    if kind == "excitation":
        # 90 degrees in the middle of the ripples of the pass band
        middle = (profile.max() + profile[: max(1, int(5 * time_bandwidth))].min()) / 2
        beta = taps * height / middle
    else:
        # |beta| just below one at its highest ripple, so that alpha has no zero on the unit circle
        beta = taps * (1 - 1e-6) / profile.max()
    w1_hz = _inverse_slr(beta) / (2 * np.pi * duration_s / n_steps)
    return ShapedPulse(w1_hz, duration_s, f"SLR {kind} {duration_s * 1e3:g} ms, TBW {time_bandwidth:g}, {phase} phase")


def slr_refocusing(duration_s: float, time_bandwidth: float, *, n_steps: int = 128) -> ShapedPulse:
    """A linear-phase 180 degree refocusing pulse; see `slr_pulse`."""
    return slr_pulse(duration_s, time_bandwidth, n_steps=n_steps)


class _TooNarrowError(ValueError):
    """The transition bands would take up the whole slice."""


def _linear_phase_taps(n: int, time_bandwidth: float, delta_pass: float, delta_stop: float) -> NDArray:
    """Symmetric low-pass filter of `n` taps."""
    transition = _transition_width(delta_pass, delta_stop) / time_bandwidth
    if transition >= 1:
        raise _TooNarrowError
    numtaps, edge = n if n % 2 else n - 1, time_bandwidth / n
    taps = _least_squares_taps(numtaps, (1 - transition) * edge, (1 + transition) * edge, delta_pass / delta_stop)
    # an even number of steps: the mean of neighbours keeps the filter symmetric about the centre of the pulse
    return np.convolve(taps, [0.5, 0.5]) if numtaps < n else taps


def _least_squares_taps(n: int, pass_edge: float, stop_edge: float, weight: float) -> NDArray:
    """Low-pass filter of `n` (odd) taps with the least squared error; edges in units of the Nyquist frequency.

    `weight` is that of the stop band, the pass band's being 1. The same bits as ``scipy.signal.firls``, whose import
    takes longer than everything else that a `fit` does to describe a protocol. Burrus C, Soewito A, Gopinath R (1992),
    Least squared error FIR filter design with transition bands, IEEE Trans Signal Process 40:1327-1340, doi
    10.1109/78.139239.
    """
    # integrals of cos(pi k f) from 0 to each edge
    k = np.arange(n)
    in_pass, to_stop, whole = (edge * np.sinc(edge * k) for edge in (pass_edge, stop_edge, 1.0))
    products, order = in_pass + weight * (whole - to_stop), k[: n // 2 + 1]
    normal = products[abs(order[:, None] - order)] + products[order[:, None] + order]
    with warnings.catch_warnings():
        warnings.simplefilter("error", linalg.LinAlgWarning)
        try:
            half = linalg.solve(normal, in_pass[order], assume_a="pos")
        except (linalg.LinAlgError, linalg.LinAlgWarning):  # wide transition bands leave the filter undetermined
            half = linalg.lstsq(normal, in_pass[order], lapack_driver="gelsy")[0]
    return np.concatenate([half[:0:-1], [2 * half[0]], half[1:]])


def _minimum_phase_taps(n: int, time_bandwidth: float, delta_pass: float, delta_stop: float) -> NDArray:
    """Minimum-phase low-pass filter of `n` taps: the square root of a filter twice as long (Pauly 1991, section V)."""
    squared_pass, squared_stop = 2 * delta_pass, delta_stop**2 / 2
    transition = 0.5 * _transition_width(squared_pass, squared_stop) / time_bandwidth
    if transition >= 1:
        raise _TooNarrowError
    # equal ripples: those of the stop band set how far the square must be lifted to have a root
    edge = time_bandwidth / n
    bands = [0, (1 - transition) * edge, (1 + transition) * edge, 1]
    # it takes 0.3 s to import, and few pulses are of minimum phase
    from scipy.signal import remez

    squared = remez(2 * n - 1, bands, [1, 0], weight=[1, squared_pass / squared_stop], fs=2)
    padded = 64 * n
    power = np.real(np.fft.fft(np.roll(np.pad(squared, (0, padded - len(squared))), 1 - n)))
    # the square's ripples are lifted so that it is nowhere negative
    magnitude = np.sqrt(np.maximum(power - min(power.min(), 0.0), 1e-10))
    # this order puts the effective centre near the end of the pulse, which shortens the rephasing
    return np.real(_minimum_phase(magnitude, n))


def _transition_width(delta_pass: float, delta_stop: float) -> float:
    """Time-bandwidth product that a transition band takes: D-infinity of Pauly 1991, eq. 28."""
    l1, l2 = np.log10(delta_pass), np.log10(delta_stop)
    a = (5.309e-3, 7.114e-2, -4.761e-1, -2.66e-3, -5.941e-1, -4.278e-1)
    return float((a[0] * l1**2 + a[1] * l1 + a[2]) * l2 + (a[3] * l1**2 + a[4] * l1 + a[5]))


def _minimum_phase(magnitude: NDArray, n: int) -> NDArray:
    """The first `n` coefficients of the minimum-phase polynomial with this magnitude on the unit circle."""
    padded = len(magnitude)
    cepstrum = np.fft.ifft(np.log(magnitude))
    fold = np.zeros(padded)
    fold[0] = fold[padded // 2] = 1
    fold[1 : padded // 2] = 2
    return np.fft.ifft(np.exp(np.fft.fft(cepstrum * fold)))[:n]


def _minimum_phase_alpha(beta: NDArray) -> NDArray:
    """The minimum-phase polynomial alpha with ``|alpha|^2 + |beta|^2 = 1`` on the unit circle."""
    magnitude = np.sqrt(np.maximum(1 - np.abs(np.fft.fft(beta, 64 * len(beta))) ** 2, 1e-14))
    return _minimum_phase(magnitude, len(beta))


def _inverse_slr(beta: NDArray) -> NDArray:
    """Rotations (complex, rad) of the hard pulses whose polynomials are alpha (minimum phase) and `beta`.

    Pauly 1991, eq. 15-20: the lowest coefficients give the last rotation, which is then undone.
    """
    alpha, b = _minimum_phase_alpha(beta), beta.astype(complex)
    rotation = np.zeros(len(b), dtype=complex)
    for step in range(len(beta) - 1, -1, -1):
        ratio = b[0] / alpha[0]
        angle, phase = 2 * np.arctan(np.abs(ratio)), np.exp(1j * np.angle(ratio))
        rotation[step] = angle * phase
        c, s = np.cos(angle / 2), phase * np.sin(angle / 2)
        alpha, b = (c * alpha + np.conj(s) * b)[:-1], (c * b - s * alpha)[1:]
    return rotation
