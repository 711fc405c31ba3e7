# SPDX-License-Identifier: Apache-2.0
"""The study of the paper's trainings, with tiny networks and data sets: its rows, its table, and going on."""

import contextlib
import io
import json
import sys

import pytest

from tests.helpers import ROOT, SHARED

torch = pytest.importorskip("torch", reason="training needs torch")

VALUES = {"network.widths": [8, 8], "network.strides": [4, 4], "network.dense": 16, "optimiser.batch_size": 16}
"""What a search of tiny networks would have found."""

WHICH = ("--only", "selected_cnn-ours_fixed", "selected_cnn-paper_fixed", "selected_yae-paper_fixed")


@pytest.fixture(scope="module")
def study():
    """The modules ``paper``, ``paper_rows`` and ``paper_report`` of the folder of studies."""
    sys.path.insert(0, str(ROOT / "studies"))
    try:
        import paper
        import paper_report
        import paper_rows

        yield {"paper": paper, "rows": paper_rows, "report": paper_report}
    finally:
        sys.path.remove(str(ROOT / "studies"))


def train(study, folder):
    """Run the study's command with tiny sizes; what it printed, and why it ended."""
    logs = ("--cnn", folder / "cnn.json", "--yae", folder / "yae.json")
    sizes = ("--n", 64, "--test", 40, "--epochs", 1, "--members", 2, "--device", "cpu")
    words = ["paper.py", "train", folder / "out", *sizes, *logs, *WHICH]
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(said):
        patch.setattr(sys, "argv", list(map(str, words)))
        try:
            study["paper"].main()
        except SystemExit as end:
            return said.getvalue().splitlines(), str(end)
    return said.getvalue().splitlines(), ""


@pytest.fixture(scope="module")
def first(study, tmp_path_factory):
    """A study whose second network has a log without a completed trial: its folder, and what training said."""
    folder = tmp_path_factory.mktemp("paper")
    (folder / "cnn.json").write_text(json.dumps({"best": {"values": VALUES}}))
    (folder / "yae.json").write_text(json.dumps({"best": None}))
    return folder, *train(study, folder)


def test_a_row_that_fails_costs_itself_alone_and_what_is_done_stays(study, first):
    folder, said, end = first
    assert "1 of 5 rows failed; the same command tries them again" in end
    assert next(line for line in said if "failed: LookupError:" in line).startswith("selected_yae-paper_fixed-1 ")
    rows = sorted(path.parent.name for path in (folder / "out" / "rows").glob("*/row.json"))
    done = ["selected_cnn-ours_fixed-1", "selected_cnn-ours_fixed-2", "selected_cnn-ours_fixed-3"]
    assert rows == [*done, "selected_cnn-paper_fixed-1"]
    record = json.loads((folder / "out" / "rows" / done[0] / "row.json").read_text())
    assert record["steps"] == 4, "64 spectra are seen once, 16 at a time"
    assert record["network"] == {"name": "cnn", "widths": [8, 8], "strides": [4, 4], "dense": 16}
    assert set(record["simulated"]) == {"own", "held_out"}

    # again, with the log of a search that has completed trials: only what failed is trained
    (folder / "yae.json").write_text(json.dumps({"best": {"values": VALUES}}))
    before = {path: path.read_bytes() for path in (folder / "out").rglob("*") if path.is_file()}
    assert train(study, folder) == (["selected_yae-paper_fixed-1 done"], "")
    assert {path: path.read_bytes() for path in before} == before


