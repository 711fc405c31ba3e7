# SPDX-License-Identifier: Apache-2.0
"""What FSL-MRS was asked for: its arguments, the check before anything is written, and errors as one line."""

from __future__ import annotations

import functools
import logging
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from fsl_mrs_dl.core.data import EditedSpectra
from fsl_mrs_dl.core.errors import ConfigError, DataError, FslMrsDlError
from fsl_mrs_dl.fsl_plugin.arguments import check_arguments, check_file, check_water
from fsl_mrs_dl.fsl_plugin.compat import fsl_version, problem_with
from fsl_mrs_dl.fsl_plugin.conditions import OFF_VARIABLE, ON_VARIABLE, Conditions, existing, find_conditions
from fsl_mrs_dl.fsl_plugin.hook import host_and_options
from fsl_mrs_dl.fsl_plugin.pair import pair_in
from fsl_mrs_dl.preprocess.outputs import write_preprocessed
from fsl_mrs_dl.preprocess.pipeline import Preprocessed
from fsl_mrs_dl.quantify.result import Quantification

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Request:
    """Who asks.

    Parameters
    ----------
    host : str
        ``fsl_mrs``, ``fsl_mrsi``, or empty where a program of the user calls FSL-MRS's library.
    options : object or None
        The host's parsed arguments.
    """

    host: str = ""
    options: Any = None

    @property
    def data(self) -> Path | None:
        """The data file, where the host is fsl_mrs and it is NIfTI-MRS."""
        name = getattr(self.options, "data", None)
        return existing(Path(name)) if self.host == "fsl_mrs" and isinstance(name, (str, Path)) else None


def find_request() -> Request:
    """Look for the arguments of fsl_mrs or fsl_mrsi among the callers."""
    return Request(*host_and_options())


def tell(message: str) -> None:
    """A line for the user."""
    sys.stderr.write(f"fsl_mrs_dl: {message}\n")


@functools.cache
def tell_once(message: str) -> None:
    """`tell`, once in each process: fsl_mrsi fits thousands of voxels."""
    tell(message)


def estimate_file(data: Path, model_name: str, turned: bool) -> tuple[Conditions, Quantification, EditedSpectra]:
    """Find the conditions of a file and estimate; once, though it is asked for before writing and in the fit.

    `turned`: whether FSL-MRS takes the complex conjugate of the file.
    """
    status = data.stat()
    state = (status.st_ino, status.st_size, status.st_mtime_ns)
    return _estimate_file(data, state, model_name, turned, environment_pair())


@functools.lru_cache(maxsize=4)
def _estimate_file(
    data: Path, _state: tuple[int, ...], model_name: str, turned: bool, environment: tuple[str, str]
) -> tuple[Conditions, Quantification, EditedSpectra]:
    import dataclasses

    from fsl_mrs_dl.quantify.host import cached_model, estimate

    model = cached_model(model_name or None)
    conditions = find_conditions(data, dict(zip((OFF_VARIABLE, ON_VARIABLE), environment, strict=True)))
    acquisition = conditions.acquisition
    if turned:
        acquisition = dataclasses.replace(acquisition, fids=acquisition.fids.conj())
    quantification, spectra = estimate(acquisition, model)
    return conditions, quantification, spectra


def environment_pair() -> tuple[str, str]:
    """The variables that name the two conditions."""
    return os.environ.get(OFF_VARIABLE, ""), os.environ.get(ON_VARIABLE, "")


def check_before_writing(fitting: ModuleType, model_name: str, host: str, options: Any) -> Preprocessed | None:
    """Find out what would go wrong, and end the program with one line while the disk is as it was.

    Returns
    -------
    Preprocessed or None
        The pair, where the data file of fsl_mrs holds both conditions.

    Raises
    ------
    SystemExit
        With the exit code of the error.
    """
    try:
        return _check(fitting, model_name, Request(host, options))
    except FslMrsDlError as error:
        _leave(error, host)
    except Exception as error:
        _leave(_internal(error), host)


def _internal(error: Exception) -> FslMrsDlError:
    """An error that should not be, as one line; with its traceback for who listens to the log."""
    log.debug("internal error", exc_info=error)
    return FslMrsDlError(
        f"internal error, {type(error).__name__}: {error}",
        hint="Report it, please; fsl_mrs_dl doctor tells the versions",
    )


