# SPDX-License-Identifier: Apache-2.0
"""``import fsl_mrs_dl``: what is offered, and that it answers as the command line does."""

import json
import re
import subprocess
import sys

import nibabel
import numpy as np
import pytest
from nifti_mrs.nifti_mrs import NIFTI_MRS

import fsl_mrs_dl
from fsl_mrs_dl.cli.main import main
from fsl_mrs_dl.core.errors import ConfigError, DataError, MissingExtraError
from fsl_mrs_dl.io.nifti import read_acquisition
from fsl_mrs_dl.quantify.absolute import tissue_fractions
from tests.helpers import EXAMPLE, ROOT, pair_of, write_nifti

RAW, WATER = EXAMPLE / "megapress_raw.nii.gz", EXAMPLE / "water_reference.nii.gz"
TISSUE = {"GM": 0.6, "WM": 0.3, "CSF": 0.1}


@pytest.fixture(scope="module")
def found():
    return fsl_mrs_dl.fit(RAW, h2o=WATER, tissue=TISSUE)


@pytest.fixture
def pair_file(tmp_path):
    fids = pair_of(noise=0.05, rng=np.random.default_rng(3))
    data = np.moveaxis(fids, -1, 0)[None, None, None]
    header = {"dim_5_header": {"EditCondition": ["OFF", "ON"]}, "EchoTime": 0.068}
    return write_nifti(tmp_path / "pair.nii.gz", data, dims=("DIM_EDIT",), header=header)


def test_importing_the_package_loads_nothing_heavy():
    code = "import sys, fsl_mrs_dl; print(sorted({'numpy', 'scipy', 'nibabel', 'onnxruntime'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_stub_for_type_checkers_lists_what_the_package_offers():
    stub = (ROOT / "fsl_mrs_dl" / "__init__.pyi").read_text("utf-8")
    told = {name: module for module, name in re.findall(r"^from (\S+) import (\S+) as \S+$", stub, re.MULTILINE)}
    assert {"__version__", *told} == set(fsl_mrs_dl.__all__)
    for name, module in told.items():
        assert getattr(fsl_mrs_dl, name) is getattr(sys.modules[module], name)
    assert set(fsl_mrs_dl.__all__) <= set(dir(fsl_mrs_dl))


def test_unknown_attribute_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'quantity'"):
        fsl_mrs_dl.quantity  # noqa: B018


def test_fit_holds_what_the_command_line_writes(found, tmp_path):
    tissue = tmp_path / "tissue.json"
    tissue.write_text(json.dumps(TISSUE), encoding="utf-8")
    options = ["--data", str(RAW), "--h2o", str(WATER), "--tissue", str(tissue), "--output", str(tmp_path / "out")]
    assert main(["fit", *options]) == 0
    written = json.loads((tmp_path / "out" / "quantities.json").read_text("utf-8"))
    assert found.to_dict() | {"reproduce": ""} == written | {"reproduce": ""}
    assert found.reproduce.startswith("fsl_mrs_dl.fit(data=")
    folder = found.write(tmp_path / "api")
    assert {path.name for path in folder.iterdir()} == {path.name for path in (tmp_path / "out").iterdir()}
    with pytest.raises(DataError, match="overwrite=True"):
        found.write(folder)
    found.write(folder, overwrite=True, report=True)
    assert (folder / "report.html").exists()


def test_mappings_name_what_quantities_json_holds(found):
    entries = found.to_dict()["metabolites"]
    gaba = entries["GABA+"]
    assert found.ratios["GABA+"].value == gaba["value"]
    assert found.raw["GABA+"].sd == gaba["raw"]["sd"]
    assert list(found.ratios_to("tNAA")["Glx"].interval68) == entries["Glx"]["ratios"]["tNAA"]["interval68"]
    assert found.ratios_to("tCr") == found.ratios
    assert found.concentration_units == ("mMol/kg", "mM", "mM alpha")
    assert found.concentrations["GABA+"].value == gaba["absolute"]["mmol_per_kg"]["value"]
    assert (
        list(found.concentrations_in("mM")["NAA"].interval95) == entries["NAA"]["absolute"]["mmol_per_l"]["interval95"]
    )
    assert set(found.concentrations_in("mM alpha")) == {"GABA", "GABA+"}
    assert not found.refused
    assert found.reason == ""
    assert found.spectra.present == ("edit_off", "edit_on", "diff")


def test_what_is_not_there_is_named_with_the_nearest(found):
    with pytest.raises(KeyError, match=r"'GABBA' is not among the ratios to Cr\+PCr \(did you mean 'GABA'\?\)"):
        found.ratios["GABBA"]
    assert "GABBA" not in found.ratios
    with pytest.raises(KeyError, match=r"no reference 'tCre'.*did you mean 'tCr'"):
        found.ratios_to("tCre")
    with pytest.raises(KeyError, match=r"no concentrations in 'mMol'.*did you mean 'mMol/kg'"):
        found.concentrations_in("mMol")


def test_what_a_diff_cannot_show_has_no_value():
    data = fsl_mrs_dl.load(RAW)
    diff = data.spectra.__class__(
        dwell_s=data.spectra.dwell_s, f0_mhz=data.spectra.f0_mhz, source=RAW, diff=data.spectra.diff
    )
    alone = fsl_mrs_dl.fit(type(data)(spectra=diff), model="invivo")
    assert "Cr" not in alone.raw
    with pytest.raises(KeyError, match="Cr is not visible in diff"):
        alone.raw["Cr"]
    with pytest.raises(KeyError, match=r"no concentrations by water; got no water reference"):
        alone.concentrations["GABA"]


