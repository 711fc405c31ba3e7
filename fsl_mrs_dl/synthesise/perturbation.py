# SPDX-License-Identifier: Apache-2.0
"""What every perturbation of `fsl_mrs_dl.synthesise.perturbations` is: settings that draw, and a draw that acts.

The settings are a section of the recipe that has the name of their file. What stands here is all that the recipe, the
synthesis, the ladder and the pages know of them.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.basis.bank import BasisBank
from fsl_mrs_dl.synthesise.context import Scene, Signals, Stage

P = TypeVar("P", bound="Perturbation")


@dataclass(frozen=True)
class Group:
    """Settings that are switched on together, as one rung of the ladder.

    Parameters
    ----------
    name : str
        Perturbations may share a group.
    title : str
        What stands in tables and figures.
    adds : str
        What is switched on, in words.
    off : mapping of str to value
        The settings with the values that switch them off. What else a perturbation has only says what it looks like.
    """

    name: str
    title: str
    adds: str
    off: Mapping[str, Any]


@dataclass(frozen=True)
class Drawn(ABC):
    """What was drawn for a batch; the first axis of every array is the spectrum."""

    stage: ClassVar[Stage] = Stage.ADDED
    """Where `apply` acts."""

    @abstractmethod
    def apply(self, signals: Signals) -> None:
        """Change the signals in place; each spectrum depends on its own row alone."""

    def steps(self) -> Mapping[Stage, Callable[[Signals], None]]:
        """What acts in which stage; more than `apply` where a perturbation acts in several."""
        return {self.stage: self.apply}

    def softened(self, factor: NDArray) -> Drawn:  # noqa: ARG002 -- most scans of a study do not change it
        """The same in scans that are as bad as `factor`, shape ``(n,)``, says: at 1 as it was drawn."""
        return self


@dataclass(frozen=True)
class Perturbation(ABC):
    """Settings of a perturbation: a frozen dataclass whose fields all have defaults."""

    groups: ClassVar[tuple[Group, ...]] = ()
    """What switches it off. Without any it belongs to what is sought, and is never switched off."""

    order: ClassVar[int | None] = None
    """Place in the batch's stream of random numbers. None: it has a stream of its own, and is drawn only where it is
    on, so that it changes nothing else that is drawn. Those that have a place are as old as the shipped models, whose
    batches stay what they were."""

    @abstractmethod
    def draw(self, scene: Scene, rng: np.random.Generator) -> Drawn:
        """Draw it for a batch; the generator's state decides everything."""

    def of_bank(self, bank: BasisBank) -> Any:  # noqa: ARG002 -- most have nothing to work out
        """What a draw needs of the bank and is worked out but once."""
        return None

    def off(self: P) -> P:
        """The settings with all groups switched off."""
        return dataclasses.replace(self, **{key: value for group in self.groups for key, value in group.off.items()})

    @property
    def is_on(self) -> bool:
        """Whether it does anything."""
        return not self.groups or self != self.off()

    @property
    def is_drawn(self) -> bool:
        """Whether random numbers are drawn for it: numbers of the common stream are drawn even where it is off."""
        return self.order is not None or self.is_on
