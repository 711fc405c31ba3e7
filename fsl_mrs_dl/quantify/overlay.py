# SPDX-License-Identifier: Apache-2.0
"""The reconstructed spectrum that is drawn over the data: network amplitudes, each group of protons in its own shape.

One width for all lines misleads the eye even where the amplitudes are right: lines of a molecule differ in width (T2),
stand a few thousandths of a ppm from the table (temperature, pH), and those near water are weakened. Here each group
of protons has a width, a shift and, where it is not the one that the amplitude is defined by, a size of its own, all
penalised; macromolecules have lines of their own. The amplitudes stay the network's.

The model is linear in small changes of its parameters, so that a few Gauss-Newton steps of a ridge regression do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.core.data import EditedSpectra
from fsl_mrs_dl.core.units import time_axis
from fsl_mrs_dl.models.inputs import PpmGrid
from fsl_mrs_dl.physics.simulate import voigt_decay
from fsl_mrs_dl.quantify.lincomb import FitResult, spline_columns
from fsl_mrs_dl.quantify.line_groups import NEAR_WATER, Freedom, LineGroup, line_groups, together
from fsl_mrs_dl.quantify.signals import BasisSignals

_STEPS = 6
_MISFIT = 0.006
_SETTLED = 0.0005
_ROUNDS = 4
_PARTS_OF_A_STEP = (1.0, 0.5, 0.2, 0.05)
"""A linear step is good for small changes only: where it makes things worse a part of it is tried."""


@dataclass(frozen=True)
class Overlay:
    """The reconstructed spectra, on the grid.

    Parameters
    ----------
    names : tuple of str
    data, baseline : dict of condition to complex array, shape ``(n_points,)``
    components : dict of condition to complex array, shape ``(n_names, n_points)``
    sizes : dict of str to float
        Relative size of each group near water, by condition, e.g. ``{"Cr+PCr, edit_off": 0.85}``: 1 where
        it is as strong as the basis has it.
    """

    names: tuple[str, ...]
    data: dict[str, NDArray]
    baseline: dict[str, NDArray]
    components: dict[str, NDArray]
    sizes: dict[str, float]


def overlay(
    spectra: EditedSpectra,
    signals: BasisSignals,
    grid: PpmGrid,
    amplitudes: NDArray,
    fit: FitResult,
    noise: Mapping[str, float],
    freedom: Freedom | None = None,
) -> Overlay:
    """Reconstruct the spectra from the given amplitudes.

    Parameters
    ----------
    spectra : EditedSpectra
        Those that were fitted.
    signals : BasisSignals
    grid : PpmGrid
    amplitudes : array, shape ``(n_names,)``
        Held.
    fit : FitResult
        With these amplitudes held: gives the common shape, shift and phase to start from.
    noise : mapping of str to float
        Standard deviation of the noise of each condition on the grid.
    freedom : Freedom, optional
    """
    problem = _Problem(spectra, signals, grid, amplitudes, fit, noise, freedom or Freedom())
    state = problem.solve(np.zeros(len(problem.sd)))
    return problem.result(state)


class _Problem:
    def __init__(
        self,
        spectra: EditedSpectra,
        signals: BasisSignals,
        grid: PpmGrid,
        amplitudes: NDArray,
        fit: FitResult,
        noise: Mapping[str, float],
        freedom: Freedom,
    ) -> None:
        self.spectra, self.grid, self.fit, self.freedom, self.names = spectra, grid, fit, freedom, signals.names
        self.conditions = list(signals.fids)
        self.time_s = time_axis(spectra.n_points, spectra.dwell_s)
        self.parts = line_groups(signals, amplitudes, spectra, freedom)
        self.shapes = together([shape for _, shape in self.parts])
        self.unit = max(float(np.abs(fit.data[c]).max()) for c in self.conditions)
        # the model is never right to better than this
        self.sigma = {c: max(noise[c], _MISFIT * self.unit) for c in self.conditions}
        self.spline = spline_columns(grid, freedom.knot_ppm)
        self.index, self.sd = self._layout()
        self.bounds = self._bounds()

    def solve(self, state: NDArray) -> NDArray:
        """The parameters that make `cost` small, from those of `state`."""
        cost = self.cost(state)
        for _ in range(_STEPS):
            change = self.change(state)
            tries = (np.clip(state + part * change, *self.bounds) for part in _PARTS_OF_A_STEP)
            better = next(((tried, c) for tried in tries if (c := self.cost(tried)) < cost), None)
            if better is None:
                break
            settled = cost - better[1] < _SETTLED * cost
            state, cost = better
            if settled:
                break
        return state

    def _layout(self) -> tuple[dict[tuple[str, str], int], NDArray]:
        """Where each parameter stands, and the standard deviations of their priors."""
        free, f0_mhz = self.freedom, self.spectra.f0_mhz
        entries: list[tuple[tuple[str, str], float]] = [(("gauss", ""), free.gauss_hz)]
        for condition in self.conditions:
            entries.append((("phase", condition), np.deg2rad(free.phase_deg)))
            entries.append((("shift", condition), free.shift_ppm * f0_mhz))
        for shape in self.shapes:
            if not shape.rigid:
                entries.append((("width", shape.label), free.width_hz))
                entries.append((("place", shape.label), free.shift_ppm * f0_mhz))
            if shape.size_sd:
                # what editing leaves of a coupled line is another thing than its weakening in OFF
                entries += [(("size", _of(shape, c)), shape.size_sd) for c in self.conditions if c in shape.shown]
            if shape.gauss_hz:
                entries.append((("broad", shape.label), free.macromolecule_width))
        return {key: i for i, (key, _) in enumerate(entries)}, np.array([sd for _, sd in entries])

    def _bounds(self) -> tuple[NDArray, NDArray]:
        """Three standard deviations; no line becomes narrower than those of the basis."""
        low, high = -3 * self.sd, 3 * self.sd
        narrowest = {"width": self.fit.parameters["lorentz_hz"], "gauss": self.fit.parameters["gauss_hz"]}
        for (kind, _), i in self.index.items():
            low[i] = max(low[i], -narrowest.get(kind, np.inf))
        return low, high

    def _value(self, state: NDArray, kind: str, label: str) -> float:
        """A parameter; 0 for one that this shape has not."""
        i = self.index.get((kind, label))
        return 0.0 if i is None else float(state[i])

    def _common(self, state: NDArray, condition: str) -> NDArray:
        """Line shape, phase and shift of all lines of a condition, over time."""
        parameters = self.fit.parameters
        phase, shift_hz = self._value(state, "phase", condition), self._value(state, "shift", condition)
        if condition == "diff" and len(self.conditions) > 1:
            phase += np.deg2rad(parameters["diff_phase_deg"])
            shift_hz += parameters["diff_shift_hz"]
        decay = voigt_decay(
            self.time_s, parameters["lorentz_hz"], parameters["gauss_hz"] + self._value(state, "gauss", "")
        )
        return decay * np.exp(1j * (phase + 2 * np.pi * shift_hz * self.time_s))

    def _own(self, state: NDArray, shape: LineGroup, condition: str) -> NDArray:
        """What a shape's lines have of their own in a condition, over time, size included."""
        size = shape.size + self._value(state, "size", _of(shape, condition))
        if shape.rigid:
            return np.full(len(self.time_s), size)
        rate = -np.pi * self._value(state, "width", shape.label) + 2j * np.pi * self._value(state, "place", shape.label)
        own = size * np.exp(rate * self.time_s)
        if shape.gauss_hz:
            change = shape.gauss_hz**2 * (np.exp(2 * self._value(state, "broad", shape.label)) - 1)
            # where the line itself has long decayed the factor may be anything
            own = own * np.exp(np.minimum(-_GAUSS * change * self.time_s**2, 300.0))
        return own

    def _model(self, state: NDArray, condition: str) -> NDArray:
        """FID of everything but the baseline."""
        common = self._common(state, condition)
        return common * sum(
            (shape.fids[condition] * self._own(state, shape, condition) for shape in self.shapes), 0 * common
        )

    def cost(self, state: NDArray) -> float:
        """The sum of squares that is made small: misfit, priors, and the penalty of the baseline."""
        total = float(((state / self.sd) ** 2).sum())
        for condition in self.conditions:
            rest = self.fit.data[condition] - self._transform(self._model(state, condition))
            coefficients = self._coefficients(rest, condition)
            left = (rest - self.spline @ coefficients) / self.sigma[condition]
            total += float(np.vdot(left, left).real)
            total += float(np.vdot(coefficients, coefficients).real) / (self.freedom.baseline * self.unit) ** 2
        return total

    def change(self, state: NDArray) -> NDArray:
        """A Gauss-Newton step of the penalised least-squares problem; what a bound stops is held."""
        gram, right = self._normal(state)
        low, high = self.bounds
        free = np.ones(len(state), dtype=bool)
        for _ in range(_ROUNDS):
            step = np.zeros(len(state))
            step[free] = np.linalg.solve(gram[np.ix_(free, free)], right[free])
            stopped = free & (((state <= low) & (step < 0)) | ((state >= high) & (step > 0)))
            if not stopped.any():
                break
            free &= ~stopped
        return step

    def _normal(self, state: NDArray) -> tuple[NDArray, NDArray]:
        """Matrix and right side of the normal equations; the baseline, one for each condition, is eliminated."""
        n_spline = self.spline.shape[1]
        gram, right = np.diag(self.sd**-2.0), -state / self.sd**2
        ridge = np.eye(n_spline) / (self.freedom.baseline * self.unit) ** 2
        for condition in self.conditions:
            sigma = self.sigma[condition]
            jacobian = self._jacobian(state, condition) / sigma
            rest = (self.fit.data[condition] - self._transform(self._model(state, condition))) / sigma
            spline = self.spline / sigma
            inner = np.linalg.inv(spline.T @ spline + ridge)
            on_spline, rest_on_spline = jacobian @ spline, spline.T @ rest
            gram = gram + (jacobian @ jacobian.conj().T - on_spline @ inner @ on_spline.conj().T).real
            right = right + (jacobian.conj() @ rest - on_spline.conj() @ inner @ rest_on_spline).real
        return gram, right

    def _jacobian(self, state: NDArray, condition: str) -> NDArray:
        """Derivatives of the spectrum, shape ``(n_parameters, n_grid)``."""
        common, t = self._common(state, condition), self.time_s
        fids = np.zeros((len(state), len(t)), dtype=complex)
        total = np.zeros(len(t), dtype=complex)
        for shape in self.shapes:
            bare = shape.fids[condition] * common
            sized = bare * self._own(state, shape, condition)
            total += sized
            if not shape.rigid:
                fids[self.index["width", shape.label]] = -np.pi * t * sized
                fids[self.index["place", shape.label]] = 2j * np.pi * t * sized
            if ("size", _of(shape, condition)) in self.index:
                size = shape.size + self._value(state, "size", _of(shape, condition))
                fids[self.index["size", _of(shape, condition)]] = bare if shape.rigid else sized / size
            if shape.gauss_hz:
                width_hz = shape.gauss_hz * np.exp(self._value(state, "broad", shape.label))
                fids[self.index["broad", shape.label]] = -2 * _GAUSS * (width_hz * t) ** 2 * sized
        fids[self.index["phase", condition]] = 1j * total
        fids[self.index["shift", condition]] = 2j * np.pi * t * total
        gauss_hz = self.fit.parameters["gauss_hz"] + self._value(state, "gauss", "")
        fids[self.index["gauss", ""]] = -2 * _GAUSS * gauss_hz * t**2 * total
        return self._transform(fids)

    def _transform(self, fid: NDArray) -> NDArray:
        return self.grid.evaluate(fid, self.spectra.dwell_s, self.spectra.f0_mhz)

    def _coefficients(self, rest: NDArray, condition: str) -> NDArray:
        """Of the spline through what is left, with its penalty."""
        weight = self.sigma[condition] ** -2.0
        gram = weight * self.spline.T @ self.spline
        gram += np.eye(len(gram)) / (self.freedom.baseline * self.unit) ** 2
        return np.linalg.solve(gram, weight * self.spline.T @ rest)

    def result(self, state: NDArray) -> Overlay:
        """The pictures at these parameters."""
        components, baseline = {}, {}
        for condition in self.conditions:
            own = {shape.label: self._own(state, shape, condition) for shape in self.shapes}
            common = self._common(state, condition)
            fids = np.zeros((len(self.names), len(self.time_s)), dtype=complex)
            for name, shape in self.parts:
                fids[self.names.index(name)] += shape.fids[condition] * common * own[shape.label]
            components[condition] = self._transform(fids)
            rest = self.fit.data[condition] - components[condition].sum(axis=0)
            baseline[condition] = self.spline @ self._coefficients(rest, condition)
        sizes = {
            _of(shape, c).replace(NEAR_WATER, ""): shape.size + self._value(state, "size", _of(shape, c))
            for shape in self.shapes
            for c in self.conditions
            if shape.label.endswith(NEAR_WATER) and c in shape.shown
        }
        return Overlay(self.names, self.fit.data, baseline, components, sizes)


_GAUSS = np.pi**2 / (4 * np.log(2))
"""exp(-_GAUSS (width t)^2) has a Gaussian spectrum of that full width at half maximum."""


def _of(shape: LineGroup, condition: str) -> str:
    """Label of a shape's size in a condition."""
    return f"{shape.label}, {condition}"
