# SPDX-License-Identifier: Apache-2.0
"""From preprocessed spectra to the result: network, consistency fit, classical fit, flags or refusal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fsl_mrs_dl import __version__
from fsl_mrs_dl.core.data import EditedSpectra
from fsl_mrs_dl.core.flags import Flag
from fsl_mrs_dl.metabolites.sums import MODES, REFERENCES, SECOND_REFERENCE
from fsl_mrs_dl.models.calibrated import LoadedModel, Prediction
from fsl_mrs_dl.models.estimate import NOT_VISIBLE, Estimate
from fsl_mrs_dl.models.inputs import NetworkInput, PpmGrid, prepare
from fsl_mrs_dl.quantify.artefacts import artefact_flags, measure
from fsl_mrs_dl.quantify.cautions import disagreement_flags, misfit_flags, once, range_checks, range_flags
from fsl_mrs_dl.quantify.first_point import first_point_flags
from fsl_mrs_dl.quantify.fits import Fits, fit_answer, make_survey
from fsl_mrs_dl.quantify.kind import Sample, kind_flags, tell_sample
from fsl_mrs_dl.quantify.line_agreement import agreement_flags
from fsl_mrs_dl.quantify.model_choice import choose
from fsl_mrs_dl.quantify.quality import metabolite_quality
from fsl_mrs_dl.quantify.refusal import Evidence, lacking, main_height, refusal, second_highest
from fsl_mrs_dl.quantify.resolution import unresolved
from fsl_mrs_dl.quantify.result import Quantification, RangeCheck
from fsl_mrs_dl.quantify.scatter import with_scatter
from fsl_mrs_dl.quantify.told import Told, told_protocol


def quantify(
    spectra: EditedSpectra,
    model: LoadedModel | None = None,
    *,
    basis: Path | None = None,
    protocol: Mapping[str, Any] | None = None,
) -> Quantification:
    """Quantify one data set.

    Parameters
    ----------
    spectra : EditedSpectra
        Preprocessed: water removed, frequency and phase referenced.
    model : LoadedModel, optional
        Otherwise the shipped one for the kind of sample that is found, see `fsl_mrs_dl.quantify.model_choice`.
    basis : Path, optional
        FSL-MRS basis for the fits beside the network; the shipped one otherwise. It tells the network the protocol.
    protocol : mapping, optional
        What is known of the protocol where the header does not say it, see `fsl_mrs_dl.quantify.told`.

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
    seen = _look(spectra, model, basis, protocol)
    checks = (
        *range_checks(seen.spectra, seen.data, seen.model.folder.card, seen.fits.fwhm_hz, seen.fits.snr),
        *seen.told.checks(),
    )
    reason = refusal(seen.spectra, seen.evidence)
    missing = lacking(seen.fits.survey.names) if basis is not None else ()
    if reason and missing:
        reason = f"{reason}; the basis that was given has no {', '.join(missing)}"
    result = _without_values(seen, checks, _flags(seen, checks, reason), refused=bool(reason))
    if reason:
        return result
    model, mode, fits = seen.model, seen.mode, seen.fits
    untold = unresolved(model.with_calibrated_sd(seen.estimates, mode, "raw"), model, fits, mode)
    estimates = tuple(replace(e, resolved=e.name not in untold) for e in seen.estimates)
    sums = model.sums(estimates, mode, seen.prediction)
    return with_scatter(_answered(result, model, estimates, sums, fits, mode), seen.spectra, model, seen.told)


@dataclass(frozen=True)
class _Seen:
    """A data set, the model that answers and what it says, and the fits beside it.

    `figures` are those of `measure`; `left` is what the reconstructed answer (``""``), the classical fit and the survey
    of everything known leave over.
    """

    spectra: EditedSpectra
    model: LoadedModel
    data: NetworkInput
    sample: Sample
    told: Told
    mode: str
    prediction: Prediction
    estimates: tuple[Estimate, ...]
    fits: Fits
    figures: Mapping[str, float]
    left: Mapping[str, float]

    @property
    def evidence(self) -> Evidence:
        """What a refusal is judged by."""
        survey = self.fits.survey
        return Evidence(
            survey_left=self.left["_known"],
            answer_left=self.left[""],
            snr=self.fits.snr,
            fwhm_hz=self.fits.fwhm_hz,
            widest_hz=self.model.folder.card.ranges["fwhm_hz"][1],
            second_line=second_highest(survey.fit, survey.names),
            main_line=main_height(survey.fit, survey.names),
            lipid_ratio=self.figures["lipid_ratio"],
        )


