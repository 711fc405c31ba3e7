# SPDX-License-Identifier: Apache-2.0
"""``bids --submit`` through fsl_sub: its shell plug-in on this machine, and a real SLURM where one runs."""

import json
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from fsl_mrs_dl.bids import submit
from fsl_mrs_dl.cli.main import main
from fsl_mrs_dl.core.errors import ConfigError, DataError, MissingExtraError
from tests.bids_helpers import VALIDATOR, call, digests, make_dataset

pytest.importorskip("fsl_sub", reason="fsl_sub is not installed: pip install 'fsl_mrs_dl[cluster]'")

SLURM = """---
method: slurm
modulecmd: false
export_vars: []
thread_control: [OMP_NUM_THREADS]
method_opts:
  slurm: {queues: true, copy_environment: true, has_parallel_envs: false, script_conf: true, mail_support: false,
          notify_ram_usage: true, set_time_limit: false, array_holds: true, array_limit: true, projects: false,
          map_ram: false, job_priorities: false, job_resources: true, architecture: false, keep_jobscript: false,
          preserve_modules: false, strict_dependencies: false}
queues:
  PARTITION: {time: 60, max_size: 4, slot_size: 4, max_slots: 1, map_ram: false, priority: 1, group: 0, default: true}
"""
"""A configuration of fsl_sub with one partition."""


@pytest.fixture(autouse=True)
def no_configuration_of_the_user(monkeypatch, tmp_path):
    """fsl_sub's own default, the shell."""
    path = tmp_path / "fsl_sub.yml"
    path.write_text("---\nmethod: shell\n")
    monkeypatch.setenv("FSLSUB_CONF", str(path))


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    root = make_dataset(tmp_path_factory.mktemp("submit") / "raw", participants=("01", "02", "03"))
    whole = root.parent / "whole"
    assert call(root, whole, "participant").returncode == 0
    assert call(root, whole, "group").returncode == 0
    return root


def results(folder):
    """Digests without the logs."""
    return {name: digest for name, digest in digests(folder).items() if not name.startswith("logs/")}


def test_shell_runs_participants_and_group_with_the_bytes_of_a_local_run(study, tmp_path):
    out = tmp_path / "out"
    done = call(study, out, "participant", "--submit")
    assert done.returncode == 0, done.stderr
    assert "3 participants have run here, and the group" in done.stdout
    assert results(out) == results(study.parent / "whole")
    tasks = next((out / "logs").glob("*/participants.txt")).read_text().splitlines()
    assert [line.rsplit(" ", 1)[1] for line in tasks] == ["01", "02", "03"]
    if Path(VALIDATOR).exists():  # the logs do not disturb it
        checked = subprocess.run([VALIDATOR, str(out), "--json"], capture_output=True, text=True)
        issues = json.loads(checked.stdout)["issues"]["issues"]
        assert not [issue for issue in issues if issue["severity"] == "error"]


def test_only_what_is_wanted_is_submitted_and_existing_results_are_kept(study, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(study.parent / "whole", out)
    wanted = ("--participant-label", "02", "--session-label", "pre")
    done = call(study, out, "participant", "--submit", "--skip-existing", *wanted)
    assert done.returncode == 0, done.stderr
    (log,) = (out / "logs").glob("*/fsl_mrs_dl.o*.1")
    assert log.read_text().splitlines()[-1] == "1 kept"


def test_a_failing_participant_is_one_line_and_the_others_and_the_group_are_done(study, tmp_path):
    root = tmp_path / "raw"
    shutil.copytree(study, root)
    next(root.rglob("sub-02*megapress68_svs.nii.gz")).write_bytes(b"damaged")
    out = tmp_path / "out"
    done = call(root, out, "participant", "--submit")
    assert done.returncode == 3
    assert len(done.stderr.strip().splitlines()) == 1
    assert "sub-02_ses-pre_acq-megapress68 failed" in done.stderr
    group = (out / "group_desc-dl_mrsquant.tsv").read_text()
    assert "sub-01" in group
    assert "sub-02" not in group
    assert "sub-03" in group


def test_nothing_is_submitted_where_nothing_can_be_done(study, tmp_path):
    for arguments, code, text in (
        (("group", "--submit"), 2, "belongs to the participant level"),
        (("participant", "--submit", "--participant-label", "09"), 66, "no edited spectroscopy"),
        (("participant", "--submit", "--model", "nonesuch"), 2, "there is no model"),
    ):
        done = call(study, tmp_path / "out", *arguments)
        assert done.returncode == code, done.stderr
        assert text in done.stderr
        assert not (tmp_path / "out").exists()


def test_white_space_in_the_output_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ConfigError, match="white space"):
        submit.log_folder(tmp_path / "my study")
    assert not (tmp_path / "my study").exists()


