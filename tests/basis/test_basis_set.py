# SPDX-License-Identifier: Apache-2.0
"""``simulate`` as a user runs it: folders, macromolecules, LCModel files, resuming, faults."""

import dataclasses
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from fsl_mrs_dl.basis import simulate as basis_set
from fsl_mrs_dl.basis.files import ConditionBasis, load_line_basis, read_fsl_basis
from fsl_mrs_dl.basis.lcmodel_file import read_lcmodel_basis, write_lcmodel_basis
from fsl_mrs_dl.basis.macromolecules import COEDITED, COEDITED_09, DEFAULT_PEAKS, coediting, macromolecule_fids
from fsl_mrs_dl.basis.simulate import simulate_basis_set
from fsl_mrs_dl.core.errors import DataError
from fsl_mrs_dl.fsl_plugin.functions import in_unit_of_gaba
from fsl_mrs_dl.models.inputs import PpmGrid
from fsl_mrs_dl.physics.sequences import MegaPress, mega_press
from fsl_mrs_dl.physics.simulate import simulate_metabolite
from fsl_mrs_dl.physics.spins import SpinGroup, SpinSystem, load_system
from tests.program_helpers import run_program

PRESS = Path(__file__).resolve().parents[2] / "examples" / "sequences" / "examplePRESS.json"
QUICK = ("--positions", "8", "--points", "256", "--workers", "1")


def call(*arguments, cwd=None):
    return run_program("simulate", *arguments, cwd=cwd)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("sim")
    (path / "mine.json").write_text(json.dumps({"sysDrug": {"shifts": [2.5], "j": [[0]], "scaleFactor": 3}}))
    done = call(
        "--vendor",
        "philips",
        "--te",
        0.07,
        "--metabolites",
        "GABA,NAA",
        "--spin-systems",
        path / "mine.json",
        "--mm",
        "--lcmodel",
        path / "b.BASIS",
        "--compact",
        path / "b.npz",
        "--output",
        path / "out",
        *QUICK,
    )
    assert done.returncode == 0, done.stderr
    assert "3 of 3" in done.stderr  # progress
    return path


def test_each_condition_holds_molecules_and_macromolecules(folder):
    expected = ["GABA", "NAA", "Drug", *DEFAULT_PEAKS]
    for condition in ("edit_off", "edit_on", "diff"):
        # what is co-edited at 3.0 ppm cancels in OFF
        coedited = [] if condition == "edit_off" else ["MM30"]
        assert sorted(read_fsl_basis(folder / "out" / condition).names) == sorted([*expected, *coedited])
    assert not (folder / "out.partial").exists()


def test_diff_is_on_minus_off(folder):
    off, on, diff = (read_fsl_basis(folder / "out" / c) for c in ("edit_off", "edit_on", "diff"))
    assert on.names == diff.names
    for name, fid, difference in zip(on.names, on.fids, diff.fids, strict=True):
        before = off.fids[off.names.index(name)] if name in off.names else 0.0
        np.testing.assert_allclose(difference, fid - before, atol=1e-6)


def test_mm30_is_a_function_of_its_own_in_units_of_gaba(folder):
    diff = read_fsl_basis(folder / "out" / "diff")
    grid = PpmGrid(2.8, 3.2, 401)
    # both as narrow as they are: 2 Hz and 3.2 Hz
    areas = grid.evaluate(diff.fids, diff.dwell_s, diff.f0_mhz).real.sum(axis=1)
    at = {name: index for index, name in enumerate(diff.names)}
    assert areas[at["MM30"]] / areas[at["GABA"]] == pytest.approx(1.0, abs=0.1)
    assert in_unit_of_gaba(diff.names, diff.fids, diff.dwell_s, diff.f0_mhz)
    # nothing of it is left in MM09
    assert abs(areas[at["MM09"]] / areas[at["MM30"]]) < 0.05


