# SPDX-License-Identifier: Apache-2.0
"""The steps from preprocessed spectra to the complete result, in the order that all callers share."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fsl_mrs_dl.core.threads import on_one_thread
from fsl_mrs_dl.models.calibrated import LoadedModel
from fsl_mrs_dl.preprocess.pipeline import Preprocessed
from fsl_mrs_dl.quantify.absolute import TissueFractions, with_water
from fsl_mrs_dl.quantify.protocol import completed, with_protocol
from fsl_mrs_dl.quantify.quantify import quantify
from fsl_mrs_dl.quantify.result import Quantification
from fsl_mrs_dl.quantify.told import check_protocol


@on_one_thread
def analyse(
    data: Preprocessed,
    model: LoadedModel | None = None,
    *,
    basis: Path | None = None,
    tissue: TissueFractions | None = None,
    protocol: Mapping[str, Any] | None = None,
    any_protocol: bool = False,
) -> Quantification:
    """Quantify what `fsl_mrs_dl.preprocess.load.load` returned, and scale it by the water reference where there is one.

    Parameters
    ----------
    data : Preprocessed
    model : LoadedModel, optional
        Otherwise the shipped one for the kind of sample that is found.
    basis : Path, optional
        FSL-MRS basis for the fits beside the network; the shipped one otherwise.
    tissue : TissueFractions, optional
        Of the voxel, to correct concentrations by water for.
    protocol : mapping, optional
        What is known of the protocol where the header does not say it, see `fsl_mrs_dl.quantify.told`.
    any_protocol : bool
        Answer protocols that the model was not trained on, see `fsl_mrs_dl.quantify.protocol`.

    Returns
    -------
    Quantification
        With estimates, or refused.

    Raises
    ------
    ConfigError
        When `protocol` says what no protocol can be.
    DataError
        As `fsl_mrs_dl.quantify.quantify.quantify` and `fsl_mrs_dl.quantify.absolute.with_water`.
    ModelError
        When the model does not suit the data.
    """
    check_protocol(protocol)
    result = quantify(data.spectra, model, basis=basis, protocol=protocol)
    return with_water(with_protocol(result, completed(data.spectra, protocol), any_protocol=any_protocol), data, tissue)
