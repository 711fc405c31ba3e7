# SPDX-License-Identifier: Apache-2.0
"""What docs/extend.md says of adding something, done."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fsl_mrs_dl.core.errors import DataError
from fsl_mrs_dl.io import formats, vendor
from fsl_mrs_dl.io.nifti import read_acquisition
from tests.helpers import EXAMPLE, docs_generated

ROOT = Path(__file__).resolve().parents[1]
DOCS = (ROOT / "docs" / "extend.md").read_text(encoding="utf-8")


TABLE = {
    what.strip(): (re.findall(r"`(fsl_mrs_dl/[\w/.]+)`", files), re.findall(r"`(tests/[\w/.]+)`", tests))
    for what, files, tests in re.findall(r"^\| (.+?) \| (.+?) \| (.+?) \|$", DOCS, re.MULTILINE)
    if "`" in files
}
"""What can be added: the files that the page names for it, and the tests that do it."""


def test_the_files_and_tests_that_the_table_names_are_there():
    assert len(TABLE) == 7
    for what, (files, tests) in TABLE.items():
        assert len(files) == len(tests) == 1, what
        for path in (*files, *tests):
            assert (ROOT / path).exists(), path


MLP = re.search(r"```python\n# fsl_mrs_dl/networks/mlp.py\n(.*?)```", DOCS, re.DOTALL)[1]
WIDE = re.search(r"(def _write_wide.*?)\n\n\n", DOCS, re.DOTALL)[1]
ADDED = {
    "a metabolite": {
        "fsl_mrs_dl/metabolites/table.py": (
            '            Metabolite("MM30", ',
            '            Metabolite("bHB", (0.0, 2.0)),\n<line>',
        )
    },
    "a network": {"fsl_mrs_dl/networks/mlp.py": MLP},
    "an output of `fit`": {
        "fsl_mrs_dl/reports/manifest.py": (
            "OUTPUTS: tuple[Output, ...] = (",
            WIDE + '\n\n\n<line>Output({"wide.csv": "desc-dl_wide.csv"}, "one column per metabolite", _write_wide),',
        )
    },
    "a flag": {
        "fsl_mrs_dl/core/flag_catalogue.py": (
            '}\n"""By code.',
            '"moved_a_lot": Entry("caution", "The head moved between ON and OFF.", "DIFF shows two voxels."),\n<line>',
        )
    },
    "a vendor's preset": {
        "fsl_mrs_dl/physics/vendors.py": (
            '        "siemens": Vendor(',
            '        "ours": Vendor(123.25, 0.012, 0.5, 0.005, 1200.0, "gaussian", 0.014, "ours"),\n<line>',
        )
    },
}
"""Rows of the table: what a stranger writes: a whole file, or what takes the place of a line (``<line>``)."""

RAISED = ("    flags = []\n    if left > ", '    flags = [Flag("moved_a_lot", "4 mm")]\n    if left > ')
"""Where a flag is noticed is for its author to know: here in `misfit_flags`."""

LITTLE = """
name = "own"
[network]
name = "mlp"
width = 8
[optimiser]
n_steps = 8
batch_size = 32
validate_every = 4
checkpoint_every = 4
warmup_steps = 2
n_validation = 100
n_calibration = 600
[recipe]
metabolites = ["Cr", "GABA", "NAA", "bHB"]
[recipe.bank]
n_members = 2
n_positions = 4
"""


def overlay(folder, edits):
    """A package with some files of its own in `folder`; the others are links to those of the checkout."""
    kept = [Path("fsl_mrs_dl")]
    while kept:
        name = kept.pop()
        if not any(Path(edited).is_relative_to(name) for edited in edits):
            (folder / name).symlink_to(ROOT / name)
        elif name.as_posix() not in edits:
            (folder / name).mkdir()
            kept += [path.relative_to(ROOT) for path in (ROOT / name).iterdir() if path.name != "__pycache__"]
    for name, edit in edits.items():
        if not isinstance(edit, str):
            line, instead = edit
            text = (ROOT / name).read_text("utf-8")
            assert text.count(line) == 1, name
            edit = text.replace(line, instead.replace("<line>", line))
        (folder / name).write_text(edit, encoding="utf-8")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    """A checkout to which everything of `ADDED` was added; runs its commands, and says what they print."""
    folder = tmp_path_factory.mktemp("checkout")
    edits = {name: edit for files in ADDED.values() for name, edit in files.items()}
    overlay(folder, {**edits, "fsl_mrs_dl/quantify/cautions.py": RAISED})

    def call(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "fsl_mrs_dl", *map(str, arguments)],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )

    return folder, call


