# SPDX-License-Identifier: Apache-2.0
"""The part of the training loss that measures errors of the reported ratios.

Amplitudes and their sums are weighed by the spread of all training spectra, in which a small concentration counts
little and an error that numerator and reference share counts twice. A study reads ratios, and their relative errors.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fsl_mrs_dl.metabolites.sums import COMBINATIONS

QUANTITIES = ("GABA+", "GABA", "Glx", "Glu", "Gln", "tNAA", "NAA", "tCho", "Ins", "GSH")
"""Whose ratios count, each alike."""

IN_DIFF = ("GABA+", "GABA", "Glx", "Glu", "Gln", "GSH")
"""Those that a DIFF alone shows."""

_LEAST = 0.3
"""Least part of a quantity's mean ratio that errors are related to: what is next to absent has no relative error."""

_LARGEST = 1.0
"""Relative errors count linearly up to this, and no further."""


class RatioLoss:
    """The relative errors of ratios to Cr + PCr; of a DIFF alone, to NAA + NAAG.

    The loss is the mean over quantities of the logarithm of their mean error: a quantity that can be told to 2 % counts
    as much as one that can be told to 20 %.

    Parameters
    ----------
    outputs : sequence of str
    target : array, shape ``(n, n_outputs)``
        Targets of some spectra, which tell how large the ratios are.
    target_scale : array, shape ``(n_outputs,)``
        What the network's outputs are divided by.
    device : str
    """

    def __init__(self, outputs: Sequence[str], target: NDArray, target_scale: NDArray, device: str = "cpu") -> None:
        names = [name for name in QUANTITIES if all(part in outputs for part in COMBINATIONS.get(name, (name,)))]
        self.shown_in_diff = torch.tensor([name in IN_DIFF for name in names], device=device)
        self._parts = _columns(names, outputs, target_scale).to(device)
        self._references = _columns(("tCr", "tNAA"), outputs, target_scale).to(device)
        scaled = torch.from_numpy((target / target_scale).astype(np.float32)).to(device)
        self._typical = (scaled @ self._parts).mean(0) / (scaled @ self._references)[:, :1].mean(0)
        self._typical_in_diff = (scaled @ self._parts).mean(0) / (scaled @ self._references)[:, 1:].mean(0)

    def __call__(self, mean: Tensor, target: Tensor, present: Tensor) -> Tensor:
        """The loss of a batch; `mean` and `target` in units of the target's scale, `present` as the network has it."""
        with_off = present[:, :1] > 0
        pair = present.amin(1, keepdim=True) > 0
        typical = torch.where(with_off, self._typical, self._typical_in_diff)
        wanted, found = self._ratios(target, with_off, typical), self._ratios(mean, with_off, typical)
        relative = (found - wanted).abs() / torch.maximum(wanted, _LEAST * typical)
        error = relative.clamp(max=_LARGEST)
        # edit_off alone tells no GABA+, and a DIFF alone neither choline nor inositol
        counts = pair | torch.where(with_off, ~self.shown_in_diff, self.shown_in_diff)
        each = (error * counts).sum(0) / counts.sum(0).clamp(min=1)
        return torch.log(each + 1e-3).mean()

    def _ratios(self, values: Tensor, with_off: Tensor, typical: Tensor) -> Tensor:
        references = values @ self._references
        reference = torch.where(with_off, references[:, :1], references[:, 1:])
        least = 0.1 * references.detach().abs().mean() + 1e-6
        # tensors, not numbers, as limits: a number would have a GPU wait
        return (values @ self._parts / torch.maximum(reference, least)).clamp(max=20 * typical.max())


def _columns(names: Sequence[str], outputs: Sequence[str], target_scale: NDArray) -> Tensor:
    """What turns scaled outputs into amplitudes of `names`: shape ``(n_outputs, n_names)``."""
    member = [[output in COMBINATIONS.get(name, (name,)) for output in outputs] for name in names]
    return torch.from_numpy((np.array(member).T * np.asarray(target_scale)[:, None]).astype(np.float32))
