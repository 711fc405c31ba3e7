# SPDX-License-Identifier: Apache-2.0
"""Groups of protons with relaxation of their own, and weakening of lines near water.

Protons, not molecules, have a T2. Molecules are taken apart into the groups of `fsl_mrs_dl.metabolites.protons`, each
with its width and its decay over TE. What is quantified stays the amplitude of the first group: the methyl line of Cr,
PCr, NAA, NAAG, the trimethyl line of GPC and PCh, the lines below 3.4 ppm of Glu, Gln and GSH. Groups of creatine:
Träber et al. 2004, J Magn Reson Imaging 19:537, doi 10.1002/jmri.20053; Mlynárik et al. 2001, NMR Biomed 14:325, doi
10.1002/nbm.713; Wyss et al. 2018; Gudmundson et al. 2023. Those of other molecules are our choice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.core.errors import ConfigError
from fsl_mrs_dl.metabolites.protons import T2_RATIO
from fsl_mrs_dl.synthesise.context import Scene, Signals, Stage
from fsl_mrs_dl.synthesise.perturbation import Drawn, Group, Perturbation

WATER_PPM = 4.68


@dataclass(frozen=True)
class ProtonConfig(Perturbation):
    """Ranges of what sets the proton groups of one molecule apart; as it stands nothing does.

    The quantity that is the target stays the amplitude of a molecule's first group, see
    `fsl_mrs_dl.metabolites.protons`.

    Parameters
    ----------
    belief : tuple of two float
        How far the table of T2 ratios is believed, as an exponent of them: 0 leaves all groups of a molecule alike, 1
        has the table. Uniform, one for each spectrum. A range that ends at 0 switches groups off.
    alike_share : float
        Share of the spectra whose groups do not differ at all.
    kind_scatter, own_scatter : float
        Standard deviation of the logarithm of a ratio: common to the groups of a kind, and of each group.
    water_share : float
        Share of the spectra in which water suppression and magnetisation transfer weaken what stands near water.
    water_depth : tuple of two float
        Loss at `WATER_PPM`; uniform.
    water_width_ppm : tuple of two float
        Standard deviation of the Gaussian with which the loss falls off.
    """

    order = 60
    groups = (
        Group(
            "protons",
            "+ protons apart",
            "groups of protons that relax apart; what stands near water is weakened",
            {"belief": (0.0, 0.0), "water_share": 0.0},
        ),
    )

    belief: tuple[float, float] = (0.0, 0.0)
    alike_share: float = 0.0
    kind_scatter: float = 0.0
    own_scatter: float = 0.0
    water_share: float = 0.0
    water_depth: tuple[float, float] = (0.0, 0.4)
    water_width_ppm: tuple[float, float] = (0.3, 0.7)

    def __post_init__(self) -> None:
        for name in ("alike_share", "water_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name} out of range", expected="0 to 1", got=getattr(self, name))
        if not 0 <= self.water_depth[0] <= self.water_depth[1] <= 1:
            raise ConfigError("water_depth out of range", expected="0 to 1, ascending", got=self.water_depth)

    @property
    def apart(self) -> bool:
        """Whether molecules are taken apart at all."""
        return self.belief[1] > 0 or self.water_share > 0

    @property
    def is_drawn(self) -> bool:
        """Its numbers come last in the stream, and none follows them."""
        return self.apart

    def draw(self, scene: Scene, rng: np.random.Generator) -> Protons:
        """Ratios of T2 and losses near water of a batch."""
        n, groups = scene.n, scene.bank.groups
        kinds = sorted({group.kind for group in groups})
        table = np.log([T2_RATIO[group.kind] for group in groups])
        belief = rng.uniform(*self.belief, size=(n, 1))
        common = self.kind_scatter * rng.standard_normal((n, len(kinds)))
        own = self.own_scatter * rng.standard_normal((n, len(groups)))
        logarithm = belief * table + common[:, [kinds.index(group.kind) for group in groups]] + own
        logarithm[rng.uniform(size=n) < self.alike_share] = 0.0
        logarithm[:, [group.kind == "reference" for group in groups]] = 0.0
        weakened = rng.uniform(size=n) < self.water_share
        return Protons(
            t2_ratio=np.exp(logarithm),
            water_depth=rng.uniform(*self.water_depth, size=n) * weakened,
            water_width_ppm=rng.uniform(*self.water_width_ppm, size=n),
        )


@dataclass(frozen=True)
class Protons(Drawn):
    """What was drawn.

    Parameters
    ----------
    t2_ratio : array, shape ``(n, n_groups)``
        T2 of each group over that of its molecule's first.
    water_depth, water_width_ppm : arrays, shape ``(n,)``
    """

    stage = Stage.SIGNALS

    t2_ratio: NDArray
    water_depth: NDArray
    water_width_ppm: NDArray

    def apply(self, signals: Signals) -> None:
        """Change amplitude and width of every group; those of its molecule's first stay."""
        reference_hz = signals.own_lorentz_hz
        signals.amounts = signals.amounts * self.amplitude(reference_hz, signals.te_s, signals.group_ppm)
        signals.own_lorentz_hz = self.own_lorentz_hz(reference_hz)

    def own_lorentz_hz(self, reference_hz: NDArray) -> NDArray:
        """Width ``1 / (pi T2)`` of each group; `reference_hz` is that of its molecule's first, ``(n, n_groups)``."""
        return reference_hz / self.t2_ratio

    def amplitude(self, reference_hz: NDArray, te_s: NDArray, ppm: NDArray) -> NDArray:
        """What is left of each group by what is left of the reference: shape ``(n, n_groups)``.

        ``exp(-TE / T2)`` over the reference's, times what suppression leaves at the group's place.

        Parameters
        ----------
        reference_hz : array, shape ``(n, n_groups)``
        te_s : array, shape ``(n,)``
        ppm : array, shape ``(n, n_groups)``
            Where the group stands.
        """
        decay = np.exp(-np.pi * te_s[:, None] * (self.own_lorentz_hz(reference_hz) - reference_hz))
        away = (ppm - WATER_PPM) / self.water_width_ppm[:, None]
        return decay * (1 - self.water_depth[:, None] * np.exp(-(away**2) / 2))
