# SPDX-License-Identifier: Apache-2.0
"""The request to FSL-MRS (options, files), and the network's answer to its data."""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.core.data import Acquisition, EditedSpectra
from fsl_mrs_dl.core.errors import ConfigError, DataError, nearest
from fsl_mrs_dl.fsl_plugin.conditions import (
    OFF_VARIABLE,
    ON_VARIABLE,
    Conditions,
    existing,
    find_conditions,
    mean_of_voxels,
)
from fsl_mrs_dl.fsl_plugin.host import HOSTS, host_and_options
from fsl_mrs_dl.fsl_plugin.messages import ANY_PROTOCOL_VARIABLE, DURATION_VARIABLE, VENDOR_VARIABLE, in_words_of_fsl
from fsl_mrs_dl.models.calibrated import LoadedModel
from fsl_mrs_dl.physics.vendors import VENDORS
from fsl_mrs_dl.quantify.host import cached_model, estimate
from fsl_mrs_dl.quantify.model_choice import chosen
from fsl_mrs_dl.quantify.result import Quantification
from fsl_mrs_dl.quantify.told import PROTOCOL_RANGES

CONDITION_FOLDERS = ("edit_off", "diff", "edit_on")
"""Names of the conditions in a basis that holds all of them, as ``fsl_mrs_dl simulate`` writes it."""


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

    @property
    def times(self) -> tuple[float | None, float | None]:
        """Echo and repetition time in s, where ``--TE`` (ms) and ``--TR`` (s) give them; they go before the header."""
        te_ms, tr_s = (getattr(self.options, name, None) for name in ("TE", "TR"))
        return None if te_ms is None else float(te_ms) * 1e-3, None if tr_s is None else float(tr_s)

    @property
    def protocol(self) -> dict[str, Any]:
        """What is known of the protocol beside the header, as `fsl_mrs_dl.quantify.told.told_protocol` takes it.

        The basis, where it is part of one that holds both conditions, and what the environment says.
        """
        said = protocol_in_environment()
        name = getattr(self.options, "basis", None)
        if self.host in HOSTS and isinstance(name, (str, Path)):
            folder = Path(name).resolve()
            if folder.name in CONDITION_FOLDERS and (folder.parent / CONDITION_FOLDERS[0]).is_dir():
                said["basis"] = folder.parent
        return said


@dataclass(frozen=True)
class Answer:
    """The network's answer.

    Parameters
    ----------
    conditions : Conditions
        What it was shown.
    quantification : Quantification
    spectra : EditedSpectra
    outputs : tuple of str
        What the model estimates, of a refusal too.
    """

    conditions: Conditions
    quantification: Quantification
    spectra: EditedSpectra
    outputs: tuple[str, ...]


def find_request() -> Request:
    """Look for the arguments of fsl_mrs or fsl_mrsi among the callers."""
    return Request(*host_and_options())


def environment_pair() -> tuple[str, str]:
    """The variables that name the two conditions."""
    return os.environ.get(OFF_VARIABLE, ""), os.environ.get(ON_VARIABLE, "")


def protocol_in_environment() -> dict[str, Any]:
    """Vendor and duration of the editing pulses (s), where the environment says them.

    Raises
    ------
    ConfigError
        When one of them is not understood.
    """
    vendor, duration = (os.environ.get(name, "").strip() for name in (VENDOR_VARIABLE, DURATION_VARIABLE))
    said: dict[str, Any] = {}
    if vendor:
        if vendor not in VENDORS:
            raise ConfigError(
                f"unknown vendor '{vendor}'{nearest(vendor, VENDORS)}",
                where=VENDOR_VARIABLE,
                expected=", ".join(sorted(VENDORS)),
            )
        said["vendor"] = vendor
    if duration:
        try:
            said["edit_duration_s"] = float(duration)
        except ValueError as error:
            raise ConfigError("no duration in seconds", where=DURATION_VARIABLE, got=duration) from error
        low, high, _ = PROTOCOL_RANGES["edit_duration_s"]
        if not low <= said["edit_duration_s"] <= high:
            raise ConfigError("out of range", where=DURATION_VARIABLE, expected=f"{low:g} to {high:g} s", got=duration)
    return said


def any_protocol_asked_for() -> bool:
    """Whether the environment insists on an answer to protocols that the model was not trained on."""
    return os.environ.get(ANY_PROTOCOL_VARIABLE, "").strip() not in ("", "0")


def model_of(name: str) -> LoadedModel | None:
    """The model that was named; None where `quantify` is to choose."""
    return cached_model(name) if name else None


