# SPDX-License-Identifier: Apache-2.0
"""The tables of `fit` (summary, concentrations, qc, all_parameters) as CSV text, and quantities.json as a dict.

Names and layout are those of FSL-MRS's output folder. FSL-MRS's CRLB columns have no counterpart: ours are called SD,
for they hold the network's standard deviation (or that of the transients, where larger).
"""

from __future__ import annotations

import csv
import functools
import io
import math
import platform
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from fsl_mrs_dl import __version__
from fsl_mrs_dl.metabolites.sums import definition, label, short_name
from fsl_mrs_dl.models.estimate import NOT_RESOLVED, Estimate
from fsl_mrs_dl.quantify.result import Quantification
from fsl_mrs_dl.reports.fsl_folder import parameter_rows

WATER_UNITS = {"mmol_per_kg": "mMol/kg", "mmol_per_l": "mM", "mmol_per_l_alpha": "mM alpha", "institutional": "i.u."}
"""Columns of concentrations by water, by the unit's name in quantities.json."""

RECORD_COLUMNS = ("metabolite", "value", "unit", "sd", "lo68", "hi68", "lo95", "hi95", "subspectrum", "flag")
"""Columns of `records`."""

_MOLAR = {"mmol_per_kg": "molality", "mmol_per_l": "molarity"}
"""What FSL-MRS calls them in concentrations.csv."""

PACKAGES = ("numpy", "scipy", "onnxruntime", "nifti-mrs", "nibabel", "matplotlib")


def summary_csv(quantification: Quantification) -> str:
    """``Metab, Raw conc, Raw SD, /REF, /REF SD, /REF lo95, /REF hi95, %SD, SNR, FWHM``; rows sorted by name.

    Then the ratio to the second reference where there is one (``/NAA+NAAG``, SD, lo95, hi95). With a water reference
    also ``mMol/kg`` and ``mM`` with their SD (``mM alpha`` of GABA), or ``i.u.`` where tissue and relaxation were not
    corrected for.

    Ratios are empty where there is no reference, SNR and FWHM for sums, values for what is not visible; a refusal
    has the header alone.
    """
    units = water_units(quantification)
    first = _ratio_columns(quantification.reference_name, quantification.ratios())
    second = None
    if quantification.second_reference:
        second = _ratio_columns(quantification.second_reference_name, quantification.second_ratios())
    head = ["Metab", "Raw conc", "Raw SD", *first.head, "%SD", "SNR", "FWHM", *(second.head if second else ())]
    head += [column for unit in units for column in (WATER_UNITS[unit], f"{WATER_UNITS[unit]} SD")]
    rows: list[list[Any]] = []
    for e in sorted(all_estimates(quantification), key=lambda e: e.name):
        qc = quantification.qc.get(e.name)
        quality = (qc.snr, qc.fwhm_hz) if qc else (None, None)
        before = [e.value, e.sd, *first.of(e.name), e.percent_sd]
        after = [*(second.of(e.name) if second else ()), *_by_water(quantification, e.name, units)]
        if e.flag:
            # what does not show was not measured: the row stays, without numbers
            before, after = [None] * len(before), [None] * len(after)
        rows.append([e.name, *before, *quality, *after])
    return _csv([head, *rows])


def water_units(quantification: Quantification) -> list[str]:
    """Those of `WATER_UNITS` that some metabolite has."""
    return [unit for unit in WATER_UNITS if any(unit in found for found in quantification.absolute.values())]


@dataclass(frozen=True)
class _RatioColumns:
    """A ratio with SD and 95 % interval: headings, and values by metabolite."""

    head: tuple[str, str, str, str]
    values: Mapping[str, tuple[float, ...]]

    def of(self, name: str) -> tuple[float | None, ...]:
        return self.values.get(name, (None,) * 4)


def _ratio_columns(reference: str, ratios: Iterable[Estimate]) -> _RatioColumns:
    title = f"/{reference}"
    values = {e.name: (e.value, e.sd, *e.interval95) for e in ratios}
    return _RatioColumns((title, f"{title} SD", f"{title} lo95", f"{title} hi95"), values)


def _by_water(quantification: Quantification, name: str, units: Iterable[str]) -> list[float | None]:
    """Value and SD in each of the units; None where there is none."""
    found = quantification.absolute.get(name, {})
    return [found.get(unit, {}).get(key) for unit in units for key in ("value", "sd")]


