# SPDX-License-Identifier: Apache-2.0
"""What to try next: a design drawn at random, then a Gaussian process that is told how earlier trials went.

Nothing is kept between proposals: each follows from the trials alone, so that an interrupted search goes on as it
would have. Trials that are still running are told as if they had come out like the best one, which keeps a proposal
away from them (the constant liar: Ginsbourger et al. 2010, doi 10.1007/978-3-642-10701-6_6).
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from fsl_mrs_dl.core.errors import MissingExtraError
from fsl_mrs_dl.training.selection.space import SelectConfig

REFIT_EVERY, FITTED = 8, 96
"""Trials after which the length scales are fitted anew, and how many of the last ones to: that takes seconds, a
proposal a fraction of one."""

N_CANDIDATES = 3000
"""Points among which the one of the largest expected improvement is taken."""

_FEWEST = 2
"""Trials that have ended, below which a Gaussian process has nothing to say."""

Point = list[Any]


class Proposer:
    """Proposes points of a search space.

    Parameters
    ----------
    config : SelectConfig

    Raises
    ------
    MissingExtraError
        Without scikit-optimize.
    """

    def __init__(self, config: SelectConfig) -> None:
        try:
            from skopt.sampler import Lhs
            from skopt.space import Space
        except ImportError as error:
            raise MissingExtraError("scikit-optimize", "tune") from error
        self.config = config
        self.space = Space([dimension.of_skopt(name) for name, dimension in config.space.items()])
        design = Lhs().generate(self.space.dimensions, config.n_random, random_state=config.seed)
        self._design = [_plain(point) for point in design]
        self._fitted: tuple[int, Any] | None = None

    def values(self, point: Point) -> dict[str, Any]:
        """The settings that a point stands for."""
        return {name: part.value(v) for (name, part), v in zip(self.config.space.items(), point, strict=True)}

    def propose(self, number: int, trials: Sequence[Mapping[str, Any]], running: Sequence[Point]) -> Point:
        """The point of the `number`-th trial, counted from 0.

        Parameters
        ----------
        number : int
        trials : sequence of mapping
            Those that have ended: ``point``, and ``told``, the smaller the better.
        running : sequence of points
        """
        from skopt import Optimizer

        if number < len(self._design):
            return self._design[number]
        if len(trials) < _FEWEST:
            # more workers than there is design, and nothing to learn from yet
            return _plain(self.space.rvs(n_samples=1, random_state=self.config.seed + 1 + number)[0])
        points = [list(trial["point"]) for trial in trials]
        told = [float(trial["told"]) for trial in trials]
        lie = min(told)
        optimiser = Optimizer(
            self.space.dimensions,
            base_estimator=self.process(points, told),
            n_initial_points=0,
            acq_func="EI",
            acq_optimizer="sampling",
            acq_optimizer_kwargs={"n_points": N_CANDIDATES},
            random_state=self.config.seed + 1 + number,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of points that were asked for before, which a small space has
            optimiser.tell([*points, *running], [*told, *[lie] * len(running)])
            return _plain(optimiser.ask())

    def process(self, points: Sequence[Point], told: Sequence[float]) -> Any:
        """The Gaussian process, its length scales fitted to every `REFIT_EVERY`-th state of the search."""
        from sklearn.base import clone

        n = max(_FEWEST, len(points) // REFIT_EVERY * REFIT_EVERY)
        if self._fitted is None or self._fitted[0] != n:
            self._fitted = (n, self._fit(points[:n][-FITTED:], told[:n][-FITTED:]))
        fitted = self._fitted[1]
        # fitting sets the noise in the kernel to 0, so that it is not predicted, and keeps it beside
        return clone(fitted).set_params(kernel=fitted.kernel_, optimizer=None, noise=None, alpha=fitted.noise_ + 1e-8)

    def _fit(self, points: Sequence[Point], told: Sequence[float]) -> Any:
        from sklearn.exceptions import ConvergenceWarning
        from skopt.utils import cook_estimator

        estimator = cook_estimator(
            "GP", space=_normalised(self.space), random_state=self.config.seed, noise="gaussian", n_restarts_optimizer=0
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a length scale at its end: what does not matter
            return estimator.fit(_normalised(self.space).transform([list(p) for p in points]), list(told))


def _normalised(space: Any) -> Any:
    """The space as scikit-optimize's processes see it: every dimension from 0 to 1."""
    from skopt.utils import normalize_dimensions

    return normalize_dimensions(space.dimensions)


def _plain(point: Sequence[Any]) -> Point:
    """Without numpy's types, which JSON does not know."""
    return [value.item() if hasattr(value, "item") else value for value in point]
