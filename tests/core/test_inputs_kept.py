# SPDX-License-Identifier: Apache-2.0
"""An output is never replaced while an input lies in it, whatever links and ``..`` its name goes through."""

import shutil
from pathlib import Path

import pytest

from fsl_mrs_dl.core.errors import DataError
from fsl_mrs_dl.core.files import check_inputs_kept, new_output_folder, write_json
from tests.program_helpers import run_program

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "megapress_raw.nii.gz"


@pytest.fixture
def output(tmp_path):
    """An earlier output of this program, with a sub-folder."""
    folder = tmp_path / "out"
    (folder / "edit_off").mkdir(parents=True)
    write_json(folder / "quantities.json", {})
    shutil.copyfile(EXAMPLE, folder / "edit_0.nii.gz")
    (folder / "edit_off" / "GABA.json").write_text("{}", encoding="utf-8")
    return folder


def linked_file(output):
    link = output.parent / "link.nii.gz"
    link.symlink_to(output / "edit_0.nii.gz")
    return link


def linked_twice(output):
    second = output.parent / "second.nii.gz"
    second.symlink_to(linked_file(output).name)
    return second


def linked_folder(output):
    link = output.parent / "folder"
    link.symlink_to(output)
    return link / "edit_0.nii.gz"


def link_in_the_output(output):
    target = output.parent / "elsewhere.nii.gz"
    shutil.copyfile(EXAMPLE, target)
    link = output / "diff.nii.gz"
    link.symlink_to(target)
    return link


def folder_of_links(output):
    folder = output.parent / "data"
    folder.mkdir()
    (folder / "a.nii.gz").symlink_to(output / "edit_0.nii.gz")
    return folder


INPUTS = {
    "a file": lambda output: output / "edit_0.nii.gz",
    "a file in a sub-folder": lambda output: output / "edit_off" / "GABA.json",
    "a folder": lambda output: output / "edit_off",
    "the output itself": lambda output: output,
    "dots": lambda output: output / "edit_off" / ".." / "edit_0.nii.gz",
    "a folder, by dots": lambda output: output / "edit_off" / "..",
    "a link to a file": linked_file,
    "a link to a link": linked_twice,
    "a link to the folder": linked_folder,
    "a link that lies there": link_in_the_output,
    "a folder of links": folder_of_links,
}


@pytest.mark.parametrize("kind", INPUTS)
def test_an_input_in_the_output_is_refused_before_anything_is_touched(kind, output):
    given = INPUTS[kind](output)
    before = sorted(str(path) for path in output.rglob("*"))
    with (
        pytest.raises(DataError, match="an input would be deleted"),
        new_output_folder(output, overwrite=True, inputs=[None, given]),
    ):
        pytest.fail("the block was entered")
    assert sorted(str(path) for path in output.rglob("*")) == before
    assert list(output.parent.glob(".tmp*")) == []


def test_an_output_given_as_a_link_is_the_folder_that_it_points_to(output):
    link = output.parent / "again"
    link.symlink_to(output)
    with pytest.raises(DataError, match="an input would be deleted"):
        check_inputs_kept(link, [output / "edit_0.nii.gz"])


def test_inputs_beside_and_above_are_no_matter(output):
    beside = output.parent / "out_of_something_else.nii.gz"
    shutil.copyfile(EXAMPLE, beside)
    check_inputs_kept(output, [beside, output.parent, output / "..", None, "no/such/file"])
    check_inputs_kept(output.parent / "new", [output.parent / "new" / "x"])


def call(*arguments):
    return run_program(*arguments)


COMMANDS = {
    "fit": ("fit", "--data", "{inside}", "--output", "{out}", "--overwrite"),
    "fit, water": ("fit", "--data", EXAMPLE, "--h2o", "{inside}", "--output", "{out}", "--overwrite"),
    "fit, tissue": ("fit", "--data", EXAMPLE, "--tissue", "{inside}", "--output", "{out}", "--overwrite"),
    "fit, basis": ("fit", "--data", EXAMPLE, "--basis", "{folder}", "--output", "{out}", "--overwrite"),
    "preproc": ("preproc", "--data", "{inside}", "--output", "{out}", "--overwrite"),
    "preproc, water": ("preproc", "--data", EXAMPLE, "--reference", "{inside}", "--output", "{out}", "--overwrite"),
    "simulate": ("simulate", "--sequence", "{inside}", "--output", "{out}", "--overwrite"),
    "simulate, like": ("simulate", "--like", "{inside}", "--output", "{out}", "--overwrite"),
    "simulate, systems": ("simulate", "--spin-systems", "{inside}", "--output", "{out}", "--overwrite"),
    "pulse": ("pulse", "{inside}", "--write", "{inside}", "--duration", "0.01"),
    "convert": ("convert", "{inside}", "--output", "{inside}", "--overwrite"),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_hands_its_inputs_over(name, output):
    inside = output / "edit_0.nii.gz"
    if name == "pulse":
        inside = output.parent / "pulse.txt"
        inside.write_text("".join("1.0 0.0\n" for _ in range(200)), encoding="utf-8")
    places = {"inside": inside, "out": output, "folder": output / "edit_off"}
    before = {path: path.read_bytes() for path in output.parent.rglob("*") if path.is_file()}
    done = call(*(str(word).format(**places) for word in COMMANDS[name]))
    assert done.returncode == 1, done.stdout + done.stderr
    assert "an input would be deleted" in done.stderr
    assert done.stderr.count("\n") == 1
    assert {path: path.read_bytes() for path in output.parent.rglob("*") if path.is_file()} == before
