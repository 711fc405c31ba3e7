# SPDX-License-Identifier: Apache-2.0
"""Linear-phase refocusing pulses by the Shinnar-Le Roux transform.

Pauly J, Le Roux P, Nishimura D, Macovski A (1991), Parameter relations for the Shinnar-Le Roux selective excitation
pulse design algorithm, IEEE Trans Med Imaging 10:53-65, doi 10.1109/42.75611.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import firls

from fsl_mrs_dl.pulses.shape import ShapedPulse


def slr_refocusing(
    duration_s: float,
    time_bandwidth: float,
    *,
    n_steps: int = 128,
    passband_ripple: float = 0.01,
    stopband_ripple: float = 0.01,
) -> ShapedPulse:
    """A linear-phase 180 degree refocusing pulse.

    Parameters
    ----------
    duration_s : float
        Duration in s.
    time_bandwidth : float
        Duration times the width of the slice (middle of the transition bands), usually 3 to 8.
    n_steps : int
        Steps of the waveform.
    passband_ripple, stopband_ripple : float
        Ripple of the refocused magnetisation inside and outside the slice.

    Raises
    ------
    ValueError
        When the time-bandwidth product is too small for the ripples.
    """
    # Pauly 1991, Table I: ripples of the spin-echo profile |beta|^2 expressed as ripples of beta
    delta_pass, delta_stop = passband_ripple / 4, np.sqrt(stopband_ripple)
    transition = _transition_width(delta_pass, delta_stop) / time_bandwidth
    if transition >= 1:
        raise ValueError(
            f"time_bandwidth {time_bandwidth} is too small for ripples of {passband_ripple} and {stopband_ripple}"
        )
    edge = time_bandwidth / n_steps
    numtaps = n_steps if n_steps % 2 else n_steps - 1
    taps = firls(
        numtaps,
        [0, (1 - transition) * edge, (1 + transition) * edge, 1],
        [1, 1, 0, 0],
        weight=[1, delta_pass / delta_stop],
    )
    if numtaps < n_steps:
        # an even number of steps: the mean of neighbours keeps the filter symmetric about the centre of the pulse
        taps = np.convolve(taps, [0.5, 0.5])
    profile = np.abs(np.fft.fft(taps, 16 * n_steps)).max()
    # |beta| just below one at its highest ripple, so that alpha has no zero on the unit circle
    beta = taps * (1 - 1e-6) / profile
    rotation = _inverse_slr(beta)
    w1_hz = rotation / (2 * np.pi * duration_s / n_steps)
    return ShapedPulse(w1_hz, duration_s, f"SLR refocusing {duration_s * 1e3:g} ms, TBW {time_bandwidth:g}")


def _transition_width(delta_pass: float, delta_stop: float) -> float:
    """Time-bandwidth product that a transition band takes: D-infinity of Pauly 1991, eq. 28."""
    l1, l2 = np.log10(delta_pass), np.log10(delta_stop)
    a = (5.309e-3, 7.114e-2, -4.761e-1, -2.66e-3, -5.941e-1, -4.278e-1)
    return float((a[0] * l1**2 + a[1] * l1 + a[2]) * l2 + (a[3] * l1**2 + a[4] * l1 + a[5]))


def _minimum_phase_alpha(beta: NDArray) -> NDArray:
    """The minimum-phase polynomial alpha with ``|alpha|^2 + |beta|^2 = 1`` on the unit circle."""
    n, padded = len(beta), 64 * len(beta)
    magnitude = np.sqrt(np.maximum(1 - np.abs(np.fft.fft(beta, padded)) ** 2, 1e-14))
    cepstrum = np.fft.ifft(np.log(magnitude))
    fold = np.zeros(padded)
    fold[0] = fold[padded // 2] = 1
    fold[1 : padded // 2] = 2
    return np.fft.ifft(np.exp(np.fft.fft(cepstrum * fold)))[:n]


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
