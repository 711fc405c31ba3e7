# SPDX-License-Identifier: Apache-2.0
"""The BIDS App on datasets made here: names, sidecars, references, faults, the same bytes after a stop."""

import csv
import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fsl_mrs_dl.bids.dataset import Filters, NoInputError, find_scans
from fsl_mrs_dl.bids.filters import read_filter_file
from fsl_mrs_dl.bids.names import BidsName
from fsl_mrs_dl.bids.sidecar import with_sidecar
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


ENVIRONMENT = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).resolve().parents[1])}


def call(*arguments, **options):
    command = [sys.executable, "-m", "fsl_mrs_dl", "bids", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **ENVIRONMENT}, **options)


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
        (lambda _: None, ("--workers", "0"), 2, "--workers is out of range"),
        (lambda _: None, ("--n-threads", "0"), 2, "--n-threads is out of range"),
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


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one core has one thread")
def test_threads_of_linear_algebra_are_one_or_what_is_asked_for(tmp_path):
    pytest.importorskip("threadpoolctl", reason="threadpoolctl tells how many threads a library has")
    code = (
        "import sys; from fsl_mrs_dl.cli.main import main; main(['bids', *sys.argv[1:]]); import numpy, threadpoolctl; "
        "print({pool['num_threads'] for pool in threadpoolctl.threadpool_info()})"
    )
    for options, expected in (((), "{1}"), (("--n-threads", "2"), "{2}")):
        environment = {key: value for key, value in os.environ.items() if not key.endswith("_NUM_THREADS")}
        done = subprocess.run(
            [sys.executable, "-c", code, tmp_path, tmp_path / "out", "participant", *options],
            capture_output=True, text=True, env={**environment, "PYTHONPATH": ENVIRONMENT["PYTHONPATH"]}, check=True,
        )  # fmt: skip
        assert done.stdout.strip() == expected


def test_a_dataset_is_found_by_a_path_that_goes_up(study, tmp_path):
    (tmp_path / "here").mkdir()
    shutil.copytree(study, tmp_path / "raw")
    done = call("../raw", tmp_path / "out", "participant", "--dry-run", cwd=tmp_path / "here")
    assert done.returncode == 0, done.stderr
    assert "sub-02_ses-pre_acq-megapress68_svs.nii.gz" in done.stdout


def test_no_other_dataset_is_overwritten(study, tmp_path):
    root = tmp_path / "raw"
    shutil.copytree(study, root)
    before = digests(root)
    done = call(root, root, "participant")
    assert done.returncode == 2
    assert "the output is the dataset itself" in done.stderr
    other = tmp_path / "fmriprep"
    other.mkdir()
    description = {"Name": "fmriprep", "BIDSVersion": "1.10.0", "GeneratedBy": [{"Name": "fMRIPrep"}]}
    (other / "dataset_description.json").write_text(json.dumps(description))
    done = call(root, other, "participant")
    assert done.returncode == 2
    assert "another program's dataset" in done.stderr
    assert [path.name for path in other.iterdir()] == ["dataset_description.json"]
    assert digests(root) == before


def test_derivatives_among_the_scans_are_none(study, tmp_path):
    root = tmp_path / "raw"
    shutil.copytree(study, root)
    scan = find_scans(root)[0].path
    shutil.copy(scan, scan.with_name(scan.name.replace("_svs", "_desc-preproc_svs")))
    assert [s.name.stem for s in find_scans(root)] == [s.name.stem for s in find_scans(study)]


def test_a_scan_that_cannot_be_used_any_more_leaves_no_old_results(study, tmp_path):
    shutil.copytree(study, tmp_path / "raw")
    shutil.copytree(study.parent / "out", tmp_path / "out")
    next((tmp_path / "raw").rglob("sub-01*megapress68_svs.nii.gz")).write_bytes(b"damaged")
    before = digests(tmp_path / "out" / "sub-02")
    done = call(tmp_path / "raw", tmp_path / "out", "participant", "--skip-existing")
    assert done.returncode == 3
    assert "Its earlier results were removed" in done.stderr
    assert not list((tmp_path / "out").rglob("sub-01*_desc-*"))
    assert digests(tmp_path / "out" / "sub-02") == before
    assert call(tmp_path / "raw", tmp_path / "out", "group").returncode == 0
    rows = rows_of(tmp_path / "out" / "group_desc-dl_mrsquant.tsv")
    assert {row["participant_id"] for row in rows} == {"sub-02"}


