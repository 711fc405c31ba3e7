# SPDX-License-Identifier: Apache-2.0
"""What convert says, or mends, where a scanner's file is older or odder than spec2nii expects; NIfTI-MRS repaired."""

import re

import numpy as np
import pytest

from fsl_mrs_dl.core.errors import ConfigError, DataError
from fsl_mrs_dl.io.edit_dimension import load
from fsl_mrs_dl.io.spar import completed, read_spar
from fsl_mrs_dl.io.spec2nii_errors import explain
from fsl_mrs_dl.io.vendor import detect_format
from fsl_mrs_dl.preprocess.convert import Editing, convert_scan
from tests.convert_helpers import transients, write_rda, write_sdat
from tests.helpers import fid_of, pair_of, write_nifti


def pair_in(tag, tmp_path, header=None, name="a.nii.gz"):
    """ON and OFF in a dimension called `tag`."""
    off, on = pair_of()
    return write_nifti(tmp_path / name, np.stack([on, off], axis=-1)[None, None, None], dims=(tag,), header=header)


@pytest.mark.parametrize("name", ["a.nii.gz", "a.nii"])
def test_conditions_in_a_dimension_without_a_name_are_repaired(tmp_path, name):
    path = pair_in("DIM_USER_0", tmp_path, name=name)
    made = convert_scan([path], tmp_path / "o.nii.gz", Editing("on-off"))
    after = load(tmp_path / "o.nii.gz")
    assert (after.tags, after.labels) == (["DIM_EDIT"], ["ON", "OFF"])
    np.testing.assert_array_equal(after.data, load(path).data)
    assert [item.notes for item in made] == [()]


def test_conditions_that_the_header_names_need_no_order(tmp_path):
    path = pair_in("DIM_USER_1", tmp_path, {"dim_5_header": {"EditCondition": ["ON", "OFF"]}})
    convert_scan([path], tmp_path / "o.nii.gz", Editing())
    assert load(tmp_path / "o.nii.gz").labels == ["ON", "OFF"]


def test_without_an_order_it_is_said_what_to_say(tmp_path):
    made = convert_scan([pair_in("DIM_USER_0", tmp_path)], tmp_path / "o.nii.gz", Editing())
    assert "if ON and OFF are in DIM_USER_0, say order=" in made[0].notes


def test_two_niftis_are_joined(tmp_path):
    off, on = pair_of()
    paths = [write_nifti(tmp_path / f"{k}.nii.gz", fid[None, None, None]) for k, fid in (("off", off), ("on", on))]
    convert_scan([], tmp_path / "o.nii.gz", Editing(), off=paths[0], on=paths[1])
    assert load(tmp_path / "o.nii.gz").labels == ["OFF", "ON"]


def test_one_file_is_no_two_conditions(tmp_path):
    path = write_nifti(tmp_path / "off.nii.gz", pair_of()[0][None, None, None])
    (tmp_path / "on.nii.gz").symlink_to(path)
    with pytest.raises(ConfigError, match=r"on\.nii\.gz: on= and off= are one file; expected two files"):
        convert_scan([], tmp_path / "o.nii.gz", Editing(), off=path, on=tmp_path / "on.nii.gz")
    assert not (tmp_path / "o.nii.gz").exists()


@pytest.mark.parametrize("offset", [float("nan"), float("inf"), 242.6, -351.0])
def test_an_editing_pulse_stands_in_ppm(offset):
    with pytest.raises(ConfigError, match="the chemical shift of the ON pulse is impossible; expected -10 to 20 ppm"):
        Editing("on-off", pulses={"ON": {"PulseOffset": offset, "PulseDuration": 0.014}})
    Editing("on-off", pulses={"ON": {"PulseOffset": -2.75}, "OFF": {"PulseOffset": 7.5}})  # from water, as GE has it


@pytest.mark.parametrize(("wrong", "right"), [("a.nii", "b.nii.gz"), ("a.nii.gz", "b.nii")])
def test_a_name_that_lies_about_compression_is_no_matter(tmp_path, wrong, right):
    path = pair_in("DIM_USER_0", tmp_path, name=right).rename(tmp_path / wrong)
    convert_scan([path], tmp_path / "o.nii.gz", Editing("on-off"))
    assert load(tmp_path / "o.nii.gz").labels == ["ON", "OFF"]


@pytest.mark.parametrize(
    ("content", "said"), [(b"\x1f\x8b\x08 cut off", "the file is damaged"), (b"no NIfTI at all", "the file is damaged")]
)
def test_a_nifti_that_is_none_is_one_line(tmp_path, content, said):
    path = tmp_path / "a.nii.gz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=said):
        convert_scan([path], tmp_path / "o.nii.gz", Editing("on-off"))
    image = tmp_path / "b.nii"
    image.write_bytes(bytes(1000))
    with pytest.raises(DataError, match="not a NIfTI-MRS file"):
        convert_scan([image], tmp_path / "o.nii.gz", Editing("on-off"))


@pytest.mark.parametrize("order", ["on-off", "auto"])
def test_an_error_on_the_way_names_the_users_file(tmp_path, order):
    fids = np.stack([fid_of({3.0: 1.0})] * 3, axis=-1) if order == "on-off" else np.stack([fid_of({3.0: 1.0})] * 2, -1)
    path = write_nifti(tmp_path / "mine.nii.gz", fids[None, None, None], dims=("DIM_DYN",))
    with pytest.raises(DataError) as caught:
        convert_scan([path], tmp_path / "o.nii.gz", Editing(order))
    assert str(caught.value).startswith(f"{path}: ")
    assert "fsl_mrs_dl_" not in str(caught.value)


