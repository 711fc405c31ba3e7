# SPDX-License-Identifier: Apache-2.0
"""The simulator against FID-A on the same grids with the same pulses: sequence, conventions and two gammas of FID-A."""

import json

import numpy as np
import pytest

from fsl_mrs_dl.physics.pulses import ShapedPulse
from fsl_mrs_dl.physics.sequences import Block, Experiment, IdealPulse
from fsl_mrs_dl.physics.simulate import Numerics, simulate
from fsl_mrs_dl.physics.spins import load_system
from tests.helpers import SHARED

FIDA = SHARED / "reference" / "fida"
FREE_GAMMA, PULSE_GAMMA = 42.576, 42.577
"""MHz/T that FID-A uses in free evolution, and in pulses, gradients and its ppm axis."""

F0_MHZ = 123.23 / PULSE_GAMMA * FREE_GAMMA
NUMERICS = Numerics(splitting="coupling_last", pulse_f0_ratio=PULSE_GAMMA / FREE_GAMMA)

pytestmark = [
    pytest.mark.with_shared,
    pytest.mark.skipif(not FIDA.is_dir(), reason=f"no FID-A reference data in {FIDA}"),
]


def pulse(name):
    entry = json.loads((FIDA / "pulses.json").read_text())[name]
    # FID-A turns phases the other way round
    phase = -np.deg2rad(np.array(entry["phase_deg"]))
    return ShapedPulse(np.array(entry["amplitude_Hz"]) * np.exp(1j * phase), entry["duration_ms"] * 1e-3)


def experiments(tag):
    """FID-A's edit_off and edit_on: `tag` is one of its grids, or 'ideal_ep8'."""
    grid = 0 if tag == "ideal_ep8" else int(tag[1:])
    edit, refocusing = pulse("edit_used_unshifted"), pulse("refoc_100_used") if grid else IdealPulse(180.0)
    gradient = 383.3460 * 100 if grid else 0.0
    positions = np.linspace(-0.025, 0.025, grid) if grid else np.zeros(1)
    te = np.diff([0.0, 0.005, 0.022, 0.039, 0.056, 0.068])
    half = np.array([0.0, refocusing.duration_s, edit.duration_s, refocusing.duration_s, edit.duration_s, 0.0]) / 2
    delays = te - half[:-1] - half[1:]
    # phases of the cycle turn the other way round, too
    turned = {"phases_deg": (0.0, -90.0), "receiver": (1.0, -1.0)}
    last_phases = (0.0, -90.0) if grid else (0.0, 90.0, 180.0, 270.0)
    shared = (Block(IdealPulse(90.0, 90.0), delays[0]), Block(refocusing, delays[1], (gradient, 0.0, 0.0), **turned))
    made = []
    for offset_hz in (554.535, -135.553):
        shifted = edit.shifted(offset_hz, "start")
        blocks = (
            *shared,
            Block(shifted, delays[2], phases_deg=(0.0, -90.0), receiver=(1.0, 1.0)),
            Block(refocusing, delays[3], (0.0, gradient, 0.0), **turned),
            Block(shifted, delays[4], phases_deg=last_phases, receiver=(1.0,) * len(last_phases)),
        )
        scale = (5 / 3) ** 2 if grid else 1.0
        made.append(Experiment(blocks, F0_MHZ, 3.0, (positions, positions, np.zeros(1)), scale))
    return made


def reference(name, tag):
    from scipy.io import loadmat

    stored = loadmat(FIDA / f"{name}_{tag}.mat", squeeze_me=True)
    return {"edit_off": stored["fid_off"], "edit_on": stored["fid_on"], "diff": stored["fid_on"] - stored["fid_off"]}


def signals(system, tag, n_points):
    off, on = simulate(system, experiments(tag), NUMERICS)
    to_3_ppm = np.exp(2j * np.pi * (4.65 - 3) * F0_MHZ * np.arange(n_points) * 5e-4)
    off, on = off.fid(n_points, 5e-4) * to_3_ppm, on.fid(n_points, 5e-4) * to_3_ppm
    return {"edit_off": off, "edit_on": on, "diff": on - off}


@pytest.mark.parametrize("tag", ["ideal_ep8", "g08", "g16"])
@pytest.mark.parametrize("name", ["Cr", "NAA", "GABA", "Glu", "Lac"])
def test_same_grid_same_signal(name, tag):
    expected = reference(name, tag)
    got = signals(load_system(name), tag, len(expected["diff"]))
    for condition, fid in expected.items():
        error = np.linalg.norm(got[condition] - fid) / np.linalg.norm(fid)
        assert error < 1e-5, f"{condition}: relative L2 {error:.1e}"
