# SPDX-License-Identifier: Apache-2.0
"""What `convert` does not take: one line that says why, and nothing left behind."""

import subprocess
from pathlib import Path

import pytest

from fsl_mrs_dl.core.errors import ConfigError, DataError, MissingExtraError
from fsl_mrs_dl.io import vendor
from fsl_mrs_dl.io.edit_dimension import join, split
from fsl_mrs_dl.io.nifti import read_acquisition
from fsl_mrs_dl.preprocess.convert import Editing, convert_scan
from tests.convert_helpers import call, dicom, made, transients, write_rda, write_sdat
from tests.helpers import N_POINTS, fid_of, pair_of


@pytest.mark.usefixtures("spec2nii")
def test_conditions_that_do_not_belong_together_are_refused(tmp_path):
    off, on = pair_of()
    files = write_rda(tmp_path / "off.rda", off), write_rda(tmp_path / "on.rda", on[:1024])
    done = call("--off", files[0], "--on", files[1], "--output", tmp_path / "pair.nii.gz")
    assert done.returncode == 1
    assert "differ in their shape" in done.stderr
    assert not (tmp_path / "pair.nii.gz").exists()


@pytest.mark.usefixtures("spec2nii")
def test_an_earlier_file_is_replaced_only_when_asked(tmp_path):
    scan = write_sdat(tmp_path / "scan", transients((1, 0)))
    (tmp_path / "a.nii.gz").write_text("mine")
    done = call(scan, "--output", tmp_path / "a.nii.gz")
    assert (done.returncode, (tmp_path / "a.nii.gz").read_text()) == (1, "mine")
    assert "--overwrite" in done.stderr
    assert call(scan, "--output", tmp_path / "a.nii.gz", "--overwrite").returncode == 0
    assert read_acquisition(tmp_path / "a.nii.gz").fids.shape == (1, 1, 2, N_POINTS)


def _damaged_sdat(folder):
    path = write_sdat(folder / "scan", transients((1, 0)))
    path.write_bytes(path.read_bytes()[:-8])
    return path


def _spar_of_words(folder):
    path = write_sdat(folder / "scan", transients((1, 0)))
    path.with_suffix(".SPAR").write_text("hello")
    return path


def _without_spar(folder):
    path = write_sdat(folder / "scan", transients((1, 0)))
    path.with_suffix(".SPAR").unlink()
    return path


def _spar_that_lacks_the_frequency(folder):
    path = write_sdat(folder / "scan", transients((1, 0)))
    spar = path.with_suffix(".SPAR")
    spar.write_text("".join(line for line in spar.open() if not line.startswith("synthesizer")))
    return path


def _text(name):
    def make(folder):
        (folder / name).write_text("no scanner wrote this, but it is long enough to be looked at " * 20)
        return folder / name

    return make


def _empty_folder(folder):
    (folder / "dicom").mkdir()
    return folder / "dicom"


def _rda_cut_off(folder):
    path = write_rda(folder / "a.rda", fid_of({2.0: 1.0}))
    path.write_bytes(path.read_bytes()[:200])
    return path


FAULTS = [
    (_damaged_sdat, (), 1, "the sizes of SDAT and SPAR do not agree"),
    (_spar_of_words, (), 1, "not a SPAR file"),
    (_without_spar, (), 1, "the SPAR file that belongs to it is missing"),
    (_spar_that_lacks_the_frequency, (), 1, "the SPAR has no entry 'synthesizer_frequency'"),
    (_text("a.rda"), (), 1, "not an RDA file"),
    (_rda_cut_off, (), 1, "spec2nii"),
    (_text("a.dat"), (), 1, "not a TWIX file"),
    (_text("a.7"), (), 1, "spec2nii could not convert it"),
    (_text("a.txt"), (), 1, "the format is not known"),
    (_text("a.txt"), ("--format", "dicom"), 1, "not a DICOM file"),
    (_text("a.txt"), ("--format", "dikom"), 2, "did you mean 'dicom'?"),
    (_empty_folder, (), 1, "no DICOM file"),
    (lambda folder: folder / "absent.rda", (), 1, "no such file"),
    (lambda folder: write_sdat(folder / "odd", transients((1, 0, 1))), ("--order", "on-off"), 1, "a multiple of 2"),
    (lambda folder: write_sdat(folder / "one", transients((1,))), ("--order", "on-off"), 1, "no dynamics"),
    (
        lambda folder: write_sdat(folder / "scan", transients((1, 0))),
        ("--order", "on-off", "--edit-on", "7.5", "--edit-off", "1.9"),
        2,
        "swapped",
    ),
    (
        lambda folder: write_sdat(folder / "scan", transients((1, 0))),
        ("--edit-on", "1.9", "--edit-duration", "14"),
        2,
        "duration",
    ),
    (lambda folder: write_sdat(folder / "same", transients((0,) * 4)), ("--order", "auto"), 1, "unedited"),
    (lambda folder: write_sdat(folder / "scan", transients((1, 0))), ("--block", "0"), 2, "--block"),
    (lambda folder: write_sdat(folder / "scan", transients((1, 0))), ("--edit-on", "1.9"), 2, "Say --order"),
]


