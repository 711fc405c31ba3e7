# SPDX-License-Identifier: Apache-2.0
"""What the result object knows beside FSL-MRS's parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from numpy.typing import NDArray

from fsl_mrs_dl.core.data import EditedSpectra
from fsl_mrs_dl.fsl_plugin.functions import Functions
from fsl_mrs_dl.quantify.result import Quantification

WATER_ARGUMENTS = "--wref_metabolite NAA --ref_protons 3 --ref_int_limits 1.8 2.2"
"""Arguments of fsl_mrs for water scaling in DIFF, besides --h2o_scale."""


@dataclass(frozen=True)
class DlFacts:
    """What the result object knows beside FSL-MRS's parameters.

    Parameters
    ----------
    quantification : Quantification
    spectra : EditedSpectra
    functions : Functions
        What each basis function stands for.
    outputs : tuple of str
        Of the network.
    hidden : tuple of str
        Basis functions that do not show in what was measured, or all of a refusal.
    covariance : array, shape ``(n_basis, n_basis)``
        Of FSL-MRS's raw concentrations; rows of fitted functions are zero.
    scale : mapping of str to float
        FSL-MRS's raw concentration of one unit of the network's amplitude.
    conditions : str
        Which spectra the network was shown.
    files : tuple of str
    notes, cautions : tuple of str
        What the reader of the figures will wonder about, and what he has to mind.
    host, reproduce : str
        Program that asked, and its command line.
    factor : float or None
        The data over ON - OFF (0.5 as fsl_mrs_preproc_edit makes them); None where it is not known.
    unscaled : str
        Why the fit is no ground for concentrations by water; empty where it is.
    """

    quantification: Quantification
    spectra: EditedSpectra
    functions: Functions
    outputs: tuple[str, ...]
    hidden: tuple[str, ...]
    covariance: NDArray
    scale: Mapping[str, float]
    conditions: str
    files: tuple[str, ...]
    notes: tuple[str, ...]
    host: str
    reproduce: str
    factor: float | None = None
    unscaled: str = ""
    cautions: tuple[str, ...] = ()

    @property
    def known(self) -> tuple[str, ...]:
        """Basis functions whose concentration the network gave, or that it leaves without one."""
        return (*self.functions.known, *self.functions.covered, *self.functions.unseen)

    @property
    def plus(self) -> bool:
        """Whether there is GABA+: GABA in the basis, and the co-edited macromolecule in the model."""
        return {"GABA", "MM30"} <= set(self.outputs) and "GABA" in self.functions.stands_for

    @property
    def water_arguments(self) -> str:
        """What to give fsl_mrs for water scaling."""
        if self.factor is None:
            half = "2 where DIFF is half of ON - OFF, as fsl_mrs_preproc_edit makes it"
            return f"{WATER_ARGUMENTS} --h2o_scale 2 ({half})"
        return f"{WATER_ARGUMENTS} --h2o_scale {1 / abs(self.factor):.3g}"
