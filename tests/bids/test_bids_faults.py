# SPDX-License-Identifier: Apache-2.0
"""What can go wrong with a study: disks, files, sidecars, two runs at once, and a kill at any moment."""

import json
import os
import random
import subprocess
import sys
import time

import pytest

from fsl_mrs_dl.bids.scratch import remove_leftovers, scratch_folder
from tests.bids_helpers import ENVIRONMENT, call, digests, make_dataset


def test_leftovers_of_dead_processes_go_and_those_of_others_stay(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", "pass"])
    dead.wait()
    own = scratch_folder(tmp_path)
    gone = tmp_path / own.name.replace(f"-{os.getpid()}-", f"-{dead.pid}-")
    elsewhere = tmp_path / f".tmp-another-machine-{dead.pid}-0123456789ab"
    for folder in (own, gone, elsewhere):
        (folder / "fit").mkdir(parents=True)
    remove_leftovers(tmp_path)
    assert own.exists()
    assert elsewhere.exists()
    assert not gone.exists()


def fails_in_one_line(done, code, *texts):
    assert done.returncode == code, done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == len(texts), done.stderr
    for line, text in zip(lines, texts, strict=True):
        assert text in line


def whole_or_absent(folder):
    """No scratch file is left, and each scan has all of its files or none."""
    assert not [path for path in folder.rglob("*") if ".tmp-" in path.name]
    counts = {}
    for path in folder.glob("sub-*/**/*_desc-*"):
        counts[path.parent] = counts.get(path.parent, 0) + 1
    assert len(set(counts.values())) <= 1, counts
    return len(counts)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return make_dataset(tmp_path_factory.mktemp("faults") / "raw", participants=("01", "02", "03"))


@pytest.fixture
def small_disk(study, tmp_path):
    """A file system that the first scan fits on, and the second does not."""
    assert call(study, tmp_path / "one", "participant", "--participant-label", "01").returncode == 0
    n_bytes = sum(path.stat().st_size for path in (tmp_path / "one").rglob("*"))
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={int(1.6 * n_bytes)}", "tmpfs", folder], capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_fails_the_scans_that_do_not_fit(study, small_disk):
    done = call(study, small_disk / "out", "participant")
    text = "cannot write here: no space left on device"
    fails_in_one_line(done, 3, f"sub-02_ses-pre_acq-megapress68 failed: {small_disk}", "sub-03")
    assert done.stderr.count(text) == 2
    assert whole_or_absent(small_disk / "out") == 1


@pytest.mark.parametrize("limit", [0, 100_000])
def test_a_file_that_may_not_grow_fails_its_scan_and_leaves_nothing(study, tmp_path, limit):
    """The quota of a user, as far as a process can set it for itself: no file above the limit in bytes."""
    import resource

    def lower():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    done = call(study, tmp_path / "out", "participant", preexec_fn=lower)
    texts = [f"sub-{number}" for number in ("01", "02", "03")] if limit else ["cannot write here: file too large"]
    fails_in_one_line(done, 1, *texts)
    assert done.stderr.count("cannot write here: file too large") == len(texts)
    assert whole_or_absent(tmp_path / "out") == 0


def test_a_read_only_output_is_one_line(study, tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere; the next test mounts a read-only file system")
    (tmp_path / "closed").mkdir(mode=0o555)
    for output in (tmp_path / "closed", tmp_path / "closed" / "out"):
        fails_in_one_line(call(study, output, "participant"), 1, "cannot write here: permission denied")


def test_a_read_only_file_system_is_one_line(study, small_disk):
    (small_disk / "out").mkdir()
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    for output in (small_disk / "out", small_disk / "new"):
        fails_in_one_line(call(study, output, "participant"), 1, "cannot write here: read-only file system")
        fails_in_one_line(call(study, output, "participant", "--submit"), 1, "cannot write here: read-only file system")


def test_an_output_below_a_file_is_one_line(study, tmp_path):
    (tmp_path / "file").write_text("")
    fails_in_one_line(call(study, tmp_path / "file" / "out", "participant"), 1, "cannot write here: not a directory")
    fails_in_one_line(call(study, tmp_path / "file", "participant"), 1, "cannot write here: file exists")


def damage_image(folder, stem):
    path = folder / f"{stem}_svs.nii.gz"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def remove_image_of_water(folder, stem):
    (folder / f"{stem}_mrsref.nii.gz").write_bytes(b"")


def break_sidecar(folder, stem):
    (folder / f"{stem}_svs.json").write_text('{"EchoTime": 0.0')


def sidecar_in_ms(folder, stem):
    path = folder / f"{stem}_svs.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "EchoTime": 68}))


def sidecar_of_another_scanner(folder, stem):
    path = folder / f"{stem}_mrsref.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "SpectrometerFrequency": [123.2]}))


def sidecar_with_a_reference_that_is_not_there(folder, stem):
    path = folder / f"{stem}_svs.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "ReferenceSignal": "bids::sub-02/gone.nii.gz"}))


DAMAGES = {
    damage_image: "truncated or damaged",
    remove_image_of_water: "mrsref.nii.gz: the file is empty",
    break_sidecar: "the sidecar is not JSON",
    sidecar_in_ms: "EchoTime in the sidecar is impossible",
    sidecar_of_another_scanner: "contradict each other in SpectrometerFrequency",
    sidecar_with_a_reference_that_is_not_there: "the ReferenceSignal of a sidecar is not there",
}


def test_corrupt_participants_are_one_line_each_and_the_rest_finish(tmp_path):
    labels = [f"{number:02d}" for number in range(1, len(DAMAGES) + 3)]
    root = make_dataset(tmp_path / "raw", participants=labels)
    # the first and the last one are whole
    damaged = dict(zip(labels[1:-1], DAMAGES, strict=True))
    for label, damage in damaged.items():
        damage(root / f"sub-{label}" / "ses-pre" / "mrs", f"sub-{label}_ses-pre_acq-megapress68")
    done = call(root, tmp_path / "out", "participant")
    fails_in_one_line(done, 3, *DAMAGES.values())
    for line, label in zip(done.stderr.splitlines(), damaged, strict=True):
        assert f"sub-{label}_ses-pre_acq-megapress68 failed" in line
        assert not list((tmp_path / "out").rglob(f"sub-{label}*"))
    assert whole_or_absent(tmp_path / "out") == 2


def test_two_runs_on_one_output_at_the_same_time_end_with_the_bytes_of_one(study, tmp_path):
    whole = tmp_path / "whole"
    assert call(study, whole, "participant").returncode == 0
    out = tmp_path / "out"
    command = [sys.executable, "-m", "fsl_mrs_dl", "bids", str(study), str(out), "participant"]
    runs = [
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **ENVIRONMENT}
        )
        for _ in range(2)
    ]
    for run in runs:
        _, errors = run.communicate()
        assert run.returncode == 0, errors
        assert errors == ""
    assert digests(out) == digests(whole)
    assert whole_or_absent(out) == 3


