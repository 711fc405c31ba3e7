# SPDX-License-Identifier: Apache-2.0
"""Checks before fsl_mrs or fsl_mrsi writes anything: errors that would come later end the program now."""

from __future__ import annotations

import dataclasses
import functools
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from fsl_mrs_dl.core.data import Acquisition
from fsl_mrs_dl.core.errors import ConfigError, DataError, FslMrsDlError
from fsl_mrs_dl.fsl_plugin.arguments import check_arguments, check_file, check_water
from fsl_mrs_dl.fsl_plugin.compat import require_supported
from fsl_mrs_dl.fsl_plugin.conditions import OFF_VARIABLE, ON_VARIABLE, find_conditions
from fsl_mrs_dl.fsl_plugin.functions import in_unit_of_gaba, sort_functions
from fsl_mrs_dl.fsl_plugin.messages import internal, leave, tell
from fsl_mrs_dl.fsl_plugin.pair import Pair, pair_in, write_conditions
from fsl_mrs_dl.fsl_plugin.request import (
    Answer,
    Request,
    answer_to_file,
    answer_to_image,
    environment_pair,
    estimate_file,
    image_of,
    model_of,
)
from fsl_mrs_dl.quantify.host import common_unit, unit_ratios


def check_before_writing(fitting: ModuleType, model_name: str, host: str, options: Any) -> Pair | None:
    """Find out what would go wrong, and end the program with one line while the disk is as it was.

    Returns
    -------
    Pair or None
        The conditions and the answer to them, where the data file of fsl_mrs holds both.

    Raises
    ------
    SystemExit
        With the exit code of the error.
    """
    try:
        return _check(fitting, model_name, Request(host, options))
    except FslMrsDlError as error:
        leave(error, host)
    except Exception as error:
        leave(internal(error), host)


def _check(fitting: ModuleType, model_name: str, request: Request) -> Pair | None:
    require_supported(fitting)
    model = loaded(functools.partial(model_of, model_name))
    options = request.options
    check_file(options.data, "a NIfTI-MRS file")
    check_file(getattr(options, "h2o", None), "--h2o: a file")
    pair: Pair | None = None
    answer: Answer | None = None
    if request.host == "fsl_mrsi":
        answer = loaded(functools.partial(_check_image, options, model_name))
    else:
        check_water(getattr(options, "h2o", None), request.data)
        both = pair_in(request.data, options)
        if both is not None:
            answer = loaded(functools.partial(_check_pair, request, both, model_name))
            pair = Pair(both, model_name, answer)
        else:
            answer = loaded(functools.partial(_check_spectrum, request, model_name))
    outputs = answer.outputs if answer is not None else model.outputs if model is not None else ()
    unit = _check_basis_file(options, outputs)
    if request.host == "fsl_mrsi" and answer is not None:
        _check_sense(answer, unit, options)
    return pair


def _check_pair(request: Request, both: Acquisition, model_name: str) -> Answer:
    """The answer to the files that FSL-MRS will be given: what they would end in has to show before it writes."""
    with tempfile.TemporaryDirectory() as scratch:
        conditions = find_conditions(write_conditions(both, Path(scratch)), {})
    # names tell what was measured, and those of the user's file do
    named = dataclasses.replace(conditions.acquisition, source=both.source)
    return answer_to_file(dataclasses.replace(conditions, acquisition=named), model_name, False, request)


def _check_spectrum(request: Request, model_name: str) -> Answer | None:
    if request.data is None:
        return None
    # conjugation is forced here or found later by FSL-MRS itself
    return estimate_file(request.data, model_name, getattr(request.options, "conjfid", None) is True, request)


