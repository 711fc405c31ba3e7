# SPDX-License-Identifier: Apache-2.0
"""`fsl_mrsi --algo dl` in a real FSL-MRS: these run where it is installed, and say so where it is not."""

import os

import numpy as np
import pytest

from tests.fsl_mrs_helpers import WATER, fsl, fsl_version, takes_baseline_by_name

pytestmark = pytest.mark.with_fsl_mrs
pytest.importorskip("fsl_mrs", reason="FSL-MRS IS NOT INSTALLED: nothing here was tested against it")


def test_fsl_mrsi_fits_voxels_and_refuses_empty_ones(preprocessed):
    import nibabel

    image = nibabel.load(preprocessed / "pp" / "diff.nii.gz")
    fid = np.asarray(image.dataobj)
    grid = np.tile(-fid, (1, 3, 1, 1))
    grid[0, 2] = 0
    nibabel.save(type(image)(grid, image.affine, image.header), preprocessed / "csi.nii.gz")
    out = preprocessed / "mrsi"
    alone = ("--parallel", "off") if takes_baseline_by_name() else ("--single_proc",)
    done = fsl(
        "fsl_mrsi",
        "--data",
        preprocessed / "csi.nii.gz",
        "--basis",
        preprocessed / "basis" / "diff",
        "--output",
        out,
        "--algo",
        "dl",
        *alone,
        "--internal_ref",
        "NAA",
        "--overwrite",
    )
    gaba = nibabel.load(out / "concs" / "internal" / "GABA.nii.gz").get_fdata().ravel()
    assert gaba[0] == pytest.approx(1.9 / 11.4, abs=0.05)
    assert gaba[1] == gaba[0]
    assert gaba[2] == 0  # FSL-MRS writes 0 for NaN
    # what is true of every voxel is said once at most
    said = [line for line in done.stderr.splitlines() if line.startswith("fsl_mrs_dl:")]
    assert len(said) == len(set(said)), done.stderr


def test_fsl_mrsi_says_that_an_inverted_image_cannot_be_scaled_by_water(preprocessed):
    import nibabel

    for name in ("diff", "wref"):
        image = nibabel.load(preprocessed / "pp" / f"{name}.nii.gz")
        grid = np.tile(np.asarray(image.dataobj), (1, 2, 1, 1))
        nibabel.save(type(image)(grid, image.affine, image.header), preprocessed / f"inverted_{name}.nii.gz")
    out = preprocessed / "inverted"
    done = fsl(
        "fsl_mrsi",
        "--data",
        preprocessed / "inverted_diff.nii.gz",
        "--basis",
        preprocessed / "basis" / "diff",
        "--output",
        out,
        "--algo",
        "dl",
        "--h2o",
        preprocessed / "inverted_wref.nii.gz",
        *WATER,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.strip().splitlines()[-1].startswith("fsl_mrsi --algo dl: error: ")
    assert "leave out --h2o" in done.stderr
    # FSL-MRS up to 2.3 has made its folder before it imports the fits
    if fsl_version() < (2, 4):
        assert os.listdir(out) == ["options.txt"]
    else:
        assert not out.exists()