def concentrations_csv(quantification: Quantification) -> str:
    """Two header rows, mean and std over raw, internal and, with water, molality and molarity, as FSL-MRS has them.

    ``nan`` where there is no value: pandas takes a first row of empty cells for the name of the index.
    """
    ratios = {e.name: e for e in quantification.ratios()}
    molar = [unit for unit in water_units(quantification) if unit in _MOLAR]
    kinds = ["raw", "internal", *(_MOLAR[unit] for unit in molar)]
    rows: list[list[Any]] = [["Metabs", *["mean"] * len(kinds), *["std"] * len(kinds)], ["", *kinds, *kinds]]
    for e in sorted(all_estimates(quantification), key=lambda e: e.name):
        if e.flag:
            rows.append([e.name, *[None] * (2 * len(kinds))])
            continue
        ratio = ratios.get(e.name)
        internal = [ratio.value, ratio.sd] if ratio else [None, None]
        pairs = [e.value, e.sd, *internal, *_by_water(quantification, e.name, molar)]
        rows.append([e.name, *pairs[::2], *pairs[1::2]])
    return _csv(rows, nothing="nan")


def qc_csv(quantification: Quantification) -> str:
    """``Metab,SNR,FWHM`` (FWHM in Hz)."""
    rows = [[name, quantification.qc[name].snr, quantification.qc[name].fwhm_hz] for name in sorted(quantification.qc)]
    return _csv([["Metab", "SNR", "FWHM"], *rows])


def all_parameters_csv(quantification: Quantification) -> str:
    """``parameter,mean,std`` of FSL-MRS's model, see `fsl_mrs_dl.reports.fsl_folder`."""
    return _csv([["parameter", "mean", "std"], *parameter_rows(quantification)], nothing="nan")


def quantities(quantification: Quantification, *, data: str = "", reproduce: str = "") -> dict[str, Any]:
    """The content of quantities.json: everything, with no NaN and no infinity (None instead).

    Parameters
    ----------
    quantification : Quantification
    data : str
        Name of the data file.
    reproduce : str
        Command line that repeats the run.

    Returns
    -------
    dict
        ``metabolites`` {name: value, unit, sd, percent_sd, interval68, interval95, reference, sub_spectrum, flag,
        raw, label, definition, ratios, absolute}: relative to the reference where there is one, else raw; ``ratios``
        to both references by their short names (``tCr``, ``tNAA``); what the data do not tell has the flag
        ``not_resolved`` and an ``upper_bound``, what does not show in them the flag ``not visible`` and no numbers;
        ``raw`` {name: amplitude} of the model's own metabolites that are visible; ``flags`` codes; ``flag_details``;
        ``refused``; ``protocol``, what the network was told of it; model,
        range checks, fit parameters, quality, classical fit, history, versions.
    """
    q = quantification
    total = None if q.refused else q.reference_estimate
    content = {
        "format": "fsl_mrs_dl quantities 1",
        "data": data,
        "refused": q.refused,
        "flags": [flag.code for flag in q.flags],
        "flag_details": [flag.to_dict() for flag in q.flags],
        "reference": q.reference_name if total is not None else None,
        "reference_raw": _estimate_dict(total) if total is not None else None,
        "metabolites": _metabolites(q, q.reference_name if total is not None else None),
        "raw": {e.name: e.value for e in _own(q) if not e.flag},
        "absolute": {name: dict(found) for name, found in q.absolute.items()},
        "water": dict(q.water),
        "classical": {} if q.refused else dict(q.classical),
        "quality": {name: {"snr": qc.snr, "fwhm_hz": qc.fwhm_hz} for name, qc in q.qc.items()},
        "fit_parameters": dict(q.fit_parameters),
        "range_checks": [
            {"name": c.name, "value": c.value, "low": c.low, "high": c.high, "inside": c.inside} for c in q.range_checks
        ],
        "model": dict(q.model),
        "protocol": dict(q.protocol),
        "history": q.history.to_dict(),
        "versions": versions(),
        "reproduce": reproduce,
    }
    return finite(content)


