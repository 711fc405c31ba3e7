# SPDX-License-Identifier: Apache-2.0
"""Names that contradict their place, that two images have, that BIDS did not know before; and whose water it is."""

import json

import numpy as np
import pytest

from fsl_mrs_dl.bids.dataset import NoInputError, find_scans
from fsl_mrs_dl.bids.participant import process
from fsl_mrs_dl.bids.sidecar import with_sidecar
from fsl_mrs_dl.core.errors import DataError
from fsl_mrs_dl.io.nifti import read_acquisition
from tests.helpers import pair_of, write_nifti

SCAN = "sub-01/mrs/sub-01_acq-mega_svs.nii.gz"


@pytest.fixture
def study(tmp_path):
    """A function that makes a dataset of empty images (their names say what they are) and finds its scans."""

    def make(*names, sidecars=None):
        root = tmp_path / "bids"
        (root / "code").mkdir(parents=True, exist_ok=True)
        (root / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.10.1"}', encoding="utf-8")
        for name in names:
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        for name, content in (sidecars or {}).items():
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            (root / name).write_bytes(data)
        return root, find_scans(root)

    return make


def test_two_images_of_one_name_are_one_error_that_names_both(study):
    _, scans = study(SCAN, SCAN.removesuffix(".gz"), "sub-02/mrs/sub-02_acq-mega_svs.nii.gz")
    assert [scan.problem is None for scan in scans] == [False, True]
    assert "sub-01_acq-mega_svs.nii and sub-01_acq-mega_svs.nii.gz" in scans[0].problem


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("sub-01/mrs/sub-02_acq-mega_svs.nii.gz", "its name says sub-02 and its folder sub-01"),
        ("sub-01/ses-1/mrs/sub-01_ses-2_acq-mega_svs.nii.gz", "its name says ses-2 and its folder ses-1"),
        ("sub-01/ses-1/mrs/sub-01_acq-mega_svs.nii.gz", "its name says no ses and its folder ses-1"),
        ("sub-01/mrs/sub-01_ses-2_acq-mega_svs.nii.gz", "its name says ses-2 and its folder no ses"),
        ("sub-0_2/mrs/sub-0_2_acq-mega_svs.nii.gz", "not valid in BIDS"),
        ("sub-01/mrs/mega_svs.nii", "not valid in BIDS"),
        ("sub-01/mrs/sub-01_acq-mega_svs.NII.GZ", "not valid in BIDS"),
    ],
)
def test_a_name_that_contradicts_its_folder_is_an_error_of_that_scan(study, tmp_path, name, said):
    others = ("sub-01/mrs/sub-01_acq-megaX_svs.nii.gz", "sub-02/mrs/sub-02_acq-mega_svs.nii.gz")
    root, scans = study(name, *others)
    wrong = [scan for scan in scans if scan.problem is not None]
    assert len(scans) == 3
    assert [scan.path for scan in wrong] == [root / name]
    assert said in wrong[0].problem
    output = tmp_path / "out"
    earlier = output / "sub-02" / "mrs" / "sub-02_acq-mega_desc-dl_mrsquant.tsv"
    earlier.parent.mkdir(parents=True)
    earlier.write_text("of the scan that has this name by right")
    outcome = process(wrong[0], root, output, None)
    assert outcome.state == "failed"
    assert said in outcome.message
    assert earlier.exists()


def test_files_of_an_operating_system_are_not_scans(study):
    _, scans = study(SCAN, "sub-01/mrs/._sub-01_acq-mega_svs.nii.gz")
    assert len(scans) == 1


def test_labels_may_have_a_plus(study):
    water = "sub-01/mrs/sub-01_acq-mega+gaba_mrsref.nii.gz"
    root, scans = study("sub-01/mrs/sub-01_acq-mega+gaba_svs.nii.gz", water)
    assert [(scan.problem, scan.reference) for scan in scans] == [(None, root / water)]


@pytest.mark.parametrize("key", ["voi", "nuc"])
def test_water_of_another_voxel_or_nucleus_is_not_taken(study, key):
    names = [f"sub-01/mrs/sub-01_acq-mega_{key}-{label}_svs.nii.gz" for label in ("A", "B")]
    water = f"sub-01/mrs/sub-01_acq-mega_{key}-A_mrsref.nii.gz"
    root, scans = study(*names, water)
    assert [scan.reference for scan in scans] == [root / water, None]


def test_water_whose_name_is_silent_about_the_voxel_may_be_taken_and_is_noted(study):
    water = "sub-01/mrs/sub-01_acq-mega_mrsref.nii.gz"
    root, scans = study("sub-01/mrs/sub-01_acq-mega_voi-A_svs.nii.gz", water)
    assert scans[0].reference == root / water
    assert "was taken for its acq label" in scans[0].notes[0]


