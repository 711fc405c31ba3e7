# SPDX-License-Identifier: Apache-2.0
"""`Estimates`: a mapping from names of metabolites to estimates, with errors that say why a name is missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from fsl_mrs_dl.core.errors import FslMrsDlError, nearest
from fsl_mrs_dl.models.estimate import Estimate


class UnknownNameError(FslMrsDlError, KeyError):
    """A name that was not estimated, or a unit that there is not."""

    __str__ = Exception.__str__
    """A `KeyError` shows its message quoted."""


class Estimates(Mapping[str, Estimate]):
    """Estimates by name: an ordered, read-only mapping.

    Parameters
    ----------
    estimates : iterable of Estimate
        Those that carry a flag (not visible in what was measured) are left out: their value is no measurement.
    what : str
        What they are, for messages: ``ratios to Cr+PCr``.
    empty : str
        Why there are none, where there are none.
    """

    def __init__(self, estimates: Iterable[Estimate], what: str, empty: str = "") -> None:
        every = tuple(estimates)
        self._shown = {e.name: e for e in every if not e.flag}
        self._hidden = {e.name: e for e in every if e.flag}
        self._what, self._empty = what, empty

    def __getitem__(self, name: str) -> Estimate:
        if name in self._shown:
            return self._shown[name]
        if name in self._hidden:
            hidden = self._hidden[name]
            raise UnknownNameError(f"{name} is {hidden.flag} in {hidden.sub_spectrum}, so it has no value")
        if not self._shown:
            raise UnknownNameError(f"there are no {self._what}", got=self._empty or None)
        raise UnknownNameError(
            f"'{name}' is not among the {self._what}{nearest(name, self._shown)}",
            expected=f"one of {', '.join(self._shown)}",
        )

    def __iter__(self) -> Iterator[str]:
        return iter(self._shown)

    def __len__(self) -> int:
        return len(self._shown)

    def __repr__(self) -> str:
        rows = [
            f"  {e.name:<6} {e.value:9.4g} {e.unit}   95 % interval {e.interval95[0]:.4g} to {e.interval95[1]:.4g}"
            for e in self.values()
        ]
        return "\n".join([f"{self._what}:", *(rows or [f"  none: {self._empty}" if self._empty else "  none"])])