def test_missing_fsl_sub_names_the_extra(study, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(submit.sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr(submit.shutil, "which", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"fsl_mrs_dl\[cluster\]"):
        submit.submit([["true"]], ["true"], tmp_path)
    # the command looks for it before it makes a folder
    assert main(["bids", str(study), str(tmp_path / "out"), "participant", "--submit"]) == 1
    assert "fsl_mrs_dl[cluster]" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def fake_fsl_sub(folder, body):
    """A program in place of fsl_sub, for what a queue answers."""
    folder.mkdir()
    (folder / "fsl_sub").write_text(f'#!/bin/sh\necho "$*" >> {folder}/calls\n{body}\n')
    (folder / "fsl_sub").chmod(0o755)
    return str(folder / "python")


def test_the_group_waits_for_the_array_job(tmp_path, monkeypatch):
    body = 'case "$1" in --has_queues) echo Yes;; -t) echo 4711;; *) echo 4712;; esac'
    monkeypatch.setattr(submit.sys, "executable", fake_fsl_sub(tmp_path / "bin", body))
    done = submit.submit([["a", "with space"], ["b"]], ["group"], tmp_path, ["-q", "short"])
    assert done == submit.Submitted(True, ("4711", "4712"))
    calls = (tmp_path / "bin" / "calls").read_text().splitlines()
    assert calls[1].startswith("-t participants.txt")
    assert calls[2].startswith("-j 4711 ")
    assert all("-q short" in line for line in calls[1:])
    assert (tmp_path / "participants.txt").read_text() == "a 'with space'\nb\n"


def test_what_fsl_sub_answers_is_quoted_when_it_does_not_take_the_jobs(tmp_path, monkeypatch):
    body = 'case "$1" in --has_queues) echo Yes;; *) echo "Unrecognised queue veryshort" >&2; exit 2;; esac'
    monkeypatch.setattr(submit.sys, "executable", fake_fsl_sub(tmp_path / "bin", body))
    with pytest.raises(DataError, match="did not take the jobs; got Unrecognised queue veryshort"):
        submit.submit([["a"]], ["group"], tmp_path)


def partition():
    """Name of SLURM's default partition, or why there is none."""
    if shutil.which("sinfo") is None:
        pytest.skip("SLURM is not installed (docs/bids.md tells how to start one on one machine)")
    done = subprocess.run(["sinfo", "-h", "-o", "%P %a %D"], capture_output=True, text=True)
    lines = [line.split() for line in done.stdout.splitlines()]
    up = [line[0].rstrip("*") for line in lines if len(line) == 3 and line[1] == "up"]
    if done.returncode or not up:
        pytest.skip(f"no SLURM runs here (docs/bids.md): {(done.stderr or done.stdout).strip()[:80]}")
    return up[0]


@pytest.mark.slow
def test_slurm_runs_participants_as_an_array_and_the_group_after_them(study, tmp_path):
    (tmp_path / "fsl_sub.yml").write_text(SLURM.replace("PARTITION", partition()))
    pytest.importorskip("fsl_sub_plugin_slurm", reason="pip install fsl_sub_plugin_slurm")
    root = tmp_path / "raw"
    shutil.copytree(study, root)
    # one participant fails: its task does, the group runs all the same
    next(root.rglob("sub-02*megapress68_svs.nii.gz")).write_bytes(b"damaged")
    out = tmp_path / "out"
    done = call(root, out, "participant", "--submit", "--fsl-sub", "-R 1")
    assert done.returncode == 0, done.stderr
    array, group = (part.split("job ")[1].split(";")[0] for part in done.stdout.split("; group"))
    asked = subprocess.run(["scontrol", "show", "job", group], capture_output=True, text=True).stdout
    assert f"afterany:{array}" in asked
    for _ in range(300):
        left = subprocess.run(["squeue", "-h", "-j", f"{array},{group}"], capture_output=True, text=True)
        if not left.stdout.strip():
            break
        time.sleep(1)
    else:
        raise AssertionError(f"the jobs have not ended: {left.stdout}")
    local = tmp_path / "local"
    assert call(root, local, "participant").returncode == 3
    assert call(root, local, "group").returncode == 0
    assert results(out) == results(local)
    errors = "".join(path.read_text() for path in (out / "logs").glob("*/fsl_mrs_dl.e*"))
    assert errors.count("\n") == 1
    assert "sub-02_ses-pre_acq-megapress68 failed" in errors
    assert "sub-03" in (out / "group_desc-dl_mrsquant.tsv").read_text()
