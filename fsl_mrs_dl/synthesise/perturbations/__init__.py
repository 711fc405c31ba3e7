# SPDX-License-Identifier: Apache-2.0
"""What scanner, tissue and processing do to a spectrum, one file each: a file that is here is a section of the recipe.

A file holds one subclass of `fsl_mrs_dl.synthesise.perturbation.Perturbation`. There is no list to enter it in.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Mapping

from fsl_mrs_dl.synthesise.perturbation import Perturbation


@functools.cache
def registered() -> Mapping[str, type[Perturbation]]:
    """Every perturbation by the name of its section: first those that have a place in the stream, then by name.

    Raises
    ------
    TypeError
        When a file does not hold one perturbation.
    """
    found = {info.name: _of_module(f"{__name__}.{info.name}") for info in pkgutil.iter_modules(__path__)}
    return dict(sorted(found.items(), key=lambda item: _place(*item)))


def _of_module(name: str) -> type[Perturbation]:
    module = importlib.import_module(name)
    own = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Perturbation) and value.__module__ == name
    ]
    if len(own) != 1:
        raise TypeError(f"{name} must hold one subclass of Perturbation, and holds {len(own)}")
    return own[0]


def _place(section: str, perturbation: type[Perturbation]) -> tuple[bool, int, str]:
    return perturbation.order is None, perturbation.order or 0, section