def test_an_error_of_one_of_two_files_names_that_one(tmp_path):
    off = write_nifti(tmp_path / "off.nii.gz", fid_of({3.0: 1.0})[None, None, None])
    on = write_nifti(tmp_path / "on.nii.gz", fid_of({3.0: 1.0}, n_points=1024)[None, None, None])
    with pytest.raises(DataError) as caught:
        convert_scan([], tmp_path / "o.nii.gz", Editing(), off=off, on=on)
    assert str(caught.value).startswith(f"{on}: ")


def test_two_rda_files_point_to_the_options_for_conditions(tmp_path):
    paths = [write_rda(tmp_path / f"{name}.rda", fid_of({3.0: 1.0})) for name in ("a", "b")]
    with pytest.raises(ConfigError, match="off= and on="):
        convert_scan(paths, tmp_path / "o.nii.gz", Editing())
    with pytest.raises(DataError, match=r"one averaged spectrum each: a.rda, b.rda. .*off= and on="):
        detect_format(tmp_path)


@pytest.fixture
def spar(tmp_path):
    return write_sdat(tmp_path / "scan", transients((1, 0))).with_suffix(".SPAR")


def test_a_spar_that_is_complete_stays_as_it_is(spar, tmp_path):
    assert completed(spar, tmp_path / "none") == spar


@pytest.mark.usefixtures("spec2nii")
@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("spectrum_inversion_time : 0\n", ""),
        lambda text: re.sub(r"(patient_\w+|scan_id|offset_frequency) : .*\n", "", text),
        lambda text: text.replace("scan_id : made", "scan_id : 5"),
        lambda text: text.replace("scan_id : made", "scan_id :"),
        lambda text: text + "a line without a colon\n  \n",
        lambda text: text.replace("lr_angulation : 0\n", ""),
        lambda text: text.replace('volume_selection_enable : "yes"\n', ""),
    ],
)
def test_a_spar_of_an_older_scanner_is_completed(spar, tmp_path, change):
    spar.write_text(change(spar.read_text()))
    before = spar.read_bytes()
    convert_scan([spar], tmp_path / "o.nii.gz", Editing("on-off"))
    assert load(tmp_path / "o.nii.gz").labels == ["ON", "OFF"]
    assert spar.read_bytes() == before


def test_a_spar_without_what_was_measured_is_one_line(spar, tmp_path):
    spar.write_text(spar.read_text().replace("echo_time : 68\n", ""))
    assert "echo_time" not in read_spar(spar)
    with pytest.raises(DataError, match=r"the SPAR has no entry 'echo_time'.*echo_time : 68"):
        convert_scan([spar], tmp_path / "o.nii.gz", Editing())


TRACEBACK = """Traceback (most recent call last):
  File "/x/site-packages/spec2nii/GE/ge_read_pfile.py", line 133, in is_ge_file
    if "GE" in self.hdr.rhr_rh_logo:
{}
"""


@pytest.mark.parametrize(
    ("last", "said"),
    [
        ("TypeError: a bytes-like object is required, not 'str'", "header revision 9.000, older than"),
        ("IndexError: list index out of range", "spec2nii does not understand this file"),
        ("KeyError: 'x_y'", "the file has no entry 'x_y', which spec2nii needs"),
        ("struct.error: unpack requires a buffer", "spec2nii/GE/ge_read_pfile.py:133"),
        ("spec2nii.GE.UnsupportedPulseSequenceError: Unrecognised sequence fidcsi.", "Unrecognised sequence fidcsi"),
        ("ValueError: Media Storage SOP Class 1.2 not recognised.", "got ValueError: Media Storage SOP"),
    ],
)
def test_a_bare_error_of_spec2nii_says_what_the_file_is(tmp_path, last, said):
    path = tmp_path / "P00001.7"
    path.write_bytes(np.array([9.0], "<f4").tobytes() + bytes(200))
    error = explain("ge", "GE P-file (.7)", path, TRACEBACK.format(last), tmp_path / "scratch")
    assert said in str(error)
    assert str(error).startswith(f"{path}: ")
    assert "\n" not in str(error)


def test_the_folder_that_spec2nii_works_in_is_not_named(tmp_path):
    scratch = tmp_path / "scratch"
    error = explain(
        "rda", "Siemens .rda", tmp_path / "a.rda", f"OSError: {scratch}/a.nii.gz cannot be written", scratch
    )
    assert "scratch" not in str(error)


def test_the_two_files_of_preproc_are_joined(tmp_path, capsys):
    """Each has a DIM_EDIT of one condition, with its name."""
    from nifti_mrs.nifti_mrs import NIFTI_MRS

    from fsl_mrs_dl.cli.main import main
    from tests.helpers import EXAMPLE

    assert (
        main(["preproc", "--data", str(EXAMPLE / "megapress_raw.nii.gz"), "--output", str(tmp_path / "pre"), "--quiet"])
        == 0
    )
    off, on, out = tmp_path / "pre" / "edit_0.nii.gz", tmp_path / "pre" / "edit_1.nii.gz", tmp_path / "pair.nii.gz"
    assert main(["convert", "--on", str(on), "--off", str(off), "--output", str(out)]) == 0
    swapped = tmp_path / "swapped.nii.gz"
    assert main(["convert", "--on", str(off), "--off", str(on), "--output", str(swapped)]) == 2
    assert "whose header says EditCondition OFF" in capsys.readouterr().err
    assert not swapped.exists()
    pair = NIFTI_MRS(out)
    assert pair.dim_tags[0] == "DIM_EDIT"
    assert pair.hdr_ext["dim_5_header"]["EditCondition"] == ["OFF", "ON"]
    for number, path in enumerate((off, on)):
        np.testing.assert_array_equal(load(out).data[..., number], load(path).data[..., 0])
