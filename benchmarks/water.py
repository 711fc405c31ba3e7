# SPDX-License-Identifier: Apache-2.0
"""Removal of residual water: this package against hlsvdpropy, in the same run on the same FIDs.

Run with one thread (``OMP_NUM_THREADS=1 python benchmarks/water.py``). hlsvdpropy is optional
(``pip install hlsvdpropy 'setuptools<82'``); without it only our times are printed.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.core.units import hz_to_ppm, ppm_axis, ppm_to_hz, spectrum, time_axis
from fsl_mrs_dl.preprocess.water import remove_water

F0_MHZ, DWELL_S, COMPONENTS, REPEATS, WINDOW_PPM = 127.75, 1 / 2000, 24, 5, (4.23, 5.07)


def example(n: int, rng: np.random.Generator) -> tuple[NDArray, NDArray]:
    """Metabolites + noise, and the same with residual water 100 times the metabolites."""
    t = time_axis(n, DWELL_S)

    def line(a: complex, ppm: float, lorentz_hz: float, gauss_hz: float) -> NDArray:
        decay = np.pi * lorentz_hz * t + (np.pi * gauss_hz * t) ** 2 / (4 * np.log(2))
        return a * np.exp(2j * np.pi * ppm_to_hz(ppm, F0_MHZ) * t - decay)

    clean = sum(line(a, p, 3, 3) for a, p in [(10, 2.008), (6, 3.027), (4, 3.208), (4, 3.913), (3, 3.75), (2, 2.35)])
    clean = clean + 0.1 * (rng.standard_normal(n) + 1j * rng.standard_normal(n))
    water = line(700, 4.66, 5, 0) + line(400j, 4.6, 3, 4) + line(300, 4.75, 20, 0)
    return clean, clean + water


def by_hlsvdpropy(fid: NDArray) -> NDArray:
    """The same with hlsvdpropy: components inside the window subtracted."""
    from hlsvdpropy import hlsvd

    found = hlsvd(fid, COMPONENTS, DWELL_S * 1e3)  # ms; frequencies in kHz, damping in ms (negative: decay)
    n_found, _, freq, damp, amplitude, phase = found[:6]
    t = time_axis(fid.size, DWELL_S) * 1e3
    out = np.array(fid)
    for i in range(n_found):
        if WINDOW_PPM[0] < hz_to_ppm(freq[i] * 1e3, F0_MHZ) < WINDOW_PPM[1]:
            angle = 2j * np.pi * freq[i] * t + 1j * np.deg2rad(phase[i])
            out -= amplitude[i] * np.exp(angle + t / damp[i])
    return out


def median_time(function: Callable[[NDArray], NDArray], fid: NDArray, repeats: int) -> tuple[float, NDArray]:
    """Median wall time in s and the result."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        out = function(fid)
        times.append(time.perf_counter() - start)
    return statistics.median(times), out


def main() -> None:
    """Print the table."""
    try:
        import hlsvdpropy  # noqa: F401

        have = True
    except ImportError:
        have = False
        print("hlsvdpropy is not installed: only our times")
    print("points  ours_s  hlsvdpropy_s  ratio  error_ours  error_hlsvdpropy  difference   (relative, 0.5-4.1 ppm)")
    rng = np.random.default_rng(1)
    for n in (1024, 2048, 4096):
        clean, fid = example(n, rng)
        axis = ppm_axis(n, DWELL_S, F0_MHZ)
        region = (axis > 0.5) & (axis < 4.1)
        truth = spectrum(clean)[region]

        def distance(a: NDArray, b: NDArray, norm: float = float(np.linalg.norm(truth))) -> float:
            return float(np.linalg.norm(a - b) / norm)

        ours_s, ours = median_time(
            lambda x: remove_water(x, DWELL_S, F0_MHZ, n_components=COMPONENTS, window_ppm=WINDOW_PPM).fid, fid, REPEATS
        )
        ours = spectrum(ours)[region]
        row = f"{n:6d}  {ours_s:6.3f}"
        if have:
            other_s, other = median_time(by_hlsvdpropy, fid, 3)
            other = spectrum(other)[region]
            row += f"  {other_s:12.3f}  {other_s / ours_s:5.1f}  {distance(ours, truth):10.2e}"
            row += f"  {distance(other, truth):16.2e}  {distance(ours, other):10.2e}"
        else:
            row += f"  {'-':>12}  {'-':>5}  {distance(ours, truth):10.2e}"
        print(row)


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    main()
