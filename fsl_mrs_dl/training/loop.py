# SPDX-License-Identifier: Apache-2.0
"""The training loop: streamed spectra, checkpoints, resumption, validation, moving average."""

from __future__ import annotations

import copy
import json
import logging
import math
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from fsl_mrs_dl.core.config import from_mapping
from fsl_mrs_dl.core.errors import ConfigError
from fsl_mrs_dl.core.files import atomic_path, write_json
from fsl_mrs_dl.core.progress import FirstWord, Pace
from fsl_mrs_dl.metabolites.sums import COMBINATIONS
from fsl_mrs_dl.models.folder import sha256
from fsl_mrs_dl.networks import build_network, network_config
from fsl_mrs_dl.synthesise.synthesiser import SynthesisedBatch, Synthesiser
from fsl_mrs_dl.training.config import TrainConfig
from fsl_mrs_dl.training.dataset import Dataset
from fsl_mrs_dl.training.dropout import SeededDropout
from fsl_mrs_dl.training.ratio_loss import RatioLoss
from fsl_mrs_dl.training.source import VALIDATION, ahead, batches, draw
from fsl_mrs_dl.training.start_weights import weights_for

log = logging.getLogger(__name__)

WEIGHTS = "model.safetensors"


def loss_of(mean: Tensor, log_sd: Tensor, target: Tensor, weight: Tensor, beta: float) -> Tensor:
    """Weighted beta-NLL of a normal distribution (Seitzer et al. 2022, arXiv 2203.09168)."""
    inverse = torch.exp(-2 * log_sd)
    nll = 0.5 * (target - mean) ** 2 * inverse + log_sd
    return (nll * weight * torch.exp(2 * beta * log_sd).detach()).mean()