def test_a_row_goes_on_from_its_last_checkpoint_with_the_same_weights(study, first, monkeypatch):
    folder, _, _ = first
    rows, name = study["rows"], "selected_cnn-ours_fixed-1"
    again = folder / "again"
    again.mkdir()
    for made in (folder / "out").iterdir():
        if made.name != "rows":
            (again / made.name).symlink_to(made)
    plan = rows.Plan(again, 64, 40, 64, {"selected_cnn": str(folder / "cnn.json")}, "cpu", n_members=2)
    row = rows.Row("selected_cnn", "ours_fixed", 1)
    steps, train_on = [], rows.Trainer._train_on

    def interrupted(trainer, batch):
        steps.append(trainer.step)
        if len(steps) == 4:
            raise KeyboardInterrupt
        return train_on(trainer, batch)

    monkeypatch.setattr(rows.Trainer, "_train_on", interrupted)
    with pytest.raises(KeyboardInterrupt):
        rows.train_row(row, plan)
    assert not rows.is_done(row, plan)
    rows.train_row(row, plan)
    assert steps == [0, 1, 2, 3, 3], "what was trained stays"
    weights = [(at / "rows" / name / "weights.safetensors").read_bytes() for at in (again, folder / "out")]
    assert weights[0] == weights[1]


def test_the_report_says_what_the_rows_found(study, first, capsys):
    folder = first[0]
    report = study["report"]
    report.report(folder / "out", folder / "no phantoms here")
    found = json.loads((folder / "out" / "paper.json").read_text())
    assert found["classical"] == {}
    assert set(found["shipped"]) == {"phantom", "phantom_cnn", "phantom_yae"}
    row = json.loads((folder / "out" / "rows" / "selected_cnn-ours_fixed-1" / "row.json").read_text())
    shown = found["rows"]["selected_cnn-ours_fixed-1"]["errors"]
    assert shown == row["simulated"]
    assert found["seeds"]["selected_cnn"]["seeds"] == 3
    text = (folder / "out" / "paper.md").read_text()
    assert text in capsys.readouterr().out
    assert f"| selected_cnn | ours_fixed | held_out | {shown['held_out']['GABA']['mae']:.3f} |" in text
    of_shipped = found["shipped"]["phantom_cnn"]["errors"]["held_out"]["GABA"]["mae"]
    assert f"| shipped phantom_cnn | 1.8 million | held_out | {of_shipped:.3f} |" in text
    assert of_shipped < shown["held_out"]["GABA"]["mae"], "four steps do not make a network that quantifies"
    assert "phantom_cnn stays: it errs less on held-out protocols" in text
    assert (folder / "out" / "paper.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.slow
def test_the_report_shows_phantoms_where_they_are_there(study, first):
    folder = first[0]
    phantoms = SHARED / "data" / "phantom_dev"
    if not (phantoms / "truth.json").is_file():
        pytest.skip("../shared/data/phantom_dev is not here")
    study["report"].report(folder / "out", phantoms)
    found = json.loads((folder / "out" / "paper.json").read_text())
    errors = found["rows"]["selected_cnn-paper_fixed-1"]["errors"]["phantom_dev"]
    truths = json.loads((phantoms / "truth.json").read_text())
    assert errors["GABA"]["n"] == len(truths)
    assert set(found["classical"]) == {"LCModel", "FSL-MRS's Newton", "our classical fit"}


def test_a_gain_is_one_only_beyond_the_spread_of_the_seeds(study):
    gain = study["report"].gain
    assert "changed nothing beyond the spread" in gain("cnn", [0.10, 0.03], [0.09, 0.04])
    assert "10 % smaller" in gain("cnn", [0.10, 0.003], [0.09, 0.004])
    assert "is worse" in gain("cnn", [0.09, 0.001], [0.10, 0.002])


def test_a_shipped_model_stays_only_where_it_errs_less(study):
    stays = study["report"].stays
    assert stays("phantom_cnn", 0.010, "row", 0.011).startswith("phantom_cnn stays")
    for selected in (0.010, 0.009):
        assert "takes its place" in stays("phantom_cnn", 0.010, "row", selected)


def test_an_empty_study_is_said(study, tmp_path):
    with pytest.raises(SystemExit, match="no finished row"):
        study["report"].report(tmp_path, tmp_path)
