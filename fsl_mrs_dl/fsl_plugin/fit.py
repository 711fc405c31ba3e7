# SPDX-License-Identifier: Apache-2.0
"""The fit with ``dl``: concentrations from the network, the rest of FSL-MRS's model fitted around them."""

from __future__ import annotations

import inspect
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.core.data import Acquisition, EditedSpectra
from fsl_mrs_dl.core.errors import DataError, FslMrsDlError
from fsl_mrs_dl.core.flags import Flag
from fsl_mrs_dl.fsl_plugin.conditions import OFF_VARIABLE, ON_VARIABLE, STRANGE, Conditions
from fsl_mrs_dl.fsl_plugin.nuisance import FslProblem, NuisanceFit, fit_nuisance
from fsl_mrs_dl.fsl_plugin.prepared import Prepared, prepare_fit
from fsl_mrs_dl.fsl_plugin.request import Request, check_basis, environment_pair, estimate_file, tell, tell_once
from fsl_mrs_dl.fsl_plugin.result import DlFacts, DlFitRes
from fsl_mrs_dl.models.calibrated import LoadedModel
from fsl_mrs_dl.quantify.host import cached_model, common_unit, covariance, estimate, unit_ratios
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
        Empty for the default.
    request : Request
    args, kwargs
        Arguments of ``fit_FSLModel``.

    Raises
    ------
    DataError, ModelError, ConfigError
        In fsl_mrsi, data that cannot be used are a refused voxel instead.
    """
    model = cached_model(model_name or None)
    bound = inspect.signature(original).bind(*args, **kwargs)
    mrs = bound.arguments["mrs"]
    check_basis(known_functions(mrs.names, model.outputs), model.outputs, getattr(request.options, "basis", None))
    conditions, quantification, spectra = _estimated(mrs, model, model_name, request)
    prepared = prepare_fit(original, bound)
    factors = _column_factors(mrs)
    held, expected, notes = _held(mrs, quantification, spectra, conditions, factors, request)
    problem = _problem(mrs, prepared)
    gaussian = problem.gaussian
    if quantification.refused:
        x, amplitude, unscaled = _nothing(problem).vector(gaussian=gaussian), 1.0, ""
    else:
        solution = fit_nuisance(problem, held)
        solution, more = _with_sane_amplitude(solution, held, expected)
        # a fitted amplitude is never the expected one to the last bit
        unscaled = _unscaled(solution, amplitude_taken=solution.amplitude == expected)
        notes += more + _remarks(solution, quantification, list(mrs._basis.names))
        x, amplitude = solution.vector(gaussian=gaussian), solution.amplitude
    # a baseline that is off has parameters all the same
    if prepared.disabled:
        x = np.concatenate([x, np.zeros(prepared.regressors.shape[1])])
    facts = _facts(mrs, model, quantification, spectra, conditions, request, amplitude, factors, notes)
    facts = replace(facts, unscaled=unscaled)
    result = DlFitRes(facts, mrs, x, prepared)
    if request.host != "fsl_mrsi":
        _announce(facts)
    if request.host != "fsl_mrsi":
        from fsl_mrs_dl.fsl_plugin.report import add_to_report

        add_to_report()
    return result


def _unscaled(solution: NuisanceFit, *, amplitude_taken: bool) -> str:
    """Why the fit is no ground for concentrations by water; empty where it is."""
    if amplitude_taken:
        return "the common amplitude could not be fitted with this basis"
    if solution.left > POOR_FIT:
        return f"the fit with this basis leaves {100 * solution.left:.0f} % of the spectrum"
    return ""


def _estimated(
    mrs: Any, model: LoadedModel, model_name: str, request: Request
) -> tuple[Conditions, Quantification, EditedSpectra]:
    """From the file where FSL-MRS's FID is that of the file, for its neighbours and header; else from the FID."""
    fid = np.asarray(mrs.FID) / mrs.scaling["FID"]
    data = request.data
    if data is not None:
        found = estimate_file(data, model_name, bool(mrs.conj_FID))
        whole = found[0].acquisition.fids[:, 0, 0]
        factor = found[0].factor
        own = whole[0] if factor is None else factor * (whole[1] - whole[0])
        own = own.conj() if mrs.conj_FID else own
        # named files need not subtract to the data exactly
        limit = SAME_FID if factor is None else STRANGE
        if own.shape == fid.shape and np.linalg.norm(fid - own) < limit * np.linalg.norm(fid):
            return found
    if not request.host and any(environment_pair()):
        tell_once(
            f"caution: {OFF_VARIABLE} and {ON_VARIABLE} are used by the program fsl_mrs only; DIFF alone is shown"
        )
    source = data or Path(str(getattr(request.options, "data", None) or "data"))
    dwell_s, f0_mhz = float(mrs.dwellTime), float(mrs.centralFrequency) / 1e6
    acquisition = Acquisition(fid[None, None, None], dwell_s, f0_mhz, source)
    conditions = Conditions(acquisition, "the spectrum that FSL-MRS was given, alone", (source,))
    try:
        _check_values(acquisition)
        quantification, spectra = estimate(acquisition, model)
    except Exception as error:
        # one voxel of thousands must not end the run, whatever is wrong with it
        if request.host != "fsl_mrsi":
            raise
        reason = str(error) if isinstance(error, FslMrsDlError) else f"{type(error).__name__}: {error}"
        quantification, spectra = _refused(acquisition, model, reason)
    if request.host == "fsl_mrsi":
        # thousands of voxels: no pictures
        quantification = replace(quantification, panels=(), fitted_fid=None, history={})
    return conditions, quantification, spectra


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


