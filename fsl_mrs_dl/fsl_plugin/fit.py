# SPDX-License-Identifier: Apache-2.0
"""The fit with ``dl``: concentrations from the network, the rest of FSL-MRS's model fitted around them."""

from __future__ import annotations

import inspect
import shlex
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.core.data import Acquisition, EditedSpectra
from fsl_mrs_dl.core.errors import DataError, FslMrsDlError
from fsl_mrs_dl.core.flags import Flag
from fsl_mrs_dl.core.record import Record
from fsl_mrs_dl.fsl_plugin.checks import check_basis
from fsl_mrs_dl.fsl_plugin.conditions import OFF_VARIABLE, ON_VARIABLE, STRANGE, Conditions, named_conditions
from fsl_mrs_dl.fsl_plugin.facts import DlFacts
from fsl_mrs_dl.fsl_plugin.functions import Functions, in_unit_of_gaba, relative_norms, sort_functions
from fsl_mrs_dl.fsl_plugin.messages import tell
from fsl_mrs_dl.fsl_plugin.nuisance import FslProblem, NuisanceFit, fit_nuisance
from fsl_mrs_dl.fsl_plugin.prepared import Prepared, prepare_fit
from fsl_mrs_dl.fsl_plugin.request import (
    Answer,
    Request,
    answer_to,
    environment_pair,
    estimate_file,
    model_of,
    model_of_image,
    same_fid,
    with_times,
)
from fsl_mrs_dl.fsl_plugin.result import DlFitRes
from fsl_mrs_dl.quantify.host import cached_model, common_unit, covariance, unit_ratios
from fsl_mrs_dl.quantify.result import Quantification

SAME_FID = 1e-4
"""Relative difference up to which FSL-MRS's FID is that of the file."""

AMPLITUDE_RANGE = (0.5, 2.0)
"""Fitted common amplitude over the expected one; outside, the expected one is taken."""

AMPLITUDE_CAUTION = 0.25

POOR_FIT = 0.35
"""Share of the data's power that the fit with FSL-MRS's basis may leave before it is mentioned."""


def fit(
    original: Callable[..., Any], model_name: str, request: Request, args: tuple, kwargs: Mapping[str, Any]
) -> DlFitRes:
    """Estimate and fit.

    Parameters
    ----------
    original : callable
        FSL-MRS's own ``fit_FSLModel``, which prepares the baseline.
    model_name : str
        Empty where the model is to be chosen by the kind of sample.
    request : Request
    args, kwargs
        Arguments of ``fit_FSLModel``.

    Raises
    ------
    DataError, ModelError, ConfigError
        In fsl_mrsi, data that cannot be used are a refused voxel instead.
    """
    bound = inspect.signature(original).bind(*args, **kwargs)
    mrs = bound.arguments["mrs"]
    if request.host == "fsl_mrsi" and not model_name:
        model_name = model_of_image(request.options)
    answer = _answer(mrs, model_name, request)
    prepared = prepare_fit(original, bound)
    basis = _HostBasis.of(mrs, getattr(request.options, "basis", None))
    functions = basis.sorted(answer, prepared.ppmlim)
    check_basis(functions.known, answer.outputs, mrs.names, basis.where)
    problem, shown = _problem(mrs, prepared), answer.conditions.factor
    held = _held(functions, answer.quantification, basis)
    expected, notes = _expected(basis, answer, 1.0 if shown is None else abs(shown), float(mrs.scaling["FID"]))
    cautions: list[str] = []
    if answer.quantification.refused:
        x, amplitude, unscaled = _nothing(problem).vector(gaussian=problem.gaussian), 1.0, ""
    else:
        solution = fit_nuisance(problem, held)
        solution, cautions = _with_sane_amplitude(solution, held, expected)
        # a fitted amplitude is never the expected one to the last bit
        unscaled = _unscaled(solution, amplitude_taken=solution.amplitude == expected)
        cautions += _poor_fit(solution)
        notes += _remarks(solution, answer.quantification, functions, list(mrs._basis.names))
        x, amplitude = solution.vector(gaussian=problem.gaussian), solution.amplitude
    # a baseline that is off has parameters all the same
    if prepared.disabled:
        x = np.concatenate([x, np.zeros(prepared.regressors.shape[1])])
    facts = replace(
        _facts(answer, request, functions, basis, amplitude, notes), unscaled=unscaled, cautions=tuple(cautions)
    )
    result = DlFitRes(facts, mrs, x, prepared)
    if request.host != "fsl_mrsi":
        from fsl_mrs_dl.fsl_plugin.report import add_to_report

        _announce(facts)
        add_to_report()
    return result