def test_on_request_the_line_at_3_ppm_goes_with_mm09():
    sampling = 256, 5e-4, 127.73
    tied = macromolecule_fids(("edit_off", "diff"), MegaPress(), *sampling, tied=True)
    assert "MM30" not in tied["diff"]
    np.testing.assert_allclose(tied["diff"]["MM09"], coediting(MegaPress()) * COEDITED.fid(*sampling), atol=1e-9)
    assert "MM30" not in macromolecule_fids(("diff",), MegaPress(edit_off_ppm=1.5), *sampling)["diff"]


def test_signals_are_those_of_the_protocol(folder):
    protocol = mega_press(0.07, vendor="philips", n_positions=8)
    expected = simulate_metabolite(load_system("GABA"), protocol).edit_on.fid(256, 5e-4, lorentz_hz=2.0)
    basis = read_fsl_basis(folder / "out" / "edit_on")
    np.testing.assert_allclose(basis.fids[basis.names.index("GABA")], expected, atol=1e-9)
    assert (basis.f0_mhz, basis.dwell_s, basis.lw_hz) == (127.75, 5e-4, 2.0)


def test_files_tell_sequence_spin_system_and_maker(folder):
    content = json.loads((folder / "out" / "edit_on" / "GABA.json").read_text())
    assert content["seq"]["RF"][2]["time"] == 0.014  # the first editing pulse
    assert content["seq"]["CoherenceFilter"] == [-1, 1, 1, -1, -1]
    assert content["spinSys"][0]["shifts"] == list(load_system("GABA").groups[0].shifts_ppm)
    assert content["meta"]["SimVersion"].startswith("fsl_mrs_dl")
    assert content["meta"]["TE"] == pytest.approx(0.07)
    assert json.loads((folder / "out" / "diff" / "MM12.json").read_text())["MM"] is True


def test_macromolecules_lose_in_on_what_the_pulse_takes(folder):
    off, diff = (read_fsl_basis(folder / "out" / c) for c in ("edit_off", "diff"))
    at = {name: index for index, name in enumerate(off.names)}
    protocol = mega_press(0.07, vendor="philips", n_positions=8)
    for name, ppm in (("MM17", 1.7), ("MM14", 1.4), ("MM12", 1.2)):
        # a singlet there, through the whole sequence
        pair = simulate_metabolite(SpinSystem("X", (SpinGroup((ppm,)),)), protocol)
        expected = pair.diff.amplitude.sum() / pair.edit_off.amplitude.sum()
        assert diff.fids[diff.names.index(name), 0] / off.fids[at[name], 0] == pytest.approx(expected, abs=2e-3)
    part = coediting(protocol)
    assert part == pytest.approx(1.0, abs=0.02)
    at_diff = diff.names.index("MM09")
    np.testing.assert_allclose(diff.fids[at_diff], part * COEDITED_09.fid(256, 5e-4, 127.75), atol=1e-9)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, 1.0),
        ({"edit_on_ppm": 1.9, "edit_off_ppm": 1.5, "edit_duration_s": 0.014}, 0.0),  # symmetric about 1.7 ppm
        ({"edit_on_ppm": 4.56}, 0.0),  # GSH
        ({"edit_on_ppm": 7.5, "edit_off_ppm": 7.4}, 0.0),
    ],
)
def test_the_coedited_pair_goes_with_what_the_pulses_do_to_its_partner(fields, expected):
    assert coediting(MegaPress(**fields)) == pytest.approx(expected, abs=0.01)
    fids = macromolecule_fids(("diff",), MegaPress(**fields), 256, 5e-4, 127.73, tied=True)["diff"]["MM09"]
    assert abs(fids[0]) == pytest.approx(abs(expected) * 5.75, abs=0.06)


