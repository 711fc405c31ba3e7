# SPDX-License-Identifier: Apache-2.0
"""Intervals that keep their promise on spectra the network was not trained on.

Split conformal prediction with the predicted spread as the scale (Lei et al. 2018, J Am Stat Assoc 113:1094, doi
10.1080/01621459.2017.1307116): the half width of an interval is the predicted standard deviation times the quantile
of |error| / standard deviation on calibration spectra.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MODES: dict[str, tuple[float, float]] = {"edit_off+diff": (1, 1), "diff": (0, 1), "edit_off": (1, 0)}
"""Name of what is shown to the network, and the presence of (edit_off, diff)."""

LEVELS = {"68": 0.6827, "95": 0.95}


def calibrate(
    mean: NDArray, sd: NDArray, target: NDArray, present: NDArray, outputs: tuple[str, ...]
) -> dict[str, dict[str, dict[str, float]]]:
    """Factors by which predicted standard deviations are multiplied.

    Parameters
    ----------
    mean, sd, target : arrays, shape ``(n, n_outputs)``
    present : array, shape ``(n, 2)``
    outputs : tuple of str

    Returns
    -------
    dict
        ``{mode: {output: {"68": factor, "95": factor}}}``, for the modes with at least 100 spectra.
    """
    # estimates are clipped at zero before they are reported, so their errors are counted so
    ratio = np.abs(np.maximum(mean, 0) - target) / sd
    factors: dict[str, dict[str, dict[str, float]]] = {}
    for mode, flags in MODES.items():
        rows = (present == flags).all(axis=1)
        n = int(rows.sum())
        if n < 100:
            continue
        factors[mode] = {
            name: {
                level: float(np.quantile(ratio[rows, index], min(1.0, np.ceil((n + 1) * share) / n)))
                for level, share in LEVELS.items()
            }
            for index, name in enumerate(outputs)
        }
    return factors
