# SPDX-License-Identifier: Apache-2.0
"""Estimates for a host program: from FIDs in memory, with their covariance, and the unit of the host's basis."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.core.data import Acquisition, EditedSpectra
from fsl_mrs_dl.core.errors import DataError
from fsl_mrs_dl.metabolites.sums import COMBINATIONS
from fsl_mrs_dl.metabolites.table import shown_in_diff
from fsl_mrs_dl.models.calibrated import LoadedModel, load_model
from fsl_mrs_dl.models.inputs import PpmGrid
from fsl_mrs_dl.preprocess.load import load
from fsl_mrs_dl.quantify.chain import analyse
from fsl_mrs_dl.quantify.result import Quantification
from fsl_mrs_dl.quantify.signals import basis_signals

UNIT_METABOLITES = shown_in_diff("edited", "saturated")
"""Metabolites that show in DIFF, and so tell the unit of a basis there."""

MIN_LIKENESS = 0.8
"""Correlation with the shipped basis from which on a basis function counts for the unit."""

MAX_UNIT_RATIO = 2.0
"""Factor by which a basis function may leave the common unit: editing efficiency and slice profiles differ by less."""

_BROADENING_HZ = 6.0


@functools.lru_cache(maxsize=4)
def cached_model(name: str | None) -> LoadedModel:
    """`load_model`, once per process: thousands of voxels share one session."""
    return load_model(name)


def estimate(
    acquisition: Acquisition,
    model: LoadedModel | None = None,
    *,
    protocol: Mapping[str, Any] | None = None,
    any_protocol: bool = False,
) -> tuple[Quantification, EditedSpectra]:
    """Preprocess and quantify one voxel.

    Parameters
    ----------
    acquisition : Acquisition
        An averaged pair or a single spectrum.
    model : LoadedModel, optional
        Otherwise `quantify` chooses the shipped one for the kind of sample.
    protocol : mapping, optional
        What is known of the protocol beside the header, see `fsl_mrs_dl.quantify.told.told_protocol`.
    any_protocol : bool
        Answer protocols that the model was not trained on, see `fsl_mrs_dl.quantify.protocol`.

    Returns
    -------
    Quantification
        With estimates, or refused.
    EditedSpectra
        What was quantified.

    Raises
    ------
    DataError
        When the data cannot be used.
    ModelError
        When the model does not suit them.
    """
    data = load(acquisition)
    return analyse(data, model, protocol=protocol, any_protocol=any_protocol), data.spectra


def covariance(quantification: Quantification, names: Sequence[str]) -> NDArray:
    """Covariance of the raw amplitudes, shape ``(n_names, n_names)``; zero for names that were not estimated.

    Spreads are the calibrated ones. The two parts of a sum are given the correlation with which the sum has its own
    calibrated spread; other pairs are independent.
    """
    sd = {e.name: e.sd for e in quantification.estimates}
    result = np.diag([sd.get(name, 0.0) ** 2 for name in names])
    for total in quantification.combinations:
        parts = [name for name in COMBINATIONS[total.name] if name in sd and name in names]
        if len(parts) != 2 or len(parts) != len(COMBINATIONS[total.name]):
            continue
        first, second = (list(names).index(name) for name in parts)
        limit = 0.99 * sd[parts[0]] * sd[parts[1]]
        shared = (total.sd**2 - sd[parts[0]] ** 2 - sd[parts[1]] ** 2) / 2
        result[first, second] = result[second, first] = float(np.clip(shared, -limit, limit))
    return result


def unit_ratios(
    names: Sequence[str], fids: NDArray, dwell_s: float, f0_mhz: float, lw_hz: float = 0.0
) -> dict[str, float]:
    """How many units of the model one unit of each DIFF basis function is; negative for OFF - ON.

    Parameters
    ----------
    names : sequence of str
    fids : complex array, shape ``(n_names, n_points)``
        A DIFF basis in the sign of `fsl_mrs_dl.core.units`.
    dwell_s, f0_mhz : float
    lw_hz : float
        Lorentzian width that they have already.

    Returns
    -------
    dict of str to float
        For those of `UNIT_METABOLITES` that resemble the shipped basis.
    """
    wanted = [name for name in UNIT_METABOLITES if name in names]
    if not wanted:
        return {}
    blank = EditedSpectra(dwell_s=dwell_s, f0_mhz=f0_mhz, source=Path("basis"), diff=np.zeros(fids.shape[1], complex))
    shipped = basis_signals(blank, wanted)
    time_s = np.arange(fids.shape[1]) * dwell_s
    grid, decay = PpmGrid(), np.exp(-np.pi * _BROADENING_HZ * time_s)
    ratios = {}
    for name in wanted:
        own_fid = shipped.fids["diff"][shipped.names.index(name)] * np.exp(-np.pi * lw_hz * time_s)
        pair = np.stack([own_fid, fids[list(names).index(name)]])
        own, given = grid.evaluate(pair * decay, dwell_s, f0_mhz)
        product, size = np.vdot(own, given), float(np.linalg.norm(own) * np.linalg.norm(given))
        if size > 0 and abs(product.real) / size > MIN_LIKENESS:
            ratios[name] = float(product.real / np.vdot(own, own).real)
    return ratios


def common_unit(ratios: dict[str, float], where: object = None) -> float | None:
    """The one unit of a basis from `unit_ratios`; None where they do not tell.

    Raises
    ------
    DataError
        When the basis functions differ in unit: concentrations in such units have no meaning.
    """
    if not ratios:
        return None
    unit = ratios["NAA"] if "NAA" in ratios else float(np.median(list(ratios.values())))
    for name, ratio in ratios.items():
        if ratio * unit <= 0 or not 1 / MAX_UNIT_RATIO < ratio / unit < MAX_UNIT_RATIO:
            raise DataError(
                f"the basis functions are not on one scale: {name} stands at {ratio / unit:.2g} times its height "
                "relative to NAA",
                where=where,
                expected=f"1 (within a factor of {MAX_UNIT_RATIO:g})",
                hint="Use a basis whose functions were not normalised one by one",
            )
    return unit


def ratio_sd(value: float, reference: float, variance: float, reference_variance: float, shared: float) -> float:
    """Standard deviation of ``value / reference`` by propagation; `shared` is the covariance of the two."""
    if not reference > 0:
        return math.nan
    ratio = value / reference
    square = variance - 2 * ratio * shared + ratio**2 * reference_variance
    return math.sqrt(max(0.0, square)) / reference