def test_lcmodel_files_and_line_list_hold_the_same_basis(folder):
    for name, condition in (("b", "diff"), ("b_edit_off", "edit_off"), ("b_edit_on", "edit_on")):
        written, basis = read_lcmodel_basis(folder / f"{name}.BASIS"), read_fsl_basis(folder / "out" / condition)
        order = [basis.names.index(n) for n in written.names]
        np.testing.assert_allclose(written.fids, basis.fids[order], atol=2e-4)
    lines = load_line_basis(folder / "b.npz")
    assert lines.names == ("GABA", "NAA", "Drug")
    assert lines.sequence == mega_press(0.07, vendor="philips", n_positions=8)


def test_a_sequence_of_fsl_mrs_gives_one_folder(tmp_path):
    done = call("--sequence", PRESS, "--metabolites", "Cr,Lac", "--mm", "--output", tmp_path / "b", "--workers", 1)
    assert done.returncode == 0, done.stderr
    basis = read_fsl_basis(tmp_path / "b")
    assert {"Cr", "Lac", "MM21"} < set(basis.names)
    # the sampling of the file
    assert (basis.fids.shape[1], basis.dwell_s, basis.lw_hz) == (2048, 2.5e-4, 2.0)
    content = json.loads((tmp_path / "b" / "Cr.json").read_text())
    assert content["seq"]["sequenceName"] == "examplePRESS"


def test_two_sequences_of_fsl_mrs_make_a_pair(tmp_path):
    values = json.loads(PRESS.read_text())
    values.update(resolution=[1, 1, 1])
    (tmp_path / "off.json").write_text(json.dumps(values))
    values["Rx_Phase"] = np.pi
    (tmp_path / "on.json").write_text(json.dumps(values))
    done = call(
        "--sequence",
        tmp_path / "on.json",
        "--sequence-off",
        tmp_path / "off.json",
        "--metabolites",
        "Cr",
        "--output",
        tmp_path / "b",
        "--points",
        64,
    )
    assert done.returncode == 0, done.stderr
    off, diff = read_fsl_basis(tmp_path / "b" / "edit_off"), read_fsl_basis(tmp_path / "b" / "diff")
    np.testing.assert_allclose(diff.fids, -2 * off.fids, atol=1e-9)


def test_autophase_turns_a_singlet_upright(tmp_path):
    values = json.loads(PRESS.read_text())
    values.update(resolution=[1, 1, 1], Rx_Phase=1.1)
    (tmp_path / "s.json").write_text(json.dumps(values))
    done = call(
        "--sequence",
        tmp_path / "s.json",
        "--metabolites",
        "Scyllo",
        "--output",
        tmp_path / "b",
        "--autophase",
        3.34,
        "--points",
        64,
    )
    assert done.returncode == 0, done.stderr
    assert np.angle(read_fsl_basis(tmp_path / "b").fids[0, 0]) == pytest.approx(0.0, abs=1e-6)


def digests(folder):
    return {p.relative_to(folder): hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.rglob("*") if p.is_file()}


def test_an_interrupted_simulation_goes_on_and_gives_the_same_bytes(tmp_path, monkeypatch):
    arguments = ("--metabolites", "Cr,GABA,NAA", *QUICK)
    assert call(*arguments, "--output", tmp_path / "whole").returncode == 0
    # the state of a stop: one molecule done, kept under the name of the output
    systems = [load_system(name) for name in ("Cr", "GABA", "NAA")]
    protocol = mega_press(n_positions=8)
    experiments = dict(zip(("edit_off", "edit_on"), protocol.experiments(), strict=True))
    real, done = basis_set._Job.run, []

    def stop_at_the_second(job):
        if done:
            raise KeyboardInterrupt
        done.append(job.system.name)
        real(job)

    monkeypatch.setattr(basis_set._Job, "run", stop_at_the_second)
    # the command has one thread of linear algebra; with more the last digits differ on some processors
    threads = pytest.importorskip("threadpoolctl", reason="threadpoolctl sets the threads of a library that is loaded")
    with threads.threadpool_limits(1), pytest.raises(KeyboardInterrupt):
        simulate_basis_set(systems, experiments, dataclasses.asdict(protocol), tmp_path / "part.partial")
    monkeypatch.undo()
    assert len(list((tmp_path / "part.partial").glob("*.npz"))) == 1
    again = call(*arguments, "--output", tmp_path / "part")
    assert again.returncode == 0, again.stderr
    assert "1 of 3 metabolites are there already" in again.stderr
    assert digests(tmp_path / "part") == digests(tmp_path / "whole")


