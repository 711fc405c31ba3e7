# SPDX-License-Identifier: Apache-2.0
"""The BIDS App on datasets made here: names, sidecars, references, faults, the same bytes after a stop."""

import csv
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fsl_mrs_dl.bids.dataset import Filters, NoInputError, find_scans
from fsl_mrs_dl.bids.names import BidsName
from fsl_mrs_dl.bids.participant import with_sidecar
from fsl_mrs_dl.errors import DataError
from fsl_mrs_dl.io.basis import load_line_basis
from fsl_mrs_dl.io.nifti import read_acquisition, write_spectrum
from fsl_mrs_dl.resources import basis_folder
from fsl_mrs_dl.simulate import voigt_decay
from tests.helpers import without_plotly

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


def call(*arguments, cwd=None):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "fsl_mrs_dl", "bids", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=cwd)


def digests(folder):
    return {
        p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*")) if p.is_file()
    }  # fmt: skip


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    root = make_dataset(tmp_path_factory.mktemp("study") / "raw")
    done = call(root, root.parent / "out", "participant")
    assert done.returncode == 0, done.stderr + done.stdout
    group = call(root, root.parent / "out", "group")
    assert group.returncode == 0, group.stderr
    return root


def rows_of(path):
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def test_each_scan_has_a_table_with_units_and_intervals(study):
    stem = "sub-01_ses-pre_acq-megapress68"
    folder = study.parent / "out" / "sub-01" / "ses-pre" / "mrs"
    rows = {(row["metabolite"], row["unit"]): row for row in rows_of(folder / f"{stem}_desc-dl_mrsquant.tsv")}
    truth = {name: value * factor for (name, value), factor in zip(CONC.items(), _factors(0), strict=True)}
    total = truth["Cr"] + truth["PCr"]
    row = rows["NAA", "/Cr+PCr"]
    assert float(row["value"]) == pytest.approx(truth["NAA"] / total, rel=0.15)
    assert float(row["lo95"]) < float(row["value"]) < float(row["hi95"])
    # a reference was paired: concentrations by water, uncorrected without tissue fractions
    assert ("GABA", "i.u.") in rows
    described = json.loads((folder / f"{stem}_desc-dl_mrsquant.json").read_text())
    assert described["Sources"] == [
        f"bids:raw:sub-01/ses-pre/mrs/{stem}_svs.nii.gz", f"bids:raw:sub-01/ses-pre/mrs/{stem}_mrsref.nii.gz",
    ]  # fmt: skip
    assert set(rows_of(folder / f"{stem}_desc-dl_mrsquant.tsv")[0]) <= set(described)
    for name in (
        "desc-preproc_svs.nii.gz", "desc-diff_svs.json", "desc-dl_report.html", "desc-lcmodel.table",
        "desc-dl_mrsinmrs.md", "desc-dl_mrsinmrs.json",
    ):  # fmt: skip
        assert (folder / f"{stem}_{name}").exists()
    assert not list((study.parent / "out").rglob(".tmp*"))


def _factors(seed):
    rng = np.random.default_rng(seed)
    return [rng.uniform(0.8, 1.2) for _ in CONC]


def test_an_unedited_scan_is_left_alone(study):
    assert not list((study.parent / "out").rglob("*acq-press_*"))


def test_group_table_holds_every_scan(study):
    rows = rows_of(study.parent / "out" / "group_desc-dl_mrsquant.tsv")
    assert {row["participant_id"] for row in rows} == {"sub-01", "sub-02"}
    assert {row["session_id"] for row in rows} == {"ses-pre"}
    page = (study.parent / "out" / "group.html").read_text()
    assert "GABA+ /Cr+PCr" in page
    assert not re.search(r"https?:", without_plotly(page))
    assert "Quality of each scan" in page


def test_preprocessed_pair_is_read_again_with_its_conditions(study):
    folder = study.parent / "out" / "sub-01" / "ses-pre" / "mrs"
    back = read_acquisition(folder / "sub-01_ses-pre_acq-megapress68_desc-preproc_svs.nii.gz")
    assert back.conditions == ("edit_off", "edit_on")
    assert back.te_s == pytest.approx(0.068)


