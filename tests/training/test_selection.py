# SPDX-License-Identifier: Apache-2.0
"""The search for architecture and training parameters: proposals, early ends, workers, and going on after a kill."""

import dataclasses
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from fsl_mrs_dl.core.errors import ConfigError, DataError
from fsl_mrs_dl.training.config import read_config
from fsl_mrs_dl.training.selection.journal import COMPLETED, FAILED, STOPPED, WORST, Journal, goes_on
from fsl_mrs_dl.training.selection.space import Dimension, SelectConfig, configured, read_selection
from fsl_mrs_dl.training.selection.words import correlation, in_common, summary
from tests.helpers import ROOT

torch = pytest.importorskip("torch", reason="training needs torch")
pytest.importorskip("skopt", reason="the search needs scikit-optimize")

from fsl_mrs_dl.training.selection import trial as trial_module  # noqa: E402
from fsl_mrs_dl.training.selection.figures import partial_dependence, write_figures  # noqa: E402
from fsl_mrs_dl.training.selection.proposals import Proposer  # noqa: E402
from fsl_mrs_dl.training.selection.run import held_out_recipe, select  # noqa: E402
from fsl_mrs_dl.training.selection.search import Search  # noqa: E402

SPACE = {
    "network.dense": {"low": 16, "high": 64, "log": True, "whole": True},
    "network.kernel": {"choices": [3, 5], "ordered": True},
    "network.normalisation": {"choices": ["batch", "group", "none"]},
    "network.dropout": {"low": 0.0, "high": 0.3},
    "optimiser.learning_rate": {"low": 1e-3, "high": 1e-2, "log": True},
    "optimiser.batch_size": {"choices": [16, 32]},
}


def search_config(tiny_config, **changes):
    base = read_config(tiny_config)
    space = {path: Dimension(**values) for path, values in SPACE.items()}
    small = {"n_spectra": 64, "n_validation": 40, "n_trials": 4, "n_random": 2, "rungs": (1, 2), "n_free": 2}
    return SelectConfig(**{"name": "s", "base": base, "space": space, **small, **changes})


@pytest.fixture(scope="module")
def searched(tiny_config, tmp_path_factory):
    """A whole search with one worker, and its folder."""
    folder = tmp_path_factory.mktemp("searches") / "whole"
    return select(search_config(tiny_config), folder), folder


def log_of(folder):
    return json.loads((folder / "trials.json").read_text("utf-8"))


def like(searched, folder):
    """A folder with the data sets of a search, and no trials."""
    folder.mkdir()
    for name in ("data", "held_out"):
        (folder / name).symlink_to(searched[1] / name)
    return folder


def test_a_search_completes_what_it_was_asked_for(searched):
    search, folder = searched
    log = log_of(folder)
    assert sum(trial["outcome"] == COMPLETED for trial in log["trials"]) == 4
    assert log["running"] == []
    assert log["best"]["score"] == min(t["score"] for t in log["trials"] if t["outcome"] == COMPLETED)
    numbers = [trial["number"] for trial in log["trials"]]
    assert numbers == list(range(len(numbers)))
    assert len({json.dumps(trial["values"]) for trial in log["trials"]}) == len(numbers)
    for trial in log["trials"]:
        assert 0 < trial["score"] <= WORST
        assert 0 < trial["clean"] <= WORST
        assert len(trial["rungs"]) == (2 if trial["outcome"] == COMPLETED else len(trial["rungs"]))
    assert search.journal.best["number"] == log["best"]["number"]


def test_held_out_protocols_are_others_than_those_trained_on(searched):
    search, folder = searched
    records = [json.loads((folder / name / "dataset.json").read_text()) for name in ("data", "held_out")]
    assert records[0]["bank_sha256"] != records[1]["bank_sha256"]
    other = held_out_recipe(search.config.base.recipe)
    assert (other.drop_off, other.drop_diff) == (0, 0)
    drawn, trained = other.bank.draw(), search.config.base.recipe.bank.draw()
    assert not {repr(protocol) for protocol, _ in drawn} & {repr(protocol) for protocol, _ in trained}