def _refused(acquisition: Acquisition, model: LoadedModel, reason: str) -> tuple[Quantification, EditedSpectra]:
    """A voxel without answer: outside of the head there are zeros and noise."""
    fid = np.nan_to_num(acquisition.fids[0, 0, 0])
    spectra = EditedSpectra(acquisition.dwell_s, acquisition.f0_mhz, acquisition.source, diff=fid)
    facts = {"name": model.folder.name, "hash": model.folder.digest, "ranges": model.folder.card.as_written("ranges")}
    empty = Quantification((), (), ("NAA",), (), {}, {}, (), facts, (Flag("refused", reason),))
    return empty, spectra


def _column_factors(mrs: Any) -> NDArray:
    """Factor by which FSL-MRS multiplied each basis function; they differ with ``--ind_scale``."""
    wanted = mrs.names
    plain = mrs._basis.get_formatted_basis(mrs.bandwidth, mrs.numPoints, ignore=mrs._keep_ignore)
    scaled = mrs.basis
    if plain.shape != scaled.shape or len(wanted) != scaled.shape[1]:
        raise DataError("the basis of FSL-MRS has an unexpected shape", got=scaled.shape, expected=plain.shape)
    size = np.linalg.norm(plain, axis=0)
    return np.linalg.norm(scaled, axis=0) / np.where(size > 0, size, 1.0)


def known_functions(names: Sequence[str], outputs: Sequence[str]) -> tuple[str, ...]:
    """Basis functions whose concentration the network gives: metabolites of the same name.

    A macromolecule is another signal in every basis, and in another unit: those are fitted.
    """
    return tuple(name for name in names if name in outputs and not name.upper().startswith("MM"))


def _held(
    mrs: Any, q: Quantification, spectra: EditedSpectra, conditions: Conditions, factors: NDArray, request: Request
) -> tuple[NDArray, float | None, list[str]]:
    """Relative concentrations per basis function (NaN: to be fitted), the amplitude to expect, and notes."""
    known = known_functions(mrs.names, [e.name for e in q.estimates])
    values = {e.name: 0.0 if e.flag else e.value for e in q.estimates if e.name in known}
    held = np.array([values.get(name, np.nan) for name in mrs.names]) / factors
    f0_mhz, dwell_s = float(mrs.centralFrequency) / 1e6, float(mrs.dwellTime)
    unit = None
    if "diff" in spectra.present:
        columns = np.asarray(mrs.basis).T / factors[:, None]
        unit = common_unit(
            unit_ratios(mrs.names, columns, dwell_s, f0_mhz, _basis_lw_hz(mrs)), getattr(request.options, "basis", None)
        )
    expected, notes = None, []
    if unit is not None and spectra.diff is not None:
        shown = abs(conditions.factor) if conditions.factor is not None else 1.0
        expected = shown * float(mrs.scaling["FID"]) / abs(unit)
        if unit < 0:
            notes.append("The basis is OFF - ON: data and basis were compared in that sense.")
    return held, expected, notes


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
    return NuisanceFit(np.zeros(n), 1.0, width, width, eps, 0.0, 0.0, np.zeros(problem.regressors.shape[1]), 0.0, 0)


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


def _remarks(solution: NuisanceFit, q: Quantification, names: list[str]) -> list[str]:
    """What the reader of FSL-MRS's figures will wonder about."""
    remarks = []
    if np.cos(solution.phi0) < 0:
        remarks.append(
            "The data stand upside down relative to the basis (fsl_mrs_preproc_edit subtracts in the order of the raw "
            "file): a zero-order phase of about 180 degrees repairs it."
        )
    if solution.left > POOR_FIT:
        remarks.append(
            f"The fit with this basis leaves {100 * solution.left:.0f} % of the spectrum: is it the basis of this "
            "spectrum (DIFF, same sequence)? The network does not use it; fit, baseline and water scaling do."
        )
    left = [e.name for e in q.estimates if e.name not in names and not e.flag and e.value > 2 * e.sd]
    if any(name.upper().startswith("MM") for name in names):
        left = [name for name in left if not name.startswith("MM")]
    if left:
        remarks.append(
            f"The network found {', '.join(left)}, for which this basis has no function: FSL-MRS's residual shows it."
        )
    return remarks


def _facts(
    mrs: Any,
    model: LoadedModel,
    q: Quantification,
    spectra: EditedSpectra,
    conditions: Conditions,
    request: Request,
    amplitude: float,
    factors: NDArray,
    notes: list[str],
) -> DlFacts:
    names = tuple(mrs.names)
    known = known_functions(names, model.outputs)
    hidden = {e.name for e in q.estimates if e.flag and e.name in known}
    if q.refused:
        hidden = set(names)
    scale = amplitude / factors
    return DlFacts(
        quantification=q,
        spectra=spectra,
        known=known,
        hidden=tuple(name for name in names if name in hidden),
        covariance=covariance(q, names) * np.outer(scale, scale),
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
    for note in facts.notes:
        tell(f"note: {note}")
