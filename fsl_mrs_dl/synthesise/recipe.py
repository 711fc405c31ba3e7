# SPDX-License-Identifier: Apache-2.0
"""Training spectra: bank, concentrations and every perturbation, drawn and applied batch by batch."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.prepare import PpmGrid, pack_channels
from fsl_mrs_dl.synthesise.background import BackgroundConfig
from fsl_mrs_dl.synthesise.bank import CENTRE_PPM, CYCLES_PER_PPM, BasisBank
from fsl_mrs_dl.synthesise.concentrations import ConcentrationConfig
from fsl_mrs_dl.synthesise.instrument import InstrumentConfig
from fsl_mrs_dl.synthesise.lineshape import LineShapeConfig
from fsl_mrs_dl.synthesise.macromolecules import GRID_PPM, MacromoleculeConfig, left_in_diff
from fsl_mrs_dl.synthesise.protocols import BankConfig

SIMULATED = (
    "Ala", "Asc", "Asp", "Cr", "GABA", "GPC", "GSH", "Glc", "Gln", "Glu", "Gly", "Ins", "Lac", "NAA", "NAAG",
    "PCh", "PCr", "PE", "Scyllo", "Ser", "Tau",
)  # fmt: skip
"""Metabolites of a brain, simulated from spin systems."""

BROAD = ("MM09", "MM30")
"""Macromolecules that are quantified beside them."""


@dataclass(frozen=True)
class Recipe:
    """Everything that training spectra are made from; written into the model card as it is.

    Parameters
    ----------
    metabolites : tuple of str
        Simulated metabolites.
    acquired_s : tuple of two float
        Range of acquisition times.
    drop_off, drop_diff : float
        Fraction of spectra of which only DIFF, or only edit_off, is shown.
    bank, concentrations, line_shape, instrument, background, macromolecules : configs
    """

    metabolites: tuple[str, ...] = SIMULATED
    acquired_s: tuple[float, float] = (0.4, 1.024)
    drop_off: float = 0.2
    drop_diff: float = 0.05
    grid: PpmGrid = field(default_factory=PpmGrid)
    bank: BankConfig = field(default_factory=BankConfig)
    concentrations: ConcentrationConfig = field(default_factory=ConcentrationConfig)
    line_shape: LineShapeConfig = field(default_factory=LineShapeConfig)
    instrument: InstrumentConfig = field(default_factory=InstrumentConfig)
    background: BackgroundConfig = field(default_factory=BackgroundConfig)
    macromolecules: MacromoleculeConfig = field(default_factory=MacromoleculeConfig)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the quantities that are targets."""
        return (*self.metabolites, *BROAD)


@dataclass(frozen=True)
class SynthesisedBatch:
    """A batch of training spectra.

    Parameters
    ----------
    channels : float32, shape ``(n, 4, n_points)``
    present : float32, shape ``(n, 2)``
    target : float32, shape ``(n, n_outputs)``
        Amplitudes in the units of `channels` (concentration over scale).
    conc_mm : array, shape ``(n, n_outputs)``
    scale : array, shape ``(n,)``
    is_brain : bool array, shape ``(n,)``
    clean : float32, shape ``(n, 4, n_points)``, or None
        The spectra before background, instrument and noise, both conditions always, in the units of `channels`.
    """

    channels: NDArray
    present: NDArray
    target: NDArray
    conc_mm: NDArray
    scale: NDArray
    is_brain: NDArray
    clean: NDArray | None = None


