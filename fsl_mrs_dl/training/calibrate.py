# SPDX-License-Identifier: Apache-2.0
"""Calibration of intervals on spectra that the network was not trained on.

Split conformal prediction with the predicted spread as the scale (Lei et al. 2018, J Am Stat Assoc 113:1094, doi
10.1080/01621459.2017.1307116): the half width of an interval is the predicted standard deviation times the quantile
of |error| / standard deviation on calibration spectra. It is made for each kind of sample apart (solutions, brains)
and the larger factor is kept; and for single amplitudes, sums and ratios apart, because parts of one spectrum are not
independent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.metabolites.sums import COMBINATIONS, MODES, REFERENCE_MIN_SD, REFERENCES, SECOND_REFERENCE, short_name

LEVELS = {"68": 0.6827, "95": 0.95}
MIN_SPECTRA = 100
"""Fewer spectra of a kind do not decide a 95 % quantile."""

Factors = dict[str, dict[str, dict[str, dict[str, float]]]]


def calibrate(
    mean: NDArray,
    sd: NDArray,
    target: NDArray,
    present: NDArray,
    is_brain: NDArray,
    outputs: Sequence[str],
    sum_sd: NDArray | None = None,
) -> Factors:
    """Factors by which predicted standard deviations are multiplied.

    Parameters
    ----------
    mean, sd, target : arrays, shape ``(n, n_outputs)``
    present : array, shape ``(n, 2)``
    is_brain : bool array, shape ``(n,)``
    outputs : sequence of str
    sum_sd : array, shape ``(n, n_sums)``, optional
        Predicted spreads of the sums; those of their parts in quadrature otherwise.

    Returns
    -------
    dict
        ``{mode: {"raw" | "ratio" | "ratio_naa": {name: {"68": factor, "95": factor}}}}`` for outputs and sums
        (``ratio`` to the mode's reference, ``ratio_naa`` to `SECOND_REFERENCE`); modes with fewer than `MIN_SPECTRA`
        spectra are left out, as are the ratios of a mode in which the reference is too seldom measured.
    """
    # estimates are clipped at zero before they are reported, so their errors are counted so
    names, values, spreads = with_sums(np.maximum(mean, 0), sd, outputs, sum_sd)
    _, truths, _ = with_sums(target, sd, outputs)
    judged = _Judged(names, values, spreads, truths, mean, target, outputs)
    factors: Factors = {}
    for mode, flags in MODES.items():
        shown = (present == flags).all(axis=1)
        groups = [shown & is_brain, shown & ~is_brain]
        found = {
            "raw": judged.raw(groups),
            "ratio": judged.ratios(groups, REFERENCES[mode]),
            "ratio_naa": judged.ratios(groups, SECOND_REFERENCE),
        }
        if found["raw"]:
            factors[mode] = {kind: of_kind for kind, of_kind in found.items() if of_kind}
    return factors


@dataclass(frozen=True)
class _Judged:
    """Estimates, spreads and truths of outputs and sums, ``(n, n_names)``, and of the outputs alone."""

    names: Sequence[str]
    values: NDArray
    spreads: NDArray
    truths: NDArray
    mean: NDArray
    target: NDArray
    outputs: Sequence[str]

    def raw(self, groups: list[NDArray]) -> dict[str, dict[str, float]]:
        """Factors of the amplitudes; none where no group is large enough."""
        return _largest(np.abs(self.values - self.truths) / self.spreads, groups, self.names)

    def ratios(self, groups: list[NDArray], parts: Sequence[str]) -> dict[str, dict[str, float]]:
        """Factors of the ratios to a reference; none where it is not estimated, or too seldom measured."""
        reference = [self.outputs.index(name) for name in parts if name in self.outputs]
        if not reference:
            return {}
        error, usable = self._ratio_errors(reference)
        return _largest(error, [group & usable for group in groups], self.names)

    def _ratio_errors(self, reference: list[int]) -> tuple[NDArray, NDArray]:
        """|error| over spread of every ratio to the reference, and where the reference can be used at all."""
        ref_sd = _spread_of([self.outputs[index] for index in reference], self.names, self.spreads)
        ref = np.maximum(self.mean[:, reference], 0).sum(axis=1, keepdims=True)
        ref_truth = self.target[:, reference].sum(axis=1, keepdims=True)
        usable = (ref > REFERENCE_MIN_SD * ref_sd) & (ref_truth > 0)
        ref, ref_truth = np.where(usable, ref, 1.0), np.where(usable, ref_truth, 1.0)
        ratio = self.values / ref
        spread = np.hypot(self.spreads, ratio * ref_sd) / ref
        return np.abs(ratio - self.truths / ref_truth) / spread, usable[:, 0]


def _spread_of(parts: Sequence[str], names: Sequence[str], spreads: NDArray) -> NDArray:
    """Spread of a reference, shape ``(n, 1)``: the sum's that it is, or in quadrature."""
    name = short_name(tuple(parts))
    if name in names:
        return spreads[:, [names.index(name)]]
    columns = [names.index(part) for part in parts]
    return np.sqrt((spreads[:, columns] ** 2).sum(axis=1, keepdims=True))


def with_sums(
    values: NDArray, sd: NDArray, outputs: Sequence[str], sum_sd: NDArray | None = None
) -> tuple[tuple[str, ...], NDArray, NDArray]:
    """Names, values and spreads of the outputs and of the sums whose parts they are.

    Spreads add in quadrature unless `sum_sd`, shape ``(n, n_sums)``, has them.
    """
    names, columns, spreads = list(outputs), [values], [sd]
    for name, parts in COMBINATIONS.items():
        indices = [outputs.index(part) for part in parts if part in outputs]
        if len(indices) > 1:
            names.append(name)
            columns.append(values[:, indices].sum(axis=1, keepdims=True))
            index = len(spreads) - 1
            quadrature = np.sqrt((sd[:, indices] ** 2).sum(axis=1, keepdims=True))
            spreads.append(quadrature if sum_sd is None else sum_sd[:, [index]])
    return tuple(names), np.hstack(columns), np.hstack(spreads)


def _largest(error: NDArray, groups: list[NDArray], names: Sequence[str]) -> dict[str, dict[str, float]]:
    """The conformal quantiles of each column, the largest over the groups that are large enough."""
    groups = [group for group in groups if group.sum() >= MIN_SPECTRA]
    if not groups:
        return {}
    return {
        name: {
            level: max(_conformal(error[group, index], share) for group in groups) for level, share in LEVELS.items()
        }
        for index, name in enumerate(names)
    }


def _conformal(error: NDArray, share: float) -> float:
    """The quantile below which `share` of new errors lie, of a finite number of errors."""
    return float(np.quantile(error, min(1.0, np.ceil((len(error) + 1) * share) / len(error))))