def test_a_search_stopped_anywhere_gives_the_same_bytes_with_one_worker(searched, tiny_config, tmp_path, monkeypatch):
    folder = like(searched, tmp_path / "parts")
    config = search_config(tiny_config)
    trained, calls = trial_module._trained, []

    def stopped(material, values, scratch):
        calls.append(values)
        if len(calls) in (2, 4):
            raise KeyboardInterrupt
        return (yield from trained(material, values, scratch))

    monkeypatch.setattr(trial_module, "_trained", stopped)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            Search(config, folder).run(folder / "data", folder / "held_out")
        assert len(log_of(folder)["running"]) == 1
    Search(config, folder).run(folder / "data", folder / "held_out")
    assert (folder / "trials.json").read_bytes() == (searched[1] / "trials.json").read_bytes()
    assert calls[1] == calls[2], "the trial that was interrupted is started again"
    # and it is done: nothing is trained again
    n = len(calls)
    Search(config, folder).run(folder / "data", folder / "held_out")
    assert len(calls) == n


@pytest.mark.parametrize(
    ("network", "start"),
    [
        ("cnn", "61 completed, 43 stopped at a rung; best: trial 49"),
        ("yae", "61 completed, 35 stopped at a rung; best: trial 58"),
    ],
)
def test_the_shipped_logs_alone_are_read_again_without_spectra(tmp_path, network, start):
    shutil.copy(ROOT / "docs" / "selection" / f"{network}.json", tmp_path / "trials.json")
    search = select(read_selection(ROOT / "configs" / f"select_{network}.toml"), tmp_path)
    assert summary(search.trials, search.config.space).startswith(start)
    assert [path.name for path in tmp_path.iterdir()] == ["trials.json"]


def test_workers_share_one_search_and_go_on_after_a_kill(searched, tiny_config, tmp_path):
    folder = like(searched, tmp_path / "shared")
    code = (
        "import sys; from pathlib import Path\n"
        "from tests.training.test_selection import search_config\n"
        "from fsl_mrs_dl.training.selection.search import Search\n"
        "if __name__ == '__main__':\n"
        "    f = Path(sys.argv[2])\n"
        "    Search(search_config(Path(sys.argv[1])), f).run(f / 'data', f / 'held_out', workers=2)\n"
    )
    (tmp_path / "go.py").write_text(code)
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    command = [sys.executable, str(tmp_path / "go.py"), str(tiny_config), str(folder)]
    environment = {**os.environ, "PYTHONPATH": root}
    first = subprocess.Popen(command, env=environment, start_new_session=True)
    until = time.monotonic() + 300
    while not ((folder / "trials.json").exists() and log_of(folder)["trials"]) and time.monotonic() < until:
        assert first.poll() is None
        time.sleep(0.02)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    kept = log_of(folder)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    log = log_of(folder)
    assert log["trials"][: len(kept["trials"])] == kept["trials"]
    started_again = {entry["number"]: entry["point"] for entry in kept["running"]}
    points = {trial["number"]: trial["point"] for trial in log["trials"]}
    assert started_again.items() <= points.items()
    assert log["running"] == []
    assert sum(trial["outcome"] == COMPLETED for trial in log["trials"]) >= 4


def test_a_log_of_another_search_and_a_broken_one_are_refused(searched, tiny_config, tmp_path):
    with pytest.raises(ConfigError, match="another configuration"):
        Search(search_config(tiny_config, seed=2), searched[1])
    # more trials may be asked for
    assert len(Search(search_config(tiny_config, n_trials=9), searched[1]).trials) == len(searched[0].trials)
    (tmp_path / "trials.json").write_text('{"trials": [{}], "config": {}, "running": []}')
    with pytest.raises(DataError, match="not the log of a search"):
        Search(search_config(tiny_config), tmp_path)


