# SPDX-License-Identifier: Apache-2.0
"""What the tests with a real FSL-MRS share."""

import pytest

from fsl_mrs_dl.basis.files import load_line_basis, write_fsl_basis
from fsl_mrs_dl.core.resources import basis_folder
from tests.fsl_mrs_helpers import fsl
from tests.helpers import EXAMPLE


@pytest.fixture(scope="session")
def preprocessed(tmp_path_factory):
    """The shipped example by FSL-MRS's own preprocessing, and the shipped basis as FSL-MRS reads it."""
    pytest.importorskip("onnxruntime")
    folder = tmp_path_factory.mktemp("example")
    fsl(
        "fsl_mrs_preproc_edit",
        "--data",
        EXAMPLE / "megapress_raw.nii.gz",
        "--reference",
        EXAMPLE / "water_reference.nii.gz",
        "--output",
        folder / "pp",
    )
    lines = load_line_basis(next(basis_folder().glob("mega_press_te68_127*/lines.npz")))
    write_fsl_basis(folder / "basis", lines)
    return folder
