# SPDX-License-Identifier: Apache-2.0
"""Bases as a user would have them for the protocols of a bank: nominal B1, tabulated shifts, body temperature."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.basis.files import LineBasis, load_line_basis, save_line_basis
from fsl_mrs_dl.core.workers import run_jobs
from fsl_mrs_dl.models.protocol_code import DESCRIBED, WIDTH_HZ, basis_features
from fsl_mrs_dl.physics.sequences import SEMI_LASER_POSITIONS, MegaPress
from fsl_mrs_dl.physics.simulate import simulate_metabolite
from fsl_mrs_dl.physics.spins import load_system

BODY_C = 37.0
_DWELL_S = 5e-4
_N_POINTS = 1024
_N_POSITIONS = 12


def nominal_features(protocols: tuple[MegaPress, ...], folder: Path, workers: int = 1) -> NDArray:
    """Features of each protocol's nominal basis, shape ``(n, n_features)``; simulated as far as not in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    jobs = [_Job(protocol, folder / f"{index:04d}.npz") for index, protocol in enumerate(protocols)]
    for _ in run_jobs([job for job in jobs if not job.path.exists()], workers):
        pass
    return np.stack([features_of(load_line_basis(job.path)) for job in jobs])


def nominal(protocol: MegaPress) -> MegaPress:
    """The protocol as it is described: with nominal B1, on as coarse a grid as its slices allow."""
    n_positions = SEMI_LASER_POSITIONS if protocol.refocusing == "adiabatic" else _N_POSITIONS
    return dataclasses.replace(protocol, b1_scale=1.0, n_positions=n_positions)


def features_of(basis: LineBasis) -> NDArray:
    """What `fsl_mrs_dl.models.protocol_code` describes a basis of line lists by."""
    signals = {
        name: (
            basis.pairs[name].edit_off.fid(_N_POINTS, _DWELL_S, lorentz_hz=WIDTH_HZ),
            basis.pairs[name].diff.fid(_N_POINTS, _DWELL_S, lorentz_hz=WIDTH_HZ),
        )
        for name in DESCRIBED
    }
    return basis_features(signals, _DWELL_S, basis.sequence.f0_mhz)


@dataclass(frozen=True)
class _Job:
    protocol: MegaPress
    path: Path

    def run(self) -> None:
        sequence = nominal(self.protocol)
        systems = [load_system(name).at_temperature(BODY_C) for name in DESCRIBED]
        pairs = {system.name: simulate_metabolite(system, sequence) for system in systems}
        save_line_basis(self.path, LineBasis(pairs, sequence))
