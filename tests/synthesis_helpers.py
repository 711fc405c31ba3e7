# SPDX-License-Identifier: Apache-2.0
"""Scenes to draw perturbations for, and signals to let them act on, without any basis."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from fsl_mrs_dl.metabolites.macromolecules import BACKGROUND_PPM
from fsl_mrs_dl.synthesise.context import Scene, Signals
from fsl_mrs_dl.synthesise.perturbations.macromolecules import GRID_PPM, OfProtocols

NO_BACKGROUND = OfProtocols(np.zeros((1, len(GRID_PPM))), np.ones(1), np.ones(1))
"""One protocol that leaves nothing of the background's lines in DIFF."""
N_RELAXING = len(BACKGROUND_PPM) + 1


def scene(n, metabolites=("Cr", "GABA", "NAA"), *, conc_mm=None, is_brain=None, groups=(), size=1.0, of_bank=None):
    """A scene of one protocol; `conc_mm` maps quantities to their concentrations."""
    conc_mm = conc_mm or {}
    outputs = tuple(dict.fromkeys([*metabolites, *conc_mm]))
    return Scene(
        metabolites=tuple(metabolites),
        outputs=outputs,
        bank=SimpleNamespace(groups=groups),
        member=np.zeros(n, int),
        conc_mm=np.stack([np.broadcast_to(conc_mm.get(name, 0.0), n) for name in outputs], axis=1),
        is_brain=np.ones(n, bool) if is_brain is None else is_brain,
        size=np.full(n, float(size)),
        severity=np.ones(n),
        of_bank=of_bank,
    )


def signals(off, on, *, f0_mhz=127.7, dwell_s=1.2e-3, drift_hz=0.0):
    """What perturbations act on, of real and imaginary parts ``(n, 2, n_times)``; one basis signal."""
    n = len(off)
    f0_mhz, dwell_s, drift_hz = (np.broadcast_to(value, n).astype(float) for value in (f0_mhz, dwell_s, drift_hz))
    one = np.ones((n, 1))
    return Signals(
        off=off,
        on=on,
        f0_mhz=f0_mhz,
        dwell_s=dwell_s,
        ppm=np.linspace(4.2, 0.6, 9),
        group_ppm=one,
        te_s=np.full(n, 0.068),
        owner=np.zeros(1, int),
        amounts=one,
        own_lorentz_hz=0 * one,
        own_shift_ppm=0 * one,
        drift_hz=drift_hz,
        n_acquired=np.full(n, off.shape[-1]),
        peak=np.ones(n),
        top=np.ones(n),
        sigma=np.zeros(n),
        response=one,
    )
