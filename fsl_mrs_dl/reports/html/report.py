# SPDX-License-Identifier: Apache-2.0
"""report.html: one self-contained file that opens with no network."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.core.data import EditedSpectra
from fsl_mrs_dl.core.record import LineWidth
from fsl_mrs_dl.models.estimate import NOT_RESOLVED, Estimate
from fsl_mrs_dl.quantify.result import Quantification
from fsl_mrs_dl.reports import tables
from fsl_mrs_dl.reports.drawing import Axis, px
from fsl_mrs_dl.reports.figures import format_value, headline
from fsl_mrs_dl.reports.html.alignment import before_after, drift_view
from fsl_mrs_dl.reports.html.gauge import gauges
from fsl_mrs_dl.reports.html.page import SEVERITIES, render_page
from fsl_mrs_dl.reports.html.panels import panel_view, with_edit_on
from fsl_mrs_dl.reports.words.methods import methods
from fsl_mrs_dl.reports.words.mrsinmrs import mrsinmrs
from fsl_mrs_dl.reports.words.verdict import verdict


def render_report(
    quantification: Quantification,
    *,
    spectra: EditedSpectra,
    options: Mapping[str, Any],
    reproduce: str,
    unaligned: Mapping[str, NDArray] | None = None,
) -> str:
    """The report as one HTML text.

    Parameters
    ----------
    quantification : Quantification
        Refused: the reason stands first, the data are shown and no value is given.
    spectra : EditedSpectra
        What was quantified.
    options : mapping
        Arguments of the run.
    reproduce : str
        Command line that repeats the run.
    unaligned : mapping of str to complex array, optional
        Plain means of the transients by condition (`Preprocessed.unaligned`), to be shown beside the final averages.

    Returns
    -------
    str
        Every text that comes from outside is escaped by jinja2; no resource is loaded from anywhere.
    """
    q = quantification
    table = _table(q)
    shown = {row["name"]: _in_words(row) for row in table}
    views = [panel_view(p, refused=q.refused, values=shown) for p in with_edit_on(q.panels)]
    text = methods(q, spectra)
    context = {
        **_answer(q, table),
        "gauges": gauges(q, spectra),
        **_evidence(q),
        "source": spectra.source.name,
        "acquisition": _acquisition(spectra),
        "panels": [drawing for drawing, _ in views],
        "before_after": before_after(spectra, unaligned or {}),
        "hashes": _hashes(q, spectra, options),
        "reproduce": reproduce,
        "options": [(k, str(v)) for k, v in options.items() if v is not None],
        "methods": text.text,
        "references": text.references,
        "mrsinmrs": mrsinmrs(q, spectra, options),
    }
    plots = {"panels": {drawing["name"]: plot for drawing, plot in views}}
    return render_page("report.html.j2", context, plots=plots)


def _answer(q: Quantification, table: list[dict[str, Any]]) -> dict[str, Any]:
    """What the template shows of values and flags."""
    found = verdict(q.flags)
    return {
        "refused": q.refused,
        "verdict": found,
        "reason": found.reason.explained() if found.reason else None,
        "reference": q.reference_name if q.reference_estimate is not None else "",
        "headline": [_value_dict(e) for e in headline(q)],
        "flags": sorted((f.explained() for f in q.flags), key=lambda f: SEVERITIES.index(f["severity"])),
        "table": table,
        "water": _water(q),
        "has_classical": bool(q.classical) and not q.refused,
    }


def _evidence(q: Quantification) -> dict[str, Any]:
    """What the template shows of quality, preprocessing and model."""
    return {
        "quality": [{"name": n, "snr": _text(c.snr, 1), "fwhm": _text(c.fwhm_hz, 1)} for n, c in sorted(q.qc.items())],
        "fit_parameters": [(_label(k), _number(v)) for k, v in q.fit_parameters.items()],
        "drift": drift_view(q.history),
        "cr_width": _cr_width(q.history.cr_width_hz),
        "history": [(_label(step), _entries(content)) for step, content in q.history.to_dict().items()],
        "model": [(k, str(q.model[k])) for k in ("name", "version", "basis") if q.model.get(k) is not None],
        "limits": [str(text) for text in q.model.get("known_limits") or ()],
        "checks": [_check(c) for c in q.range_checks],
        "outside": [_label(c.name) for c in q.range_checks if not c.inside],
    }


def _in_words(row: Mapping[str, Any]) -> str:
    """A row of the table as it stands beside a metabolite's name."""
    return f"{row['value']} {'' if row['unit'] == 'raw' else row['unit']} ({row['lo95']} – {row['hi95']})"


