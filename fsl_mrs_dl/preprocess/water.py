# SPDX-License-Identifier: Apache-2.0
"""Residual water, modelled as a few damped oscillations (HLSVD) and subtracted.

The singular vectors that the decomposition starts from are those of `fsl_mrs_dl.preprocess.lanczos`.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from fsl_mrs_dl.core.constants import RECEIVER_PPM
from fsl_mrs_dl.core.errors import DataError
from fsl_mrs_dl.core.units import hz_to_ppm, ppm_axis, spectrum, time_axis
from fsl_mrs_dl.preprocess.lanczos import left_singular_vectors

N_COMPONENTS = 24
"""Components of the default model: 5-10 describe residual water, the others carry the metabolites."""

HALF_WINDOW_PPM = 0.42
"""Half width of the window around the water line, ppm: Cr (3.91) and Ins (4.06) stay outside."""

SEARCH_PPM = (4.25, 5.25)
"""Where the water line is looked for, ppm: 0.4 ppm of frequency offset, or water at 10-60 degC."""

MIN_WATER_SNR = 6.0
"""The line counts as water when its magnitude is above this many times the noise's median magnitude."""

METABOLITES_PPM = (1.8, 4.1)
"""Where the lines stand with which residual water is compared, ppm."""

MAX_GROWTH = 1.0
"""A growing component may grow by exp(MAX_GROWTH) over the FID; more is cut to that, so that nothing blows up."""


@dataclass(frozen=True)
class Components:
    """Damped oscillations ``sum amplitude exp((2i pi freq_hz - damping_hz) t)``.

    Parameters
    ----------
    freq_hz, damping_hz : float array, shape ``(k,)``
        Frequency in Hz and decay rate in 1/s (the FWHM of the line is ``damping_hz / pi``).
    amplitude : complex array, shape ``(k,)``
        Amplitude and phase at the first point.
    """

    freq_hz: NDArray
    damping_hz: NDArray
    amplitude: NDArray

    def fid(self, n_points: int, dwell_s: float, keep: NDArray | None = None) -> NDArray:
        """The sum of the components (those of the mask `keep`), shape ``(n_points,)``."""
        keep = np.ones(self.freq_hz.size, bool) if keep is None else keep
        return oscillations(self.freq_hz[keep], self.damping_hz[keep], n_points, dwell_s) @ self.amplitude[keep]


@dataclass(frozen=True)
class WaterRemoval:
    """What `remove_water` did.

    Parameters
    ----------
    fid, water_fid : complex array, shape ``(n,)``
        What remains and what was subtracted; their sum is the input.
    n_removed : int
        Components subtracted; 0 when no water line stands above the noise.
    window_ppm : tuple of float
        Lower and upper end of the window used, ppm.
    parts : Components, optional
        All components of the model, where there is one; `inside` marks those that were subtracted.
    """

    fid: NDArray
    water_fid: NDArray
    n_removed: int
    window_ppm: tuple[float, float]
    parts: Components | None = None
    inside: NDArray | None = None

    def of_others(self, fids: NDArray, dwell_s: float) -> NDArray:
        """What remains of other FIDs of the same lines, shape ``(..., n)``; only amplitudes are fitted anew."""
        if self.parts is None or self.inside is None or not fids.size:
            return fids
        basis = oscillations(self.parts.freq_hz, self.parts.damping_hz, fids.shape[-1], dwell_s)
        flat = fids.reshape(-1, fids.shape[-1])
        amplitude = _amplitudes(basis, flat.T)
        return (flat - (basis[:, self.inside] @ amplitude[self.inside]).T).reshape(fids.shape)


