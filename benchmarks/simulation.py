# SPDX-License-Identifier: Apache-2.0
"""How long a basis takes, and what slice selection does to edited GABA.

Run: ``python benchmarks/simulation.py``. Prints seconds per metabolite (ON and OFF together) with ideal and with
slice-selective refocusing, and the area of GABA's edited signal at 3.0 ppm per Cr at 3.03 ppm.
"""

from __future__ import annotations

import time

import numpy as np

from fsl_mrs_dl.sequences import MegaPress
from fsl_mrs_dl.simulate import LineList, simulate_metabolite
from fsl_mrs_dl.spins import known_metabolites, load_system

SEQUENCES = {
    "ideal": MegaPress(edit_duration_s=0.015, edit_truncation=0.03),
    "slice profile, 16 positions": MegaPress(
        edit_duration_s=0.015, edit_truncation=0.03, refocusing="slr", n_positions=16
    ),
}


def area(lines: LineList, low_ppm: float, high_ppm: float, f0_mhz: float) -> float:
    """Area of the lines in a range of chemical shift."""
    ppm = 4.65 + lines.shift_hz / f0_mhz
    return float(lines.amplitude[(ppm > low_ppm) & (ppm < high_ppm)].sum().real)


def main() -> None:
    """Measure."""
    for label, sequence in SEQUENCES.items():
        seconds, pairs = {}, {}
        for name in known_metabolites():
            times = []
            for _ in range(3):
                start = time.perf_counter()
                pairs[name] = simulate_metabolite(load_system(name), sequence)
                times.append(time.perf_counter() - start)
            seconds[name] = float(np.median(times))
        edited = area(pairs["GABA"].diff, 2.85, 3.18, sequence.f0_mhz)
        cr = area(pairs["Cr"].edit_off, 2.93, 3.12, sequence.f0_mhz)
        print(f"{label}: {sum(seconds.values()):.2f} s for {len(seconds)} metabolites")
        print("  " + ", ".join(f"{name} {s:.3f}" for name, s in sorted(seconds.items(), key=lambda item: -item[1])))
        print(f"  GABA DIFF 3.0 ppm / Cr 3.03 ppm: {edited / cr:.4f}")


if __name__ == "__main__":
    main()
