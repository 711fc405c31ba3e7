# SPDX-License-Identifier: Apache-2.0
"""Training spectra: bank, concentrations and every perturbation, drawn and applied batch by batch."""

from __future__ import annotations

import dataclasses
import importlib.util
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from fsl_mrs_dl.basis.bank import CENTRE_PPM, CYCLES_PER_PPM, BasisBank
from fsl_mrs_dl.basis.bank_config import BankConfig
from fsl_mrs_dl.core.errors import ConfigError, MissingExtraError
from fsl_mrs_dl.metabolites.macromolecules import MM30_DIFF_AREA, coedited, left_in_diff
from fsl_mrs_dl.metabolites.table import BROAD, SIMULATED
from fsl_mrs_dl.models.inputs import PpmGrid, pack_channels
from fsl_mrs_dl.models.protocol_code import ProtocolCode
from fsl_mrs_dl.synthesise.concentrations import ConcentrationConfig
from fsl_mrs_dl.synthesise.perturbations.background import BackgroundConfig, Echo, Lines, NoiseLevel
from fsl_mrs_dl.synthesise.perturbations.instrument import InstrumentConfig, InstrumentErrors
from fsl_mrs_dl.synthesise.perturbations.line_shape import LineShapeConfig, LineShapes
from fsl_mrs_dl.synthesise.perturbations.macromolecules import GRID_PPM, MacromoleculeConfig
from fsl_mrs_dl.synthesise.perturbations.protons import ProtonConfig, Protons
from fsl_mrs_dl.synthesise.perturbations.told import ToldConfig
from fsl_mrs_dl.synthesise.severity import SeverityConfig


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
    bank, concentrations, line_shape, instrument, background, macromolecules, severity, protons, told : configs
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
    severity: SeverityConfig = field(default_factory=SeverityConfig)
    protons: ProtonConfig = field(default_factory=ProtonConfig)
    told: ToldConfig = field(default_factory=ToldConfig)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the quantities that are targets: macromolecules among them where there are brains."""
        return self.metabolites if self.concentrations.solution_fraction == 1 else (*self.metabolites, *BROAD)


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
        Metabolites and macromolecules before background, instrument and noise, both conditions always, in the units
        of `channels`.
    protocol : float32, shape ``(n, n_inputs)``, or None
        What the network is told of the protocol.
    """

    channels: NDArray
    present: NDArray
    target: NDArray
    conc_mm: NDArray
    scale: NDArray
    is_brain: NDArray
    clean: NDArray | None = None
    protocol: NDArray | None = None


@dataclass(frozen=True)
class Draw:
    """Everything random about a batch of spectra; the first axis of every array is the spectrum.

    Parameters
    ----------
    member : int array
        Which protocol of the bank.
    conc_mm : array, shape ``(n, n_outputs)``
    is_brain : bool array
    lines : LineShapes
    instrument : InstrumentErrors
    macromolecules, background : Lines
    echo : Echo
    noise_level : NoiseLevel
    acquired_s : array
    keep_off, keep_diff : bool arrays
        Conditions that are shown.
    noise : float32 array, shape ``(n, 2, 2, n_times)``
        Of OFF and ON, real and imaginary; unit standard deviation.
    protons : Protons, or None
    protocol : float32 array, or None
    """

    member: NDArray
    conc_mm: NDArray
    is_brain: NDArray
    lines: LineShapes
    instrument: InstrumentErrors
    macromolecules: Lines
    background: Lines
    echo: Echo
    noise_level: NoiseLevel
    acquired_s: NDArray
    keep_off: NDArray
    keep_diff: NDArray
    noise: NDArray
    protons: Protons | None = None
    protocol: NDArray | None = None

    def rows(self, index: NDArray | slice) -> Draw:
        """The draw of some of the spectra."""
        return _rows(self, index)


def _rows(value: Any, index: NDArray | slice) -> Any:
    if value is None:
        return None
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        parts = {f.name: _rows(getattr(value, f.name), index) for f in dataclasses.fields(value)}
        return dataclasses.replace(value, **parts)
    return value[index]


