# SPDX-License-Identifier: Apache-2.0
"""Training spectra, drawn and made batch by batch from a recipe and its bank."""

from __future__ import annotations

import dataclasses
import importlib.util
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from fsl_mrs_dl.basis.bank import CENTRE_PPM, CYCLES_PER_PPM, BasisBank
from fsl_mrs_dl.core.errors import ConfigError, MissingExtraError
from fsl_mrs_dl.models.inputs import PpmGrid, pack_channels
from fsl_mrs_dl.models.protocol_code import ProtocolCode
from fsl_mrs_dl.synthesise.context import Scene, Signals, Stage
from fsl_mrs_dl.synthesise.perturbation import Drawn
from fsl_mrs_dl.synthesise.recipe import Recipe
from fsl_mrs_dl.synthesise.signals import rate_of

NOISE_ORDER = 50
"""Place of the acquisition times and of the noise in the stream of random numbers, see `Perturbation.order`."""


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
    parts : mapping of str to Drawn
        Of the perturbations, by the sections of the recipe and in the order in which they act.
    acquired_s : array
    keep_off, keep_diff : bool arrays
        Conditions that are shown.
    noise : float32 array, shape ``(n, 2, 2, n_times)``, or None
        Of OFF and ON, real and imaginary; unit standard deviation. None where it is drawn later, where it is used.
    protocol : float32 array, or None
    """

    member: NDArray
    conc_mm: NDArray
    is_brain: NDArray
    parts: Mapping[str, Any]
    acquired_s: NDArray
    keep_off: NDArray
    keep_diff: NDArray
    noise: NDArray | None
    protocol: NDArray | None = None

    def rows(self, index: NDArray | slice) -> Draw:
        """The draw of some of the spectra."""
        return _rows(self, index)


def _rows(value: Any, index: NDArray | slice) -> Any:
    if value is None:
        return None
    if isinstance(value, Mapping):
        return {name: _rows(part, index) for name, part in value.items()}
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
        self._exact = None if self.code is None or bank.features is None else self.code.known(bank.features)
        self._perturbations = recipe.perturbations
        self._of_bank = {section: part.of_bank(bank) for section, part in self._perturbations.items()}
        self._te_s = np.array([protocol.te_s for protocol in bank.protocols])

    def forget_samples(self) -> None:
        """Let go of the bank's samples, without which it can draw but not render."""
        self._bank_off = self._bank_on = np.zeros(0, dtype=np.float32)

    def batch(self, n: int, rng: np.random.Generator, *, clean: bool = False) -> SynthesisedBatch:
        """Draw `n` spectra; the generator's state decides everything. `clean`: with the undisturbed ones beside."""
        return self.render(self.draw(n, rng), clean=clean)

    def draw(self, n: int, rng: np.random.Generator, *, noise: bool = True) -> Draw:
        """Draw everything about `n` spectra; without `noise` all but that of the samples."""
        recipe = self.recipe
        member = rng.integers(self.bank.n_members, size=n)
        conc_mm, is_brain = self._concentrations(member, rng)
        fate = rng.uniform(size=n)
        scene = self._scene(member, conc_mm, is_brain, recipe.severity.draw(n, rng))
        parts = self._common_parts(scene, rng, before_noise=True)
        acquired_s = rng.uniform(*recipe.acquired_s, size=n)
        samples = rng.standard_normal((n, 2, 2, self.n_times), dtype=np.float32) if noise else None
        # drawn last: without them every other number stays as it is
        parts |= self._common_parts(scene, rng, before_noise=False)
        protocol = None
        if self.code is not None and self._exact is not None:
            protocol = recipe.told.draw(self.code, self._exact[member], rng)
        parts |= self._parts_of_own_streams(scene, rng)
        if recipe.macromolecules.in_range:
            conc_mm[:, recipe.outputs.index("MM30")] *= self._mm30_counts(member, parts)
        return Draw(
            member=member,
            conc_mm=conc_mm,
            is_brain=is_brain,
            parts={section: parts[section] for section in self._perturbations if section in parts},
            acquired_s=acquired_s,
            keep_off=fate >= recipe.drop_off,
            keep_diff=fate < 1 - recipe.drop_diff,
            noise=samples,
            protocol=protocol,
        )

    def _concentrations(self, member: NDArray, rng: np.random.Generator) -> tuple[NDArray, NDArray]:
        """Concentrations, and which spectra are brains."""
        outputs = self.recipe.outputs
        conc_mm, is_brain = self.recipe.concentrations.draw(len(member), outputs, rng)
        conc_mm[~is_brain, len(self.recipe.metabolites) :] = 0.0
        if "MM30" in outputs:
            # symmetric editing suppresses it: what is left is what the spectrum tells of
            conc_mm[:, outputs.index("MM30")] *= self._of_bank["macromolecules"].mm30_left[member]
        return conc_mm, is_brain

    def _mm30_counts(self, member: NDArray, parts: Mapping[str, Any]) -> NDArray:
        """What one unit of the co-edited macromolecule counts in GABA+, shape ``(n,)``."""
        shapes = parts["line_shape"]
        own_hz = shapes.own_lorentz_hz[:, self.recipe.metabolites.index("GABA")]
        widths_hz = shapes.lorentz_hz + own_hz, shapes.gauss_hz
        counts: NDArray = self.recipe.macromolecules.defined(
            parts["macromolecules"], *widths_hz, self.bank.f0_mhz[member]
        )
        return counts

    def _scene(self, member: NDArray, conc_mm: NDArray, is_brain: NDArray, severity: NDArray) -> Scene:
        metabolites = self.recipe.metabolites
        # what background and echoes are measured by: the protons of all metabolites, as if in phase
        protons = np.abs(self.bank.edit_off[:, :, 0])
        size = np.maximum((conc_mm[:, : len(metabolites)][:, self.owner] * protons[member]).sum(axis=1), 1e-3)
        return Scene(metabolites, self.recipe.outputs, self.bank, member, conc_mm, is_brain, size, severity)

    def _common_parts(self, scene: Scene, rng: np.random.Generator, *, before_noise: bool) -> dict[str, Drawn]:
        """What is drawn from the batch's own stream, before or after the noise."""
        return {
            section: self._part(section, scene, rng)
            for section, part in self._perturbations.items()
            if part.order is not None and (part.order < NOISE_ORDER) == before_noise and part.is_drawn
        }

    def _parts_of_own_streams(self, scene: Scene, rng: np.random.Generator) -> dict[str, Drawn]:
        """What has a stream of its own: one more such perturbation leaves the numbers of all others as they are."""
        own = [section for section, part in self._perturbations.items() if part.order is None and part.is_drawn]
        if not own:
            return {}
        key = int(rng.integers(2**63))
        streams = {section: np.random.default_rng((key, zlib.crc32(section.encode()))) for section in own}
        return {section: self._part(section, scene, stream) for section, stream in streams.items()}

    def _part(self, section: str, scene: Scene, rng: np.random.Generator) -> Drawn:
        scene = dataclasses.replace(scene, of_bank=self._of_bank[section])
        return self._perturbations[section].draw(scene, rng).softened(scene.severity)

    def render(self, draw: Draw, *, clean: bool = False) -> SynthesisedBatch:
        """The spectra of a draw; each depends on its own row alone."""
        from fsl_mrs_dl.synthesise.kernels import add_metabolites

        shape = len(draw.member), 2, self.n_times
        off, on = np.zeros(shape, dtype=np.float32), np.zeros(shape, dtype=np.float32)
        signals = self.signals_of(draw, off, on, self.bank.dwell_s[draw.member][:, None])
        off, on, dwell_s = signals.off, signals.on, signals.dwell_s
        add_metabolites(off, on, self._bank_off, self._bank_on, draw.member, *amounts_and_rates(signals))
        act(Stage.LINES, draw, signals)
        # the highest line, to which noise is related, is measured on the undisturbed spectrum
        quiet = _complex(off)
        signals.peak, signals.top = np.abs(self._spectra(quiet)).max(axis=1), np.abs(quiet).max(axis=1)
        act(Stage.TISSUE, draw, signals)
        undisturbed = self._clean(off, on, dwell_s) if clean else None
        for stage in (Stage.CONDITIONS, Stage.ADDED, Stage.COMMON, Stage.NOISE, Stage.SPECTRA):
            act(stage, draw, signals)
        spectra = self._received(draw, signals)
        return self._pack(spectra[0], spectra[1] - spectra[0], draw, undisturbed)

    def signals_of(self, draw: Draw, off: Any, on: Any, response: Any) -> Signals:
        """The signals of the basis with amplitude, width and shift of each, before they are added up.

        Parameters
        ----------
        draw : Draw
        off, on : arrays, shape ``(n, 2, n_times)``, or Noted
            What they will be added to.
        response : array, shape ``(n, 1)``, or Noted
            The sampling interval.
        """
        n = len(draw.member)
        amounts = draw.conc_mm[:, : len(self.recipe.metabolites)][:, self.owner]
        dwell_s = self.bank.dwell_s[draw.member]
        zero = np.zeros(n)
        signals = Signals(
            off=off,
            on=on,
            f0_mhz=self.bank.f0_mhz[draw.member],
            dwell_s=dwell_s,
            ppm=self.recipe.grid.ppm,
            group_ppm=self.bank.group_ppm[draw.member],
            te_s=self._te_s[draw.member],
            owner=self.owner,
            amounts=amounts,
            own_lorentz_hz=np.zeros(amounts.shape),
            own_shift_ppm=np.zeros(amounts.shape),
            drift_hz=zero,
            n_acquired=np.minimum(np.ceil(draw.acquired_s / dwell_s).astype(int), self.n_times),
            peak=zero,
            top=zero,
            sigma=zero,
            response=response,
        )
        act(Stage.SIGNALS, draw, signals)
        return signals

    def _received(self, draw: Draw, signals: Signals) -> list[NDArray]:
        """Spectra of OFF and ON with their noise, of what was acquired."""
        from fsl_mrs_dl.synthesise.kernels import receive

        assert draw.noise is not None
        response, spectra = signals.response.astype(np.complex64), []
        for index, signal in enumerate((signals.off, signals.on)):
            received = np.empty((len(signal), self.n_times), dtype=np.complex64)
            receive(signal, draw.noise[:, index], signals.sigma, signals.n_acquired, received)
            spectra.append(self._spectra(received) * response)
        return spectra

    def _spectra(self, fids: NDArray) -> NDArray:
        """Spectra on the grid; a plain transform where its points are the grid's."""
        grid, points = self.recipe.grid, plain_transform(self.recipe.grid, fids.shape[-1])
        if points is None:
            return grid.transform(fids, CYCLES_PER_PPM, CENTRE_PPM)
        size, below = points
        padded = np.zeros((len(fids), size), dtype=fids.dtype)
        padded[:, : fids.shape[-1]] = fids
        whole = scipy.fft.fft(padded, overwrite_x=True)
        spectra = np.empty((len(fids), grid.n_points), dtype=fids.dtype)
        np.subtract(whole[:, -below:], fids[:, :1] / 2, out=spectra[:, :below])
        np.subtract(whole[:, : grid.n_points - below], fids[:, :1] / 2, out=spectra[:, below:])
        return spectra

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


