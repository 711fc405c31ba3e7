# SPDX-License-Identifier: Apache-2.0
"""Nothing half-written is ever visible, and nobody else's folder is ever deleted."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys

import pytest

from fsl_mrs_dl.core.errors import DataError
from fsl_mrs_dl.core.files import atomic_path, new_output_folder, write_json, write_text

NOT_ROOT = pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")


def names(folder):
    return sorted(p.name for p in folder.iterdir())


def test_file_appears_only_at_the_end(tmp_path):
    target = tmp_path / "a.nii.gz"
    target.write_text("old")
    with atomic_path(target) as scratch:
        assert scratch.parent == tmp_path
        assert scratch.name.endswith("a.nii.gz")
        scratch.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert names(tmp_path) == ["a.nii.gz"]


def test_bytes_that_are_not_utf_8_are_written_so_that_json_reads_them_back(tmp_path):
    name = os.fsdecode(b"caf\xe9")
    write_json(tmp_path / "a.json", {"data": name})
    assert json.loads((tmp_path / "a.json").read_text("utf-8")) == {"data": name}
    write_text(tmp_path / "a.txt", name)
    assert (tmp_path / "a.txt").read_text("utf-8") == "caf\\udce9"


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_failure_keeps_the_old_file(tmp_path, error):
    target = tmp_path / "a.txt"
    target.write_text("old")

    def fail():
        with atomic_path(target) as scratch:
            scratch.write_text("half")
            raise error

    with pytest.raises(error):
        fail()
    assert target.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_foreign_error_is_not_taken_for_ours(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "a.txt"):
        (tmp_path / "input_that_is_absent").read_text()


def test_full_disk_is_one_line(tmp_path):
    target = tmp_path / "a.txt"
    with pytest.raises(DataError, match=r"a\.txt: cannot write here: no space left") as info, atomic_path(target):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert "\n" not in str(info.value)
    assert names(tmp_path) == []


def test_a_full_disk_that_a_library_met_is_one_line(tmp_path):
    # as safetensors says it, whose errors are none of the operating system's
    said = f"Error while serializing: I/O error: No space left on device (os error {errno.ENOSPC})"
    with pytest.raises(DataError, match=r"a\.bin: cannot write here: no space left"), atomic_path(tmp_path / "a.bin"):
        raise ValueError(said)
    with pytest.raises(ValueError, match="missing"), atomic_path(tmp_path / "a.bin"):
        raise ValueError(f"missing (os error {errno.ENOENT})")
    assert names(tmp_path) == []


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="this system does not limit the size of files")
def test_weights_that_do_not_fit_are_one_line(tmp_path):
    pytest.importorskip("torch", reason="training needs torch")
    code = (
        "import resource, torch\nfrom safetensors.torch import save_file\n"
        "from fsl_mrs_dl.core.files import atomic_path\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        f"with atomic_path({str(tmp_path / 'w.safetensors')!r}) as path: save_file({{'w': torch.zeros(9999)}}, path)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "w.safetensors: cannot write here: file too large" in done.stderr
    assert names(tmp_path) == []


def test_errors_name_the_folder_that_was_asked_for(tmp_path):
    with (
        pytest.raises(DataError, match="cannot write here") as info,
        new_output_folder(tmp_path / "out") as folder,
        atomic_path(folder / "a.txt"),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert str(info.value).startswith(str(tmp_path.resolve() / "out" / "a.txt"))


def test_missing_parent_and_folder_in_the_way(tmp_path):
    with pytest.raises(DataError, match=r"nowhere: the folder does not exist"):
        write_text(tmp_path / "nowhere" / "a.txt", "x")
    (tmp_path / "d").mkdir()
    with pytest.raises(DataError, match=r"d: is a folder"):
        write_text(tmp_path / "d", "x")
    (tmp_path / "f").write_text("x")
    with pytest.raises(DataError, match=r"f: is a file, not a folder"):
        write_text(tmp_path / "f" / "a.txt", "x")


@NOT_ROOT
def test_read_only_folder(tmp_path):
    folder = tmp_path / "ro"
    folder.mkdir()
    folder.chmod(0o500)
    try:
        with pytest.raises(DataError, match=r"cannot write here: permission denied"):
            write_text(folder / "a.txt", "x")
        with pytest.raises(DataError, match=r"cannot write here: permission denied"), new_output_folder(folder / "o"):
            pass
    finally:
        folder.chmod(0o700)


def test_json_is_exact_and_refuses_nan(tmp_path):
    target = tmp_path / "a.json"
    obj = {"µ": [1, 0.1, None], "b": {"c": True}}
    write_json(target, obj)
    assert json.loads(target.read_text(encoding="utf-8")) == obj
    assert target.read_text(encoding="utf-8").startswith('{\n "µ"')
    for bad in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="JSON"):
            write_json(target, {"x": bad})
    assert json.loads(target.read_text(encoding="utf-8")) == obj
    assert names(tmp_path) == ["a.json"]


def test_new_folder_appears_whole(tmp_path):
    out = tmp_path / "out"
    with new_output_folder(out, overwrite=False) as scratch:
        (scratch / "quantities.json").write_text("1")
        (scratch / "sub").mkdir()
        assert not out.exists()
    assert names(out) == ["quantities.json", "sub"]
    assert names(tmp_path) == ["out"]


def test_empty_folder_is_filled_and_failure_leaves_it(tmp_path):
    out = tmp_path / "out"
    out.mkdir()

    def fill(fail):
        with new_output_folder(out, overwrite=False) as scratch:
            (scratch / "quantities.json").write_text("1")
            if fail:
                raise RuntimeError

    with pytest.raises(RuntimeError):
        fill(True)
    assert names(out) == []
    assert names(tmp_path) == ["out"]
    fill(False)
    assert names(out) == ["quantities.json"]
    assert names(tmp_path) == ["out"]


def test_existing_output_needs_overwrite(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "quantities.json").write_text("old")
    (out / "validation.csv").write_text("old")
    with pytest.raises(DataError, match="overwrite=True"), new_output_folder(out, overwrite=False):
        pytest.fail("must not start")

    def fail():
        with new_output_folder(out, overwrite=True) as scratch:
            (scratch / "quantities.json").write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert (out / "quantities.json").read_text() == "old"
    with new_output_folder(out, overwrite=True) as scratch:
        (scratch / "quantities.json").write_text("new")
        assert (out / "quantities.json").read_text() == "old"
    assert names(out) == ["quantities.json"]
    assert (out / "quantities.json").read_text() == "new"
    assert names(tmp_path) == ["out"]


def test_a_strangers_folder_is_never_deleted(tmp_path):
    out = tmp_path / "thesis"
    out.mkdir()
    (out / "chapter1.tex").write_text("precious")
    with (
        pytest.raises(DataError, match=r"thesis: overwrite=True replaces only"),
        new_output_folder(out, overwrite=True),
    ):
        pytest.fail("must not start")
    assert (out / "chapter1.tex").read_text() == "precious"


def test_folder_filled_by_another_meanwhile_is_kept(tmp_path):
    out = tmp_path / "out"

    def fill():
        with new_output_folder(out, overwrite=False) as scratch:
            (scratch / "quantities.json").write_text("mine")
            out.mkdir()
            (out / "theirs").write_text("x")

    with pytest.raises(DataError, match="not empty"):
        fill()
    assert names(out) == ["theirs"]
    assert names(tmp_path) == ["out"]


def test_failed_swap_brings_the_old_folder_back(tmp_path, monkeypatch):
    out = tmp_path / "out"
    out.mkdir()
    (out / "quantities.json").write_text("old")
    real, calls = os.replace, []

    def broken(src, dst):
        calls.append(src)
        if len(calls) == 2:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(src, dst)

    monkeypatch.setattr(os, "replace", broken)
    with pytest.raises(DataError, match="cannot write here"), new_output_folder(out, overwrite=True) as scratch:
        (scratch / "quantities.json").write_text("new")
    assert len(calls) == 3
    assert (out / "quantities.json").read_text() == "old"
    assert names(tmp_path) == ["out"]


def test_file_in_the_way_of_a_folder(tmp_path):
    (tmp_path / "out").write_text("x")
    with pytest.raises(DataError, match="is a file"), new_output_folder(tmp_path / "out", overwrite=True):
        pytest.fail("must not start")


def test_link_to_a_folder_stays_a_link(tmp_path):
    real = tmp_path / "real"
    real.mkdir()
    link = tmp_path / "link"
    link.symlink_to(real)
    with new_output_folder(link, overwrite=False) as scratch:
        (scratch / "quantities.json").write_text("1")
    assert link.is_symlink()
    assert names(real) == ["quantities.json"]


def test_folder_that_cannot_be_exchanged_is_filled(tmp_path, monkeypatch):
    out = tmp_path / "mounted"
    out.mkdir()
    (out / "quantities.json").write_text("old")
    (out / "validation.csv").write_text("old")
    inode = out.stat().st_ino
    monkeypatch.setattr("fsl_mrs_dl.core.files._must_fill_inside", lambda _: True)
    with new_output_folder(out, overwrite=True) as scratch:
        (scratch / "quantities.json").write_text("new")
        assert (out / "quantities.json").read_text() == "old"
    assert out.stat().st_ino == inode
    assert names(out) == ["quantities.json"]
    assert (out / "quantities.json").read_text() == "new"


def test_overwriting_never_deletes_what_somebody_else_put_there(tmp_path):
    folder = tmp_path / "out"
    for _ in range(2):
        with new_output_folder(folder, overwrite=True) as scratch:
            for name in ("quantities.json", "diff.nii.gz", "validation.csv"):
                (scratch / name).write_text("ours")
    (folder / "my_notes.txt").write_text("years of work")
    refused = pytest.raises(DataError, match=r"holds more than this program wrote.*my_notes\.txt")
    with refused, new_output_folder(folder, overwrite=True):
        pytest.fail("must not start")
    assert (folder / "my_notes.txt").read_text() == "years of work"
    (folder / "my_notes.txt").unlink()
    # common names that `fit` uses too: the user's folders of these names are not ours
    for name in ("data", "basis"):
        (folder / name).mkdir()
        (folder / name / "raw.dat").write_text("years of work")
        refused = pytest.raises(DataError, match=rf"holds more than this program wrote.*{name}")
        with refused, new_output_folder(folder, overwrite=True, names=("data", "basis")):
            pytest.fail("must not start")
        (folder / name / "raw.dat").rename(folder / name / "NAA.json")
        if name == "data":
            (folder / name / "NAA.json").unlink()
            (folder / name).rmdir()
            (folder / name).symlink_to("diff.nii.gz")
        with new_output_folder(folder, overwrite=True, names=("data", "basis")) as scratch:
            (scratch / "quantities.json").write_text("ours")
    # an unedited basis has files of any name
    basis = tmp_path / "basis"
    basis.mkdir()
    for name in ("simulation.txt", "NAA.json"):
        (basis / name).write_text("ours")
    with new_output_folder(basis, overwrite=True) as scratch:
        (scratch / "simulation.txt").write_text("new")
    assert [path.name for path in basis.iterdir()] == ["simulation.txt"]
