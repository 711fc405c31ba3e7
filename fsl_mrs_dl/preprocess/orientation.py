# SPDX-License-Identifier: Apache-2.0
"""Spectra that do not lie as NIfTI-MRS wants them: mirrored, or with another centre than water.

The pattern of NAA, Cr (twice) and choline is sought at every offset, in the spectrum as it is and in its mirror image.
In a pair it has to be NAA that differs between the conditions: the pattern alone is nearly its own mirror image. Over
100 virtual and measured pairs (``phantom_dev``, ``invivo_*dev``, ``invivo_raw``) and their turned copies:

==============================  ========================  ====================
score over the best near 4.65   as they should be         turned or moved
==============================  ========================  ====================
mirror image near 4.65 ppm      at most 0.53 (one: 0.83)  1.89 (1.2) and more
0.4 to 0.75 ppm off             at most 0.63              0.84 and more
further off, or its mirror      at most 1.4               1.04 (brains 1.5)
==============================  ========================  ====================
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fsl_mrs_dl.core.constants import CHO_PPM, CR_CH2_PPM, CR_CH3_PPM, NAA_PPM, RECEIVER_PPM
from fsl_mrs_dl.core.errors import DataError
from fsl_mrs_dl.preprocess.conditions import SEARCH_PPM, SIGNIFICANT, TAU_S, weighted

LINES_PPM = np.array([NAA_PPM, CR_CH3_PPM, CR_CH2_PPM, CHO_PPM])
WEIGHTS = np.array([1.0, 1.0, 0.7, 0.6])

OFFSETS_PPM = np.linspace(-2.5, 2.5, 501)
MOVED_PPM = 0.75
"""Up to here lines are moved to their places; further off it is the header that is wrong."""

MIRRORED, MOVED, FAR = 1.2, 0.8, 1.45
"""Scores, over the best one within `SEARCH_PPM`, from which on the mirror image, an offset up to `MOVED_PPM` and any
other place are believed."""

SIMPLER = 0.78
"""A mirror image around water is the simpler fault: it is believed with this share of the score of another place."""

_CONJUGATE = "store the complex conjugate of the data (mrs_tools conjugate of FSL-MRS)"


def offset_of(fids: NDArray, dwell_s: float, f0_mhz: float, source: Path) -> float:
    """How far the lines stand above their places where that is more than later steps look for, ppm; else 0.

    Parameters
    ----------
    fids : complex array, shape ``(n_conditions, n_points)``
        Averages of ON and OFF, or one spectrum.
    dwell_s, f0_mhz : float
    source : Path
        For the message.

    Raises
    ------
    DataError
        When the spectrum is mirrored, or its centre is far from water: one line that says how to turn it.
    """
    spectra = weighted(fids, dwell_s, f0_mhz, TAU_S)
    magnitude = np.abs(spectra.values)
    if (magnitude / spectra.noise[:, None]).max() < SIGNIFICANT:
        return 0.0
    edited = np.abs(magnitude[0] - magnitude[1]) if len(fids) == 2 else np.zeros(magnitude.shape[1])
    total = np.sqrt(np.sum(magnitude**2, axis=0))
    flipped = 2 * RECEIVER_PPM - spectra.ppm[::-1]
    straight, mirror = _score(spectra.ppm, total, edited), _score(flipped, total[::-1], edited[::-1])
    if not _elsewhere(_score(spectra.ppm, total), _score(flipped, total[::-1])):
        return 0.0
    near = np.abs(OFFSETS_PPM) <= SEARCH_PPM
    moved = ~near & (np.abs(OFFSETS_PPM) <= MOVED_PPM)
    best = max(float(straight[near].max()), np.finfo(float).tiny)
    elsewhere = max(straight.max(), mirror[~near].max()) if len(fids) == 2 else best
    if mirror[near].max() > max(MIRRORED * best, SIMPLER * elsewhere):
        raise DataError(
            "the spectrum seems mirrored",
            where=source,
            expected="lines below water, as in NIfTI-MRS",
            got="NAA, Cr and choline at the other side of it",
            hint=f"To turn it, {_CONJUGATE}",
        )
    if len(fids) != 2:
        return 0.0
    away = max(straight[~near & ~moved].max(), mirror.max())
    if away > FAR * best and away > straight[moved].max():
        raise _far(straight, mirror, source)
    if straight[moved].max() > MOVED * best:
        return float(OFFSETS_PPM[moved][np.argmax(straight[moved])])
    return 0.0


def _elsewhere(straight: NDArray, mirror: NDArray) -> bool:
    """Whether the pattern alone, without what differs between the conditions, fits anywhere better than in its place.

    A head that moved in one of the conditions makes every line differ; then only the pattern itself is to be trusted.
    """
    near = np.abs(OFFSETS_PPM) <= SEARCH_PPM
    return bool(max(straight[~near].max(), mirror.max()) > straight[near].max())


def _far(straight: NDArray, mirror: NDArray, source: Path) -> DataError:
    """What a spectrum is whose pattern stands elsewhere, and how to turn it."""
    mirrored = mirror.max() > straight.max()
    score = mirror if mirrored else straight
    centre_ppm = RECEIVER_PPM - float(OFFSETS_PPM[np.argmax(score)])
    entry = f"write SpecFreqChemShift {centre_ppm:.2f} into the header"
    return DataError(
        f"the spectrum seems mirrored and its centre is not water, but {centre_ppm:.2f} ppm"
        if mirrored
        else f"the centre of the spectrum is not water, but {centre_ppm:.2f} ppm",
        where=source,
        expected=f"{RECEIVER_PPM:.2f} ppm (water), or what SpecFreqChemShift and RxOffset of the header say",
        hint=f"To turn it, {_CONJUGATE} and {entry}" if mirrored else entry[0].upper() + entry[1:],
    )


def _score(ppm: NDArray, magnitude: NDArray, edited: NDArray | None = None) -> NDArray:
    """How well the pattern fits at each of `OFFSETS_PPM`; square roots, so that one giant does not outvote the rest."""
    changes = np.zeros_like(magnitude) if edited is None else edited
    lines, change = (
        np.stack([np.interp(line + OFFSETS_PPM, ppm, values) for line in LINES_PPM]) for values in (magnitude, changes)
    )
    # no line counts for more than nine times what the second of the three strongest singlets has
    cap = 3 * np.sort(lines[:3], axis=0)[1]
    score = WEIGHTS @ np.sqrt(np.minimum(lines, cap))
    return score + np.sqrt(np.minimum(change[0], cap)) - np.sqrt(change[1]) - np.sqrt(change[2])
