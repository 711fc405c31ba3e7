# SPDX-License-Identifier: Apache-2.0
"""A residual 1-D CNN on complex spectra, with a predicted spread for every output."""

from __future__ import annotations

from dataclasses import dataclass

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
    dense : int
        Width of the hidden dense layer.
    squeeze : int
        Channels that are handed to the dense layer.
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
    dense: int = 384
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


class _Residual(nn.Module):
    """Two convolutions around which the input passes."""

    def __init__(self, width: int, kernel: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv1d(width, width, kernel, padding=kernel // 2, bias=False),
            nn.BatchNorm1d(width),
            nn.ReLU(),
            nn.Conv1d(width, width, kernel, padding=kernel // 2, bias=False),
            nn.BatchNorm1d(width),
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
            layers += [
                nn.Conv1d(channels, width, kernel, stride=stride, padding=kernel // 2, bias=False),
                nn.BatchNorm1d(width),
                nn.ReLU(),
                _Residual(width, config.kernel),
            ]
            channels, length, kernel = width, (length - 1) // stride + 1, config.kernel
        layers += [nn.Conv1d(channels, config.squeeze, 1), nn.ReLU(), nn.Flatten()]
        self.trunk = nn.Sequential(*layers)
        self.head = nn.Sequential(
            nn.Linear(config.squeeze * length + 2 + config.protocol_inputs, config.dense),
            nn.ReLU(),
            nn.Linear(config.dense, config.dense),
            nn.ReLU(),
            nn.Linear(config.dense, 2 * n_outputs + config.sum_spreads),
        )

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
