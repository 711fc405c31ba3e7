# SPDX-License-Identifier: Apache-2.0
"""A study as data: its scans, the quantities that are compared, what lies far from the others, what was repeated."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.core.flags import Flag
from fsl_mrs_dl.reports.words.verdict import State, Verdict, verdict

SHOWN = ("GABA+", "GABA", "Glx", "Glu", "Gln", "GSH", "tNAA", "tCho", "Ins")
"""Metabolites that a study is looked at for: ratios, and concentrations by water where there are any."""

FAR = 3.5
"""Outlier: robust z-score (0.6745 times the distance from the median by the median absolute deviation) beyond this
(Iglewicz and Hoaglin 1993, How to detect and handle outliers, ASQC)."""

MIN_FOR_OUTLIERS = 5
"""With fewer scans the spread is not known well enough to call one far."""

NOT_KNOWN = "n/a"


@dataclass(frozen=True)
class Value:
    """An estimate and the ends of its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, order=True)
class Quantity:
    """What is compared between scans.

    Parameters
    ----------
    series : str
        Entities of the scans beside participant, session and run (``acq-mega_voi-acc``): scans of another voxel or
        protocol are another series.
    unit, metabolite : str
    """

    series: str
    unit: str
    metabolite: str

    @property
    def title(self) -> str:
        """``GABA+ /Cr+PCr``."""
        return f"{self.metabolite} {self.unit}"


@dataclass(frozen=True)
class Scan:
    """One scan of a study.

    Parameters
    ----------
    name : str
        Its entities, as in its files.
    participant, session, run : str
        ``sub-01``, ``ses-1``, ``run-1``; `NOT_KNOWN` where there is none.
    series : str
        See `Quantity`.
    values : mapping of (metabolite, unit) to Value
    flags : tuple of Flag
    snr, fwhm_hz : float
        Not finite where there is no fit.
    columns : mapping of str to str
        What the scan can be grouped by: site, vendor, columns of ``participants.tsv``.
    report : str
        Its report, relative to the page; empty where there is none.
    spectra : mapping of str to array, shape ``(2, n)``
        By condition, ppm and real part of what a picture is drawn of.
    checked : bool
        False where what was noticed in it is not known.
    """

    name: str
    participant: str
    session: str = NOT_KNOWN
    run: str = NOT_KNOWN
    series: str = ""
    values: Mapping[tuple[str, str], Value] = field(default_factory=dict)
    flags: tuple[Flag, ...] = ()
    snr: float = float("nan")
    fwhm_hz: float = float("nan")
    columns: Mapping[str, str] = field(default_factory=dict)
    report: str = ""
    spectra: Mapping[str, NDArray] = field(default_factory=dict)
    checked: bool = True

    @property
    def verdict(self) -> Verdict:
        """As the report of the scan has it."""
        return verdict(self.flags)

    @property
    def state(self) -> State:
        """That of the verdict; nothing is OK that was not checked."""
        return self.verdict.state if self.checked else "look"

    @property
    def reason(self) -> str:
        """Why the scan is not OK; empty where it is."""
        reason = self.verdict.reason
        if not self.checked:
            return "The quality file is missing, damaged or another version's: run the participant level again."
        return reason.sentence if reason else ""

    @property
    def groups(self) -> dict[str, str]:
        """`columns`, and session and run."""
        return {"session": self.session, "run": self.run, **self.columns}

    def with_spectra(self, spectra: Mapping[str, NDArray]) -> Scan:
        """A copy with curves for its picture."""
        return replace(self, spectra=spectra)

    def value(self, quantity: Quantity) -> Value | None:
        """The value of a quantity; None where this scan has none."""
        if self.series != quantity.series:
            return None
        return self.values.get((quantity.metabolite, quantity.unit))


def quantities(scans: Iterable[Scan]) -> list[Quantity]:
    """All that is shown of a study: ratios first, metabolites in the order of `SHOWN`."""
    found = {
        Quantity(scan.series, unit, metabolite)
        for scan in scans
        for metabolite, unit in scan.values
        if metabolite in SHOWN and unit != "raw"
    }
    return sorted(found, key=lambda q: (q.series, not q.unit.startswith("/"), q.unit, SHOWN.index(q.metabolite)))


def measured(scans: Iterable[Scan], quantity: Quantity) -> dict[str, Value]:
    """Values of a quantity by the name of the scan."""
    found = {scan.name: scan.value(quantity) for scan in scans}
    return {name: value for name, value in found.items() if value is not None}


def far_from_others(values: Mapping[str, Value]) -> set[str]:
    """Scans whose value lies beyond `FAR`; none where there are too few, or half of them are the same."""
    numbers = np.array([v.value for v in values.values()])
    if len(numbers) < MIN_FOR_OUTLIERS:
        return set()
    distance = np.abs(numbers - np.median(numbers))
    deviation = float(np.median(distance))
    if not deviation > 0:
        return set()
    return {name for name, far in zip(values, 0.6745 * distance / deviation > FAR, strict=True) if far}


