# SPDX-License-Identifier: Apache-2.0
"""`fit`, `open_model` and `list_models`: from a file, or an object in memory, to a `Fit`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fsl_mrs_dl.api.result import Fit
from fsl_mrs_dl.core.arguments import check_flag, path_of
from fsl_mrs_dl.core.data import Acquisition
from fsl_mrs_dl.core.errors import ConfigError
from fsl_mrs_dl.models.calibrated import LoadedModel, load_model
from fsl_mrs_dl.models.catalogue import known_models
from fsl_mrs_dl.preprocess.load import load
from fsl_mrs_dl.preprocess.pipeline import Preprocessed
from fsl_mrs_dl.quantify.absolute import TissueFractions, read_tissue, tissue_fractions
from fsl_mrs_dl.quantify.chain import analyse
from fsl_mrs_dl.quantify.told import check_protocol

if TYPE_CHECKING:
    from fsl_mrs_dl.io.sources import Source

__all__ = ["fit", "list_models", "load", "open_model"]


def fit(
    data: Source | Acquisition | Preprocessed | None = None,
    *,
    data_off: Source | Acquisition | None = None,
    data_on: Source | Acquisition | None = None,
    h2o: Source | Acquisition | None = None,
    by_naa: bool = False,
    tissue: str | os.PathLike[str] | Mapping[str, float] | TissueFractions | None = None,
    model: str | os.PathLike[str] | LoadedModel | None = None,
    basis: str | os.PathLike[str] | None = None,
    protocol: Mapping[str, Any] | None = None,
    any_protocol: bool = False,
) -> Fit:
    """Quantify one MEGA-PRESS data set.

    Parameters
    ----------
    data : path-like, nifti_mrs.NIFTI_MRS, nibabel image or the result of `load`, optional
        Raw data, an averaged OFF/ON pair, a DIFF or an edit_off.
    data_off, data_on : path-like, nifti_mrs.NIFTI_MRS or nibabel image, optional
        OFF and ON, if they are separate files; in place of `data`.
    h2o : path-like, nifti_mrs.NIFTI_MRS or nibabel image, optional
        Unsuppressed water reference, used to combine coils, to correct eddy currents and for concentrations by water.
    by_naa : bool
        Whether ON and OFF are mixed among the transients of `data` without labels, and are to be separated by NAA,
        which is missing in ON.
    tissue : path-like or mapping, optional
        Volume fractions of the voxel, ``{"GM": 0.6, "WM": 0.3, "CSF": 0.1}``, or a file with them (JSON, or FSL-MRS's
        quantification_info.csv). Concentrations by water are corrected for them. Needs `h2o`.
    model : str, path-like or the result of `open_model`, optional
        Name of a model (see `list_models`) or a model folder; chosen by the kind of sample by default.
    basis : path-like, optional
        FSL-MRS basis for the classical fits beside the network. A model that takes the protocol as an input gets it
        from this basis.
    protocol : mapping, optional
        The protocol for such a model, where the header does not say it: any of ``te_s``, ``vendor``, ``edit_on_ppm``,
        ``edit_off_ppm``, ``edit_duration_s``.
    any_protocol : bool
        Whether to quantify, with a caution, data whose echo time or editing the model was not trained on.

    Returns
    -------
    Fit
        The estimates with their intervals, or a refusal without estimates (see `Fit.refused`).

    Raises
    ------
    DataError, ConfigError, ModelError
        A file cannot be used; an argument is wrong; the model is damaged or does not suit the data.
    """
    given = {name: value for name, value in locals().items() if value is not None and value is not False}
    check_flag(by_naa, "by_naa")
    check_flag(any_protocol, "any_protocol")
    answering = None if model is None else open_model(model)
    fractions = None if tissue is None else _tissue(tissue)
    where = None if basis is None else path_of(basis, "basis")
    check_protocol(protocol)
    prepared = _prepared(data, data_off, data_on, h2o, by_naa)
    found = analyse(prepared, answering, basis=where, tissue=fractions, protocol=protocol, any_protocol=any_protocol)
    return Fit(found, prepared, {name: _described(value) for name, value in given.items()})


def _prepared(
    data: Source | Acquisition | Preprocessed | None,
    data_off: Source | Acquisition | None,
    data_on: Source | Acquisition | None,
    h2o: Source | Acquisition | None,
    by_naa: bool,
) -> Preprocessed:
    if not isinstance(data, Preprocessed):
        return load(data, data_off=data_off, data_on=data_on, h2o=h2o, by_naa=by_naa)
    if by_naa or any(other is not None for other in (data_off, data_on, h2o)):
        raise ConfigError("data= was loaded already", hint="Give data_off=, data_on=, h2o= and by_naa= to load")
    return data


def open_model(model: str | os.PathLike[str] | LoadedModel | None = None) -> LoadedModel:
    """Open a model, with its network in memory, to use it for many scans.

    Parameters
    ----------
    model : str, path-like or LoadedModel, optional
        Name of a model (see `list_models`) or a model folder; ``invivo``, the model for brains, by default.

    Returns
    -------
    LoadedModel
        To be given to `fit` as `model`.

    Raises
    ------
    ConfigError
        When there is no such model.
    ModelError
        When the folder is incomplete or altered.
    """
    if isinstance(model, LoadedModel):
        return model
    return load_model(None if model is None else os.fspath(path_of(model, "model")))


def list_models() -> tuple[str, ...]:
    """Names of all available models, shipped ones first, as `fit` and `open_model` take them."""
    return tuple(known_models())


def _tissue(tissue: str | os.PathLike[str] | Mapping[str, float] | TissueFractions) -> TissueFractions:
    if isinstance(tissue, TissueFractions):
        return tissue
    if isinstance(tissue, str | os.PathLike):
        return read_tissue(path_of(tissue, "tissue"))
    if isinstance(tissue, Mapping) or hasattr(tissue, "keys"):  # a row of a pandas table is no Mapping
        return tissue_fractions(dict(tissue))
    raise ConfigError(
        "tissue= is neither a file nor a mapping",
        expected='a path, or {"GM": 0.6, "WM": 0.3, "CSF": 0.1}',
        got=type(tissue).__name__,
    )


def _described(value: Any) -> Any:
    """An argument as it is recorded: plain values and paths unchanged, objects by their name."""
    if isinstance(value, str | os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, LoadedModel):
        return value.folder.name
    if isinstance(value, Preprocessed):
        return str(value.spectra.source)
    source = getattr(value, "source", None)
    return str(source) if isinstance(source, Path) else str(type(value).__name__)
