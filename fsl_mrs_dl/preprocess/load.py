# SPDX-License-Identifier: Apache-2.0
"""`load`: from the user's files to preprocessed spectra."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from fsl_mrs_dl.core.arguments import check_flag
from fsl_mrs_dl.core.data import Acquisition
from fsl_mrs_dl.core.errors import ConfigError, DataError
from fsl_mrs_dl.core.threads import on_one_thread
from fsl_mrs_dl.io.nifti import read_acquisition
from fsl_mrs_dl.io.same_scan import magnets_differ, persons_differ, voxels_differ
from fsl_mrs_dl.preprocess.mixed import counted, filled, split_by_naa
from fsl_mrs_dl.preprocess.pipeline import Preprocessed, preprocess

if TYPE_CHECKING:
    from fsl_mrs_dl.io.sources import Source


@on_one_thread
def load(
    data: Source | Acquisition | None = None,
    *,
    data_off: Source | Acquisition | None = None,
    data_on: Source | Acquisition | None = None,
    h2o: Source | Acquisition | None = None,
    by_naa: bool = False,
) -> Preprocessed:
    """Read and preprocess one data set.

    Parameters
    ----------
    data : path-like, nifti_mrs.NIFTI_MRS, nibabel image or Acquisition, optional
        Raw data, an averaged OFF/ON pair, a DIFF or an edit_off; not needed with `data_off` and `data_on`.
    data_off, data_on : as `data`, optional
        OFF and ON, if they are separate files; both or none.
    h2o : as `data`, optional
        Unsuppressed water reference, raw or averaged.
    by_naa : bool
        Whether ON and OFF are mixed among the transients of `data` without labels, and are to be separated by NAA
        (see `fsl_mrs_dl.preprocess.mixed`).

    Returns
    -------
    Preprocessed
        Spectra with coils combined, transients aligned and averaged, water removed, frequency and phase referenced.

    Raises
    ------
    ConfigError
        When the combination of arguments is wrong.
    DataError
        When a file cannot be used.
    """
    check_flag(by_naa, "by_naa")
    if (data_off is None) != (data_on is None):
        raise ConfigError("data_off= and data_on= are needed together")
    if data_off is not None and data_on is not None:
        if data is not None:
            raise ConfigError("data= is not used beside data_off= and data_on=", hint="Leave data= out")
        acquisition = _joined(_read(data_off), _read(data_on))
    elif data is not None:
        acquisition = split_by_naa(_read(data)) if by_naa else _read(data)
    else:
        raise ConfigError("no data were given", expected="data=, or data_off= and data_on=")
    return preprocess(acquisition, None if h2o is None else _read(h2o))


def _read(source: Source | Acquisition) -> Acquisition:
    if isinstance(source, str) and not source.strip():
        # as a path it would mean the current folder
        raise ConfigError("the path of a file is empty", where="data=, data_off=, data_on= or h2o=")
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
    sizes = [(acquisition.fids.shape[1], acquisition.fids.shape[3]) for acquisition in (off, on)]
    if sizes[0] != sizes[1] or abs(off.dwell_s - on.dwell_s) > 1e-9 * off.dwell_s:
        expected, got = (
            f"{coils} coils, {points} points at {a.dwell_s:g} s"
            for a, (coils, points) in zip((off, on), sizes, strict=True)
        )
        raise DataError(
            "the two conditions differ in size or dwell time",
            where=on.source,
            expected=f"{expected} as in {off.source.name}",
            got=got,
        )
    _check_pair(off, on)
    groups = [off.fids[0], on.fids[0]]
    clipped = None
    if off.clipped is not None and on.clipped is not None:
        clipped = filled([a.clipped[0][..., None] for a in (off, on) if a.clipped is not None])[..., 0]
    return dataclasses.replace(
        off,
        fids=filled(groups),
        conditions=("edit_off", "edit_on"),
        named_by="options",
        te_s=off.te_s if off.te_s is not None else on.te_s,
        edit_pulse={**off.edit_pulse, **on.edit_pulse},
        clipped=clipped,
        counts=counted(groups),
    )


def _check_pair(off: Acquisition, on: Acquisition) -> None:
    """Raise a DataError where two files are not OFF and ON of one scan."""
    if magnets_differ(off.f0_mhz, on.f0_mhz):
        raise DataError(
            "the two conditions differ in frequency",
            where=on.source,
            expected=f"{off.f0_mhz:.3f} MHz",
            got=f"{on.f0_mhz:.3f} MHz",
        )
    person = persons_differ((off.header, off.source), (on.header, on.source))
    if person:
        raise DataError("the two conditions are from different participants", where=on.source, got=f"{person} differs")
    voxel = voxels_differ(off.affine, on.affine)
    if voxel:
        raise DataError("the two conditions are from different voxels", where=on.source, got=voxel)
    for name, first, second in (("echo time", off.te_s, on.te_s), ("first point", off.start_s, on.start_s)):
        if first is not None and second is not None and abs(first - second) > 1e-4:
            raise DataError(
                f"the two conditions differ in their {name}",
                where=on.source,
                expected=f"{1e3 * first:g} ms as in {off.source.name}",
                got=f"{1e3 * second:g} ms",
            )
