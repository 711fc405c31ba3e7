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


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["fit", "--data", "x", "--ouput", "o"], "unknown option '--ouput' (did you mean '--output'?)"),
        (["fit", "--dta=x", "--output", "o"], "unknown option '--dta' (did you mean '--data'?)"),
        (["bids", "a", "--participant_labl", "01"], "unknown option '--participant_labl' (did you mean"),
        (["fit", "-output", "o"], "unknown option '-output' (did you mean '--output'?)"),
        (["fit", "--data", "x"], "the following arguments are required: --output"),
    ],
)
def test_a_mistyped_option_is_named_before_what_is_missing(capsys, arguments, text):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert text in capsys.readouterr().err


def test_values_that_look_like_options_and_shortened_options_pass():
    parser = build_parser()
    assert parser.parse_args(["simulate", "--te", "-1", "--output", "o"]).te == -1
    assert parser.parse_args(["fit", "--outp", "o"]).output.name == "o"
    words = parser.parse_args(["bids", "a", "b", "participant", "--fsl-sub", "-q short -T 30"]).fsl_sub
    assert words == "-q short -T 30"
    assert parser.parse_args(["fsl", "fsl_mrs", "--algo", "dl", "--unheard-of"]).arguments[-1] == "--unheard-of"
