# SPDX-License-Identifier: Apache-2.0
"""Figures do not depend on what the user has set for matplotlib, and leave it as it was."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fsl_mrs_dl.core.canvas import new_figure, plain_style, save_figure
from fsl_mrs_dl.core.errors import DataError

ROOT = Path(__file__).resolve().parents[2]
DRAW = """
from pathlib import Path
from fsl_mrs_dl.core.canvas import new_figure, plain_style, save_figure
with plain_style():
    figure = new_figure(figsize=(2, 1))
    figure.subplots().set_title("a_b $ 5 % c")
save_figure(Path("drawn.png"), figure, dpi=50)
"""
SETTINGS = {
    "tex": "text.usetex: True\n",
    "pdf": "savefig.format: pdf\nbackend: pdf\nsavefig.bbox: tight\nfont.size: 40\n",
    "nonsense": "no.such.key: 5\nfont.size: very large indeed\n",
}


def draw_in(folder, **environment):
    done = subprocess.run(
        [sys.executable, "-c", DRAW],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return (folder / "drawn.png").read_bytes()


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    drawn = draw_in(tmp_path_factory.mktemp("plain"))
    assert drawn.startswith(b"\x89PNG")
    return drawn


@pytest.mark.parametrize("settings", SETTINGS)
def test_a_users_settings_do_not_reach_a_figure(settings, plain, tmp_path):
    (tmp_path / "matplotlibrc").write_text(SETTINGS[settings], encoding="utf-8")
    assert draw_in(tmp_path) == plain


@pytest.mark.parametrize("backend", ["module://not_installed.backend_inline", "TkAgg", "no_such_backend"])
def test_a_backend_that_is_not_there_does_not_matter(backend, plain, tmp_path):
    assert draw_in(tmp_path, MPLBACKEND=backend) == plain


def test_what_the_process_has_set_stays(tmp_path):
    matplotlib = pytest.importorskip("matplotlib")
    with matplotlib.rc_context({"font.size": 33.0}):
        with plain_style():
            figure = new_figure(figsize=(1, 1))
            text = figure.text(0.5, 0.5, "x")
        save_figure(tmp_path / "x.png", figure, dpi=50)
        assert text.get_fontsize() == 10.0
        assert matplotlib.rcParams["font.size"] == 33.0


def test_a_folder_that_is_missing_is_one_line(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        save_figure(tmp_path / "none" / "x.png", new_figure(), dpi=50)
