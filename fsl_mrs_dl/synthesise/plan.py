# SPDX-License-Identifier: Apache-2.0
"""Batches of training spectra as plans: all that is drawn and worked out per spectrum, with nothing per sample.

Processes make plans, which are small; `fsl_mrs_dl.synthesise.on_device` makes the spectra of them.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.synthesise.context import Signals, Stage
from fsl_mrs_dl.synthesise.operations import Noted, Samples, Step
from fsl_mrs_dl.synthesise.synthesiser import Draw, Synthesiser, act, amounts_and_rates

MEASURE, KEEP_CLEAN = "measure", "keep_clean"
"""Steps of a plan that are no operations: measure the undisturbed spectrum, and keep it."""


@dataclass(frozen=True)
class Plan:
    """A batch that is still to be made.

    Parameters
    ----------
    member : int array, shape ``(n,)``
    n_times : int
    steps : tuple of Step
        In this order.
    noise_levels : tuple of callable
        What says how strong the noise is, once the undisturbed spectrum is known.
    signals : Signals
        Without samples; what `noise_levels` act on.
    noise : float32 array, shape ``(n, 2, 2, n_times)``, or None
    noise_key : int
        Seed of the noise where it is not given.
    conc_mm, is_brain, keep_off, keep_diff, protocol : arrays
        See `fsl_mrs_dl.synthesise.synthesiser.Draw`.
    """

    member: NDArray
    n_times: int
    steps: tuple[Step, ...]
    noise_levels: tuple[Callable[[Signals], None], ...]
    signals: Signals
    noise: NDArray | None
    noise_key: int
    conc_mm: NDArray
    is_brain: NDArray
    keep_off: NDArray
    keep_diff: NDArray
    protocol: NDArray | None


def planner(synthesiser: Synthesiser) -> Synthesiser:
    """The same synthesiser without the samples of its bank, which no plan needs: a small thing to hand to processes."""
    thin, bank = copy.copy(synthesiser), synthesiser.bank
    first = slice(0, 1)
    thin.bank = dataclasses.replace(bank, edit_off=bank.edit_off[..., first], edit_on=bank.edit_on[..., first])
    thin.forget_samples()
    return thin


def draw_plan(synthesiser: Synthesiser, n: int, rng: np.random.Generator, *, clean: bool = False) -> Plan:
    """A plan of `n` spectra; the generator's state decides everything."""
    drawn = synthesiser.draw(n, rng, noise=False)
    return plan_of(synthesiser, drawn, clean=clean, noise_key=int(rng.integers(2**63)))


def numbered_plan(synthesiser: Synthesiser, key: tuple[int, ...], n: int, clean: bool, index: int) -> Plan:
    """The `index`-th plan of a stream of random numbers, the same whenever and in whichever process it is drawn."""
    return draw_plan(synthesiser, n, np.random.default_rng((*key, index)), clean=clean)


def plan_of(synthesiser: Synthesiser, draw: Draw, *, clean: bool = False, noise_key: int = 0) -> Plan:
    """The plan of a draw."""
    n, n_times = len(draw.member), synthesiser.n_times
    tape: list[Step] = []
    off, on = (Noted(name, (n, 2, n_times), tape) for name in ("off", "on"))
    signals = synthesiser.signals_of(draw, off, on, Noted("response", (n, 1), tape))
    tape.append(Step("add_metabolites", (Samples("off"), Samples("on"), draw.member, *amounts_and_rates(signals))))
    act(Stage.LINES, draw, signals)
    tape.append(Step(MEASURE))
    act(Stage.TISSUE, draw, signals)
    if clean:
        tape.append(Step(KEEP_CLEAN))
    for stage in (Stage.CONDITIONS, Stage.ADDED, Stage.COMMON, Stage.SPECTRA):
        act(stage, draw, signals)
    levels = (part.steps().get(Stage.NOISE) for part in draw.parts.values())
    return Plan(
        member=draw.member,
        n_times=n_times,
        steps=tuple(tape),
        noise_levels=tuple(level for level in levels if level is not None),
        signals=_without_samples(signals),
        noise=draw.noise,
        noise_key=noise_key,
        conc_mm=draw.conc_mm,
        is_brain=draw.is_brain,
        keep_off=draw.keep_off,
        keep_diff=draw.keep_diff,
        protocol=draw.protocol,
    )


def _without_samples(signals: Signals) -> Signals:
    gone: Any = np.zeros(0)
    names = ("off", "on", "response", "amounts", "own_lorentz_hz", "own_shift_ppm", "group_ppm")
    return dataclasses.replace(signals, **{name: gone for name in names})
