# SPDX-License-Identifier: Apache-2.0
"""A study of 3 sites x 20 participants x 2 sessions, made here, for looking at the page of a study.

``python studies/three_sites.py FOLDER [--per-site 20] [--workers 1]`` makes the BIDS dataset ``FOLDER/raw``, runs both
levels of the BIDS App into ``FOLDER/out``, and prints sizes, what the validator finds, and test-retest figures of the
page beside those of pingouin, where that is installed.

Spectra are of the shipped basis with macromolecules. Participants differ in every metabolite (8 % SD, 10 % GABA),
sessions by 4 % more; sites in vendor, line width and noise, and one of them reads GABA 6 % higher. Four scans are
spoilt: noise alone, a long echo time, broad lines with little signal, and one with two and a half times the GABA.
"""

from __future__ import annotations

# ruff: noqa: E402 (the variables below are read when numpy is first imported)
import argparse
import csv
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_variable] = "1"

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.basis.bank import naa_methyl_area
from fsl_mrs_dl.basis.files import LineBasis, load_line_basis
from fsl_mrs_dl.core.resources import basis_folder
from fsl_mrs_dl.io.nifti import write_spectrum
from fsl_mrs_dl.metabolites.macromolecules import macromolecule_fid
from fsl_mrs_dl.physics.simulate import voigt_decay

SEED = 20261127
N_POINTS, DWELL_S, F0_MHZ = 2048, 5e-4, 127.75
CONC_MM = {
    **{"NAA": 11.4, "NAAG": 1.2, "Cr": 4.6, "PCr": 3.6, "Glu": 9.2, "Gln": 2.6, "GABA": 1.9, "GSH": 1.3},
    **{"Ins": 6.0, "GPC": 1.0, "PCh": 0.5, "Asp": 1.8, "Asc": 1.0, "Tau": 1.4, "Lac": 0.6, "Scyllo": 0.3},
}
MM_MM = {"MM30": 1.6, "MM09": 2.0}
BETWEEN, BETWEEN_GABA, WITHIN = 0.08, 0.10, 0.04
WATER = 40000.0
PULSES = {"ON": {"FrequencyOffset": 1.9, "PulseDuration": 14}, "OFF": {"FrequencyOffset": 7.46, "PulseDuration": 14}}


@dataclass(frozen=True)
class Site:
    """A scanner: who made it, how wide its lines are (Hz), its noise, and how GABA reads there."""

    name: str
    vendor: str
    lorentz_hz: float
    gauss_hz: float
    noise: float
    gabas: float = 1.0


SITES = (
    Site("Aberystwyth", "Siemens", 2.2, 3.2, 0.25),
    Site("Bergen", "Philips", 2.6, 3.6, 0.30),
    Site("Cork", "GE", 3.2, 4.2, 0.40, gabas=1.06),
)
SPOILT = {"A05_2": "much GABA", "B03_2": "long echo time", "B12_1": "broad", "C07_2": "noise"}


def pair(
    basis: LineBasis, scale: float, conc: dict[str, float], site: Site, spoilt: str, rng: np.random.Generator
) -> NDArray:
    """OFF and ON of one scan, shape ``(2, N_POINTS)``."""
    time_s = np.arange(N_POINTS) * DWELL_S
    lorentz, gauss, noise = site.lorentz_hz * rng.uniform(0.85, 1.2), site.gauss_hz, site.noise
    if spoilt == "broad":
        lorentz, noise = 14.0, 6 * noise
    fids = {}
    for condition in ("edit_off", "edit_on"):
        signals = basis.condition(condition, N_POINTS, DWELL_S)
        fids[condition] = scale * sum(
            v * signals.fids[signals.names.index(name)] for name, v in conc.items() if name in CONC_MM
        )
    for name in MM_MM:
        off, diff = (
            conc[name] * macromolecule_fid(name, c, time_s, F0_MHZ, basis.sequence) for c in ("edit_off", "diff")
        )
        fids["edit_off"] = fids["edit_off"] + off
        fids["edit_on"] = fids["edit_on"] + off + diff
    clean = np.array([fids["edit_off"], fids["edit_on"]]) * voigt_decay(time_s, lorentz, gauss)
    if spoilt == "noise":
        clean = 0 * clean
    shape = clean.shape
    return clean + noise * (rng.standard_normal(shape) + 1j * rng.standard_normal(shape))


def make(root: Path, per_site: int) -> None:
    """Write the dataset."""
    root.mkdir(parents=True)
    basis = load_line_basis(basis_folder() / "mega_press_te68_127.75" / "lines.npz")
    scale = 3.0 / naa_methyl_area(basis.pairs["NAA"].edit_off, basis.sequence.f0_mhz)
    rng = np.random.default_rng(SEED)
    people = [["participant_id", "site", "vendor", "sex", "group", "age"]]
    for site in SITES:
        for number in range(1, per_site + 1):
            label = f"{site.name[0]}{number:02d}"
            sex, group = str(rng.choice(["F", "M"])), ("patient", "control")[number % 2]
            people.append([f"sub-{label}", site.name, site.vendor, sex, group, str(int(rng.integers(19, 66)))])
            own = {
                name: v * np.exp((BETWEEN_GABA if name == "GABA" else BETWEEN) * rng.standard_normal())
                for name, v in (CONC_MM | MM_MM).items()
            }
            own["GABA"] *= site.gabas
            for session in (1, 2):
                spoilt = SPOILT.get(f"{label}_{session}", "")
                conc = {name: v * np.exp(WITHIN * rng.standard_normal()) for name, v in own.items()}
                if spoilt == "much GABA":
                    conc["GABA"] *= 2.5
                write_scan(root, label, session, site, pair(basis, scale, conc, site, spoilt, rng), spoilt)
    (root / "participants.tsv").write_text("".join("\t".join(row) + "\n" for row in people), encoding="utf-8")
    described = {
        "site": {"Description": "Where they were measured"},
        "vendor": {"Description": "Who made the scanner"},
        "sex": {"Levels": {"F": "female", "M": "male"}},
        "group": {"Levels": {"patient": "by turns, nothing differs", "control": "by turns, nothing differs"}},
        "age": {"Description": "Age, drawn at random", "Units": "year"},
    }
    (root / "participants.json").write_text(json.dumps(described, indent=1) + "\n", encoding="utf-8")
    description = {"Name": "Three virtual sites", "BIDSVersion": "1.10.0"}
    (root / "dataset_description.json").write_text(json.dumps(description) + "\n", encoding="utf-8")
    (root / "README").write_text(f"Virtual scans made by studies/three_sites.py, seed {SEED}.\n" * 3, encoding="utf-8")