def test_a_full_disk_takes_no_earlier_results_away(study, tmp_path, monkeypatch):
    from fsl_mrs_dl.bids import participant

    shutil.copytree(study.parent / "out", tmp_path / "out")
    before = digests(tmp_path / "out")

    def full(*_):
        raise DataError("cannot write here: no space left on device")

    monkeypatch.setattr(participant, "_write", full)
    outcome = participant.process(find_scans(study)[0], study, tmp_path / "out", None)
    assert (outcome.state, outcome.message) == ("failed", "cannot write here: no space left on device")
    assert digests(tmp_path / "out") == before


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"metabolite\tother\n", b"HEAD\nGABA\t1\n"])
def test_a_damaged_table_is_named_by_the_group_level(study, tmp_path, content):
    shutil.copytree(study.parent / "out", tmp_path / "out")
    table = next((tmp_path / "out").rglob("sub-01*_desc-dl_mrsquant.tsv"))
    table.write_bytes(content.replace(b"HEAD", table.read_bytes().splitlines()[0]))
    done = call(study, tmp_path / "out", "group")
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert table.name in done.stderr
    assert "damaged" in done.stderr


def test_damaged_quality_files_are_left_out_of_the_page(study, tmp_path):
    from fsl_mrs_dl.bids.group import quality

    shutil.copytree(study.parent / "out", tmp_path / "out")
    n = len(quality(tmp_path / "out"))
    damaged = next((tmp_path / "out").rglob("sub-01*_desc-dl_mrsqc.json"))
    for content in ("[]", '{"flags": 5}', '{"flags": [5]}', "{"):
        damaged.write_text(content)
        assert len(quality(tmp_path / "out")) == n - 1


def test_the_report_says_how_to_make_it_again(study, tmp_path):
    content = json.loads(next((study.parent / "out").rglob("sub-01*_desc-dl_quantities.json")).read_text("utf-8"))
    words = shlex.split(content["reproduce"])
    assert words[:2] == ["fsl_mrs_dl", "bids"]
    words[2:4] = [str(study), str(tmp_path / "again")]
    done = call(*words[2:])
    assert done.returncode == 0, done.stderr
    again = list((tmp_path / "again").rglob("*_desc-dl_mrsquant.tsv"))
    first = study.parent / "out"
    assert [path.read_bytes() for path in again] == [
        (first / path.relative_to(tmp_path / "again")).read_bytes() for path in again
    ]
    assert again


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
    [
        (
            "SpectrometerFrequency",
            [123.2],
            r"in SpectrometerFrequency; expected 127\.75 \(header\); got 123\.2 \(sidecar",
        ),
        ("SpectralWidth", 4000, r"in SpectralWidth; expected 2000 \(header\); got 4000 \(sidecar\)"),
        ("EchoTime", 0.08, r"in EchoTime; expected 0\.068 \(header\); got 0\.08 \(sidecar\)"),
        ("RepetitionTime", 1.5, r"in RepetitionTime; expected 2 \(header\); got 1\.5 \(sidecar\)"),
        ("ResonantNucleus", ["31P"], r"in ResonantNucleus; expected 1H \(header\); got 31P \(sidecar\)"),
        ("EditCondition", ["ON", "OFF"], r"in EditCondition; expected edit_off, edit_on \(header\); got edit_on"),
        ("EditPulse", {"ON": {"FrequencyOffset": 1.8}}, r"ON pulse; expected 1\.9 ppm \(header\); got 1\.8 ppm"),
        ("EditPulse", {"OFF": {"FrequencyOffset": 7.46, "PulseDuration": 20}}, r"expected 14 ms \(header\); got 20 ms"),
        ("EditPulse", {"ON": {"FrequencyOffset": 1.9, "PulseDuration": 0.014}}, "BIDS has PulseDuration in ms"),
        ("EchoTime", 68, "EchoTime in the sidecar is impossible; expected a number in s"),
        ("RepetitionTime", "2 s", "RepetitionTime in the sidecar is impossible"),
    ],
)
def test_contradictions_name_both_values(study, key, value, text):
    """Against a header that says all of it."""
    scan = find_scans(study)[0]
    header = with_sidecar(read_acquisition(scan.path), scan.metadata)
    with pytest.raises(DataError, match=text):
        with_sidecar(header, {**scan.metadata, key: value})


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
    first, second = find_scans(root)
    assert "ReferenceSignal" in first.problem
    assert second.problem is None


