# SPDX-License-Identifier: Apache-2.0
"""The two data objects of the pipeline: what was read, and what is ready for the network."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.core.flags import Flag
from fsl_mrs_dl.core.record import Record

CONDITIONS = ("edit_off", "edit_on", "diff")
"""Names of the conditions of a MEGA-PRESS measurement; ``diff = edit_on - edit_off``."""


@dataclass(frozen=True)
class Acquisition:
    """A file as it was read: every transient of every coil and condition, in one fixed order of axes.

    Parameters
    ----------
    fids : complex array, shape ``(n_conditions, n_coils, n_dynamics, n_points)``
        In the sign convention of `fsl_mrs_dl.core.units`; absent dimensions have length 1.
    dwell_s, f0_mhz : float
        Sampling interval in s, spectrometer frequency in MHz.
    conditions : tuple of str or None
        Names of the first axis as the header gives them (members of `CONDITIONS`), or None where it does not.
    source : Path
        The file.
    te_s, tr_s : float or None
        Echo and repetition time in s, where the header has them.
    edit_pulse : dict
        ``{"ON": {"shift_ppm", "duration_s"}, "OFF": {...}}`` as far as the header has it.
    affine : array, shape ``(4, 4)``
        Voxel to world, mm.
    header : dict
        The NIfTI-MRS header extension, for passing on.
    clipped : bool array, shape ``(n_conditions, n_coils, n_dynamics)``, or None
        FIDs that the receiver cut off (`fsl_mrs_dl.io.receiver`); None where nobody looked.
    start_s : float
        When the first point was taken, after the echo (negative: before it), s.
    named_by : str
        Who named `conditions`: ``header``, ``options`` of the command line, or ``naa`` of each transient.
    counts : tuple of int or None
        Transients of each condition where they are unequally many; the rest of the axis is zeros. None: all.
    """

    fids: NDArray
    dwell_s: float
    f0_mhz: float
    source: Path
    conditions: tuple[str, ...] | None = None
    te_s: float | None = None
    tr_s: float | None = None
    edit_pulse: dict[str, dict[str, float]] = field(default_factory=dict)
    affine: NDArray = field(default_factory=lambda: np.eye(4))
    header: dict[str, Any] = field(default_factory=dict)
    clipped: NDArray | None = None
    start_s: float = 0.0
    named_by: str = "header"
    counts: tuple[int, ...] | None = None

    @property
    def n_conditions(self) -> int:
        """Length of the first axis: 2 for OFF and ON, 1 for a single spectrum."""
        return self.fids.shape[0]

    @property
    def is_raw(self) -> bool:
        """Whether coils or transients have still to be combined."""
        return self.fids.shape[1] > 1 or self.fids.shape[2] > 1


@dataclass(frozen=True)
class EditedSpectra:
    """One voxel, combined and averaged: the conditions that are there, as FIDs.

    Parameters
    ----------
    dwell_s, f0_mhz : float
        Sampling interval in s, spectrometer frequency in MHz.
    edit_off, edit_on, diff : complex array, shape ``(n_points,)``, or None
        In the sign convention of `fsl_mrs_dl.core.units`. With both conditions ``diff = edit_on - edit_off``
        (`fsl_mrs_preproc_edit` writes half of that to its ``diff.nii.gz``).
    flags : tuple of Flag
        What was noticed so far.
    history : Record
        Figures of the steps taken: rejected transients, drift, line widths ...
    without_group : tuple of EditedSpectra
        The same scan, each time without another group of its transients: what tells how much they differ. Empty where
        there were no transients, or few.
    measured_points : int, optional
        Points up to the last that was not zero in the file: what follows was filled up. None where it is not known.
    te_s, affine, source, edit_pulse, header : see `Acquisition`.
    """

    dwell_s: float
    f0_mhz: float
    source: Path
    edit_off: NDArray | None = None
    edit_on: NDArray | None = None
    diff: NDArray | None = None
    te_s: float | None = None
    tr_s: float | None = None
    edit_pulse: dict[str, dict[str, float]] = field(default_factory=dict)
    affine: NDArray = field(default_factory=lambda: np.eye(4))
    flags: tuple[Flag, ...] = ()
    history: Record = field(default_factory=Record)
    header: dict[str, Any] = field(default_factory=dict)
    without_group: tuple[EditedSpectra, ...] = ()
    measured_points: int | None = None

    def __post_init__(self) -> None:
        if not self.present:
            raise ValueError("EditedSpectra needs at least one of edit_off, edit_on, diff")

    @property
    def present(self) -> tuple[str, ...]:
        """Names of the conditions that are there, in the order of `CONDITIONS`."""
        return tuple(name for name in CONDITIONS if getattr(self, name) is not None)

    @property
    def n_points(self) -> int:
        """Points of each FID."""
        return int(getattr(self, self.present[0]).shape[-1])

    def with_flags(self, *flags: Flag) -> EditedSpectra:
        """A copy with more flags."""
        return replace(self, flags=(*self.flags, *flags))

    def map(self, function: Any) -> EditedSpectra:
        """A copy with `function` (FID to FID) applied to each condition that is there; `without_group` is dropped."""
        return replace(self, without_group=(), **{name: function(getattr(self, name)) for name in self.present})