def test_a_trial_that_diverges_has_a_finite_score_and_a_reason(searched, tiny_config, tmp_path, monkeypatch):
    folder = like(searched, tmp_path / "nan")
    errors = iter([(math.nan, 1.0)] + [(0.5, 0.4)] * 50)
    monkeypatch.setattr(trial_module.Material, "errors", lambda *_: next(errors))
    search = Search(search_config(tiny_config, n_trials=1), folder)
    search.run(folder / "data", folder / "held_out")
    first, second = log_of(folder)["trials"]
    assert (first["outcome"], first["score"], first["clean"]) == (FAILED, WORST, WORST)
    assert "finite" in first["reason"]
    assert second["outcome"] == COMPLETED


def test_what_torch_raises_costs_one_trial_and_a_search_that_only_fails_ends(
    searched, tiny_config, tmp_path, monkeypatch
):
    folder = like(searched, tmp_path / "fails")

    def broken(*_):
        raise RuntimeError("CUDA out of memory\nmore lines")

    monkeypatch.setattr(trial_module.Material, "trainer", broken)
    with pytest.raises(Exception, match="every trial of the search failed"):
        Search(search_config(tiny_config, n_trials=30), folder).run(folder / "data", folder / "held_out")
    assert {trial["reason"] for trial in log_of(folder)["trials"]} == {"RuntimeError: CUDA out of memory"}


def test_a_trial_ends_early_where_it_is_worse_than_most_that_were_there():
    config = SelectConfig.__new__(SelectConfig)
    object.__setattr__(config, "n_free", 3)
    object.__setattr__(config, "keep", 0.5)
    assert goes_on(9.0, [1.0, 2.0], config), "too few to compare with"
    assert goes_on(2.0, [1.0, 2.0, 3.0], config)
    assert not goes_on(2.1, [1.0, 2.0, 3.0], config)


def trial(number, outcome, rungs, **more):
    return {"number": number, "outcome": outcome, "rungs": rungs, "score": rungs[-1], "clean": rungs[-1], **more}


def test_the_process_is_told_what_a_stopped_trial_would_have_come_to(tiny_config, tmp_path):
    journal = Journal(search_config(tiny_config), tmp_path)
    for number, rungs in enumerate(([0.8, 0.4], [0.6, 0.2], [1.0, 0.5])):
        journal.end(trial(number, COMPLETED, rungs, point=[], values={}), 1.0)
    journal.end(trial(3, STOPPED, [1.2], point=[], values={}), 1.0)
    told = [math.exp(t["told"]) for t in journal.trials]
    # errors fell to 1/2, 1/3 and 1/2 of those at the first rung
    np.testing.assert_allclose(told, [0.4, 0.2, 0.5, 0.6])
    assert journal.trials[3]["score"] == 1.2, "the log says what was measured"


def test_proposals_go_to_where_errors_are_small_and_away_from_what_is_running(tiny_config):
    config = search_config(tiny_config, n_random=12)
    proposer = Proposer(config)
    trials = []
    for number in range(20):
        point = proposer.propose(number, trials, [])
        values = proposer.values(point)
        error = 0.2 + abs(math.log(values["optimiser.learning_rate"] / 2e-3)) + (values["network.kernel"] == 3)
        trials.append({"point": point, "told": math.log(error)})
    best = min(trials[:12], key=lambda t: t["told"]), min(trials[12:], key=lambda t: t["told"])
    assert best[1]["told"] < best[0]["told"]
    again = Proposer(config).propose(20, trials, [])
    assert again == proposer.propose(20, trials, []), "a proposal follows from the trials alone"
    assert proposer.propose(20, trials, [again]) != again
    # more workers than there is design
    point = proposer.propose(20, [], [again])
    assert proposer.values(point) != proposer.values(again)


