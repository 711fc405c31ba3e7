# SPDX-License-Identifier: Apache-2.0
"""The real LCModel, where its program is found, on the spectra of a validation.

Settings: edit_off without spline baseline for solutions, with LCModel's own defaults where the basis holds
macromolecules; DIFF by the ``mega-press-3`` preset, its shift window narrowed to 0.06 ppm, because with the preset's
1.3 ppm a spectrum with little NAA is put on another line.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from fsl_mrs_dl.basis.files import ConditionBasis
from fsl_mrs_dl.basis.lcmodel_file import write_lcmodel_basis
from fsl_mrs_dl.core.errors import DataError
from fsl_mrs_dl.validation.programs.task import BASIS_LW_HZ, MACROMOLECULES, Task

_ROW = re.compile(r"^ (.{8})[ \d]{4}%.{8}[ +-]([A-Za-z]\w*) *$", re.MULTILINE)
"""Columns 2-9 concentration, 10-14 %SD, 15-22 ratio, 23 a mark, 24- name; sums have a + in it."""

_TIMEOUT_S = 120


def find_lcmodel(path: Path | None = None) -> Path | None:
    """LCModel's program: the one that is named, ``$LCMODEL``, or ``lcmodel`` on the PATH; None where there is none.

    Raises
    ------
    DataError
        When the one that is named is not there.
    """
    named = path or (Path(os.environ["LCMODEL"]) if os.environ.get("LCMODEL") else None)
    if named is not None:
        if not (named.is_file() and os.access(named, os.X_OK)):
            raise DataError("not a program", where=named, expected="LCModel's binary", hint="Check lcmodel=, $LCMODEL")
        return named.resolve()
    found = shutil.which("lcmodel")
    return Path(found) if found else None


class LCModel:
    """LCModel as a `Program`.

    Parameters
    ----------
    binary : Path
    """

    def __init__(self, binary: Path) -> None:
        self.binary = binary

    def __call__(self, task: Task) -> Mapping[str, float]:
        """Fit one spectrum."""
        with tempfile.TemporaryDirectory(prefix="lcmodel_") as scratch:
            folder = Path(scratch)
            # LCModel has macromolecules of its own
            keep = [i for i, name in enumerate(task.names) if name not in MACROMOLECULES]
            basis = ConditionBasis(
                tuple(task.names[i] for i in keep), task.basis[keep], task.dwell_s, task.f0_mhz, BASIS_LW_HZ
            )
            write_lcmodel_basis(folder / "b.BASIS", basis, te_s=task.te_s or 0.068)
            # its time signals are the conjugate of ours
            cells = "\n".join(f"{v.real:16.8E}{v.imag:16.8E}" for v in task.fid.conj())
            (folder / "d.RAW").write_text(f" $NMID id='d' fmtdat='(2E16.8)' volume=1. tramp=1. $END\n{cells}\n")
            lines = [" $LCMODL", *(f" {line}" for line in control(task)), " $END", ""]
            try:
                done = subprocess.run(
                    [str(self.binary)],
                    input="\n".join(lines),
                    text=True,
                    cwd=folder,
                    timeout=_TIMEOUT_S,
                    capture_output=True,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                return {}
            except OSError as error:
                raise DataError("LCModel cannot be started", where=self.binary, got=error.strerror) from error
            # LCModel itself ends with 0 whatever happens; what did not start says so
            if done.returncode:
                raise DataError("LCModel does not run", where=self.binary, got=" ".join(done.stderr.split())[-200:])
            try:
                table = (folder / "o.table").read_text("latin-1")
            except OSError:
                return {}
        return read_concentrations(table)


def control(task: Task) -> list[str]:
    """Lines of LCModel's control file for a spectrum."""
    lines = [
        "title='fsl_mrs_dl'",
        "filbas='b.BASIS'",
        "filraw='d.RAW'",
        "filps='o.ps'",
        "filtab='o.table'",
        "ltable=7",
        f"nunfil={len(task.fid)}",
        f"deltat={task.dwell_s:.9g}",
        f"hzpppm={task.f0_mhz:.6f}",
        "neach=0",
    ]
    if task.condition == "diff":
        lines += ["sptype='mega-press-3'", "shifmn(2)=-0.06", "shifmx(2)=0.06", "namrel='NAA'", "nratio=0"]
        return lines + ([] if task.has_macromolecules else ["nsimul=0"])
    lines += ["ppmst=4.2", "ppmend=0.6" if task.has_macromolecules else "ppmend=1.8", "namrel='Cr'", "desdt2=2."]
    return lines if task.has_macromolecules else [*lines, "nobase=T", "nsimul=0", "nratio=0"]


def read_concentrations(table: str) -> dict[str, float]:
    """Concentrations of single metabolites in the text of a ``.table``; empty where there are none."""
    head, _, rest = table.partition("$$CONC")
    rows = rest.partition("$$MISC")[0] if rest else head
    found: dict[str, float] = {}
    for value, name in _ROW.findall(rows):
        if not name.startswith(("MM", "Lip")):
            found.setdefault(name, float(value))
    return found
