# SPDX-License-Identifier: Apache-2.0
"""Files beside FSL-MRS's own: ``quantities.json`` and ``lcmodel/``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fsl_mrs_dl.core.errors import FslMrsDlError
from fsl_mrs_dl.fsl_plugin.compat import fsl_version
from fsl_mrs_dl.fsl_plugin.request import tell


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
    """quantities.json: that of ``fsl_mrs_dl fit`` in the network's unit, and how FSL-MRS's numbers came from it."""
    from fsl_mrs_dl.reports import tables

    facts = result.dl
    names = list(result.original_metabs)
    raw = dict(zip(names, result.getConc(metab=names), strict=True))
    entries = tables.quantities(facts.quantification, data=str(facts.spectra.source), reproduce=facts.reproduce)
    entries["fsl_mrs"] = tables.finite(
        {
            "version": fsl_version(),
            "raw": {name: float(value) for name, value in raw.items()},
            "raw_sd": {name: result.getUncertainties("raw", name) for name in names},
            "raw_per_network_unit": dict(facts.scale),
            "by_network": list(facts.known),
            "fitted": [name for name in names if name not in facts.known],
            "without_value": list(facts.hidden),
            "conditions": facts.conditions,
            "files": list(facts.files),
            "notes": list(result.notes()),
        }
    )
    return entries
