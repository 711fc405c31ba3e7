# SPDX-License-Identifier: Apache-2.0
"""From spectra that are ready to the answer: network, consistency fit, classical fit, flags or refusal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from fsl_mrs_dl import __version__
from fsl_mrs_dl.core.data import EditedSpectra
from fsl_mrs_dl.core.flags import Flag
from fsl_mrs_dl.metabolites.sums import MODES, REFERENCES, SECOND_REFERENCE
from fsl_mrs_dl.metabolites.table import BROAD, SIMULATED
from fsl_mrs_dl.models.calibrated import LoadedModel
from fsl_mrs_dl.models.estimate import NOT_VISIBLE, Estimate, combine
from fsl_mrs_dl.models.inputs import NetworkInput, PpmGrid, prepare
from fsl_mrs_dl.models.novelty import DescribedInput, distances
from fsl_mrs_dl.quantify.artefacts import ArtefactLimits, artefact_flags, measure
from fsl_mrs_dl.quantify.kind import heights, kind_flags
from fsl_mrs_dl.quantify.lincomb import FitResult, fit_linear_combination
from fsl_mrs_dl.quantify.model_choice import choose
from fsl_mrs_dl.quantify.quality import acquired_s, data_snr, metabolite_quality, noise_sd, unexplained
from fsl_mrs_dl.quantify.result import Panel, Quantification, RangeCheck
from fsl_mrs_dl.quantify.scatter import with_scatter
from fsl_mrs_dl.quantify.signals import BasisSignals, basis_signals


@dataclass(frozen=True)
class Limits:
    """When an answer is given with caution, and when it is refused.

    Parameters
    ----------
    poor_fit, refuse_fit : float
        Share of the signal's power left over by the spectrum re-made from the estimates (caution), and by a free fit
        of all known metabolites (refusal). The largest of 69 usable data sets are 0.034 and 0.035, see
        `docs/flags.md`; a failed acquisition has 0.32 and 0.12.
    scale : float
        How far the common factor that fits the network's answer best may lie from 1.
    refuse_snr : float
        Signal-to-noise ratio of the highest line; the highest of some hundred points of noise alone lies near 4.
    refuse_width_factor : float
        Line width over the widest that was trained on.
    visible : float
        Norm of a quantity's signal per unit, relative to the best visible one, below which it is called not visible.
    disagree_sd : float
        Difference of network and classical fit in standard deviations of the network (and 20 % of the value).
    """

    poor_fit: float = 0.06
    refuse_fit: float = 0.10
    scale: float = 0.15
    refuse_snr: float = 5.0
    refuse_width_factor: float = 1.8
    visible: float = 0.02
    disagree_sd: float = 4.0


def quantify(
    spectra: EditedSpectra, model: LoadedModel | None = None, *, basis: Path | None = None, limits: Limits | None = None
) -> Quantification:
    """Quantify one data set.

    Parameters
    ----------
    spectra : EditedSpectra
        Preprocessed: water removed, frequency and phase referenced.
    model : LoadedModel, optional
        Otherwise the shipped one for the kind of sample that is found, see `fsl_mrs_dl.quantify.model_choice`.
    basis : Path, optional
        FSL-MRS basis for the fits beside the network; the shipped one otherwise.
    limits : Limits, optional

    Returns
    -------
    Quantification
        With estimates, or refused (a flag of severity 'refused' and no estimates).

    Raises
    ------
    ModelError
        When the model was not trained for these conditions, or its answer is not finite.
    DataError
        When `basis` does not suit the data.
    """
    limits = limits or Limits()
    grid = model.folder.grid if model else PpmGrid()
    surveyed = basis_signals(spectra, (*SIMULATED, *BROAD), basis)
    # a free fit with every known quantity, whatever the model estimates: it tells what is foreign
    survey, known = fit_linear_combination(spectra, surveyed, grid), surveyed.names
    marks = heights(survey, known)
    if model is None:
        model, chosen = choose(marks)
        spectra = spectra.with_flags(chosen)
    data = prepare(spectra, grid)
    mode = next(name for name, present in MODES.items() if tuple(data.present) == present)
    estimates = model.estimates(model.predict(data), mode)
    signals = basis_signals(spectra, model.outputs, basis)
    conditions = tuple(signals.fids)
    noise = {c: noise_sd(getattr(spectra, c), spectra.dwell_s, spectra.f0_mhz, grid) for c in conditions}

    # the classical fit, being free, finds the nuisance parameters best; the network's answer is drawn from there
    same = signals.names == known
    classical = survey if same else fit_linear_combination(spectra, signals, grid, start=survey.parameters)
    amplitudes = np.array([next(e.value for e in estimates if e.name == name) for name in signals.names])
    fit = fit_linear_combination(spectra, signals, grid, fixed=amplitudes, start=classical.parameters)
    left, left_classical, left_survey = (
        unexplained(f, noise, grid, acquired_s(spectra)) for f in (fit, classical, survey)
    )
    qc = metabolite_quality(fit, signals.names, noise, grid, spectra.f0_mhz)
    # of the data, not of the network's answer
    snr = data_snr(classical, noise)
    fwhm_hz = signals.lw_hz + _voigt_fwhm_hz(classical.parameters["lorentz_hz"], classical.parameters["gauss_hz"])
    checks = (
        *_range_checks(spectra, model.folder.card.ranges, fwhm_hz, snr),
        *_distances(data, model.folder.card.inputs),
    )

    flags = list(spectra.flags)
    reason = _refusal(spectra, left_survey, snr, fwhm_hz, model, limits)
    figures = measure(spectra, survey, known, noise, grid)
    hidden = _not_visible(classical, signals, spectra, grid, limits.visible)
    estimates = tuple(replace(e, flag=NOT_VISIBLE) if e.name in hidden else e for e in estimates)
    shown = [e for e in estimates if not e.flag]
    classical_values = {
        name: float(value)
        for name, value in zip(signals.names, classical.amplitudes, strict=True)
        if name not in hidden
    }
    flags += _cautions(checks)
    flags += artefact_flags(figures, fwhm_hz, spectra.f0_mhz)
    if reason:
        flags.insert(0, Flag("refused", reason))
    else:
        flags += kind_flags(marks, model.folder.card)
        flags += _misfit(left, fit.parameters["amplitude"], limits)
        flags += _disagreement(estimates, classical_values, limits)
    parameters = {
        **fit.parameters,
        "fwhm_hz": fwhm_hz,
        "snr": snr,
        "residual_ratio": left,
        "residual_ratio_classical": left_classical,
        "residual_ratio_known": left_survey,
        **figures,
        **{f"height_of_{mark}": height for mark, height in marks.items()},
    }
    sums = model.sums(shown, mode)
    result = Quantification(
        estimates=() if reason else model.with_calibrated_sd(estimates, mode, "raw"),
        combinations=() if reason else model.with_calibrated_sd(sums, mode, "raw"),
        reference=REFERENCES[mode],
        second_reference=_second_reference(model.outputs, mode),
        panels=_panels(classical if reason else fit, signals, grid),
        qc=qc,
        fit_parameters=parameters,
        range_checks=checks,
        model=_model_facts(model, signals),
        flags=_once(flags),
        fitted_fid=None if reason else fit.fitted_fid,
        classical={} if reason else classical_values,
        history=spectra.history,
    )
    if reason:
        return result
    every = (*estimates, *sums)

    def ratios(measured: Estimate | None, parts: tuple[str, ...], kind: str) -> tuple[Estimate, ...]:
        if measured is None:
            return ()
        # intervals of ratios are calibrated on the spreads that the network predicts
        predicted = combine(measured.name, [e for e in estimates if e.name in parts])
        assert predicted is not None
        return model.with_calibrated_sd(model.ratios(every, predicted, mode, kind), mode, kind)

    result = replace(
        result,
        calibrated_ratios=ratios(result.reference_estimate, result.reference, "ratio"),
        calibrated_second_ratios=ratios(result.second_reference_estimate, result.second_reference, "ratio_naa"),
    )
    return with_scatter(result, spectra, model, hidden)


def _second_reference(outputs: tuple[str, ...], mode: str) -> tuple[str, ...]:
    """What the model knows of the second reference; nothing where that is the first one."""
    parts = tuple(name for name in SECOND_REFERENCE if name in outputs)
    return () if parts == tuple(name for name in REFERENCES[mode] if name in outputs) else parts


def _voigt_fwhm_hz(lorentz_hz: float, gauss_hz: float) -> float:
    """Width of a Voigt line to 0.02 %: Olivero and Longbothum 1977, J Quant Spectrosc Radiat Transf 17:233."""
    return 0.5346 * lorentz_hz + float(np.sqrt(0.2166 * lorentz_hz**2 + gauss_hz**2))


def _range_checks(
    spectra: EditedSpectra, ranges: Mapping[str, tuple[float, float]], fwhm_hz: float, snr: float
) -> tuple[RangeCheck, ...]:
    on = spectra.edit_pulse.get("ON", {})
    values = {
        "f0_mhz": spectra.f0_mhz,
        "te_s": spectra.te_s,
        "fwhm_hz": fwhm_hz,
        "snr": snr,
        "acquired_s": acquired_s(spectra),
        "edit_on_ppm": on.get("shift_ppm"),
        "edit_duration_s": on.get("duration_s"),
    }
    return tuple(
        RangeCheck(name, float(value), *ranges[name])
        for name, value in values.items()
        if value is not None and name in ranges
    )


def _distances(data: NetworkInput, described: Mapping[str, DescribedInput]) -> tuple[RangeCheck, ...]:
    """Distance of each condition from the training spectra; nothing where the card does not describe them."""
    found = distances(described, data.channels, data.present)
    return tuple(RangeCheck(f"distance_of_{name}", value, 0.0, limit) for name, (value, limit) in found.items())


def _refusal(
    spectra: EditedSpectra, left: float, snr: float, fwhm_hz: float, model: LoadedModel, limits: Limits
) -> str:
    """Why the data are refused, judged without the network; empty where they are not."""
    widest = model.folder.card.ranges["fwhm_hz"][1]
    if snr < limits.refuse_snr:
        reason = f"the highest line is only {snr:.1f} times the noise"
        water = spectra.history.get("water", {}).get("ratio") or 0.0
        if water > ArtefactLimits().water:
            reason += f", and water stood {water:.0f} times as high:"
            reason += " nothing can be quantified in a water reference"
        return reason
    reasons = [f"no editing took place: {f.detail}" for f in spectra.flags if f.code == "not_edited"]
    if left > limits.refuse_fit:
        reasons.append(f"{100 * left:.0f} % of the signal is not that of an edited spectrum of known metabolites")
    if fwhm_hz > limits.refuse_width_factor * widest:
        reasons.append(f"lines are {fwhm_hz:.0f} Hz wide, the model was trained up to {widest:g} Hz")
    return "; ".join(reasons)


def _once(flags: list[Flag]) -> tuple[Flag, ...]:
    """The first flag of each code; of ranges, one each."""
    kept = {(f.code, f.detail if f.code == "outside_training" else ""): f for f in reversed(flags)}
    return tuple(reversed(kept.values()))


def _misfit(left: float, factor: float, limits: Limits) -> list[Flag]:
    flags = []
    if left > limits.poor_fit:
        flags.append(Flag("poor_fit", f"{100 * left:.0f} % of the signal is left over"))
    if abs(factor - 1) > limits.scale:
        flags.append(Flag("scale_uncertain", f"a common factor of {factor:.2f} would fit best"))
    return flags


def _cautions(checks: tuple[RangeCheck, ...]) -> list[Flag]:
    flags = []
    for check in checks:
        if check.inside:
            continue
        detail = f"{check.name} {check.value:.4g}, trained on {check.low:.4g} to {check.high:.4g}"
        if check.name == "fwhm_hz" and check.value > check.high:
            flags.append(Flag("broad_lines", detail))
        elif check.name == "snr":
            if check.value < check.low:
                flags.append(Flag("low_snr", detail))
        else:
            flags.append(Flag("outside_training", detail))
    return flags


def _not_visible(
    fit: FitResult, signals: BasisSignals, spectra: EditedSpectra, grid: PpmGrid, threshold: float
) -> set[str]:
    """Quantities whose signal per unit is too weak in what is there (Cr in a DIFF alone), at the fitted width."""
    power = np.zeros(len(signals.names))
    for fids in signals.fids.values():
        power += (np.abs(grid.evaluate(fids * fit.decay, spectra.dwell_s, spectra.f0_mhz)) ** 2).sum(axis=1)
    norm = np.sqrt(power)
    return {name for name, value in zip(signals.names, norm, strict=True) if value < threshold * norm.max()}


def _disagreement(estimates: tuple[Estimate, ...], classical: dict[str, float], limits: Limits) -> list[Flag]:
    """Whether GABA, Glx or NAA of the classical fit lie far outside the network's spread."""
    details = []
    for label, parts in (("GABA+", ("GABA", "MM30")), ("Glx", ("Glu", "Gln")), ("NAA", ("NAA", "NAAG"))):
        found = [e for e in estimates if e.name in parts and e.name in classical]
        total = combine(label, found)
        if total is None:
            continue
        other = sum(classical[e.name] for e in found)
        difference = abs(total.value - other)
        if difference > limits.disagree_sd * total.sd and difference > 0.2 * max(total.value, other):
            details.append(f"{label} {total.value:.3g} against {other:.3g}")
    return [Flag("classical_disagrees", ", ".join(details))] if details else []


def _panels(fit: FitResult, signals: BasisSignals, grid: PpmGrid) -> tuple[Panel, ...]:
    order = [c for c in ("diff", "edit_off") if c in signals.fids]
    return tuple(
        Panel(
            name=c,
            ppm=grid.ppm,
            data=fit.data[c],
            fit=fit.components[c].sum(axis=0) + fit.baseline[c],
            baseline=fit.baseline[c],
            components={name: fit.components[c][i] for i, name in enumerate(signals.names)},
        )
        for c in order
    )


def _model_facts(model: LoadedModel, signals: BasisSignals) -> dict[str, Any]:
    card = model.folder.card
    return {
        "name": model.folder.name,
        "hash": model.folder.digest,
        "version": __version__,
        "basis": signals.source,
        "ranges": card.as_written("ranges"),
        "known_limits": list(card.known_limits),
        "training": card.as_written("training", {}),
        "architecture": card.architecture,
        "staged": model.folder.staged,
    }