def _hashes(q: Quantification, spectra: EditedSpectra, options: Mapping[str, Any]) -> list[tuple[str, str]]:
    """SHA-256 of the model and of the files that the values were made from, as far as they are files here."""
    found = [("model", str(q.model["hash"]))] if q.model.get("hash") else []
    paths = {spectra.source, *(Path(str(options[k])) for k in ("data_off", "data_on", "h2o") if options.get(k))}
    for path in sorted(paths):
        try:
            found.append((path.name, hashlib.sha256(path.read_bytes()).hexdigest()))
        except (OSError, ValueError):
            continue  # a folder, or a path relative to a dataset
    return found


def _cr_width(width: LineWidth | None) -> str:
    if width is None or width.before is None or width.after is None:
        return ""
    return (
        f"Cr at 3.03 ppm is {width.before:.1f} Hz wide in the plain mean and {width.after:.1f} Hz in the final average."
    )


def _water(q: Quantification) -> dict[str, Any] | None:
    """Concentrations by water: columns, rows, and the constants with their sources; None where there are none."""
    if not q.absolute or q.refused:
        return None
    units = tables.water_units(q)
    rows = [
        {"name": name, "cells": [_interval(found.get(unit)) for unit in units]} for name, found in q.absolute.items()
    ]
    tissue = q.water.get("tissue_fractions", {})
    return {
        "corrected": bool(q.water.get("corrected")),
        "units": [tables.WATER_UNITS[unit] for unit in units],
        "rows": rows,
        "tissue": ", ".join(f"{name} {100 * value:.1f} %" for name, value in tissue.items()),
        "constants": _constants(q.water),
        "alpha": q.water.get("alpha"),
    }