def test_refused_data_have_no_number_anywhere(tmp_path):
    rng = np.random.default_rng(1)
    noise = (rng.normal(size=(1, 1, 1, 2048, 2)) + 1j * rng.normal(size=(1, 1, 1, 2048, 2))).astype(complex)
    refused = fsl_mrs_dl.fit(write_nifti(tmp_path / "noise.nii.gz", noise, dims=("DIM_EDIT",)))
    assert refused.refused
    assert refused.reason
    for mapping in (refused.raw, refused.ratios, refused.concentrations):
        assert len(mapping) == 0
        with pytest.raises(KeyError, match="refused"):
            mapping["GABA"]
    assert "refused" in repr(refused)
    assert "refused" in refused._repr_html_()


def test_objects_in_memory_are_read_as_the_file_is(pair_file):
    ours = read_acquisition(pair_file)
    for source in (NIFTI_MRS(str(pair_file)), nibabel.load(pair_file)):
        other = read_acquisition(source)
        assert np.array_equal(other.fids, ours.fids)
        assert (other.conditions, other.te_s, other.dwell_s) == (ours.conditions, ours.te_s, ours.dwell_s)
        assert other.source.name == pair_file.name
    # what nifti_mrs hands out is in the package's own sign: neither of them is conjugated twice
    assert np.allclose(NIFTI_MRS(str(pair_file))[:][0, 0, 0].T, ours.fids[:, 0, 0])


def test_changes_of_an_object_in_memory_count(pair_file):
    opened = NIFTI_MRS(str(pair_file))
    opened[:] = 2 * opened[:]
    opened.set_dim_tag(4, "DIM_EDIT", header={"EditCondition": ["ON", "OFF"]})
    changed = read_acquisition(opened)
    assert np.allclose(changed.fids, 2 * read_acquisition(pair_file).fids)
    assert changed.conditions == ("edit_on", "edit_off")
    # the file does not hold this, so that the result must not be taken for the file's
    assert changed.source.name == "NIFTI_MRS object"


def test_what_is_no_data_is_named():
    with pytest.raises(DataError, match=r"no data that can be read; expected a path.*got numpy.ndarray"):
        fsl_mrs_dl.load(np.zeros(2048, complex))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "no data were given; expected data=, or data_off= and data_on="),
        ({"data": ""}, "the path of a file is empty"),
        ({"data_off": RAW}, "data_off= and data_on= are needed together"),
        ({"data": RAW, "data_off": RAW, "data_on": RAW}, "data= is not used beside data_off= and data_on="),
    ],
)
def test_arguments_that_make_no_sense_are_named_as_in_python(given, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        fsl_mrs_dl.load(**given)


def test_command_line_names_its_options_instead(capsys, tmp_path):
    assert main(["fit", "--data-off", str(RAW), "--output", str(tmp_path / "out")]) == 2
    assert "--data-off and --data-on are needed together" in capsys.readouterr().err


def test_loaded_data_take_no_further_files(found):
    with pytest.raises(ConfigError, match="data= was loaded already"):
        fsl_mrs_dl.fit(found.data, h2o=WATER)


def test_tissue_fractions_are_scaled_and_checked():
    assert tissue_fractions({"gm": 0.59, "wm": 0.3, "csf": 0.1}).gm == pytest.approx(0.59 / 0.99)
    with pytest.raises(DataError, match="tissue=: not the fractions of three tissues"):
        tissue_fractions({"GM": 0.6})


def test_frame_has_a_row_for_each_metabolite_and_unit(found):
    pytest.importorskip("pandas", reason="pandas is not installed")
    frame = found.to_frame()
    row = frame[(frame.metabolite == "GABA+") & (frame.unit == "/Cr+PCr")].iloc[0]
    assert row.value == found.ratios["GABA+"].value
    assert (row.lo95, row.hi95) == found.ratios["GABA+"].interval95
    assert set(frame[frame.metabolite == "GABA"].unit) == {"raw", "/Cr+PCr", "mMol/kg", "mM", "mM alpha"}


def test_without_pandas_the_extra_is_named(found, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtraError, match=r"fsl_mrs_dl\[pandas\]"):
        found.to_frame()


def test_notebook_shows_values_and_cautions_escaped(found):
    page = found._repr_html_()
    assert "GABA+" in page
    assert "<script" not in page
    assert page.count("<table>") == page.count("</table>") == 1


def test_plot_is_a_figure_that_pyplot_does_not_hold(found):
    figure = found.plot()
    assert type(figure).__name__ == "Figure"
    assert figure.canvas.manager is None
    assert len(figure.axes) == 3  # DIFF, edit_off, and the values


def test_models_are_listed_and_opened_once():
    names = fsl_mrs_dl.list_models()
    assert "invivo" in names
    model = fsl_mrs_dl.open_model("invivo")
    assert fsl_mrs_dl.open_model(model) is model
    with pytest.raises(ConfigError, match="did you mean 'invivo'"):
        fsl_mrs_dl.open_model("invivos")
