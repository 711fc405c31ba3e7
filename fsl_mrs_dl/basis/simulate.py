# SPDX-License-Identifier: Apache-2.0
"""Simulation of a basis set: molecules in parallel, each kept when it is done, so that a run can resume."""

from __future__ import annotations

import dataclasses
import logging
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fsl_mrs_dl.core.errors import ConfigError, DataError
from fsl_mrs_dl.core.files import atomic_path
from fsl_mrs_dl.core.progress import Pace
from fsl_mrs_dl.core.unfinished import claim, key_of
from fsl_mrs_dl.core.workers import run_jobs
from fsl_mrs_dl.physics.sequences import Experiment
from fsl_mrs_dl.physics.simulate import LineList, simulate
from fsl_mrs_dl.physics.spins import SpinSystem

log = logging.getLogger(__name__)

FORMAT = 1
"""Counts changes of what a kept molecule means; those of another count are simulated again."""

Signals = dict[str, dict[str, LineList]]
"""For each condition, the signal of each molecule."""


@dataclass(frozen=True)
class _Job:
    """One molecule through every condition."""

    system: SpinSystem
    experiments: tuple[Experiment, ...]
    path: Path

    def run(self) -> None:
        signals = simulate(self.system, self.experiments)
        arrays: dict[str, Any] = {}
        for index, lines in enumerate(signals):
            arrays[f"shift_hz_{index}"], arrays[f"amplitude_{index}"] = lines.shift_hz, lines.amplitude
        with atomic_path(self.path) as scratch, scratch.open("wb") as stream:
            np.savez(stream, **arrays)

    def load(self) -> list[LineList]:
        try:
            with np.load(self.path, allow_pickle=False) as stored:
                return [
                    LineList(stored[f"shift_hz_{i}"], stored[f"amplitude_{i}"]) for i in range(len(self.experiments))
                ]
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise DataError(
                "what an interrupted simulation left is damaged",
                where=self.path,
                got=type(error).__name__,
                hint="Delete it and repeat the command",
            ) from error


def simulate_basis_set(
    systems: Sequence[SpinSystem],
    experiments: Mapping[str, Experiment],
    description: Mapping[str, Any],
    scratch: Path,
    *,
    workers: int = 1,
) -> Signals:
    """Simulate a basis set.

    Parameters
    ----------
    systems : sequence of SpinSystem
    experiments : mapping of str to Experiment
        The conditions by name.
    description : mapping
        What the experiments were made from, as JSON: molecules kept in `scratch` by another description are dropped.
    scratch : Path
        Folder for molecules that are done; made when missing. Remove it when the basis is written.
    workers : int
        Processes. The result does not depend on their number, nor on interruptions.

    Raises
    ------
    ConfigError
        When two molecules have one name.
    DataError
        When `scratch` cannot be written.
    """
    names = [system.name for system in systems]
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ConfigError("a metabolite was named twice", got=", ".join(twice))
    record = {"format": FORMAT, "description": description, "systems": [dataclasses.asdict(s) for s in systems]}
    claim(scratch, key_of(record), stamp="basis_set.json", what="simulation")
    jobs = [_Job(system, tuple(experiments.values()), scratch / f"{system.name}.npz") for system in systems]
    missing = [job for job in jobs if not job.path.exists()]
    if len(missing) < len(jobs):
        log.info("%d of %d metabolites are there already", len(jobs) - len(missing), len(jobs))
    # the slowest first, so that no process is left alone with it at the end
    missing.sort(key=lambda job: -max(group.n_spins for group in job.system.groups))
    pace = Pace(len(missing))
    for done, job in enumerate(run_jobs(missing, workers), start=1):
        number = len(jobs) - len(missing) + done
        log.info("%s: %d of %d, %s", job.system.name, number, len(jobs), pace.after(done))
    signals: Signals = {condition: {} for condition in experiments}
    for job in jobs:
        for condition, lines in zip(experiments, job.load(), strict=True):
            signals[condition][job.system.name] = lines
    return signals
