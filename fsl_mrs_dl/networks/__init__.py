# SPDX-License-Identifier: Apache-2.0
"""Networks: one file each, known by existing. The only part besides training that needs torch.

The file ``mlp.py`` is the network ``mlp``: it holds the class ``Mlp`` and its frozen config ``MlpConfig``.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fsl_mrs_dl.core.config import from_mapping
from fsl_mrs_dl.core.errors import ConfigError, nearest

if TYPE_CHECKING:
    from torch import nn


def network_names() -> tuple[str, ...]:
    """Names of the networks that there are."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


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
    name = settings.get("name")
    known = network_names()
    if name not in known:
        raise ConfigError(f"unknown network '{name}'{nearest(str(name), known)}", expected=f"one of {', '.join(known)}")
    # imported when it is asked for: torch is slow to import
    module = importlib.import_module(f"{__name__}.{name}")
    network = str(name).title().replace("_", "")
    return getattr(module, network), getattr(module, f"{network}Config")
