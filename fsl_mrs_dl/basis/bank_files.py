# SPDX-License-Identifier: Apache-2.0
"""A basis bank on disk: one compact basis per protocol, and the draws. An interrupted simulation goes on."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fsl_mrs_dl import __version__
from fsl_mrs_dl.basis.bank_config import BankConfig
from fsl_mrs_dl.basis.files import LineBasis, load_line_basis, save_line_basis
from fsl_mrs_dl.core.config import from_mapping
from fsl_mrs_dl.core.errors import ConfigError, DataError
from fsl_mrs_dl.core.files import write_json
from fsl_mrs_dl.core.progress import Pace
from fsl_mrs_dl.core.reading import read_toml
from fsl_mrs_dl.core.workers import run_jobs
from fsl_mrs_dl.metabolites.table import BRAIN
from fsl_mrs_dl.physics.sequences import MegaPress
from fsl_mrs_dl.physics.simulate import simulate_metabolite
from fsl_mrs_dl.physics.spins import SpinSystem, load_system

log = logging.getLogger(__name__)

FORMAT = 1
"""Counts changes of what a member's file means; members of another count are simulated again."""


@dataclass(frozen=True)
class BankFile:
    """What ``simulate bank`` reads.

    Parameters
    ----------
    metabolites : tuple of str
        A brain's when empty, see `fsl_mrs_dl.metabolites.table.BRAIN`.
    bank : BankConfig
    """

    metabolites: tuple[str, ...] = ()
    bank: BankConfig = field(default_factory=BankConfig)


def simulate_bank(config_path: Path, output: Path, workers: int = 1) -> None:
    """Simulate the bank of a TOML file into `output`: ``bank.json`` and ``members/NNNN.npz``.

    Raises
    ------
    ConfigError
        When the file is missing, not TOML, or holds an unknown key or a wrong value.
    DataError
        When `output` holds another bank.
    """
    config = read_bank_file(config_path)
    simulate_members(config.bank, config.metabolites or BRAIN, output, workers=workers)


def read_bank_file(path: Path) -> BankFile:
    """Read a TOML file; see `BankFile`."""
    return from_mapping(BankFile, read_toml(path, "configuration", ConfigError), str(path))


def simulate_members(config: BankConfig, metabolites: Sequence[str], folder: Path, *, workers: int = 1) -> None:
    """Simulate every member of a bank that `folder` lacks.

    Parameters
    ----------
    config : BankConfig
    metabolites : sequence of str
    folder : Path
        Made when missing.
    workers : int
        Processes; the files do not depend on their number.

    Raises
    ------
    ConfigError
        For an unknown metabolite.
    DataError
        When the folder holds another bank.
    """
    systems = [load_system(name) for name in metabolites]
    draws = config.draw()
    seeds = np.random.SeedSequence((config.seed, 1)).spawn(len(draws))
    record = {
        "format": FORMAT,
        "config": dataclasses.asdict(config),
        "metabolites": list(metabolites),
        "spin_systems_sha256": hashlib.sha256(repr(systems).encode()).hexdigest(),
        "draws": [
            {"temperature_c": temperature_c, "sequence": dataclasses.asdict(protocol)}
            for protocol, temperature_c in draws
        ],
    }
    _claim(folder, record)
    jobs = [
        _Job(protocol, systems, temperature_c, config.shift_jitter_ppm, seed, member_path(folder, index))
        for index, ((protocol, temperature_c), seed) in enumerate(zip(draws, seeds, strict=True))
    ]
    missing = [job for job in jobs if not job.path.exists()]
    if len(missing) < len(jobs):
        log.info("%d of %d members are there already", len(jobs) - len(missing), len(jobs))
    pace = Pace(len(missing))
    for done, _ in enumerate(run_jobs(missing, workers), start=1):
        log.info("member %d/%d, %s", len(jobs) - len(missing) + done, len(jobs), pace.after(done))


def load_members(folder: Path) -> list[LineBasis]:
    """Every member of the bank in `folder`.

    Raises
    ------
    DataError
        When there is no bank, or a member is missing or broken.
    """
    record = _record(folder)
    if record is None:
        raise DataError("no basis bank here", where=folder, expected="a folder made by 'fsl_mrs_dl simulate bank'")
    paths = [member_path(folder, index) for index in range(len(record["draws"]))]
    lacking = sum(not path.exists() for path in paths)
    if lacking:
        raise DataError(
            f"the bank lacks {lacking} of its {len(paths)} members",
            where=folder,
            hint="Run 'fsl_mrs_dl simulate bank' again: it goes on where it stopped",
        )
    return [load_line_basis(path) for path in paths]


def member_path(folder: Path, index: int) -> Path:
    """File of a member."""
    return folder / "members" / f"{index:04d}.npz"


def _record(folder: Path) -> dict[str, Any] | None:
    path = folder / "bank.json"
    if not path.exists():
        return None
    try:
        record = json.loads(path.read_text("utf-8"))
        if not isinstance(record["draws"], list):
            raise TypeError("draws")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError("not the record of a basis bank", where=path, got=f"{type(error).__name__} {error}") from error
    return record


def _claim(folder: Path, record: dict[str, Any]) -> None:
    """Write the record, or make sure that it is the one there."""
    there = _record(folder)
    if there is None:
        (folder / "members").mkdir(parents=True, exist_ok=True)
        write_json(folder / "bank.json", {**record, "version": __version__})
        return
    wanted = json.loads(json.dumps(record))
    for key, value in wanted.items():
        if there.get(key) != value:
            raise DataError(
                f"the folder holds another bank (its {key} differs)", where=folder, hint="Choose an empty folder"
            )


@dataclass(frozen=True)
class _Job:
    """A member to simulate."""

    protocol: MegaPress
    systems: list[SpinSystem]
    temperature_c: float
    jitter_ppm: float
    seed: np.random.SeedSequence
    path: Path

    def run(self) -> None:
        rng = np.random.default_rng(self.seed)
        pairs = {}
        for system in self.systems:
            moved = system.at_temperature(self.temperature_c).jittered(self.jitter_ppm, rng)
            pairs[system.name] = simulate_metabolite(moved, self.protocol)
        save_line_basis(self.path, LineBasis(pairs, self.protocol))