def test_what_another_simulation_left_is_not_used(tmp_path):
    assert call("--metabolites", "Cr", *QUICK, "--output", tmp_path / "a").returncode == 0
    (tmp_path / "b.partial").mkdir()
    (tmp_path / "b.partial" / "basis_set.json").write_text('{"sha256": "0"}')
    (tmp_path / "b.partial" / "Cr.npz").write_bytes(b"of another protocol")
    assert call("--metabolites", "Cr", *QUICK, "--output", tmp_path / "b").returncode == 0
    assert digests(tmp_path / "a") == digests(tmp_path / "b")


def test_a_protocol_is_taken_from_a_sidecar_and_options_win(tmp_path):
    sidecar = {"EchoTime": 0.08, "SpectrometerFrequency": 123.2, "EditPulse": {"ON": {"FrequencyOffset": 1.9}}}
    (tmp_path / "s.json").write_text(json.dumps(sidecar))
    done = call(
        "--like", tmp_path / "s.json", "--edit-off", 1.5, "--metabolites", "Cr", "--output", tmp_path / "b", *QUICK
    )
    assert done.returncode == 0, done.stderr
    sequence = json.loads((tmp_path / "b" / "simulation.json").read_text())["sequence"]
    assert (sequence["f0_mhz"], sequence["edit_off_ppm"], sum(sequence["delays_s"])) == (
        123.2,
        1.5,
        pytest.approx(0.08),
    )


