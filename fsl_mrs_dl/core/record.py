# SPDX-License-Identifier: Apache-2.0
"""The record of preprocessing: what each step did to a scan and what it found, one typed entry per step."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class OnOffAlignment:
    """How ON was matched to OFF.

    Parameters
    ----------
    applied : bool
        Whether that made the residue smaller; ON was left as it was otherwise.
    shift_hz, phase_rad : float
    residue_before, residue_after : float
        See `fsl_mrs_dl.preprocess.align_pair.PairAlignment`.
    """

    applied: bool
    shift_hz: float
    phase_rad: float
    residue_before: float
    residue_after: float


@dataclass(frozen=True)
class EddyCurrent:
    """Whether eddy currents were corrected by the water reference."""

    corrected: bool


@dataclass(frozen=True)
class ResidualWater:
    """Whether residual water was removed, and how high it stood relative to the highest other line."""

    removed: bool
    ratio: float | None = None


@dataclass(frozen=True)
class FrequencyReference:
    """Shift and phase that put the lines to their places, and the condition and signal-to-noise ratio of the match."""

    condition: str
    shift_hz: float
    shift_ppm: float
    phase_rad: float
    snr: float


@dataclass(frozen=True)
class Coils:
    """Receiver coils that were combined."""

    n_coils: int


@dataclass(frozen=True)
class Transients:
    """Transients of one condition.

    Parameters
    ----------
    n : int
    shifts_hz, phases_rad : tuple of float
        By which each was moved.
    rejected : tuple of int
        Indices of those left out of the average.
    """

    n: int
    shifts_hz: tuple[float, ...] = ()
    phases_rad: tuple[float, ...] = ()
    rejected: tuple[int, ...] = ()


@dataclass(frozen=True)
class LineWidth:
    """Width of Cr's line at 3.03 ppm in Hz, in the plain mean and in the final average; None where there is none."""

    before: float | None = None
    after: float | None = None


@dataclass(frozen=True)
class Record:
    """The steps taken, in their order; None for a step that was not taken.

    Parameters
    ----------
    on_off_alignment : OnOffAlignment
    eddy_current : EddyCurrent
    water : ResidualWater
    reference : FrequencyReference
    coils : Coils
    transient_groups : int
        Groups of transients without each of which the scan was averaged once more.
    transients : mapping of condition to Transients
    cr_width_hz : LineWidth
    """

    on_off_alignment: OnOffAlignment | None = None
    eddy_current: EddyCurrent | None = None
    water: ResidualWater | None = None
    reference: FrequencyReference | None = None
    coils: Coils | None = None
    transient_groups: int | None = None
    transients: Mapping[str, Transients] | None = None
    cr_width_hz: LineWidth | None = None

    @property
    def n_coils(self) -> int:
        """Coils that were combined; 1 where none were."""
        return self.coils.n_coils if self.coils else 1

    @property
    def aligned(self) -> bool:
        """Whether ON was moved to match OFF."""
        return bool(self.on_off_alignment and self.on_off_alignment.applied)

    @property
    def eddy_corrected(self) -> bool:
        """Whether eddy currents were corrected."""
        return bool(self.eddy_current and self.eddy_current.corrected)

    @property
    def water_removed(self) -> bool:
        """Whether residual water was removed."""
        return bool(self.water and self.water.removed)

    @property
    def water_ratio(self) -> float | None:
        """Height of the residual water relative to the highest other line; None where that is not known."""
        return self.water.ratio if self.water else None

    @property
    def averaged(self) -> Mapping[str, Transients]:
        """Transients by condition; empty where there is no record of them."""
        return self.transients or {}

    def to_dict(self) -> dict[str, Any]:
        """What is on record, as JSON has it."""
        steps = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {name: _plain(step) for name, step in steps.items() if step is not None}


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: _plain(entry) for key, entry in value.items()}
    return list(value) if isinstance(value, tuple) else value