BIGGABA = {
    "ResonantNucleus": ["1H"], "SpectrometerFrequency": [127.751], "SpectralWidth": 2000, "RepetitionTime": 2,
    "NumberOfSpectralPoints": 2048, "Manufacturer": "Philips", "PulseSequenceType": "MEGA-PRESS",
    "BodyPart": "BRAIN", "BodyPartDetails": "Medial parietal lobe", "AcquisitionVoxelSize": [30, 30, 30],
    "ChemicalShiftOffset": 4.68, "ChemicalShiftReference": 3, "WaterSuppressionTechnique": "VAPOR",
}  # fmt: skip
"""What the sidecars of bids-examples' mrs_biggaba say (https://github.com/bids-standard/bids-examples)."""


@pytest.fixture(scope="module")
def biggaba(tmp_path_factory):
    """Names and sidecars of mrs_biggaba, 12 participants with three acquisitions each; its images are empty files."""
    root = tmp_path_factory.mktemp("biggaba") / "mrs_biggaba"
    root.mkdir()
    (root / "dataset_description.json").write_text(json.dumps({"Name": "Big GABA", "BIDSVersion": "1.10.0"}))
    pair, water = spectra(3)
    for participant in (f"{number:02d}" for number in range(1, 13)):
        folder = root / f"sub-{participant}" / "mrs"
        folder.mkdir(parents=True)
        for acquisition, te_s, off_ppm, duration_ms in (
            ("megapress68", 0.068, 7.46, 15), ("megapress80", 0.08, 1.5, 20), ("press", 0.035, None, None)
        ):  # fmt: skip
            stem = folder / f"sub-{participant}_acq-{acquisition}"
            sidecar = {**BIGGABA, "EchoTime": te_s, "NumberOfTransients": 320, "WaterSuppression": True}
            if off_ppm is not None:
                pulses = {name: {"FrequencyOffset": ppm, "PulseDuration": duration_ms}
                          for name, ppm in (("ON", 1.9), ("OFF", off_ppm))}  # fmt: skip
                sidecar |= {"EditTarget": "GABA", "EditPulse": pulses, "EditCondition": ["ON", "OFF"]}
            Path(f"{stem}_svs.json").write_text(json.dumps(sidecar))
            reference = {**BIGGABA, "EchoTime": te_s, "NumberOfTransients": 8, "WaterSuppression": False}
            Path(f"{stem}_mrsref.json").write_text(json.dumps(reference))
            data, dims = (pair[::-1], ("DIM_EDIT", None, None)) if off_ppm is not None else (pair[0], (None,) * 3)
            write_spectrum(f"{stem}_svs.nii.gz", data, dwell_s=5e-4, f0_mhz=127.751, dims=dims)
            write_spectrum(f"{stem}_mrsref.nii.gz", water, dwell_s=5e-4, f0_mhz=127.751)
    return root


def test_every_file_of_the_biggaba_layout_has_its_reference_and_its_pulses(biggaba):
    scans = find_scans(biggaba)
    assert len(scans) == 24  # PRESS is not edited
    for scan in scans:
        assert scan.reference.name == scan.path.name.replace("_svs", "_mrsref")
        assert not scan.notes
        assert scan.problem is None
        read = with_sidecar(read_acquisition(scan.path), scan.metadata)
        late = scan.name.entities["acq"] == "megapress80"
        assert (read.te_s, read.tr_s) == (0.08 if late else 0.068, 2.0)
        assert read.edit_pulse == {
            "ON": {"shift_ppm": 1.9, "duration_s": pytest.approx(0.020 if late else 0.015)},
            "OFF": {"shift_ppm": 1.5 if late else 7.46, "duration_s": pytest.approx(0.020 if late else 0.015)},
        }
        assert read.conditions == ("edit_on", "edit_off")


