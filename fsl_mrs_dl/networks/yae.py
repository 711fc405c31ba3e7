# SPDX-License-Identifier: Apache-2.0
"""A Y-shaped autoencoder: one encoder, a decoder to the clean spectrum, and a quantifier on the latent code.

The idea is that of Ma, Shermer, Karakuş, Langbein 2026 (arXiv 2602.20289); there each channel goes through dense layers
of its own, here neighbouring points and the four channels meet in convolutions. In use only encoder and quantifier run.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fsl_mrs_dl.errors import ConfigError
from fsl_mrs_dl.networks.cnn import CnnConfig


@dataclass(frozen=True)
class YaeConfig(CnnConfig):
    """Architecture: the fields of `CnnConfig` are the encoder's and the quantifier's; the decoder mirrors the encoder.

    Parameters
    ----------
    latent : int
        Length of the latent code.
    decoder_weight : float
        Weight of the decoder's squared error in the loss, beside the quantifier's likelihood.
    """

    latent: int = 256
    decoder_weight: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.decoder_weight < 0:
            raise ConfigError("decoder_weight must not be negative", got=self.decoder_weight)


def _block(inner: int, outer: int, kernel: int, stride: int) -> list[nn.Module]:
    return [
        nn.Conv1d(inner, outer, kernel, stride=stride, padding=kernel // 2, bias=False),
        nn.BatchNorm1d(outer),
        nn.ReLU(),
        nn.Conv1d(outer, outer, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm1d(outer),
        nn.ReLU(),
    ]


class Yae(nn.Module):
    """Spectra to amplitudes with their spread and, in training, to the spectra that they stand for."""

    def __init__(self, config: YaeConfig, n_points: int, n_outputs: int) -> None:
        super().__init__()
        self.config, self.n_outputs, self.n_points = config, n_outputs, n_points
        self.decoder_weight = config.decoder_weight
        layers: list[nn.Module] = []
        channels, lengths, kernel = 4, [n_points], config.stem_kernel
        for width, stride in zip(config.widths, config.strides, strict=True):
            layers += _block(channels, width, kernel, stride)
            channels, kernel = width, config.kernel
            lengths.append((lengths[-1] - 1) // stride + 1)
        squeeze = config.squeeze
        layers += [nn.Conv1d(channels, squeeze, 1), nn.ReLU(), nn.Flatten()]
        self.encoder = nn.Sequential(*layers)
        self.code = nn.Sequential(nn.Linear(squeeze * lengths[-1] + 2, config.latent), nn.ReLU())
        self.quantifier = nn.Sequential(
            nn.Linear(config.latent, config.dense),
            nn.ReLU(),
            nn.Linear(config.dense, config.dense),
            nn.ReLU(),
            nn.Linear(config.dense, 2 * n_outputs),
        )
        self.unfold = nn.Sequential(nn.Linear(config.latent, squeeze * lengths[-1]), nn.ReLU())
        self.shape = (squeeze, lengths[-1])
        up: list[nn.Module] = []
        inner = squeeze
        for width, length in zip(reversed(config.widths), reversed(lengths[:-1]), strict=True):
            up += [
                nn.Upsample(size=length, mode="linear", align_corners=False),
                *_block(inner, width, config.kernel, 1),
            ]
            inner = width
        self.decoder = nn.Sequential(*up, nn.Conv1d(inner, 4, config.kernel, padding=config.kernel // 2))

    def forward(self, channels: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
        """See `fsl_mrs_dl.networks.build_network`."""
        return self._quantify(self._encode(channels, present))

    def reconstruct(self, channels: Tensor, present: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What `forward` gives, and the clean spectra, shape ``(n, 4, n_points)``."""
        code = self._encode(channels, present)
        mean, log_sd = self._quantify(code)
        return mean, log_sd, self.decoder(self.unfold(code).unflatten(1, self.shape))

    def _encode(self, channels: Tensor, present: Tensor) -> Tensor:
        return self.code(torch.cat([self.encoder(channels), present], dim=1))

    def _quantify(self, code: Tensor) -> tuple[Tensor, Tensor]:
        output = self.quantifier(code)
        return output[:, : self.n_outputs], output[:, self.n_outputs :].clamp(-9.0, 3.0)