@dataclass(frozen=True)
class _HostBasis:
    """The basis as FSL-MRS fits with it, per unit of its own functions.

    `fids` of shape ``(n_names, n_points)`` are in the sign of `fsl_mrs_dl.core.units`; `factors` are those by which
    FSL-MRS multiplied each function.
    """

    names: tuple[str, ...]
    fids: NDArray
    factors: NDArray
    dwell_s: float
    f0_mhz: float
    lw_hz: float
    where: object

    @classmethod
    def of(cls, mrs: Any, where: object) -> _HostBasis:
        factors = _column_factors(mrs)
        fids = np.asarray(mrs.basis).T / factors[:, None]
        f0_mhz = float(mrs.centralFrequency) / 1e6
        return cls(tuple(mrs.names), fids, factors, float(mrs.dwellTime), f0_mhz, _basis_lw_hz(mrs), where)

    def sorted(self, answer: Answer, ppmlim: tuple[float, float]) -> Functions:
        sampled = self.dwell_s, self.f0_mhz
        shown = relative_norms(self.names, self.fids, *sampled, ppmlim)
        mm30 = "diff" in answer.spectra.present and in_unit_of_gaba(self.names, self.fids, *sampled)
        return sort_functions(self.names, answer.outputs, shown, mm30=mm30)


def _unscaled(solution: NuisanceFit, *, amplitude_taken: bool) -> str:
    """Why the fit is no ground for concentrations by water; empty where it is."""
    if amplitude_taken:
        return "the common amplitude could not be fitted with this basis"
    if solution.left > POOR_FIT:
        return f"the fit with this basis leaves {100 * solution.left:.0f} % of the spectrum"
    return ""


def _answer(mrs: Any, model_name: str, request: Request) -> Answer:
    """From the file where FSL-MRS's FID is that of the file, for its neighbours and header; else from the FID."""
    fid = np.asarray(mrs.FID) / mrs.scaling["FID"]
    turned = bool(mrs.conj_FID)
    if request.data is not None:
        found = estimate_file(request.data, model_name, turned, request)
        # named files need not subtract to the data exactly
        limit = SAME_FID if found.conditions.factor is None else STRANGE
        if same_fid(found.conditions, fid, turned, limit):
            return found
    source = request.data or Path(str(getattr(request.options, "data", None) or "data"))
    single = Acquisition(fid[None, None, None], float(mrs.dwellTime), float(mrs.centralFrequency) / 1e6, source)
    single = with_times(single, request.times)
    conditions = Conditions(single, "the spectrum that FSL-MRS was given, alone", (source,))
    try:
        _check_values(single)
        if not request.host and any(environment_pair()):
            conditions = named_conditions(
                single, dict(zip((OFF_VARIABLE, ON_VARIABLE), environment_pair(), strict=True))
            )
        return answer_to(conditions, model_of(model_name), request.protocol)
    except Exception as error:
        # one voxel of thousands must not end the run, whatever is wrong with it
        if request.host != "fsl_mrsi":
            raise
        reason = str(error) if isinstance(error, FslMrsDlError) else f"{type(error).__name__}: {error}"
        return _refused(conditions, model_name, reason)


def _check_values(acquisition: Acquisition) -> None:
    from fsl_mrs_dl.core.constants import F0_RANGE_MHZ

    low, high = F0_RANGE_MHZ
    if not low <= acquisition.f0_mhz <= high:
        raise DataError(
            "wrong field strength or nucleus",
            where=acquisition.source,
            expected=f"1H at 3 T ({low:g}-{high:g} MHz)",
            got=f"{acquisition.f0_mhz:g} MHz",
        )
    if not np.isfinite(acquisition.fids).all():
        raise DataError("NaN or infinite values in the data", where=acquisition.source)
    if not acquisition.fids.any():
        raise DataError("all data are zero", where=acquisition.source)


def _refused(conditions: Conditions, model_name: str, reason: str) -> Answer:
    """A voxel without answer: outside of the head there are zeros and noise."""
    acquisition = conditions.acquisition
    fid = np.nan_to_num(acquisition.fids[0, 0, 0])
    spectra = EditedSpectra(acquisition.dwell_s, acquisition.f0_mhz, acquisition.source, diff=fid)
    folder = cached_model(model_name).folder
    facts = {"name": folder.name, "hash": folder.digest, "ranges": folder.card.as_written("ranges")}
    empty = Quantification((), (), ("NAA",), (), {}, {}, (), facts, (Flag("refused", reason),))
    return Answer(conditions, empty, spectra, tuple(folder.outputs))


