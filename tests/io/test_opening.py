# SPDX-License-Identifier: Apache-2.0
"""Opening files: wrong names, damage, random bytes, and reading in threads."""

from __future__ import annotations

import gzip
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import nibabel
import numpy as np
import pytest

from fsl_mrs_dl.core.errors import DataError
from fsl_mrs_dl.io.nifti import _quiet, read_acquisition
from tests.helpers import OFF_LINES, fid_of, write_nifti

FID = fid_of(OFF_LINES)[None, None, None].astype(np.complex64)


@pytest.mark.parametrize(("wrong", "right"), [(".nii", ".nii.gz"), (".nii.gz", ".nii")])
def test_a_name_that_lies_about_compression_is_said_to_be_renamed(tmp_path, wrong, right):
    path = write_nifti(tmp_path / f"scan{right}", FID).rename(tmp_path / f"scan{wrong}")
    with pytest.raises(DataError, match=rf"scan{wrong}: the file is .*compressed.*Rename it to scan{right}$"):
        read_acquisition(path)
    path.rename(tmp_path / f"scan{right}")
    assert read_acquisition(tmp_path / f"scan{right}").fids.shape[-1] == FID.shape[-1]


def test_threads_that_read_leave_standard_output_and_warnings_alone(tmp_path):
    header = {"Vendor": {"Value": 1}}  # nifti_mrs prints that there is no Description
    paths = [write_nifti(tmp_path / f"{k}.nii.gz", FID, header=header) for k in range(24)]
    output, filters = sys.stdout, list(warnings.filters)
    with ThreadPoolExecutor(8) as pool:
        shapes = [found.fids.shape for found in pool.map(read_acquisition, paths)]
    assert shapes == [(1, 1, 1, FID.shape[-1])] * 24
    assert sys.stdout is output
    assert warnings.filters == filters


def test_what_another_thread_prints_while_a_file_is_read_is_printed(capsys):
    with _quiet():
        sys.stdout.write("swallowed\n")
        other = threading.Thread(target=sys.stdout.write, args=("kept\n",))
        other.start()
        other.join()
    assert capsys.readouterr().out == "kept\n"


def test_plain_nifti(tmp_path):
    path = tmp_path / "t1.nii.gz"
    nibabel.save(nibabel.Nifti1Image(np.zeros((4, 4, 4), dtype=np.float32), np.eye(4)), path)
    with pytest.raises(DataError, match=r"t1\.nii\.gz: a NIfTI image without spectroscopy.*fsl_mrs_dl convert"):
        read_acquisition(path)


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
@pytest.mark.parametrize("part", [0.0, 0.001, 0.01, 0.03, 0.05, 0.1, 0.5, 0.9, 0.999])
def test_truncated_file(tmp_path, ending, part):
    whole = write_nifti(tmp_path / f"whole{ending}", FID).read_bytes()
    path = tmp_path / f"cut{ending}"
    path.write_bytes(whole[: int(part * len(whole))])
    with pytest.raises(DataError, match=rf"cut{ending}: .*(empty|truncated|damaged|broken|missing)") as info:
        read_acquisition(path)
    assert "\n" not in str(info.value)


def test_damage_inside_the_compressed_data(tmp_path):
    path = write_nifti(tmp_path / "a.nii.gz", FID)
    content = bytearray(path.read_bytes())
    for start in (len(content) // 3, len(content) // 2, len(content) - 6):
        harmed = bytearray(content)
        harmed[start : start + 5] = bytes(255 - byte for byte in harmed[start : start + 5])
        path.write_bytes(harmed)
        with pytest.raises(DataError, match=r"a\.nii\.gz: "):
            read_acquisition(path)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_random_bytes(tmp_path, ending, seed):
    noise = np.random.default_rng(seed).bytes(5000)
    path = tmp_path / f"noise{ending}"
    for content in (noise, gzip.compress(noise), b"\x1f\x8b\x08" + noise, noise[:3]):
        path.write_bytes(content)
        with pytest.raises(DataError, match=rf"noise{ending}: (not a NIfTI file|the file is truncated)"):
            read_acquisition(path)


def test_complaints_of_nibabel_are_not_shown(tmp_path, caplog):
    path = write_nifti(tmp_path / "a.nii", FID)
    content = bytearray(path.read_bytes())
    content[348] = 77  # sform_code of NIfTI-2
    path.write_bytes(content)
    nibabel.load(path)
    assert "sform_code" in caplog.text
    caplog.clear()
    read_acquisition(path)
    assert caplog.text == ""


def test_header_bytes_at_random_never_raise_anything_else(tmp_path):
    rng = np.random.default_rng(11)
    whole = write_nifti(tmp_path / "a.nii", FID).read_bytes()
    path, refused = tmp_path / "b.nii", []
    for _ in range(150):
        content = bytearray(whole)
        for position in rng.integers(0, 700, 4):
            content[position] = rng.integers(0, 256)
        path.write_bytes(content)
        try:
            read_acquisition(path)
        except DataError as exc:
            refused.append(str(exc))
    assert len(refused) > 20
    assert all(line.startswith(f"{path}: ") for line in refused)


def test_what_is_not_a_file(tmp_path):
    with pytest.raises(DataError, match=r"absent\.nii\.gz: no such file"):
        read_acquisition(tmp_path / "absent.nii.gz")
    with pytest.raises(DataError, match="is a folder"):
        read_acquisition(tmp_path)
    (tmp_path / "scan.dat").write_bytes(b"twix")
    with pytest.raises(DataError, match=r"scan\.dat: not a NIfTI-MRS file.*fsl_mrs_dl convert"):
        read_acquisition(tmp_path / "scan.dat")
