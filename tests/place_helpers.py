# SPDX-License-Identifier: Apache-2.0
"""A folder with everything under the names that the pages of the commands use, and their configurations made small."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import numpy as np

from fsl_mrs_dl.io.nifti import write_spectrum
from fsl_mrs_dl.physics.pulses import sinc_gaussian_pulse
from fsl_mrs_dl.training.config import read_toml
from tests.bids_helpers import CONC, make_dataset, spectra
from tests.convert_helpers import transients, write_rda, write_sdat, write_twix
from tests.helpers import EXAMPLE, ROOT, write_nifti

SOLUTION = ("NAA", "Cr", "GABA", "Glu", "Gln")


def add_model(folder, name):
    """A model of somebody's own: a shipped one under another name."""
    shutil.copytree(ROOT / "weights" / "invivo", folder)
    card = json.loads((folder / "card.json").read_text("utf-8"))
    (folder / "card.json").write_text(json.dumps({**card, "name": name}), encoding="utf-8")


def add_studies(place):
    """A BIDS dataset, an environment, and models of somebody's own."""
    make_dataset(place / "STUDY", participants=("01",))
    (place / "BIDS_DIR").symlink_to("STUDY")
    for environment in ("ENV", ".venv"):
        (place / environment).mkdir()
        (place / environment / "bin").symlink_to("../bin")
    add_model(place / "RUN", "te68")
    add_model(place / "te80", "te80")
    with zipfile.ZipFile(place / "te80.zip", "w") as archive:
        for path in (place / "te80").iterdir():
            archive.write(path, f"te80/{path.name}")


def add_scans(place):
    """Scans as NIfTI-MRS: raw data, water, tissue fractions."""
    for name in ("mega", "raw", "sub-01_svs"):
        (place / f"{name}.nii.gz").symlink_to(EXAMPLE / "megapress_raw.nii.gz")
    (place / "water.nii.gz").symlink_to(EXAMPLE / "water_reference.nii.gz")
    (place / "fractions.json").write_text('{"GM": 0.6, "WM": 0.3, "CSF": 0.1}', encoding="utf-8")
    (off, on), _ = spectra(3)
    # half the difference, as FSL-MRS has it
    for name, fid in {"edit_0": off, "edit_1": on, "diff": (on - off) / 2}.items():
        write_spectrum(place / f"{name}.nii.gz", fid, dwell_s=5e-4, f0_mhz=127.75, header={"EchoTime": 0.068})


def add_scanners_files(place):
    """What scanners write, and what another converter made of it."""
    write_sdat(place / "mega_act.SDAT", transients((1, 0) * 4))
    write_twix(place / "meas.dat", transients((1, 0) * 4)[:, None])
    off, on = transients((0, 1))
    write_rda(place / "off.rda", off)
    write_rda(place / "on.rda", on)
    other = transients((1, 0) * 4).reshape(1, 1, 1, 4, 2, -1)
    header = {"dim_5": "DIM_DYN", "dim_6": "DIM_USER_0", "EchoTime": 0.068, "RepetitionTime": 2.0}
    write_nifti(place / "other.nii.gz", np.moveaxis(other, -1, 3), header=header)


def add_pulses(place):
    """Waveforms as Siemens's tools write them."""
    shape = sinc_gaussian_pulse(0.02, time_bandwidth=4.0, n_steps=40).w1_hz
    rows = [f"{abs(w) / abs(shape).max():.9f}\t{np.angle(w):.9f}\t; ({number})\r\n" for number, w in enumerate(shape)]
    header = "PULSENAME:\tfam.mine\r\nCOMMENT:\tmade\r\nREFGRAD:\t1.0\r\nAMPINT:\t2.0\r\n\t\r\n"
    for name in ("my_editing_pulse.pta", "pulse.pta"):
        (place / name).write_text(header + "".join(rows), encoding="utf-8")


def add_phantoms(place, n=4):
    """Pairs of known concentrations."""
    (place / "phantoms").mkdir()
    truths = []
    for number in range(n):
        pair, _ = spectra(number)
        path = place / "phantoms" / f"A{number}.nii.gz"
        header = {"EchoTime": 0.068, "EditCondition": ["OFF", "ON"]}
        write_spectrum(path, pair, dwell_s=5e-4, f0_mhz=127.75, dims=("DIM_EDIT", None, None), header=header)
        # as `spectra` draws them
        factors = np.random.default_rng(number).uniform(0.8, 1.2, len(CONC))
        drawn = {name: float(value * factor) for (name, value), factor in zip(CONC.items(), factors, strict=True)}
        truths.append({"id": path.name.removesuffix(".nii.gz"), "conc_mm": {name: drawn[name] for name in SOLUTION}})
    (place / "phantoms" / "truth.json").write_text(json.dumps(truths), encoding="utf-8")


FEW = {
    "bank": {"n_members": 2, "n_positions": 4},
    "optimiser": {
        "n_steps": 12,
        "warmup_steps": 2,
        "validate_every": 6,
        "checkpoint_every": 6,
        "batch_size": 64,
        "n_validation": 200,
        "n_calibration": 1000,
    },
}
"""Settings that make a matter of hours one of seconds, by the table in which they stand."""

FEW_OF_THOSE_GIVEN = {
    "n_steps": 12,
    "warmup_steps": 2,
    "n_simulated": 20,
    "n_spectra": 512,
    "n_validation": 60,
    "n_trials": 2,
    "n_random": 2,
    "rungs": [1, 2],
}
"""The same where a configuration, or a stage of it, has a value of its own."""


def add_small_configurations(place):
    """The shipped configurations with few members, spectra, steps and trials; all else is as it is printed."""
    import tomli_w

    (place / "configs").mkdir()
    for path in sorted((ROOT / "configs").glob("*.toml")):
        (place / "configs" / path.name).write_text(tomli_w.dumps(_few(read_toml(path))), encoding="utf-8")


def _few(table, name="", stage=False):
    small = {}
    for key, value in table.items():
        if isinstance(value, dict):
            value = _few(value, key, stage)
        elif isinstance(value, list) and key == "stage":
            value = [_few(entry, stage=True) for entry in value]
        small[key] = FEW_OF_THOSE_GIVEN.get(key, value)
    return small if stage else {**small, **FEW.get(name, {})}


def make_place(folder: Path) -> Path:
    """Everything of the above but the configurations."""
    for add in (add_studies, add_scans, add_scanners_files, add_pulses, add_phantoms):
        add(folder)
    return folder
