# SPDX-License-Identifier: Apache-2.0
"""Speed and remaining time of long tasks."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

log = logging.getLogger(__name__)

_MINUTE_S, _HOUR_S = 60.0, 3600.0


def duration(seconds: float) -> str:
    """A time as one reads it: ``8 s``, ``12 min``, ``3.5 h``.

    Parameters
    ----------
    seconds : float

    Returns
    -------
    str
    """
    if seconds < 1.5 * _MINUTE_S:
        return f"{seconds:.0f} s"
    if seconds < 1.5 * _HOUR_S:
        return f"{seconds / _MINUTE_S:.0f} min"
    return f"{seconds / _HOUR_S:.1f} h"


class Pace:
    """Rate of a task of known length, from the time when this object was made.

    Parameters
    ----------
    total : int
        Parts to be done.
    clock : callable
        Gives the time in s.
    """

    def __init__(self, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._total = total
        self._clock = clock
        self._started_s = clock()

    def after(self, done: int) -> str:
        """What to say when `done` parts are done: rate, and time left.

        Parameters
        ----------
        done : int
            At least 1.

        Returns
        -------
        str
            ``3.2 per second, 40 s left``, or ``12 s each, 4 min left`` of slower ones.
        """
        each_s = max(self._clock() - self._started_s, 1e-9) / done
        rate = f"{1 / each_s:.3g} per second" if each_s < 1 else f"{duration(each_s)} each"
        # several workers may end more than was asked for
        return f"{rate}, {duration(each_s * max(0, self._total - done))} left"

    @property
    def elapsed_s(self) -> float:
        """Time since this object was made, s."""
        return self._clock() - self._started_s


class FirstWord:
    """Says once how long a task will take, when a minute of it was seen.

    Parameters
    ----------
    pace : Pace
    """

    def __init__(self, pace: Pace) -> None:
        self._pace, self._said = pace, False

    def say(self, done: int) -> None:
        """Log the pace when `done` parts are done, if it is time to and it was not said before."""
        if not self._said and self._pace.elapsed_s > _MINUTE_S:
            log.info("%s", self._pace.after(done))
            self._said = True
