# SPDX-License-Identifier: Apache-2.0
"""Checks of FSL-MRS's own arguments before it makes its output folder."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fsl_mrs_dl.core.errors import ConfigError, DataError, nearest
from fsl_mrs_dl.fsl_plugin.conditions import existing
from fsl_mrs_dl.io.nifti import read_acquisition, read_reference

_BASELINE = re.compile(r"\s*(off|poly(nomial)?\s*,?\s*-?\d+|spline\s*,?\s*([\d.]+|[\w-]+))\s*", re.IGNORECASE)


def check_arguments(options: Any, names: Sequence[str], known: Sequence[str]) -> list[str]:
    """Names of the basis functions that will be fitted.

    Parameters
    ----------
    options : object
        Parsed arguments of fsl_mrs or fsl_mrsi.
    names : sequence of str
        Of the basis.
    known : sequence of str
        Those whose amplitude the network gives.

    Raises
    ------
    ConfigError
        For names that the basis does not have, and arguments that FSL-MRS will not understand or that make the
        network's numbers meaningless.
    """
    for option in ("keep", "ignore", "ind_scale"):
        _known(f"--{option}", _flat(getattr(options, option, None)), names)
    keep, ignore = _flat(getattr(options, "keep", None)), _flat(getattr(options, "ignore", None))
    used = [name for name in names if (not keep or name in keep) and name not in ignore]
    for option in ("combine", "internal_ref", "wref_metabolite"):
        _check_sum(option, _flat(getattr(options, option, None)), used)
    scaled = [name for name in _flat(getattr(options, "ind_scale", None)) if name in known]
    if scaled:
        raise ConfigError(
            f"--ind_scale would put {', '.join(scaled)} on a scale of its own, and the network's ratios would be lost",
            expected=", ".join(name for name in names if name not in known)
            or "none: the network estimates all of them",
        )
    _groups(_flat(getattr(options, "metab_groups", None)), used)
    baseline = getattr(options, "baseline", None)
    if isinstance(baseline, str) and not _BASELINE.fullmatch(baseline):
        raise ConfigError("--baseline is not understood", got=baseline, expected="off, 'poly, N' or 'spline, NAME'")
    _water(options)
    return used


def _check_sum(option: str, wanted: Sequence[str], used: Sequence[str]) -> None:
    """Check names of basis functions and of their sums (``A+B``)."""
    # a row that the back end adds to FSL-MRS's, if GABA is there
    parts = [part for name in wanted if name != "GABA+" or "GABA" not in used for part in name.split("+") if part]
    there = [part for part in parts if part in used] or ["NAA"]
    hint = f"For example: --internal_ref {' '.join(there)}" if option == "internal_ref" else None
    _known(f"--{option}", parts, used, hint)


def check_file(path: Any, where: str) -> None:
    """Raise `DataError` where there is no such file, with or without its ending."""
    if path is None or existing(Path(path)) is not None or Path(path).is_file():
        return
    got = "a folder" if Path(path).is_dir() else None
    raise DataError("no such file" if got is None else "not a file", where=path, expected=where, got=got)


def check_water(path: Any, data: Path | None = None) -> None:
    """Raise `DataError` where the water reference is not one averaged FID, sampled as `data`."""
    if path is None:
        return
    check_file(path, "--h2o: a NIfTI-MRS file")
    found = existing(Path(path))
    if found is None:
        return  # another format, which FSL-MRS reads
    water = read_reference(found)
    shape = water.fids.shape
    if shape[:3] != (1, 1, 1):
        raise DataError(
            "the water reference is not one averaged FID",
            where=path,
            got=f"{shape[0]} conditions, {shape[1]} coils, {shape[2]} transients",
            hint="Give the wref.nii.gz of fsl_mrs_preproc_edit",
        )
    if data is None:
        return
    measured = read_acquisition(data)
    for name, own, other in (
        ("number of points", shape[-1], measured.fids.shape[-1]),
        ("dwell time", f"{water.dwell_s:.9g} s", f"{measured.dwell_s:.9g} s"),
    ):
        if own != other:
            raise DataError(
                f"the water reference has another {name} than the data",
                where=path,
                expected=other,
                got=own,
                hint="FSL-MRS needs both sampled alike",
            )


def _flat(value: Any) -> list[str]:
    """Names in an argument that FSL-MRS keeps as a string, a list, or a list of lists."""
    if value is None:
        return []
    if isinstance(value, list | tuple):
        return [name for part in value for name in _flat(part)]
    return [str(value)]


def _known(option: str, wanted: Sequence[str], names: Sequence[str], hint: str | None = None) -> None:
    absent = [name for name in wanted if name not in names]
    if absent:
        raise ConfigError(
            f"'{absent[0]}' is not among the basis functions{nearest(absent[0], names)}",
            where=option,
            expected=f"some of {', '.join(names)}",
            hint=hint,
        )


def _groups(groups: Sequence[str], used: Sequence[str]) -> None:
    if len(groups) == 1 and (groups[0] == "0" or groups[0].lower() in ("separate_all", "combine_all")):
        return
    if groups and all(group.isdigit() for group in groups):
        if len(groups) != len(used):
            raise ConfigError("--metab_groups needs one number per basis function", expected=len(used), got=len(groups))
        return
    _known("--metab_groups", [part for group in groups for part in group.split("+")], used)


def _water(options: Any) -> None:
    """The three arguments of a water reference go together."""
    names = ("wref_metabolite", "ref_protons", "ref_int_limits")
    given = [name for name in names if getattr(options, name, None)]
    if given and len(given) < len(names):
        missing = next(name for name in names if name not in given)
        raise ConfigError(
            f"--{given[0]} needs --{missing} beside it",
            expected="--wref_metabolite, --ref_protons and --ref_int_limits together",
        )
