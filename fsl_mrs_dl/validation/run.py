# SPDX-License-Identifier: Apache-2.0
"""Quantify a folder of data sets whose concentrations are known."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fsl_mrs_dl.core.data import EditedSpectra
from fsl_mrs_dl.core.errors import DataError
from fsl_mrs_dl.core.progress import Pace
from fsl_mrs_dl.core.reading import read_json
from fsl_mrs_dl.models.calibrated import LoadedModel
from fsl_mrs_dl.preprocess.load import load
from fsl_mrs_dl.quantify.chain import analyse
from fsl_mrs_dl.quantify.result import Quantification
from fsl_mrs_dl.validation.kept import KeptCases
from fsl_mrs_dl.validation.outputs import Case, answers_of
from fsl_mrs_dl.validation.programs import one_gaussian
from fsl_mrs_dl.validation.programs.task import Program, answers, wanted_metabolites

log = logging.getLogger(__name__)

CLASSICAL = "linear_combination"
"""Name of the embedded classical fit in the output."""


@dataclass(frozen=True)
class Truth:
    """Known concentrations of one data set.

    `mm_over_gaba` is the area of the co-edited macromolecules from 2.8 to 3.2 ppm in DIFF over GABA's, where known.
    """

    id: str
    values: Mapping[str, float]
    series: str | None = None
    has_macromolecules: bool = False
    mm_over_gaba: float | None = None


def read_truth(path: Path, key: str | None = None) -> list[Truth]:
    """Read ``truth.json``: a list of objects with ``id`` and ``visible_mm`` or ``conc_mm``.

    Parameters
    ----------
    path : Path
    key : str, optional
        The key to take; otherwise ``visible_mm`` where present, else ``conc_mm``.

    Raises
    ------
    DataError
        When the file is missing, broken, or an entry lacks what is needed.
    """
    entries: Any = read_json(path, "truth")
    if not isinstance(entries, list) or not entries:
        raise DataError("the truth is empty", where=path, expected="a list with one object per data set")
    return [_truth(entry, key, f"{path}, entry {index + 1}") for index, entry in enumerate(entries)]


def _truth(entry: Any, key: str | None, where: str) -> Truth:
    """One entry of the file."""
    if not isinstance(entry, dict) or not isinstance(entry.get("id"), str):
        raise DataError("the entry has no id", where=where)
    chosen = key or ("visible_mm" if "visible_mm" in entry else "conc_mm")
    values = entry.get(chosen)
    if not isinstance(values, dict):
        raise DataError(f"the entry has no '{chosen}'", where=where, expected="an object of concentrations in mM")
    try:
        numbers = {str(name): float(value) for name, value in values.items()}
    except (TypeError, ValueError) as error:
        raise DataError(f"'{chosen}' holds something that is not a number", where=where, got=error) from error
    series = entry.get("series")
    series = None if series is None else str(series)
    return Truth(entry["id"], numbers, series, _has_mm(entry), _co_edited(entry, where))


def _has_mm(entry: Mapping[str, Any]) -> bool:
    return "mm" in entry or "mm_over_gaba" in entry


def _co_edited(entry: Mapping[str, Any], where: str) -> float | None:
    """``mm_over_gaba`` of an entry, None where it is not given."""
    value = entry.get("mm_over_gaba")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
        raise DataError("'mm_over_gaba' must be a number of at least 0", where=where, got=value)
    return float(value)


def run_cases(
    folder: Path,
    truths: Sequence[Truth],
    model: LoadedModel | None,
    *,
    basis: Path | None = None,
    programs: Mapping[str, Program] | None = None,
    diff_alone: bool = False,
    any_protocol: bool = False,
    kept: KeptCases | None = None,
) -> list[Case]:
    """Quantify every data set that `truths` names.

    Parameters
    ----------
    folder : Path
        Of ``<id>.nii.gz``.
    truths : sequence of Truth
    model : LoadedModel or None
        None chooses by the kind of sample, for each data set.
    basis : Path, optional
        For the embedded classical fit; the shipped one otherwise.
    programs : mapping of str to Program, optional
        Classical programs to be asked too; they have the shipped basis of the metabolites that the truths name.
    diff_alone : bool
        Show every method DIFF only, as if the file had nothing else.
    any_protocol : bool
        Answer protocols that the model was not trained on, see `fsl_mrs_dl.quantify.protocol`.
    kept : KeptCases, optional
        What an interrupted call of the same left is taken from there, and what is done is put there.

    Raises
    ------
    DataError
        When a file is missing or cannot be used.
    """
    paths = files_of(folder, truths)
    wanted = wanted_metabolites([t.values for t in truths], any(t.has_macromolecules for t in truths))
    how = _How(model, basis, programs or {}, wanted, diff_alone, any_protocol)
    cases = _kept(kept, len(truths))
    missing = [i for i in range(len(truths)) if i not in cases]
    pace = Pace(len(missing))
    for done, i in enumerate(missing, start=1):
        cases[i] = how.answered(truths[i], paths[i])
        if kept is not None:
            kept.put(i, cases[i])
        said = " refused" if cases[i].refused else ""
        number = len(truths) - len(missing) + done
        log.info("%d/%d %s%s  %s", number, len(truths), truths[i].id, said, pace.after(done))
    return [cases[i] for i in range(len(truths))]


@dataclass(frozen=True)
class _How:
    """What every data set of `run_cases` is quantified with."""

    model: LoadedModel | None
    basis: Path | None
    programs: Mapping[str, Program]
    wanted: Sequence[str]
    diff_alone: bool
    any_protocol: bool

    def answered(self, truth: Truth, path: Path) -> Case:
        data = load(path)
        if self.diff_alone:
            data = replace(data, spectra=diff_of(data.spectra))
        result = analyse(data, self.model, basis=self.basis, any_protocol=self.any_protocol)
        against = {CLASSICAL: result.classical}
        for name, program in self.programs.items():
            against |= answers(name, program, data.spectra, self.wanted)
        against[one_gaussian.NAME] = one_gaussian.one_gaussian(data.spectra)
        return _case(truth, result, {name: values for name, values in against.items() if values})


def _kept(kept: KeptCases | None, n: int) -> dict[int, Case]:
    """The cases of an interrupted call by their number."""
    if kept is None:
        return {}
    cases = {i: case for i in range(n) if (case := kept.get(i)) is not None}
    if cases:
        log.info("%d of %d data sets are there already", len(cases), n)
    return cases


def _case(truth: Truth, result: Quantification, against: Mapping[str, Mapping[str, float]]) -> Case:
    """What is known and what was answered of one data set."""
    return Case(
        id=truth.id,
        truth=truth.values,
        **answers_of([e for e in (*result.estimates, *result.combinations) if not e.flag]),
        against=against,
        flags=tuple(flag.code for flag in result.flags),
        series=truth.series,
        refused=result.refused,
        model=str(result.model["name"]),
        reference=result.reference,
        ratios=tuple(e for e in result.ratios() if not e.flag),
        mm_over_gaba=truth.mm_over_gaba,
    )


def files_of(folder: Path, truths: Sequence[Truth]) -> list[Path]:
    """The file of each data set, ``<id>.nii.gz``; raises `DataError` where one is missing."""
    paths = [folder / f"{truth.id}.nii.gz" for truth in truths]
    missing = [path.name for path in paths if not path.is_file()]
    if missing:
        raise DataError(
            f"{len(missing)} data sets of the truth are missing", where=folder, expected=f"{missing[0]} ..."
        )
    return paths


def diff_of(spectra: EditedSpectra) -> EditedSpectra:
    """The same data set as if it had DIFF only; raises `DataError` where it has none."""
    if spectra.diff is None:
        raise DataError(
            "the data set has no DIFF",
            where=spectra.source,
            expected="both conditions, or a DIFF",
            got=", ".join(spectra.present),
        )
    without = tuple(diff_of(part) for part in spectra.without_group)
    return replace(spectra, edit_off=None, edit_on=None, without_group=without)