def test_figures_and_words_come_from_the_log(searched, tmp_path):
    search, folder = searched
    trials = log_of(folder)["trials"]
    for path in write_figures(trials, search.config, tmp_path):
        assert path.read_bytes()[:4] == b"\x89PNG"
    curves = partial_dependence(trials, search.config)
    assert set(curves) == set(SPACE)
    assert all(math.isfinite(value) and value > 0 for _, values in curves.values() for value in values)
    text = summary(trials, search.config.space)
    assert "4 completed" in text
    assert f"trial {log_of(folder)['best']['number']}," in text
    assert len(in_common(trials, search.config.space)) == len(SPACE)
    assert -1 <= correlation(trials) <= 1
    one = [trial(n, COMPLETED, [s], values={}) for n, s in enumerate((0.3, 0.1, 0.2))]
    assert correlation(one) == pytest.approx(1.0)


def test_what_cannot_be_searched_is_said_before_anything_is_trained(tiny_config, tmp_path):
    base = read_config(tiny_config)
    with pytest.raises(ConfigError, match=r"unknown setting 'dence'.*dense"):
        SelectConfig("s", base, {"network.dence": Dimension(low=1, high=2)})
    with pytest.raises(ConfigError, match="which the configuration does not have"):
        SelectConfig("s", base, {"netwrk.dense": Dimension(low=1, high=2)})
    with pytest.raises(ConfigError, match="low < high"):
        Dimension(low=2, high=1)
    # each choice is fine by itself, two of them together are no network
    with pytest.raises(ConfigError, match="one positive number per width"):
        SelectConfig(
            "s",
            base,
            {
                "network.widths": Dimension(choices=((8, 16), (8, 16, 32))),
                "network.strides": Dimension(choices=((4, 4), (4, 2, 2))),
            },
        )
    with pytest.raises(ConfigError, match="rising"):
        search_config(tiny_config, rungs=(3, 2))
    (tmp_path / "c.toml").write_text('name = "s"\nn_trails = 3\n')
    with pytest.raises(ConfigError, match=r"n_trails.*n_trials"):
        read_selection(tmp_path / "c.toml")
    assert configured(base, {"optimiser.learning_rate": 1e-3}).optimiser.learning_rate == 1e-3


def test_a_trial_of_any_batch_size_sees_the_same_epochs(tiny_config):
    config = search_config(tiny_config, n_spectra=640)
    for size in (16, 32):
        trial_config = config.trial({"optimiser.batch_size": size})
        assert trial_config.optimiser.n_steps * size == 2 * 640
        assert trial_config.optimiser.validate_every * size == 640


@pytest.mark.parametrize("name", ["cnn", "yae"])
def test_every_point_of_the_shipped_spaces_is_a_network(name):
    from fsl_mrs_dl.networks import build_network

    config = read_selection(next(p for p in _configs() if p.name == f"select_{name}.toml"))
    assert config.n_trials >= 60
    space = Proposer(config).space
    corners = space.rvs(n_samples=12, random_state=1)
    for point in corners:
        values = Proposer(config).values([v.item() if hasattr(v, "item") else v for v in point])
        made = config.trial(values)
        network = build_network(made.network, 721, 5).eval()
        mean, log_sd = network(torch.zeros(2, 4, 721), torch.ones(2, 2))
        assert mean.shape == log_sd.shape == (2, 5)


def _configs():
    from pathlib import Path

    return (Path(__file__).resolve().parents[2] / "configs").iterdir()


def test_a_trial_changes_with_the_seed_of_its_dropout_only(searched):
    search, folder = searched
    material = trial_module.Material(search.config, folder / "data", folder / "held_out")
    first = search.trials[0]
    values = {**first["values"], "network.dropout": 0.3}
    found = []
    for _ in range(2):
        torch.manual_seed(int(time.monotonic_ns() % 2**31))
        run = trial_module.run_trial(material, values)
        try:
            next(run)
            run.send(True)
        except StopIteration as stop:
            found.append(stop.value)
    assert found[0] == found[1]
    assert dataclasses.is_dataclass(material.perturbed)