def test_two_waters_of_one_name_are_not_chosen_from(study):
    water = "sub-01/mrs/sub-01_acq-mega_mrsref.nii"
    _, scans = study(SCAN, water, f"{water}.gz")
    assert scans[0].reference is None
    assert "2 water references" in scans[0].notes[0]


def test_water_that_lies_in_another_participants_folder_is_not_taken(study):
    _, scans = study(SCAN, "sub-02/mrs/sub-01_acq-mega_mrsref.nii.gz")
    assert scans[0].reference is None


SIDECAR = SCAN.replace("nii.gz", "json")
OTHER = "sub-01/mrs/sub-01_acq-conc_mrsref.nii.gz"


@pytest.mark.parametrize(
    "signal", [f"bids::{OTHER}", OTHER, "mrs/sub-01_acq-conc_mrsref.nii.gz", [f"bids:raw:{OTHER}"]]
)
def test_the_reference_of_a_sidecar_is_found(study, signal):
    root, scans = study(SCAN, OTHER, sidecars={SIDECAR: {"ReferenceSignal": signal}})
    assert (scans[0].problem, scans[0].reference, scans[0].notes) == (None, root / OTHER, ())


def test_a_second_reference_of_a_sidecar_is_not_dropped_in_silence(study):
    second = OTHER.replace("conc", "ecc")
    signal = {"ReferenceSignal": [f"bids::{OTHER}", f"bids::{second}"]}
    root, scans = study(SCAN, OTHER, second, sidecars={SIDECAR: signal})
    assert scans[0].reference == root / OTHER
    assert "acq-conc_mrsref.nii.gz was used, not sub-01_acq-ecc_mrsref.nii.gz" in scans[0].notes[0]


@pytest.mark.parametrize(
    ("signal", "said"),
    [
        ("bids::sub-02/mrs/sub-02_acq-mega_mrsref.nii.gz", "another participant; expected sub-01; got sub-02"),
        ("bids::sub-01/mrs/sub-01_acq-none_mrsref.nii.gz", "is not there"),
        (5, "ReferenceSignal is no path"),
    ],
)
def test_a_reference_that_cannot_be_right_is_an_error_of_that_scan(study, signal, said):
    water = "sub-02/mrs/sub-02_acq-mega_mrsref.nii.gz"
    _, scans = study(SCAN, water, sidecars={SIDECAR: {"ReferenceSignal": signal}})
    assert said in scans[0].problem


def test_a_byte_order_mark_does_not_matter(study):
    mark = b"\xef\xbb\xbf"
    root, scans = study(SCAN, sidecars={SIDECAR: mark + b'{"EchoTime": 0.068}'})
    assert (scans[0].problem, scans[0].metadata) == (None, {"EchoTime": 0.068})
    (root / "dataset_description.json").write_bytes(mark + b'{"Name": "x", "BIDSVersion": "1.10.1"}')
    assert len(find_scans(root)) == 1


def test_a_scan_is_edited_when_its_header_alone_says_so(study):
    name, water = "sub-01/mrs/sub-01_svs.nii.gz", "sub-01/mrs/sub-01_run-2_svs.nii.gz"
    with pytest.raises(NoInputError):
        study(name, water)
    root = study(SCAN)[0]
    data = np.moveaxis(pair_of(), 0, -1)[None, None, None]
    header = {"dim_5": "DIM_EDIT", "dim_5_header": {"EditCondition": ["OFF", "ON"]}}
    write_nifti(root / name, data, header=header)
    write_nifti(root / water, data, header={**header, "WaterSuppressed": False})
    assert [scan.path for scan in find_scans(root)] == [root / name, root / SCAN]


def test_a_sidecar_may_name_the_condition_of_each_dynamic(tmp_path):
    off, on = pair_of()
    data = np.stack([on, off] * 4, axis=-1)[None, None, None]
    path = write_nifti(tmp_path / "a.nii.gz", data, dims=("DIM_DYN",))
    read = with_sidecar(read_acquisition(path), {"EditCondition": ["ON", "OFF"] * 4})
    assert read.conditions == ("edit_on", "edit_off")
    assert read.fids.shape[:3] == (2, 1, 4)
    np.testing.assert_allclose(read.fids[:, 0, 0], [on, off], rtol=1e-5, atol=1e-5)


def test_a_sidecar_that_names_a_third_condition_is_an_error(tmp_path):
    off, on = pair_of()
    path = write_nifti(tmp_path / "a.nii.gz", np.stack([on, off, on], axis=-1)[None, None, None], dims=("DIM_DYN",))
    with pytest.raises(DataError, match="more than two editing conditions"):
        with_sidecar(read_acquisition(path), {"EditCondition": ["A", "B", "C"]})
