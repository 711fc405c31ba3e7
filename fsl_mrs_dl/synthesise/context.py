# SPDX-License-Identifier: Apache-2.0
"""What perturbations see: the scene that they are drawn for, and the signals that they act on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.basis.bank import BasisBank


class Stage(IntEnum):
    """Where on a signal's way a perturbation acts; the way leads through them in this order.

    What acts up to `TISSUE` belongs to the undisturbed spectrum, which some networks learn beside the amplitudes.
    """

    SIGNALS = 1
    """On amplitude, width and place of each signal of the basis, before they are added up."""
    LINES = 2
    """On the sum of the metabolites, whose highest line is then what noise is related to."""
    TISSUE = 3
    """What tissue adds."""
    CONDITIONS = 4
    """What sets ON apart from OFF."""
    ADDED = 5
    """What is added to both conditions and is not tissue: water, baseline, echoes."""
    COMMON = 6
    """What happens to all of it alike: frequency, phase, eddy currents."""
    NOISE = 7
    """How strong the noise is."""
    SPECTRA = 8
    """On the spectra, as a factor."""


@dataclass(frozen=True)
class Scene:
    """What a batch of spectra is of, as far as perturbations depend on it.

    Parameters
    ----------
    metabolites, outputs : tuple of str
        What stands in the basis, and the columns of `conc_mm`.
    bank : BasisBank
    member : int array, shape ``(n,)``
        Protocol of the bank.
    conc_mm : array, shape ``(n, n_outputs)``
    is_brain : bool array, shape ``(n,)``
    size : array, shape ``(n,)``
        Area of all metabolites' protons, as if in phase.
    severity : array, shape ``(n,)``
        Factor on disturbances, see `fsl_mrs_dl.synthesise.severity`.
    of_bank : object
        What the perturbation's `of_bank` made of the bank.
    """

    metabolites: tuple[str, ...]
    outputs: tuple[str, ...]
    bank: BasisBank
    member: NDArray
    conc_mm: NDArray
    is_brain: NDArray
    size: NDArray
    severity: NDArray
    of_bank: Any = None

    @property
    def n(self) -> int:
        """Number of spectra."""
        return len(self.member)

    def conc_of(self, name: str) -> NDArray:
        """Concentrations of one quantity, shape ``(n,)``; zeros where the recipe does not have it."""
        return self.conc_mm[:, self.outputs.index(name)] if name in self.outputs else np.zeros(self.n)


@dataclass
class Signals:
    """Signals on their way through the stages; perturbations change them in place.

    Parameters
    ----------
    off, on : float32 arrays, shape ``(n, 2, n_times)``
        FIDs of both conditions, real and imaginary parts.
    f0_mhz, dwell_s : arrays, shape ``(n,)``
    ppm : array, shape ``(n_points,)``
        Of the spectra.
    group_ppm : array, shape ``(n, n_groups)``
        Where the signals of the basis stand.
    te_s : array, shape ``(n,)``
    owner : int array, shape ``(n_groups,)``
        Index of the metabolite of each signal.
    amounts, own_lorentz_hz, own_shift_ppm : arrays, shape ``(n, n_groups)``
        Amplitude, Lorentzian width and shift of each signal of the basis; used after `Stage.SIGNALS`.
    drift_hz : array, shape ``(n,)``
        Range of frequencies that were averaged; used in `Stage.LINES`.
    n_acquired : int array, shape ``(n,)``
        Samples acquired.
    peak, top : arrays, shape ``(n,)``
        Highest line of edit_off as a plain sum over samples, and highest point of its FID; known after `Stage.LINES`.
    sigma : array, shape ``(n,)``
        Standard deviation of the noise in each part of each sample; used after `Stage.NOISE`.
    response : complex or float array, shape ``(n, n_points)`` or ``(n, 1)``
        Factor on the spectra as sums over samples; used after `Stage.SPECTRA`.
    """

    off: NDArray
    on: NDArray
    f0_mhz: NDArray
    dwell_s: NDArray
    ppm: NDArray
    group_ppm: NDArray
    te_s: NDArray
    owner: NDArray
    amounts: NDArray
    own_lorentz_hz: NDArray
    own_shift_ppm: NDArray
    drift_hz: NDArray
    n_acquired: NDArray
    peak: NDArray
    top: NDArray
    sigma: NDArray
    response: NDArray
