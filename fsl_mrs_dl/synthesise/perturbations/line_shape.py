# SPDX-License-Identifier: Apache-2.0
"""Line shapes that keep the area: Voigt lines common to all, each metabolite's own T2 and shift, asymmetric shim.

The measured T2 are those of 19 metabolites in grey and white matter by Wyss et al. 2018, Magn Reson Med 80:452, doi
10.1002/mrm.27067, as Osprey's source tabulates them (`fsl_mrs_dl.metabolites.t2`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.metabolites.t2 import measured_width_hz
from fsl_mrs_dl.synthesise.context import Scene, Signals, Stage
from fsl_mrs_dl.synthesise.operations import shape_lines
from fsl_mrs_dl.synthesise.perturbation import Drawn, Group, Perturbation
from fsl_mrs_dl.synthesise.signals import GAUSS, log_uniform

_NARROWEST_HZ = 0.05
"""A spread above 1 leaves no line narrower than this: T2 of 6 s."""


@dataclass(frozen=True)
class LineShapeConfig(Perturbation):
    """Ranges of line shapes; zero ranges leave the signal as it is.

    Parameters
    ----------
    width_hz, brain_width_hz : tuple of two float
        Full width at half maximum common to all lines, of solutions and of brains, drawn log-uniformly.
    gauss_share : tuple of two float
        Share of the width that is Gaussian, the rest is Lorentzian.
    own_lorentz_hz : tuple of two float
        Extra Lorentzian width of each metabolite, 1 / (pi T2): T2 from 0.13 to 1 s. Our choice.
    measured_share : float
        Share of the brains in which these widths are drawn about the measured ones of each metabolite instead (`T2_S`
        of `fsl_mrs_dl.metabolites.t2`), in any mixture of grey and white matter; `own_spread` applies to them too.
    measured_scatter : tuple of two float
        Standard deviation of the logarithm of a width about the measured one; uniform, one for each spectrum.
    own_spread : tuple of two float
        Factor on the distance of the metabolites' own widths from their mean, one for each spectrum; uniform. With 1
        each width stays as drawn, and a spectrum whose metabolites have about the same T2 hardly ever occurs; with
        0 all have one T2, as most fits assume.
    own_shift_ppm : float
        Standard deviation of each metabolite's own shift (temperature, pH).
    naag_distance_ppm : float
        Where not 0, NAAG moves with NAA, and this is the standard deviation of its distance. Were they drawn apart, the
        place of their common line beside creatine's would seem to tell how much of it is NAAG.
    asymmetry : float
        Standard deviation of the relative size of a second, shifted component of the field distribution.
    asymmetry_hz : tuple of two float
        How far away it is.
    """

    order = 10
    groups = (
        Group(
            "line_width",
            "+ line width",
            "the recipe's line widths",
            {"width_hz": (2.0, 2.0), "brain_width_hz": (2.0, 2.0)},
        ),
        Group(
            "line_shape",
            "+ line shape",
            "Gaussian share, asymmetry, each metabolite's own T2 and shift",
            {
                "gauss_share": (0.0, 0.0),
                "own_lorentz_hz": (0.0, 0.0),
                "measured_share": 0.0,
                "own_shift_ppm": 0.0,
                "naag_distance_ppm": 0.0,
                "asymmetry": 0.0,
            },
        ),
    )

    width_hz: tuple[float, float] = (0.3, 12.0)
    brain_width_hz: tuple[float, float] = (1.5, 13.0)
    gauss_share: tuple[float, float] = (0.0, 1.0)
    own_lorentz_hz: tuple[float, float] = (0.3, 2.5)
    measured_share: float = 0.0
    measured_scatter: tuple[float, float] = (0.0, 0.3)
    own_spread: tuple[float, float] = (1.0, 1.0)
    own_shift_ppm: float = 0.002
    naag_distance_ppm: float = 0.0
    asymmetry: float = 0.1
    asymmetry_hz: tuple[float, float] = (1.0, 6.0)

    def draw(self, scene: Scene, rng: np.random.Generator) -> LineShapes:
        """Line shapes of a batch; brains are broader than solutions."""
        is_brain, metabolites = scene.is_brain, scene.metabolites
        n, n_metabolites = scene.n, len(metabolites)
        width_hz = np.where(is_brain, log_uniform(self.brain_width_hz, n, rng), log_uniform(self.width_hz, n, rng))
        share = rng.uniform(*self.gauss_share, size=n)
        size = np.abs(self.asymmetry * rng.standard_normal(n))
        # a shoulder cannot lie further away than the line is wide by much: scaled with the width
        away_hz = np.sign(rng.standard_normal(n)) * np.minimum(rng.uniform(*self.asymmetry_hz, size=n), width_hz)
        own_hz = rng.uniform(*self.own_lorentz_hz, size=(n, n_metabolites))
        own_shift_ppm = self.own_shift_ppm * rng.standard_normal((n, n_metabolites))
        if self.naag_distance_ppm and {"NAA", "NAAG"} <= set(metabolites):
            naa, naag = (list(metabolites).index(name) for name in ("NAA", "NAAG"))
            own_shift_ppm[:, naag] = own_shift_ppm[:, naa] + self.naag_distance_ppm * rng.standard_normal(n)
        if self.measured_share:
            measured = is_brain & (rng.uniform(size=n) < self.measured_share)
            scatter = rng.uniform(*self.measured_scatter, size=(n, 1)) * rng.standard_normal((n, n_metabolites))
            about_hz = measured_width_hz(metabolites, rng.uniform(size=n)) * np.exp(scatter)
            own_hz = np.where(measured[:, None], about_hz, own_hz)
        if self.own_spread != (1.0, 1.0):
            mean_hz = own_hz.mean(axis=1, keepdims=True)
            own_hz = mean_hz + rng.uniform(*self.own_spread, size=(n, 1)) * (own_hz - mean_hz)
            own_hz = np.maximum(own_hz, _NARROWEST_HZ)
        return LineShapes(
            lorentz_hz=(1 - share) * width_hz,
            gauss_hz=share * width_hz,
            shoulder=size,
            shoulder_hz=away_hz,
            own_lorentz_hz=own_hz,
            own_shift_ppm=own_shift_ppm,
        )


@dataclass(frozen=True)
class LineShapes(Drawn):
    """Drawn line shapes.

    Parameters
    ----------
    lorentz_hz, gauss_hz : arrays, shape ``(n,)``
        Full widths common to all lines.
    shoulder, shoulder_hz : arrays, shape ``(n,)``
        Relative size and distance of the second component of the field distribution.
    own_lorentz_hz, own_shift_ppm : arrays, shape ``(n, n_metabolites)``
    """

    lorentz_hz: NDArray
    gauss_hz: NDArray
    shoulder: NDArray
    shoulder_hz: NDArray
    own_lorentz_hz: NDArray
    own_shift_ppm: NDArray

    def softened(self, factor: NDArray) -> LineShapes:
        """A shoulder that is smaller by `factor` of shape ``(n,)``; T2 and shifts are the metabolites' own."""
        return replace(self, shoulder=self.shoulder * factor)

    def steps(self) -> Mapping[Stage, Callable[[Signals], None]]:
        """Each signal's own width and shift, then what all lines have in common."""
        return {Stage.SIGNALS: self.apply_own, Stage.LINES: self.apply}

    def apply_own(self, signals: Signals) -> None:
        """Give every signal of the basis the width and the shift of its metabolite."""
        signals.own_lorentz_hz = self.own_lorentz_hz[:, signals.owner]
        signals.own_shift_ppm = self.own_shift_ppm[:, signals.owner]

    def apply(self, signals: Signals) -> None:
        """Give the metabolites their shape, averaged over the drift; the area stays."""
        dwell_s = signals.dwell_s
        turns = 2 * np.pi * dwell_s
        shape_lines(
            signals.off,
            signals.on,
            np.pi * self.lorentz_hz * dwell_s,
            GAUSS * self.gauss_hz * dwell_s,
            self.shoulder,
            self.shoulder_hz * turns,
            signals.drift_hz * turns,
        )
