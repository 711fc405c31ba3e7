# SPDX-License-Identifier: Apache-2.0
"""Networks: one file each, looked up by name. The only part besides training that needs torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fsl_mrs_dl.core.config import from_mapping
from fsl_mrs_dl.core.errors import ConfigError, nearest

if TYPE_CHECKING:
    from torch import nn


def build_network(settings: Mapping[str, Any], n_points: int, n_outputs: int) -> nn.Module:
    """Build a network from its settings.

    Parameters
    ----------
    settings : mapping
        ``name`` and the fields of that network's config.
    n_points : int
        Points of the ppm grid.
    n_outputs : int
        Quantities estimated.

    Returns
    -------
    torch.nn.Module
        Maps ``channels (n, 4, n_points)`` and ``present (n, 2)`` to ``mean`` and ``log_sd``, each
        ``(n, n_outputs)``; with `protocol_inputs` it takes ``protocol (n, protocol_inputs)`` besides, and with
        `sum_spreads` it gives the ``log_sd`` of that many sums besides. One with a decoder has ``decoder_weight`` and
        ``reconstruct``, which gives the clean spectra too.

    Raises
    ------
    ConfigError
        For an unknown network or setting.
    """
    network, _ = _classes(settings)
    return network(network_config(settings), n_points, n_outputs)


def network_config(settings: Mapping[str, Any]) -> Any:
    """The frozen config of a network's settings; raises `ConfigError` for an unknown network or setting."""
    _, config = _classes(settings)
    name = settings["name"]
    return from_mapping(config, {k: v for k, v in settings.items() if k != "name"}, f"network {name}")


def _classes(settings: Mapping[str, Any]) -> tuple[Any, Any]:
    """Class of the network that is named, and of its config."""
    from fsl_mrs_dl.networks.cnn import Cnn, CnnConfig
    from fsl_mrs_dl.networks.fcnn import Fcnn, FcnnConfig
    from fsl_mrs_dl.networks.yae import Yae, YaeConfig

    registry: dict[str, tuple[Any, Any]] = {
        "cnn": (Cnn, CnnConfig),
        "fcnn": (Fcnn, FcnnConfig),
        "yae": (Yae, YaeConfig),
    }
    name = settings.get("name")
    if name not in registry:
        raise ConfigError(
            f"unknown network '{name}'{nearest(str(name), registry)}", expected=f"one of {', '.join(registry)}"
        )
    return registry[name]
