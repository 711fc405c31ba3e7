# SPDX-License-Identifier: Apache-2.0
"""Spectra of known mixtures, made of the shipped basis."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np

from fsl_mrs_dl.core.data import EditedSpectra
from fsl_mrs_dl.core.units import ppm_to_hz, time_axis
from fsl_mrs_dl.physics.simulate import voigt_decay
from fsl_mrs_dl.quantify.signals import basis_signals

DWELL_S, F0_MHZ, N = 5e-4, 127.73, 2048
TIME_S = time_axis(N, DWELL_S)
BRAIN = {
    "NAA": 11.0,
    "NAAG": 1.4,
    "Cr": 4.3,
    "PCr": 3.7,
    "GPC": 1.0,
    "PCh": 0.6,
    "Ins": 6.0,
    "Glu": 9.0,
    "Gln": 2.4,
    "GABA": 1.8,
    "GSH": 1.2,
    "Tau": 1.4,
    "Asp": 2.0,
    "MM09": 6.0,
    "MM30": 2.0,
}
SOLUTION = {"NAA": 10.0, "Cr": 8.0, "GABA": 5.0, "Gln": 4.0, "Glu": 10.0}
CONC = {"Cr": 8.0, "GABA": 4.0, "Gln": 3.0, "Glu": 10.0, "NAA": 12.0}
"""Of `mixture`, where nothing else is said."""
FIVE = {"GABA": 2.0, "Glu": 9.0, "Gln": 3.0, "NAA": 11.0, "Cr": 8.0}


@functools.lru_cache(maxsize=4)
def signals_of(names):
    blank = EditedSpectra(DWELL_S, F0_MHZ, Path("x"), edit_off=np.ones(N), diff=np.ones(N), te_s=0.068)
    return basis_signals(blank, names)


def pair(conc=BRAIN, *, lorentz_hz=3.0, gauss_hz=3.0, noise=0.15, seed=0):
    """OFF and ON of a mixture of the shipped basis."""
    rng = np.random.default_rng(seed)
    signals = signals_of(tuple(conc))
    amplitudes = np.array([conc[name] for name in signals.names])
    off, diff = (amplitudes @ signals.fids[c] * voigt_decay(TIME_S, lorentz_hz, gauss_hz) for c in ("edit_off", "diff"))
    off_noise, on_noise = (noise * (rng.normal(size=N) + 1j * rng.normal(size=N)) for _ in range(2))
    return off + off_noise, off + diff + on_noise


def spectra_of(off, on):
    return EditedSpectra(DWELL_S, F0_MHZ, Path("x"), edit_off=off, edit_on=on, diff=on - off, te_s=0.068)


def line(ppm, width_hz, amplitude):
    return amplitude * np.exp((2j * np.pi * ppm_to_hz(ppm, F0_MHZ) - np.pi * width_hz) * TIME_S)


def mixture(conc=CONC, *, noise=0.02, shift_ppm=0.004, phase=0.1, lorentz_hz=2.0, gauss_hz=3.0, seed=0, only=None):
    """Spectra of a mixture of the shipped basis, and its signals."""
    rng = np.random.default_rng(seed)
    time_s = time_axis(N, DWELL_S)
    empty = EditedSpectra(DWELL_S, F0_MHZ, Path("x"), edit_off=np.ones(N), diff=np.ones(N), te_s=0.068)
    signals = basis_signals(empty, list(conc))
    factor = voigt_decay(time_s, lorentz_hz, gauss_hz) * np.exp(1j * (phase + 2 * np.pi * shift_ppm * F0_MHZ * time_s))
    amplitudes = np.array([conc[name] for name in signals.names])
    fids = {}
    for condition, basis in signals.fids.items():
        if only is None or condition == only:
            white = rng.normal(size=N) + 1j * rng.normal(size=N)
            fids[condition] = (amplitudes @ basis) * factor + noise * white
    return EditedSpectra(DWELL_S, F0_MHZ, Path("x"), te_s=0.068, **fids)


def five_metabolites():
    """Both conditions of `FIVE` with the shipped basis, 4 Hz wide."""
    empty = EditedSpectra(DWELL_S, F0_MHZ, Path("made"), edit_off=np.zeros(N), diff=np.zeros(N), te_s=0.068)
    signals = basis_signals(empty, tuple(FIVE))
    rng = np.random.default_rng(3)
    values = np.array([FIVE[name] for name in signals.names])
    decay = voigt_decay(time_axis(N, DWELL_S), 4.0, 0.0)
    fids = {c: (values @ fids) * decay for c, fids in signals.fids.items()}
    noise = 0.02 * (rng.normal(size=(2, N)) + 1j * rng.normal(size=(2, N)))
    return EditedSpectra(
        DWELL_S, F0_MHZ, Path("made"), edit_off=fids["edit_off"] + noise[0], diff=fids["diff"] + noise[1], te_s=0.068
    )
