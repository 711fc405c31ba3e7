# SPDX-License-Identifier: Apache-2.0
"""Synthetic FIDs and NIfTI-MRS files for tests. Lines, not spin physics: enough to tell conditions apart."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import numpy as np

from fsl_mrs_dl.core.units import ppm_to_hz, time_axis

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
EXAMPLE = ROOT / "examples"
EXAMPLE_TRUTH = {"GABA": 1.9 / 8.2, "Glu": 9.2 / 8.2, "NAA": 11.4 / 8.2, "Gln": 2.6 / 8.2}
"""Of `examples/truth.json`, over Cr + PCr."""

F0_MHZ, DWELL_S, N_POINTS = 127.7, 5e-4, 2048

OFF_LINES = {2.008: 9.0, 3.027: 6.0, 3.913: 4.0, 3.208: 3.0, 3.75: 0.6, 2.35: 0.6}
"""Shift in ppm: amplitude, of an edit_off spectrum."""

EDITED_LINES = {3.013: 0.8, 3.75: 1.0, 2.35: 0.5}
"""What editing adds in ON."""


def fid_of(
    lines,
    *,
    lw_hz=5.0,
    shift_ppm=0.0,
    phase=0.0,
    n_points=N_POINTS,
    dwell_s=DWELL_S,
    f0_mhz=F0_MHZ,
    noise=0.0,
    rng=None,
):
    """Lorentzian lines ``{ppm: amplitude}`` of width `lw_hz`, all moved by `shift_ppm` and turned by `phase` (rad)."""
    t = time_axis(n_points, dwell_s)
    fid = sum(a * np.exp((2j * np.pi * ppm_to_hz(d + shift_ppm, f0_mhz) - np.pi * lw_hz) * t) for d, a in lines.items())
    fid = fid * np.exp(1j * phase)
    if noise:
        fid = fid + noise * (rng.normal(size=n_points) + 1j * rng.normal(size=n_points)) / np.sqrt(2)
    return fid


def pair_of(*, off_lines=OFF_LINES, naa_left=0.03, water=0.0, **kwargs):
    """An OFF/ON pair, shape ``(2, n_points)``: in ON only `naa_left` of NAA is left and the edited lines are added."""
    on_lines = {d: a * (naa_left if abs(d - 2.008) < 0.3 else 1.0) for d, a in off_lines.items()}
    for shift_ppm, amplitude in EDITED_LINES.items():
        on_lines[shift_ppm] = on_lines.get(shift_ppm, 0.0) + amplitude
    tail = {4.65 - kwargs.get("shift_ppm", 0.0): water} if water else {}
    return np.stack([fid_of({**off_lines, **tail}, **kwargs), fid_of({**on_lines, **tail}, **kwargs)])


def write_nifti(
    path,
    data,
    *,
    header=None,
    dims=(),
    dwell_s=DWELL_S,
    f0_mhz=F0_MHZ,
    nucleus="1H",
    intent="mrs_v0_9",
    extension=None,
    unit="sec",
):
    """Write with nibabel alone, unchecked, so that faults can be written too.

    `data` has the shape of the file, ``(x, y, z, t, ...)``, in the package's sign (the file gets the conjugate);
    `extension` (bytes) replaces the whole JSON, ``b""`` leaves the extension out.
    """
    import nibabel

    image = nibabel.Nifti2Image(np.conj(data), np.eye(4))
    image.header["pixdim"][4] = dwell_s
    image.header.set_xyzt_units("mm", unit)
    image.header["intent_name"] = intent.encode()
    entries = {"SpectrometerFrequency": [f0_mhz], "ResonantNucleus": [nucleus]}
    entries |= {f"dim_{5 + k}": tag for k, tag in enumerate(dims)} | (header or {})
    content = json.dumps(entries).encode() if extension is None else extension
    if content:
        image.header.extensions.append(nibabel.nifti1.Nifti1Extension(44, content))
    nibabel.save(image, path)
    return Path(path)


def without_plotly(text):
    """A page without the source of plotly.js, which names addresses that it does not visit."""
    return re.sub(r'<script id="plotly">.*?</script>', "", text, flags=re.DOTALL)


def load_script(name):
    """The module in a file of the repository that is no part of the package, named from its root."""
    path = Path(__file__).resolve().parents[1] / name
    spec = importlib.util.spec_from_file_location(re.sub(r"\W", "_", name), path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def docs_generated():
    """The module ``docs/generated.py``."""
    return load_script("docs/generated.py")
