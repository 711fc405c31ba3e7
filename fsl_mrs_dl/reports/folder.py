# SPDX-License-Identifier: Apache-2.0
"""Files of an output folder that are no table, picture or page: options.txt, fit.nii.gz, LCModel's."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fsl_mrs_dl.core.data import EditedSpectra
from fsl_mrs_dl.core.flag_catalogue import CATALOGUE
from fsl_mrs_dl.io import lcmodel_results as lcmodel
from fsl_mrs_dl.io.nifti import write_spectrum
from fsl_mrs_dl.metabolites.sums import COMBINATIONS
from fsl_mrs_dl.models.estimate import Estimate
from fsl_mrs_dl.quantify.result import Panel, Quantification
from fsl_mrs_dl.reports import tables
from fsl_mrs_dl.reports.curves import real, visible
from fsl_mrs_dl.reports.fsl_folder import ARGUMENTS

_LEVELS: dict[str, Any] = {"info": "info", "caution": "warning", "refused": "FATAL"}


def options_text(quantification: Quantification, options: Mapping[str, Any], reproduce: str) -> str:
    """Content of options.txt: the arguments as JSON in line 1, ``--------``, then lines for people."""
    lines = [json.dumps(tables.finite({**ARGUMENTS, **options}), allow_nan=False), "--------"]
    lines += [f"Command:  {' '.join(reproduce.split())}", "Program:  fsl_mrs_dl (deep-learning estimates)", "Versions:"]
    lines += [f"  {name}: {version}" for name, version in tables.versions().items()]
    model = quantification.model
    lines += [
        "Model:",
        *(f"  {key}: {model[key]}" for key in ("name", "version", "hash") if model.get(key) is not None),
    ]
    return "\n".join(lines) + "\n"


def write_lcmodel(quantification: Quantification, folder: Path, *, spectra: EditedSpectra) -> None:
    """Write dl.table, dl.csv, dl.coord and dl.print into `folder`, which is made when missing.

    Sums carry LCModel's names (``Glu+Gln`` for Glx); the curves are those of the first panel.
    """
    folder.mkdir(exist_ok=True)
    rows, curve_names = _rows(quantification)
    reference = quantification.reference_name
    panel = quantification.panels[0] if quantification.panels else None
    misc = _misc(quantification, panel, spectra.f0_mhz)
    codes = list(CATALOGUE)
    diagnostics = [
        lcmodel.Diagnostic(_LEVELS[flag.severity], "DLFLAG", codes.index(flag.code) + 1)
        for flag in quantification.flags
    ]
    common: dict[str, Any] = {
        "title": spectra.source.name,
        "rows": rows,
        "reference": reference,
        "misc": misc,
        "diagnostics": diagnostics,
        "inputs": _inputs(quantification, spectra),
    }
    lcmodel.write_table(folder / "dl.table", **common)
    lcmodel.write_csv(folder / "dl.csv", rows=rows, reference=reference)
    curves = _curves(panel, curve_names, refused=quantification.refused)
    lcmodel.write_coord(folder / "dl.coord", curves=curves, **common)
    figures = {k: f"{v:.6g}" if math.isfinite(v) else "-" for k, v in quantification.fit_parameters.items()}
    history = [f"{step}: {_short(content)}" for step, content in quantification.history.to_dict().items()]
    lcmodel.write_print(folder / "dl.print", quantities=figures, history=history, **common)


def _rows(quantification: Quantification) -> tuple[list[lcmodel.Row], dict[str, str]]:
    """Rows in the model's order, sums last; and the row name of each metabolite that has a curve."""
    ratios = {e.name: e.value for e in quantification.ratios()}
    rows, names = [], {}
    estimates: tuple[Estimate, ...] = tables.all_estimates(quantification)
    for e in estimates:
        name = "+".join(COMBINATIONS[e.name]) if e.name in COMBINATIONS else e.name[:6]
        # LCModel's way to say that there is nothing: 0 and 999 %
        measured = (e.value, e.percent_sd, ratios.get(e.name)) if not e.flag else (0.0, 999.0, 0.0)
        rows.append(lcmodel.Row(name, *measured))
        names[e.name] = name
    return rows, names


