# SPDX-License-Identifier: Apache-2.0
"""The log of a search, which is its state: trials that have ended, and those that were running."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fsl_mrs_dl.core.errors import ConfigError, DataError
from fsl_mrs_dl.core.files import write_json
from fsl_mrs_dl.training.selection.space import SelectConfig

TRIALS, TIMES = "trials.json", "seconds.json"
"""Files of a search; how long each trial took stands apart: it is never twice the same."""

WORST = 2.0
"""Score of a trial that diverged or failed: more than twice that of guessing the mean, and finite."""

COMPLETED, STOPPED, FAILED = "completed", "stopped", "failed"
"""How a trial ends: at the last rung or by patience, at an earlier rung, or without an answer."""

Trial = dict[str, Any]


class Journal:
    """Trials of a search in ``trials.json``.

    Parameters
    ----------
    config : SelectConfig
    folder : Path
        Exists.

    Raises
    ------
    DataError, ConfigError
        When the log there is broken, or of another configuration.
    """

    def __init__(self, config: SelectConfig, folder: Path) -> None:
        self.config, self.folder = config, folder
        self.trials: list[Trial] = []
        self.running: dict[int, list[Any]] = {}
        self.seconds: dict[str, float] = {}
        self._read()

    @property
    def completed(self) -> list[Trial]:
        """Trials that were trained to their end."""
        return [trial for trial in self.trials if trial["outcome"] == COMPLETED]

    @property
    def best(self) -> Trial | None:
        """The completed trial of the lowest score."""
        return min(self.completed, key=lambda trial: float(trial["score"]), default=None)

    @property
    def next_number(self) -> int:
        """Number of the trial that will be proposed next."""
        return max([trial["number"] for trial in self.trials] + list(self.running), default=-1) + 1

    def start(self, number: int, point: list[Any]) -> None:
        """Note that a trial has been started."""
        self.running[number] = point
        self._write()

    def end(self, trial: Trial, seconds: float) -> None:
        """Note how a trial ended; what the process is told is added to it."""
        trial["told"] = self._told(trial)
        self.running.pop(trial["number"], None)
        self.trials.append(trial)
        self.seconds[str(trial["number"])] = round(seconds, 2)
        self._write()

    def at_rung(self, rung: int) -> list[float]:
        """Errors of the trials that have ended, at a rung that they reached."""
        return [trial["rungs"][rung] for trial in self.trials if len(trial["rungs"]) > rung]

    def _told(self, trial: Trial) -> float:
        """Logarithm of the error at the end: of a trial that was stopped, what it would be on the course of others.

        Between a rung and the end errors fall by a factor much alike for all; the median of the completed ones is
        taken. A trial is stopped because it is worse than others at the same rung, so this stays worse than they are.
        """
        told = math.log(trial["score"])
        if trial["outcome"] != STOPPED:
            return told
        rung = len(trial["rungs"]) - 1
        falls = [
            math.log(other["score"]) - math.log(other["rungs"][rung])
            for other in self.completed
            if len(other["rungs"]) > rung
        ]
        return told + (float(np.median(falls)) if falls else 0.0)

    def _write(self) -> None:
        running = [{"number": number, "point": point} for number, point in sorted(self.running.items())]
        state = {"config": self._state(), "best": self.best, "trials": self.trials, "running": running}
        write_json(self.folder / TRIALS, state)
        write_json(self.folder / TIMES, self.seconds)

    def _state(self) -> dict[str, Any]:
        state: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(self.config)))
        return state

    def _read(self) -> None:
        path = self.folder / TRIALS
        if not path.exists():
            return
        try:
            state = json.loads(path.read_text("utf-8"))
            self.trials, config = list(state["trials"]), dict(state["config"])
            self.running = {int(entry["number"]): list(entry["point"]) for entry in state["running"]}
            if not all({"number", "point", "told", "score", "rungs", "outcome"} <= set(t) for t in self.trials):
                raise KeyError("a trial lacks something")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError("not the log of a search", where=path, got=f"{type(error).__name__} {error}") from error
        # more trials may be asked for; everything else must be the same
        numbers = {"n_trials": 0, "n_most": 0}
        if {**config, **numbers} != {**self._state(), **numbers}:
            raise ConfigError(
                "the log was made with another configuration", where=path, hint="Use another output folder"
            )
        times = self.folder / TIMES
        if times.exists():
            self.seconds = json.loads(times.read_text("utf-8"))


def goes_on(error: float, earlier: Sequence[float], config: SelectConfig) -> bool:
    """Whether a trial with this error at a rung is good enough, among those that were there before it, to go on."""
    if len(earlier) < config.n_free:
        return True
    return error <= float(np.quantile(earlier, config.keep))