@pytest.mark.slow
def test_killed_at_twenty_random_moments_a_batch_ends_with_the_same_bytes(tmp_path):
    root = make_dataset(tmp_path / "raw", participants=("01", "02", "03"), sessions=("a", "b"))
    whole = tmp_path / "whole"
    started = time.monotonic()
    assert call(root, whole, "participant", "--workers", "2").returncode == 0
    took_s = time.monotonic() - started
    expected = digests(whole)
    moments = random.Random(7)
    killed = 0
    for number in range(20):
        out = tmp_path / f"out{number}"
        run = subprocess.Popen(
            [sys.executable, "-m", "fsl_mrs_dl", "bids", str(root), str(out), "participant", "--workers", "2"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        time.sleep(moments.uniform(0.3, 0.95) * took_s)
        killed += run.poll() is None
        # the main process alone: its workers have to notice
        run.kill()
        run.wait()
        for _ in range(100):
            try:
                os.killpg(run.pid, 0)
            except ProcessLookupError:
                break
            time.sleep(0.1)
        else:
            raise AssertionError("a worker outlived its parent")
        again = call(root, out, "participant", "--workers", "2", "--skip-existing")
        assert again.returncode == 0, again.stderr
        # a file of the dataset's root may have been cut off while it was made, under its scratch name
        found = {name: digest for name, digest in digests(out).items() if not name.startswith(".tmp-")}
        assert found == expected, number
    assert killed >= 15


@pytest.mark.parametrize(
    "path", ["place/a_file", "place/a_file/out", "place/anothers", "raw/sub-01/out", "raw"], ids=lambda path: path
)
def test_a_dry_run_refuses_the_outputs_that_a_run_refuses(study, tmp_path, path):
    (tmp_path / "raw").symlink_to(study)
    (tmp_path / "place" / "anothers").mkdir(parents=True)
    (tmp_path / "place" / "a_file").write_text("mine")
    description = tmp_path / "place" / "anothers" / "dataset_description.json"
    description.write_text('{"Name": "x", "GeneratedBy": [{"Name": "mriqc"}]}')
    before = digests(study), digests(tmp_path / "place")
    dry, real = (call(study, tmp_path / path, "participant", *more) for more in (("--dry-run",), ()))
    assert dry.returncode == real.returncode != 0
    assert dry.stderr == real.stderr
    assert len(dry.stderr.splitlines()) == 1
    assert dry.stdout == ""
    assert (digests(study), digests(tmp_path / "place")) == before


def test_a_dry_run_refuses_a_model_that_is_not_there(study, tmp_path):
    done = call(study, tmp_path / "out", "participant", "--dry-run", "--model", "invivi")
    assert done.returncode == 2
    assert "did you mean 'invivo'" in done.stderr


@pytest.mark.parametrize("extra", [[], ["--dry-run"], ["--submit"]])
@pytest.mark.parametrize(
    ("option", "value", "code", "text"),
    [
        ("--basis", "nowhere", 1, "nowhere: there is no such folder"),
        ("--edit-duration", "14", 2, "--edit-duration is out of range"),
    ],
)
def test_what_is_wrong_for_all_scans_is_said_once_before_anything_is_written(
    study, tmp_path, option, value, code, text, extra
):
    done = call(study, tmp_path / "out", "participant", option, value, *extra)
    fails_in_one_line(done, code, text)
    assert not (tmp_path / "out").exists()