@pytest.mark.skipif(not Path(VALIDATOR).exists(), reason="bids-validator-deno is not installed")
def test_validator_finds_no_error_in_input_and_output(study):
    for folder in (study, study.parent / "out"):
        done = subprocess.run([VALIDATOR, str(folder), "--json"], capture_output=True, text=True)
        issues = json.loads(done.stdout)["issues"]["issues"]
        errors = [f"{i['code']} {i.get('location')}" for i in issues if i["severity"] == "error"]
        assert not errors


def test_two_workers_and_an_interrupted_run_give_the_same_bytes(study, tmp_path):
    whole = digests(study.parent / "out")
    out = tmp_path / "out"
    assert call(study, out, "participant", "--workers", "2").returncode == 0
    assert call(study, out, "group").returncode == 0
    assert digests(out) == whole
    # a stop before the last file of a scan: its table is missing
    table = next(out.rglob("sub-02*mrsquant.tsv"))
    table.unlink()
    again = call(study, out, "participant", "--skip-existing")
    assert again.returncode == 0
    assert "1 done" in again.stdout
    assert "1 kept" in again.stdout
    assert digests(out) == whole


def test_results_of_another_input_are_not_kept(study, tmp_path):
    root = tmp_path / "raw"
    shutil.copytree(study, root)
    shutil.copytree(study.parent / "out", tmp_path / "out")
    sidecar = next(root.rglob("sub-01*megapress68_svs.json"))
    sidecar.write_text(json.dumps({**json.loads(sidecar.read_text()), "RepetitionTime": 1.8}))
    done = call(root, tmp_path / "out", "participant", "--skip-existing")
    assert "1 done" in done.stdout
    assert "1 kept" in done.stdout


def test_one_bad_scan_does_not_stop_the_others(study, tmp_path):
    root = tmp_path / "raw"
    shutil.copytree(study, root)
    next(root.rglob("sub-01*megapress68_svs.nii.gz")).write_bytes(b"damaged")
    done = call(root, tmp_path / "out", "participant")
    assert done.returncode == 3
    assert len(done.stderr.strip().splitlines()) == 1
    assert "sub-01_ses-pre_acq-megapress68 failed" in done.stderr
    assert not list((tmp_path / "out").rglob("sub-01*"))
    assert list((tmp_path / "out").rglob("sub-02*mrsquant.tsv"))


@pytest.mark.parametrize(
    ("change", "arguments", "code", "text"),
    [
        (lambda root: (root / "dataset_description.json").unlink(), (), 16, "not a BIDS dataset"),
        (lambda _: None, ("--participant-label", "09"), 66, "no edited spectroscopy"),
        (lambda _: None, ("--workers", "0"), 2, "out of range"),
        (lambda _: None, ("--model", "nonesuch"), 2, "there is no model"),
    ],
)
def test_exit_codes(study, tmp_path, change, arguments, code, text):
    root = tmp_path / "raw"
    shutil.copytree(study, root)
    change(root)
    done = call(root, tmp_path / "out", "participant", *arguments)
    assert done.returncode == code, done.stderr
    assert text in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_unknown_level_and_empty_group(study, tmp_path):
    assert call(study, tmp_path / "out", "session").returncode == 17
    done = call(study, tmp_path / "out", "group")
    assert done.returncode == 66
    assert "Run the participant level first" in done.stderr


def test_dry_run_lists_pairs_and_writes_nothing(study, tmp_path):
    done = call(study, tmp_path / "out", "participant", "--dry-run", "--participant_label", "sub-02")
    assert done.returncode == 0
    assert "sub-02_ses-pre_acq-megapress68_mrsref.nii.gz" in done.stdout
    assert "sub-01" not in done.stdout
    assert not (tmp_path / "out").exists()


