# SPDX-License-Identifier: Apache-2.0
"""Concentrations by the unsuppressed water of the same voxel, corrected for tissue and relaxation.

Gasparovic C, Song T, Devier D, et al. (2006) Use of tissue water as a concentration reference for proton spectroscopic
imaging, Magn Reson Med 55:1219-1226, doi 10.1002/mrm.20901; Near J, Harris AD, Juchem C, et al. (2021) Preprocessing,
analysis and quantification in single-voxel magnetic resonance spectroscopy: experts' consensus recommendations, NMR
Biomed 34:e4257, doi 10.1002/nbm.4257.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.core.data import EditedSpectra
from fsl_mrs_dl.core.errors import DataError
from fsl_mrs_dl.core.flags import Flag
from fsl_mrs_dl.core.reading import read_json_object, read_text
from fsl_mrs_dl.metabolites.relaxation import GABA_ALPHA, TISSUES, WATER_MOLALITY_MM, relaxation_of
from fsl_mrs_dl.models.estimate import Estimate
from fsl_mrs_dl.preprocess.pipeline import Preprocessed
from fsl_mrs_dl.quantify.result import Quantification

WATER_PROTONS = 2
_WINDOW_S = (0.001, 0.02)
"""Part of the water signal from which its start is extrapolated: after the filter's rise, before the line's shape."""

POSSIBLE_MM = (0.1, 2000.0)
"""What the highest concentration in a voxel can be, mM: less does not show beside noise, and more is a syrup. In brains
it is that of NAA, 8 to 15. Wide, for it is to find scales that differ by factors of hundreds. Our convention."""


@dataclass(frozen=True)
class TissueFractions:
    """Volume fractions of a voxel; they add up to one."""

    gm: float
    wm: float
    csf: float


@dataclass(frozen=True)
class WaterScale:
    """What turns raw amplitudes into concentrations.

    Parameters
    ----------
    water_amplitude : float
        Start of the water signal in the units of the spectra.
    te_s, tr_s : float
        Of the spectra; the water's are `water_te_s`, `water_tr_s`.
    tissue : TissueFractions, optional
        Without it the voxel counts as pure water, and nothing is corrected for relaxation: institutional units.
    """

    water_amplitude: float
    te_s: float | None
    tr_s: float | None
    water_te_s: float | None
    water_tr_s: float | None
    tissue: TissueFractions | None = None

    @property
    def corrected(self) -> bool:
        """Whether tissue and relaxation are corrected for."""
        return self.tissue is not None

    def factors(self, name: str) -> dict[str, float]:
        """Concentration per raw amplitude of a metabolite, by unit.

        ``mmol_per_kg``: of tissue water outside CSF (molality). ``mmol_per_l``: of tissue outside CSF. For GABA also
        ``mmol_per_l_alpha``: of grey matter, were white to hold `GABA_ALPHA` of it. Without tissue fractions
        ``institutional`` alone: water taken as pure, no correction. Empty for macromolecules where relaxation is to be
        corrected for: theirs is not known, and GABA+ takes GABA's.
        """
        base = WATER_PROTONS * WATER_MOLALITY_MM / self.water_amplitude
        if self.tissue is None:
            return {"institutional": base}
        if name.startswith("MM"):
            return {}
        times = [self.te_s, self.tr_s, self.water_te_s, self.water_tr_s]
        te_s, tr_s, water_te_s, water_tr_s = (float(value) for value in times if value is not None)
        fractions = {"GM": self.tissue.gm, "WM": self.tissue.wm, "CSF": self.tissue.csf}
        content = {name: fractions[name] * tissue.water_content for name, tissue in TISSUES.items()}
        seen = sum(content[name] * t.water.weight(water_te_s, water_tr_s) for name, t in TISSUES.items())
        left = relaxation_of(name).weight(te_s, tr_s)
        whole = sum(content.values())
        # molar fractions of water: those of volume weighted by content (Gasparovic 2006, eqs 5 to 7)
        per_kg = base * (seen / whole) / ((1 - content["CSF"] / whole) * left)
        per_l = base * seen / ((1 - self.tissue.csf) * left)
        found = {"mmol_per_kg": per_kg, "mmol_per_l": per_l}
        if name.split("+")[0] == "GABA":
            found["mmol_per_l_alpha"] = base * seen / ((self.tissue.gm + GABA_ALPHA * self.tissue.wm) * left)
        return found

    def describe(self, names: Sequence[str]) -> dict[str, Any]:
        """Every constant that was used, with its source, as JSON."""
        content: dict[str, Any] = {
            "water_amplitude": self.water_amplitude,
            "water_protons": WATER_PROTONS,
            "water_mmol_per_kg": WATER_MOLALITY_MM,
            "te_s": self.te_s,
            "tr_s": self.tr_s,
            "water_te_s": self.water_te_s,
            "water_tr_s": self.water_tr_s,
            "corrected": self.corrected,
        }
        if self.tissue is None:
            return content
        content["tissue_fractions"] = {"GM": self.tissue.gm, "WM": self.tissue.wm, "CSF": self.tissue.csf}
        content["water"] = {
            name: {
                "t1_s": t.water.t1_s,
                "t2_s": t.water.t2_s,
                "content": t.water_content,
                "source": f"{t.water.source}; {t.source}",
            }
            for name, t in TISSUES.items()
        }
        content["metabolites"] = {
            name: {"t1_s": r.t1_s, "t2_s": r.t2_s, "source": r.source}
            for name, r in ((name, relaxation_of(name)) for name in names if not name.startswith("MM"))
        }
        content["alpha"] = GABA_ALPHA
        return content

    def absolute(self, estimates: Sequence[Estimate]) -> dict[str, dict[str, dict[str, Any]]]:
        """Concentrations with intervals: ``{metabolite: {unit: {value, sd, interval68, interval95}}}``.

        The water is taken as exact beside the estimates' own spread. What does not show is left out.
        """
        return {
            e.name: {
                unit: {
                    "value": factor * e.value,
                    "sd": factor * e.sd,
                    "interval68": [factor * end for end in e.interval68],
                    "interval95": [factor * end for end in e.interval95],
                }
                for unit, factor in self.factors(e.name).items()
            }
            for e in estimates
            if not e.flag and self.factors(e.name)
        }


def with_water(
    quantification: Quantification, data: Preprocessed, tissue: TissueFractions | None = None
) -> Quantification:
    """The quantification with concentrations by the water reference of its data.

    Parameters
    ----------
    quantification : Quantification
    data : Preprocessed
        With a water reference; without one, or when refused, nothing is added. To a DIFF alone a flag is, and where
        concentrations would be impossible.
    tissue : TissueFractions, optional

    Raises
    ------
    DataError
        When tissue is to be corrected for and echo or repetition time are unknown, or there is no water line, or a
        DIFF alone: whether it is a difference or half of one, its file does not tell.
    """
    spectra = data.spectra
    if tissue is not None and data.water_reference is None:
        raise _without_reference(spectra)
    if data.water_reference is None or quantification.refused:
        return quantification
    if spectra.edit_off is None and tissue is None:
        return replace(quantification, flags=(*quantification.flags, Flag("water_unscaled")))
    if tissue is not None:
        _check_correctable(data)
    amplitude = water_amplitude(data.water_reference, spectra.dwell_s)
    scale = WaterScale(amplitude, spectra.te_s, spectra.tr_s, data.water_te_s, data.water_tr_s, tissue)
    estimates = (*quantification.estimates, *quantification.combinations)
    highest_mm = _highest_mm(scale, estimates)
    if highest_mm is not None and not POSSIBLE_MM[0] <= highest_mm <= POSSIBLE_MM[1]:
        flag = Flag("reference_scale", f"up to {highest_mm:.2g} mM")
        return replace(quantification, flags=(*quantification.flags, flag))
    return replace(
        quantification,
        absolute=scale.absolute(estimates),
        water=scale.describe([e.name for e in estimates if not e.flag]),
    )


def _highest_mm(scale: WaterScale, estimates: Sequence[Estimate]) -> float | None:
    """The highest concentration, mM with the voxel as pure water; None where nothing shows."""
    plain = replace(scale, tissue=None).absolute(estimates)
    return max((units["institutional"]["value"] for units in plain.values()), default=None)


def _without_reference(spectra: EditedSpectra) -> DataError:
    """Why there is no water reference, where tissue fractions need it."""
    if any(flag.code == "reference_coils" for flag in spectra.flags):
        return DataError(
            "the water reference does not have the coils of the data",
            where=spectra.source,
            expected="both of one scan, and combined both or neither",
        )
    if any(flag.code == "reference_other_scan" for flag in spectra.flags):
        return DataError(
            "the water reference is of another session or scanner",
            where=spectra.source,
            expected="the same SpectrometerFrequency",
        )
    return DataError("tissue fractions need the water reference", where=spectra.source, hint="Give h2o=")


def _check_correctable(data: Preprocessed) -> None:
    """Raise DataError where tissue and relaxation cannot be corrected for."""
    spectra = data.spectra
    if spectra.edit_off is None:
        raise DataError(
            "a DIFF alone has no scale for the water reference",
            where=spectra.source,
            expected="OFF and ON: programs write the difference of the two, or half of it",
            hint="Leave tissue= out",
        )
    times = {
        "TE": spectra.te_s,
        "TR": spectra.tr_s,
        "TE of the water": data.water_te_s,
        "TR of the water": data.water_tr_s,
    }
    unknown = [name for name, value in times.items() if value is None]
    if unknown:
        noted = [flag.detail for flag in spectra.flags if flag.code == "header_note"]
        raise DataError(
            "the header does not tell what the tissue correction needs",
            where=spectra.source,
            expected="EchoTime and RepetitionTime in s",
            got=f"no {', no '.join(unknown)}",
            hint="; ".join(noted) or None,
        )


def water_amplitude(fid: NDArray, dwell_s: float) -> float:
    """Start of a water signal: its logarithm's parabola, fitted over the first 20 ms, at time zero.

    Parameters
    ----------
    fid : complex array, shape ``(n,)``
        Unsuppressed water.
    dwell_s : float

    Raises
    ------
    DataError
        When there is no water line to speak of.
    """
    time_s = np.arange(len(fid)) * dwell_s
    early = (time_s >= _WINDOW_S[0]) & (time_s <= _WINDOW_S[1])
    size = np.abs(fid[early])
    noise = float(np.median(np.abs(fid[-max(len(fid) // 8, 8) :])))
    if early.sum() < 5 or not np.isfinite(size).all() or size.min() <= 0 or size.max() < 10 * noise:
        raise DataError(
            "the water reference shows no water line",
            expected="a signal ten times its noise at the start",
            got=f"{size.max() / noise:.1f} times" if noise > 0 and len(size) else "none",
        )
    return float(np.exp(np.polyfit(time_s[early], np.log(size), 2)[2]))


def read_tissue(path: Path) -> TissueFractions:
    """Tissue fractions from JSON (``{"GM": .., "WM": .., "CSF": ..}``) or FSL-MRS's ``quantification_info.csv``.

    Raises
    ------
    DataError
        When the file cannot be read, lacks a tissue, or the fractions are impossible.
    """
    return tissue_fractions(_from_csv(path) if path.suffix.lower() == ".csv" else _from_json(path), path)


def tissue_fractions(fractions: Mapping[str, Any], where: object = "tissue=") -> TissueFractions:
    """Tissue fractions from a mapping ``{"GM": .., "WM": .., "CSF": ..}``, scaled to add up to one.

    Raises
    ------
    DataError
        When a tissue is missing, or the fractions are impossible.
    """
    values = {str(key).upper(): value for key, value in fractions.items()}
    try:
        gm, wm, csf = (_fraction(values[name]) for name in ("GM", "WM", "CSF"))
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            "not the fractions of three tissues",
            where=where,
            expected='{"GM": 0.5, "WM": 0.4, "CSF": 0.1}',
            got=", ".join(map(str, values)) or "nothing",
        ) from error
    total = gm + wm + csf
    if min(gm, wm, csf) < 0 or not abs(total - 1) < 0.05:
        raise DataError(
            "the tissue fractions do not lie between 0 and 1 and add up to 1",
            where=where,
            expected="fractions, not per cent",
            got=f"GM {gm:g}, WM {wm:g}, CSF {csf:g}",
        )
    if csf / total > 0.9:
        raise DataError("the voxel holds hardly any tissue", where=where, expected="CSF below 0.9", got=f"{csf:g}")
    return TissueFractions(gm / total, wm / total, csf / total)


def _fraction(value: Any) -> float:
    """A number, also one that is written as text; raises ValueError or TypeError for anything else."""
    if isinstance(value, bool):
        raise TypeError("a fraction is a number")
    return float(value)


def _from_json(path: Path) -> dict[str, Any]:
    return read_json_object(path, "file of tissue fractions", expected='{"GM": 0.5, "WM": 0.4, "CSF": 0.1}')


def _from_csv(path: Path) -> dict[str, Any]:
    """FSL-MRS's table: a row per tissue, the fraction in the column 'Tissue volume fractions'."""
    table = csv.DictReader(io.StringIO(read_text(path, "table of tissue fractions")))
    rows = list(table)
    if "Tissue" not in (table.fieldnames or ()):
        raise DataError(
            "not the fractions of three tissues",
            where=path,
            expected="the columns 'Tissue' and 'Tissue volume fractions' of FSL-MRS's quantification_info.csv, or JSON",
            got=", ".join(map(str, table.fieldnames or ())) or "nothing",
        )
    return {str(row.get("Tissue", "")).upper(): row.get("Tissue volume fractions") for row in rows}
