# SPDX-License-Identifier: Apache-2.0
"""The weights of an earlier model, for a network that may be told or predict more than that."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from fsl_mrs_dl.core.errors import ConfigError

_FIRST_DENSE = "head.0.weight"
_LAST_DENSE = ("head.4.weight", "head.4.bias")

_START_LOG_SD = -0.7
"""Logarithm of a new spread at the start, in units of the sums' own."""


def weights_for(network: nn.Module, path: Path, *, afresh: bool) -> dict[str, Tensor]:
    """The state of `network` with the weights of a model's file.

    Parameters
    ----------
    network : nn.Module
    path : Path
        Of the file of safetensors.
    afresh : bool
        Whether spreads of sums that the file lacks start at half of the sums' own; they stay the network's otherwise.

    Raises
    ------
    ConfigError
        When the file is missing, or is that of another network.
    """
    if not path.is_file():
        raise ConfigError(
            "there are no weights to start from",
            where=path,
            hint=f"Train the first stage: fsl_mrs_dl train ... --output {path.parent}",
        )
    weights = {k.removeprefix("network."): v for k, v in load_file(path).items() if k.startswith("network.")}
    own = network.state_dict()
    _widen_input(weights, own)
    _widen_output(weights, own, afresh)
    if any(k not in own or own[k].shape != v.shape for k, v in weights.items()):
        raise ConfigError("the weights to start from are those of another network or of other outputs", where=path)
    return own | weights


def _widen_input(weights: dict[str, Tensor], own: dict[str, Tensor]) -> None:
    """Zeros for what the dense layers are told besides: the answer stays the same at first."""
    first, wanted = weights.get(_FIRST_DENSE), own.get(_FIRST_DENSE)
    if first is None or wanted is None or wanted.shape[1] <= first.shape[1]:
        return
    more = torch.zeros(first.shape[0], wanted.shape[1] - first.shape[1])
    weights[_FIRST_DENSE] = torch.cat([first, more], dim=1)


def _widen_output(weights: dict[str, Tensor], own: dict[str, Tensor], afresh: bool) -> None:
    for name in _LAST_DENSE:
        last, wanted = weights.get(name), own.get(name)
        if last is None or wanted is None or len(wanted) <= len(last):
            continue
        more = wanted[len(last) :]
        if afresh:
            more = torch.full_like(more, _START_LOG_SD if last.ndim == 1 else 0.0)
        weights[name] = torch.cat([last, more])
