# SPDX-License-Identifier: Apache-2.0
"""What docs/extend.md says of adding something, done."""

import os
import re
import subprocess
import sys
import types
from dataclasses import replace
from pathlib import Path

import pytest

from fsl_mrs_dl import networks
from fsl_mrs_dl.cli.main import build_parser
from fsl_mrs_dl.core import flags
from fsl_mrs_dl.core.errors import ConfigError, DataError
from fsl_mrs_dl.core.flags import Flag
from fsl_mrs_dl.io import formats, vendor
from fsl_mrs_dl.io.nifti import read_acquisition
from fsl_mrs_dl.physics.sequences import presets
from tests.helpers import EXAMPLE, docs_generated
from tests.report_helpers import full, write

ROOT = Path(__file__).resolve().parents[1]
DOCS = (ROOT / "docs" / "extend.md").read_text(encoding="utf-8")


def test_the_files_and_tests_that_the_table_names_are_there():
    table = DOCS.split("|---|---|---|\n")[1].split("\n\n")[0]
    paths = re.findall(r"`((?:fsl_mrs_dl|tests)/[\w/.]+)`", table)
    assert len(paths) > 10
    for path in paths:
        assert (ROOT / path).exists(), path


def test_the_network_of_the_page_is_built_by_its_name(monkeypatch):
    torch = pytest.importorskip("torch", reason="networks need torch")
    code = re.search(r"```python\n(# fsl_mrs_dl/networks/mlp.py\n.*?)```", DOCS, re.DOTALL)[1]
    module = types.ModuleType("fsl_mrs_dl.networks.mlp")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(code, "docs/extend.md", "exec"), module.__dict__)
    monkeypatch.setitem(networks.NETWORKS, "mlp", ("mlp", "Mlp", "MlpConfig"))
    built = networks.build_network({"name": "mlp", "width": 8}, n_points=16, n_outputs=3)
    mean, log_sd = built(torch.zeros(5, 4, 16), torch.ones(5, 2))
    assert mean.shape == log_sd.shape == (5, 3)
    with pytest.raises(ConfigError, match="did you mean 'width'"):
        networks.build_network({"name": "mlp", "widht": 8}, n_points=16, n_outputs=3)


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


def test_a_flag_is_known_everywhere_once_it_is_in_the_catalogue(monkeypatch, tmp_path):
    with pytest.raises(ConfigError, match="unknown flag"):
        Flag("moved_a_lot")
    monkeypatch.setitem(flags.CATALOGUE, "moved_a_lot", ("caution", "The head moved between ON and OFF."))
    flag = Flag("moved_a_lot", "4 mm")
    assert "| `moved_a_lot` | The head moved between ON and OFF. |" in docs_generated().flags("caution")
    q = full()
    write(replace(q, flags=(*q.flags, flag)), tmp_path / "o")
    for name in ("quantities.json", "report.html", "lcmodel/dl.print"):
        assert "moved_a_lot" in (tmp_path / "o" / name).read_text(encoding="utf-8"), name


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


def test_a_preset_is_offered_by_the_command_and_gives_its_timing(monkeypatch):
    with pytest.raises(ConfigError, match="unknown vendor"):
        presets.mega_press(vendor="ours")
    ours = replace(presets.VENDORS["ge"], first_echo_s=0.012)
    monkeypatch.setattr(presets, "VENDORS", {**presets.VENDORS, "ours": ours})
    sequence = presets.mega_press(0.070, vendor="ours")
    assert sequence.te_s == pytest.approx(0.070)
    assert sequence.delays_s[0] == pytest.approx(0.006)
    assert build_parser().parse_args(["simulate", "--vendor", "ours", "--output", "x"]).vendor == "ours"