def write_scan(root: Path, label: str, session: int, site: Site, fids: NDArray, spoilt: str) -> None:
    """An edited scan with its water reference and sidecars."""
    folder = root / f"sub-{label}" / f"ses-{session}" / "mrs"
    folder.mkdir(parents=True)
    stem = f"sub-{label}_ses-{session}_acq-megapress68"
    time_s = np.arange(N_POINTS) * DWELL_S
    sampling = {"dwell_s": DWELL_S, "f0_mhz": F0_MHZ}
    write_spectrum(folder / f"{stem}_svs.nii.gz", fids, dims=("DIM_EDIT", None, None), **sampling)
    write_spectrum(folder / f"{stem}_mrsref.nii.gz", WATER * voigt_decay(time_s, 6.0, 0.0), **sampling)
    common = {
        **{"ResonantNucleus": ["1H"], "SpectrometerFrequency": [F0_MHZ], "SpectralWidth": 1 / DWELL_S},
        **{"EchoTime": 0.144 if spoilt == "long echo time" else 0.068, "RepetitionTime": 2.0},
        **{"Manufacturer": site.vendor, "InstitutionName": site.name, "MagneticFieldStrength": 3},
    }
    edited = {"EditTarget": "GABA", "EditPulse": PULSES, "EditCondition": ["OFF", "ON"]}
    for suffix, content in (("svs", {**common, **edited}), ("mrsref", common)):
        (folder / f"{stem}_{suffix}.json").write_text(json.dumps(content) + "\n", encoding="utf-8")


def bids(*arguments: object) -> str:
    """What ``fsl_mrs_dl bids`` prints; an error ends the study."""
    command = [sys.executable, "-m", "fsl_mrs_dl", "bids", *map(str, arguments)]
    done = subprocess.run(command, text=True, capture_output=True, check=False)
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return done.stdout


def validator_errors(folder: Path) -> str:
    """How many errors the BIDS validator finds."""
    program = shutil.which("bids-validator-deno") or str(Path(sys.executable).parent / "bids-validator-deno")
    if not Path(program).exists():
        return "not installed"
    done = subprocess.run([program, str(folder), "--json"], capture_output=True, text=True, check=False)
    issues = json.loads(done.stdout)["issues"]["issues"]
    return f"{sum(issue['severity'] == 'error' for issue in issues)} errors"


def compare(folder: Path) -> None:
    """ICC and within-subject CV of the page's table beside pingouin's, from the table of all scans."""
    try:
        import pandas as pd
        import pingouin
    except ImportError:
        print("pingouin is not installed: nothing to compare with")
        return
    scans = pd.read_csv(folder / "group_desc-dl_mrsquant.tsv", sep="\t")
    with (folder / "group_desc-dl_retest.tsv").open(encoding="utf-8", newline="") as stream:
        ours = list(csv.DictReader(stream, delimiter="\t"))
    worst = 0.0
    for row in ours:
        chosen = scans[(scans.metabolite == row["metabolite"]) & (scans.unit == row["unit"])].dropna(subset=["value"])
        count = chosen.groupby("participant_id").value.transform("size")
        complete = chosen[count == int(row["n_repeats"])]
        table = pingouin.intraclass_corr(complete, "participant_id", "session_id", "value")
        icc = float(table[table.Type.isin(["ICC2", "ICC(A,1)"])].ICC.iloc[0])
        spread = complete.groupby("participant_id").value.var(ddof=1).mean() ** 0.5
        cv = 100 * spread / complete.value.mean()
        worst = max(worst, abs(icc - float(row["icc"])), abs(cv - float(row["within_cv_percent"])))
        if row["metabolite"] in ("GABA+", "Glx"):
            print(
                f"{row['metabolite']} {row['unit']}: n {row['n']}, ICC(2,1) {row['icc']} ({icc:.6f} by pingouin), "
                f"within-subject CV {row['within_cv_percent']} % ({cv:.6f} %)"
            )
    print(f"largest difference of {len(ours)} ICC and CV: {worst:.2g}")


def main() -> None:
    """Make, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--per-site", type=int, default=20)
    parser.add_argument("--workers", type=int, default=1)
    args = parser.parse_args()
    raw, out = args.folder / "raw", args.folder / "out"
    if not raw.exists():
        make(raw, args.per_site)
    print(bids(raw, out, "participant", "--workers", args.workers, "--skip-existing").splitlines()[-1])
    bids(raw, out, "group")
    print(f"group.html: {(out / 'group.html').stat().st_size / 1e6:.2f} MB")
    for folder in (raw, out):
        print(f"validator, {folder.name}: {validator_errors(folder)}")
    compare(out)


if __name__ == "__main__":
    main()
