# SPDX-License-Identifier: Apache-2.0
"""From spectra that are ready to the answer: network, consistency fit, classical fit, flags or refusal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from fsl_mrs_dl import __version__
from fsl_mrs_dl.core.data import EditedSpectra
from fsl_mrs_dl.core.flags import Flag
from fsl_mrs_dl.metabolites.sums import MODES, REFERENCES, SECOND_REFERENCE
from fsl_mrs_dl.models.calibrated import LoadedModel
from fsl_mrs_dl.models.estimate import NOT_VISIBLE, Estimate
from fsl_mrs_dl.models.inputs import PpmGrid, prepare
from fsl_mrs_dl.quantify.artefacts import artefact_flags, measure
from fsl_mrs_dl.quantify.cautions import disagreement_flags, misfit_flags, once, range_checks, range_flags
from fsl_mrs_dl.quantify.fits import Fits, fit_answer, make_survey
from fsl_mrs_dl.quantify.kind import heights, kind_flags
from fsl_mrs_dl.quantify.model_choice import choose
from fsl_mrs_dl.quantify.quality import metabolite_quality
from fsl_mrs_dl.quantify.refusal import Evidence, refusal, second_highest
from fsl_mrs_dl.quantify.result import Quantification
from fsl_mrs_dl.quantify.scatter import with_scatter
from fsl_mrs_dl.quantify.told import told_protocol


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
    grid = model.folder.grid if model else PpmGrid()
    survey = make_survey(spectra, grid, basis)
    marks = heights(survey.fit, survey.names)
    if model is None:
        model, chosen = choose(marks)
        spectra = spectra.with_flags(chosen)
    data = prepare(spectra, grid)
    mode = next(name for name, present in MODES.items() if tuple(data.present) == present)
    told = told_protocol(spectra, model.folder, basis=basis, options=protocol)
    prediction = model.predict(data, told.inputs)
    estimates = model.estimates(prediction, mode)
    fits = fit_answer(survey, model.outputs, estimates)
    estimates = tuple(replace(e, flag=NOT_VISIBLE) if e.name in fits.hidden else e for e in estimates)

    card = model.folder.card
    figures = measure(spectra, survey.fit, survey.names, survey.noise, grid)
    left = {"": survey.left(fits.answer), "_classical": survey.left(fits.classical), "_known": survey.left(survey.fit)}
    checks = (*range_checks(spectra, data, card, fits.fwhm_hz, fits.snr), *told.checks())
    reason = refusal(
        spectra,
        Evidence(
            survey_left=left["_known"],
            answer_left=left[""],
            snr=fits.snr,
            fwhm_hz=fits.fwhm_hz,
            widest_hz=card.ranges["fwhm_hz"][1],
            second_line=second_highest(survey.fit, survey.names),
            lipid_ratio=figures["lipid_ratio"],
        ),
    )
    flags = [*spectra.flags, *range_flags(checks), *artefact_flags(figures, fits.fwhm_hz, spectra.f0_mhz)]
    if reason:
        flags.insert(0, Flag("refused", reason))
    else:
        flags += kind_flags(marks, card)
        flags += misfit_flags(left[""], fits.answer.parameters["amplitude"])
        flags += disagreement_flags(estimates, fits.classical_values)
    result = Quantification(
        estimates=(),
        combinations=(),
        reference=REFERENCES[mode],
        second_reference=_second_reference(model.outputs, mode),
        panels=fits.panels(refused=bool(reason)),
        qc=metabolite_quality(fits.answer, fits.signals.names, survey.noise, grid, spectra.f0_mhz),
        fit_parameters={
            **fits.answer.parameters,
            "fwhm_hz": fits.fwhm_hz,
            "snr": fits.snr,
            **{f"residual_ratio{which}": share for which, share in left.items()},
            **figures,
            **{f"height_of_{mark}": height for mark, height in marks.items()},
        },
        range_checks=checks,
        model=_model_facts(model, fits),
        flags=once(flags),
        history=spectra.history,
        protocol=told.to_dict(),
    )
    if reason:
        return result
    sums = model.sums(estimates, mode, prediction)
    answered = _answered(result, model, estimates, sums, fits, mode)
    return with_scatter(answered, spectra, model, told)


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