def _check(fitting: ModuleType, model_name: str, request: Request) -> Preprocessed | None:
    require_supported(fitting)
    from fsl_mrs_dl.quantify.host import cached_model

    model = _loaded(functools.partial(cached_model, model_name or None))
    options = request.options
    check_file(options.data, "a NIfTI-MRS file")
    mrsi, pair = request.host == "fsl_mrsi", None
    if mrsi and any(environment_pair()):
        tell(f"caution: {OFF_VARIABLE} and {ON_VARIABLE} are not used by fsl_mrsi, which shows each voxel's DIFF")
    check_file(getattr(options, "h2o", None), "--h2o: a file")
    if not mrsi:
        check_water(getattr(options, "h2o", None), request.data)
        pair = pair_in(request.data, options)
        if pair is not None:
            # FSL-MRS will be given the files of the pair: what they would end in has to show before it writes
            with tempfile.TemporaryDirectory() as scratch:
                write_preprocessed(pair, scratch)
                estimate_file(Path(scratch) / "diff.nii.gz", model_name, False)
        elif request.data is not None:
            # conjugation is forced here or found later by FSL-MRS itself
            estimate_file(request.data, model_name, getattr(options, "conjfid", None) is True)
    _check_basis_file(options, model.outputs)
    return pair


def _loaded(load: Callable[[], Any]) -> Any:
    try:
        return load()
    except ImportError as error:
        raise DataError(
            f"the package '{error.name or 'onnxruntime'}' is needed for --algo dl and cannot be imported",
            hint="Run: fsl_mrs_dl doctor",
        ) from error


def _check_basis_file(options: Any, outputs: Sequence[str]) -> None:
    """Read the basis and check it with the arguments that name its functions.

    With our own readers: fsl_mrsi has its imports half done when it asks.
    """
    from fsl_mrs_dl.basis.files import read_fsl_basis
    from fsl_mrs_dl.basis.lcmodel_file import read_lcmodel_basis

    path = Path(options.basis)
    if path.is_dir():
        basis = read_fsl_basis(path)
    elif path.is_file() and path.suffix.lower() == ".basis":
        basis = read_lcmodel_basis(path)
    else:
        raise DataError("the basis cannot be read", where=path, expected="a folder of JSON files, or a .BASIS file")
    names, fids, dwell_s, f0_mhz = list(basis.names), basis.fids, basis.dwell_s, basis.f0_mhz
    used = check_arguments(options, names, outputs)
    check_basis(used, outputs, options.basis)
    from fsl_mrs_dl.quantify.host import common_unit, unit_ratios

    common_unit(unit_ratios(names, fids, dwell_s, f0_mhz, basis.lw_hz), options.basis)


def check_basis(names: Sequence[str], outputs: Sequence[str], where: object) -> None:
    """Refuse a basis that holds nothing the network estimates."""
    if not set(names) & set(outputs):
        raise DataError(
            "the basis has none of the metabolites that the network estimates",
            where=where,
            expected=", ".join(outputs),
            got=", ".join(names),
        )


def require_supported(fitting: ModuleType) -> None:
    """Raise `ConfigError` where this FSL-MRS does not have what the back end needs."""
    problem = problem_with(fitting)
    if problem:
        raise ConfigError(
            f"--algo dl does not work with this FSL-MRS ({fsl_version()}): {problem}",
            expected="FSL-MRS 2.2 to 2.4",
            hint="Install another version of FSL-MRS, or use: fsl_mrs_dl fit",
        )


def run_fit(
    original: Callable[..., Any], fitting: ModuleType, model_name: str, args: tuple, kwargs: Mapping[str, Any]
) -> Any:
    """The fit that was asked for with ``dl``; from fsl_mrs, errors are one line and an exit code."""
    request = find_request()
    try:
        require_supported(fitting)
        from fsl_mrs_dl.fsl_plugin.fit import fit

        return _loaded(functools.partial(fit, original, model_name, request, args, kwargs))
    except FslMrsDlError as error:
        if request.host != "fsl_mrs":
            raise
        _leave(error, request.host)
    except Exception as error:
        if request.host != "fsl_mrs":
            raise
        _leave(_internal(error), request.host)


def _leave(error: FslMrsDlError, host: str) -> NoReturn:
    sys.stderr.write(f"{host} --algo dl: error: {error}\n")
    raise SystemExit(error.exit_code) from None