def _constants(water: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Of what, and which: metabolites that share their constants stand together."""
    constants = [(f"water, {name}", _relaxation(values)) for name, values in water.get("water", {}).items()]
    names: dict[str, list[str]] = {}
    for name, values in water.get("metabolites", {}).items():
        names.setdefault(_relaxation(values), []).append(name)
    shared = {text: ", ".join(found) if len(found) < 4 else "other metabolites" for text, found in names.items()}
    return [*constants, *((found, text) for text, found in shared.items())]


def _interval(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return "–"
    low, high = found["interval95"]
    return f"{format_value(found['value'])} ({format_value(low)} – {format_value(high)})"


def _relaxation(values: Mapping[str, Any]) -> str:
    content = f", content {values['content']:g}" if "content" in values else ""
    return f"T1 {values['t1_s']:g} s, T2 {values['t2_s']:g} s{content}: {values['source']}"


def _table(q: Quantification) -> list[dict[str, Any]]:
    """Rows of the table; the bar shows the interval relative to the value, from -100 % to +100 %."""
    ratios = {e.name: e for e in q.ratios()}
    reference = sum(q.classical.get(name, 0.0) for name in q.reference)
    rows = []
    for raw in tables.all_estimates(q):
        e = ratios.get(raw.name, raw)
        classical = _classical(q, raw.name)
        if classical is not None and e.unit != "raw":
            classical = classical / reference if reference > 0 else None
        rows.append(
            {
                **_value_dict(e),
                "raw": format_value(raw.value),
                "percent": f"{raw.percent_sd:.0f}",
                "sub": raw.sub_spectrum,
                "sum": raw in q.combinations,
                "classical": format_value(classical) if classical is not None and math.isfinite(classical) else "–",
                "bar": _bar(e, classical),
            }
        )
    return rows


def _classical(q: Quantification, name: str) -> float | None:
    from fsl_mrs_dl.metabolites.sums import COMBINATIONS

    if name in q.classical:
        return float(q.classical[name])
    parts = COMBINATIONS.get(name, ())
    if parts and all(part in q.classical for part in parts):
        return float(sum(q.classical[part] for part in parts))
    return None


def _bar(e: Estimate, classical: float | None) -> dict[str, str] | None:
    if not e.value > 0:
        return None
    x = Axis(-1.0, 1.0, 2.0, 158.0)

    def place(value: float) -> float:
        return float(x(max(-1.0, min(1.0, value / e.value - 1.0))))

    (lo68, hi68), (lo95, hi95) = ([place(v) for v in ends] for ends in (e.interval68, e.interval95))
    return {
        "x95": px(lo95),
        "w95": px(hi95 - lo95),
        "x68": px(lo68),
        "w68": px(hi68 - lo68),
        "mid": px(x(0.0)),
        "beyond": "1" if e.interval95[1] > 2 * e.value else "",
        "classical": px(place(classical)) if classical is not None and math.isfinite(classical) else "",
    }


def _value_dict(e: Estimate) -> dict[str, Any]:
    return {
        "name": e.name,
        "value": format_value(e.value),
        "lo68": format_value(e.interval68[0]),
        "hi68": format_value(e.interval68[1]),
        "lo95": format_value(e.interval95[0]),
        "hi95": format_value(e.interval95[1]),
        "unit": e.unit,
        "flag": e.mark.replace("_", " "),
        "resolved": e.mark != NOT_RESOLVED,
    }


def _check(check: Any) -> dict[str, Any]:
    low, high, value = (format_value(v) if math.isfinite(v) else "?" for v in (check.low, check.high, check.value))
    return {"name": _label(check.name), "value": value, "low": low, "high": high, "inside": check.inside}


def _entries(content: Any) -> list[tuple[str, str]]:
    """Figures of one step for people: short values as they are, long lists by their length."""
    if not isinstance(content, Mapping):
        return [("", str(tables.finite(content))[:200])]
    lines = []
    for key, value in content.items():
        text = str(tables.finite(value))
        if isinstance(value, Mapping):
            text = "; ".join(f"{k}: {_brief(v)}" for k, v in value.items())
        elif isinstance(value, (Sequence, np.ndarray)) and not isinstance(value, str):
            text = _brief(value)
        elif isinstance(value, float):
            text = format_value(value) if math.isfinite(value) else "–"
        lines.append((_label(key), text))
    return lines


def _brief(value: Any) -> str:
    plain = tables.finite(value)
    if isinstance(plain, list) and len(plain) > 8:
        return f"{len(plain)} values"
    if isinstance(plain, list):
        return ", ".join(_brief(v) for v in plain) or "none"
    return format_value(plain) if isinstance(plain, float) else str(plain)


def _acquisition(spectra: EditedSpectra) -> list[tuple[str, str]]:
    rows = [("File", str(spectra.source)), ("Conditions", ", ".join(spectra.present))]
    rows.append(("Frequency", f"{spectra.f0_mhz:.3f} MHz"))
    rows.append(("Points", f"{spectra.n_points} at {1 / spectra.dwell_s:.0f} Hz"))
    rows += [(k, f"{1e3 * v:.0f} ms") for k, v in (("TE", spectra.te_s), ("TR", spectra.tr_s)) if v]
    return rows


def _label(key: str) -> str:
    """``fwhm_hz`` as ``fwhm / Hz``."""
    units = {"hz": "Hz", "ppm": "ppm", "deg": "deg", "mhz": "MHz", "s": "s", "c": "°C", "t": "T", "mm": "mm"}
    head, _, tail = str(key).rpartition("_")
    return f"{head.replace('_', ' ')} / {units[tail]}" if head and tail in units else str(key).replace("_", " ")


def _number(value: float) -> str:
    return format_value(value) if math.isfinite(value) else "–"


def _text(value: float, decimals: int) -> str:
    return f"{value:.{decimals}f}" if math.isfinite(value) else "–"