def _check_image(options: Any, model_name: str) -> Answer | None:
    if any(environment_pair()):
        tell(f"caution: {OFF_VARIABLE} and {ON_VARIABLE} are not used by fsl_mrsi, which shows each voxel's DIFF")
    mask = getattr(options, "mask", None)
    try:
        answer = answer_to_image(image_of(options), None if mask is None else Path(mask))
    except FslMrsDlError:
        if not model_name:
            raise
        return None  # the mean of all voxels cannot be used; each of them may
    if model_name:
        return None if answer.quantification.refused else _by_named(answer, model_name)
    chosen = next((flag for flag in answer.quantification.flags if flag.code.startswith("model_")), None)
    if chosen is not None:
        tell(f"for all voxels: {chosen.sentence}")
    return answer


def _by_named(answer: Answer, model_name: str) -> Answer:
    model = model_of(model_name)
    assert model is not None
    return dataclasses.replace(answer, outputs=tuple(model.outputs))


def _check_sense(answer: Answer, unit: float | None, options: Any) -> None:
    """Refuse water arguments for an inverted DIFF: FSL-MRS's own fit of the mean then finds nothing to compare with."""
    inverted = any(flag.code == "diff_inverted" for flag in answer.quantification.flags)
    if getattr(options, "h2o", None) is None or inverted == (unit is not None and unit < 0):
        return
    raise DataError(
        "the DIFF stands upside down relative to the basis, and fsl_mrsi, which fits the mean of all voxels by Newton "
        "first, cannot scale it by water",
        where=options.data,
        expected="ON - OFF, NAA downwards, as in the basis",
        hint="Turn the sign of the data (or of the basis), or leave out --h2o",
    )


def loaded(load: Callable[[], Any]) -> Any:
    """What `load` gives; a missing package is one line."""
    try:
        return load()
    except ImportError as error:
        raise DataError(
            f"the package '{error.name or 'onnxruntime'}' is needed for --algo dl and cannot be imported",
            hint="Run: fsl_mrs_dl doctor",
        ) from error


def _check_basis_file(options: Any, outputs: Sequence[str]) -> float | None:
    """Read the basis, check it with the arguments that name its functions, and give the unit of its functions.

    With our own readers: fsl_mrsi has its imports half done when it asks. jMRUI's text files are FSL-MRS's to read.
    """
    from fsl_mrs_dl.basis.files import read_fsl_basis
    from fsl_mrs_dl.basis.lcmodel_file import read_lcmodel_basis

    path = Path(options.basis)
    if is_jmrui(path):
        return None
    if path.is_dir():
        basis = read_fsl_basis(path)
    elif path.is_file() and path.suffix.lower() == ".basis":
        basis = read_lcmodel_basis(path)
    else:
        raise DataError(
            "the basis cannot be read",
            where=path,
            expected="a folder of FSL-MRS's .json or jMRUI's .txt files, or one .BASIS or .txt file",
        )
    names, fids, dwell_s, f0_mhz = list(basis.names), basis.fids, basis.dwell_s, basis.f0_mhz
    mm30 = in_unit_of_gaba(names, fids, dwell_s, f0_mhz)
    known = sort_functions(names, outputs, mm30=mm30).known
    used = check_arguments(options, names, known)
    if outputs:
        check_basis(sort_functions(used, outputs).known, outputs, used, options.basis)
    return common_unit(unit_ratios(names, fids, dwell_s, f0_mhz, basis.lw_hz), options.basis)


def is_jmrui(path: Path) -> bool:
    """Whether FSL-MRS takes a basis for jMRUI's: a .txt file, or a folder of such without .json files."""
    if path.is_dir():
        return not any(path.glob("*.json")) and any(path.glob("*.txt"))
    return path.is_file() and path.suffix.lower() == ".txt"


def check_basis(known: Sequence[str], outputs: Sequence[str], names: Sequence[str], where: object) -> None:
    """Refuse a basis that holds nothing the network estimates."""
    if not known:
        raise ConfigError(
            "the basis has none of the metabolites that the network estimates",
            where=where,
            expected=", ".join(outputs),
            got=", ".join(names),
        )
