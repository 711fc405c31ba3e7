# SPDX-License-Identifier: Apache-2.0
"""Where training batches come from: synthesised on the CPU or on a GPU, or read from a data set; made ahead."""

from __future__ import annotations

import contextlib
import functools
import itertools
import queue
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from fsl_mrs_dl.core.workers import endless
from fsl_mrs_dl.synthesise.plan import numbered_plan, planner
from fsl_mrs_dl.synthesise.synthesiser import SynthesisedBatch, Synthesiser
from fsl_mrs_dl.training.config import TrainConfig
from fsl_mrs_dl.training.dataset import Dataset

TRAIN, VALIDATION, CALIBRATION, PROBE = 0, 1, 2, 9
"""Streams of random numbers; a batch is drawn from ``(seed, stream, index)`` and from nothing else."""

CHUNK = 4096
"""Spectra that a GPU makes at a time; with another number others are drawn."""


def draw(
    synthesiser: Synthesiser, seed: int, stream: int, index: int, n: int, *, clean: bool = False
) -> SynthesisedBatch:
    """The `index`-th batch of a stream; the same whenever it is drawn."""
    return synthesiser.batch(n, np.random.default_rng((seed, stream, index)), clean=clean)


def batches(
    config: TrainConfig,
    synthesiser: Synthesiser,
    dataset: Dataset | None,
    first: int,
    *,
    clean: bool,
    device: torch.device,
    workers: int,
) -> Iterator[SynthesisedBatch]:
    """Training batches from step `first` on; tensors on the device where that is no CPU.

    Parameters
    ----------
    config : TrainConfig
    synthesiser : Synthesiser
    dataset : Dataset, optional
        What is trained on; spectra are synthesised otherwise.
    first : int
    clean : bool
        With the undisturbed spectra.
    device : torch.device
    workers : int
        Processes that draw for a GPU.
    """
    size, on_cpu = config.optimiser.batch_size, device.type == "cpu"
    if dataset is None and on_cpu:
        return _drawn(synthesiser, config, first, clean)
    if dataset is None:
        return _made_on_device(synthesiser, config, first, clean, device, workers)
    if on_cpu:
        return dataset.batches(size, config.seed, first, clean=clean)
    return _stored_on_device(dataset, size, config.seed, first, clean, device)


def _drawn(synthesiser: Synthesiser, config: TrainConfig, first: int, clean: bool) -> Iterator[SynthesisedBatch]:
    """Synthesised for this run, one for each step."""
    for index in itertools.count(first):
        yield draw(synthesiser, config.seed, TRAIN, index, config.optimiser.batch_size, clean=clean)


def _made_on_device(
    synthesiser: Synthesiser, config: TrainConfig, first: int, clean: bool, device: torch.device, workers: int
) -> Iterator[SynthesisedBatch]:
    """Drawn by processes and made on the device, many steps' spectra at a time."""
    from fsl_mrs_dl.synthesise.on_device import DeviceSynthesiser

    size = config.optimiser.batch_size
    steps = max(1, CHUNK // size)
    maker = DeviceSynthesiser(synthesiser, str(device))
    plan = functools.partial(numbered_plan, planner(synthesiser), (config.seed, TRAIN), steps * size, clean)
    skipped = first % steps
    for planned in endless(plan, first // steps, workers):
        made = maker.make(planned)
        for step in range(skipped, steps):
            yield _rows(made, slice(step * size, (step + 1) * size))
        skipped = 0


def _stored_on_device(
    dataset: Dataset, size: int, seed: int, first: int, clean: bool, device: torch.device
) -> Iterator[SynthesisedBatch]:
    """Those of a data set that is copied to the device as a whole."""
    whole = dataset.rows(slice(None), clean=clean)
    parts = {name: None if part is None else torch.from_numpy(part).to(device) for name, part in vars(whole).items()}
    stored = SynthesisedBatch(**parts)  # type: ignore[arg-type]
    for index in dataset.order(size, seed, first):
        yield _rows(stored, torch.from_numpy(index).to(device))


def _rows(batch: SynthesisedBatch, index: Any) -> SynthesisedBatch:
    parts = {name: None if part is None else part[index] for name, part in vars(batch).items()}
    return SynthesisedBatch(**parts)  # type: ignore[arg-type]


_LAST_BATCH_S = 10.0
"""How long the batch that is being made may take when a training is stopped."""


def ahead(made: Iterator[SynthesisedBatch], n: int) -> Iterator[SynthesisedBatch]:
    """The next `n` of `made`, made ahead by a thread."""
    ready: queue.Queue[SynthesisedBatch | BaseException] = queue.Queue(maxsize=4)
    stop = threading.Event()

    def work() -> None:
        with contextlib.closing(made):  # type: ignore[type-var]
            for _ in range(n):
                item = _next_or_error(made)
                if not _put(ready, item, stop) or isinstance(item, BaseException):
                    return

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        for _ in range(n):
            item = ready.get()
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()
        # a thread that still computes when Python ends would have the process aborted
        if thread is not threading.current_thread():
            # not for ever: it may read from a process that was killed in the middle of what it sent
            thread.join(_LAST_BATCH_S)


def _next_or_error(made: Iterator[SynthesisedBatch]) -> SynthesisedBatch | BaseException:
    try:
        return next(made)
    except BaseException as error:
        return error


def _put(ready: queue.Queue[SynthesisedBatch | BaseException], item: Any, stop: threading.Event) -> bool:
    """Whether there was room for `item` before `stop` was set."""
    while not stop.is_set():
        with contextlib.suppress(queue.Full):
            ready.put(item, timeout=0.5)
            return not stop.is_set()
    return False
