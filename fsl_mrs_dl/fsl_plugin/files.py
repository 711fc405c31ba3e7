# SPDX-License-Identifier: Apache-2.0
"""FSL-MRS's tables, complete with all requested columns, and our files beside them: quantities.json, lcmodel/."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from fsl_mrs_dl.core.errors import FslMrsDlError
from fsl_mrs_dl.fsl_plugin.compat import fsl_version
from fsl_mrs_dl.fsl_plugin.messages import tell

WATER_COLUMNS = {"molality": "mMol/kg", "molarity": "mM"}
"""Columns of summary.csv by FSL-MRS's name of a scaling."""


def write_summary(result: Any, filename: Path) -> None:
    """``summary.csv``: FSL-MRS's columns, whether there is a value or not, then 95 % intervals and raw concentrations.

    Parameters
    ----------
    result : DlFitRes
    filename : Path
    """
    import pandas as pd

    reference = f"/{result.intrefstr}"
    table = {"Metab": list(result.metabs)}
    columns = {"internal": reference, **WATER_COLUMNS}
    for scaling in result.scalings()[1:]:
        table[columns[scaling]] = result.getConc(scaling=scaling)
        table[f"{columns[scaling]} CRLB"] = result.getUncertainties(scaling)
    table["%CRLB"] = result.getUncertainties()
    frame = pd.DataFrame(table).set_index("Metab")
    snr, fwhm = result.getQCParams()[:2]
    frame["SNR"] = snr.rename(lambda name: name.removeprefix("SNR_"))
    frame["FWHM"] = fwhm.rename(lambda name: name.removeprefix("fwhm_"))
    frame[[f"{reference} lo95", f"{reference} hi95"]] = [result.interval95(name) for name in result.metabs]
    frame["Raw conc"], frame["Raw CRLB"] = result.getConc(), result.getUncertainties("raw")
    # pandas takes a first row without a value for the name of the index
    frame.sort_index().to_csv(filename, na_rep="nan")


def write_concentrations(result: Any, filename: Path) -> None:
    """``concentrations.csv``: FSL-MRS's two header rows, mean and std by scaling; ``nan`` where there is no value."""
    import pandas as pd

    scalings = result.scalings()
    by_kind = {
        "mean": {scaling: result.getConc(scaling=scaling) for scaling in scalings},
        "std": {scaling: result.getUncertainties(scaling) for scaling in scalings},
    }
    frame = pd.concat({kind: pd.DataFrame(values) for kind, values in by_kind.items()}, axis=1)
    frame.insert(0, ("Metabs", ""), result.metabs)
    frame.to_csv(filename, index=False, na_rep="nan")


def write_parameters(result: Any, filename: Path) -> None:
    """``parameter,mean,std``: numbers in `mean` throughout, for fsl_mrs_summarise makes the fit from them."""
    import pandas as pd

    nothing = set(result.params_names) if result.dl.quantification.refused else set(result.without_value())
    std = np.sqrt(np.diagonal(result.cov))
    std = [np.nan if name in nothing else s for name, s in zip(result.params_names, std, strict=True)]
    frame = pd.DataFrame({"parameter": result.params_names, "mean": result.params, "std": std})
    frame.to_csv(filename, index=False, header=True)


def write_beside(result: Any, folder: Path) -> None:
    """Write ``quantities.json`` and ``lcmodel/`` into FSL-MRS's output folder; a failure is told and not raised.

    Parameters
    ----------
    result : DlFitRes
    folder : Path
    """
    from fsl_mrs_dl.core.files import write_json
    from fsl_mrs_dl.reports.folder import write_lcmodel

    facts = result.dl
    try:
        write_json(folder / "quantities.json", content(result))
        write_lcmodel(facts.quantification, folder / "lcmodel", spectra=facts.spectra)
    except (FslMrsDlError, OSError) as error:
        tell(f"caution: quantities.json and lcmodel/ could not be written ({error})")


def content(result: Any) -> dict[str, Any]:
    """quantities.json: that of ``fsl_mrs_dl fit`` in the network's unit, and how FSL-MRS's numbers came from it.

    Quantities that the basis has a function of its own for, which was fitted, are left out.
    """
    from fsl_mrs_dl.reports import tables

    facts, functions = result.dl, result.dl.functions
    names = list(result.original_metabs)
    raw = dict(zip(names, result.getConc(metab=names), strict=True))
    entries = tables.quantities(facts.quantification, data=str(facts.spectra.source), reproduce=facts.reproduce)
    for name in functions.fitted:
        # another signal under the same name (a basis's MM09): its numbers stand in the tables
        entries["metabolites"].pop(name, None)
        entries["raw"].pop(name, None)
    entries["fsl_mrs"] = tables.finite(
        {
            "version": fsl_version(),
            "raw": {name: float(value) for name, value in raw.items()},
            "raw_sd": {name: result.getUncertainties("raw", name) for name in names},
            "raw_per_network_unit": dict(facts.scale),
            "by_network": {name: list(parts) for name, parts in functions.stands_for.items()},
            "fitted": list(functions.fitted),
            "without_value": list(result.without_value()),
            "conditions": facts.conditions,
            "files": list(facts.files),
            "notes": list(result.notes()),
        }
    )
    return entries