def _column_factors(mrs: Any) -> NDArray:
    """Factor by which FSL-MRS multiplied each basis function; they differ with ``--ind_scale``."""
    wanted = mrs.names
    plain = mrs._basis.get_formatted_basis(mrs.bandwidth, mrs.numPoints, ignore=mrs._keep_ignore)
    scaled = mrs.basis
    if plain.shape != scaled.shape or len(wanted) != scaled.shape[1]:
        raise DataError("the basis of FSL-MRS has an unexpected shape", got=scaled.shape, expected=plain.shape)
    size = np.linalg.norm(plain, axis=0)
    return np.linalg.norm(scaled, axis=0) / np.where(size > 0, size, 1.0)


def _held(functions: Functions, q: Quantification, basis: _HostBasis) -> NDArray:
    """Relative concentration of each basis function; NaN where it is to be fitted, 0 where it has no value."""
    values = {e.name: e.value for e in q.estimates if not e.flag}
    held = np.zeros(len(basis.names))
    for k, name in enumerate(basis.names):
        if name in functions.fitted:
            held[k] = np.nan
        else:
            held[k] = sum(values.get(part, 0.0) for part in functions.stands_for.get(name, ()))
    return held / basis.factors


def _expected(basis: _HostBasis, answer: Answer, shown: float, scaling: float) -> tuple[float | None, list[str]]:
    """The common amplitude to expect from the unit of a DIFF basis, where it tells one, and what to say of its sense.

    `shown`: the data over ON - OFF; `scaling`: the factor by which FSL-MRS multiplied them.
    """
    if "diff" not in answer.spectra.present or answer.spectra.diff is None:
        return None, []
    ratios = unit_ratios(basis.names, basis.fids, basis.dwell_s, basis.f0_mhz, basis.lw_hz)
    unit = common_unit(ratios, basis.where)
    if unit is None:
        return None, []
    notes = ["The basis is OFF - ON: data and basis were compared in that sense."] if unit < 0 else []
    return shown * scaling / abs(unit), notes


def _basis_lw_hz(mrs: Any) -> float:
    """Width that the basis functions have already, where the basis tells."""
    try:
        return max(0.0, float(mrs._basis.basis_fwhm))
    except (AttributeError, TypeError, ValueError):
        return 0.0


def _problem(mrs: Any, prepared: Prepared) -> FslProblem:
    """FSL-MRS's model as arrays, from what it prepared itself."""
    regressors = prepared.regressors
    if prepared.disabled:
        regressors = np.zeros((len(regressors), 0), complex)
    penalty = None
    if "baseline_obj" in prepared.baseline:
        penalty = _penalty(prepared.baseline["baseline_obj"], regressors.shape[1])
    first, last = mrs.ppmlim_to_range(prepared.ppmlim)
    return FslProblem(
        fid=np.asarray(mrs.FID),
        basis=np.asarray(mrs.basis),
        time_s=np.ravel(mrs.timeAxis),
        freq_hz=np.ravel(mrs.frequencyAxis),
        regressors=regressors,
        penalty=penalty,
        groups=tuple(int(g) for g in prepared.metab_groups),
        first=int(first),
        last=int(last),
        ppm_hz=float(mrs.centralFrequency) / 1e6,
        gaussian=prepared.gaussian,
        free_shift=prepared.free_shift,
    )


def _penalty(baseline: Any, n: int) -> NDArray | None:
    """Matrix of the quadratic penalty of the baseline's `n` coefficients, from FSL-MRS's own gradient of it.

    That gradient is linear; its columns are those of twice the matrix. None without a penalty.
    """

    def nothing(*_args: Any) -> float:
        return 0.0

    _, gradient = baseline.prepare_penalised_fit_functions(nothing, nothing, lambda x: x)
    if n == 0 or gradient is nothing:
        return None
    return np.array([gradient(row) for row in np.eye(n)]) / 2


def _nothing(problem: FslProblem) -> NuisanceFit:
    """Parameters of a refusal: no metabolite, no baseline."""
    g, n = problem.n_groups, problem.basis.shape[1]
    width = np.full(g, 5.0)
    eps = np.zeros(n if problem.free_shift else g)
    return NuisanceFit(np.zeros(n), 1.0, width, width, eps, 0.0, 0.0, np.zeros(problem.regressors.shape[1]), 0.0)


