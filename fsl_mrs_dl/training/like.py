# SPDX-License-Identifier: Apache-2.0
"""A training configuration for one protocol: a shipped model's, with ranges about what a header or a user says.

Training goes on from the shipped model's weights, which know spectra already, so it takes a fraction of their time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import tomli_w

from fsl_mrs_dl.basis.bank_config import BankConfig
from fsl_mrs_dl.core.config import from_mapping
from fsl_mrs_dl.core.errors import ConfigError, nearest
from fsl_mrs_dl.core.files import atomic_path
from fsl_mrs_dl.core.resources import weights_folder
from fsl_mrs_dl.models.folder import open_model
from fsl_mrs_dl.physics.sequences import MegaPress, mega_press
from fsl_mrs_dl.synthesise.recipe import Recipe
from fsl_mrs_dl.training.config import AnchorConfig, TrainConfig, merged

STARTS: Mapping[str, str] = {"brain": "invivo", "phantom": "phantom_cnn"}
"""The shipped model that a training for a kind of sample goes on from."""

CONFIG_FILE = "recipe.toml"
"""In the folder of the run: the configuration that was made, to read, to change and to train again."""

_TE_S, _PULSE_PPM = 5e-4, 0.05
"""Half widths of the ranges: what sequences round, and what field drift and a participant's temperature move."""
_FIRST_DELAY_S, _LAG, _TBW, _BANDWIDTH = 5e-4, 0.2, 0.1, 0.15
"""The same of what a vendor's releases change: timing, and the refocusing pulses, relative to their values."""
_N_STEPS, _N_MEMBERS, _SEED = 3000, 96, 2026


