# SPDX-License-Identifier: Apache-2.0
"""The list of all files in the output folder of `fit`: names, descriptions and writers.

The folder's writer, ``--overwrite``, the BIDS derivatives and the tables of README and docs all read `OUTPUTS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from fsl_mrs_dl.core.data import EditedSpectra
from fsl_mrs_dl.core.files import write_json, write_text
from fsl_mrs_dl.quantify.result import Quantification
from fsl_mrs_dl.reports import tables
from fsl_mrs_dl.reports.figures import save_fit_summary
from fsl_mrs_dl.reports.folder import options_text, write_fit, write_lcmodel
from fsl_mrs_dl.reports.fsl_folder import write_fsl_files
from fsl_mrs_dl.reports.words.mrsinmrs import mrsinmrs


@dataclass(frozen=True)
class Run:
    """What outputs are made from.

    Parameters
    ----------
    quantification : Quantification
    spectra : EditedSpectra
        What was quantified.
    options : mapping
        Arguments of the run.
    reproduce : str
        Command line that repeats the run.
    report : bool
        Whether ``report.html`` is wanted.
    unaligned : mapping of str to complex array, optional
        `Preprocessed.unaligned`, for the report.
    """

    quantification: Quantification
    spectra: EditedSpectra
    options: Mapping[str, Any] = field(default_factory=dict)
    reproduce: str = ""
    report: bool = False
    unaligned: Mapping[str, NDArray] | None = None


def _always(_: Run) -> bool:
    return True


@dataclass(frozen=True)
class Output:
    """Files that are written together.

    Parameters
    ----------
    files : mapping of str to str
        Name in the output folder: name in a BIDS derivative dataset after the entities (``desc-dl_report.html``), or
        empty where it is not kept there.
    what : str
        For the tables of README and docs.
    write : callable
        Writes the files of a `Run` into a folder.
    when : callable
        Whether a `Run` has them.
    """

    files: Mapping[str, str]
    what: str
    write: Callable[[Path, Run], None]
    when: Callable[[Run], bool] = _always


def _write_quantities(folder: Path, run: Run) -> None:
    content = tables.quantities(run.quantification, data=str(run.spectra.source), reproduce=run.reproduce)
    write_json(folder / "quantities.json", content)


def _write_tables(folder: Path, run: Run) -> None:
    write_text(folder / "summary.csv", tables.summary_csv(run.quantification))
    write_text(folder / "concentrations.csv", tables.concentrations_csv(run.quantification))
    write_text(folder / "qc.csv", tables.qc_csv(run.quantification))
    write_text(folder / "all_parameters.csv", tables.all_parameters_csv(run.quantification))


def _write_picture(folder: Path, run: Run) -> None:
    save_fit_summary(folder / "fit_summary.png", run.quantification, title=run.spectra.source.name)


def _write_fit(folder: Path, run: Run) -> None:
    write_fit(folder / "fit.nii.gz", run.quantification, run.spectra)


def _write_fsl_files(folder: Path, run: Run) -> None:
    write_fsl_files(run.quantification, folder, run.spectra)


def _write_lcmodel(folder: Path, run: Run) -> None:
    write_lcmodel(run.quantification, folder / "lcmodel", spectra=run.spectra)


def _write_report(folder: Path, run: Run) -> None:
    # jinja2 is slow to import, and only a report needs it
    from fsl_mrs_dl.reports.html.report import render_report

    html = render_report(
        run.quantification, spectra=run.spectra, options=run.options, reproduce=run.reproduce, unaligned=run.unaligned
    )
    write_text(folder / "report.html", html)


def _write_checklist(folder: Path, run: Run) -> None:
    checklist = mrsinmrs(run.quantification, run.spectra, run.options)
    write_json(folder / "mrsinmrs.json", checklist.to_dict())
    write_text(folder / "mrsinmrs.md", checklist.to_markdown())


def _write_options(folder: Path, run: Run) -> None:
    write_text(folder / "options.txt", options_text(run.quantification, run.options, run.reproduce))


OUTPUTS: tuple[Output, ...] = (
    Output(
        {"quantities.json": "desc-dl_quantities.json"},
        "everything, for programs: per metabolite value, sd, 68 % and 95 % interval, flag; `raw` amplitudes; `flags`",
        _write_quantities,
    ),
    Output(
        {"summary.csv": "", "concentrations.csv": "", "qc.csv": "", "all_parameters.csv": ""},
        "tables with FSL-MRS's file names; the spread is called SD, because it is not a CRLB",
        _write_tables,
    ),
    Output(
        {"fit_summary.png": "desc-dl_fit.png"}, "figure: data, reconstructed spectrum, residual, values", _write_picture
    ),
    Output(
        {"fit.nii.gz": "desc-fit_svs.nii.gz"},
        "the reconstructed signal (NIfTI-MRS); not written for refused data",
        _write_fit,
        when=lambda run: run.quantification.fitted_fid is not None and not run.quantification.refused,
    ),
    Output(
        {"data.nii.gz": "", "data": "", "basis": ""},
        "the spectrum and the fitted functions, from which `fsl_mrs_summarise` draws the fit",
        _write_fsl_files,
        when=lambda run: bool(run.quantification.function_fids),
    ),
    Output(
        {"report.html": "desc-dl_report.html"},
        "with `--report`: the report with figures, flags and values; opens offline",
        _write_report,
        when=lambda run: run.report,
    ),
    Output(
        {
            "lcmodel/dl.table": "desc-lcmodel.table",
            "lcmodel/dl.csv": "desc-lcmodel.csv",
            "lcmodel/dl.coord": "desc-lcmodel.coord",
            "lcmodel/dl.print": "desc-lcmodel.print",
        },
        "for scripts that parse LCModel's files",
        _write_lcmodel,
    ),
    Output(
        {"mrsinmrs.md": "desc-dl_mrsinmrs.md", "mrsinmrs.json": "desc-dl_mrsinmrs.json"},
        "the MRSinMRS checklist (Lin et al. 2021), filled in from header and run; unknown entries say so",
        _write_checklist,
    ),
    Output({"options.txt": ""}, "arguments, versions, model and its SHA-256", _write_options),
)
"""All outputs of `fit`, in the order of the tables of README and docs."""


def write_folder(folder: Path, run: Run) -> None:
    """Write the outputs of one data set into `folder`, which exists (a temporary one, for it is filled file by file).

    Parameters
    ----------
    folder : Path
    run : Run
        Refused: tables are empty, and there is no ``fit.nii.gz``.

    Raises
    ------
    DataError
        When a file cannot be written.
    """
    for output in OUTPUTS:
        if output.when(run):
            output.write(folder, run)


def entry_names() -> tuple[str, ...]:
    """Names of the files and folders that `write_folder` makes at the top of an output folder."""
    return tuple(dict.fromkeys(name.partition("/")[0] for output in OUTPUTS for name in output.files))


def bids_names() -> dict[str, str]:
    """Files that a derivative dataset keeps, and what they are called there after the entities."""
    return {name: kept for output in OUTPUTS for name, kept in output.files.items() if kept}