@pytest.fixture(scope="module")
def trained(stranger):
    """A model that the stranger trained for a few steps: of the added network, for the added metabolite."""
    pytest.importorskip("torch", reason="training needs torch")
    folder, call = stranger
    (folder / "own.toml").write_text(LITTLE, encoding="utf-8")
    done = call("train", "own.toml", "--output", "run")
    assert done.returncode == 0, done.stderr
    return folder / "run"


@pytest.fixture(scope="module")
def answered(stranger, trained):
    """What that model says, and the folder of a fit by a shipped model that took the place of its answer."""
    folder, call = stranger
    given = ("--data", EXAMPLE / "megapress_raw.nii.gz", "--h2o", EXAMPLE / "water_reference.nii.gz", "--report")
    done = call("fit", *given, "--model", trained, "--any-protocol", "--output", "out")
    assert done.returncode == 0, done.stderr
    own = json.loads((folder / "out" / "quantities.json").read_text("utf-8"))
    assert (folder / "out" / "wide.csv").exists()
    done = call("fit", *given, "--overwrite", "--output", "out")
    assert done.returncode == 0, done.stderr
    return own, folder / "out"


@pytest.mark.parametrize("what", ADDED)
def test_what_was_added_touched_the_files_of_the_table(what):
    files, _ = TABLE[what]
    assert {Path(name).parent if isinstance(edit, str) else Path(name) for name, edit in ADDED[what].items()} == {
        Path(path) for path in files
    }


def test_an_added_network_trains_and_answers(stranger, trained, answered):
    card = json.loads((trained / "card.json").read_text("utf-8"))
    assert card["config"]["network"] == {"name": "mlp", "width": 8}
    own, _ = answered
    assert own["model"]["name"] == "own"
    folder, call = stranger
    (folder / "typo.toml").write_text(LITTLE.replace('"mlp"', '"mpl"'), encoding="utf-8")
    assert "expected one of cnn, fcnn, mlp, yae" in call("train", "typo.toml", "--output", "typo").stderr


def test_an_added_metabolite_has_an_estimate(answered):
    own, _ = answered
    assert set(own["raw"]) == {"Cr", "GABA", "NAA", "bHB", "MM09", "MM30"}
    assert own["metabolites"]["bHB"]["raw"]["sd"] > 0


def test_an_added_output_takes_the_place_of_its_earlier_one(answered):
    _, out = answered
    names, values = ((out / "wide.csv").read_text("utf-8")).splitlines()
    assert {"GABA", "Glx"} <= set(names.split(","))
    assert len(names.split(",")) == len(values.split(","))


def test_an_added_flag_is_told_everywhere(answered):
    own, out = answered
    assert "moved_a_lot" in own["flags"]
    assert "moved_a_lot" in json.loads((out / "quantities.json").read_text("utf-8"))["flags"]
    report = (out / "report.html").read_text("utf-8")
    assert "The head moved between ON and OFF. (4 mm)" in report
    assert "DIFF shows two voxels." in report
    assert "moved_a_lot" in (out / "lcmodel" / "dl.print").read_text("utf-8")


def test_an_added_preset_is_simulated_and_can_be_told(stranger):
    folder, call = stranger
    arguments = ("--metabolites", "NAA", "--positions", "8", "--workers", "1", "--output", "basis")
    done = call("simulate", "--vendor", "ours", *arguments)
    assert done.returncode == 0, done.stderr
    simulated = json.loads((folder / "basis" / "simulation.json").read_text("utf-8"))["sequence"]
    assert simulated["delays_s"][0] == pytest.approx(0.006)
    for command in ("fit", "bids", "train"):
        assert "ours" in call(command, "--help").stdout, command
    assert "did you mean 'ours'" in call("simulate", "--vendor", "our", *arguments).stderr


