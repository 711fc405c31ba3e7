# SPDX-License-Identifier: Apache-2.0
"""`Fit`: what `fsl_mrs_dl.fit` returns."""

from __future__ import annotations

import html
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fsl_mrs_dl.api.estimates import Estimates, UnknownNameError
from fsl_mrs_dl.core.arguments import path_of
from fsl_mrs_dl.core.data import EditedSpectra
from fsl_mrs_dl.core.errors import MissingExtraError, nearest
from fsl_mrs_dl.core.flags import Flag
from fsl_mrs_dl.metabolites.sums import short_name
from fsl_mrs_dl.preprocess.pipeline import Preprocessed
from fsl_mrs_dl.quantify.result import Quantification
from fsl_mrs_dl.reports import tables

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True, eq=False)
class Fit:
    """The result of `fsl_mrs_dl.fit` for one data set.

    Parameters
    ----------
    quantification : Quantification
        Estimates, flags, and the fits beside the network.
    data : Preprocessed
        The data that were quantified: spectra, water reference, results of the alignment.
    arguments : mapping
        Arguments of `fsl_mrs_dl.fit` that were given; files as text.
    """

    quantification: Quantification
    data: Preprocessed
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @property
    def refused(self) -> bool:
        """Whether the data were refused; then there are no estimates, and `reason` says why."""
        return self.quantification.refused

    @property
    def reason(self) -> str:
        """Why the data were refused; empty if they were not."""
        return next((flag.detail for flag in self.flags if flag.severity == "refused"), "")

    @property
    def flags(self) -> tuple[Flag, ...]:
        """Remarks on the data and the result.

        Each has a `code`, a `severity` ('info', 'caution' or 'refused'), a `detail` and a `sentence`.
        """
        return self.quantification.flags

    @property
    def spectra(self) -> EditedSpectra:
        """The preprocessed spectra.

        `edit_off`, `edit_on` and `diff` are complex FIDs of shape ``(n_points,)``, or None where they were not
        measured; `dwell_s` is the sampling interval in s, `f0_mhz` the spectrometer frequency in MHz.
        """
        return self.data.spectra

    @cached_property
    def raw(self) -> Estimates:
        """Raw amplitudes by name: per unit of the basis, like FSL-MRS's raw concentrations."""
        return Estimates(tables.all_estimates(self.quantification), "raw amplitudes", self._without)

    @cached_property
    def ratios(self) -> Estimates:
        """Concentration ratios to the internal reference (Cr+PCr; NAA for a DIFF alone) by name."""
        q = self.quantification
        found = () if self.refused else q.ratios()
        return Estimates(found, f"ratios to {q.reference_name}", self._without or "the reference was not measured")

    def ratios_to(self, reference: str) -> Estimates:
        """Concentration ratios to one of the references, ``tCr`` or ``tNAA`` (short names as in quantities.json).

        Raises
        ------
        UnknownNameError
            When there is no such reference.
        """
        q = self.quantification
        found = {self._short(q.reference): self.ratios}
        if q.second_reference:
            second = () if self.refused else q.second_ratios()
            name = f"ratios to {q.second_reference_name}"
            found[self._short(q.second_reference)] = Estimates(second, name, self._without)
        if reference not in found:
            raise UnknownNameError(
                f"there is no reference '{reference}'{nearest(reference, found)}", expected=f"one of {', '.join(found)}"
            )
        return found[reference]

    @cached_property
    def concentrations(self) -> Estimates:
        """Concentrations relative to the water reference, by name.

        In mMol/kg of tissue water if tissue fractions were given, else in institutional units; empty without a
        water reference. `concentrations_in` has other units.
        """
        units = self.concentration_units
        return self.concentrations_in(units[0]) if units else Estimates((), "concentrations by water", self._dry)

    @property
    def concentration_units(self) -> tuple[str, ...]:
        """Available units of concentration, the one of `concentrations` first."""
        found = self.quantification.absolute.values()
        return tuple(shown for unit, shown in tables.WATER_UNITS.items() if any(unit in entry for entry in found))

    def concentrations_in(self, unit: str) -> Estimates:
        """Concentrations in one of `concentration_units`, by name; not every metabolite has every unit.

        Raises
        ------
        UnknownNameError
            When there are no concentrations in this unit.
        """
        known = self.concentration_units
        if unit not in known:
            raise UnknownNameError(
                f"there are no concentrations in '{unit}'{nearest(unit, known)}",
                expected=f"one of {', '.join(known)}" if known else None,
                got=None if known else self._dry,
            )
        found = [e for e in tables.measurements(self.quantification) if e.unit == unit]
        return Estimates(found, f"concentrations by water ({unit})", self._dry)

    def to_dict(self) -> dict[str, Any]:
        """The content of ``quantities.json``: plain Python types, with None in place of NaN."""
        return tables.quantities(self.quantification, data=str(self.spectra.source), reproduce=self.reproduce)

    def to_frame(self) -> DataFrame:
        """A pandas table with one row per metabolite and unit; empty if the data were refused.

        Columns: ``metabolite, value, unit, sd, lo68, hi68, lo95, hi95, subspectrum, flag``. A metabolite that is not
        visible has one row with NaN and a flag.

        Raises
        ------
        MissingExtraError
            When pandas is not installed.
        """
        try:
            from pandas import DataFrame
        except ImportError as error:
            raise MissingExtraError("pandas", "pandas") from error
        return DataFrame(tables.records(self.quantification), columns=list(tables.RECORD_COLUMNS))

    def plot(self) -> Any:
        """Figure of fit_summary.png, a `matplotlib.figure.Figure`: data, reconstructed spectrum, residual, values."""
        from fsl_mrs_dl.reports.figures import draw_summary

        return draw_summary(self.quantification, self.spectra.source.name)

    def write(self, folder: str | os.PathLike[str], *, report: bool = False, overwrite: bool = False) -> Path:
        """Write the output folder of ``fsl_mrs_dl fit``, complete or not at all.

        Parameters
        ----------
        folder : path-like
            Folder to create; its parent must exist.
        report : bool
            Whether to write ``report.html`` too.
        overwrite : bool
            Whether to replace an earlier output of this program.

        Returns
        -------
        Path
            The folder.

        Raises
        ------
        DataError
            When the folder exists and is no output of this program or holds an input, or when it cannot be written.
        """
        from fsl_mrs_dl.core.files import new_output_folder
        from fsl_mrs_dl.reports.manifest import entry_names

        target = path_of(folder, "folder")
        inputs = [value for value in self.arguments.values() if isinstance(value, str)]
        with new_output_folder(target, overwrite=overwrite, inputs=inputs, names=entry_names()) as scratch:
            self.write_into(scratch, report=report)
        return target

    def write_into(
        self,
        folder: Path,
        *,
        report: bool = False,
        options: Mapping[str, Any] | None = None,
        reproduce: str | None = None,
    ) -> None:
        """Write the files of `write` into an existing, empty folder; the caller moves it into place.

        Parameters
        ----------
        folder : Path
        report : bool
        options : mapping, optional
            Arguments for ``options.txt`` and the checklist; those of `fsl_mrs_dl.fit` otherwise.
        reproduce : str, optional
            The command that repeats the run; the call of `fsl_mrs_dl.fit` otherwise.
        """
        from fsl_mrs_dl.reports.manifest import Run, write_folder

        run = Run(
            self.quantification,
            self.spectra,
            options=self.arguments if options is None else options,
            reproduce=self.reproduce if reproduce is None else reproduce,
            report=report,
            unaligned=self.data.unaligned,
        )
        write_folder(Path(folder), run)

    @property
    def reproduce(self) -> str:
        """The call that repeats this fit."""
        words = [f"{name}={value!r}" for name, value in self.arguments.items() if value is not None]
        return f"fsl_mrs_dl.fit({', '.join(words)})"

    def __repr__(self) -> str:
        source = self.spectra.source
        if self.refused:
            return f"<Fit of {source}: refused, {self.reason}>"
        return f"<Fit of {source} by {self.quantification.model['name']}: {len(self.ratios)} ratios>"

    def _repr_html_(self) -> str:
        """For notebooks: the main values and all cautions."""
        from fsl_mrs_dl.reports.figures import format_value, headline

        q, escape = self.quantification, html.escape
        rows = [
            f"<tr><th>{escape(e.name)}</th><td>{format_value(e.value)}</td><td>{escape(e.unit)}</td>"
            f"<td>{format_value(e.interval95[0])} to {format_value(e.interval95[1])}</td></tr>"
            for e in headline(q)
        ]
        noted = [
            f"<li><b>{flag.severity}</b>: {escape(flag.sentence)}</li>"
            for flag in self.flags
            if flag.severity != "info"
        ]
        table = (
            "<table><tr><th></th><th>value</th><th>unit</th><th>95 % interval</th></tr>" + "".join(rows) + "</table>"
        )
        return (
            f"<div><b>{escape(self.spectra.source.name)}</b>, model {escape(str(q.model.get('name', '')))}"
            + (table if rows else "")
            + (f"<ul>{''.join(noted)}</ul>" if noted else "")
            + "</div>"
        )

    @property
    def _without(self) -> str:
        """Why there are no estimates at all; empty where there are."""
        return f"the data were refused: {self.reason}" if self.refused else ""

    @property
    def _dry(self) -> str:
        """Why there are no concentrations by water."""
        return self._without or "no water reference that serves: give h2o="

    def _short(self, parts: tuple[str, ...]) -> str:
        """Short name of a reference, of the parts that the model knows, as in quantities.json."""
        known = {e.name for e in self.quantification.estimates}
        return short_name(tuple(part for part in parts if part in known or not known))