@dataclass(frozen=True)
class Figures:
    """Location and spread of some scans; SD and CV are not finite for a single one."""

    n: int
    median: float
    quartiles: tuple[float, float]
    mean: float
    sd: float
    cv_percent: float
    interval_width: float

    @classmethod
    def of(cls, values: Sequence[Value]) -> Figures:
        """Of one value or more; the last is the median width of their 95 % intervals."""
        numbers = np.array([v.value for v in values])
        q1, median, q3 = (float(q) for q in np.percentile(numbers, (25, 50, 75)))
        mean = float(numbers.mean())
        sd = float(numbers.std(ddof=1)) if len(numbers) > 1 else float("nan")
        cv = 100 * sd / mean if mean > 0 else float("nan")
        width = float(np.median([v.high - v.low for v in values]))
        return cls(len(numbers), median, (q1, q3), mean, sd, cv, width)


@dataclass(frozen=True)
class Repeats:
    """A complete table of repeated measurements.

    Parameters
    ----------
    kind : {'sessions', 'runs'}
    labels : tuple of str
        What the columns are: ``ses-1, ses-2``.
    participants : tuple of str
        What the rows are.
    table : array, shape ``(n_participants, n_labels)``
    """

    kind: str
    labels: tuple[str, ...]
    participants: tuple[str, ...]
    table: NDArray


def repeats(scans: Sequence[Scan], quantity: Quantity) -> list[Repeats]:
    """Tables of what was measured more than once, between sessions and between runs; those with two rows or more.

    Sessions: runs of one session are averaged. Runs: of each participant the first session that has all of them.
    Columns are the labels that at least half of the repeatedly measured have; rows are those who have all of them.
    """
    cells: dict[str, dict[str, dict[str, float]]] = {}
    for scan in scans:
        value = scan.value(quantity)
        if value is not None:
            cells.setdefault(scan.participant, {}).setdefault(scan.session, {})[scan.run] = value.value
    by_session = {
        who: {session: float(np.mean(list(runs.values()))) for session, runs in sessions.items()}
        for who, sessions in cells.items()
    }
    found = [_complete("sessions", by_session), _complete("runs", _one_session(cells))]
    return [one for one in found if one is not None]


def _one_session(cells: Mapping[str, Mapping[str, Mapping[str, float]]]) -> dict[str, Mapping[str, float]]:
    """Of each participant the runs of the first session that has most of them."""
    return {
        who: max((sessions[name] for name in sorted(sessions)), key=lambda runs: len(runs))
        for who, sessions in cells.items()
    }


def _complete(kind: str, values: Mapping[str, Mapping[str, float]]) -> Repeats | None:
    repeated = {who: cells for who, cells in values.items() if len(cells) > 1}
    names = sorted({name for cells in repeated.values() for name in cells})
    labels = tuple(name for name in names if 2 * sum(name in cells for cells in repeated.values()) >= len(repeated))
    who = tuple(sorted(one for one, cells in repeated.items() if all(name in cells for name in labels)))
    if len(labels) < 2 or len(who) < 2:
        return None
    return Repeats(kind, labels, who, np.array([[repeated[one][name] for name in labels] for one in who]))


MAX_LEVELS = 30
"""A column with more levels than this is no grouping."""

MIN_FOR_SCATTER = 8
"""A column of numbers with at least so many different ones is drawn as an axis."""


@dataclass(frozen=True)
class Grouping:
    """A column by which scans are compared.

    Parameters
    ----------
    name : str
    levels : tuple of str
        In their order; empty for numbers.
    numeric : bool
        Whether it is an axis.
    """

    name: str
    levels: tuple[str, ...]
    numeric: bool = False


def groupings(scans: Sequence[Scan]) -> list[Grouping]:
    """Columns that tell scans apart: with two levels at least, and not one for each scan."""
    names = dict.fromkeys(name for scan in scans for name in scan.groups)
    found = []
    for name in names:
        cells = [scan.groups.get(name, NOT_KNOWN) for scan in scans]
        known = [cell for cell in cells if cell != NOT_KNOWN]
        levels = sorted(set(known), key=_by_number_first)
        if len(levels) < 2:
            continue
        if len(levels) >= MIN_FOR_SCATTER and all(number(cell) is not None for cell in known):
            found.append(Grouping(name, (), numeric=True))
        elif len(levels) <= MAX_LEVELS:
            found.append(Grouping(name, tuple(levels)))
    return found


def _by_number_first(cell: str) -> tuple[bool, float, str]:
    value = number(cell)
    return value is None, value or 0.0, cell


def number(cell: str) -> float | None:
    """A cell as a finite number; None where it is none."""
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if np.isfinite(value) else None