SPIKE = """
import dataclasses, sys
import numpy as np
import fsl_mrs_dl.synthesise.perturbations as perturbations

perturbations.__path__.append(sys.argv[1])  # as if the file lay among the others
from fsl_mrs_dl.basis.bank import bank_of
from fsl_mrs_dl.basis.bank_config import BankConfig
from fsl_mrs_dl.basis.bank_files import load_members, simulate_members
from fsl_mrs_dl.core.config import from_mapping
from fsl_mrs_dl.core.errors import ConfigError, DataError
from fsl_mrs_dl.synthesise.recipe import Recipe
from fsl_mrs_dl.synthesise.synthesiser import Synthesiser
from fsl_mrs_dl.validation.ladder.rungs import GROUPS, groups_on
from pathlib import Path
from tests.helpers import EXAMPLE, docs_generated

base = {"metabolites": ["Cr", "GABA", "NAA"], "bank": {"n_members": 1, "n_positions": 4}}
without, with_it = (from_mapping(Recipe, {**base, "spike": {"probability": p}}, "here") for p in (0.0, 1.0))
assert list(GROUPS)[-2:] == ["spike", "protocols"] and "spike" in groups_on(with_it)
assert "spike" not in groups_on(without)
off = from_mapping(Recipe, {"perturbations": "off"}, "here")
assert not off.spike.is_on and off.line_shape.width_hz == (2.0, 2.0)
try:
    from_mapping(Recipe, {"spike": {"probabilty": 1.0}}, "here")
except ConfigError as error:
    assert "did you mean 'probability'" in str(error), error
generated = docs_generated()
assert "### `[recipe.spike]`" in generated.perturbations() and "A spurious line of one" in generated.perturbations()
assert "| `spike` | a line of one frequency |" in generated.rungs()

simulate_members(without.bank, without.metabolites, Path(sys.argv[2]))
bank = bank_of(load_members(Path(sys.argv[2])), without.metabolites, without.grid)
one, two = (Synthesiser(recipe, bank).draw(5, np.random.default_rng(1)) for recipe in (without, with_it))
assert "spike" not in one.parts and np.abs(two.parts["spike"].area).min() > 0
np.testing.assert_array_equal(one.noise, two.noise)
np.testing.assert_array_equal(one.parts["background"].lines.area_on, two.parts["background"].lines.area_on)
spectra = Synthesiser(with_it, bank)
plain = {name: part for name, part in two.parts.items() if name != "spike"}
added, bare = (spectra.render(draw).channels for draw in (two, dataclasses.replace(two, parts=plain)))
assert np.abs(added - bare).max() > 0.01
"""


def test_the_perturbation_of_the_page_is_there_by_its_file_alone(tmp_path):
    pytest.importorskip("numba", reason="synthesis needs numba")
    code = re.search(r"```python\n# fsl_mrs_dl/synthesise/perturbations/spike.py\n(.*?)```", DOCS, re.DOTALL)[1]
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "spike.py").write_text(code, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", SPIKE, str(tmp_path / "more"), str(tmp_path / "bank")],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr


PROGRAM = """
import pathlib, shutil, sys
argument = dict(zip(sys.argv, sys.argv[1:]))
pathlib.Path(argument["-o"], "called.txt").write_text(" ".join(sys.argv[1:]))
shutil.copy(EXAMPLE, pathlib.Path(argument["-o"], argument["-f"] + ".nii.gz"))
"""


def test_a_scanners_format_is_converted_by_its_entry_alone(monkeypatch, tmp_path):
    known = formats.Format("our scanner's file (.ours)", (".ours",), "one scan each", command="text")
    monkeypatch.setitem(formats.FORMATS, "ours", known)
    program = PROGRAM.replace("EXAMPLE", repr(str(EXAMPLE / "megapress_raw.nii.gz")))
    monkeypatch.setattr(vendor, "spec2nii_command", lambda: [sys.executable, "-c", program])
    scan, out = tmp_path / "scan.ours", tmp_path / "out"
    scan.write_bytes(b"a spectrum")
    out.mkdir()
    assert vendor.detect_format(scan) == "ours"
    written = vendor.convert([scan], out, "scan")
    assert [path.name for path in written] == ["scan.nii.gz"]
    assert (out / "called.txt").read_text().startswith("text -f scan ")
    assert read_acquisition(written[0]).n_conditions == 2
    with pytest.raises(DataError, match=r"our scanner's file \(\.ours\), one scan each: scan\.ours"):
        vendor.detect_format(tmp_path)
    assert "nifti, ours (default: found)" in docs_generated().options("convert")
