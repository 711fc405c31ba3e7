# SPDX-License-Identifier: Apache-2.0
"""Write two sequence files in FSL-MRS's form, with pulses of our own design: ``python examples/make_sequences.py``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from fsl_mrs_dl.core.constants import GAMMA_H_MHZ_PER_T
from fsl_mrs_dl.physics.pulses import ShapedPulse, properties, rephasing_fraction, slr_pulse

B0_T = 2.894
SLICE_MM = 20.0
HZ_PER_MT = GAMMA_H_MHZ_PER_T * 1e3


def block(pulse: ShapedPulse, axis: int, phase: float, slice_hz: float) -> dict[str, Any]:
    """A pulse with its slice gradient (mT/m) along an axis; `phase` in rad."""
    gradient = [0.0, 0.0, 0.0]
    gradient[axis] = slice_hz / HZ_PER_MT / (SLICE_MM * 1e-3)
    amplitude_ut = np.abs(pulse.w1_hz) / GAMMA_H_MHZ_PER_T
    return {
        "time": pulse.duration_s,
        "frequencyOffset": 0.0,
        "phaseOffset": phase,
        "amp": [round(float(a), 6) for a in amplitude_ut],
        "phase": [round(float(p), 6) for p in np.angle(pulse.w1_hz)],
        "grad": [round(g, 6) for g in gradient],
        "ampScale": 1.0,
    }


def sequence(name: str, description: str, **fields: Any) -> dict[str, Any]:
    """Fields common to both."""
    reach = 0.8 * SLICE_MM
    return {
        "sequenceName": name,
        "description": description,
        "B0": B0_T,
        "Nucleus": "1H",
        "centralShift": 2.7,
        "Rx_Points": 2048,
        "Rx_SW": 4000.0,
        "Rx_LW": 2.0,
        "Rx_Phase": 0.0,
        "x": [-reach, reach],
        "y": [-reach, reach],
        "z": [-reach, reach],
        "resolution": [16, 16, 16],
        "RFUnits": "uT",
        "GradUnits": "mT",
        "spaceUnits": "mm",
        **fields,
    }


def press(te_s: float = 0.030) -> dict[str, Any]:
    """PRESS: 90, 180, 180, slices along x, y, z."""
    excite = slr_pulse(0.0026, 6.0, "excitation", n_steps=64)
    refocus = slr_pulse(0.0050, 6.0, "refocusing", n_steps=64)
    slice_hz = properties(excite, "excitation").bandwidth_hz, properties(refocus, "refocusing").bandwidth_hz
    part = rephasing_fraction(excite, -0.4 * slice_hz[0], 0.4 * slice_hz[0])
    rf = [
        block(excite, 0, np.pi / 2, slice_hz[0]),
        block(refocus, 1, 0.0, slice_hz[1]),
        block(refocus, 2, 0.0, slice_hz[1]),
    ]
    first_s = 0.006
    delays = [
        first_s - part * excite.duration_s - refocus.duration_s / 2,
        te_s / 2 - refocus.duration_s,
        te_s / 2 - first_s - refocus.duration_s / 2,
    ]
    # cycles per metre and per Hz of gradient, as FSL-MRS counts areas: gradient times time
    areas = [[-g * part * excite.duration_s for g in rf[0]["grad"]], [0.0] * 3, [0.0] * 3]
    return sequence(
        "examplePRESS",
        f"PRESS, TE {te_s * 1e3:g} ms, slices by SLR pulses",
        CoherenceFilter=[-1, 1, -1],
        RF=rf,
        delays=delays,
        rephaseAreas=areas,
    )


def steam(te_s: float = 0.011, tm_s: float = 0.010) -> dict[str, Any]:
    """STEAM: three 90 degree pulses, slices along x, y, z; the mixing time holds order 0."""
    excite = slr_pulse(0.0026, 6.0, "excitation", n_steps=64)
    slice_hz = properties(excite, "excitation").bandwidth_hz
    part = rephasing_fraction(excite, -0.4 * slice_hz, 0.4 * slice_hz)
    rf = [block(excite, axis, np.pi / 2, slice_hz) for axis in range(3)]
    duration_s, half_s = excite.duration_s, te_s / 2
    # the magnetisation that the second pulse stores has dephased over the part before its centre of action
    delays = [half_s - 2 * part * duration_s, tm_s - 2 * (1 - part) * duration_s, half_s - part * duration_s]
    areas = [[0.0] * 3 for _ in range(3)]
    areas[0][0] = -rf[0]["grad"][0] * part * duration_s
    areas[0][1] = -rf[1]["grad"][1] * part * duration_s
    areas[2][2] = -rf[2]["grad"][2] * part * duration_s
    return sequence(
        "exampleSTEAM",
        f"STEAM, TE {te_s * 1e3:g} ms, TM {tm_s * 1e3:g} ms",
        CoherenceFilter=[1, 0, -1],
        Rx_Phase=np.pi,
        RF=rf,
        delays=delays,
        rephaseAreas=areas,
    )


def main() -> None:
    """Write both."""
    folder = Path(__file__).parent / "sequences"
    folder.mkdir(exist_ok=True)
    for content in (press(), steam()):
        path = folder / f"{content['sequenceName']}.json"
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
