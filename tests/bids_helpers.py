# SPDX-License-Identifier: Apache-2.0
"""Datasets made for tests of the BIDS App, and calls of it."""

import csv
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

from fsl_mrs_dl.basis.files import load_line_basis
from fsl_mrs_dl.core.resources import basis_folder
from fsl_mrs_dl.io.nifti import write_spectrum
from fsl_mrs_dl.physics.simulate import voigt_decay
from tests.program_helpers import run_program

VALIDATOR = shutil.which("bids-validator-deno") or str(Path(sys.executable).parent / "bids-validator-deno")
PULSES = {"ON": {"FrequencyOffset": 1.9, "PulseDuration": 14}, "OFF": {"FrequencyOffset": 7.46, "PulseDuration": 14}}
CONC = {"NAA": 12.0, "Cr": 5.0, "PCr": 3.5, "Glu": 9.0, "Gln": 2.5, "GABA": 2.0, "Ins": 6.0, "GPC": 1.2, "PCh": 0.5}


def spectra(seed):
    """An OFF/ON pair of the shipped basis with noise, and water."""
    rng = np.random.default_rng(seed)
    basis = load_line_basis(basis_folder() / "mega_press_te68_127.75" / "lines.npz")
    time_s = np.arange(1024) * 5e-4
    conc = {name: value * rng.uniform(0.8, 1.2) for name, value in CONC.items()}
    pair = []
    for condition in ("edit_off", "edit_on"):
        signals = basis.condition(condition, 1024, 5e-4)
        fid = sum(value * signals.fids[signals.names.index(name)] for name, value in conc.items())
        fid = fid * voigt_decay(time_s, 2.5, 3.0)
        pair.append(fid + 0.02 * (rng.normal(size=1024) + 1j * rng.normal(size=1024)))
    return np.array(pair), 40000 * voigt_decay(time_s, 6.0, 0.0)


def make_dataset(root, participants=("01", "02"), sessions=("pre",), **sidecar):
    """A dataset laid out like bids-examples' mrs_biggaba: edited scans with references, and one that is not edited."""
    root.mkdir()
    (root / "dataset_description.json").write_text(json.dumps({"Name": "made", "BIDSVersion": "1.10.0"}))
    (root / "README").write_text("Made by a test. " * 10)
    (root / "participants.tsv").write_text("participant_id\n" + "".join(f"sub-{p}\n" for p in participants))
    common = {"ResonantNucleus": ["1H"], "SpectrometerFrequency": [127.75], "SpectralWidth": 2000, "EchoTime": 0.068}
    edited = {"EditTarget": "GABA", "EditPulse": PULSES, "EditCondition": ["OFF", "ON"], "RepetitionTime": 2.0}
    for number, participant in enumerate(participants):
        for session in sessions:
            folder = root / f"sub-{participant}" / f"ses-{session}" / "mrs"
            folder.mkdir(parents=True)
            stem = f"sub-{participant}_ses-{session}_acq-megapress68"
            pair, water = spectra(number)
            write_spectrum(
                folder / f"{stem}_svs.nii.gz", pair, dwell_s=5e-4, f0_mhz=127.75, dims=("DIM_EDIT", None, None)
            )
            write_spectrum(folder / f"{stem}_mrsref.nii.gz", water, dwell_s=5e-4, f0_mhz=127.75)
            press = stem.replace("megapress68", "press")
            write_spectrum(folder / f"{press}_svs.nii.gz", pair[0], dwell_s=5e-4, f0_mhz=127.75)
            for name, content in (
                (f"{stem}_svs", {**common, **edited, **sidecar}),
                (f"{stem}_mrsref", {**common, "RepetitionTime": 2.0}),
                (f"{press}_svs", {**common, "EchoTime": 0.035}),
            ):
                (folder / f"{name}.json").write_text(json.dumps(content))
    return root


ENVIRONMENT = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).resolve().parents[1])}


def call(*arguments, cwd=None, preexec_fn=None):
    environment = {**os.environ, **ENVIRONMENT}
    if preexec_fn is None:
        return run_program("bids", *arguments, cwd=cwd, env=environment)
    command = [sys.executable, "-m", "fsl_mrs_dl", "bids", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=cwd, preexec_fn=preexec_fn)


def digests(folder):
    return {
        p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


def rows_of(path):
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))
