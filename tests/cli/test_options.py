# SPDX-License-Identifier: Apache-2.0
"""Messages of the library, as the command line says them."""

import argparse
import errno
import json
import os
import shutil
from pathlib import Path

import pytest

from fsl_mrs_dl.cli.main import COMMANDS, build_parser, main
from fsl_mrs_dl.cli.options import as_options, option_names
from fsl_mrs_dl.core.resources import shipped_models, weights_folder
from tests.bids_helpers import make_dataset
from tests.convert_helpers import transients, write_sdat
from tests.helpers import EXAMPLE
from tests.program_helpers import run_program


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


WITHOUT_RESULT = {"simulate", "dataset", "fsl"}
"""They write files and say where, or are another program."""


def test_every_command_with_a_result_prints_it_as_json():
    with_json = {name for name, parser in commands().items() if "--json" in parser._option_string_actions}
    assert with_json == set(COMMANDS) - WITHOUT_RESULT


def test_every_command_can_be_quiet_and_verbose():
    for name, parser in commands().items():
        assert {"--quiet", "--verbose"} <= set(parser._option_string_actions), name


def commands():
    actions = build_parser()._actions
    return next(action.choices for action in actions if isinstance(action, argparse._SubParsersAction))


def test_a_simulation_is_quiet_when_it_is_told_to_be(tmp_path):
    command = ("simulate", "--metabolites", "NAA", "--positions", 8, "--workers", 1, "--output")
    quiet = run_program(*command, tmp_path / "a", "--quiet")
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "", "")
    told = run_program(*command, tmp_path / "b")
    assert told.stderr.startswith("NAA: 1 of 1, ")
    assert told.stdout == f"written to {tmp_path / 'b'}: edit_off, edit_on, diff\n"


@pytest.mark.usefixtures("spec2nii")
def test_a_conversion_and_its_preprocessing_are_told_to_a_script(tmp_path):
    fids = transients((1, 0) * 4)
    write_sdat(tmp_path / "mega_act.SDAT", fids)
    command = ("convert", tmp_path / "mega_act.SDAT", "--output", tmp_path / "mega.nii.gz", "--order", "on-off")
    (found,) = json.loads(run_program(*command, "--json").stdout)
    assert found["dimensions"] == {"DIM_DYN": 4, "DIM_EDIT": 2}
    assert (found["file"], found["points"]) == (str(tmp_path / "mega.nii.gz"), fids.shape[1])
    assert found["conditions"] == ["ON", "OFF"]
    command = ("preproc", "--data", found["file"], "--output", tmp_path / "pre")
    told = json.loads(run_program(*command, "--json").stdout)
    said = run_program(*command, "--overwrite").stdout.splitlines()
    assert said == [*(f"{f['severity']}: {f['sentence']}" for f in told["flags"]), f"written to {tmp_path / 'pre'}"]


def test_what_became_of_a_study_is_told_to_a_script(tmp_path):
    study, out = make_dataset(tmp_path / "raw", participants=("01", "02")), tmp_path / "out"
    (study / "sub-02" / "ses-pre" / "mrs" / "sub-02_ses-pre_acq-megapress68_svs.nii.gz").write_bytes(b"none")
    listed = json.loads(run_program("bids", study, out, "participant", "--dry-run", "--json").stdout)
    assert [Path(scan["reference"]).name for scan in listed][:1] == ["sub-01_ses-pre_acq-megapress68_mrsref.nii.gz"]
    done = run_program("bids", study, out, "participant", "--json")
    found = json.loads(done.stdout)
    assert found["counts"] == {"done": 1, "refused": 0, "kept": 0, "failed": 1}
    assert [scan["state"] for scan in found["scans"]] == ["done", "failed"]
    assert found["scans"][1]["message"]
    assert (done.returncode, len(done.stderr.splitlines())) == (3, 2)
    again = run_program("bids", study, out, "participant", "--skip-existing", "--json", "--quiet")
    assert json.loads(again.stdout)["counts"]["kept"] == 1
    assert len(again.stderr.splitlines()) == 1, "an error is said"
    group = json.loads(run_program("bids", study, out, "group", "--json").stdout)
    assert "sub-01" in Path(group["table"]).read_text("utf-8")


def test_models_are_told_to_a_script(tmp_path, monkeypatch):
    monkeypatch.setenv("FSL_MRS_DL_MODELS", str(tmp_path / "models"))
    shutil.copytree(weights_folder() / "phantom_cnn", tmp_path / "own")
    card = json.loads((tmp_path / "own" / "card.json").read_text("utf-8"))
    (tmp_path / "own" / "card.json").write_text(json.dumps({**card, "name": "own"}), encoding="utf-8")
    added = json.loads(run_program("models", "add", tmp_path / "own", "--json").stdout)
    assert added == [{"name": "own", "folder": str(tmp_path / "models" / "own")}]
    listed = json.loads(run_program("models", "--json").stdout)
    assert {entry["name"] for entry in listed} == {"own", *shipped_models()}


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


@pytest.mark.parametrize("option", ["--data", "--output", "--h2o", "--basis"])
def test_an_empty_text_is_no_file(capsys, option):
    """As the shell makes it of a variable that is not set; it would be the current folder."""
    with pytest.raises(SystemExit) as stopped:
        main(["fit", "--data", "x", "--output", "o", option, ""])
    assert stopped.value.code == 2
    assert f"argument {option}: expected a file or folder; got an empty text" in capsys.readouterr().err


@pytest.mark.parametrize("value", ["14", "0", "-1", "nan"])
def test_a_duration_that_no_pulse_has_is_refused_before_anything_is_read(capsys, value):
    assert main(["fit", "--data", "nonesuch.nii.gz", "--output", "o", "--edit-duration", value]) == 2
    assert "--edit-duration is out of range; expected 0.002 to 0.06 s" in capsys.readouterr().err


def test_an_error_of_the_disk_is_no_internal_error(capsys, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "somewhere.npy")

    monkeypatch.setattr("fsl_mrs_dl.cli.doctor.run", full)
    assert main(["doctor"]) == 1
    assert "error: somewhere.npy: cannot read or write: no space left" in capsys.readouterr().err


def test_values_that_look_like_options_and_shortened_options_pass():
    parser = build_parser()
    assert parser.parse_args(["simulate", "--te", "-1", "--output", "o"]).te == -1
    assert parser.parse_args(["fit", "--outp", "o"]).output.name == "o"
    words = parser.parse_args(["bids", "a", "b", "participant", "--fsl-sub", "-q short -T 30"]).fsl_sub
    assert words == "-q short -T 30"
    assert parser.parse_args(["fsl", "fsl_mrs", "--algo", "dl", "--unheard-of"]).arguments[-1] == "--unheard-of"