def test_milliseconds_of_a_sidecar_become_seconds_and_fill_the_header(study):
    scan = find_scans(study)[0]
    filled = with_sidecar(read_acquisition(scan.path), scan.metadata)
    assert filled.edit_pulse["ON"] == {"shift_ppm": 1.9, "duration_s": pytest.approx(0.014)}
    assert filled.conditions == ("edit_off", "edit_on")
    assert (filled.te_s, filled.tr_s) == (0.068, 2.0)


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [("SpectrometerFrequency", [123.2], "contradict each other in SpectrometerFrequency")],
)
def test_contradictions_name_both_values(study, key, value, text):
    scan = find_scans(study)[0]
    with pytest.raises(DataError, match=text):
        with_sidecar(read_acquisition(scan.path), {**scan.metadata, key: value})


def test_sidecars_are_inherited_and_the_nearest_wins(study, tmp_path):
    root = tmp_path / "raw"
    shutil.copytree(study, root)
    (root / "svs.json").write_text(json.dumps({"Manufacturer": "Philips", "EchoTime": 0.03}))
    (root / "acq-megapress68_svs.json").write_text(json.dumps({"SoftwareVersions": "R5"}))
    metadata = find_scans(root)[0].metadata
    assert metadata["Manufacturer"] == "Philips"
    assert metadata["SoftwareVersions"] == "R5"
    assert metadata["EchoTime"] == 0.068


def test_references_are_paired_by_name_by_label_and_by_suffix(study, tmp_path):
    root = tmp_path / "raw"
    shutil.copytree(study, root)
    folder = root / "sub-01" / "ses-pre" / "mrs"
    own = folder / "sub-01_ses-pre_acq-megapress68_mrsref.nii.gz"
    # HBCD's suffix
    own.rename(folder / "sub-01_ses-pre_acq-megapress68_ref.nii.gz")
    assert find_scans(root)[0].reference.name.endswith("_ref.nii.gz")
    # one run more than the scan: the only reference of the acquisition, and said
    (folder / "sub-01_ses-pre_acq-megapress68_ref.nii.gz").rename(
        folder / "sub-01_ses-pre_acq-megapress68_run-1_ref.nii.gz"
    )
    scan = find_scans(root)[0]
    assert scan.reference.name.endswith("run-1_ref.nii.gz")
    assert "acq label" in scan.notes[0]
    # named by the sidecar
    sidecar = folder / "sub-01_ses-pre_acq-megapress68_svs.json"
    named = "bids::sub-02/ses-pre/mrs/sub-02_ses-pre_acq-megapress68_mrsref.nii.gz"
    sidecar.write_text(json.dumps({**json.loads(sidecar.read_text()), "ReferenceSignal": named}))
    assert find_scans(root)[0].reference.name.startswith("sub-02")
    sidecar.write_text(json.dumps({**json.loads(sidecar.read_text()), "ReferenceSignal": "bids::nowhere.nii.gz"}))
    with pytest.raises(DataError, match="ReferenceSignal"):
        find_scans(root)


def test_filters_take_labels_with_and_without_their_entity(study):
    assert len(find_scans(study, Filters(participant=["sub-01"]))) == 1
    assert len(find_scans(study, Filters(session=["pre"]))) == 2
    with pytest.raises(NoInputError):
        find_scans(study, Filters(acquisition=["megapress80"]))


@pytest.mark.parametrize(
    ("name", "entities"),
    [
        ("sub-01_svs.nii.gz", {"sub": "01"}),
        ("sub-01_ses-a_acq-megapress68_run-1_svs.nii", {"sub": "01", "ses": "a", "acq": "megapress68", "run": "1"}),
        ("sub-01_sub-02_svs.nii.gz", None),
        ("sub-01.nii.gz", None),
        (".sub-01_svs.nii.gz", None),
        ("sub-0 1_svs.nii.gz", None),
    ],
)
def test_names(name, entities):
    parsed = BidsName.parse(name)
    assert (None if parsed is None else dict(parsed.entities)) == entities
