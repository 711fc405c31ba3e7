# SPDX-License-Identifier: Apache-2.0
"""Sections 3 and 4 of MRSinMRS: how this run made its numbers, and how good data and fit were."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from fsl_mrs_dl.core.data import EditedSpectra
from fsl_mrs_dl.core.record import LineWidth
from fsl_mrs_dl.metabolites.table import TABULATED
from fsl_mrs_dl.preprocess.average import MIN_EXCESS, MIN_FOR_REJECTION, REJECT_Z
from fsl_mrs_dl.quantify.limits import LIMITS
from fsl_mrs_dl.quantify.result import Quantification
from fsl_mrs_dl.reports import tables
from fsl_mrs_dl.reports.words.checklist import Item, Row
from fsl_mrs_dl.reports.words.mrsinmrs_scan import Header, by_fsl, known, transients

NOT_MEASURED = "not measured"


def analysis(header: Header, q: Quantification, spectra: EditedSpectra, options: Mapping[str, Any]) -> tuple[Row, ...]:
    """Rows 3a to 3d."""
    model = q.model
    version = f", version {model['version']}" if model.get("version") else ""
    digest = f", SHA-256 {str(model['hash'])[:12]}" if model.get("hash") else ""
    software = [
        Item("program", f"fsl_mrs_dl {tables.versions()['fsl_mrs_dl']}", source="this run"),
        Item("neural network", f"{model.get('name', '?')}{version}{digest}", source="this run"),
    ]
    if by_fsl(spectra):
        software.append(Item("preprocessing", "FSL-MRS (fsl_mrs_preproc_edit)", source="this run"))
    steps = _steps(spectra)
    return (
        Row("3a", "Analysis software", tuple(software)),
        Row(
            "3b",
            "Processing steps",
            (
                *known(Item("before this program", _earlier(header), source="ProcessingApplied")),
                Item("", "; ".join(steps), source="this run", missing="no step was recorded"),
            ),
        ),
        Row("3c", "Output measure", _measures(q)),
        Row("3d", "Quantification references and assumptions, fitting model", _assumptions(q, options)),
    )


def _steps(spectra: EditedSpectra) -> list[str]:
    """What the preprocessing of this program did, in its order; only what is on record."""
    steps = []
    n_coils = spectra.history.n_coils
    if n_coils > 1:
        steps.append(f"{n_coils} coils combined")
    if any(n > 1 for n, _ in transients(spectra).values()):
        steps.append("transients aligned in frequency and phase, odd ones left out, weighted average")
    if spectra.history.aligned:
        steps.append("ON aligned to OFF")
    if spectra.history.eddy_corrected:
        steps.append("eddy currents corrected by the water reference")
    if spectra.history.water_removed:
        steps.append("residual water removed (HLSVD)")
    reference = spectra.history.reference
    if reference:
        steps.append(f"frequency and phase referenced on {reference.condition}")
    return steps


def _earlier(header: Header) -> str:
    """Steps that other programs left in the header."""
    entry, _ = header.entry("ProcessingApplied")
    found = entry if isinstance(entry, list) else [entry]
    words = []
    for step in found:
        if isinstance(step, Mapping) and step.get("Method"):
            program = " ".join(str(step[key]) for key in ("Program", "Version") if step.get(key))
            words.append(f"{step['Method']} ({program})" if program else str(step["Method"]))
    return ", ".join(words)


def _measures(q: Quantification) -> tuple[Item, ...]:
    if q.refused:
        return (Item("", "none: the data were refused", source="this run"),)
    kinds = [f"ratio to {q.reference_name}"] if q.reference_estimate is not None else []
    kinds.append("raw amplitude in units of the basis")
    words = {
        "mmol_per_kg": "mmol per kg of tissue water outside CSF",
        "mmol_per_l": "mmol per l of tissue outside CSF",
        "mmol_per_l_alpha": "the same, alpha corrected (GABA)",
        "institutional": "institutional units by water",
    }
    kinds += [words[unit] for unit in tables.water_units(q)]
    every = tables.all_estimates(q)
    return (
        Item("", ", ".join(kinds), source="this run"),
        Item("of what", ", ".join(e.name for e in every if not e.flag), source="this run"),
        *known(Item("not visible, not reported", ", ".join(e.name for e in every if e.flag), source="this run")),
    )


def _assumptions(q: Quantification, options: Mapping[str, Any]) -> tuple[Item, ...]:
    model = q.model
    items = []
    if not q.refused:
        reference = q.reference_name if q.reference_estimate is not None else "none"
        items.append(Item("internal reference", reference, source="this run"))
        items += _water(q, options)
    items += known(Item("basis set", str(model.get("basis") or ""), source="this run"))
    macromolecules = [e.name for e in tables.all_estimates(q) if e.name.startswith("MM")]
    items += known(Item("macromolecules estimated as", ", ".join(macromolecules), source="this run"))
    method = (
        "amplitudes by the network; the spectrum reconstructed from them is fitted in common amplitude, frequency, "
        "phase, line width and baseline"
    )
    items.append(Item("model", method, source="this run"))
    ranges = model.get("ranges")
    if isinstance(ranges, Mapping):
        shown = ", ".join(f"{name} {low:g} to {high:g}" for name, (low, high) in ranges.items())
        items.append(Item("trained on", shown, source="model card"))
    return tuple(items)


def _water(q: Quantification, options: Mapping[str, Any]) -> list[Item]:
    """Water as a reference: what was assumed, with sources."""
    water = q.water
    if not water:
        given = bool(options.get("h2o"))
        return [Item("water reference", "not used for concentrations" if given else "none", source="this run")]
    items = [
        Item("water reference", "the unsuppressed water that was given", source="this run"),
        *known(
            Item("TR taken for it", _thousandfold(water.get("water_tr_s")), "ms", "this run"),
            Item("TE taken for it", _thousandfold(water.get("water_te_s")), "ms", "this run"),
        ),
    ]
    if not water.get("corrected"):
        items.append(Item("tissue and relaxation", "not corrected: the voxel counts as pure water", source="this run"))
        return items
    fractions = ", ".join(f"{name} {value:.3g}" for name, value in water.get("tissue_fractions", {}).items())
    items.append(Item("tissue fractions", fractions, source=str(options.get("tissue") or "this run")))
    for name, found in water.get("water", {}).items():
        shown = (
            f"T1 {found['t1_s']:g} s, T2 {found['t2_s']:g} s, content {found.get('content', math.nan):g} "
            f"({found['source']})"
        )
        items.append(Item(f"water in {name}", shown, source="this run"))
    by_constants: dict[str, list[str]] = {}
    for name, found in water.get("metabolites", {}).items():
        by_constants.setdefault(f"T1 {found['t1_s']:g} s, T2 {found['t2_s']:g} s ({found['source']})", []).append(name)
    items += [
        Item(f"relaxation of {', '.join(names)}", text, source="this run") for text, names in by_constants.items()
    ]
    items += known(Item("alpha of GABA", water.get("alpha"), source="this run"))
    return items


def _thousandfold(value: Any) -> float | None:
    return 1e3 * float(value) if isinstance(value, int | float) else None


def quality(q: Quantification, spectra: EditedSpectra) -> tuple[Row, ...]:
    """Rows 4a to 4d."""
    return (
        Row("4a", "SNR and line width, with reference peaks", _snr_and_width(q, spectra)),
        Row("4b", "Data exclusion criteria", _exclusion(q, spectra)),
        Row("4c", "Quality measures of the fit", _fit_quality(q)),
        Row("4d", "Sample spectrum", (Item("", "fit_summary.png", source="this run"),)),
    )


def _measured(label: str, value: Any, unit: str = "") -> Item:
    """A figure to three digits."""
    usable = isinstance(value, int | float) and math.isfinite(value)
    shown = float(f"{value:.3g}") if usable else None
    return Item(label, shown, unit, "this run", NOT_MEASURED)


def _snr_and_width(q: Quantification, spectra: EditedSpectra) -> tuple[Item, ...]:
    fit, width = q.fit_parameters, spectra.history.cr_width_hz or LineWidth()
    items = [
        _measured("SNR (highest fitted line over the standard deviation of the noise)", fit.get("snr")),
        _measured("FWHM of the fitted lines", fit.get("fwhm_hz"), "Hz"),
        _measured("FWHM of Cr at 3.03 ppm in edit_off", width.after, "Hz"),
        *(known(_measured("before alignment", width.before, "Hz")) if _averaged(spectra) else ()),
    ]
    # when refused these rest on an answer that is not given
    for name in () if q.refused else ("NAA", "Cr", "GABA"):
        if name in q.qc:
            items.append(_measured(f"SNR of {name}", q.qc[name].snr))
            items.append(_measured(f"FWHM of {name}", q.qc[name].fwhm_hz, "Hz"))
    return (*items, *known(_drift(spectra)))


def _drift(spectra: EditedSpectra) -> Item:
    """Range of frequency over the transients that were kept, the widest of the conditions."""
    ranges = []
    for name, (_, rejected) in transients(spectra).items():
        shifts = np.asarray(spectra.history.averaged[name].shifts_hz, float)
        kept = np.delete(shifts, [index for index in rejected if index < shifts.size])
        if kept.size > 1:
            ranges.append(float(np.ptp(kept)))
    return _measured("frequency drift", max(ranges) if ranges else None, "Hz")


def _averaged(spectra: EditedSpectra) -> dict[str, tuple[int, list[int]]]:
    """Conditions that were averaged here: FIDs, and the indices left out."""
    return {name: entry for name, entry in transients(spectra).items() if entry[0] > 1}


def _exclusion(q: Quantification, spectra: EditedSpectra) -> tuple[Item, ...]:
    rule = (
        f"SNR below {LIMITS.refuse_snr:g}, more than {100 * LIMITS.refuse_fit:g} % of the signal unexplained, or lines "
        f"wider than {LIMITS.refuse_width_factor:g} times the widest that the model was trained on"
    )
    reasons = [flag.detail or flag.sentence for flag in q.flags if flag.severity == "refused"]
    cautions = [f"{f.code} ({f.detail})" if f.detail else f.code for f in q.flags if f.severity == "caution"]
    return (
        *_left_out(spectra),
        Item("data sets refused when", rule, source="this run"),
        Item("this one", f"refused: {_words(reasons)}" if q.refused else "not refused", source="this run"),
        Item("cautions", ", ".join(cautions) or "none", source="this run"),
    )


def _left_out(spectra: EditedSpectra) -> list[Item]:
    """Which transients are left out of the averages, and which were."""
    items = []
    averaged = _averaged(spectra)
    if averaged:
        rule = (
            f"distance to the median above {REJECT_Z:g} robust standard deviations and {MIN_EXCESS:g} times the "
            f"typical distance, of at least {MIN_FOR_REJECTION}"
        )
        items.append(Item("transients left out when", rule, source="this run"))
    for name, (n, rejected) in averaged.items():
        which = f" (numbers {_words(rejected)}, counted from 0)" if rejected else ""
        items.append(Item(f"left out of {name}", f"{len(rejected)} of {n}{which}", source="this run"))
    if not averaged:
        why = "fsl_mrs_preproc_edit averaged them" if by_fsl(spectra) else "one FID per condition was read"
        items.append(Item("transients left out", None, missing=f"not known: {why}"))
    return items


def _words(values: Iterable[Any]) -> str:
    return ", ".join(str(value) for value in values)


def _fit_quality(q: Quantification) -> tuple[Item, ...]:
    fit = q.fit_parameters
    items = [] if q.refused else [_percent("unexplained share of the signal", fit.get("residual_ratio"))]
    items.append(_percent("the same of the classical fit", fit.get("residual_ratio_classical")))
    if not q.refused:
        spreads = [
            f"{e.name} {e.percent_sd:.0f} %" for e in tables.all_estimates(q) if e.name in TABULATED and not e.flag
        ]
        items += known(Item("standard deviation of raw amplitudes", ", ".join(spreads), source="this run"))
        words = "calibrated 68 % and 95 % intervals of each value in quantities.json; no Cramér-Rao bounds"
        items.append(Item("uncertainty", words, source="this run"))
    if q.range_checks:
        outside = [
            f"{check.name} {_finite(check.value)} ({_finite(check.low)} to {_finite(check.high)})"
            for check in q.range_checks
            if not check.inside
        ]
        items.append(Item("outside the training ranges", ", ".join(outside) or "none", source="this run"))
    return tuple(items)


def _finite(value: float) -> str:
    return f"{value:.4g}" if math.isfinite(value) else NOT_MEASURED


def _percent(label: str, share: Any) -> Item:
    return _measured(label, 100 * share if isinstance(share, int | float) else None, "%")
