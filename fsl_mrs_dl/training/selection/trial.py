# SPDX-License-Identifier: Apache-2.0
"""One trial: trained on the data set of the search, rung by rung, and judged on its held-out spectra."""

from __future__ import annotations

import dataclasses
import math
import tempfile
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fsl_mrs_dl.synthesise.recipe import Recipe
from fsl_mrs_dl.synthesise.synthesiser import SynthesisedBatch
from fsl_mrs_dl.training.dataset import Dataset, open_dataset
from fsl_mrs_dl.training.loop import Trainer
from fsl_mrs_dl.training.selection.journal import COMPLETED, FAILED, STOPPED, WORST
from fsl_mrs_dl.training.selection.space import SelectConfig


class FixedSpectra:
    """Stands where a trainer expects a synthesiser, and always gives the same held-out spectra.

    Parameters
    ----------
    recipe : Recipe
    batch : SynthesisedBatch
    """

    bank = None
    code = None

    def __init__(self, recipe: Recipe, batch: SynthesisedBatch) -> None:
        self.recipe, self._batch = recipe, batch

    def batch(self, *_: object, **__: object) -> SynthesisedBatch:
        """All of them, whatever is asked for."""
        return self._batch


class Material:
    """What all trials of a search share, opened once in each process.

    Parameters
    ----------
    config : SelectConfig
    data, held_out : Path
        The data sets.
    device : str
        ``cpu`` or ``cuda``.
    """

    def __init__(self, config: SelectConfig, data: Path, held_out: Path, device: str = "cpu") -> None:
        self.config, self.device = config, device
        self._there: SynthesisedBatch | None = None
        self.dataset: Dataset = open_dataset(data, config.base.recipe)
        batch = open_dataset(held_out, config.base.recipe).rows(slice(None), clean=True)
        self.perturbed = dataclasses.replace(batch, clean=None)
        # as the program would show an undisturbed spectrum to the network: with unit power
        assert batch.clean is not None
        power = np.einsum("ncp,ncp->n", batch.clean, batch.clean) / batch.clean.shape[2] / batch.present.sum(axis=1)
        self.clean_scale = np.sqrt(power)[:, None]
        channels = (batch.clean / self.clean_scale[:, :, None]).astype(np.float32)
        self.clean = dataclasses.replace(self.perturbed, channels=channels)

    def trainer(self, values: Mapping[str, Any], folder: Path) -> RungTrainer:
        """The trainer of a trial."""
        config = self.config.trial(values)
        spectra: Any = FixedSpectra(config.recipe, self.perturbed)
        trainer = RungTrainer(config, spectra, folder, self.dataset, device=self.device)
        if self.device != "cpu":
            clean = trainer.decoder_weight > 0
            trainer.on_device = self._on_device(clean)
        return trainer

    def _on_device(self, clean: bool) -> SynthesisedBatch:
        """The data set on the device, where it stays for all trials."""
        if self._there is None or (clean and self._there.clean is None):
            whole = vars(self.dataset.rows(slice(None), clean=clean)).items()
            parts = {name: None if part is None else torch.from_numpy(part).to(self.device) for name, part in whole}
            self._there = SynthesisedBatch(**parts)  # type: ignore[arg-type]
        return self._there if clean else dataclasses.replace(self._there, clean=None)

    def errors(self, trainer: RungTrainer) -> tuple[float, float]:
        """Error on perturbed and on clean spectra, both in units of the spread of the targets."""
        perturbed, _ = trainer.predict(self.perturbed)
        clean, _ = trainer.predict(self.clean)
        return self._error(trainer, perturbed), self._error(trainer, clean * self.clean_scale)

    def _error(self, trainer: RungTrainer, mean: NDArray) -> float:
        error = np.abs(mean - self.perturbed.target).mean(axis=0) / trainer.target_scale
        weight = np.array([trainer.config.emphasis.get(name, 1.0) for name in trainer.outputs])
        return float((error * weight).sum() / weight.sum())


class RungTrainer(Trainer):
    """A training that halts at rungs; it stays in memory, and writes nothing."""

    until = 0
    on_device: SynthesisedBatch | None = None

    @property
    def last_step(self) -> int:
        """The step of the next rung."""
        return self.until

    def _batches(self) -> Iterator[SynthesisedBatch]:
        if self.on_device is None or self.dataset is None:
            yield from super()._batches()
            return
        for index in self.dataset.order(self.config.optimiser.batch_size, self.config.seed, self.step):
            rows, parts = torch.from_numpy(index).to(self.device), vars(self.on_device).items()
            shown = {name: None if part is None else part[rows] for name, part in parts}
            yield SynthesisedBatch(**shown)  # type: ignore[arg-type]

    def _resume(self) -> None:
        """Go on with what is in memory."""

    def _checkpoint(self) -> None:
        """Leave nothing: an interrupted trial is started again."""


def run_trial(material: Material, values: Mapping[str, Any]) -> Generator[float, bool, dict[str, Any]]:
    """Train a trial: yields its error at each rung but the last, is sent whether to go on, and returns its record."""
    with tempfile.TemporaryDirectory() as scratch:
        try:
            return (yield from _trained(material, values, Path(scratch)))
        except (RuntimeError, FloatingPointError) as error:
            # what torch raises, too little memory among it: one trial is lost, not the search
            return _failed([], 0, 0, f"{type(error).__name__}: {str(error).splitlines()[0][:200]}")


def _trained(material: Material, values: Mapping[str, Any], folder: Path) -> Generator[float, bool, dict[str, Any]]:
    config = material.config
    trainer = material.trainer(values, folder)
    parameters = sum(p.numel() for p in trainer.network.parameters())
    epoch, clean = config.epoch(trainer.config), math.nan
    rungs: list[float] = []
    for rung in config.rungs:
        trainer.until = rung * epoch
        trainer.run()
        error, clean = material.errors(trainer)
        if not (math.isfinite(error) and math.isfinite(clean)) or min(error, clean) <= 0:
            return _failed(rungs, trainer.step // epoch, parameters, "the errors were no longer finite")
        rungs.append(min(error, WORST))
        if rung != config.rungs[-1] and not (yield error):
            break
    outcome = COMPLETED if len(rungs) == len(config.rungs) else STOPPED
    return {
        "outcome": outcome,
        "reason": "" if outcome == COMPLETED else f"worse than others after {rung} epochs",
        "epochs": trainer.step // epoch,
        "rungs": [round(error, 6) for error in rungs],
        "score": round(rungs[-1], 6),
        "clean": round(min(clean, WORST), 6),
        "parameters": parameters,
    }


def _failed(rungs: list[float], epochs: int, parameters: int, reason: str) -> dict[str, Any]:
    return {
        "outcome": FAILED,
        "reason": reason,
        "epochs": epochs,
        "rungs": [round(error, 6) for error in rungs],
        "score": WORST,
        "clean": WORST,
        "parameters": parameters,
    }
