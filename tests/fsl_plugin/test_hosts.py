# SPDX-License-Identifier: Apache-2.0
"""Who asks, on a stand-in of FSL-MRS: images of fsl_mrsi, and programs that call FSL-MRS's library."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from fsl_mrs_dl.basis.files import load_line_basis, write_fsl_basis
from fsl_mrs_dl.core.errors import DataError
from fsl_mrs_dl.core.resources import basis_folder
from fsl_mrs_dl.io.nifti import write_spectrum
from tests.bids_helpers import spectra
from tests.helpers import write_nifti

pytest.importorskip("pandas", reason="pandas, which FSL-MRS brings, is not installed")
pytest.importorskip("onnxruntime")

SAMPLED = {"dwell_s": 5e-4, "f0_mhz": 127.75}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A brain's OFF, ON and DIFF, an image of two such voxels and an empty one, upright and inverted, and a basis."""
    path = tmp_path_factory.mktemp("brain")
    (off, on), water = spectra(3)
    for name, fid in {"off": off, "on": on, "diff": (on - off) / 2, "water": water}.items():
        write_spectrum(path / f"{name}.nii.gz", fid, header={"EchoTime": 0.068}, **SAMPLED)
    grid = np.zeros((1, 3, 1, len(off)), np.complex64)
    grid[0, :2, 0] = (on - off) / 2
    header = {"EchoTime": 0.068}
    write_nifti(path / "upright.nii.gz", grid, header=header, **SAMPLED)
    write_nifti(path / "inverted.nii.gz", -grid, header=header, **SAMPLED)
    lines = load_line_basis(next(basis_folder().glob("mega_press_te68_127*/lines.npz")))
    write_fsl_basis(path / "all", lines, n_points=1024)
    # alone: beside edit_off it would tell the network the protocol, which a program of the user's does not do
    (path / "all" / "diff").rename(path / "basis")
    return path


@pytest.fixture
def fitting(monkeypatch):
    """The module of fits, and what runs it."""
    from tests import standin_helpers as stand_in

    stand_in.install_stand_in(monkeypatch)
    return stand_in


def image_options(folder, image, **given):
    return SimpleNamespace(data=folder / f"{image}.nii.gz", basis=folder / "basis", mask=None, **given)


@pytest.mark.parametrize("model", ["", "invivo"])
def test_water_for_an_inverted_image_is_refused_in_one_line_before_anything_is_written(folder, fitting, model, capsys):
    from fsl_mrs_dl.fsl_plugin.checks import check_before_writing

    options = image_options(folder, "inverted", h2o=folder / "water.nii.gz")
    with pytest.raises(SystemExit) as left:
        check_before_writing(fitting, model, "fsl_mrsi", options)
    said = [line for line in capsys.readouterr().err.splitlines() if "error" in line]
    assert left.value.code == 1
    assert len(said) == 1
    assert said[0].startswith("fsl_mrsi --algo dl: error: ")
    assert "inverted.nii.gz" in said[0]
    assert "upside down" in said[0]
    assert "leave out --h2o" in said[0]


@pytest.mark.parametrize(("image", "water"), [("upright", True), ("inverted", False)])
def test_an_image_that_fsl_mrsi_can_scale_is_let_through(folder, fitting, image, water):
    from fsl_mrs_dl.fsl_plugin.checks import check_before_writing

    given = {"h2o": folder / "water.nii.gz" if water else None}
    assert check_before_writing(fitting, "", "fsl_mrsi", image_options(folder, image, **given)) is None


def test_an_inverted_basis_turns_the_verdict(folder, fitting, tmp_path, capsys):
    from fsl_mrs_dl.fsl_plugin.checks import check_before_writing

    turned = tmp_path / "turned"
    turned.mkdir()
    for file in (folder / "basis").glob("*.json"):
        entry = json.loads(file.read_text())
        for part in ("basis_re", "basis_im"):
            entry["basis"][part] = [-value for value in entry["basis"][part]]
        (turned / file.name).write_text(json.dumps(entry))
    water = folder / "water.nii.gz"
    for image, refused in (("inverted", False), ("upright", True)):
        options = SimpleNamespace(data=folder / f"{image}.nii.gz", basis=turned, mask=None, h2o=water)
        if refused:
            with pytest.raises(SystemExit):
                check_before_writing(fitting, "", "fsl_mrsi", options)
            assert "upside down" in capsys.readouterr().err
        else:
            check_before_writing(fitting, "", "fsl_mrsi", options)


