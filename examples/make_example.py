# SPDX-License-Identifier: Apache-2.0
"""Make the shipped example: raw MEGA-PRESS data of a virtual brain, 4 coils x 16 dynamics x 2 conditions, and water.

Run from the repository's root: ``python examples/make_example.py``. The seed is fixed; the truth is written beside it.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from fsl_mrs_dl.basis.bank import naa_methyl_area
from fsl_mrs_dl.basis.files import LineBasis
from fsl_mrs_dl.core.units import ppm_to_hz
from fsl_mrs_dl.io.nifti import write_spectrum
from fsl_mrs_dl.metabolites.macromolecules import MM30_DIFF_AREA, MM30_PPM
from fsl_mrs_dl.physics.sequences import MegaPress
from fsl_mrs_dl.physics.simulate import simulate_metabolite, voigt_decay
from fsl_mrs_dl.physics.spins import load_system

SEED = 68
N_COILS, N_DYNAMICS, N_POINTS, DWELL_S, F0_MHZ = 4, 16, 1024, 5e-4, 127.73
LORENTZ_HZ, GAUSS_HZ, WATER_HZ = 2.5, 3.5, 7.0
DRIFT_HZ = 6.0
NOISE = 8.0
CONC_MM = {
    "Asc": 1.0,
    "Asp": 1.8,
    "Cr": 4.6,
    "GABA": 1.9,
    "GPC": 1.0,
    "GSH": 1.3,
    "Gln": 2.6,
    "Glu": 9.2,
    "Ins": 6.0,
    "Lac": 0.6,
    "NAA": 11.4,
    "NAAG": 1.2,
    "PCh": 0.5,
    "PCr": 3.6,
    "Scyllo": 0.3,
    "Tau": 1.4,
}
MM30_MM = 1.6
PROTOCOL = MegaPress(
    f0_mhz=127.73, refocusing="slr", n_positions=16, fov_slices=1.6, edit_duration_s=0.015, edit_truncation=0.03
)


def main() -> None:
    """Write the files."""
    here = Path(__file__).parent
    rng = np.random.default_rng(SEED)
    basis = LineBasis({name: simulate_metabolite(load_system(name), PROTOCOL) for name in sorted(CONC_MM)}, PROTOCOL)
    time_s = np.arange(N_POINTS) * DWELL_S
    scale = 3.0 / naa_methyl_area(basis.pairs["NAA"].edit_off, basis.sequence.f0_mhz)
    conc = np.array([CONC_MM[name] for name in basis.names])
    decay = voigt_decay(time_s, LORENTZ_HZ, GAUSS_HZ)
    clean = {c: scale * conc @ basis.condition(c, N_POINTS, DWELL_S).fids * decay for c in ("edit_off", "edit_on")}
    broad = np.exp(2j * np.pi * ppm_to_hz(MM30_PPM, F0_MHZ) * time_s) * voigt_decay(time_s, 0.0, 18.0)
    clean["edit_on"] = clean["edit_on"] + MM30_MM * MM30_DIFF_AREA * broad
    water = voigt_decay(time_s, WATER_HZ, 0.0) * np.exp(2j * np.pi * ppm_to_hz(4.65, F0_MHZ) * time_s)
    eddy = np.exp(0.4j * np.exp(-time_s / 0.03))
    coils = rng.uniform(0.5, 1.5, N_COILS) * np.exp(2j * np.pi * rng.uniform(size=N_COILS))

    drift_hz = DRIFT_HZ * np.arange(N_DYNAMICS) / (N_DYNAMICS - 1) + 0.3 * rng.standard_normal(N_DYNAMICS)
    raw = np.zeros((N_COILS, N_DYNAMICS, 2, N_POINTS), dtype=complex)
    for index, condition in enumerate(("edit_on", "edit_off")):
        for dynamic in range(N_DYNAMICS):
            signal = clean[condition] + 90.0 * np.exp(1j * rng.uniform(-1, 1)) * water
            if condition == "edit_off" and dynamic == 5:
                # somebody moved
                signal = 0.7 * signal * np.exp(2j * np.pi * 12 * time_s) * voigt_decay(time_s, 15.0, 0.0)
            turn = np.exp(1j * (0.1 * rng.standard_normal() + 2 * np.pi * drift_hz[dynamic] * time_s))
            raw[:, dynamic, index] = coils[:, None] * signal * turn * eddy
    shape = raw.shape
    raw += NOISE * (rng.standard_normal(shape) + 1j * rng.standard_normal(shape))
    reference = coils[:, None] * 40000.0 * water * eddy
    reference = reference + NOISE * (rng.standard_normal(reference.shape) + 1j * rng.standard_normal(reference.shape))

    header = {"EchoTime": 0.068, "RepetitionTime": 2.0}
    pulses = {"ON": {"PulseOffset": 1.9, "PulseDuration": 0.015}, "OFF": {"PulseOffset": 7.5, "PulseDuration": 0.015}}
    sampling = {"dwell_s": DWELL_S, "f0_mhz": F0_MHZ}
    write_spectrum(
        here / "megapress_raw.nii.gz",
        raw,
        dims=("DIM_COIL", "DIM_DYN", "DIM_EDIT"),
        conditions=("edit_on", "edit_off"),
        header={**header, "EditPulse": pulses},
        **sampling,
    )
    write_spectrum(here / "water_reference.nii.gz", reference, dims=("DIM_COIL", None, None), header=header, **sampling)
    truth = [{"id": "megapress_raw", "conc_mm": CONC_MM, "mm30_mm": MM30_MM, "seed": SEED}]
    (here / "truth.json").write_text(json.dumps(truth, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
