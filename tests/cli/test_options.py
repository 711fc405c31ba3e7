# SPDX-License-Identifier: Apache-2.0
"""Messages of the library, as the command line says them."""

import json

import pytest

from fsl_mrs_dl.cli.main import build_parser, main
from fsl_mrs_dl.cli.options import as_options, option_names
from tests.helpers import EXAMPLE


@pytest.fixture
def names():
    return option_names(build_parser().parse_args(["fit", "--output", "o"]).parser)


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("data_off= and data_on= are needed together", "--data-off and --data-on are needed together"),
        ("Give h2o=", "Give --h2o"),
        ("Say overwrite=True to replace it", "Say --overwrite to replace it"),
        ("Leave preproc='fsl' out", "Leave --preproc fsl out"),
        ("h2o=: no such file", "--h2o: no such file"),
        ("got nonesuch=3", "got nonesuch=3"),
        ("a == b, te=0.068, data==x", "a == b, te=0.068, data==x"),
    ],
)
def test_arguments_become_options(names, message, shown):
    assert as_options(message, names) == shown


def test_quiet_prints_nothing_but_what_json_asks_for(capsys, tmp_path):
    data = ["--data", str(EXAMPLE / "megapress_raw.nii.gz")]
    assert main(["fit", *data, "--output", str(tmp_path / "a"), "--quiet"]) == 0
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", "")
    assert main(["fit", *data, "--output", str(tmp_path / "b"), "--quiet", "--json"]) == 0
    written = json.loads((tmp_path / "b" / "quantities.json").read_text("utf-8"))
    assert json.loads(capsys.readouterr().out) == written
    assert main(["fit", "--data", "nonesuch.nii.gz", "--output", str(tmp_path / "c"), "--quiet"]) == 1
    assert "no such file" in capsys.readouterr().err


def test_quiet_and_verbose_exclude_each_other(capsys):
    with pytest.raises(SystemExit):
        main(["models", "--quiet", "--verbose"])
    assert "not allowed with" in capsys.readouterr().err
