# SPDX-License-Identifier: Apache-2.0
"""A plain stack of convolutions with concatenated rectifiers, in the manner of Hatami et al. 2018, as a comparator.

Hatami N, Sdika M, Ratiney H (2018) Magnetic resonance spectroscopy quantification using deep learning, MICCAI, LNCS
11070:467-475, doi 10.1007/978-3-030-00928-1_53.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fsl_mrs_dl.core.errors import ConfigError


@dataclass(frozen=True)
class FcnnConfig:
    """Architecture.

    Parameters
    ----------
    filters : tuple of int
        Filters of each convolution; the rectifier doubles them, and pooling halves the points.
    kernel : int
        Kernel size, odd.
    dense : int
        Width of the hidden dense layer.
    dropout : float
        Share of the dense layer's numbers that is left out in training.
    """

    filters: tuple[int, ...] = (16, 32, 64, 128)
    kernel: int = 3
    dense: int = 256
    dropout: float = 0.2

    def __post_init__(self) -> None:
        if not self.filters or min(self.filters) < 1:
            raise ConfigError("filters must hold positive numbers", got=self.filters)
        if self.kernel % 2 == 0:
            raise ConfigError("the kernel size must be odd", got=self.kernel)
        if not 0 <= self.dropout < 1:
            raise ConfigError("dropout out of range", expected="0 to below 1", got=self.dropout)


class _Concatenated(nn.Module):
    """Positive and negative part beside each other (Shang et al. 2016, arXiv 1603.05201)."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([torch.relu(x), torch.relu(-x)], dim=1)


class Fcnn(nn.Module):
    """Spectra to amplitudes and the logarithm of their standard deviations."""

    def __init__(self, config: FcnnConfig, n_points: int, n_outputs: int) -> None:
        super().__init__()
        self.config, self.n_outputs = config, n_outputs
        layers: list[nn.Module] = []
        channels, length = 4, n_points
        for filters in config.filters:
            layers += [
                nn.Conv1d(channels, filters, config.kernel, padding=config.kernel // 2),
                _Concatenated(),
                nn.MaxPool1d(2),
            ]
            channels, length = 2 * filters, length // 2
        self.trunk = nn.Sequential(*layers, nn.Flatten())
        self.head = nn.Sequential(
            nn.Linear(channels * length + 2, config.dense),
            nn.ReLU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.dense, 2 * n_outputs),
        )

    def forward(self, channels: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
        """See `fsl_mrs_dl.networks.build_network`."""
        output = self.head(torch.cat([self.trunk(channels), present], dim=1))
        return output[:, : self.n_outputs], output[:, self.n_outputs :].clamp(-9.0, 3.0)