@pytest.mark.usefixtures("spec2nii")
@pytest.mark.parametrize(("make", "options", "code", "text"), FAULTS)
def test_faults_are_one_line_and_leave_nothing(tmp_path, make, options, code, text):
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    out.mkdir()
    done = call(make(source), "--output", out / "a.nii.gz", *options)
    assert done.returncode == code, done.stderr
    assert text in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not list(out.iterdir())


@pytest.mark.usefixtures("spec2nii")
def test_a_full_disk_leaves_the_earlier_file(tmp_path):
    scan = write_sdat(tmp_path / "scan", transients((1, 0) * 4))
    out = tmp_path / "disk" / "a.nii.gz"
    out.parent.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", out.parent], capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    try:
        out.write_text("mine")
        done = call(scan, "--output", out, "--order", "on-off", "--overwrite")
        assert done.returncode == 1
        assert "cannot write here: no space left on device" in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
        assert [(p.name, p.read_text()) for p in out.parent.iterdir()] == [("a.nii.gz", "mine")]
    finally:
        subprocess.run(["umount", out.parent], check=True)


def test_missing_spec2nii_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setattr(vendor.importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(vendor.shutil, "which", lambda _: None)
    path = write_rda(tmp_path / "a.rda", fid_of({2.0: 1.0}))
    with pytest.raises(MissingExtraError, match=r"fsl_mrs_dl\[convert\]"):
        convert_scan([path], tmp_path / "a.nii.gz", Editing())
    assert [p.name for p in tmp_path.iterdir()] == ["a.rda"]


def test_spec2nii_of_another_environment_is_found_on_the_path(monkeypatch):
    monkeypatch.setattr(vendor.importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(vendor.shutil, "which", lambda name: f"/opt/fsl/bin/{name}")
    assert vendor.spec2nii_command() == ["/opt/fsl/bin/spec2nii"]


@pytest.mark.usefixtures("spec2nii")
@pytest.mark.parametrize(
    ("manufacturer", "text"),
    [
        ("GE MEDICAL SYSTEMS", "not read by spec2nii"),
        ("SIEMENS", "spec2nii could not"),
        ("Philips", "spec2nii could not"),
    ],
)
def test_dicom_without_spectra_is_refused(tmp_path, manufacturer, text):
    data = dicom(manufacturer)
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.4"
    (tmp_path / "in").mkdir()
    data.save_as(tmp_path / "in" / "a.dcm", enforce_file_format=True)
    done = call(tmp_path / "in", "--output", tmp_path / "a.nii.gz")
    assert done.returncode == 1, done.stderr
    assert text in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "a.nii.gz").exists()


def test_hadamard_editing_is_not_taken_for_two_conditions(tmp_path):
    file = made(tmp_path, (1, 1, 1, 8, 2, 4), ("DIM_DYN", "DIM_EDIT"))
    with pytest.raises(DataError, match="not two editing conditions"):
        split(file)


def test_files_of_different_echo_times_are_not_joined(tmp_path):
    (tmp_path / "b").mkdir()
    first = made(tmp_path, (1, 1, 1, 8), (), EchoTime=0.068)
    second = made(tmp_path / "b", (1, 1, 1, 8), (), EchoTime=0.08)
    with pytest.raises(DataError, match="echo time"):
        join(first, second)


@pytest.mark.parametrize(
    "arguments", [{"paths": []}, {"paths": [Path("a.rda")], "on": Path("b.rda")}, {"paths": [], "on": Path("b.rda")}]
)
def test_one_scan_or_two_conditions(tmp_path, arguments):
    with pytest.raises(ConfigError, match="no scan was named, or two were"):
        convert_scan(output=tmp_path / "a.nii.gz", editing=Editing(), **arguments)
