# SPDX-License-Identifier: Apache-2.0
"""The BIDS App on datasets made here: tables, reports, faults, the same bytes after a stop."""

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

from fsl_mrs_dl.bids.dataset import find_scans
from fsl_mrs_dl.core.errors import DataError
from fsl_mrs_dl.io.nifti import read_acquisition
from tests.bids_helpers import CONC, ENVIRONMENT, VALIDATOR, call, digests, make_dataset, rows_of
from tests.helpers import without_plotly


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    root = make_dataset(tmp_path_factory.mktemp("study") / "raw")
    done = call(root, root.parent / "out", "participant")
    assert done.returncode == 0, done.stderr + done.stdout
    group = call(root, root.parent / "out", "group")
    assert group.returncode == 0, group.stderr
    return root


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
        f"bids:raw:sub-01/ses-pre/mrs/{stem}_svs.nii.gz",
        f"bids:raw:sub-01/ses-pre/mrs/{stem}_mrsref.nii.gz",
    ]
    assert set(rows_of(folder / f"{stem}_desc-dl_mrsquant.tsv")[0]) <= set(described)
    for name in (
        "desc-preproc_svs.nii.gz",
        "desc-diff_svs.json",
        "desc-dl_report.html",
        "desc-lcmodel.table",
        "desc-dl_mrsinmrs.md",
        "desc-dl_mrsinmrs.json",
    ):
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
    assert 'href="sub-01/ses-pre/mrs/sub-01_ses-pre_acq-megapress68_desc-dl_report.html"' in page
    scans = rows_of(study.parent / "out" / "group_desc-dl_mrsqc.tsv")
    assert [row["scan"] for row in scans] == [f"sub-0{k}_ses-pre_acq-megapress68" for k in (1, 2)]
    described = json.loads((study.parent / "out" / "group_desc-dl_mrsqc.json").read_text())
    assert set(described) == set(scans[0])
    assert not (study.parent / "out" / "group_desc-dl_retest.tsv").exists(), "nothing was repeated"


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
        (lambda _: None, ("--participant-label", "01", "1", "sub-02"), 66, "no participant '1' (did you mean '01'?)"),
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


def test_a_process_of_ours_has_one_thread_of_linear_algebra(tmp_path):
    code = (
        "import sys; from fsl_mrs_dl.cli.main import main; main(['bids', *sys.argv[1:]]); import numpy, threadpoolctl; "
        "print({pool['num_threads'] for pool in threadpoolctl.threadpool_info()})"
    )
    environment = {key: value for key, value in os.environ.items() if not key.endswith("_NUM_THREADS")}
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path, tmp_path / "out", "participant", "--n-threads", "2"],
        capture_output=True,
        text=True,
        env={**environment, "PYTHONPATH": ENVIRONMENT["PYTHONPATH"]},
        check=True,
    )
    assert done.stdout.strip() == "{1}"


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


def test_the_users_words_tell_the_network_the_protocol(tmp_path):
    root = make_dataset(tmp_path / "raw", participants=("01",), EditPulse={})
    said = ("--vendor", "philips", "--edit-duration", "0.014", "--skip-existing")
    done = call(root, tmp_path / "out", "participant", *said)
    assert done.returncode == 0, done.stderr
    quantities = json.loads(next((tmp_path / "out").rglob("*_desc-dl_quantities.json")).read_text())
    assert {"told": True, "from": "options", "vendor": "philips"}.items() <= quantities["protocol"].items()
    assert "--vendor philips --edit-duration 0.014" in quantities["reproduce"]
    again = call(root, tmp_path / "out", "participant", *said)
    assert "kept" in again.stdout
    # what was said is part of what the result depends on
    other = call(root, tmp_path / "out", "participant", "--vendor", "siemens", "--skip-existing")
    assert "kept" not in other.stdout
