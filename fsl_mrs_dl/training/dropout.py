# SPDX-License-Identifier: Apache-2.0
"""Dropout that is the same whenever a step is trained: what it drops follows from the seed and the step."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np
import torch
from torch import nn

DROPOUT = 4
"""Stream of random numbers of dropout, beside those of `fsl_mrs_dl.training.source`."""

_LAYERS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)


class SeededDropout:
    """Random numbers of a network's dropout layers.

    Layers draw from torch's global generator, which is put back after each step. Nothing is done for a network without
    dropout.

    Parameters
    ----------
    network : nn.Module
    seed : int
        Of the training.
    device : torch.device
        Where the network is.
    """

    def __init__(self, network: nn.Module, seed: int, device: torch.device) -> None:
        self.seed = seed
        self._devices = [] if device.type == "cpu" else [device]
        self._drops = any(isinstance(layer, _LAYERS) and layer.p > 0 for layer in network.modules())

    @contextlib.contextmanager
    def at(self, step: int) -> Iterator[None]:
        """While a step is trained."""
        if not self._drops:
            yield
            return
        with torch.random.fork_rng(devices=self._devices):
            torch.manual_seed(int(np.random.SeedSequence((self.seed, DROPOUT, step)).generate_state(1, np.uint64)[0]))
            yield
