# SPDX-License-Identifier: Apache-2.0
"""The embedded classical fit on synthesised spectra: the very spectra that a network is shown."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.core.constants import RECEIVER_PPM
from fsl_mrs_dl.core.data import EditedSpectra
from fsl_mrs_dl.core.errors import DataError
from fsl_mrs_dl.core.units import time_axis
from fsl_mrs_dl.models.inputs import PpmGrid
from fsl_mrs_dl.quantify.lincomb import fit_linear_combination
from fsl_mrs_dl.quantify.signals import BasisSignals, basis_signals
from fsl_mrs_dl.synthesise.synthesiser import Synthesiser
from fsl_mrs_dl.validation.simulated import draw_simulated

BANDWIDTH_PPM = 12.8
"""Of the FIDs that are fitted: wide enough that no line of a basis folds into the window."""


def fit_simulated(synthesiser: Synthesiser, n: int, seed: int, names: Sequence[str]) -> list[dict[str, float]]:
    """Raw amplitudes of the linear-combination fit with the shipped basis, of the spectra of `run_simulated`.

    Parameters
    ----------
    synthesiser : Synthesiser
        Whose recipe shows both conditions.
    n, seed : int
        As of `fsl_mrs_dl.validation.simulated.run_simulated`.
    names : sequence of str
        Quantities that are fitted.

    Returns
    -------
    list of dict
        By spectrum.

    Raises
    ------
    DataError
        When a spectrum lacks a condition.
    """
    drawn = draw_simulated(synthesiser, n, seed)
    batch = synthesiser.render(drawn)
    if not batch.present.all():
        raise DataError(
            "the classical fit is made for OFF/ON pairs", where="the recipe's drop_off and drop_diff", expected="0"
        )
    # all of the FID made from a spectrum counts, whatever the grid's longest time
    grid = dataclasses.replace(synthesiser.recipe.grid, max_time_s=1e3)
    signals: dict[float, BasisSignals] = {}
    found = []
    for row in range(n):
        f0_mhz = float(synthesiser.bank.f0_mhz[drawn.member[row]])
        channels = batch.channels[row].astype(float) * batch.scale[row]
        spectra = spectra_of(channels[0::2] + 1j * channels[1::2], grid, f0_mhz)
        if f0_mhz not in signals:
            signals[f0_mhz] = basis_signals(spectra, names)
        acquired = time_axis(spectra.n_points, spectra.dwell_s) < drawn.acquired_s[row]
        truncated = {name: fids * acquired for name, fids in signals[f0_mhz].fids.items()}
        fit = fit_linear_combination(spectra, dataclasses.replace(signals[f0_mhz], fids=truncated), grid)
        found.append(dict(zip(signals[f0_mhz].names, map(float, fit.amplitudes), strict=True)))
    return found


def spectra_of(values: NDArray, grid: PpmGrid, f0_mhz: float) -> EditedSpectra:
    """FIDs whose spectra on `grid` are `values` to the last digit, and which are empty beside it.

    Parameters
    ----------
    values : complex array, shape ``(2, grid.n_points)``
        Of edit_off and DIFF, as `PpmGrid.evaluate` gives them.
    grid : PpmGrid
    f0_mhz : float
    """
    n_points = max(grid.n_points, round(BANDWIDTH_PPM / grid.step_ppm))
    dwell_s = 1 / (n_points * grid.step_ppm * f0_mhz)
    padded = np.zeros((2, n_points), dtype=complex)
    padded[:, : grid.n_points] = values
    turn = np.exp(2j * np.pi * (grid.low_ppm - RECEIVER_PPM) * f0_mhz * time_axis(n_points, dwell_s))
    off, diff = np.fft.ifft(padded) / dwell_s * turn
    # a spectrum counts half of the first point
    off[0], diff[0] = 2 * off[0], 2 * diff[0]
    return EditedSpectra(dwell_s, f0_mhz, Path("synthesised"), edit_off=off, edit_on=off + diff, diff=diff)