def plain_transform(grid: PpmGrid, n_times: int) -> tuple[int, int] | None:
    """Length of the discrete transform that has the grid's points, and how many of them lie below `CENTRE_PPM`.

    None where there is none that holds `n_times` samples.
    """
    size, below = 1 / (CYCLES_PER_PPM * grid.step_ppm), (CENTRE_PPM - grid.low_ppm) / grid.step_ppm
    matches = abs(size - round(size)) < 1e-6 and abs(below - round(below)) < 1e-6
    size, below = round(size), round(below)
    fits = 0 < below < grid.n_points <= size and size >= n_times
    return (size, below) if matches and fits else None


def amounts_and_rates(signals: Signals) -> tuple[NDArray, NDArray]:
    """Amplitude and exponent per sample of every signal of the basis, shape ``(n, n_groups)``."""
    f0_mhz, dwell_s = signals.f0_mhz[:, None], signals.dwell_s[:, None]
    rate = rate_of(signals.own_shift_ppm, 0.0, signals.own_lorentz_hz, f0_mhz, dwell_s)
    return np.ascontiguousarray(signals.amounts), rate


def act(stage: Stage, draw: Draw, signals: Signals) -> None:
    """Let all perturbations act that do so in a stage."""
    for part in draw.parts.values():
        step = part.steps().get(stage)
        if step is not None:
            step(signals)


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
    fids = np.empty((len(planes), planes.shape[2]), dtype=np.complex64)
    fids.real, fids.imag = planes[:, 0], planes[:, 1]
    return fids