def test_a_filter_file_chooses_scans_and_references(biggaba, tmp_path):
    path = tmp_path / "filter.json"
    path.write_text(json.dumps({"svs": {"acquisition": "megapress68", "subject": ["01", "sub-02"]}}))
    done = call(biggaba, tmp_path / "out", "participant", "--dry-run", "--bids-filter-file", path)
    assert done.returncode == 0, done.stderr
    names = [Path(line.split("\t")[0]).name for line in done.stdout.splitlines()]
    assert names == [f"sub-{p}_acq-megapress68_svs.nii.gz" for p in ("01", "02")]
    path.write_text(json.dumps({"mrsref": {"acq": "conc"}}))
    scans = find_scans(biggaba, Filters(**read_filter_file(path)))
    assert {scan.reference for scan in scans} == {None}


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("{", "cannot be read"),
        ('{"scs": {}}', "did you mean 'svs'?"),
        ('{"svs": {"aquisition": "a"}}', "did you mean 'acquisition'?"),
        ('{"svs": {"run": null}}', "'run' is no label"),
    ],
)
def test_a_wrong_filter_file_is_one_line(biggaba, tmp_path, content, text):
    (tmp_path / "filter.json").write_text(content)
    done = call(biggaba, tmp_path / "out", "participant", "--bids-filter-file", tmp_path / "filter.json")
    assert done.returncode == 2
    assert text in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_tables_give_the_units_of_their_columns(study):
    path = next((study.parent / "out").rglob("sub-01*mrsquant.tsv"))
    columns = json.loads(path.with_suffix(".json").read_text())
    assert {row["unit"] for row in rows_of(path) if row["unit"] != "n/a"} <= set(columns["unit"]["Levels"])
    assert all("Units" in columns[name] for name in ("value", "sd", "lo95", "hi95"))


def test_descriptions_name_every_label_in_use(study):
    out = study.parent / "out"
    described = {row["desc_id"] for row in rows_of(out / "descriptions.tsv")}
    used = {
        f"desc-{part}"
        for p in out.rglob("*_desc-*")
        for part in [p.name.split("_desc-")[1].split("_")[0].split(".")[0]]
    }
    assert used == described
    assert (out / ".bidsignore").read_text().split() == ["*.html", "logs", "figures", "*_desc-*"]


def test_a_list_of_a_nearer_sidecar_stands_instead_of_the_inherited_one(study, tmp_path):
    root = tmp_path / "raw"
    shutil.copytree(study, root)
    (root / "acq-megapress68_svs.json").write_text(json.dumps({"EditCondition": ["ON", "OFF"], "Note": ["a", "b"]}))
    metadata = find_scans(root)[0].metadata
    assert metadata["EditCondition"] == ["OFF", "ON"]
    assert metadata["Note"] == ["a", "b"]


def test_folders_that_lead_back_give_no_scan_twice(study, tmp_path):
    root = tmp_path / "raw"
    shutil.copytree(study, root)
    (root / "again").symlink_to(root)
    (root / "sub-01" / "again").symlink_to(root / "sub-01")
    (root / "sub-01" / "up").symlink_to(root)
    (root / "sub-01" / "ses-pre" / "mrs" / "up").symlink_to(root)
    (root / "sub-01" / "other").symlink_to(root / "sub-02")
    (root / "sub-02" / "other").symlink_to(root / "sub-01")
    (root / "derivatives").mkdir()
    shutil.copytree(root / "sub-01", root / "derivatives" / "sub-03", symlinks=True)
    assert [scan.name.entities["sub"] for scan in find_scans(root)] == ["01", "02"]


def test_an_index_that_is_a_pickle_is_never_loaded(study, tmp_path):
    root = tmp_path / "raw"
    shutil.copytree(study, root)
    (root / ".ancpbids-dataset.pickle").write_bytes(b"cposix\nsystem\n(S'touch PICKLED'\ntR.")
    done = call(root, tmp_path / "out", "participant", "--dry-run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "PICKLED").exists()


@pytest.mark.parametrize("version", [5, None, ["1.0"]])
def test_a_version_that_is_no_text_makes_no_dataset(study, tmp_path, version):
    root = tmp_path / "raw"
    shutil.copytree(study, root)
    (root / "dataset_description.json").write_text(json.dumps({"Name": "made", "BIDSVersion": version}))
    done = call(root, tmp_path / "out", "participant")
    assert done.returncode == 16
    assert "BIDSVersion" in done.stderr
    assert "Traceback" not in done.stderr


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