def _look(
    spectra: EditedSpectra, model: LoadedModel | None, basis: Path | None, protocol: Mapping[str, Any] | None
) -> _Seen:
    """Choose the model where none is given, let it answer, and fit beside it."""
    grid = model.folder.grid if model else PpmGrid()
    survey = make_survey(spectra, grid, basis)
    data = prepare(spectra, grid)
    sample = tell_sample(spectra, data)
    if model is None:
        model, chosen = choose(sample)
        spectra = spectra.with_flags(chosen)
    mode = next(name for name, present in MODES.items() if tuple(data.present) == present)
    told = told_protocol(spectra, model.folder, basis=basis, options=protocol).beside(data, model.folder)
    prediction = model.predict(data, told.inputs)
    estimates = model.estimates(prediction, mode)
    fits = fit_answer(survey, model.outputs, estimates)
    return _Seen(
        spectra=spectra,
        model=model,
        data=data,
        sample=sample,
        told=told,
        mode=mode,
        prediction=prediction,
        estimates=tuple(replace(e, flag=NOT_VISIBLE) if e.name in fits.hidden else e for e in estimates),
        fits=fits,
        figures=measure(spectra, survey.fit, survey.names, survey.noise, grid),
        left={name: survey.left(fit) for name, fit in fits.by_name.items()},
    )


def _flags(seen: _Seen, checks: tuple[RangeCheck, ...], reason: str) -> tuple[Flag, ...]:
    """Everything noticed, a refusal first."""
    flags = [*seen.spectra.flags, *first_point_flags(seen.fits.survey.start), *range_flags(checks)]
    flags += artefact_flags(seen.figures, seen.fits.fwhm_hz, seen.spectra.f0_mhz)
    if reason:
        return once([Flag("refused", reason), *flags])
    flags += kind_flags(seen.sample, seen.model.folder.card)
    flags += agreement_flags(seen.fits.lines)
    flags += misfit_flags(seen.left[""], seen.fits.answer.parameters["amplitude"])
    return once([*flags, *disagreement_flags(seen.estimates, seen.fits.classical_values, REFERENCES[seen.mode])])


def _without_values(
    seen: _Seen, checks: tuple[RangeCheck, ...], flags: tuple[Flag, ...], *, refused: bool
) -> Quantification:
    """The result with pictures and figures, before any value."""
    fits = seen.fits
    grid, noise = fits.survey.grid, fits.survey.noise
    return Quantification(
        estimates=(),
        combinations=(),
        reference=REFERENCES[seen.mode],
        second_reference=_second_reference(seen.model.outputs, seen.mode),
        panels=fits.panels(refused=refused),
        qc=metabolite_quality(fits.answer, fits.signals.names, noise, grid, seen.spectra.f0_mhz),
        fit_parameters={
            **fits.answer.parameters,
            "fwhm_hz": fits.fwhm_hz,
            "snr": fits.snr,
            **{f"residual_ratio{which}": share for which, share in seen.left.items()},
            **seen.figures,
            "brain_probability": seen.sample.probability,
            **fits.picture_figures(),
        },
        range_checks=checks,
        model=_model_facts(seen.model, fits),
        flags=flags,
        function_fids=fits.functions(refused=refused),
        history=seen.spectra.history,
        protocol=seen.told.to_dict(),
    )


def _answered(
    result: Quantification,
    model: LoadedModel,
    estimates: Sequence[Estimate],
    sums: Sequence[Estimate],
    fits: Fits,
    mode: str,
) -> Quantification:
    """The result with estimates, sums and ratios, each with calibrated intervals."""
    result = replace(
        result,
        estimates=model.with_calibrated_sd(estimates, mode, "raw"),
        combinations=model.with_calibrated_sd(sums, mode, "raw"),
        fitted_fid=fits.answer.fitted_fid,
        classical=fits.classical_values,
    )

    def ratios(measured: Estimate | None, parts: tuple[str, ...], kind: str) -> tuple[Estimate, ...]:
        if measured is None:
            return ()
        # intervals of ratios are calibrated on the spreads that the network predicts
        predicted = model.reference(estimates, parts, sums)
        assert predicted is not None
        return model.with_calibrated_sd(model.ratios((*estimates, *sums), predicted, mode, kind), mode, kind)

    return replace(
        result,
        calibrated_ratios=ratios(result.reference_estimate, result.reference, "ratio"),
        calibrated_second_ratios=ratios(result.second_reference_estimate, result.second_reference, "ratio_naa"),
    )


def _second_reference(outputs: tuple[str, ...], mode: str) -> tuple[str, ...]:
    """What the model knows of the second reference; nothing where that is the first one."""
    parts = tuple(name for name in SECOND_REFERENCE if name in outputs)
    return () if parts == tuple(name for name in REFERENCES[mode] if name in outputs) else parts


def _model_facts(model: LoadedModel, fits: Fits) -> Mapping[str, Any]:
    card = model.folder.card
    return {
        "name": model.folder.name,
        "hash": model.folder.digest,
        "version": __version__,
        "basis": fits.signals.source,
        "ranges": card.as_written("ranges"),
        "known_limits": list(card.known_limits),
        "training": card.as_written("training", {}),
        "architecture": card.architecture,
        "staged": model.folder.staged,
    }
