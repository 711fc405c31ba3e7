# SPDX-License-Identifier: Apache-2.0
"""What docs/extend.md says of adding something, done."""

import re
import sys
import types
from dataclasses import replace
from pathlib import Path

import pytest

from fsl_mrs_dl import networks
from fsl_mrs_dl.cli.main import build_parser
from fsl_mrs_dl.core import flags
from fsl_mrs_dl.core.errors import ConfigError
from fsl_mrs_dl.core.flags import Flag
from fsl_mrs_dl.physics.sequences import presets
from tests.helpers import docs_generated
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


def test_a_preset_is_offered_by_the_command_and_gives_its_timing(monkeypatch):
    with pytest.raises(ConfigError, match="unknown vendor"):
        presets.mega_press(vendor="ours")
    ours = replace(presets.VENDORS["ge"], first_echo_s=0.012)
    monkeypatch.setattr(presets, "VENDORS", {**presets.VENDORS, "ours": ours})
    sequence = presets.mega_press(0.070, vendor="ours")
    assert sequence.te_s == pytest.approx(0.070)
    assert sequence.delays_s[0] == pytest.approx(0.006)
    assert build_parser().parse_args(["simulate", "--vendor", "ours", "--output", "x"]).vendor == "ours"
