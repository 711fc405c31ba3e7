# SPDX-License-Identifier: Apache-2.0
"""Training spectra made of plans by torch, on a GPU: the operations of `fsl_mrs_dl.synthesise.kernels` once more.

What is done stands in the perturbations alone; here stands how samples are multiplied and added. Exponentials over
equidistant times are geometric sequences: each half of one is the other times one number.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fsl_mrs_dl.basis.bank import CENTRE_PPM
from fsl_mrs_dl.core.errors import ConfigError
from fsl_mrs_dl.synthesise.operations import Samples, Step
from fsl_mrs_dl.synthesise.plan import KEEP_CLEAN, MEASURE, Plan
from fsl_mrs_dl.synthesise.synthesiser import SynthesisedBatch, Synthesiser, plain_transform

ROWS = 512
"""Spectra whose single lines are held in memory at a time: 42 signals of 848 samples take 150 MB."""


@dataclass
class _State:
    """Samples on their way: FIDs ``(n, n_times)``, and the factor on the spectra."""

    off: Tensor
    on: Tensor
    response: Tensor
    peak: NDArray = field(default_factory=lambda: np.zeros(0))
    top: NDArray = field(default_factory=lambda: np.zeros(0))
    clean: Tensor | None = None


class DeviceSynthesiser:
    """Carries out plans on a device of torch.

    Parameters
    ----------
    synthesiser : Synthesiser
        Whose bank is copied to the device.
    device : str

    Raises
    ------
    ConfigError
        When the recipe's grid is not that of a plain transform.
    """

    def __init__(self, synthesiser: Synthesiser, device: str) -> None:
        self.device = torch.device(device)
        grid, bank = synthesiser.recipe.grid, synthesiser.bank
        points = plain_transform(grid, synthesiser.n_times)
        if points is None:
            raise ConfigError(
                "spectra on this grid are made on the CPU only", where="recipe.grid", got=grid, hint="Use --device cpu"
            )
        self._size, self._below = points
        self._n_points = grid.n_points
        self._offset_ppm = grid.ppm - CENTRE_PPM
        pad = synthesiser.n_times - bank.edit_off.shape[-1]
        self._bank_off, self._bank_on = (
            torch.nn.functional.pad(torch.from_numpy(fids).to(self.device), (0, pad))
            for fids in (bank.edit_off, bank.edit_on)
        )
        self._operations: dict[str, Callable[..., None]] = {
            "add": self._add,
            "multiply": self._multiply,
            "add_metabolites": self._add_metabolites,
            "add_lines": self._add_lines,
            "shape_lines": self._shape_lines,
            "turn": self._turn,
            "bend": self._bend,
            "add_packet": self._add_packet,
            "linear_phase": self._linear_phase,
        }

    def make(self, plan: Plan) -> SynthesisedBatch:
        """The spectra of a plan: `SynthesisedBatch` of tensors on the device."""
        with torch.no_grad():
            state = self._start(plan)
            for step in plan.steps:
                self._take(step, state, plan)
            signals = plan.signals
            signals.peak, signals.top = state.peak, state.top
            for level in plan.noise_levels:
                level(signals)
            off, on = self._received(plan, state)
            return self._pack(off, on - off, plan, state.clean)

    def _start(self, plan: Plan) -> _State:
        shape = len(plan.member), plan.n_times
        off, on = (torch.zeros(shape, dtype=torch.complex64, device=self.device) for _ in range(2))
        return _State(off, on, self._tensor(plan.signals.dwell_s)[:, None].to(torch.complex64))

    def _take(self, step: Step, state: _State, plan: Plan) -> None:
        if step.operation == MEASURE:
            state.peak = self._spectra(state.off).abs().amax(dim=1).double().cpu().numpy()
            state.top = state.off.abs().amax(dim=1).double().cpu().numpy()
        elif step.operation == KEEP_CLEAN:
            dwell_s = self._tensor(plan.signals.dwell_s).float()[:, None]
            state.clean = _channels(*(self._spectra(fid) * dwell_s for fid in (state.off, state.on - state.off)))
        else:
            self._operations[step.operation](state, *step.arguments)

    def _tensor(self, array: NDArray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self.device, non_blocking=True)

    def _powers(self, rate: Tensor, n: int) -> Tensor:
        """``exp(rate k)`` for k from 0 to `n` - 1: complex64, one axis more than `rate`."""
        result = torch.empty((*rate.shape, n), dtype=torch.complex64, device=self.device)
        result[..., 0] = 1
        known = 1
        while known < n:
            more = min(known, n - known)
            step = torch.exp(rate * known).to(torch.complex64)[..., None]
            torch.mul(result[..., :more], step, out=result[..., known : known + more])
            known *= 2
        return result

    def _times(self, n: int) -> Tensor:
        return torch.arange(n, device=self.device, dtype=torch.float32)

    def _add(self, state: _State, samples: Samples, other: NDArray) -> None:
        if samples.name == "response":
            state.response = state.response + self._tensor(other).to(torch.complex64)
            return
        signal = getattr(state, samples.name)
        signal += self._as_complex(other, signal)

    def _multiply(self, state: _State, samples: Samples, other: NDArray) -> None:
        if samples.name == "response":
            state.response = state.response * self._tensor(other).to(torch.complex64)
            return
        # a factor on the planes (n, 2, n_times): the same for both, or none that a complex number could be
        factor = np.asarray(other)
        if factor.ndim == 3 and factor.shape[1] != 1:
            planes = torch.view_as_real(getattr(state, samples.name)).movedim(-1, 1)
            planes *= self._tensor(factor).float()
        else:
            values = factor[:, 0] if factor.ndim == 3 else factor
            getattr(state, samples.name).mul_(self._tensor(values).float())

    def _as_complex(self, planes: NDArray, like: Tensor) -> Tensor:
        full = np.broadcast_to(planes, (len(like), 2, like.shape[1])).astype(np.float32)
        return torch.complex(self._tensor(full[:, 0]), self._tensor(full[:, 1]))

    def _add_metabolites(self, state: _State, *arguments: Any) -> None:
        member, amounts, rate = (self._tensor(value) for value in arguments[2:])
        for first in range(0, len(member), ROWS):
            rows = slice(first, first + ROWS)
            waves = self._powers(rate[rows], state.off.shape[1]) * amounts[rows, :, None].float()
            for signal, bank in ((state.off, self._bank_off), (state.on, self._bank_on)):
                signal[rows] += (waves * bank[member[rows]]).sum(dim=1)

    def _add_lines(self, state: _State, *arguments: Any) -> None:
        area_off, area_on, rate, gauss = (self._tensor(value) for value in arguments[2:])
        squares = self._times(state.off.shape[1]) ** 2
        for first in range(0, len(rate), ROWS):
            rows = slice(first, first + ROWS)
            waves = self._powers(rate[rows], state.off.shape[1])
            waves *= torch.exp(-(gauss[rows, :, None].float() ** 2) * squares)
            for signal, area in ((state.off, area_off), (state.on, area_on)):
                signal[rows] += (waves * area[rows, :, None].to(torch.complex64)).sum(dim=1)

    def _shape_lines(self, state: _State, *arguments: Any) -> None:
        lorentz, gauss, size, away, drift = (self._tensor(value)[:, None] for value in arguments[2:])
        n = state.off.shape[1]
        k = self._times(n)
        factor = (1 + size.float() * self._powers(1j * away[:, 0], n)) / (1 + size.float())
        factor *= self._powers(-1j * (away * size / (1 + size))[:, 0], n)
        factor *= torch.exp(-lorentz.float() * k - gauss.float() ** 2 * k**2)
        factor *= torch.sinc(drift.float() / (2 * math.pi) * k)
        state.off *= factor
        state.on *= factor

    def _turn(self, state: _State, samples: Samples, start: NDArray, rate: NDArray) -> None:
        signal = getattr(state, samples.name)
        waves = self._powers(self._tensor(np.asarray(rate, dtype=complex)), signal.shape[1])
        signal *= waves * self._tensor(np.asarray(start)).to(torch.complex64)[:, None]

    def _bend(self, state: _State, *arguments: Any) -> None:
        angle, rate = (self._tensor(value).float()[:, None] for value in arguments[2:])
        left = angle * torch.exp(-rate * self._times(state.off.shape[1]))
        factor = torch.complex(torch.cos(left), torch.sin(left))
        state.off *= factor
        state.on *= factor

    def _add_packet(self, state: _State, samples: Samples, *arguments: Any) -> None:
        height, rate, centre, width = (self._tensor(np.ascontiguousarray(value)) for value in arguments)
        signal = getattr(state, samples.name)
        k = self._times(signal.shape[1])
        away = (k - centre.float()[:, None]) / width.float()[:, None]
        waves = self._powers(rate.to(torch.complex128), signal.shape[1])
        signal += waves * torch.exp(-(away**2)) * height.to(torch.complex64)[:, None]

    def _linear_phase(self, state: _State, _: Samples, slope: NDArray, offset: NDArray) -> None:
        angle = (self._tensor(slope)[:, None] * self._tensor(offset)).float()
        state.response = state.response * torch.complex(torch.cos(angle), torch.sin(angle))

    def _received(self, plan: Plan, state: _State) -> tuple[Tensor, Tensor]:
        """Spectra of OFF and ON with their noise, of what was acquired."""
        sigma = self._tensor(plan.signals.sigma).float()[:, None]
        acquired = self._times(plan.n_times) < self._tensor(plan.signals.n_acquired)[:, None]
        noise = self._noise(plan)
        off, on = (
            self._spectra((fid + sigma * part) * acquired) * state.response
            for fid, part in zip((state.off, state.on), noise, strict=True)
        )
        return off, on

    def _noise(self, plan: Plan) -> tuple[Tensor, Tensor]:
        if plan.noise is not None:
            planes = self._tensor(plan.noise)
        else:
            source = torch.Generator(self.device).manual_seed(plan.noise_key)
            planes = torch.randn((len(plan.member), 2, 2, plan.n_times), generator=source, device=self.device)
        return torch.complex(planes[:, 0, 0], planes[:, 0, 1]), torch.complex(planes[:, 1, 0], planes[:, 1, 1])

    def _spectra(self, fids: Tensor) -> Tensor:
        """Spectra on the grid, whose points are those of a plain transform."""
        whole = torch.fft.fft(fids, n=self._size)
        parts = whole[:, -self._below :], whole[:, : self._n_points - self._below]
        return torch.cat(parts, dim=1) - fids[:, :1] / 2

    def _pack(self, off: Tensor, diff: Tensor, plan: Plan, clean: Tensor | None) -> SynthesisedBatch:
        present = torch.stack([self._tensor(plan.keep_off), self._tensor(plan.keep_diff)], dim=1).float()
        channels = _channels(off, diff) * present.repeat_interleave(2, dim=1)[:, :, None]
        power = channels.double().square().sum(dim=(1, 2)) / self._n_points / present.sum(dim=1)
        scale = torch.sqrt(power)
        channels /= scale[:, None, None].float()
        conc_mm = self._tensor(plan.conc_mm)
        target = (conc_mm / scale[:, None]).float()
        protocol = None if plan.protocol is None else self._tensor(plan.protocol)
        clean = None if clean is None else clean / scale[:, None, None].float()
        batch: Any = (channels, present, target, conc_mm, scale, self._tensor(plan.is_brain), clean, protocol)
        return SynthesisedBatch(*batch)


def _channels(off: Tensor, diff: Tensor) -> Tensor:
    return torch.stack([off.real, off.imag, diff.real, diff.imag], dim=1)