def answer_to(conditions: Conditions, model: LoadedModel | None, protocol: Mapping[str, Any] | None = None) -> Answer:
    """Estimate, with the model that `quantify` chooses where none was named; `protocol` is `Request.protocol`.

    Raises
    ------
    DataError
        When the data cannot be used.
    ModelError
        When the model does not suit them.
    """
    quantification, spectra = estimate(
        conditions.acquisition,
        model,
        protocol=protocol_in_environment() if protocol is None else protocol,
        any_protocol=any_protocol_asked_for(),
    )
    flags = tuple(dataclasses.replace(flag, detail=in_words_of_fsl(flag.detail)) for flag in quantification.flags)
    quantification = dataclasses.replace(quantification, flags=flags)
    answering = model if model is not None else chosen(quantification.model["name"])
    return Answer(conditions, quantification, spectra, tuple(answering.outputs))


def estimate_file(data: Path, model_name: str, turned: bool, request: Request | None = None) -> Answer:
    """Find the conditions of a file and estimate; once, though it is asked for before writing and in the fit.

    `turned`: whether FSL-MRS takes the complex conjugate of the file.
    """
    request = request or Request()
    key = _key(data, model_name, turned, request)
    if key not in _ANSWERS:
        conditions = find_conditions(data, dict(zip((OFF_VARIABLE, ON_VARIABLE), environment_pair(), strict=True)))
        keep_answer(answer_to_file(conditions, model_name, turned, request), data, model_name, turned, request)
    return _ANSWERS[key]


def answer_to_file(conditions: Conditions, model_name: str, turned: bool, request: Request) -> Answer:
    """The answer to conditions that were read from files; arguments as of `estimate_file`."""
    acquisition = with_times(conditions.acquisition, request.times)
    if turned:
        acquisition = dataclasses.replace(acquisition, fids=acquisition.fids.conj())
    return answer_to(dataclasses.replace(conditions, acquisition=acquisition), model_of(model_name), request.protocol)


_ANSWERS: dict[tuple[Any, ...], Answer] = {}
"""What was asked last, by file and question: fsl_mrs asks before it writes, and again in the fit."""

_KEPT = 4


def keep_answer(answer: Answer, data: Path, model_name: str, turned: bool, request: Request) -> None:
    """Let `estimate_file` give `answer` for a file; the other arguments are its own."""
    while len(_ANSWERS) >= _KEPT:
        _ANSWERS.pop(next(iter(_ANSWERS)))
    _ANSWERS[_key(data, model_name, turned, request)] = answer


def _key(data: Path, model_name: str, turned: bool, request: Request) -> tuple[Any, ...]:
    status = data.stat()
    state = (status.st_ino, status.st_size, status.st_mtime_ns)
    environment = (environment_pair(), any_protocol_asked_for())
    return (data, state, model_name, turned, environment, request.times, tuple(request.protocol.items()))


def with_times(acquisition: Acquisition, times: tuple[float | None, float | None]) -> Acquisition:
    """The acquisition with echo and repetition time replaced by those of `times` that are given."""
    te_s, tr_s = times
    return dataclasses.replace(
        acquisition, te_s=acquisition.te_s if te_s is None else te_s, tr_s=acquisition.tr_s if tr_s is None else tr_s
    )


@functools.lru_cache(maxsize=2)
def answer_to_image(data: Path, mask: Path | None) -> Answer:
    """The answer to the mean of all voxels of an image, by the model that suits it: fsl_mrsi takes one for all.

    Raises
    ------
    DataError
        When the image cannot be used.
    """
    mean = mean_of_voxels(data, mask)
    return answer_to(Conditions(mean, "the mean of all voxels", (data,)), None)


def model_of_image(options: Any) -> str:
    """Name of the model for all voxels of the image that fsl_mrsi was given."""
    mask = getattr(options, "mask", None)
    return str(answer_to_image(image_of(options), None if mask is None else Path(mask)).quantification.model["name"])


def image_of(options: Any) -> Path:
    """The image file of fsl_mrsi.

    Raises
    ------
    DataError
        When it is not NIfTI-MRS: another format cannot be read before FSL-MRS reads it.
    """
    found = existing(Path(options.data))
    if found is None:
        raise DataError("not a NIfTI-MRS file", where=options.data, expected="a name ending in .nii or .nii.gz")
    return found


def same_fid(conditions: Conditions, fid: NDArray, turned: bool, limit: float) -> bool:
    """Whether FSL-MRS's FID is that of the file (up to `limit`, relative)."""
    whole, factor = conditions.acquisition.fids[:, 0, 0], conditions.factor
    own = whole[0] if factor is None else factor * (whole[1] - whole[0])
    own = own.conj() if turned else own
    return own.shape == fid.shape and bool(np.linalg.norm(fid - own) < limit * np.linalg.norm(fid))