def from_a_notebook(fitting, folder):
    """What ``fit_FSLModel(mrs, method="dl")`` gives to a program that is none of FSL-MRS's."""
    from fsl_mrs_dl.fsl_plugin.fit import fit
    from fsl_mrs_dl.fsl_plugin.request import Request

    mrs = fitting.Mrs(folder / "diff.nii.gz", folder / "basis")
    return fit(fitting.fit_FSLModel, "invivo", Request(), (mrs,), {"method": "dl"})


def test_a_notebook_names_off_and_on(folder, fitting, monkeypatch):
    for name in ("FSL_MRS_DL_OFF", "FSL_MRS_DL_ON"):
        monkeypatch.delenv(name, raising=False)
    alone = from_a_notebook(fitting, folder)
    assert alone.dl.spectra.present == ("diff",)
    assert np.isnan(alone.getConc(metab="Cr"))
    for name, file in (("FSL_MRS_DL_OFF", "off"), ("FSL_MRS_DL_ON", "on")):
        monkeypatch.setenv(name, str(folder / f"{file}.nii.gz"))
    both = from_a_notebook(fitting, folder)
    assert both.dl.spectra.edit_off is not None
    assert both.getConc(metab="Cr") > 0
    assert "named in the environment" in both.dl.conditions
    # and the answer is that of the files
    found = fitting.run_stand_in(folder / "diff.nii.gz", folder / "basis", folder / "out", "invivo")
    assert both.getConc("internal", "GABA") == pytest.approx(found.getConc("internal", "GABA"), rel=1e-5)


def test_a_notebook_that_names_another_scan_hears_it(folder, fitting, monkeypatch):
    monkeypatch.setenv("FSL_MRS_DL_OFF", str(folder / "off.nii.gz"))
    monkeypatch.setenv("FSL_MRS_DL_ON", str(folder / "water.nii.gz"))
    with pytest.raises(DataError, match="do not subtract to the data"):
        from_a_notebook(fitting, folder)
    monkeypatch.delenv("FSL_MRS_DL_ON")
    with pytest.raises(Exception, match="FSL_MRS_DL_ON beside the other"):
        from_a_notebook(fitting, folder)


def test_what_calls_for_no_caution_is_a_note(folder, fitting, tmp_path, monkeypatch, capsys):
    for name in ("FSL_MRS_DL_OFF", "FSL_MRS_DL_ON"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "edit_0.nii.gz").symlink_to(folder / "off.nii.gz")
    (tmp_path / "edit_1.nii.gz").symlink_to(folder / "on.nii.gz")
    (tmp_path / "diff.nii.gz").symlink_to(folder / "diff.nii.gz")
    result = fitting.run_stand_in(tmp_path / "diff.nii.gz", folder / "basis", tmp_path / "out")
    said = capsys.readouterr().err.splitlines()
    notes = [line for line in said if line.startswith("fsl_mrs_dl: note:")]
    assert any("invivo, as for a brain" in line for line in notes)
    benign = [flag.sentence for flag in result.dl.quantification.flags if flag.severity == "info"]
    benign += list(result.dl.notes)
    assert benign
    cautions = " ".join(line for line in said if line.startswith("fsl_mrs_dl: caution:"))
    assert not any(text in cautions for text in benign)
    assert not any(text in result.cautions() for text in benign)


def test_another_protocol_is_refused_with_the_way_that_is_open_in_fsl_mrs(folder, fitting, tmp_path):
    from fsl_mrs_dl.io.nifti import read_acquisition

    # an unedited echo time
    fid = read_acquisition(folder / "off.nii.gz").fids[0, 0, 0]
    write_spectrum(tmp_path / "diff.nii.gz", fid, header={"EchoTime": 0.030}, **SAMPLED)
    result = fitting.run_stand_in(tmp_path / "diff.nii.gz", folder / "basis", tmp_path / "out", "invivo")
    refused = next(flag for flag in result.dl.quantification.flags if flag.severity == "refused")
    assert "FSL_MRS_DL_ANY_PROTOCOL=1" in refused.detail
    written = json.loads((tmp_path / "out" / "quantities.json").read_text())
    assert written["refused"]
    assert "--any-protocol" not in json.dumps(written)
