# SPDX-License-Identifier: Apache-2.0
"""report.html: one self-contained file (inline SVG, style and script) that opens with no network."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.data import EditedSpectra
from fsl_mrs_dl.quantify.result import Estimate, Panel, Quantification
from fsl_mrs_dl.reports import tables
from fsl_mrs_dl.reports.figures import (
    PANEL_TITLES,
    PEAKS,
    display_floor,
    format_value,
    headline,
    label_place,
    real,
    refusal,
    visible,
)
from fsl_mrs_dl.reports.mrsinmrs import mrsinmrs

TEMPLATES = Path(__file__).with_name("templates")
_WIDTH, _LEFT, _HEIGHT = 920.0, 10.0, 360.0
_ROW_PX = 26.0
_COMPONENT_SHOWN = 0.002  # of the span of the data; smaller components would be a flat line
_SEVERITIES = ("refused", "caution", "info")
_DEFAULT_ON = ("GABA", "MM30", "Glu", "Gln")
_OVERLAYS = ("#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8A6D00", "#6A3D9A", "#A6761D")


@dataclass(frozen=True)
class _Axis:
    """A linear map of values to pixels."""

    v0: float
    v1: float
    p0: float
    p1: float

    def __call__(self, value: Any) -> Any:
        return self.p0 + (np.asarray(value, float) - self.v0) / ((self.v1 - self.v0) or 1.0) * (self.p1 - self.p0)


def render_report(
    quantification: Quantification, *, spectra: EditedSpectra, options: Mapping[str, Any], reproduce: str
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

    Returns
    -------
    str
        Every text that comes from outside is escaped by jinja2; no resource is loaded from anywhere.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    q = quantification
    context = {
        "source": spectra.source.name,
        "style": (TEMPLATES / "report.css").read_text(encoding="utf-8"),
        "script": (TEMPLATES / "report.js").read_text(encoding="utf-8"),
        "refused": refusal(q),
        "reference": q.reference_name if q.reference_estimate is not None else "",
        "headline": [_value_dict(e) for e in headline(q)],
        "acquisition": _acquisition(spectra),
        "flags": sorted((f.to_dict() for f in q.flags), key=lambda f: _SEVERITIES.index(f["severity"])),
        "panels": [_panel(p, refused=q.refused) for p in q.panels],
        "table": _table(q),
        "water": _water(q),
        "has_classical": bool(q.classical) and not q.refused,
        "quality": [{"name": n, "snr": _text(c.snr, 1), "fwhm": _text(c.fwhm_hz, 1)} for n, c in sorted(q.qc.items())],
        "fit_parameters": [(_label(k), _number(v)) for k, v in q.fit_parameters.items()],
        "drift": _drift(q.history),
        "history": [(_label(step), _entries(content)) for step, content in q.history.items()],
        "model": [(k, str(q.model[k])) for k in ("name", "version", "hash") if q.model.get(k) is not None],
        "checks": [_check(c) for c in q.range_checks],
        "outside": [_label(c.name) for c in q.range_checks if not c.inside],
        "versions": tables.versions(),
        "reproduce": reproduce,
        "options": [(k, str(v)) for k, v in options.items() if v is not None],
        "methods": _methods(q, spectra),
        "mrsinmrs": mrsinmrs(q, spectra, options),
    }
    return environment.get_template("report.html.j2").render(context)


def _water(q: Quantification) -> dict[str, Any] | None:
    """Concentrations by water: columns, rows, and the constants with their sources; None where there are none."""
    if not q.absolute or q.refused:
        return None
    units = [unit for unit in tables.WATER_UNITS if any(unit in found for found in q.absolute.values())]
    rows = [
        {"name": name, "cells": [_interval(found.get(unit)) for unit in units]} for name, found in q.absolute.items()
    ]
    tissue = q.water.get("tissue_fractions", {})
    constants = [(f"water, {name}", _relaxation(values)) for name, values in q.water.get("water", {}).items()]
    shown = dict.fromkeys(_relaxation(values) for values in q.water.get("metabolites", {}).values())
    for text in shown:
        names = [name for name, values in q.water["metabolites"].items() if _relaxation(values) == text]
        constants.append((", ".join(names) if len(names) < 4 else "other metabolites", text))
    return {
        "corrected": bool(q.water.get("corrected")),
        "units": [tables.WATER_UNITS[unit] for unit in units],
        "rows": rows,
        "tissue": ", ".join(f"{name} {100 * value:.1f} %" for name, value in tissue.items()),
        "constants": constants,
        "alpha": q.water.get("alpha"),
    }


def _interval(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return "–"
    low, high = found["interval95"]
    return f"{format_value(found['value'])} ({format_value(low)} – {format_value(high)})"


def _relaxation(values: Mapping[str, Any]) -> str:
    content = f", content {values['content']:g}" if "content" in values else ""
    return f"T1 {values['t1_s']:g} s, T2 {values['t2_s']:g} s{content}: {values['source']}"


def _panel(panel: Panel, *, refused: bool) -> dict[str, Any]:
    """Geometry of one panel: paths in pixels, ticks, labels of peaks, metabolite components."""
    mask = visible(panel)
    order = np.argsort(np.asarray(panel.ppm)[mask])[::-1]
    ppm = np.asarray(panel.ppm, float)[mask][order]

    def curve(values: NDArray) -> NDArray:
        return real(values)[mask][order]

    data, fit, baseline = curve(panel.data), curve(panel.fit), curve(panel.baseline)
    residual = data - fit
    shown = [data] if refused else [data, fit]
    low, high = display_floor(panel, ppm, shown), max(float(c.max()) for c in shown)
    span = float(high - low) or 1.0
    offset = float(high + 0.08 * span - residual.min()) if not refused else 0.0
    top = float(max(high, offset + residual.max())) if not refused else float(high)
    x = _Axis(float(ppm[0]), float(ppm[-1]), _LEFT, _WIDTH - _LEFT)
    y = _Axis(low - 0.08 * span, top + 0.06 * span, _HEIGHT - 30, 8)
    data_shown, fit_shown = (np.maximum(c, low - 0.05 * span) for c in (data, fit))
    curves = [{"name": "data", "label": "data", "d": _path(x(ppm), y(data_shown))}]
    if not refused:
        curves += [
            {"name": "baseline", "label": "baseline", "d": _path(x(ppm), y(baseline))},
            {"name": "fit", "label": "re-made from the estimates", "d": _path(x(ppm), y(fit_shown))},
            {"name": "residual", "label": "residual (offset)", "d": _path(x(ppm), y(residual + offset))},
        ]
    peaks = []
    for name, shift in PEAKS.get(panel.name, {}).items():
        near = np.abs(ppm - shift) < 0.06
        if near.any():
            place, side = label_place(data[near], float(np.median(data)))
            label = name
            if place < low:
                place, label = low - 0.02 * span, f"{name} (cut off)"
            peaks.append({"name": label, "x": _px(x(shift)), "y": _px(y(place) + (-6 if side > 0 else 14))})
    components = [] if refused else _components(panel, curve, span)
    overlays = [
        {
            "name": c["name"],
            "colour": _OVERLAYS[i % len(_OVERLAYS)],
            "on": c["name"] in _DEFAULT_ON,
            "d": _path(x(ppm), y(np.maximum(c["values"] + baseline, low - 0.05 * span))),
        }
        for i, c in enumerate(components)
    ]
    stack = []
    # one scale for all rows, so that they can be compared; three rows are the height of the tallest
    tallest = max((float(np.ptp(c["values"])) for c in components), default=1.0) or 1.0
    heights = [c["values"] / tallest * 3 * _ROW_PX for c in components]
    first = 16 + max((float(h.max()) - _ROW_PX * i for i, h in enumerate(heights)), default=0.0)
    height = 10 + max((first + _ROW_PX * i - float(h.min()) for i, h in enumerate(heights)), default=0.0)
    for i, (c, h) in enumerate(zip(components, heights, strict=True)):
        base = first + _ROW_PX * i
        stack.append({"name": c["name"], "y": _px(base), "d": _path(x(ppm), base - h)})
    return {
        "name": panel.name,
        "title": PANEL_TITLES.get(panel.name, panel.name),
        "width": _px(_WIDTH), "height": _px(_HEIGHT), "axis_y": _px(_HEIGHT - 30),
        "left": _px(_LEFT), "right": _px(_WIDTH - _LEFT),
        "ppm0": float(ppm[0]), "ppm1": float(ppm[-1]),
        "curves": curves,
        "residual_zero": _px(y(offset)) if not refused else None,
        "ticks": [{"x": _px(x(t)), "label": f"{t:.1f}"} for t in _ticks(float(ppm[-1]), float(ppm[0]))],
        "peaks": peaks,
        "overlays": overlays,
        "stack": stack, "stack_height": _px(height + 25), "stack_axis_y": _px(height),
        "label": f"{panel.name}: data{'' if refused else ', re-made spectrum and residual'} over ppm",
    }  # fmt: skip


def _components(panel: Panel, curve: Any, span: float) -> list[dict[str, Any]]:
    found = [{"name": name, "values": curve(values)} for name, values in panel.components.items()]
    return [c for c in found if float(np.ptp(c["values"])) > _COMPONENT_SHOWN * span]


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
    from fsl_mrs_dl.quantify.result import COMBINATIONS

    if name in q.classical:
        return float(q.classical[name])
    parts = COMBINATIONS.get(name, ())
    if parts and all(part in q.classical for part in parts):
        return float(sum(q.classical[part] for part in parts))
    return None


def _bar(e: Estimate, classical: float | None) -> dict[str, str] | None:
    if not e.value > 0:
        return None
    x = _Axis(-1.0, 1.0, 2.0, 158.0)

    def place(value: float) -> float:
        return float(x(max(-1.0, min(1.0, value / e.value - 1.0))))

    (lo68, hi68), (lo95, hi95) = ([place(v) for v in ends] for ends in (e.interval68, e.interval95))
    return {
        "x95": _px(lo95), "w95": _px(hi95 - lo95), "x68": _px(lo68), "w68": _px(hi68 - lo68), "mid": _px(x(0.0)),
        "beyond": "1" if e.interval95[1] > 2 * e.value else "",
        "classical": _px(place(classical)) if classical is not None and math.isfinite(classical) else "",
    }  # fmt: skip


def _value_dict(e: Estimate) -> dict[str, str]:
    return {
        "name": e.name,
        "value": format_value(e.value),
        "lo68": format_value(e.interval68[0]), "hi68": format_value(e.interval68[1]),
        "lo95": format_value(e.interval95[0]), "hi95": format_value(e.interval95[1]),
        "unit": e.unit, "flag": e.flag,
    }  # fmt: skip


def _drift(history: Mapping[str, Any]) -> dict[str, Any] | None:
    """Geometry of the frequency shift per transient, rejected ones marked, where the preprocessing recorded it."""
    record = history.get("transients")
    if not isinstance(record, Mapping):
        return None
    found = {str(k): v["shifts_hz"] for k, v in record.items() if isinstance(v, Mapping) and "shifts_hz" in v}
    # a single transient per condition has no drift to show
    series = {k: np.asarray(v, float).ravel() for k, v in found.items() if np.size(v) > 1}
    values = np.concatenate([v[np.isfinite(v)] for v in series.values()]) if series else np.zeros(0)
    if not values.size:
        return None
    pad = 0.1 * float(np.ptp(values)) or 0.5
    x = _Axis(0, max(1, max(len(v) for v in series.values()) - 1), 50, 900)
    y = _Axis(float(values.min()) - pad, float(values.max()) + pad, 170, 10)
    groups = []
    for i, (name, v) in enumerate(series.items()):
        out = {int(k) for k in record[name].get("rejected", [])}
        points = [{"x": _px(x(k)), "y": _px(y(s)), "out": k in out} for k, s in enumerate(v) if math.isfinite(s)]
        groups.append(
            {"name": name, "colour": _OVERLAYS[i % len(_OVERLAYS)], "points": points, "rejected": sorted(out)}
        )
    ticks = [{"y": _px(y(t)), "label": f"{t:.1f}"} for t in np.linspace(values.min(), values.max(), 4)]
    return {"groups": groups, "ticks": ticks, "span": f"{np.ptp(values):.1f}"}


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


def _methods(q: Quantification, spectra: EditedSpectra) -> str:
    """A paragraph for a paper: only what is known to be true of this run."""
    versions, model = tables.versions(), q.model
    conditions = " and ".join(spectra.present)
    text = (
        f"Spectra ({conditions}; {spectra.f0_mhz:.2f} MHz"
        f"{f', TE {1e3 * spectra.te_s:.0f} ms' if spectra.te_s else ''}"
        f"{f', TR {1e3 * spectra.tr_s:.0f} ms' if spectra.tr_s else ''}) were analysed with fsl_mrs_dl "
        f"{versions['fsl_mrs_dl']} (Python {versions['python']}, numpy {versions.get('numpy', '?')}). "
    )
    if q.history:
        text += f"Processing steps recorded: {', '.join(_label(step) for step in q.history)}. "
    if q.refused:
        return text + "The data were refused as unusable for the model; no concentrations are reported."
    version = f" version {model['version']}" if model.get("version") else ""
    text += (
        f"Metabolite amplitudes and their uncertainties were estimated by the neural network "
        f"'{model.get('name', '?')}'{version} "
        f"(hash {str(model.get('hash', '?'))[:12]})"
    )
    if q.reference_estimate is not None:
        text += f" and are given relative to {q.reference_name}"
    return text + (
        ". Intervals are the network's, calibrated on its own test spectra; they are not Cramér-Rao bounds. "
        "The spectrum was re-made from the estimates and compared with the data by a fit of nuisance parameters "
        "(frequency, phase, line width, baseline)."
    )


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


def _ticks(low: float, high: float) -> list[float]:
    return [float(t) for t in np.arange(math.ceil(low * 2) / 2, high + 1e-9, 0.5)]


def _path(x: NDArray, y: NDArray) -> str:
    return "M" + " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))


def _px(value: Any) -> str:
    return f"{float(value):.1f}"


def _number(value: float) -> str:
    return format_value(value) if math.isfinite(value) else "–"


def _text(value: float, decimals: int) -> str:
    return f"{value:.{decimals}f}" if math.isfinite(value) else "–"