def oscillations(freq_hz: NDArray, damping_hz: NDArray, n_points: int, dwell_s: float) -> NDArray:
    """Damped oscillations of amplitude one, shape ``(n_points, k)``; see `Components`."""
    exponent = (2j * np.pi * freq_hz - damping_hz) * dwell_s
    # n = 64 a + b: two small tables of exponentials and one product instead of n exponentials per component
    block = 64
    coarse = np.exp(np.arange(-(-n_points // block))[:, None] * (block * exponent))
    fine = np.exp(np.arange(block)[:, None] * exponent)
    # the length is given: of no components at all it could not be told
    return (coarse[:, None, :] * fine[None, :, :]).reshape(block * len(coarse), freq_hz.size)[:n_points]


def hlsvd(fid: NDArray, dwell_s: float, n_components: int = N_COMPONENTS) -> Components:
    """Decompose a FID into damped oscillations.

    Shift invariance of the leading singular vectors of the FID's Hankel matrix, solved by total least squares, gives
    frequencies and dampings; amplitudes follow by linear least squares.

    Parameters
    ----------
    fid : complex array, shape ``(n,)``
    dwell_s : float
        Sampling interval, s.
    n_components : int
        Number of oscillations (fewer come back when the FID's rank is lower).

    Returns
    -------
    Components
        In ascending order of frequency.

    Raises
    ------
    DataError
        FID not one-dimensional, too short for the number of components, or not finite.

    Notes
    -----
    Barkhuijsen et al. 1987, J Magn Reson 73:553, doi 10.1016/0022-2364(87)90023-0 (HSVD); Laudadio et al. 2002,
    J Magn Reson 157:292, doi 10.1006/jmre.2002.2593 (Lanczos with reorthogonalisation, products by FFT);
    Van Huffel et al. 1994, J Magn Reson A 110:228, doi 10.1006/jmra.1994.1209 (total least squares).
    """
    fid = np.asarray(fid, complex)
    if fid.ndim != 1:
        raise DataError("FID cannot be decomposed", expected="1 axis", got=fid.shape)
    _check(fid, n_components)
    return _decomposed(fid.tobytes(), dwell_s, n_components)


def _check(fids: NDArray, n_components: int) -> None:
    least = 2 * n_components + 4
    if fids.shape[-1] < least:
        raise DataError("FID cannot be decomposed", expected=f"{least} or more points", got=fids.shape[-1])
    if not np.all(np.isfinite(fids)):
        raise DataError("FID holds values that are not finite", hint="Look for NaN in the file.")


@functools.lru_cache(maxsize=4)
def _decomposed(content: bytes, dwell_s: float, n_components: int) -> Components:
    """`hlsvd` of a FID's bytes: OFF of an averaged pair is asked for before alignment, after it, and for its width."""
    return _each_decomposed(np.frombuffer(content, complex)[None], dwell_s, n_components)[0]


def _each_decomposed(fids: NDArray, dwell_s: float, n_components: int) -> list[Components]:
    """`hlsvd` of FIDs of shape ``(n_fids, n)``."""
    scale = np.abs(fids).max(axis=-1, keepdims=True)
    vectors = left_singular_vectors(fids / np.where(scale > 0, scale, 1.0), fids.shape[-1] // 2, n_components)
    return [_oscillating(fid, u, dwell_s) for fid, u in zip(fids, vectors, strict=True)]


def _oscillating(fid: NDArray, u: NDArray, dwell_s: float) -> Components:
    """Components of a FID from the leading singular vectors `u` of its Hankel matrix, by total least squares."""
    n, k = fid.size, u.shape[1]
    if k == 0:
        return Components(np.zeros(0), np.zeros(0), np.zeros(0, complex))
    # [U_top U_bottom] V = 0 with V from the smallest singular values: Z = -V12 V22^-1
    triangle = np.linalg.qr(np.hstack([u[:-1], u[1:]]), mode="r")
    v = linalg.svd(triangle, full_matrices=True)[2].conj().T
    poles = linalg.eigvals(-v[:k, k:] @ linalg.pinv(v[k:, k:]))
    poles = poles[np.abs(poles) > 1e-3]
    freq_hz = np.angle(poles) / (2 * np.pi * dwell_s)
    damping_hz = np.maximum(-np.log(np.abs(poles)) / dwell_s, -MAX_GROWTH / (n * dwell_s))
    order = np.argsort(freq_hz)
    freq_hz, damping_hz = freq_hz[order], damping_hz[order]
    basis = oscillations(freq_hz, damping_hz, n, dwell_s)
    return Components(freq_hz, damping_hz, _amplitudes(basis, fid))


def _amplitudes(basis: NDArray, fids: NDArray) -> NDArray:
    """Least-squares amplitudes of oscillations ``(n, k)`` in one FID ``(n,)`` or several ``(n, m)``."""
    norm = np.linalg.norm(basis, axis=0)
    q, r = linalg.qr(basis / norm, mode="economic", check_finite=False)
    scaled = linalg.lstsq(r, q.conj().T @ fids, cond=1e-10, check_finite=False)[0]
    return (scaled.T / norm).T


def water_window(fid: NDArray, dwell_s: float, f0_mhz: float) -> tuple[tuple[float, float], bool]:
    """Window around the water line in ppm, and whether a line stands there above the noise.

    The largest magnitude within `SEARCH_PPM` is taken for water, whatever its shift (offset of the scanner,
    temperature); without one the window stands around 4.65 ppm.
    """
    n = fid.size
    axis = ppm_axis(n, dwell_s, f0_mhz)
    # mild apodisation: a truncated line's side lobes must not pass for noise
    magnitude = np.abs(spectrum(fid * np.exp(-np.pi * 3.0 * time_axis(n, dwell_s))))
    noise = np.median(magnitude[np.abs(axis - RECEIVER_PPM) > 0.6 * (axis[-1] - RECEIVER_PPM)])
    inside = np.flatnonzero((axis > SEARCH_PPM[0]) & (axis < SEARCH_PPM[1]))
    if inside.size < 3:
        return (RECEIVER_PPM - HALF_WINDOW_PPM, RECEIVER_PPM + HALF_WINDOW_PPM), False
    peak = inside[np.argmax(magnitude[inside])]
    # a maximum at the edge, or noise on the flank of Cr at 3.91, is not a line: a line falls to half on both sides
    sides = (axis > axis[peak] - 0.3) & (axis <= axis[peak]), (axis >= axis[peak]) & (axis < axis[peak] + 0.3)
    falls = all(magnitude[side].min() < 0.5 * magnitude[peak] for side in sides)
    is_line = magnitude[peak] > MIN_WATER_SNR * noise and falls and peak not in (inside[0], inside[-1])
    centre = float(axis[peak]) if is_line else RECEIVER_PPM
    return (centre - HALF_WINDOW_PPM, centre + HALF_WINDOW_PPM), bool(is_line)


def remove_water(
    fid: NDArray,
    dwell_s: float,
    f0_mhz: float,
    *,
    n_components: int = N_COMPONENTS,
    window_ppm: tuple[float, float] | None = None,
) -> WaterRemoval:
    """Subtract residual water.

    Parameters
    ----------
    fid : complex array, shape ``(n,)``
    dwell_s, f0_mhz : float
        Sampling interval in s, spectrometer frequency in MHz.
    n_components : int
        Components of the decomposition, see `hlsvd`.
    window_ppm : tuple of float, optional
        Components with a frequency inside are subtracted. By default +-0.42 ppm around the largest line between
        4.25 and 5.25 ppm, and nothing at all when none stands above the noise there. A window given is taken as it is.

    Returns
    -------
    WaterRemoval

    Raises
    ------
    DataError
        See `hlsvd`.
    """
    fid = np.asarray(fid, complex)
    present = True
    if window_ppm is None:
        window_ppm, present = water_window(fid, dwell_s, f0_mhz)
    parts = hlsvd(fid, dwell_s, n_components) if present else None
    return _without(fid, parts, dwell_s, f0_mhz, window_ppm)


def remove_water_of_each(
    fids: NDArray, dwell_s: float, f0_mhz: float, *, n_components: int = N_COMPONENTS
) -> list[WaterRemoval]:
    """`remove_water` of FIDs of shape ``(n_fids, n)``, each by itself; faster together than one after the other.

    Raises
    ------
    DataError
        See `hlsvd`.
    """
    fids = np.asarray(fids, complex)
    windows = [water_window(fid, dwell_s, f0_mhz) for fid in fids]
    wet = [present for _, present in windows]
    if any(wet):
        _check(fids[wet], n_components)
    decomposed = iter(_each_decomposed(fids[wet], dwell_s, n_components) if any(wet) else ())
    parts = [next(decomposed) if present else None for present in wet]
    return [
        _without(fid, part, dwell_s, f0_mhz, window_ppm)
        for fid, part, (window_ppm, _) in zip(fids, parts, windows, strict=True)
    ]


def _without(
    fid: NDArray, parts: Components | None, dwell_s: float, f0_mhz: float, window_ppm: tuple[float, float]
) -> WaterRemoval:
    """A FID less those of its components that lie inside the window."""
    if parts is None:
        return WaterRemoval(fid.copy(), np.zeros_like(fid), 0, window_ppm)
    shift_ppm = np.asarray(hz_to_ppm(parts.freq_hz, f0_mhz))
    inside = (shift_ppm > window_ppm[0]) & (shift_ppm < window_ppm[1])
    water = parts.fid(fid.size, dwell_s, inside)
    return WaterRemoval(fid - water, water, int(inside.sum()), window_ppm, parts, inside)


def water_ratio(removal: WaterRemoval, dwell_s: float, f0_mhz: float) -> float:
    """Height of the water line that was removed over the highest line of what remains; 0 where none was removed."""
    axis = ppm_axis(removal.fid.size, dwell_s, f0_mhz)
    inside = (axis > METABOLITES_PPM[0]) & (axis < METABOLITES_PPM[1])
    highest = float(np.abs(spectrum(removal.fid))[inside].max(initial=0.0))
    water = float(np.abs(spectrum(removal.water_fid)).max())
    return water / highest if highest > 0 else 0.0
