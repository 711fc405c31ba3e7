# SPDX-License-Identifier: Apache-2.0
"""A Y-shaped autoencoder: one encoder, a decoder to the clean spectrum, and a quantifier on the latent code.

The idea is that of Ma, Shermer, Karakuş, Langbein 2026 (arXiv 2602.20289); there each channel goes through dense layers
of its own and the code is 128 numbers a channel, here the encoder is the trunk of `fsl_mrs_dl.networks.cnn` and the
code its last feature map. In use only encoder and quantifier run.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from fsl_mrs_dl.core.errors import ConfigError
from fsl_mrs_dl.networks.cnn import Cnn, CnnConfig, convolution


@dataclass(frozen=True)
class YaeConfig(CnnConfig):
    """Architecture: the fields of `CnnConfig` are the encoder's and the quantifier's; the decoder mirrors the encoder.

    Parameters
    ----------
    decoder_weight : float
        Weight of the decoder's squared error in the loss, beside the quantifier's likelihood.
    """

    decoder_weight: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.sum_spreads:
            raise ConfigError("a yae predicts no spreads of sums", got=self.sum_spreads)
        if self.decoder_weight < 0:
            raise ConfigError("decoder_weight must not be negative", got=self.decoder_weight)


class _Interleave(nn.Module):
    """Neighbouring points out of channels: sub-pixel convolution (Shi et al. 2016, arXiv 1609.05158)."""

    def __init__(self, factor: int, n_points: int) -> None:
        super().__init__()
        self.factor, self.n_points = factor, n_points

    def forward(self, x: Tensor) -> Tensor:
        n, channels, length = x.shape
        fine = x.reshape(n, channels // self.factor, self.factor, length).transpose(2, 3)
        return fine.reshape(n, channels // self.factor, length * self.factor)[..., : self.n_points]


class Yae(Cnn):
    """Spectra to amplitudes with their spread and, in training, to the spectra that they stand for."""

    def __init__(self, config: YaeConfig, n_points: int, n_outputs: int) -> None:
        super().__init__(config, n_points, n_outputs)
        self.decoder_weight = config.decoder_weight
        lengths = [n_points]
        for stride in config.strides:
            lengths.append((lengths[-1] - 1) // stride + 1)
        self.code_shape = (config.squeeze, lengths[-1])
        layers: list[nn.Module] = []
        inner = config.squeeze
        for width, length in zip(reversed(config.widths), reversed(lengths[1:-1]), strict=False):
            layers += [*self._layer(inner, width), nn.ReLU(), nn.Upsample(size=length)]
            inner = width
        layers += [
            *self._layer(inner, config.widths[0]),
            nn.ReLU(),
            nn.Conv1d(config.widths[0], 4 * config.strides[0], config.kernel, padding=config.kernel // 2),
            _Interleave(config.strides[0], n_points),
        ]
        self.decoder = nn.Sequential(*layers)

    def _layer(self, inner: int, outer: int) -> list[nn.Module]:
        return convolution(inner, outer, self.config.kernel, self.config.normalisation)

    def reconstruct(self, channels: Tensor, present: Tensor, protocol: Tensor | None = None) -> tuple[Tensor, ...]:
        """What `forward` gives, and the clean spectra, shape ``(n, 4, n_points)``."""
        code = self.trunk(channels)
        return *self.quantify(code, present, protocol), self.decoder(code.unflatten(1, self.code_shape))