class Trainer:
    """One training run in an output folder, which holds checkpoints and the log.

    Parameters
    ----------
    config : TrainConfig
    synthesiser : Synthesiser
    folder : Path
        Exists; a checkpoint in it is resumed when it has the same configuration.
    dataset : Dataset, optional
        What is trained on; spectra are synthesised for the run otherwise. Validation and calibration spectra always
        are.
    start : Path, optional
        Folder of the weights to start from; the configuration's otherwise.
    device : str
        ``cpu`` or ``cuda``: of the network, and of the synthesis of what is trained on.
    workers : int
        Processes that draw spectra for a GPU.
    """

    def __init__(
        self,
        config: TrainConfig,
        synthesiser: Synthesiser,
        folder: Path,
        dataset: Dataset | None = None,
        start: Path | None = None,
        *,
        device: str = "cpu",
        workers: int = 1,
    ) -> None:
        if start is None and config.start:
            start = Path(config.start)
        self.config, self.synthesiser, self.folder, self.dataset = config, synthesiser, folder, dataset
        self.outputs = config.recipe.outputs
        self.device, self.workers = torch.device(device), workers
        torch.set_num_threads(config.optimiser.threads)
        if self.device.type == "cuda":
            torch.backends.cudnn.benchmark = True  # convolutions of the same size throughout
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)  # forked: the caller's generator stays as it was
            self.network: Any = build_network(config.network, config.recipe.grid.n_points, len(self.outputs))
        self.start_sha256 = _load_start(self.network, start) if start else ""
        self.network.to(self.device)
        self._dropout = SeededDropout(self.network, config.seed, self.device)
        self.decoder_weight = float(getattr(self.network, "decoder_weight", 0.0))
        self.average = copy.deepcopy(self.network).requires_grad_(False)
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), lr=config.optimiser.learning_rate, weight_decay=config.optimiser.weight_decay
        )
        self.step, self.elapsed_s, self.best, self.since_best = 0, 0.0, 1e9, 0
        self.history: list[dict[str, float]] = []
        # targets are brought to unit size by the spread of the first validation spectra
        self.validation = draw(synthesiser, config.seed, VALIDATION, 0, config.optimiser.n_validation)
        both = self.validation.present.all(axis=1)
        self.target_scale = np.maximum(self.validation.target[both].std(axis=0), 1e-3).astype(np.float32)
        if start:
            self.target_scale = load_file(start / WEIGHTS)["target_scale"].numpy()
        self.weight = torch.tensor([config.emphasis.get(name, 1.0) for name in self.outputs], device=self.device)
        self._unit = torch.from_numpy(self.target_scale).to(self.device)
        self.sums, self.sum_scale = self._sums(self.validation.target[both])
        self.ratios: RatioLoss | None = None
        if config.optimiser.ratio_weight:
            self.ratios = RatioLoss(self.outputs, self.validation.target[both], self.target_scale, device)
        self.predicts_sums = bool(getattr(network_config(config.network), "sum_spreads", 0))
        pairs = list(zip(self.average.state_dict().values(), self.network.state_dict().values(), strict=True))
        self._averaged = [pair for pair in pairs if pair[0].dtype.is_floating_point]
        self._counted = [pair for pair in pairs if not pair[0].dtype.is_floating_point]

    def run(self) -> None:
        """Train to the end, from the checkpoint where there is one."""
        self._resume()
        settings = self.config.optimiser
        started, done_before, first = time.monotonic(), self.elapsed_s, self.step
        first_word = FirstWord(Pace(self.last_step - first))
        if self.since_best >= settings.patience:
            return
        for batch in ahead(self._batches(), self.last_step - self.step):
            with self._dropout.at(self.step):
                loss = self._train_on(batch)
            self.step += 1
            self.elapsed_s = done_before + time.monotonic() - started
            first_word.say(self.step - first)
            if self.step % settings.validate_every == 0 or self.step == self.last_step:
                score = self.validate()
                self.history.append(
                    {"step": self.step, "loss": float(loss), "validation": score, "elapsed_s": self.elapsed_s}
                )
                self.since_best = 0 if score < self.best - 1e-5 else self.since_best + 1
                self.best = min(self.best, score)
                rate = (self.step - first) / (time.monotonic() - started)
                log.info(
                    "step %d/%d  loss %.4f  validation %.4f  %.0f spectra/s  %.1f min left",
                    self.step,
                    self.last_step,
                    float(loss),
                    score,
                    rate * settings.batch_size,
                    (self.last_step - self.step) / rate / 60,
                )
            if self.step % settings.checkpoint_every == 0 or self.step == self.last_step:
                self._checkpoint()
            if self.since_best >= settings.patience:
                log.info("no progress in %d validations: stopped at step %d", settings.patience, self.step)
                self._checkpoint()
                break

    def average_with(self, folder: Path, share: float) -> None:
        """Average the weights that are kept with those of a finished stage, `share` of which is taken.

        Spreads of sums that the stage did not predict stay as they are.
        """
        other = weights_for(self.average, folder / WEIGHTS, afresh=False)
        with torch.no_grad():
            for name, kept in self.average.state_dict().items():
                if kept.dtype.is_floating_point:
                    kept.lerp_(other[name].to(self.device), share)

    def to_cpu(self) -> None:
        """Bring what is kept to the CPU; to be called when training has ended."""
        self.device = torch.device("cpu")
        self.average.to(self.device)

    @property
    def last_step(self) -> int:
        """The step after which the run ends."""
        return self.config.optimiser.last_step or self.config.optimiser.n_steps

    def _batches(self) -> Iterator[SynthesisedBatch]:
        return batches(
            self.config,
            self.synthesiser,
            self.dataset,
            self.step,
            clean=self.decoder_weight > 0,
            device=self.device,
            workers=self.workers,
        )

    def predict(self, batch: SynthesisedBatch) -> tuple[NDArray, NDArray]:
        """Means and standard deviations of the averaged network, in the units of `batch.target`."""
        mean, sd, _ = self.answers(batch)
        return mean, sd

    def answers(self, batch: SynthesisedBatch) -> tuple[NDArray, NDArray, NDArray | None]:
        """As `predict`, and the standard deviations of the sums where the network predicts them."""
        self.average.eval()
        parts: list[list[NDArray]] = []
        with torch.inference_mode():
            for start in range(0, len(batch.channels), 512):
                answer = self.average(*self._inputs(batch, slice(start, start + 512)))
                parts.append([part.cpu().numpy() for part in answer])
        mean, log_sd, *log_sums = (np.concatenate(part) for part in zip(*parts, strict=True))
        sums = np.exp(log_sums[0]) * self.sum_scale if log_sums else None
        return mean * self.target_scale, np.exp(log_sd) * self.target_scale, sums

    def validate(self) -> float:
        """Mean over outputs of the weighted mean absolute error, in units of the targets' spread, both conditions."""
        mean, _ = self.predict(self.validation)
        both = self.validation.present.all(axis=1)
        error = np.abs(mean - self.validation.target)[both].mean(axis=0) / self.target_scale
        weight = self.weight.cpu().numpy()
        return float((error * weight).sum() / weight.sum())

    def _train_on(self, batch: SynthesisedBatch) -> Tensor:
        settings = self.config.optimiser
        rate = settings.learning_rate * _schedule(self.step, settings.warmup_steps, settings.n_steps)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.network.train()
        target = self._there(batch.target) / self._unit
        inputs = self._inputs(batch)
        coarse = self.step < settings.coarse_share * settings.n_steps and _bfloat16_is_fast(self.device)
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=coarse):
            if batch.clean is None:
                answer = self.network(*inputs)
            else:
                answer = self.network.reconstruct(*inputs)
        mean, log_sd, *more = (part.float() for part in answer)
        loss = loss_of(mean, log_sd, target, self.weight, settings.spread_weight)
        error = (mean - target) @ self.sums
        if self.predicts_sums:
            # the spreads alone: what the sums are is trained by their parts and by sum_weight
            unit = torch.ones(error.shape[1], device=self.device)
            loss = loss + loss_of(error.detach(), more[0], torch.zeros_like(error), unit, settings.spread_weight)
        if settings.sum_weight:
            loss = loss + settings.sum_weight * nn.functional.smooth_l1_loss(error, torch.zeros_like(error), beta=0.02)
        if self.ratios is not None:
            loss = loss + settings.ratio_weight * self.ratios(mean, target, inputs[1])
        if batch.clean is not None:
            loss = loss + self.decoder_weight * nn.functional.mse_loss(more[0], self._there(batch.clean))
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimiser.step()
        decay = min(settings.average_decay, (1 + self.step) / (10 + self.step))
        kept, new = (list(part) for part in zip(*self._averaged, strict=True))
        get_ema_multi_avg_fn(decay)(kept, new, 1)
        for count, counted in self._counted:
            count.copy_(counted)
        # read where it is told: to read it now would have a GPU wait
        return loss.detach()

    def _there(self, part: Any) -> Tensor:
        """A part of a batch as a tensor on the device."""
        return torch.as_tensor(part).to(self.device)

    def _inputs(self, batch: SynthesisedBatch, rows: slice = slice(None)) -> list[Tensor]:
        """What the network takes."""
        parts = (batch.channels, batch.present, batch.protocol)
        return [self._there(part[rows]) for part in parts if part is not None]

    def _sums(self, target: NDArray) -> tuple[Tensor, NDArray]:
        """What turns scaled outputs into the sums that are reported, ``(n_outputs, n_sums)``, and their spreads.

        Each sum has unit spread.
        """
        columns, scales = [], []
        for parts in COMBINATIONS.values():
            member = np.array([name in parts for name in self.outputs])
            if member.sum() > 1:
                scales.append(target[:, member].sum(axis=1).std())
                columns.append(member * self.target_scale / scales[-1])
        together = torch.from_numpy(np.array(columns, dtype=np.float32).reshape(-1, len(self.outputs)).T)
        return together.to(self.device), np.array(scales, dtype=np.float32)

    def _checkpoint(self) -> None:
        tensors = {f"network.{k}": v for k, v in self.network.state_dict().items()}
        tensors |= {f"average.{k}": v.clone() for k, v in self.average.state_dict().items()}
        for index, state in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{index}.{k}": torch.as_tensor(v) for k, v in state.items()}
        with atomic_path(self.folder / "checkpoint.safetensors") as path:
            save_file({k: v.cpu().contiguous() for k, v in tensors.items()}, path, metadata={"step": str(self.step)})
        write_json(
            self.folder / "progress.json",
            {
                "step": self.step,
                "elapsed_s": self.elapsed_s,
                "best": self.best,
                "since_best": self.since_best,
                "history": self.history,
                "config": _plain(asdict(self.config)),
                "start_sha256": self.start_sha256,
            },
        )

    def _resume(self) -> None:
        progress, weights = self.folder / "progress.json", self.folder / "checkpoint.safetensors"
        if not (progress.exists() and weights.exists()):
            return
        state = json.loads(progress.read_text("utf-8"))
        # settings that a newer version has added count with their defaults
        try:
            same = from_mapping(TrainConfig, state["config"], str(progress)) == self.config
        except ConfigError:
            same = False
        # checkpoints of older versions do not say from which weights they started
        if not same or state.get("start_sha256", self.start_sha256) != self.start_sha256:
            raise ConfigError(
                f"the checkpoint was made with {'other weights to start from' if same else 'another configuration'}",
                where=self.folder,
                hint="Use another output folder, or delete the checkpoint",
            )
        tensors = load_file(weights)

        def part(prefix: str) -> dict[str, Any]:
            return {k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)}

        self.network.load_state_dict(part("network."))
        self.average.load_state_dict(part("average."))
        optimiser = self.optimiser.state_dict()
        for key, value in part("optimiser.").items():
            index, name = key.split(".", 1)
            optimiser["state"].setdefault(int(index), {})[name] = value
        self.optimiser.load_state_dict(optimiser)
        self.step, self.elapsed_s = state["step"], state["elapsed_s"]
        self.best, self.since_best, self.history = state["best"], state["since_best"], state["history"]
        log.info("resumed at step %d", self.step)


def _bfloat16_is_fast(device: torch.device) -> bool:
    """Whether convolutions have a path of their own for bfloat16.

    Where not, they are converted to and fro, and a step takes several times as long as in float32.
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _load_start(network: nn.Module, folder: Path) -> str:
    """Give `network` the weights of a model folder; what serves training only (a decoder) starts afresh.

    A first dense layer that takes more inputs than the model's (the protocol's description, which stands last) starts
    without heeding them; a last one that gives more (spreads of sums, which stand last) starts them afresh.

    Returns
    -------
    str
        SHA-256 of their file.
    """
    path = folder / WEIGHTS
    network.load_state_dict(weights_for(network, path, afresh=True))
    return sha256(path)


def _plain(value: Any) -> Any:
    """As JSON gives it back."""
    return json.loads(json.dumps(value))


def _schedule(step: int, warmup: int, total: int) -> float:
    """Linear warm-up, then a cosine to 1 % of the peak."""
    if step < warmup:
        return (step + 1) / warmup
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, total - warmup)))