def _with_sane_amplitude(solution: NuisanceFit, held: NDArray, expected: float | None) -> tuple[NuisanceFit, list[str]]:
    if expected is None:
        return solution, []
    ratio = solution.amplitude / expected
    low, high = AMPLITUDE_RANGE
    if low <= ratio <= high:
        if abs(ratio - 1) <= AMPLITUDE_CAUTION:
            return solution, []
        return solution, [f"The common amplitude fitted with this basis is {ratio:.2f} times the expected one."]
    known = ~np.isnan(held)
    concentrations = solution.concentrations.copy()
    concentrations[known] = expected * held[known]
    note = (
        f"The common amplitude could not be fitted with this basis ({ratio:.2g} times the expected one); "
        "the expected one was taken. Ratios are not affected."
    )
    return replace(solution, concentrations=concentrations, amplitude=expected), [note]


def _poor_fit(solution: NuisanceFit) -> list[str]:
    if solution.left <= POOR_FIT:
        return []
    return [
        f"The fit with this basis leaves {100 * solution.left:.0f} % of the spectrum: is it the basis of this "
        "spectrum (DIFF, same sequence)? The network does not use it; fit, baseline and water scaling do."
    ]


def _remarks(solution: NuisanceFit, q: Quantification, functions: Functions, names: list[str]) -> list[str]:
    """What the reader of FSL-MRS's figures will wonder about."""
    remarks = []
    if np.cos(solution.phi0) < 0:
        remarks.append(
            "The data stand upside down relative to the basis (fsl_mrs_preproc_edit subtracts in the order of the raw "
            "file): a zero-order phase of about 180 degrees repairs it."
        )
    for name, parts in functions.carriers.items():
        remarks.append(f"The function {name} of the basis stands for {'+'.join(parts)}: it fits the lines of both.")
    carried = {part for parts in functions.stands_for.values() for part in parts}
    left = [e.name for e in q.estimates if e.name not in (*names, *carried) and not e.flag and e.value > 2 * e.sd]
    if any(name.upper().startswith("MM") for name in names):
        left = [name for name in left if not name.startswith("MM")]
    if left:
        remarks.append(
            f"The network found {', '.join(left)}, for which this basis has no function: FSL-MRS's residual shows it."
        )
    return remarks


def _facts(
    answer: Answer, request: Request, functions: Functions, basis: _HostBasis, amplitude: float, notes: list[str]
) -> DlFacts:
    q, conditions, names = answer.quantification, answer.conditions, basis.names
    if request.host == "fsl_mrsi":
        # thousands of voxels: no pictures
        q = replace(q, panels=(), fitted_fid=None, function_fids={}, history=Record())
    visible = {e.name for e in q.estimates if not e.flag}
    hidden = {name for name, parts in functions.stands_for.items() if not visible & set(parts)} | {*functions.unseen}
    scale = amplitude / basis.factors
    carried = np.array(
        [[float(part in functions.stands_for.get(name, ())) for part in answer.outputs] for name in names]
    )
    shared = carried * [part in visible for part in answer.outputs]
    return DlFacts(
        quantification=q,
        spectra=answer.spectra,
        functions=functions,
        outputs=answer.outputs,
        hidden=names if q.refused else tuple(name for name in names if name in hidden),
        covariance=(shared @ covariance(q, answer.outputs) @ shared.T) * np.outer(scale, scale),
        scale=dict(zip(names, scale.tolist(), strict=True)),
        conditions=conditions.sentence,
        factor=conditions.factor,
        files=tuple(str(file) for file in conditions.files),
        notes=tuple(notes),
        host=request.host,
        reproduce=shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]) if request.host else "",
    )


def _announce(facts: DlFacts) -> None:
    model = facts.quantification.model
    tell(f"model {model.get('name')}; {facts.conditions}")
    for flag in facts.quantification.flags:
        if flag.severity == "refused":
            tell(f"REFUSED: {flag.detail}. No value is given")
        elif flag.severity == "caution":
            tell(f"caution: {flag.sentence}")
        elif flag.code == "model_chosen":
            tell(f"note: {flag.sentence}")
    for caution in facts.cautions:
        tell(f"caution: {caution}")
    for note in facts.notes:
        tell(f"note: {note}")