def config_like(
    fields: Mapping[str, Any], kind: str, *, name: str, n_steps: int = _N_STEPS, n_members: int = _N_MEMBERS
) -> TrainConfig:
    """The configuration of a training for one protocol.

    Parameters
    ----------
    fields : mapping
        What is known of the protocol, as arguments of `fsl_mrs_dl.physics.sequences.mega_press`.
    kind : {'brain', 'phantom'}
        What is measured: a brain, or solutions of Cr, GABA, Gln, Glu and NAA.
    name : str
        Of the model.
    n_steps : int
    n_members : int
        Protocols that are simulated within the ranges.

    Returns
    -------
    TrainConfig

    Raises
    ------
    ConfigError
        For an unknown kind, an unknown field, or pulses that do not fit into the echo time.
    """
    for what, number in (("steps", n_steps), ("members", n_members)):
        if number < 2:
            raise ConfigError("out of range", where=what, expected="2 or more", got=number)
    if kind not in STARTS:
        raise ConfigError(f"unknown kind{nearest(kind, STARTS)}", expected=" or ".join(STARTS), got=kind)
    start = weights_folder() / STARTS[kind]
    base = from_mapping(TrainConfig, open_model(start).card.config, STARTS[kind])
    bank = _about(fields, base.recipe.bank, n_members)
    # what is left of the macromolecules is told by the middle of the echo times
    changes = {"macromolecules": {"te_s": sum(bank.te_s) / 2}}
    recipe = from_mapping(Recipe, merged(asdict(replace(base.recipe, bank=bank)), changes), "like")
    every = max(1, min(200, n_steps // 5))
    optimiser = replace(
        base.optimiser,
        n_steps=n_steps,
        last_step=0,
        warmup_steps=min(100, n_steps // 10),
        learning_rate=8e-4,
        validate_every=every,
        checkpoint_every=every,
    )
    return replace(
        base,
        name=name,
        seed=_SEED,
        start=str(start),
        recipe=recipe,
        optimiser=optimiser,
        # the shipped model's own run has an earlier stage in its folder, and a wider world to calibrate on
        anchor=AnchorConfig(),
        calibration={},
    )


def _about(fields: Mapping[str, Any], base: BankConfig, n_members: int) -> BankConfig:
    """Ranges about a protocol; those of `base` where nothing is known."""
    protocol = mega_press(**fields)
    te_s = sum(protocol.delays_s)
    known: dict[str, Any] = {
        "n_members": n_members,
        "seed": _SEED,
        "f0_mhz": (protocol.f0_mhz,) if {"f0_mhz", "vendor"} & set(fields) else base.f0_mhz,
        "te_s": _around(te_s, _TE_S),
        "edit_on_ppm": _around(protocol.edit_on_ppm, _PULSE_PPM),
        "edit_off_ppm": _around(protocol.edit_off_ppm, _PULSE_PPM),
        "long_share": 0.0,
    }
    if "edit_duration_s" in fields:
        known["edit_duration_s"] = (protocol.edit_duration_s,)
    elif te_s >= base.long_te_s[0]:
        known["edit_duration_s"] = base.long_edit_duration_s
    semi_laser = protocol.refocusing == "adiabatic"
    return replace(base, **known, **(_of_sequence(protocol) if semi_laser or "vendor" in fields else {}))


def _of_sequence(protocol: MegaPress) -> dict[str, Any]:
    """Ranges of timing and refocusing about those of a vendor's sequence, or of semi-LASER."""
    first_s, early_s = protocol.delays_s[:2]
    lag = 1 - (sum(protocol.delays_s) / 4 - early_s) / first_s
    bandwidth_hz = protocol.refocusing_tbw / protocol.refocusing_duration_s
    return {
        "refocusing": (protocol.refocusing,),
        "refocusing_tbw": _around(protocol.refocusing_tbw, _TBW * protocol.refocusing_tbw),
        "refocusing_bandwidth_hz": _around(bandwidth_hz, _BANDWIDTH * bandwidth_hz),
        "first_delay_s": _around(first_s, _FIRST_DELAY_S),
        "edit_lag": (max(0.0, lag - _LAG), min(1.0, lag + _LAG)),
        "n_positions": protocol.n_positions,
    }


def _around(value: float, half_width: float) -> tuple[float, float]:
    return value - half_width, value + half_width


def held_out(config: TrainConfig) -> TrainConfig:
    """The same ranges with protocols that were not trained on."""
    bank = config.recipe.bank
    other = replace(bank, seed=bank.seed + 1, n_members=max(2, bank.n_members // 3))
    return replace(config, seed=config.seed + 1, recipe=replace(config.recipe, bank=other))


def describe(config: TrainConfig) -> str:
    """What will be trained, a few lines for a person."""
    bank, optimiser = config.recipe.bank, config.optimiser
    low, high = (f"{1e3 * te_s:.1f}" for te_s in bank.te_s)
    fields = ", ".join(f"{f0_mhz:g}" for f0_mhz in bank.f0_mhz)
    localised = " by semi-LASER" if bank.refocusing == ("adiabatic",) else ""
    durations = ", ".join(f"{1e3 * duration_s:g}" for duration_s in sorted(set(bank.edit_duration_s)))
    return "\n".join(
        (
            f"quantities: {', '.join(config.recipe.outputs)}",
            f"protocols:  {bank.n_members} about TE {low} to {high} ms{localised}, {fields} MHz, "
            f"editing pulses of {durations} ms at {bank.edit_on_ppm[0]:.2f} to {bank.edit_on_ppm[1]:.2f} ppm (ON) and "
            f"{bank.edit_off_ppm[0]:.2f} to {bank.edit_off_ppm[1]:.2f} ppm (OFF)",
            f"training:   {optimiser.n_steps} steps of {optimiser.batch_size} spectra, from the weights of "
            f"{Path(config.start).name}",
        )
    )


def write_config(config: TrainConfig, path: Path) -> None:
    """Write a configuration that `fsl_mrs_dl.training.config.read_config` reads back.

    Raises
    ------
    ConfigError
        When `path` holds another one.
    """
    text = tomli_w.dumps(_plain(asdict(config)))
    if path.is_file():
        if path.read_text(encoding="utf-8") == text:
            return
        raise ConfigError(
            "the folder holds a training for another protocol, or its recipe was edited",
            where=path,
            hint=f"Go on with it by `fsl_mrs_dl train {path} --output {path.parent}`, or take another folder",
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as scratch:
        scratch.write_text(text, encoding="utf-8")


def _plain(value: Any) -> Any:
    """Without what TOML has no words for: tuples, and fields that are not set."""
    if isinstance(value, Mapping):
        return {key: _plain(entry) for key, entry in value.items() if entry is not None}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return value
