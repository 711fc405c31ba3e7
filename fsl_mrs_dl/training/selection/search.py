# SPDX-License-Identifier: Apache-2.0
"""A search: proposals, trials in one process or several, and early ends of poor ones.

Successive halving without waiting (Li et al. 2020, arXiv 1810.05934; the rule of the quantile: Golovin et al. 2017, doi
10.1145/3097983.3098043): at a rung a trial goes on where it is among the better ones of those that were there before.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Generator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from fsl_mrs_dl.core.errors import FslMrsDlError
from fsl_mrs_dl.core.progress import Pace
from fsl_mrs_dl.core.workers import companions
from fsl_mrs_dl.training.selection.journal import FAILED, Journal, Trial, goes_on
from fsl_mrs_dl.training.selection.proposals import Proposer
from fsl_mrs_dl.training.selection.space import SelectConfig

log = logging.getLogger(__name__)

_HOPELESS = 6
"""Failed trials in a row at the start after which something else must be wrong."""


@dataclass
class _Under:
    """A trial that is under way."""

    number: int
    point: list[Any]
    started_s: float = field(default_factory=time.monotonic)
    rungs: list[float] = field(default_factory=list)


class Search:
    """A search in a folder, whose ``trials.json`` is its state.

    Parameters
    ----------
    config : SelectConfig
    folder : Path
        Exists; an interrupted search goes on.
    """

    def __init__(self, config: SelectConfig, folder: Path) -> None:
        self.config, self.folder = config, folder
        self.proposer = Proposer(config)
        self.journal = Journal(config, folder)
        self._waiting = sorted(self.journal.running.items())
        self._under: dict[int, _Under] = {}
        self._completed_before, self._pace = 0, Pace(config.n_trials)

    @property
    def trials(self) -> list[Trial]:
        """Those that have ended, in the order in which they did."""
        return self.journal.trials

    def run(self, data: Path, held_out: Path, *, workers: int = 1, device: str = "cpu") -> None:
        """Train what is left of the trials.

        Parameters
        ----------
        data, held_out : Path
            Data sets to train on and to judge by.
        workers : int
            Processes. With one the same configuration always gives the same log; with several, trials end in an order
            that nobody knows before.
        device : str
            ``cpu`` or ``cuda``.

        Raises
        ------
        FslMrsDlError
            When the first trials all fail.
        """
        if self.is_done:
            return
        # what an earlier call completed does not count
        self._completed_before = len(self.journal.completed)
        self._pace = Pace(self.config.n_trials - self._completed_before)
        given = (self.config, data, held_out, device)
        if workers == 1:
            self._run_here(*given)
            return
        with companions(serve, given, workers) as ends:
            self._run_elsewhere(ends)

    def _run_here(self, config: SelectConfig, data: Path, held_out: Path, device: str) -> None:
        from fsl_mrs_dl.training.selection.trial import Material, run_trial

        material = Material(config, data, held_out, device)
        while (under := self._next()) is not None:
            trial = run_trial(material, self.proposer.values(under.point))
            self._end(under, _driven(trial, lambda error, under=under: self._verdict(under, error)))

    def _run_elsewhere(self, ends: list[Any]) -> None:
        idle: list[Any] = list(ends)
        busy: dict[Any, _Under] = {}
        while True:
            while idle and (under := self._next()) is not None:
                end = idle.pop()
                busy[end] = under
                end.send(self.proposer.values(under.point))
            if not busy:
                return
            if not any(end.poll() for end in busy):
                self._look_ahead()
            for end in wait(list(busy)):
                self._answer(end, busy, idle)

    def _answer(self, end: Any, busy: dict[Any, _Under], idle: list[Any]) -> None:
        """Take what one worker has to say."""
        under = busy[end]
        try:
            said = end.recv()
        except (EOFError, ConnectionResetError) as error:
            raise FslMrsDlError(
                "a worker of the search has ended",
                where=f"trial {under.number}",
                hint="The same command goes on; with fewer --workers each has more memory",
            ) from error
        if isinstance(said, float):
            end.send(self._verdict(under, said))
            return
        del busy[end]
        idle.append(end)
        self._end(under, said)

    @property
    def is_done(self) -> bool:
        """Whether all trials are there."""
        journal = self.journal
        return len(journal.completed) >= self.config.n_trials or len(journal.trials) >= self.config.most

    def _next(self) -> _Under | None:
        """The next trial: one that was running when the search was interrupted, or a proposal; None at the end."""
        if self.is_done:
            return None
        if not self._waiting:
            self._look_ahead()
        if not self._waiting:
            return None
        number, point = self._waiting.pop(0)
        self._under[number] = _Under(number, point)
        self.journal.start(number, point)
        return self._under[number]

    def _look_ahead(self) -> None:
        """Have one proposal ready: workers need not wait for it."""
        number = self.journal.next_number
        if self._waiting or number >= self.config.most:
            return
        running = [under.point for under in self._under.values()]
        self._waiting.append((number, self.proposer.propose(number, self.trials, running)))

    def _verdict(self, under: _Under, error: float) -> bool:
        """Whether a trial goes on from the rung that it has reached."""
        rung = len(under.rungs)
        others = [other.rungs[rung] for other in self._under.values() if len(other.rungs) > rung]
        under.rungs.append(error)
        return goes_on(error, [*self.journal.at_rung(rung), *others], self.config)

    def _end(self, under: _Under, record: Trial) -> None:
        del self._under[under.number]
        values = self.proposer.values(under.point)
        trial = {"number": under.number, "point": under.point, "values": values, **record}
        self.journal.end(trial, time.monotonic() - under.started_s)
        best = self.journal.best
        log.info(
            "%d/%d completed, %d ended early%s: trial %d %s after %d epochs at %.4f (best %s)  %s",
            len(self.journal.completed),
            self.config.n_trials,
            len(self.trials) - len(self.journal.completed),
            self._pace_text(),
            under.number,
            record["outcome"],
            record["epochs"],
            record["score"],
            f"{best['score']:.4f}" if best else "none yet",
            values,
        )
        if record["outcome"] == FAILED:
            log.warning("warning: trial %d failed: %s", under.number, record["reason"])
        self._check_hope()

    def _pace_text(self) -> str:
        """Time for each completed trial, those that ended early included, and time left."""
        completed = len(self.journal.completed) - self._completed_before
        return f", {self._pace.after(completed)}" if completed else ""

    def _check_hope(self) -> None:
        if len(self.trials) >= _HOPELESS and all(trial["outcome"] == FAILED for trial in self.trials):
            raise FslMrsDlError(
                "every trial of the search failed", where=self.folder, got=str(self.trials[-1]["reason"])
            )


def serve(connection: Connection, config: SelectConfig, data: Path, held_out: Path, device: str) -> None:
    """In a worker: train one trial after the other, for as long as there are any."""
    from fsl_mrs_dl.training.selection.trial import Material, run_trial

    material = Material(config, data, held_out, device)

    def ask(error: float) -> bool:
        connection.send(error)
        return bool(connection.recv())

    while True:
        connection.send(_driven(run_trial(material, connection.recv()), ask))


def _driven(trial: Generator[float, bool, Trial], ask: Any) -> Trial:
    """Run a trial to its end, asking at each rung whether it goes on."""
    try:
        error = next(trial)
        while True:
            error = trial.send(ask(error))
    except StopIteration as stop:
        record: Trial = stop.value
        return record