class Synthesiser:
    """Makes batches of training spectra from a recipe and its bank.

    Parameters
    ----------
    recipe : Recipe
    bank : BasisBank
    code : ProtocolCode, optional
        How protocols are told; made from the bank otherwise, where the recipe tells them.

    Raises
    ------
    MissingExtraError
        Without numba.
    """

    def __init__(self, recipe: Recipe, bank: BasisBank, code: ProtocolCode | None = None) -> None:
        if importlib.util.find_spec("numba") is None:
            raise MissingExtraError("numba", "train")
        from fsl_mrs_dl.synthesise.kernels import LANES

        self.recipe, self.bank = recipe, bank
        shortest = bank.edit_off.shape[-1]
        self.n_times = -(-shortest // LANES) * LANES
        self._bank_off, self._bank_on = (_planes(fids, self.n_times) for fids in (bank.edit_off, bank.edit_on))
        self.owner = bank.owner
        self.code = code
        if recipe.told.n_components and code is None:
            self.code = _code_of(bank, recipe.told.n_components)
        self.mm_left_in_diff = np.stack([left_in_diff(protocol, GRID_PPM) for protocol in bank.protocols])
        self.mm30_unit = np.ones(bank.n_members)
        self.mm30_left = np.ones(bank.n_members)
        if recipe.macromolecules.member_units:
            self.mm30_unit = bank.gaba_area / MM30_DIFF_AREA
            self.mm30_left = np.array([coedited(protocol) for protocol in bank.protocols])

    def batch(self, n: int, rng: np.random.Generator, *, clean: bool = False) -> SynthesisedBatch:
        """Draw `n` spectra; the generator's state decides everything. `clean`: with the undisturbed ones beside."""
        return self.render(self.draw(n, rng), clean=clean)

    def draw(self, n: int, rng: np.random.Generator) -> Draw:
        """Draw everything about `n` spectra."""
        recipe, n_metabolites = self.recipe, len(self.recipe.metabolites)
        member = rng.integers(self.bank.n_members, size=n)
        conc_mm, is_brain = recipe.concentrations.draw(n, recipe.outputs, rng)
        conc_mm[~is_brain, n_metabolites:] = 0.0
        mm09_mm, mm30_mm = (
            conc_mm[:, recipe.outputs.index(name)] if name in recipe.outputs else np.zeros(n) for name in BROAD
        )
        if recipe.macromolecules.member_units:
            mm30_mm = mm30_mm * self.mm30_left[member]
            conc_mm[:, recipe.outputs.index("MM30")] = mm30_mm
        # what background and echoes are measured by: the protons of all metabolites, as if in phase
        protons = np.abs(self.bank.edit_off[:, :, 0])
        size = np.maximum((conc_mm[:, :n_metabolites][:, self.owner] * protons[member]).sum(axis=1), 1e-3)
        fate = rng.uniform(size=n)
        severity = recipe.severity.draw(n, rng)
        drawn = Draw(
            member=member,
            conc_mm=conc_mm,
            is_brain=is_brain,
            lines=recipe.line_shape.draw(is_brain, recipe.metabolites, rng).softened(severity),
            instrument=recipe.instrument.draw(n, self._naag_share(conc_mm), rng).softened(severity),
            macromolecules=recipe.macromolecules.draw(
                mm09_mm, mm30_mm * self.mm30_unit[member], self.mm_left_in_diff[member], severity, rng
            ),
            background=recipe.background.draw_lines(size, rng).softened(severity),
            echo=recipe.background.draw_echo(size, rng).softened(severity),
            noise_level=recipe.background.draw_noise(n, rng),
            acquired_s=rng.uniform(*recipe.acquired_s, size=n),
            keep_off=fate >= recipe.drop_off,
            keep_diff=fate < 1 - recipe.drop_diff,
            noise=rng.standard_normal((n, 2, 2, self.n_times), dtype=np.float32),
        )
        # drawn last: without them every other number stays as it is
        if recipe.protons.apart:
            drawn = dataclasses.replace(drawn, protons=recipe.protons.draw(n, self.bank.groups, rng))
        if self.code is not None and self.bank.features is not None:
            told = recipe.told.draw(self.code, self.bank.features[member], rng)
            drawn = dataclasses.replace(drawn, protocol=told)
        return drawn

    def _naag_share(self, conc_mm: NDArray) -> NDArray:
        parts = [
            conc_mm[:, self.recipe.outputs.index(name)] if name in self.recipe.outputs else np.zeros(len(conc_mm))
            for name in ("NAAG", "NAA")
        ]
        return parts[0] / np.maximum(parts[0] + parts[1], 1e-9)

    def render(self, draw: Draw, *, clean: bool = False) -> SynthesisedBatch:
        """The spectra of a draw; each depends on its own row alone."""
        from fsl_mrs_dl.synthesise.kernels import add_metabolites, receive

        n, recipe = len(draw.member), self.recipe
        f0_mhz, dwell_s = self.bank.f0_mhz[draw.member], self.bank.dwell_s[draw.member]
        off, on = (np.zeros((n, 2, self.n_times), dtype=np.float32) for _ in range(2))
        amounts, rate = self._amounts(draw, f0_mhz, dwell_s)
        add_metabolites(off, on, self._bank_off, self._bank_on, draw.member, amounts, rate)
        draw.lines.apply(off, on, dwell_s, draw.instrument.drift_hz)
        # the highest line, to which noise is related, is measured on the undisturbed spectrum
        quiet = _complex(off)
        peak, top = np.abs(self._spectra(quiet)).max(axis=1), np.abs(quiet).max(axis=1)
        draw.macromolecules.apply(off, on, f0_mhz, dwell_s)
        undisturbed = self._clean(off, on, dwell_s) if clean else None

        draw.instrument.apply_mismatch(on, dwell_s)
        draw.background.apply(off, on, f0_mhz, dwell_s)
        draw.echo.apply(off, on, f0_mhz, dwell_s)
        draw.instrument.apply_common(off, on, f0_mhz, dwell_s)

        n_acquired = np.minimum(np.ceil(draw.acquired_s / dwell_s).astype(int), self.n_times)
        sigma = draw.noise_level.sigma(peak, top, n_acquired, dwell_s)
        late = draw.instrument.late_start(recipe.grid.ppm - CENTRE_PPM, f0_mhz) * dwell_s[:, None]
        spectra = []
        for index, signal in enumerate((off, on)):
            received = np.empty((n, self.n_times), dtype=np.complex64)
            receive(signal, draw.noise[:, index], sigma, n_acquired, received)
            spectra.append(self._spectra(received) * late.astype(np.complex64))
        return self._pack(spectra[0], spectra[1] - spectra[0], draw, undisturbed)

    def _amounts(self, draw: Draw, f0_mhz: NDArray, dwell_s: NDArray) -> tuple[NDArray, NDArray]:
        """Amplitude and exponent per sample of every signal of the bank, shape ``(n, n_groups)``."""
        amounts = draw.conc_mm[:, : len(self.recipe.metabolites)][:, self.owner]
        lines = draw.lines.of_groups(self.owner)
        if draw.protons is not None:
            te_s = np.array([protocol.te_s for protocol in self.bank.protocols])[draw.member]
            reference_hz = lines.own_lorentz_hz
            amounts = amounts * draw.protons.amplitude(reference_hz, te_s, self.bank.group_ppm[draw.member])
            lines = dataclasses.replace(lines, own_lorentz_hz=draw.protons.own_lorentz_hz(reference_hz))
        return np.ascontiguousarray(amounts), lines.own_rate(dwell_s, f0_mhz)

    def _spectra(self, fids: NDArray) -> NDArray:
        """Spectra on the grid; a plain transform where its points are the grid's."""
        grid = self.recipe.grid
        size, below = 1 / (CYCLES_PER_PPM * grid.step_ppm), (CENTRE_PPM - grid.low_ppm) / grid.step_ppm
        matches = abs(size - round(size)) < 1e-6 and abs(below - round(below)) < 1e-6
        size, below = round(size), round(below)
        if not (matches and 0 < below < grid.n_points <= size and size >= fids.shape[-1]):
            return grid.transform(fids, CYCLES_PER_PPM, CENTRE_PPM)
        whole = scipy.fft.fft(fids, size)
        return np.concatenate([whole[:, -below:], whole[:, : grid.n_points - below]], axis=1) - fids[:, :1] / 2

    def _clean(self, off: NDArray, on: NDArray, dwell_s: NDArray) -> NDArray:
        """Spectra of both conditions as channels, not normalised."""
        spectra = [self._spectra(_complex(signal)) * dwell_s[:, None] for signal in (off, on - off)]
        return np.stack([part for x in spectra for part in (x.real, x.imag)], axis=1).astype(np.float32)

    def _pack(self, off: NDArray, diff: NDArray, draw: Draw, clean: NDArray | None) -> SynthesisedBatch:
        channels, present, scale = pack_channels(off, diff)
        # conditions that are dropped count neither as channels nor in the scale
        channels[~draw.keep_off, :2] = 0
        channels[~draw.keep_diff, 2:] = 0
        present[~draw.keep_off, 0] = 0
        present[~draw.keep_diff, 1] = 0
        power = np.einsum("ncp,ncp->n", channels, channels) / channels.shape[2] / present.sum(axis=1)
        rescale = np.sqrt(power)
        channels /= rescale[:, None, None]
        scale = scale * rescale
        target = (draw.conc_mm / scale[:, None]).astype(np.float32)
        if clean is not None:
            clean = clean / scale.astype(np.float32)[:, None, None]
        return SynthesisedBatch(channels, present, target, draw.conc_mm, scale, draw.is_brain, clean, draw.protocol)


def _code_of(bank: BasisBank, n_components: int) -> ProtocolCode:
    if bank.features is None:
        raise ConfigError(
            "the bank does not say what its protocols are like",
            where="recipe.told",
            hint="Simulate it with fsl_mrs_dl.training.run.bank_of_recipe",
        )
    return ProtocolCode.of(bank.features, n_components)


def _planes(fids: NDArray, n_times: int) -> NDArray:
    """Real and imaginary parts apart, padded with zeros: float32, shape ``(..., 2, n_times)``."""
    planes = np.zeros((*fids.shape[:-1], 2, n_times), dtype=np.float32)
    planes[..., 0, : fids.shape[-1]], planes[..., 1, : fids.shape[-1]] = fids.real, fids.imag
    return planes


def _complex(planes: NDArray) -> NDArray:
    """The inverse of `_planes`: complex64, shape ``(n, n_times)``."""
    return planes[:, 0] + np.complex64(1j) * planes[:, 1]
