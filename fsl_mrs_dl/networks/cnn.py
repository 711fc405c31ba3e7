# SPDX-License-Identifier: Apache-2.0
"""A residual 1-D CNN on complex spectra, with a predicted spread for every output."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from fsl_mrs_dl.core.errors import ConfigError


@dataclass(frozen=True)
class CnnConfig:
    """Architecture.

    Parameters
    ----------
    widths, strides : tuple of int
        Channels of each stage, and by how much it reduces the number of points.
    stem_kernel, kernel : int
        Kernel sizes, odd.
    blocks : int
        Residual blocks of each stage.
    normalisation : {'batch', 'group', 'none'}
        What follows each convolution: over the batch (Ioffe and Szegedy 2015, arXiv 1502.03167), over groups of up to
        `GROUPS` channels of one spectrum (Wu and He 2018, arXiv 1803.08494), or nothing.
    dense, dense_layers : int
        Width and number of the hidden dense layers.
    dropout : float
        Share of the dense layers' numbers that is left out in training.
    squeeze : int
        Channels that are handed to the dense layers; with their points they are the code of a `yae`.
    protocol_inputs : int
        Numbers that describe the protocol, handed to the dense layer too; see `fsl_mrs_dl.models.protocol_code`.
    sum_spreads : int
        Sums of outputs of which a spread is predicted too: that of a sum is not told by those of its parts, whose
        errors go together.
    """

    widths: tuple[int, ...] = (48, 96, 128)
    strides: tuple[int, ...] = (4, 2, 2)
    stem_kernel: int = 17
    kernel: int = 5
    blocks: int = 1
    normalisation: Literal["batch", "group", "none"] = "batch"
    dense: int = 384
    dense_layers: int = 2
    dropout: float = 0.0
    squeeze: int = 32
    protocol_inputs: int = 0
    sum_spreads: int = 0

    def __post_init__(self) -> None:
        if not self.widths or min(self.widths) < 1:
            raise ConfigError("widths must hold positive numbers", got=self.widths)
        if len(self.strides) != len(self.widths) or min(self.strides) < 1:
            raise ConfigError("strides must hold one positive number per width", got=self.strides)
        if self.stem_kernel % 2 == 0 or self.kernel % 2 == 0:
            raise ConfigError("kernel sizes must be odd", got=(self.stem_kernel, self.kernel))
        if min(self.dense, self.dense_layers, self.squeeze) < 1 or self.blocks < 0:
            raise ConfigError(
                "dense, dense_layers and squeeze must be positive, blocks not negative",
                got=(self.dense, self.dense_layers, self.squeeze, self.blocks),
            )
        if not 0 <= self.dropout < 1:
            raise ConfigError("dropout out of range", expected="0 to below 1", got=self.dropout)


GROUPS = 8
"""Groups of channels that are normalised together, where the channels can be shared out so."""


def convolution(inner: int, outer: int, kernel: int, normalisation: str, *, stride: int = 1) -> list[nn.Module]:
    """A convolution and what normalises it: any odd kernel fits any signal, which is padded by half of it."""
    layer = nn.Conv1d(inner, outer, kernel, stride=stride, padding=kernel // 2, bias=normalisation == "none")
    if normalisation == "batch":
        return [layer, nn.BatchNorm1d(outer)]
    # nothing keeps its place, so that weights have the same names
    return [layer, nn.GroupNorm(math.gcd(GROUPS, outer), outer) if normalisation == "group" else nn.Identity()]


class _Residual(nn.Module):
    """Two convolutions around which the input passes."""

    def __init__(self, width: int, kernel: int, normalisation: str) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *convolution(width, width, kernel, normalisation),
            nn.ReLU(),
            *convolution(width, width, kernel, normalisation),
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.body(x))


class Cnn(nn.Module):
    """Spectra to amplitudes and the logarithm of their standard deviations."""

    def __init__(self, config: CnnConfig, n_points: int, n_outputs: int) -> None:
        super().__init__()
        self.config, self.n_outputs = config, n_outputs
        layers: list[nn.Module] = []
        channels, length, kernel = 4, n_points, config.stem_kernel
        for width, stride in zip(config.widths, config.strides, strict=True):
            layers += [*convolution(channels, width, kernel, config.normalisation, stride=stride), nn.ReLU()]
            layers += [_Residual(width, config.kernel, config.normalisation) for _ in range(config.blocks)]
            channels, length, kernel = width, (length - 1) // stride + 1, config.kernel
        layers += [nn.Conv1d(channels, config.squeeze, 1), nn.ReLU(), nn.Flatten()]
        self.trunk = nn.Sequential(*layers)
        n_inputs, dense = config.squeeze * length + 2 + config.protocol_inputs, []
        for _ in range(config.dense_layers):
            dense += [nn.Linear(n_inputs, config.dense), nn.ReLU()]
            dense += [nn.Dropout(config.dropout)] if config.dropout else []
            n_inputs = config.dense
        self.head = nn.Sequential(*dense, nn.Linear(n_inputs, 2 * n_outputs + config.sum_spreads))

    def forward(self, channels: Tensor, present: Tensor, protocol: Tensor | None = None) -> tuple[Tensor, ...]:
        """See `fsl_mrs_dl.networks.build_network`."""
        return self.quantify(self.trunk(channels), present, protocol)

    def quantify(self, code: Tensor, present: Tensor, protocol: Tensor | None = None) -> tuple[Tensor, ...]:
        """Amplitudes from what the trunk made of the spectra."""
        inputs = [code, present] if protocol is None else [code, present, protocol]
        output = self.head(torch.cat(inputs, dim=1))
        mean, spreads = output[:, : self.n_outputs], output[:, self.n_outputs :].clamp(-9.0, 3.0)
        if not self.config.sum_spreads:
            return mean, spreads
        return mean, spreads[:, : self.n_outputs], spreads[:, self.n_outputs :]