def test_semi_laser_is_an_option_and_its_files_are_read_again(tmp_path):
    arguments = ("--semi-laser", "--te", 0.074, "--edit-duration", 0.014, "--metabolites", "NAA")
    done = call(*arguments, "--compact", tmp_path / "b.npz", "--output", tmp_path / "b", *QUICK)
    assert done.returncode == 0, done.stderr
    stored = load_line_basis(tmp_path / "b.npz")
    expected = mega_press(0.074, edit_duration_s=0.014, semi_laser=True, n_positions=8)
    assert stored.sequence == expected
    sequence = json.loads((tmp_path / "b" / "edit_on" / "NAA.json").read_text())["seq"]
    assert (sequence["sequenceName"], len(sequence["RF"])) == ("MEGA-sLASER edit_on", 7)
    # a sequence file with the same fields is the same protocol
    (tmp_path / "own.json").write_text(json.dumps(dataclasses.asdict(expected)))
    done = call("--sequence", tmp_path / "own.json", "--metabolites", "NAA", "--output", tmp_path / "c", *QUICK[2:])
    assert done.returncode == 0, done.stderr
    found, again = (read_fsl_basis(tmp_path / name / "diff").fids for name in ("b", "c"))
    np.testing.assert_allclose(again, found, atol=1e-9 * np.abs(found).max())
    # FSL-MRS's form of it, which says it in pulses alone and means over the field, gives the same signal
    source = tmp_path / "seq.json"
    source.write_text(json.dumps(sequence))
    done = call("--sequence", source, "--metabolites", "NAA", "--output", tmp_path / "d", *QUICK[2:])
    assert done.returncode == 0, done.stderr
    on, again = (read_fsl_basis(tmp_path / name).fids for name in ("b/edit_on", "d"))
    assert np.linalg.norm(1.8**2 * again - on) < 1e-4 * np.linalg.norm(on)


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("--semi-laser", "--vendor", "ge"), 2, "another vendor"),
        (("--metabolites", "GABBA"), 2, "did you mean 'GABA'"),
        (("--metabolites", "Cr,Cr"), 2, "named twice"),
        (("--vendor", "bruker"), 2, "unknown vendor"),
        (("--te", "0.012"), 2, "too short"),
        (("--sequence", "nowhere.json"), 2, "cannot be read"),
        (("--sequence", str(PRESS), "--te", "0.03"), 2, "given twice"),
        (("--sequence", str(PRESS), "--positions", "9"), 2, "resolution"),
        (("--sequence", str(PRESS), "--compact", "x.npz"), 2, "two conditions"),
        (("--sequence-off", str(PRESS)), 2, "needs --sequence"),
        (("--autophase", "3"), 2, "belongs to FSL-MRS"),
        (("--like", "nowhere.nii.gz"), 1, "nowhere.nii.gz"),
        (("--edit-pulse", "nowhere.pta"), 1, "cannot be read"),
        (("--spin-systems", "nowhere.json"), 2, "cannot be read"),
        (("--points", "3"), 2, "out of range"),
        (("--workers", "0"), 2, "out of range"),
        (("--lcmodel", "nowhere/b.BASIS"), 2, "does not exist"),
        (("bank",), 2, "needs its configuration"),
        (("bank", "x.toml", "--te", "0.07"), 2, "does not belong"),
    ],
)
def test_faults_are_one_line_and_leave_nothing(tmp_path, arguments, code, text):
    done = call(*arguments, "--output", tmp_path / "out", cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert text in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_steam_is_called_steam_and_its_mixing_time_is_not_echo_time(tmp_path):
    for name, te_ms, sequence in (("exampleSTEAM", 11, "STEAM"), ("examplePRESS", 30, "PRESS")):
        path = PRESS.with_name(f"{name}.json")
        done = call(
            "--sequence",
            path,
            "--metabolites",
            "Cr",
            "--lcmodel",
            tmp_path / f"{name}.BASIS",
            "--output",
            tmp_path / name,
        )
        assert done.returncode == 0, done.stderr
        text = (tmp_path / f"{name}.BASIS").read_text()
        assert f"SEQ = '{sequence}'" in text
        assert float(text.split("ECHOT = ")[1].split(",")[0]) == pytest.approx(te_ms, abs=0.15)
    # and what this program made, it may replace
    assert (
        call(
            "--sequence", PRESS, "--metabolites", "Cr", "--overwrite", "--output", tmp_path / "examplePRESS"
        ).returncode
        == 0
    )


def test_wrong_units_of_a_sequence_leave_no_signal_and_say_so(tmp_path):
    values = json.loads(PRESS.read_text())
    values["RFUnits"] = "Hz"
    (tmp_path / "s.json").write_text(json.dumps(values))
    done = call("--sequence", tmp_path / "s.json", "--metabolites", "Cr", "--output", tmp_path / "out")
    assert done.returncode == 2
    assert "leaves no signal" in done.stderr
    assert not (tmp_path / "out").exists()


def test_names_that_lcmodel_cannot_tell_apart_are_refused(tmp_path):
    basis = ConditionBasis(("LongnameA", "LongnameB"), np.ones((2, 64), complex), 5e-4, 127.7, 2.0)
    with pytest.raises(DataError, match="Longna"):
        write_lcmodel_basis(tmp_path / "a.BASIS", basis, te_s=0.068)


def test_a_terminated_simulation_leaves_no_process(tmp_path):
    started = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "fsl_mrs_dl",
            "simulate",
            "--positions",
            "60",
            "--workers",
            "2",
            "--output",
            str(tmp_path / "out"),
        ],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert started.stderr is not None
    first = started.stderr.readline()  # a molecule is done: the workers are there
    assert " of " in first
    os.kill(started.pid, signal.SIGTERM)
    rest = started.communicate(timeout=60)[1]
    assert started.returncode == 130
    assert "interrupted" in rest
    for _ in range(1000):
        try:
            os.killpg(started.pid, 0)
        except ProcessLookupError:
            break
        time.sleep(0.1)
    else:
        raise AssertionError("a process of the simulation lives on")
    assert [p.name for p in tmp_path.iterdir()] == ["out.partial"]