class Synthesiser:
    """Makes batches of training spectra from a recipe and its bank."""

    def __init__(self, recipe: Recipe, bank: BasisBank) -> None:
        self.recipe, self.bank = recipe, bank
        self.n_times = bank.edit_off.shape[-1]
        self.mm_left_in_diff = np.stack([left_in_diff(protocol, GRID_PPM) for protocol in bank.protocols])

    def batch(self, n: int, rng: np.random.Generator, *, clean: bool = False) -> SynthesisedBatch:
        """Draw `n` spectra; the generator's state decides everything. `clean`: with the undisturbed ones beside."""
        recipe, bank = self.recipe, self.bank
        member = rng.integers(bank.n_members, size=n)
        f0_mhz, dwell_s = bank.f0_mhz[member], bank.dwell_s[member]
        time_s = (dwell_s[:, None] * np.arange(self.n_times)).astype(np.float32)
        conc_mm, is_brain = recipe.concentrations.draw(n, recipe.outputs, rng)
        conc_mm[~is_brain, len(recipe.metabolites) :] = 0

        off, diff = self._metabolites(member, conc_mm[:, : len(recipe.metabolites)], dwell_s, f0_mhz, rng)
        decay = recipe.line_shape.common_decay(time_s, is_brain, rng)
        decay = decay.astype(np.complex64) * recipe.instrument.drift_factor(time_s, rng)
        off *= decay
        diff *= decay
        size = np.abs(off[:, 0])
        # the highest line, to which noise is related, is measured on the undisturbed spectrum
        peak = np.abs(recipe.grid.transform(off, CYCLES_PER_PPM, CENTRE_PPM)).max(axis=1) * dwell_s
        if is_brain.any():
            self._macromolecules(off, diff, time_s, f0_mhz, conc_mm, is_brain, member, rng)

        undisturbed = self._clean(off, diff, dwell_s) if clean else None
        base_off, base_diff = recipe.background.components(time_s, f0_mhz, size, rng)
        common = recipe.instrument.common_factor(time_s, f0_mhz, rng)
        mismatch = recipe.instrument.mismatch_factor(time_s, rng)
        on = (off + diff) * mismatch + base_off + base_diff
        off = (off + base_off) * common
        on = on * common

        acquired_s = rng.uniform(*recipe.acquired_s, size=n)
        inside = time_s < acquired_s[:, None]
        n_acquired = inside.sum(axis=1)
        sigma = peak / dwell_s / recipe.background.draw_snr(n, rng) / np.sqrt(n_acquired)
        for signal in (off, on):
            signal += sigma[:, None].astype(np.float32) * recipe.background.noise(signal.shape, rng)
            signal *= inside

        delay_s = recipe.instrument.delay_s_drawn(n, rng)
        turn = np.exp(2j * np.pi * ((recipe.grid.ppm - CENTRE_PPM) * f0_mhz[:, None]) * delay_s[:, None])
        factor = (turn * dwell_s[:, None]).astype(np.complex64)
        spectra_off = recipe.grid.transform(off, CYCLES_PER_PPM, CENTRE_PPM) * factor
        spectra_on = recipe.grid.transform(on, CYCLES_PER_PPM, CENTRE_PPM) * factor
        return self._pack(spectra_off, spectra_on - spectra_off, conc_mm, is_brain, undisturbed, rng)

    def _clean(self, off: NDArray, diff: NDArray, dwell_s: NDArray) -> NDArray:
        """Spectra of both conditions as channels, not normalised."""
        spectra = [self.recipe.grid.transform(x, CYCLES_PER_PPM, CENTRE_PPM) * dwell_s[:, None] for x in (off, diff)]
        return np.stack([part for x in spectra for part in (x.real, x.imag)], axis=1).astype(np.float32)

    def _metabolites(
        self, member: NDArray, conc_mm: NDArray, dwell_s: NDArray, f0_mhz: NDArray, rng: np.random.Generator
    ) -> tuple[NDArray, NDArray]:
        """Sum of the metabolites, OFF and DIFF, each with its own decay and shift; only those that occur are summed."""
        n, n_metabolites = conc_mm.shape
        off = np.zeros((n, self.n_times), dtype=np.complex64)
        on = np.zeros_like(off)
        for index in range(n_metabolites):
            rows = np.flatnonzero(conc_mm[:, index])
            if not len(rows):
                continue
            factor = self.recipe.line_shape.own_factors((len(rows), 1), self.n_times, dwell_s[rows], f0_mhz[rows], rng)[
                :, 0
            ]
            factor *= conc_mm[rows, index, None].astype(np.float32)
            off[rows] += factor * self.bank.edit_off[member[rows], index]
            on[rows] += factor * self.bank.edit_on[member[rows], index]
        return off, on - off

    def _macromolecules(
        self,
        off: NDArray,
        diff: NDArray,
        time_s: NDArray,
        f0_mhz: NDArray,
        conc_mm: NDArray,
        is_brain: NDArray,
        member: NDArray,
        rng: np.random.Generator,
    ) -> None:
        first = len(self.recipe.metabolites)
        mm09_mm, mm30_mm = (conc_mm[is_brain, first + BROAD.index(name)] for name in BROAD)
        brain_off, brain_diff = off[is_brain], diff[is_brain]
        self.recipe.macromolecules.add(
            brain_off, brain_diff, time_s[is_brain], f0_mhz[is_brain], mm09_mm, mm30_mm,
            self.mm_left_in_diff[member[is_brain]], rng,
        )  # fmt: skip
        off[is_brain], diff[is_brain] = brain_off, brain_diff

    def _pack(
        self, off: NDArray, diff: NDArray, conc_mm: NDArray, is_brain: NDArray, clean: NDArray | None,
        rng: np.random.Generator,
    ) -> SynthesisedBatch:  # fmt: skip
        fate = rng.uniform(size=len(off))
        keep_off = fate >= self.recipe.drop_off
        keep_diff = fate < 1 - self.recipe.drop_diff
        channels, present, scale = pack_channels(off, diff)
        # conditions that are dropped count neither as channels nor in the scale
        channels[~keep_off, :2] = 0
        channels[~keep_diff, 2:] = 0
        present[~keep_off, 0] = 0
        present[~keep_diff, 1] = 0
        power = np.mean(channels**2, axis=2).sum(axis=1) / present.sum(axis=1)
        rescale = np.sqrt(power)
        channels /= rescale[:, None, None]
        scale = scale * rescale
        target = (conc_mm / scale[:, None]).astype(np.float32)
        if clean is not None:
            clean = clean / scale.astype(np.float32)[:, None, None]
        return SynthesisedBatch(channels, present, target, conc_mm, scale, is_brain, clean)
