# SPDX-License-Identifier: Apache-2.0
"""From the user's files to spectra that are ready for `quantify`."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from fsl_mrs_dl.core.data import Acquisition
from fsl_mrs_dl.core.errors import ConfigError, DataError
from fsl_mrs_dl.io.nifti import read_acquisition
from fsl_mrs_dl.preprocess.pipeline import Preprocessed, preprocess

if TYPE_CHECKING:
    from fsl_mrs_dl.io.sources import Source


def load(
    data: Source | Acquisition | None = None,
    *,
    data_off: Source | Acquisition | None = None,
    data_on: Source | Acquisition | None = None,
    h2o: Source | Acquisition | None = None,
) -> Preprocessed:
    """Read and preprocess one data set.

    Parameters
    ----------
    data : path-like, nifti_mrs.NIFTI_MRS, nibabel image or Acquisition, optional
        Raw data, an averaged pair, a DIFF or an edit_off. With `data_off` and `data_on` it is not needed.
    data_off, data_on : as `data`, optional
        The two conditions in files of their own, both or none.
    h2o : as `data`, optional
        Unsuppressed water reference, raw or averaged.

    Returns
    -------
    Preprocessed
        Spectra with coils combined, transients aligned and averaged, water removed, frequency and phase referenced.

    Raises
    ------
    ConfigError
        When the combination of files makes no sense.
    DataError
        When a file cannot be used.
    """
    if (data_off is None) != (data_on is None):
        raise ConfigError("data_off= and data_on= are needed together")
    if data_off is not None and data_on is not None:
        if data is not None:
            raise ConfigError("data= is not used beside data_off= and data_on=", hint="Leave data= out")
        acquisition = _joined(_read(data_off), _read(data_on))
    elif data is not None:
        acquisition = _read(data)
    else:
        raise ConfigError("no data were named", expected="data=, or data_off= and data_on=")
    return preprocess(acquisition, None if h2o is None else _read(h2o))


def _read(source: Source | Acquisition) -> Acquisition:
    return source if isinstance(source, Acquisition) else read_acquisition(source)


def _joined(off: Acquisition, on: Acquisition) -> Acquisition:
    """Two files with one condition each as one acquisition, OFF first."""
    for name, acquisition in (("data_off=", off), ("data_on=", on)):
        if acquisition.n_conditions != 1:
            raise DataError(
                f"{name} holds {acquisition.n_conditions} conditions",
                where=acquisition.source,
                expected="one",
                hint="Give a file with both as data=",
            )
    if off.fids.shape != on.fids.shape or abs(off.dwell_s - on.dwell_s) > 1e-9 * off.dwell_s:
        raise DataError(
            "the two conditions differ in size or dwell time",
            where=on.source,
            expected=f"{off.fids.shape[1:]} at {off.dwell_s:g} s as in {off.source.name}",
            got=f"{on.fids.shape[1:]} at {on.dwell_s:g} s",
        )
    if abs(off.f0_mhz - on.f0_mhz) > 0.1:
        raise DataError(
            "the two conditions differ in frequency",
            where=on.source,
            expected=f"{off.f0_mhz:.3f} MHz",
            got=f"{on.f0_mhz:.3f} MHz",
        )
    return dataclasses.replace(
        off,
        fids=np.concatenate([off.fids, on.fids]),
        conditions=("edit_off", "edit_on"),
        te_s=off.te_s if off.te_s is not None else on.te_s,
        edit_pulse={**off.edit_pulse, **on.edit_pulse},
    )