def _metabolites(q: Quantification, reference: str | None) -> dict[str, dict[str, Any]]:
    """``metabolites`` of quantities.json."""
    ratios = {e.name: e for e in q.ratios()}
    outputs = {e.name for e in q.estimates}
    by_reference = {
        short_name(tuple(part for part in parts if part in outputs)): {e.name: e for e in found}
        for parts, found in ((q.reference, ratios.values()), (q.second_reference, q.second_ratios()))
        if found
    }
    return {
        e.name: {
            **_estimate_dict(ratios.get(e.name, e)),
            "reference": reference,
            "percent_sd": None if e.flag else e.percent_sd,
            "combination": e in q.combinations,
            "raw": _estimate_dict(e),
            "label": label(e.name, e.sub_spectrum),
            "definition": definition(e.name, outputs),
            "ratios": {name: _estimate_dict(found[e.name]) for name, found in by_reference.items() if e.name in found},
            "absolute": dict(q.absolute.get(e.name, {})),
        }
        for e in all_estimates(q)
    }


def all_estimates(quantification: Quantification) -> tuple[Estimate, ...]:
    """Raw estimates and sums; none when refused, whatever the object carries."""
    if quantification.refused:
        return ()
    return (*quantification.estimates, *quantification.combinations)


def measurements(quantification: Quantification) -> Iterator[Estimate]:
    """Every estimate and sum in each of its units: raw, relative to the reference, by water (`WATER_UNITS`).

    One that carries a flag comes once; its numbers are no measurement.
    """
    ratios = {e.name: e for e in quantification.ratios()}
    for e in all_estimates(quantification):
        yield e
        if e.flag:
            continue
        if e.name in ratios:
            yield ratios[e.name]
        for unit, found in quantification.absolute.get(e.name, {}).items():
            low, high = found["interval68"], found["interval95"]
            yield replace(
                e,
                value=found["value"],
                sd=found["sd"],
                interval68=tuple(low),
                interval95=tuple(high),
                unit=WATER_UNITS[unit],
            )


def records(quantification: Quantification) -> list[dict[str, Any]]:
    """`measurements` as rows of a long table, see `RECORD_COLUMNS`; of what is not visible only names are told."""
    rows = []
    for e in measurements(quantification):
        numbers = dict(zip(RECORD_COLUMNS[1:8], (e.value, e.unit, e.sd, *e.interval68, *e.interval95), strict=True))
        rows.append(
            {"metabolite": e.name, **({} if e.flag else numbers), "subspectrum": e.sub_spectrum, "flag": e.mark}
        )
    return rows


def _own(quantification: Quantification) -> tuple[Estimate, ...]:
    """The model's own metabolites, without sums; none when refused."""
    return () if quantification.refused else quantification.estimates


def versions() -> dict[str, str]:
    """Versions of this program, Python and the packages that numbers depend on."""
    return {"fsl_mrs_dl": __version__, "python": platform.python_version(), **_installed()}


@functools.cache
def _installed() -> dict[str, str]:
    """Versions of those `PACKAGES` that are there; to look them up takes a while, and every file names them."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def finite(value: Any) -> Any:
    """`value` in types that JSON has: arrays as lists, complex numbers as [re, im], not finite as None."""
    # the commonest first: curves are lists of thousands of numbers
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, (list, tuple, set, frozenset)):
        return [finite(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return finite(value.tolist())
    if isinstance(value, complex):
        return [finite(value.real), finite(value.imag)]
    return value.as_posix() if isinstance(value, Path) else str(value)


def _estimate_dict(e: Estimate) -> dict[str, Any]:
    """An estimate as it is written; what does not show in the data has no numbers, only its flag."""
    numbers = {
        "value": e.value,
        "unit": e.unit,
        "sd": e.sd,
        "interval68": list(e.interval68),
        "interval95": list(e.interval95),
    }
    return {
        **({**dict.fromkeys(numbers), "unit": e.unit} if e.flag else numbers),
        "sub_spectrum": e.sub_spectrum,
        "flag": e.mark,
        **({"upper_bound": e.interval95[1]} if e.mark == NOT_RESOLVED else {}),
    }


def _csv(rows: Iterable[Iterable[Any]], nothing: str = "") -> str:
    def cell(value: Any) -> str:
        if value is None:
            return nothing
        if isinstance(value, str):
            return value
        return repr(float(value)) if math.isfinite(value) else nothing

    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows([[cell(value) for value in row] for row in rows])
    return stream.getvalue()