def _curves(panel: Panel | None, names: Mapping[str, str], *, refused: bool) -> lcmodel.Curves:
    if panel is None:
        empty = np.zeros(0)
        return lcmodel.Curves(empty, empty, empty, empty)
    mask = visible(panel)
    data, fit, background = (real(curve)[mask] for curve in (panel.data, panel.fit, panel.baseline))
    if refused:
        fit, background = np.zeros_like(data), np.zeros_like(data)
    components = {names[name]: real(c)[mask] for name, c in panel.components.items() if name in names}
    return lcmodel.Curves(np.asarray(panel.ppm)[mask], data, fit, background, components)


def _misc(quantification: Quantification, panel: Panel | None, f0_mhz: float) -> lcmodel.Misc:
    """LCModel's figures; S/N is its ratio of the highest point above the baseline to twice the residual's RMS."""
    fit = quantification.fit_parameters
    snr = 0.0
    if panel is not None and not quantification.refused:
        mask = visible(panel)
        rms = float(np.sqrt(np.mean(real(panel.residual)[mask] ** 2)))
        snr = float(np.max(real(panel.data - panel.baseline)[mask])) / (2 * rms) if rms > 0 else 0.0
    return lcmodel.Misc(
        fwhm_ppm=fit.get("fwhm_hz", 0.0) / f0_mhz,
        snr=snr,
        shift_ppm=fit.get("shift_ppm", 0.0),
        phase0_deg=fit.get("phase_deg", 0.0),
        phase1_deg_per_ppm=fit.get("phase1_deg_per_ppm", 0.0),
    )


def _inputs(quantification: Quantification, spectra: EditedSpectra) -> list[str]:
    lines = ["method = 'fsl_mrs_dl, a neural network'"]
    model = quantification.model
    lines += [f"model_{key} = '{model[key]}'" for key in ("name", "version") if key in model]
    # a line holds 73 characters: a SHA-256 does not fit in one
    digest = str(model.get("hash", ""))
    parts = [digest[i : i + 32] for i in range(0, len(digest), 32)]
    lines += [f"model_hash({i}) = '{part}'" for i, part in enumerate(parts, 1)]
    panel = quantification.panels[0].name if quantification.panels else ""
    lines += [f"spectrum = '{panel}'", f"conditions = '{' '.join(spectra.present)}'"]
    lines += [f"namrel = '{quantification.reference_name}'", f"hzpppm = {spectra.f0_mhz:.6f}"]
    lines += [
        f"deltat = {spectra.dwell_s:.6g}",
        f"nunfil = {spectra.n_points}",
        f"refused = {'T' if quantification.refused else 'F'}",
    ]
    codes = list(CATALOGUE)
    lines += [f"dlflag({codes.index(flag.code) + 1}) = '{flag.code}'" for flag in quantification.flags]
    return lines


def _short(content: Any) -> str:
    text = json.dumps(tables.finite(content), allow_nan=False)
    return text if len(text) <= 300 else text[:296] + " ..."


def write_fit(path: Path, quantification: Quantification, spectra: EditedSpectra) -> None:
    """Write the reconstructed signal to `path` as NIfTI-MRS."""
    header: dict[str, Any] = {}
    if spectra.te_s is not None:
        header["EchoTime"] = spectra.te_s
    if spectra.tr_s is not None:
        header["RepetitionTime"] = spectra.tr_s
    write_spectrum(
        path,
        np.asarray(quantification.fitted_fid),
        dwell_s=spectra.dwell_s,
        f0_mhz=spectra.f0_mhz,
        affine=spectra.affine,
        header=header,
    )
