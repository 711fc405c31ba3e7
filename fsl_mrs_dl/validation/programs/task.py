# SPDX-License-Identifier: Apache-2.0
"""Classical programs on the same spectra, with the same basis: what they share.

A program is shown edit_off and DIFF apart. Two answers are taken: all from edit_off (``NAME_off``), and the edited
metabolites from DIFF with the rest from edit_off (``NAME``); both are in the basis's unit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.core.data import EditedSpectra
from fsl_mrs_dl.core.units import time_axis
from fsl_mrs_dl.metabolites.table import BROAD, shown_in_diff
from fsl_mrs_dl.physics.simulate import voigt_decay
from fsl_mrs_dl.quantify.signals import BasisSignals, basis_signals

BASIS_LW_HZ = 1.0
"""Lorentzian width given to the lines: a basis of undamped signals does not fit into a program's window."""

FROM_DIFF = shown_in_diff("edited")
"""Taken from DIFF where it is there: what the editing separates."""

MACROMOLECULES = BROAD
"""Basis functions that a program may have of its own."""


@dataclass(frozen=True)
class Task:
    """One spectrum for a classical program.

    Parameters
    ----------
    condition : str
        ``edit_off`` or ``diff``.
    fid : complex array, shape ``(n_points,)``
    names : tuple of str
    basis : complex array, shape ``(n_names, n_points)``
        Without what does not show in this condition.
    dwell_s, f0_mhz : float
    te_s : float or None
    """

    condition: str
    fid: NDArray
    names: tuple[str, ...]
    basis: NDArray
    dwell_s: float
    f0_mhz: float
    te_s: float | None = None

    @property
    def has_macromolecules(self) -> bool:
        """Whether the basis holds some."""
        return any(name in MACROMOLECULES for name in self.names)


Program = Callable[[Task], Mapping[str, float]]
"""Fits one spectrum and gives raw concentrations; empty where it failed."""


def tasks(spectra: EditedSpectra, signals: BasisSignals) -> list[Task]:
    """The spectra to be fitted.

    DIFF leaves out what it does not show (Cr 0.2 % of its OFF line, for example): programs give anything for it.
    """
    decay = voigt_decay(time_axis(spectra.n_points, spectra.dwell_s), BASIS_LW_HZ, 0.0)
    found = []
    for condition, fids in signals.fids.items():
        norm = np.linalg.norm(fids * decay, axis=1)
        shown = np.flatnonzero(norm > (0.02 if condition == "diff" else 1e-6) * norm.max())
        found.append(
            Task(
                condition,
                getattr(spectra, condition),
                tuple(signals.names[i] for i in shown),
                fids[shown] * decay,
                spectra.dwell_s,
                spectra.f0_mhz,
                spectra.te_s,
            )
        )
    return found


def answers(name: str, program: Program, spectra: EditedSpectra, wanted: Sequence[str]) -> dict[str, dict[str, float]]:
    """What `program` says about a data set, as ``{"NAME_off": ..., "NAME": ...}``; without what failed.

    Parameters
    ----------
    name : str
    program : callable
    spectra : EditedSpectra
    wanted : sequence of str
        Metabolites that the data hold, and macromolecules: a classical fit is told, which favours it.
    """
    fitted = {task.condition: dict(program(task)) for task in tasks(spectra, basis_signals(spectra, wanted))}
    off, diff = fitted.get("edit_off", {}), fitted.get("diff", {})
    result = {
        f"{name}_off": off,
        name: {**off, **{key: diff[key] for key in FROM_DIFF if key in diff}} if off else diff,
    }
    return {key: values for key, values in result.items() if values}


def wanted_metabolites(truths: Iterable[Mapping[str, float]], with_macromolecules: bool) -> tuple[str, ...]:
    """Basis functions for a whole data set: every metabolite that one of its truths names."""
    from fsl_mrs_dl.validation.metrics import ALIASES

    names = dict.fromkeys(ALIASES.get(name, name) for truth in truths for name in truth)
    return (*names, *(MACROMOLECULES if with_macromolecules else ()))
